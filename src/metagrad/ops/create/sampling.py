"""Random tensors. All take a ``generator``; what is drawn depends on it alone, on any device."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from metagrad.autograd.errors import unbroadcastable
from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable, as_array, unwrap, wrap
from metagrad.base import dtypes
from metagrad.base.device import CPU, get_default_device, move, of_array
from metagrad.base.device import device as Device
from metagrad.base.dtypes import scalar_name
from metagrad.base.layouts import check_layout, layout, made_as_it_lies, memory_format, preserve_format
from metagrad.base.typing import Array, DeviceLike, DTypeLike, Operand, Sizes
from metagrad.kernels.libraries import looks_at
from metagrad.ops.argument_types import NotATensor
from metagrad.ops.arguments import asks_for_tensors, shape_of, takes_out_by
from metagrad.ops.create.creation import extents, factory, finished
from metagrad.ops.create.like import LikeOptions, empty_like
from metagrad.ops.create.random import Generator, numpy_generator, source
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.operands import as_tensor

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "bernoulli", "binomial", "multinomial", "normal", "poisson", "rand", "rand_like", "randint", "randint_like", "randn",
    "randn_like", "randperm",
]  # fmt: skip


def uniform_array(
    shape: tuple[int, ...], kind: dtypes.dtype, generator: Generator | None = None, where: Device = CPU
) -> Array:
    """Uniform numbers in [0, 1) as an array, drawn where they are wanted; complex ones have both parts there.

    >>> uniform_array((2, 3), dtypes.float32).shape
    (2, 3)
    """
    stream: Any = source(generator, where)
    if kind.is_complex:
        parts = stream.random((*shape, 2), dtype=kind.to_real().dtype)
        return parts.view(kind.dtype)[..., 0]
    if kind in (dtypes.float32, dtypes.float64):
        return stream.random(shape, dtype=kind.dtype)
    drawn = stream.half_uniform(shape, 2 / dtypes.finfo(kind).eps)
    return drawn.astype(kind.dtype)


def normal_array(
    shape: tuple[int, ...],
    kind: dtypes.dtype,
    generator: Generator | None = None,
    where: Device = CPU,
    in_pairs: bool = False,
    mean: float = 0.0,
    std: float = 1.0,
) -> Array:
    """Normal numbers as an array, drawn where they are wanted; complex ones have variance std² in all.

    in_pairs: for a tensor that does not lie row by row, for which PyTorch draws pair by pair.

    >>> normal_array((2, 3), dtypes.complex64).dtype
    dtype('complex64')
    """
    stream: Any = source(generator, where)
    if kind.is_complex:
        real = kind.to_real().dtype
        parts = stream.standard_normal((*shape, 2), dtype=real).astype(real, copy=False) * math.sqrt(0.5)
        drawn = parts.view(kind.dtype)[..., 0]
    elif in_pairs:
        drawn = stream.normal_in_pairs(shape)
    elif kind in (dtypes.float32, dtypes.float64):
        drawn = stream.standard_normal(shape, dtype=kind.dtype)
    else:
        drawn = stream.half_normal(shape)
    if (mean, std) != (0.0, 1.0):
        drawn = stream.scaled(drawn, std, mean)
    return drawn.astype(kind.dtype, copy=False)


def where_to(device: DeviceLike) -> Device:
    """The device that was asked for; None: the default.

    >>> where_to(None), where_to("cuda:1")
    (device(type='cpu'), device(type='cuda', index=1))
    """
    return get_default_device() if device is None else Device(device)


def continuous(dtype: DTypeLike) -> dtypes.dtype:
    """The dtype of floating-point random numbers, checked; None: the default.

    Raises RuntimeError for integers and bools.

    >>> continuous(None), continuous(dtypes.float16)
    (metagrad.float32, metagrad.float16)
    """
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.of(dtype)
    if kind.category < 2:
        raise NotImplementedError(
            f"random numbers of this distribution are floating-point, dtype={kind} was asked for: use randint"
        )
    return kind


def real_numbers(name: str, x: Tensor) -> dtypes.dtype:
    """The dtype of a tensor to be filled with random numbers that are real.

    Raises NotImplementedError for complex numbers, integers and bools.
    """
    refuse(name, x, "c")
    return continuous(x.dtype)


# ------------------------------------------------ of a shape


@factory
def rand(
    *size: Sizes, generator: Generator | None = None, dtype: DTypeLike = None, device: DeviceLike = None, **named: Any
) -> Array:
    """Uniform random numbers in [0, 1).

    Raises RuntimeError for a dtype of integers.

    >>> import metagrad
    >>> x = metagrad.rand(2, 3)
    >>> x.shape, bool(((x >= 0) & (x < 1)).all())
    (metagrad.Size([2, 3]), True)
    """
    return as_array(uniform_array(extents(size, named), continuous(dtype), generator, where_to(device)))


@factory
def randn(
    *size: Sizes, generator: Generator | None = None, dtype: DTypeLike = None, device: DeviceLike = None, **named: Any
) -> Array:
    """Standard normal random numbers: mean 0, variance 1.

    Raises RuntimeError for a dtype of integers.

    >>> import metagrad
    >>> metagrad.randn(2, 3).shape
    metagrad.Size([2, 3])
    """
    return as_array(normal_array(extents(size, named), continuous(dtype), generator, where_to(device)))


@factory
def randint(
    low: int = 0,
    high: int | Sequence[int] | None = None,
    size: int | Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
) -> Array:
    """Random integers from ``low`` to ``high`` (excluded); ``randint(high, size)`` starts at 0.

    int64 unless told otherwise. Raises RuntimeError unless low < high.

    >>> import metagrad
    >>> metagrad.randint(5, (2, 3)).shape
    metagrad.Size([2, 3])
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"randint(): size must be a tuple of ints, got {size!r}")
    low, high = _whole(low), _whole(high)
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    kind = dtypes.int64 if dtype is None else dtypes.of(dtype)
    _check_bounds(low, high, kind)
    return as_array(source(generator, where_to(device)).integers(low, high, extents((size,), {}))).astype(kind.dtype)


def _check_bounds(low: int, high: int, kind: dtypes.dtype) -> None:
    """Raise unless the least and the largest number that may be drawn fit in the dtype."""
    if kind.is_complex:
        raise RuntimeError(f"randint(): bounds are integral, floating-point or boolean, got dtype {kind}")
    if kind.category > 1:
        least, most = -dtypes.finfo(kind).max, dtypes.finfo(kind).max
    else:
        least, most = (0, 1) if kind is dtypes.bool_ else (dtypes.iinfo(kind).min, dtypes.iinfo(kind).max)
    for name, bound in (("from", low), ("to - 1", high - 1)):
        if not least <= bound <= most:
            raise RuntimeError(f"randint(): {name} is out of bounds for {kind}: {bound}")


def _whole(bound: Any) -> int:
    bound = bound.item() if isinstance(bound, Variable) else bound  # type: ignore[attr-defined]
    if not hasattr(bound, "__index__"):
        raise TypeError(f"randint(): bounds must be ints, got {bound!r}")
    return int(bound)


@factory
def randperm(
    n: int, *, generator: Generator | None = None, dtype: DTypeLike = None, device: DeviceLike = None
) -> Array:
    """The numbers 0 to n − 1 in random order.

    int64 unless told otherwise. Raises RuntimeError for a negative n, and for a dtype that cannot tell so many numbers apart.

    >>> import metagrad
    >>> metagrad.randperm(5).sort().values
    tensor([0, 1, 2, 3, 4])
    """
    n = operator.index(n)
    if n < 0:
        raise RuntimeError(f"randperm: n must not be negative, got {n}")
    kind = dtypes.int64 if dtype is None else dtypes.of(dtype)
    if n > (most := _numbers_told_apart(kind)):
        raise RuntimeError(f"randperm: n cannot be greater than {most} for {kind}, got {n}")
    return source(generator, where_to(device)).permutation(n).astype(kind.dtype)


def _numbers_told_apart(kind: dtypes.dtype) -> int:
    """How many of the whole numbers from 0 on a dtype holds without a gap."""
    if kind.is_floating_point or kind.is_complex:
        return int(2 / dtypes.finfo(kind).eps) + 1
    return 2 if kind is dtypes.bool_ else dtypes.iinfo(kind).max + 1


# ------------------------------------------------ like another tensor


class DrawOptions(LikeOptions, total=False):
    """What may be different from the tensor that random numbers are like, and where they come from."""

    generator: Generator | None


def _drawn_like(
    draw: Callable[[tuple[int, ...], dtypes.dtype, Generator | None, Device, bool], Array],
    input: Tensor,
    *,
    dtype: DTypeLike = None,
    layout: layout | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: memory_format | None = None,
    generator: Generator | None = None,
) -> Tensor:
    check_layout(layout)
    if not isinstance(input, Variable):
        raise NotATensor(f"argument 'input' must be a tensor, got {type(input).__name__}")
    where = of_array(input.array) if device is None else Device(device)
    kind = input.dtype if dtype is None else dtypes.of(dtype)
    if where is CPU and (memory_format is not None or not input.array.flags.c_contiguous):
        order = memory_format or preserve_format
        placed = unwrap(empty_like(input, dtype=dtypes.uint8, device="cpu", memory_format=order))
        apart = not placed.flags.c_contiguous
        array = made_as_it_lies(placed, lambda shape: as_array(draw(shape, kind, generator, where, apart)))
    else:
        array = as_array(draw(tuple(input.shape), kind, generator, where, False))
    return finished(array, None, where, requires_grad)


@asks_for_tensors
def rand_like(input: Tensor, **options: Unpack[DrawOptions]) -> Tensor:
    """Uniform random numbers in [0, 1) with the shape and dtype of another tensor.

    >>> import metagrad
    >>> metagrad.rand_like(metagrad.zeros(2, 3, dtype=metagrad.float64)).dtype
    metagrad.float64
    """
    return _drawn_like(
        lambda shape, kind, given, where, _: uniform_array(shape, continuous(kind), given, where), input, **options
    )


@asks_for_tensors
def randn_like(input: Tensor, **options: Unpack[DrawOptions]) -> Tensor:
    """Standard normal random numbers with the shape and dtype of another tensor.

    >>> import metagrad
    >>> metagrad.randn_like(metagrad.zeros(2, 3)).shape
    metagrad.Size([2, 3])
    """
    return _drawn_like(
        lambda shape, kind, *settings: normal_array(shape, continuous(kind), *settings), input, **options
    )


@asks_for_tensors
def randint_like(input: Tensor, low: int = 0, high: int | None = None, **options: Unpack[DrawOptions]) -> Tensor:
    """Random integers from ``low`` to ``high`` (excluded), or below ``low``, with the shape and dtype of another tensor.

    >>> import metagrad
    >>> metagrad.randint_like(metagrad.zeros(2), 7, 8)
    tensor([7., 7.])
    """
    if high is None:
        low, high = 0, low

    def draw(shape: tuple[int, ...], kind: dtypes.dtype, generator: Generator | None, where: Device, _: bool) -> Array:
        return unwrap(randint(low, high, shape, dtype=kind, generator=generator, device=where))

    return _drawn_like(draw, input, **options)


# ------------------------------------------------ with parameters in tensors


class Drawn(Function):
    """A sample y that was drawn with the parameters x₁, x₂, …;   the derivatives are 0, for a sample has no slope."""

    def forward(self, *xs: Array, sample: Array) -> Array:
        self.count = len(xs)
        return sample

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        return tuple(np.zeros_like(grad) for _ in range(self.count))


@takes_out_by(quiet=True)
def normal(
    mean: Operand = 0.0,
    std: Operand = 1.0,
    size: Sizes | None = None,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    layout: layout | None = None,
    device: DeviceLike = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Normal random numbers with given means and standard deviations: tensors, or two numbers and a size.

    Raises RuntimeError for a negative ``std``, TypeError for two numbers without a size or a tensor with one.

    >>> import metagrad
    >>> metagrad.normal(metagrad.tensor([1.0, 5.0]), 0.0)
    tensor([1., 5.])
    """
    check_layout(layout)
    m, s = unwrap(mean), unwrap(std)
    tensors = [v for v in (mean, std) if isinstance(v, Variable)]
    if size is None and not tensors:
        raise TypeError("normal(): with numbers for mean and std, size must be given")
    if size is not None and tensors:
        raise TypeError("normal(): size is for two numbers, but a tensor was given, which has a shape: leave size away")
    if (s < 0).any() if isinstance(std, Variable) else s < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    shape = shape_of((size,)) if size is not None else _together(np.shape(m), np.shape(s))
    kind = continuous(tensors[0].dtype if tensors else dtype)
    if not tensors:
        where = where_to(device)
        array = as_array(normal_array(shape, kind, generator, where, mean=m, std=s))
        return finished(array, None, where, requires_grad)
    drawn = as_array(normal_array(shape, kind, generator, of_array(tensors[0].array)))
    sample = (drawn * s + m).astype(kind.dtype)
    return Drawn.apply(*tensors, sample=sample)


def _together(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which two broadcast."""
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise unbroadcastable("normal", [a, b]) from None


@takes_out_by(anything=True, quiet=True)
def bernoulli(
    input: Tensor, p: Tensor | float | None = None, *, generator: Generator | None = None, out: Tensor | None = None
) -> Tensor:
    """1 with the probability each element gives (or ``p`` everywhere), else 0. The derivative is 0.

    Raises RuntimeError for a probability outside [0, 1].

    >>> import metagrad
    >>> metagrad.bernoulli(metagrad.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    where = of_array(input.array)
    given = input.array if p is None else move(p.array if isinstance(p, Variable) else np.asarray(p), where)
    chance = np.broadcast_to(given, tuple(input.shape))
    if p is None:
        continuous(input.dtype)
    refuse("bernoulli", input, "c")
    if looks_at(chance) and not np.all((chance >= 0) & (chance <= 1)):  # nan neither
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true: a probability lies outside [0, 1]")
    drawn = as_array(source(generator, where).bernoulli(chance, tuple(chance.shape)))
    return _drawn_from(input, sample=drawn)


def _on_cpu(x: Tensor) -> np.ndarray[Any, Any]:
    """The numbers of a tensor where they are drawn."""
    return x.detach().cpu().array


def _drawn_from(*parameters: Tensor, sample: Array) -> Tensor:
    """A sample in the dtype and on the device of its first parameter, as a node of the graph."""
    array = as_array(sample).astype(parameters[0].array.dtype)
    return Drawn.apply(*parameters, sample=finished(array, None, of_array(parameters[0].array)).array)


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """How many events happened where ``input`` are expected: Poisson random numbers. The derivative is 0.

    Raises RuntimeError for a negative number.

    >>> import metagrad
    >>> metagrad.poisson(metagrad.zeros(2))
    tensor([0., 0.])
    """
    continuous(input.dtype)
    rate = _on_cpu(input)
    if (rate < 0).any():
        raise RuntimeError(f"invalid Poisson rate, expected rate to be non-negative, got {rate.min()}")
    return _drawn_from(input, sample=numpy_generator(generator).poisson(rate))


def binomial(count: Operand, prob: Operand, generator: Generator | None = None) -> Tensor:
    """How many of ``count`` trials succeed that each succeed with probability ``prob``; the two broadcast.

    Raises ValueError unless ``count`` is floating-point, RuntimeError if the dtypes differ.

    >>> import metagrad
    >>> metagrad.binomial(metagrad.tensor([3.0, 5.0]), metagrad.tensor([0.0, 1.0]))
    tensor([0., 5.])
    """
    n, p = as_tensor(count), as_tensor(prob)
    if not n.dtype.is_floating_point:
        raise ValueError(f"binomial only supports floating-point dtypes for count, got: {n.dtype}")
    if p.dtype != n.dtype:
        raise RuntimeError(f"binomial: count and prob must have the same dtype, got {n.dtype} and {p.dtype}")
    trials = np.maximum(_on_cpu(n), 0).astype(np.int64)
    drawn = numpy_generator(generator).binomial(trials, np.clip(_on_cpu(p).astype(np.float64), 0, 1))
    return _drawn_from(n, p, sample=drawn)


@takes_out_by(exactly=True, quiet=True, words="multinomial expects Long tensor out, got: {given}")
def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Indices drawn with probabilities in proportion to each row of weights (n) or (rows, n): int64.

    Raises RuntimeError for negative or infinite weights, for rows of zeros, and, without replacement, for fewer
    positive weights than samples.

    >>> import metagrad
    >>> metagrad.multinomial(metagrad.tensor([0.0, 1.0, 0.0]), 3, replacement=True)
    tensor([1, 1, 1])
    """
    if input.array.dtype.kind not in "fV":
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {scalar_name(input.dtype)}"
        )
    if input.array.shape[-1:] > (1 << 24,):
        raise RuntimeError(f"number of categories cannot exceed 2^24, got {input.array.shape[-1]}")
    weights = _on_cpu(input).astype(np.float64)
    if weights.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, got {weights.ndim}")
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, got {num_samples}")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise RuntimeError(
            "invalid multinomial distribution: probability tensor contains either `inf`, `nan` or element < 0"
        )
    rows = np.atleast_2d(weights)
    if (rows.sum(axis=1) <= 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if not replacement and ((rows > 0).sum(axis=1) < num_samples).any():
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement, of categories that are not 0: "
            f"got {num_samples} and {(rows > 0).sum(axis=1).min()}"
        )
    stream = numpy_generator(generator)
    if replacement and num_samples > 1:
        ends = rows.cumsum(axis=1)
        drawn = stream.random((len(rows), num_samples)) * ends[:, -1:]
        below = [np.searchsorted(e, d, side="right") for e, d in zip(ends, drawn, strict=True)]
        found = np.minimum(np.reshape(below, drawn.shape), rows.shape[1] - 1)  # with no rows at all too
    else:  # of exponential waiting times with the weights as rates, the shortest (Efraimidis and Spirakis 2006)
        found = np.argsort(-rows / stream.exponential(1.0, rows.shape), axis=1, kind="stable")[:, :num_samples]
    return wrap(found.astype(np.int64).reshape((*weights.shape[:-1], num_samples)))
