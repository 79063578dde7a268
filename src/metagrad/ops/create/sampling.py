"""Random tensors. All take a ``generator``; what is drawn depends on it alone, on any device."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from metagrad.autograd.variable import Variable, as_array, unwrap
from metagrad.base import dtypes
from metagrad.base.device import CPU, of_array
from metagrad.base.device import device as Device
from metagrad.base.layouts import check_layout, layout, made_as_it_lies, memory_format, preserve_format
from metagrad.base.typing import Array, DeviceLike, DTypeLike, Sizes
from metagrad.ops.argument_types import NotATensor
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.create.creation import extents, factory, finished
from metagrad.ops.create.like import LikeOptions, empty_like
from metagrad.ops.create.random import Generator, source
from metagrad.ops.create.random_arrays import continuous, normal_array, uniform_array, where_to

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm"]


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
    return as_array(
        uniform_array(extents(size, named), continuous(dtype, "check_uniform_bounds"), generator, where_to(device))
    )


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
        lambda shape, kind, given, where, _: uniform_array(
            shape, continuous(kind, "check_uniform_bounds"), given, where
        ),
        input,
        **options,
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
