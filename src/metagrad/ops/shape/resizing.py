"""Tensors given another shape, other strides or other memory in place."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.mode import mode
from metagrad.autograd.node_names import name_node
from metagrad.autograd.transforms import check_own
from metagrad.autograd.variable import wrap
from metagrad.autograd.writing import bump, check_history
from metagrad.base import dtypes
from metagrad.base.layouts import channels_last, channels_last_3d, inverse, memory_format, preserve_format
from metagrad.base.result_order import steps_of
from metagrad.base.typing import Sizes
from metagrad.ops.arguments import asks_for_tensors, given, shape_of
from metagrad.ops.shape.permuting import t, transpose
from metagrad.ops.shape.strided import as_strided, in_order, located, strided
from metagrad.ops.shape.views import squeeze, unsqueeze

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__ = ["as_strided_", "resize_as_"]


def reshaped_in_place(op: Callable[..., Any]) -> Callable[..., Any]:
    """``op_`` for an op that returns a view: the tensor itself becomes the view, of its former self if it was none.

    Raises RuntimeError where the tensor's history cannot be rewritten, as that of a leaf that requires grad.

    >>> import metagrad
    >>> x = metagrad.zeros(1, 3)
    >>> x.squeeze_() is x, x.shape
    (True, metagrad.Size([3]))
    """

    @functools.wraps(op, assigned=("__module__",))
    def reshaped(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_own(input)
        check_history(input)
        if input._requires_grad and input._grad_fn is None:  # a leaf, changed under no_grad, stays one
            input.array = op(input, *args, **kwargs).array
            bump(input)
            return input
        former, before = input, input._view
        if before is None:
            former = wrap(input.array)
            former._former = True  # type: ignore[attr-defined]  # nobody else has it: the tensor is no view to its user
            former._counter, former._grad_fn, former._requires_grad = (
                input._counter,
                input._grad_fn,
                input._requires_grad,
            )
        view = op(former, *args, **kwargs)
        input.array, input._view = view.array, view._view
        if mode.grad:
            input._grad_fn, input._requires_grad = view._grad_fn, view._requires_grad
            if input._grad_fn is not None:
                name, number = input._grad_fn.name().split("Backward")  # as PyTorch numbers the forms in place
                name_node(input._grad_fn, f"{name}Backward{int(number) + (3 if name == 'Squeeze' else 1)}")
        bump(input)
        if input._view is not None:
            input._view.seen = input._counter[0]
            if not mode.grad:  # it stays what it was, a tensor of its own or a view with a history
                input._view.guard, input._view.recorded, input._view.borrowed = (
                    (None, True, False) if before is None else (before.guard, before.recorded, before.borrowed)
                )
        return input

    reshaped.__name__ = reshaped.__qualname__ = f"{op.__name__}_"
    reshaped.__doc__ = f"In-place form of ``{op.__name__}``: the tensor itself takes the new shape, and is returned."
    return reshaped


squeeze_ = reshaped_in_place(squeeze)
unsqueeze_ = reshaped_in_place(unsqueeze)
transpose_ = reshaped_in_place(transpose)
t_ = reshaped_in_place(t)
as_strided_ = reshaped_in_place(as_strided)


def resize_(input: Tensor, *sizes: Sizes, memory_format: memory_format | None = None, **named: Sizes) -> Tensor:
    """Give a tensor another number of elements, in place: those that it had stay first, what is new is not filled.

    The memory is kept if it is large enough, and then still shared. Raises if the tensor requires grad.

    >>> import metagrad
    >>> metagrad.arange(6).resize_(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    if input.requires_grad:
        raise RuntimeError("cannot resize variables that require grad: detach() it, or use reshape()")
    shape = shape_of(given(sizes, named, "size"))
    if min((*shape, 0)) < 0:
        raise RuntimeError(f"resize_: extents must not be negative, got {list(shape)}")
    check_own(input)
    strides = in_order(shape) if memory_format is None else _strides_in(memory_format, shape)
    if shape == tuple(input.array.shape) and (memory_format is None or strides == steps_of(input.array)):
        return input
    memory, (_, _, offset) = located(input.array)
    count = math.prod(shape)
    if isinstance(memory, np.ndarray) and offset + count <= memory.size:
        input.array = strided(memory, shape, strides, offset)
    else:
        larger = np.empty(count, input.array.dtype, like=input.array)
        kept = memory[offset : offset + count]
        larger[: kept.size] = kept
        found = larger.reshape(shape) if memory_format is None else strided(larger, shape, strides, 0)
        input.array, input._counter = found, [input._counter[0]]
    input._view = None
    bump(input)
    return input


@asks_for_tensors
def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: memory_format | None = None) -> Tensor:
    """``input.resize_`` to the shape of another tensor.

    >>> import metagrad
    >>> metagrad.arange(6).resize_as_(metagrad.zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    if memory_format is preserve_format:
        memory_format = next((f for f in (channels_last, channels_last_3d) if the_template.is_contiguous(f)), None)
    return resize_(input, tuple(the_template.shape), memory_format=memory_format)


def _strides_in(form: memory_format, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a tensor of this shape in this format."""
    if form is preserve_format:
        raise RuntimeError("Unsupported memory formatPreserve: give the format that is meant")
    order = form.order_of(len(shape))
    steps = in_order(tuple(shape[d] for d in order))
    return tuple(steps[i] for i in inverse(order))


def set_(input: Any, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Any:
    """Let a tensor show other memory, in place: that of another tensor or of a storage. Empty, without arguments.

    With a storage, or with ``size``: its memory from ``storage_offset`` on, under this shape and these strides. Raises
    RuntimeError if the dtypes differ.

    >>> import metagrad
    >>> x, y = metagrad.zeros(2), metagrad.ones(3)
    >>> x.set_(y)[0] = 5
    >>> y
    tensor([5., 1., 1.])
    """
    check_own(input)
    check_history(input)
    input._counter[0] += 0  # refused where nobody counts writes
    if source is None:
        source = wrap(np.empty(0, input.array.dtype, like=input.array))
    elif not hasattr(source, "array"):  # a storage
        if getattr(source, "dtype", input.dtype) is not input.dtype:
            raise RuntimeError(f"Expected a Storage of type {input.dtype} or an UntypedStorage, got {source.dtype}")
        source = wrap(source.memory.view(input.array.dtype))
        size = source.shape if size is None else size
    if source.dtype != input.dtype:
        raise RuntimeError(
            f"Could not set tensor of type {dtypes.cpp_name(source.dtype)} to a tensor of type {dtypes.cpp_name(input.dtype)}"
        )
    if size is not None:
        shape = shape_of((size,))
        view = as_strided(source, shape, in_order(shape) if stride is None else stride, storage_offset)
        view._counter = source._counter
        source = view
    view = source._view
    input.array, input._counter = source.array, source._counter
    input._view = None if view is not None and view.base is input else view
    input._grad_fn, input._requires_grad = source._grad_fn, source._requires_grad
    bump(input)
    return input
