"""Random tensors, and tensors filled with random numbers in place. All take a ``generator``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad import dtypes
from metagrad.autograd.variable import Array, unwrap, wrap
from metagrad.autograd.views import write
from metagrad.device import move, of_array
from metagrad.ops.common import shape_of
from metagrad.ops.creation import finished
from metagrad.ops.rounding import Step
from metagrad.random import Generator, numpy_generator

if TYPE_CHECKING:
    from metagrad.tensor import Tensor

__all__ = [
    "bernoulli", "multinomial", "normal", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like",
    "randperm",
]  # fmt: skip


def uniform_array(shape: tuple[int, ...], kind: dtypes.dtype, generator: Generator | None = None) -> Array:
    """Uniform numbers in [0, 1) as an array."""
    source = numpy_generator(generator)
    if kind in (dtypes.float32, dtypes.float64):
        return source.random(shape, dtype=kind.dtype)
    return source.random(shape, dtype=np.float32).astype(kind.dtype)


def normal_array(shape: tuple[int, ...], kind: dtypes.dtype, generator: Generator | None = None) -> Array:
    """Standard normal numbers as an array; complex ones have variance 1 in all."""
    source = numpy_generator(generator)
    if kind.is_complex:
        parts = source.standard_normal((*shape, 2)) * math.sqrt(0.5)
        return (parts[..., 0] + 1j * parts[..., 1]).astype(kind.dtype)
    if kind in (dtypes.float32, dtypes.float64):
        return source.standard_normal(shape, dtype=kind.dtype)
    return source.standard_normal(shape, dtype=np.float32).astype(kind.dtype)


def _kind(dtype: Any) -> dtypes.dtype:
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.of(dtype)
    if kind.category < 2:
        raise RuntimeError(
            f"random numbers of this distribution are floating-point, dtype={kind} was asked for: use randint"
        )
    return kind


def _shape(size: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, ...]:
    return shape_of((named["size"],) if "size" in named else size)


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Uniform random numbers in [0, 1)."""
    return finished(
        np.asarray(uniform_array(_shape(size, options), _kind(dtype), generator)), None, device, requires_grad
    )


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Standard normal random numbers: mean 0, variance 1."""
    return finished(
        np.asarray(normal_array(_shape(size, options), _kind(dtype), generator)), None, device, requires_grad
    )


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random integers from ``low`` to ``high`` (excluded); ``randint(high, size)`` starts at 0."""
    if size is None:
        low, high, size = 0, low, high
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    array = numpy_generator(generator).integers(low, high, shape_of((size,)))
    return finished(np.asarray(array), dtypes.int64 if dtype is None else dtype, device, requires_grad)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The numbers 0 to n − 1 in random order."""
    return finished(
        numpy_generator(generator).permutation(n), dtypes.int64 if dtype is None else dtype, device, requires_grad
    )


def _drawn_like(draw: Any, input: Tensor, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    array = np.asarray(draw(tuple(input.shape), _kind(input.dtype if dtype is None else dtype), None))
    return finished(array, None, of_array(input.array) if device is None else device, requires_grad)


def rand_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """Uniform random numbers in [0, 1) with the shape and dtype of another tensor."""
    return _drawn_like(uniform_array, input, dtype, device, requires_grad)


def randn_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """Standard normal random numbers with the shape and dtype of another tensor."""
    return _drawn_like(normal_array, input, dtype, device, requires_grad)


def randint_like(
    input: Tensor,
    low: int,
    high: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Random integers with the shape and dtype of another tensor."""
    if high is None:
        low, high = 0, low
    return randint(
        low,
        high,
        tuple(input.shape),
        dtype=input.dtype if dtype is None else dtype,
        device=device,
        requires_grad=requires_grad,
    )


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Normal random numbers with given means and standard deviations, numbers or tensors."""
    m, s = unwrap(mean), unwrap(std)
    if np.any(np.asarray(s) < 0):
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    shape = shape_of((size,)) if size is not None else np.broadcast_shapes(np.shape(m), np.shape(s))
    tensors = [v.dtype for v in (mean, std) if hasattr(v, "array")]
    kind = _kind(tensors[0] if tensors and dtype is None else dtype)
    return finished(np.asarray(normal_array(shape, kind, generator) * s + m), kind, device, requires_grad)


def bernoulli(input: Tensor, p: Any = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability each element gives (or ``p`` everywhere), else 0. The derivative is 0."""
    chance = input.array if p is None else np.broadcast_to(unwrap(p), tuple(input.shape))
    if np.any((chance < 0) | (chance > 1)):
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true: a probability lies outside [0, 1]")
    drawn = np.asarray(numpy_generator(generator).random(tuple(input.shape)) < chance)
    return Step.apply(input, ufunc=lambda x: drawn.astype(x.dtype))


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Indices drawn with probabilities in proportion to each row of weights (n) or (rows, n): int64."""
    weights = np.asarray(input.array, np.float64)
    if weights.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, got {weights.ndim}")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    rows = np.atleast_2d(weights)
    if (rows.sum(axis=1) <= 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if not replacement and ((rows > 0).sum(axis=1) < num_samples).any():
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    source = numpy_generator(generator)
    if replacement:
        ends = rows.cumsum(axis=1)
        drawn = source.random((len(rows), num_samples)) * ends[:, -1:]
        found = np.stack([np.searchsorted(e, d, side="right") for e, d in zip(ends, drawn, strict=True)])
        found = np.minimum(found, rows.shape[1] - 1)
    else:  # the largest of u^(1/w) are a weighted sample (Efraimidis and Spirakis 2006)
        with np.errstate(divide="ignore"):
            keys = np.log(source.random(rows.shape)) / rows
        found = np.argsort(-keys, axis=1, kind="stable")[:, :num_samples]
    return wrap(found.astype(np.int64).reshape((*weights.shape[:-1], num_samples)))


def _fill(input: Any, array: Array) -> Any:
    where = of_array(input.array)
    return write(input, wrap(move(np.asarray(array).astype(input.array.dtype, copy=False), where)))


def uniform_(input: Any, from_: float = 0, to: float = 1, *, generator: Generator | None = None) -> Any:
    """Fill with uniform random numbers in [from, to)."""
    if from_ > to:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={from_} > to={to}")
    return _fill(input, uniform_array(tuple(input.shape), _kind(input.dtype), generator) * (to - from_) + from_)


def normal_(input: Any, mean: float = 0, std: float = 1, *, generator: Generator | None = None) -> Any:
    """Fill with normal random numbers."""
    if std < 0:
        raise RuntimeError(f"normal_ expects std >= 0.0, but found std {std}")
    return _fill(input, normal_array(tuple(input.shape), _kind(input.dtype), generator) * std + mean)


def bernoulli_(input: Any, p: Any = 0.5, *, generator: Generator | None = None) -> Any:
    """Fill with 1 with probability ``p``, else 0."""
    drawn = numpy_generator(generator).random(tuple(input.shape)) < unwrap(p)
    return _fill(input, np.asarray(drawn))


def exponential_(input: Any, lambd: float = 1, *, generator: Generator | None = None) -> Any:
    """Fill with exponential random numbers of rate ``lambd``."""
    return _fill(input, numpy_generator(generator).exponential(1 / lambd, tuple(input.shape)))


def random_(input: Any, from_: int = 0, to: int | None = None, *, generator: Generator | None = None) -> Any:
    """Fill with random integers from ``from`` to ``to`` (excluded), or over the dtype's whole exact range."""
    if to is None:
        kind = input.array.dtype
        to = (
            2 if kind.kind == "b" else int(np.iinfo(kind).max) if kind.kind in "iu" else 2 ** (np.finfo(kind).nmant + 1)
        )
    return _fill(input, numpy_generator(generator).integers(from_, to, tuple(input.shape)))
