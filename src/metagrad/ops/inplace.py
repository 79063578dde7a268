"""The in-place form of an op: compute, then give the tensor the result's values and history."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.mode import mode
from metagrad.autograd.node_names import name_node
from metagrad.autograd.transforms import check_own
from metagrad.autograd.variable import Variable, recording, wrap
from metagrad.autograd.views import is_followed
from metagrad.autograd.writing import Overwrite, bump, check_writable, put, write, written_at_once
from metagrad.base.typing import Array, Number, Operand
from metagrad.kernels.libraries import is_writable, repeats_elements, repeats_opened
from metagrad.ops.argument_names import understood
from metagrad.ops.argument_types import complain
from metagrad.ops.arguments import WithoutOut, no_out, without_out
from metagrad.ops.fitting import fitting
from metagrad.ops.index.indexing import value_for
from metagrad.ops.index.misfits import warn_of_repeats
from metagrad.ops.operands import as_tensor, need_tensors
from metagrad.ops.overlap import check_overlap
from metagrad.ops.pointwise.chunked import is_large
from metagrad.ops.pointwise.destination import result_into

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def _is_recorded(input: Tensor, others: tuple[Any, ...]) -> bool:
    """Whether what is overwritten may still be needed."""
    return recording(input, *others)


def in_place(
    op: Callable[..., Any],
    converts: bool = False,
    keeps: bool = False,
    nodes: tuple[type[Function], ...] = (),
    repeats: bool = False,
) -> Callable[..., Any]:
    """``op_``: like ``op``, but the result is written into the first argument, which is returned.

    converts: a result of another dtype is converted to the tensor's; otherwise it is an error. keeps: the op's gradient needs
    what is overwritten, so the op is given a copy. nodes: the classes of one of which ``op`` is one application, if a large
    result may be computed straight into the tensor. repeats: elements that share a place in memory may be written to, as the op
    sets some to one number.

    >>> import metagrad
    >>> x = metagrad.tensor([1.0, 4.0])
    >>> x.sqrt_() is x, x
    (True, tensor([1., 2.]))
    """
    op = without_out(op)

    @functools.wraps(op, assigned=("__module__",))
    def written(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        if kwargs and "out" in kwargs:
            raise no_out(written.__name__)
        if args or kwargs:
            kwargs = understood(op, kwargs)
            check_overlap(input, (*args, *kwargs.values()))
        if nodes and _may_be_written_first(input, (*args, *kwargs.values())):
            return _computed_into(input, lambda: op(input, *args, **kwargs), nodes)
        try:
            result = op(input.clone() if keeps else _kept_for_tangents(input), *args, **kwargs)
        except Exception as error:
            if not isinstance(error, TypeError):
                check_writable(input)  # what may not be written to at all says so first
            complain(written, error, (input, *args), kwargs, first=0)
            raise
        if repeats and not is_writable(input.array) and not recording(input, result):
            if written.__name__ in ("masked_fill_", "index_fill_") and repeats_elements(input.array):
                warn_of_repeats(written.__name__)
            with repeats_opened(input.array):
                return _write_changed(input, result)
        return write(input, result.to(input.dtype) if converts else result)

    vars(written)["__wrapped__"] = WithoutOut(op)
    written.__name__ = written.__qualname__ = f"{op.__name__}_"
    written.__doc__ = f"In-place form of ``{op.__name__}``: the tensor itself takes the result, and is returned."
    return written


def _kept_for_tangents(input: Tensor) -> Tensor:
    """The tensor; a copy where results have tangents, whose own gradients may need what is overwritten."""
    return input.clone() if any(level.tangents for level in mode.levels) else input


def written_over(input: Tensor, compute: Callable[[Tensor], Tensor], nodes: tuple[type[Function], ...]) -> Tensor:
    """The tensor with the values that are computed of it, by one application of a class among ``nodes`` if at once in its memory.

    >>> import metagrad
    >>> x = metagrad.tensor([1.0, 4.0])
    >>> written_over(x, metagrad.sqrt, ()) is x, x
    (True, tensor([1., 2.]))
    """
    if _may_be_written_first(input, ()):
        return _computed_into(input, lambda: compute(input), nodes)
    written: Tensor = write(input, compute(_kept_for_tangents(input)))
    return written


def without_backward(name: str, output: Tensor) -> Tensor:
    """What was computed in place with a negative slope, of which PyTorch, keeping only the output, has no gradient."""

    def refused(grad: Tensor) -> None:
        raise RuntimeError(
            f"In-place {name} backward calculation is triggered with a negative slope which is not supported. This is caused by "
            "calling in-place forward function with a negative slope, please call out-of-place version instead."
        )

    if output.requires_grad:
        output.register_hook(refused)
    return output


def _may_be_written_first(input: Tensor, others: tuple[Any, ...]) -> bool:
    """Whether a large tensor may take results as they are computed."""
    return is_large(input.array) and input.array.flags.writeable and not recording(input, *others)


def _computed_into(input: Tensor, compute: Callable[[], Tensor], nodes: tuple[type[Function], ...]) -> Tensor:
    _check_target(input)
    result = result_into(nodes, input.array, compute)
    written: Tensor = (written_at_once if result.array is input.array else write)(input, result)
    return written


def _check_target(input: Tensor) -> None:
    """Raise, before anything is written, where an op in place may not write to a tensor."""
    check_writable(input)
    check_own(input)


def _write_changed(input: Tensor, result: Tensor) -> Tensor:
    """Write the elements that an op has changed, and no others, so that of repeated elements one changes all."""
    _check_target(input)
    np.copyto(input.array, result.array, where=result.array != input.array)
    bump(input)
    return input


def copy_(input: Tensor, src: Operand | Array, non_blocking: bool = False) -> Tensor:
    """Take the values of ``src``, broadcast to this shape and converted to this dtype.

    >>> import metagrad
    >>> metagrad.zeros(2, dtype=metagrad.int64).copy_(metagrad.tensor([1.9, 2.1]))
    tensor([1, 2])
    """
    source = value_for(
        input, as_tensor(src) if isinstance(src, (complex, np.ndarray)) else src
    )  # of which the real part is taken
    check_overlap(input, (source,))
    if isinstance(source, Variable) and source.array.ndim > input.array.ndim:
        raise RuntimeError(
            f"output with shape {tuple(input.shape)} doesn't match the broadcast shape {tuple(source.shape)} of copy_"
        )
    alike = isinstance(source, Variable) and source.array.dtype == input.array.dtype
    unheard = alike and not (is_followed(input) or is_followed(source))
    if unheard or is_large(input.array) and not _is_recorded(input, (source,)):
        values = source.array if isinstance(source, Variable) else source
        if _fits(values, input.array):
            _check_target(input)
            put(input.array, values)
            if not unheard:
                return write(input, wrap(input.array))
            bump(input)
            return input
    return write(input, Overwrite.apply(input, source))


def _fits(values: Array | Number, array: Array) -> bool:
    """Whether values can be written to an array as they are: real numbers of a shape that needs no check."""
    if isinstance(values, np.ndarray):
        return values.shape in ((), array.shape) and values.dtype.kind in "biuf"
    return isinstance(values, (bool, int, float))


def _fill(input: Tensor, value: Operand) -> Tensor:
    """``copy_`` of one number, which may also be written where elements share a place in memory."""
    whole = not isinstance(value, Variable) and input.array.dtype.kind in "biuf"
    if whole and is_writable(input.array) and not is_followed(input):
        _check_target(input)
        put(input.array, value)
        bump(input)
        return input
    if is_writable(input.array) or _is_recorded(input, (value,)):
        return copy_(input, value)
    with repeats_opened(input.array):
        return copy_(input, value)


def fill_(input: Tensor, value: Operand) -> Tensor:
    """Set every element to one number, which may be a tensor without dimensions.

    Raises RuntimeError for a tensor with dimensions.

    >>> import metagrad
    >>> metagrad.zeros(2).fill_(5)
    tensor([5., 5.])
    """
    if isinstance(value, Variable) and value.array.ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.array.ndim} dimensions: use copy_"
        )
    if isinstance(value, Variable):
        return _called(_fill(input, value), "FillBackward3")
    return _called(_fill(input, fitting(value, input.dtype)), "FillBackward2")


def zero_(input: Tensor) -> Tensor:
    """Set every element to 0.

    >>> import metagrad
    >>> metagrad.ones(2).zero_()
    tensor([0., 0.])
    """
    return _called(_fill(input, 0), "Zero")


def _called(written: Tensor, name: str) -> Tensor:
    """A tensor that was overwritten; the node of that has PyTorch's name for the function."""
    if isinstance(written._grad_fn, Overwrite):
        name_node(written._grad_fn, name)
    return written


def fill_diagonal_(input: Tensor, fill_value: Operand, wrap: bool = False) -> Tensor:
    """Set the elements with equal indices to one number. wrap: the diagonal of a tall matrix starts again below.

    Raises RuntimeError for vectors, and for three and more dimensions of different extents.

    >>> import metagrad
    >>> metagrad.zeros(2, 3).fill_diagonal_(1)
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    shape = tuple(input.array.shape)
    if len(shape) < 2:
        raise RuntimeError(f"fill_diagonal_: dimensions must larger than 1, got shape {shape}")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError(f"fill_diagonal_: all dimensions of input must be of equal length, got shape {shape}")
    if wrap and len(shape) == 2 and shape[1]:
        index: tuple[Any, ...] = np.divmod(np.arange(0, shape[0] * shape[1], shape[1] + 1), shape[1])
    else:
        index = tuple([np.arange(min(shape))] * len(shape))
    input[index] = fitting(fill_value, input.dtype)
    return input


def apply_(input: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace every element by what a Python function makes of it: slow, and without a gradient.

    >>> import metagrad
    >>> metagrad.tensor([1.0, 2.0]).apply_(lambda x: x * 10)
    tensor([10., 20.])
    """
    return _mapped("apply_", input, (), callable)


def map_(input: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace every element x by ``callable(x, y)`` for the element y of another tensor: slow, and without a gradient.

    Raises RuntimeError if one of the tensors requires grad, and TypeError if they differ in dtype.

    >>> import metagrad
    >>> metagrad.tensor([1, 2]).map_(metagrad.tensor([10, 20]), lambda x, y: x + y)
    tensor([11, 22])
    """
    return _mapped("map_", input, (tensor,), callable)


def map2_(input: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """``map_`` of a function of three numbers, the last two from two other tensors.

    >>> import metagrad
    >>> metagrad.tensor([1, 2]).map2_(metagrad.tensor([10, 20]), metagrad.tensor(100), lambda x, y, z: x + y + z)
    tensor([111, 122])
    """
    return _mapped("map2_", input, (x, y), callable)


def _mapped(name: str, input: Tensor, others: tuple[Tensor, ...], call: Callable[..., Any]) -> Tensor:
    """Each element replaced by what a function of it, and of those in its place in other tensors, returns."""
    need_tensors(name, other=others[0] if others else input)
    for x in (input, *others):
        if x.requires_grad:
            raise RuntimeError(
                f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."
            )
        if x.dtype is not input.dtype:
            raise TypeError(f"{name}: expected {input.type()} for 'other' (got {x.type()})")
    columns = [x.expand(tuple(input.shape)).array.reshape(-1).tolist() for x in (input, *others)]
    found = [call(*each) for each in zip(*columns, strict=True)]
    kinds = (bool, int, float) if input.array.dtype.kind != "c" else (bool, int, float, complex)
    wrong = next((v for v in found if not isinstance(v, (*kinds, np.generic, Variable))), None)
    if wrong is not None:
        raise TypeError(f"must be real number, not {type(wrong).__name__}: {name} writes what the function returns")
    values = np.asarray(found, input.array.dtype, like=input.array)
    return copy_(input, values.reshape(input.array.shape))
