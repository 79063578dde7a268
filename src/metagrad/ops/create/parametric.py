"""Random tensors whose parameters are tensors: normal, bernoulli, poisson, binomial, multinomial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.errors import unbroadcastable
from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable, as_array, unwrap, wrap
from metagrad.base.device import move, of_array
from metagrad.base.dtypes import scalar_name
from metagrad.base.layouts import check_layout, layout
from metagrad.base.meta import made
from metagrad.base.typing import Array, DeviceLike, DTypeLike, Operand, Sizes
from metagrad.kernels.libraries import looks_at
from metagrad.kernels.searching import Weights
from metagrad.kernels.sorting import extreme
from metagrad.ops.arguments import asks_for_a_tensor, shape_of, takes_out_by
from metagrad.ops.create.creation import finished
from metagrad.ops.create.random import Generator, numpy_generator, source
from metagrad.ops.create.random_arrays import continuous, normal_array, where_to
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.operands import as_tensor

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["bernoulli", "binomial", "multinomial", "normal", "poisson"]


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
    if size is not None:  # tensors of one number are numbers
        mean, std = (
            v.array.item() if isinstance(v, Variable) and not v.array.ndim and not v.requires_grad else v
            for v in (mean, std)
        )
    m, s = unwrap(mean), unwrap(std)
    tensors = [v for v in (mean, std) if isinstance(v, Variable)]
    if size is None and not tensors:
        raise TypeError("normal(): with numbers for mean and std, size must be given")
    if size is not None and tensors:
        raise TypeError("normal(): size is for two numbers, but a tensor was given, which has a shape: leave size away")
    if isinstance(std, Variable) and std.dtype.is_complex:
        raise RuntimeError("normal expects standard deviation to be non-complex")
    if isinstance(std, Variable) and not (s >= 0).all():  # nan neither
        raise RuntimeError("normal expects all elements of std >= 0.0")
    if not isinstance(std, Variable) and not s >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    shape = shape_of((size,)) if size is not None else _together(np.shape(m), np.shape(s))
    kind = continuous(tensors[0].dtype if tensors else dtype)
    if not tensors:
        where = where_to(device)
        array = as_array(normal_array(shape, kind, generator, where, mean=m, std=s))
        return finished(array, None, where, requires_grad)
    if any(v.is_meta for v in tensors):
        return wrap(made(shape, kind.dtype))
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
    if input.is_meta:
        return wrap(made(input.shape, input.array.dtype))
    if looks_at(chance) and not np.all((chance >= 0) & (chance <= 1)):  # nan neither
        number = f"bernoulli_ expects p to be in [0, 1], but got p={p}" if isinstance(p, (int, float)) else ""
        raise RuntimeError(number or "Expected p_in >= 0 && p_in <= 1 to be true: a probability lies outside [0, 1]")
    drawn = as_array(source(generator, where).bernoulli(chance, tuple(chance.shape)))
    return _drawn_from(input, sample=drawn)


def _on_cpu(x: Tensor) -> np.ndarray[Any, Any]:
    """The numbers of a tensor where they are drawn."""
    return x.detach().cpu().array


def _drawn_from(*parameters: Tensor, sample: Array) -> Tensor:
    """A sample in the dtype and on the device of its first parameter, as a node of the graph."""
    array = as_array(sample).astype(parameters[0].array.dtype)
    return Drawn.apply(*parameters, sample=finished(array, None, of_array(parameters[0].array)).array)


@asks_for_a_tensor
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """How many events happened where ``input`` are expected: Poisson random numbers. The derivative is 0.

    Raises RuntimeError for a negative number.

    >>> import metagrad
    >>> metagrad.poisson(metagrad.zeros(2))
    tensor([0., 0.])
    """
    continuous(input.dtype)
    if input.is_meta:
        return wrap(made(input.shape, input.array.dtype))
    rate = _on_cpu(input)
    if not (rate >= 0).all():  # nan neither
        raise RuntimeError(f"invalid Poisson rate, expected rate to be non-negative, got {rate.min()}")
    return _drawn_from(input, sample=numpy_generator(generator, anywhere=True).poisson(rate))


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
    if n.is_meta:
        return wrap(made(_together(n.shape, p.shape), n.array.dtype))
    trials = np.maximum(_on_cpu(n), 0).astype(np.int64)
    drawn = numpy_generator(generator, anywhere=True).binomial(trials, np.clip(_on_cpu(p).astype(np.float64), 0, 1))
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

    Without replacement, categories of weight 0 come after all others. Raises RuntimeError for negative or infinite
    weights, for rows of zeros, and, without replacement, for fewer categories than samples.

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
    if (dims := input.array.ndim) not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, got {dims}")
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, got {num_samples}")
    if input.is_meta:
        return wrap(made((*input.shape[:-1], num_samples), np.dtype(np.int64)))
    rows = np.atleast_2d(_on_cpu(input))
    rows = rows.astype(np.float64) if rows.dtype.kind == "V" else rows
    if not rows.shape[1]:
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    weights = Weights(rows)
    if not ((weights.totals > 0) & (weights.totals < np.inf)).all():
        _check_weights(rows)
    if not replacement and rows.shape[1] < num_samples:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
            f"got {num_samples} and {rows.shape[1]}"
        )
    stream = numpy_generator(generator, anywhere=True)
    if replacement and num_samples > 1:
        found = weights.places(stream.random((len(rows), num_samples)))
    else:  # of exponential waiting times with the weights as rates, the shortest (Efraimidis and Spirakis 2006)
        times = stream.exponential(1.0, rows.shape)
        np.divide(rows, times, out=times)
        found = extreme(np.negative(times, out=times), 1, num_samples, False)
    indices = found.reshape((*input.shape[:-1], num_samples))
    return wrap(move(indices, of_array(input.array)))


def _check_weights(rows: Array) -> None:
    """Raise for weights that are negative or not finite, and for rows of zeros."""
    if not (np.isfinite(rows).all() and (rows >= 0).all()):
        raise RuntimeError(
            "probability tensor contains either `inf`, `nan` or element < 0: invalid multinomial distribution (encountering "
            + ("probability entry < 0)" if (rows < 0).any() else "probability entry = infinity or NaN)")
        )
    if (rows.sum(axis=1) <= 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
