"""Tensors like another one: of its shape and dtype, or of any shape with its dtype and device."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.base.device import device as Device
from metagrad.base.device import of_array
from metagrad.base.layouts import check_layout, inverse, layout, memory_format, preserve_format
from metagrad.base.result_order import order_by
from metagrad.base.typing import Array, DeviceLike, DTypeLike, Number, Operand, Sizes
from metagrad.kernels.copying import filled_like
from metagrad.kernels.libraries import filled
from metagrad.ops.argument_types import NotATensor
from metagrad.ops.arguments import asks_for_tensors, is_extent, shape_of
from metagrad.ops.create.creation import extents, factory, finished, kind_or_default, need_sizes, too_large
from metagrad.ops.create.from_data import tensor
from metagrad.ops.fitting import fitting
from metagrad.ops.pointwise.chunked import is_large
from metagrad.ops.shape.strided import extent, strided

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["empty_like", "empty_strided", "full_like", "ones_like", "zeros_like"]


class LikeOptions(TypedDict, total=False):
    """What may be different from the tensor that a new one is like."""

    dtype: DTypeLike
    layout: layout | None
    device: DeviceLike
    requires_grad: bool
    pin_memory: bool
    memory_format: memory_format


def _image(
    make: Callable[..., Array],
    input: Tensor,
    filling: Number | None = None,
    *,
    dtype: DTypeLike = None,
    layout: layout | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """A new tensor of the shape, dtype and device of another, by ``np.zeros_like`` and its kin; filling: what these write."""
    check_layout(layout)
    if not isinstance(input, Variable):
        raise NotATensor(f"{make.__name__}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    kind = (input.dtype if dtype is None else dtypes.of(dtype)).dtype
    if filling is not None and is_large(input.array):
        make = functools.partial(filled_like, value=filling)
    if device is not None and Device(device).type != of_array(input.array).type:  # none of its numbers are wanted
        likeness: Array = np.broadcast_to(np.zeros((), kind), input.array.shape)
        return finished(make(likeness, dtype=kind, order="C"), None, device, requires_grad)
    memory_format = preserve_format if memory_format is None else memory_format
    try:
        if memory_format is preserve_format and 0 not in input.array.strides:
            array = make(input.array, dtype=kind)
        else:
            preserves = memory_format is preserve_format
            order = (
                order_by(input.array.shape, [input.array]) if preserves else memory_format.order_of(input.array.ndim)
            )
            array = make(input.array.transpose(order), dtype=kind, order="C").transpose(inverse(order))
    except MemoryError as error:
        raise too_large(error) from None
    return finished(array, None, of_array(input.array) if device is None else device, requires_grad)


@asks_for_tensors
def zeros_like(input: Tensor, **options: Unpack[LikeOptions]) -> Tensor:
    """Zeros with the shape and dtype of another tensor. Options: dtype, device, requires_grad, memory_format.

    >>> import metagrad
    >>> metagrad.zeros_like(metagrad.tensor([1, 2]), dtype=metagrad.float64)
    tensor([0., 0.], dtype=metagrad.float64)
    """
    return _image(np.zeros_like, input, 0, **options)


@asks_for_tensors
def ones_like(input: Tensor, **options: Unpack[LikeOptions]) -> Tensor:
    """Ones with the shape and dtype of another tensor. Options as for ``zeros_like``.

    >>> import metagrad
    >>> metagrad.ones_like(metagrad.tensor([1, 2]))
    tensor([1, 1])
    """
    return _image(np.ones_like, input, 1, **options)


@asks_for_tensors
def empty_like(input: Tensor, **options: Unpack[LikeOptions]) -> Tensor:
    """Unfilled memory with the shape and dtype of another tensor. Options as for ``zeros_like``.

    >>> import metagrad
    >>> metagrad.empty_like(metagrad.zeros(2, 3)).shape
    metagrad.Size([2, 3])
    """
    return _image(np.empty_like, input, **options)


@asks_for_tensors
def full_like(input: Tensor, fill_value: Operand, **options: Unpack[LikeOptions]) -> Tensor:
    """One number everywhere, with the shape and dtype of another tensor. Options as for ``zeros_like``.

    >>> import metagrad
    >>> metagrad.full_like(metagrad.tensor([1, 2]), 7)
    tensor([7, 7])
    """

    def make(a: Array, dtype: np.dtype[Any], **settings: Any) -> Array:
        value = fitting(fill_value, dtypes.of(dtype))
        if is_large(a):
            return filled_like(a, value, dtype=dtype, **settings)
        return np.full_like(a, value, dtype=dtype, **settings)

    return _image(make, input, **options)


def _new(
    make: Callable[..., Array],
    input: Tensor,
    shape: tuple[int, ...],
    dtype: DTypeLike = None,
    layout: layout | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A new tensor of any shape with the dtype and device of another, by ``np.zeros`` and its kin."""
    check_layout(layout)
    kind = input.dtype if dtype is None else dtypes.of(dtype)
    try:
        array = make(shape, dtype=kind.dtype, like=input.array)
    except (MemoryError, ValueError) as error:
        raise too_large(error) from None
    return finished(array, None, of_array(input.array) if device is None else device, requires_grad)


def _split(options: dict[str, Any]) -> dict[str, Any]:
    """The shape among keyword arguments, taken out of them."""
    return {k: options.pop(k) for k in ("size", "names") if k in options}


def new_zeros(input: Tensor, *size: Sizes, **options: Any) -> Tensor:
    """Zeros of any shape with this tensor's dtype and device. Options: dtype, device, requires_grad.

    >>> import metagrad
    >>> metagrad.tensor([1, 2]).new_zeros(3)
    tensor([0, 0, 0])
    """
    return _new(np.zeros, input, extents(size, _split(options)), **options)


def new_ones(input: Tensor, *size: Sizes, **options: Any) -> Tensor:
    """Ones of any shape with this tensor's dtype and device. Options as for ``new_zeros``.

    >>> import metagrad
    >>> metagrad.tensor([0.5]).new_ones(1, 2)
    tensor([[1., 1.]])
    """
    return _new(functools.partial(_filled_with, value=1), input, extents(size, _split(options)), **options)


def new_empty(input: Tensor, *size: Sizes, **options: Any) -> Tensor:
    """Unfilled memory of any shape with this tensor's dtype and device. Options as for ``new_zeros``.

    >>> import metagrad
    >>> metagrad.tensor([0.5]).new_empty(2, 3).shape
    metagrad.Size([2, 3])
    """
    return _new(np.empty, input, extents(size, _split(options)), **options)


def new_full(input: Tensor, size: Sizes, fill_value: Operand, **options: Any) -> Tensor:
    """One number everywhere, in any shape, with this tensor's dtype and device. Options as for ``new_zeros``.

    >>> import metagrad
    >>> metagrad.tensor([1, 2]).new_full((2,), 7)
    tensor([7, 7])
    """
    need_sizes("new_full", size)

    return _new(functools.partial(_filled_with, value=fill_value), input, extents((size,), _split(options)), **options)


def _filled_with(shape: tuple[int, ...], dtype: np.dtype[Any], like: Array, value: Operand) -> Array:
    return filled(shape, fitting(value, dtypes.of(dtype)), dtype, like)


def new_tensor(
    input: Tensor,
    data: object,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """``tensor(data)`` with this tensor's dtype and device.

    >>> import metagrad
    >>> metagrad.tensor([0.5]).new_tensor([1, 2])
    tensor([1., 2.])
    """
    kind = input.dtype if dtype is None else dtype
    where = of_array(input.array) if device is None else device
    return tensor(data, dtype=kind, device=where, requires_grad=requires_grad)


def new(input: Tensor, *data: Any) -> Tensor:
    """A tensor of this one's dtype: of a shape, ``new(2, 3)``, unfilled; or of data, ``new([2, 3])``.

    >>> import metagrad
    >>> metagrad.tensor([0.5]).new([1, 2]), metagrad.tensor([0.5]).new(2, 3).shape
    (tensor([1., 2.]), metagrad.Size([2, 3]))
    """
    if len(data) != 1 or is_extent(data[0]) or type(data[0]).__name__ == "Size":
        return new_empty(input, *data or (0,))
    return new_tensor(input, data[0])


def _with_strides(shape: tuple[int, ...], strides: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    if len(shape) != len(strides):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides ({len(strides)})"
        )
    if min((*strides, 0)) < 0:
        raise RuntimeError(f"strides must not be negative, got {strides}")
    return strided(np.empty(extent(shape, strides, 0), dtype), shape, strides, 0)


@factory
def empty_strided(size: Sizes, stride: Sizes, *, dtype: DTypeLike = None) -> Array:
    """Unfilled memory under a shape and strides, which are counted in elements.

    Raises RuntimeError for another number of strides than of extents, or for negative strides.

    >>> import metagrad
    >>> metagrad.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    return _with_strides(extents((size,), {}), shape_of((stride,)), kind_or_default(dtype).dtype)


def new_empty_strided(input: Tensor, size: Sizes, stride: Sizes, **options: Any) -> Tensor:
    """Unfilled memory under a shape and strides, with this tensor's dtype and device. Options as for ``new_zeros``.

    Raises RuntimeError as ``empty_strided`` does.

    >>> import metagrad
    >>> metagrad.tensor([0.5]).new_empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    strides = shape_of((stride,))
    return _new(lambda shape, dtype, like: _with_strides(shape, strides, dtype), input, extents((size,), {}), **options)
