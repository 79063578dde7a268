"""Joining tensors: along a dimension that they have, along a new one, and as blocks of a matrix."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable
from metagrad.base.channels_last import laid_out_in, suggested
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array, Operand
from metagrad.kernels import tuning
from metagrad.kernels.copying import joined
from metagrad.ops.arguments import asks_for_tensors, dimension, takes_out_by
from metagrad.ops.create.creation import finished
from metagrad.ops.operands import as_tensor, cast_to, result_type
from metagrad.ops.shape.views import reshape, unsqueeze

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "cat", "column_stack", "concat", "concatenate", "dstack",
    "hstack", "row_stack", "stack", "vstack",
]  # fmt: skip


class Cat(Function):
    """y = x₁, x₂, … one after the other along a dimension;   ∂L/∂xᵢ is the part of ∂L/∂y where xᵢ stands.

    An empty vector counts for nothing, whatever the other shapes are: PyTorch's rule, from when it had no empty matrices.
    """

    computes = False

    def forward(self, *xs: Array, axis: int) -> Array:
        self.axis, self.shapes = axis, [x.shape for x in xs]
        y = joined([x for x in xs if x.shape != (0,)] or xs, axis)
        wanted = suggested(xs[0])
        return laid_out_in(y, wanted) if wanted and all(suggested(x) is wanted for x in xs) else in_order(y)

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        before, end, parts = (slice(None),) * self.axis, 0, []
        for shape in self.shapes:
            start, end = end, end + (0 if shape == (0,) else shape[self.axis])
            part = grad[(*before, slice(start, end))]
            parts.append(part.reshape((0,)) if shape == (0,) and len(grad.shape) > 1 else part)
        return tuple(parts)


class Stack(Function):
    """y[i] = xᵢ along a new dimension;   ∂L/∂xᵢ = ∂L/∂y[i]."""

    computes = False

    def forward(self, *xs: Array, axis: int) -> Array:
        self.axis, self.count = axis, len(xs)
        wanted = suggested(xs[0])
        if wanted and axis < len(wanted.order) and all(suggested(x) is wanted for x in xs):
            shape = (*xs[0].shape[:axis], len(xs), *xs[0].shape[axis:])
            return laid_out_in(joined(xs, axis), wanted).reshape(shape)
        if axis == 0 and [x.__class__ for x in xs].count(np.ndarray) == len(xs):
            few = len(xs) * xs[0].size < tuning.POINTWISE_LARGE
            return np.array(xs) if few else joined([x[None] for x in xs], 0)  # the first: in a call for all
        return in_order(np.stack(xs, axis=axis))

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        before = (slice(None),) * self.axis
        return tuple(grad[(*before, i)] for i in range(self.count))


def in_one_dtype(tensors: Sequence[Any]) -> list[Any]:
    """The tensors in the dtype that holds them all.

    >>> import metagrad
    >>> [x.dtype for x in in_one_dtype([metagrad.tensor([1]), metagrad.tensor([0.5])])]
    [metagrad.float32, metagrad.float32]
    """
    kinds = [x.array.dtype for x in tensors]
    if kinds.count(kinds[0]) == len(kinds):
        return list(tensors)
    kind = result_type(*tensors)
    return [cast_to(x, kind) for x in tensors]


def _sequence(name: str, tensors: Sequence[Operand], empty: type[Exception] = RuntimeError) -> list[Tensor]:
    """The tensors of a sequence, of which there must be one at the least."""
    if isinstance(tensors, Variable):
        raise TypeError(f"{name}(): expected a tuple or list of tensors, got one tensor: put it into a list")
    given = list(tensors)
    if given and all(isinstance(x, Variable) for x in given):
        return cast("list[Tensor]", given)
    for i, x in enumerate(given):
        if isinstance(x, (int, float, complex, str, list)) or x is None:
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}: make one with tensor()"
            )
    if not given:
        raise empty(f"{name} expects a non-empty TensorList: expected a non-empty list of Tensors")
    return [as_tensor(x) for x in given]


@takes_out_by(apart=True, error=TypeError)
def cat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors one after the other along ``dim``; the other extents must agree. Empty 1-D tensors are skipped.

    The dtype is the one that holds them all. Raises RuntimeError if other extents differ, or for a tensor without
    dimensions.

    >>> import metagrad
    >>> metagrad.cat([metagrad.tensor([1, 2]), metagrad.tensor([3])])
    tensor([1, 2, 3])
    """
    xs = in_one_dtype(_sequence("cat", tensors, empty=ValueError))
    shapes = [x.array.shape for x in xs]
    are_alike = shapes.count(shapes[0]) == len(shapes)
    if are_alike and shapes[0] not in ((), (0,)):  # as most often: there is nothing more to see to
        return Cat.apply(*xs, axis=dimension(dim, len(shapes[0])))
    number = next((i for i, x in enumerate(xs) if not x.array.ndim), None)
    if number is not None:
        raise RuntimeError(f"zero-dimensional tensor (at position {number}) cannot be concatenated: use stack()")
    used = [x for x in xs if x.array.shape != (0,)] or xs[:1]
    first = used[0].array.shape
    axis = 0 if first == (0,) and len(xs) > 1 else dimension(dim, len(first))
    for i, x in enumerate(used):
        shape = x.array.shape
        if len(shape) != len(first):
            raise RuntimeError(
                f"cat: Tensors must have same number of dimensions: got {len(first)} and {len(shape)}: tensor 0 is {tuple(first)}, "
                f"tensor {i} is {tuple(shape)}"
            )
        for d, (a, b) in enumerate(zip(first, shape, strict=True)):
            if a != b and d != axis:
                raise RuntimeError(
                    f"cat: Sizes of tensors must match except in dimension {axis}. Expected size {a} but got size {b} for tensor "
                    f"number {i} in the list."
                )
    return Cat.apply(*xs, axis=axis)


concat = concatenate = cat


@takes_out_by(apart=True, error=TypeError)
def stack(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Tensors of one shape along a new dimension ``dim``.

    n tensors (*) become (*, n, *). Raises RuntimeError if shapes differ, or for no tensors.

    >>> import metagrad
    >>> metagrad.stack([metagrad.tensor([1, 2]), metagrad.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    given = _sequence("stack", tensors)
    shapes = [x.array.shape for x in given]
    first = shapes[0]
    if shapes.count(first) != len(shapes):
        i, other = next((i, shape) for i, shape in enumerate(shapes) if shape != first)
        raise RuntimeError(
            f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and {list(other)} at entry {i}"
        )
    return Stack.apply(*in_one_dtype(given), axis=dimension(dim, given[0].array.ndim + 1))


def _each(function: Callable[[Any], Any], tensors: tuple[Any, ...]) -> Tensor | tuple[Tensor, ...]:
    """The function of one tensor; or a tuple, for several tensors or one sequence of them."""
    if len(tensors) == 1 and not isinstance(tensors[0], (tuple, list)):
        return function(tensors[0])
    return tuple(function(x) for x in (tensors[0] if len(tensors) == 1 else tensors))


@asks_for_tensors
def atleast_1d(*tensors: Tensor | Sequence[Tensor]) -> Any:
    """0-d tensors as vectors of one element, others as they are; a tuple for several tensors. Views.

    >>> import metagrad
    >>> metagrad.atleast_1d(metagrad.tensor(2.0))
    tensor([2.])
    """
    return _each(lambda x: x if x.array.ndim else reshape(x, 1), tensors)


@asks_for_tensors
def atleast_2d(*tensors: Tensor | Sequence[Tensor]) -> Any:
    """Vectors (n) as rows (1, n), 0-d tensors as (1, 1), others as they are. Views.

    >>> import metagrad
    >>> metagrad.atleast_2d(metagrad.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return _each(lambda x: x if x.array.ndim > 1 else unsqueeze(x, 0) if x.array.ndim else reshape(x, 1, 1), tensors)


@asks_for_tensors
def atleast_3d(*tensors: Tensor | Sequence[Tensor]) -> Any:
    """Matrices (m, n) as (m, n, 1), vectors (n) as (1, n, 1), 0-d tensors as (1, 1, 1), others as they are. Views.

    >>> import metagrad
    >>> metagrad.atleast_3d(metagrad.zeros(2, 3)).shape, metagrad.atleast_3d(metagrad.zeros(2)).shape
    (metagrad.Size([2, 3, 1]), metagrad.Size([1, 2, 1]))
    """
    return _each(lambda x: x if x.array.ndim > 2 else unsqueeze(atleast_2d(x), 2), tensors)


@takes_out_by(apart=True, error=TypeError)
def hstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Side by side: vectors one after the other, others along their second dimension.

    Raises RuntimeError for no tensors, or if other extents differ.

    >>> import metagrad
    >>> metagrad.hstack((metagrad.tensor([1, 2]), metagrad.tensor([3])))
    tensor([1, 2, 3])
    """
    xs = [atleast_1d(x) for x in _sequence("hstack", tensors)]
    return cat(xs, 0 if xs[0].array.ndim == 1 else 1)


@takes_out_by(apart=True, error=TypeError)
def vstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """One above the other: vectors are rows, others are joined along their first dimension.

    Raises RuntimeError for no tensors, or if other extents differ.

    >>> import metagrad
    >>> metagrad.vstack((metagrad.tensor([1, 2]), metagrad.tensor([3, 4])))
    tensor([[1, 2],
            [3, 4]])
    """
    return cat([atleast_2d(x) for x in _sequence("vstack", tensors)], 0)


row_stack = vstack


@takes_out_by(apart=True, error=TypeError)
def dstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """One behind the other, along a third dimension: (m, n) counts as (m, n, 1), (n) as (1, n, 1).

    Raises RuntimeError for no tensors, or if other extents differ.

    >>> import metagrad
    >>> metagrad.dstack((metagrad.tensor([1, 2]), metagrad.tensor([3, 4])))
    tensor([[[1, 3],
             [2, 4]]])
    """
    return cat([atleast_3d(x) for x in _sequence("dstack", tensors)], 2)


@takes_out_by(apart=True, error=TypeError)
def column_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Side by side: vectors are columns, others are joined along their second dimension.

    Raises RuntimeError for no tensors, or if other extents differ.

    >>> import metagrad
    >>> metagrad.column_stack((metagrad.tensor([1, 2]), metagrad.tensor([3, 4])))
    tensor([[1, 3],
            [2, 4]])
    """
    given = _sequence("column_stack", tensors)
    return hstack([x if x.array.ndim > 1 else reshape(x, x.array.size, 1) for x in given])


class BlockDiagonal(Function):
    """y has the matrices x₁, x₂, … along its diagonal, zeros elsewhere;   ∂L/∂xᵢ is the part of ∂L/∂y where xᵢ stands."""

    def forward(self, *xs: Array) -> Array:
        rows, columns = (list(itertools.accumulate((x.shape[d] for x in xs), initial=0)) for d in (0, 1))
        self.blocks = [
            (slice(row, row + x.shape[0]), slice(column, column + x.shape[1]))
            for row, column, x in zip(rows, columns, xs, strict=False)
        ]
        y = np.zeros((rows[-1], columns[-1]), xs[0].dtype, like=xs[0])
        for block, x in zip(self.blocks, xs, strict=True):
            y[block] = x
        return y

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        return tuple(grad[block] for block in self.blocks)


@asks_for_tensors
def block_diag(*tensors: Operand) -> Tensor:
    """A matrix with the given ones along its diagonal and zeros elsewhere; vectors count as rows, numbers as (1, 1).

    Raises RuntimeError for three or more dimensions.

    >>> import metagrad
    >>> metagrad.block_diag(metagrad.tensor([1, 2]), metagrad.tensor(3))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    given = [as_tensor(x) for x in tensors]
    if not given:
        return finished(np.zeros((1, 0), np.float32))
    for i, x in enumerate(given):
        if x.array.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {x.array.ndim} dimensions"
            )
    return BlockDiagonal.apply(*[atleast_2d(x) for x in in_one_dtype(given)])
