"""Tensors filled with random numbers in place. All take a ``generator``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import Variable, as_array, wrap
from metagrad.autograd.writing import write
from metagrad.base import dtypes
from metagrad.base.device import CPU, META, move, of_array
from metagrad.base.layouts import made_as_it_lies
from metagrad.base.typing import Array
from metagrad.kernels.libraries import looks_at
from metagrad.ops.create.random import Generator, source
from metagrad.ops.create.random_arrays import continuous, normal_array, real_numbers, uniform_array
from metagrad.ops.dtype_checks import refuse

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__: list[str] = []


def _to_draw(input: Tensor) -> tuple[int, ...]:
    """The shape of the numbers to be drawn; none for a tensor that has none."""
    return (0,) if of_array(input.array) is META else tuple(input.array.shape)


def _drawn(input: Tensor, draw: Callable[[tuple[int, ...]], Array]) -> Array:
    """Numbers for each element, in the order in which they lie in memory; none for a tensor that has none."""
    return draw((0,)) if of_array(input.array) is META else made_as_it_lies(input.array, draw)


def _source(input: Tensor, generator: Generator | None) -> Any:
    return source(generator, of_array(input.array))


def _fill(input: Tensor, array: Array) -> Tensor:
    where = of_array(input.array)
    if where is META:
        return write(input, input)
    return write(input, wrap(move(as_array(array).astype(input.array.dtype, copy=False), where)))


def _floats(function: str, names: tuple[str, str], first: float, second: float) -> tuple[float, float]:
    """Both settings as floats; TypeError for what is no number."""
    try:
        return float(first), float(second)
    except (ValueError, TypeError):
        at = int(isinstance(first, (int, float)))
        kind = type(second if at else first).__name__
        raise TypeError(f"{function}(): argument '{names[at]}' (position {at + 1}) must be float, not {kind}") from None


def uniform_(
    input: Tensor, from_: float = 0, to: float = 1, *, generator: Generator | None = None, **named: float
) -> Tensor:
    """Fill with uniform random numbers in [from, to).

    Raises RuntimeError if from > to, if one of them is beyond the dtype's numbers, or if the dtype is not floating-point.

    >>> import metagrad
    >>> x = metagrad.empty(100).uniform_(2, 3)
    >>> bool(((x >= 2) & (x < 3)).all())
    True
    """
    low = named.pop("from", from_)  # PyTorch's name for it is no Python argument
    if named:
        raise TypeError(f"uniform_() got an unexpected keyword argument {next(iter(named))!r}")
    low, to = _floats("uniform_", ("from", "to"), low, to)
    if low > to:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={to:g}")
    kind = continuous(input.dtype)
    for name, bound in (("from", low), ("to", to)):
        if not abs(bound) <= dtypes.finfo(kind).max:
            raise RuntimeError(f"{name} is out of bounds for {dtypes.cpp_name(kind)}: uniform_ got {bound}")
    if to - low > dtypes.finfo(kind).max:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{dtypes.scalar_name(kind)}>::max(), "
            f"but found to={to:g} and from={low:g}"
        )
    wide = dtypes.float32 if kind in (dtypes.float16, dtypes.bfloat16) else kind
    where = of_array(input.array)
    drawn = _drawn(input, lambda shape: uniform_array(shape, wide, generator, where))
    drawn = source(generator, where).scaled(drawn, to - low, low)
    if wide is not kind:  # rounding may reach the upper end, which is not in the range
        drawn = drawn.astype(kind.dtype)
        drawn = np.where(drawn == kind.dtype.type(to), kind.dtype.type(low), drawn)
    return _fill(input, drawn)


def normal_(input: Tensor, mean: float = 0, std: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Fill with normal random numbers.

    Raises RuntimeError for a negative ``std``, or if the dtype is not floating-point.

    >>> import metagrad
    >>> metagrad.empty(2).normal_(mean=5, std=0)
    tensor([5., 5.])
    """
    mean, std = _floats("normal_", ("mean", "std"), mean, std)
    if std < 0:
        raise RuntimeError(f"normal_: normal expects std >= 0.0, but found std {std:g}")
    kind, where = continuous(input.dtype), of_array(input.array)
    apart = where is CPU and not input.array.flags.c_contiguous
    return _fill(input, _drawn(input, lambda shape: normal_array(shape, kind, generator, where, apart, mean, std)))


def log_normal_(input: Tensor, mean: float = 1, std: float = 2, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers whose logarithms are normal, with this mean and standard deviation.

    Raises RuntimeError unless std > 0, or if the dtype is not floating-point.

    >>> import metagrad
    >>> bool((metagrad.empty(100).log_normal_() > 0).all())
    True
    """
    mean, std = _floats("log_normal_", ("mean", "std"), mean, std)
    if std <= 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    real_numbers("log_normal_", input)
    where = of_array(input.array)
    logarithms = _drawn(input, lambda shape: normal_array(shape, dtypes.float64, generator, where, True, mean, std))
    with np.errstate(over="ignore"):
        return _fill(input, np.exp(logarithms))


def cauchy_(input: Tensor, median: float = 0, sigma: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of the Cauchy distribution: median + sigma · tan(π (u − ½)) of uniform u.

    Raises RuntimeError unless sigma > 0, or if the dtype is not floating-point.

    >>> import metagrad
    >>> metagrad.empty(3).cauchy_(median=2).shape
    metagrad.Size([3])
    """
    median, sigma = _floats("cauchy_", ("median", "sigma"), median, sigma)
    if sigma <= 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    real_numbers("cauchy_", input, "Cauchy")
    return _fill(input, _drawn(input, _source(input, generator).standard_cauchy) * sigma + median)


def exponential_(input: Tensor, lambd: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Fill with exponential random numbers of rate ``lambd``.

    Density λ e^(−λ x), x ≥ 0. Raises RuntimeError unless λ > 0, or if the dtype is not floating-point.

    >>> import metagrad
    >>> bool((metagrad.empty(100).exponential_(2.0) >= 0).all())
    True
    """
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    real_numbers("exponential_", input, "Exponential")
    stream = _source(input, generator)
    return _fill(input, _drawn(input, lambda shape: stream.exponential(1 / lambd, shape)))


def geometric_(input: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fill with the number of the first trial to succeed (1, 2, …), where each does with probability ``p``.

    Raises RuntimeError unless 0 < p < 1, or for bools.

    >>> import metagrad
    >>> bool((metagrad.empty(100).geometric_(0.5) >= 1).all())
    True
    """
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    refuse("geometric_", input, "c")
    if input.array.dtype.kind == "b":
        raise NotImplementedError("geometric_ is not implemented for bool: its numbers go from 1 up")
    drawn = np.maximum(_drawn(input, _source(input, generator).random), 2.0**-54)  # 0 has no logarithm
    trials = np.log(drawn) / math.log1p(-p)
    return _fill(input, np.maximum(np.ceil(trials), 1))


def bernoulli_(input: Tensor, p: Tensor | float = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill with 1 with probability ``p``, a number or a tensor of them, else 0.

    Raises RuntimeError unless 0 ≤ p ≤ 1.

    >>> import metagrad
    >>> metagrad.empty(2).bernoulli_(1.0)
    tensor([1., 1.])
    """
    refuse("bernoulli_", input, "c")
    chance = move(p.array, of_array(input.array)) if isinstance(p, Variable) else p
    if looks_at(chance) and np.any((chance < 0) | (chance > 1)):
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    stream = _source(input, generator)
    if isinstance(p, Variable):
        if p.array.dtype.kind not in "fV":
            raise NotImplementedError(
                f"bernoulli_ expects p to be a floating-point tensor, got {p.dtype}: use .float()"
            )
        p.expand(input.shape)  # raises what does not fit
        return _fill(input, stream.bernoulli(chance, _to_draw(input)))
    return _fill(input, _drawn(input, lambda shape: stream.bernoulli(chance, shape)))


def random_(
    input: Tensor, from_: int | None = None, to: int | None = None, *, generator: Generator | None = None, **named: int
) -> Tensor:
    """Fill with random integers from ``from`` to ``to`` (excluded); up to ``from``, or over the dtype's whole exact range.

    ``random_(to)`` starts at 0. Without bounds, integers go from 0 to the dtype's largest, floats to 2 to the power of
    the bits of their mantissa. Raises RuntimeError unless from < to, or if the dtype cannot hold the numbers.

    >>> import metagrad
    >>> metagrad.zeros(2).random_(3, 4)
    tensor([3., 3.])
    """
    kind = input.array.dtype
    low, given = named.pop("from", from_), to
    if named:
        raise TypeError(f"random_() got an unexpected keyword argument {next(iter(named))!r}")
    if kind.kind == "c":
        raise NotImplementedError(
            "check_random_bounds handles only integral, floating-point and boolean types: use .real and .imag"
        )
    if isinstance(low, float) or isinstance(to, float):
        raise TypeError(f"random_(): bounds must be ints, got {low if isinstance(low, float) else to}")
    floats = kind.kind not in "biu"
    largest = int(2 / dtypes.finfo(kind).eps) if floats else 1 if kind.kind == "b" else int(np.iinfo(kind).max)
    if to is None:
        low, to, given = 0, largest + 1 if low is None else low, low
    low = 0 if low is None else low
    if low >= to:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={to}")
    smallest = 0 if kind.kind == "b" else -largest if floats else int(np.iinfo(kind).min)
    for name, bound in (("from", low), ("to - 1", to - 1)):
        if given is not None and not (abs(bound) <= dtypes.finfo(kind).max if floats else smallest <= bound <= largest):
            raise RuntimeError(f"random_: {name} = {bound}: {name} is out of bounds for {input.dtype}")
    wide = np.uint64 if to > 2**63 else np.int64
    stream = _source(input, generator)
    if given is None and to == 2**31 and not floats:
        return _fill(input, _drawn(input, stream.positive_int32))
    return _fill(input, _drawn(input, lambda shape: stream.integers(low, to - 1, shape, wide, endpoint=True)))
