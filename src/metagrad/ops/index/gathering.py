"""Elements taken from and put at the indices that a tensor names along a dimension: gather, scatter, index_select."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.function import Function
from metagrad.autograd.node_names import known_as, named
from metagrad.autograd.variable import Variable
from metagrad.base.typing import Array, Operand
from metagrad.base.warning import warn_once
from metagrad.kernels.gathering import IndexAlong, is_outside
from metagrad.ops.arguments import dimension, takes_exact_out, takes_out_by
from metagrad.ops.dtype_checks import need_indices
from metagrad.ops.fitting import fitting
from metagrad.ops.index.at import combine_at
from metagrad.ops.index.indexing import Gather, Put, PutAdd, getitem
from metagrad.ops.operands import as_tensor, converted, tensor_of
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.shape.views import reshape, shaped

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["gather", "index_select", "scatter", "scatter_add"]


class PutMultiply(Function):
    """y = x, then y[index] *= v, as often as an index is named.

    ∂L/∂x = ∂L/∂y · y / x and ∂L/∂v = (∂L/∂y · y)[index] / v, where a factor that is 0 is left out rather than divided by.
    """

    def forward(self, x: Array, v: Array, index: Array | tuple[Array, ...]) -> Array:
        y = x.copy()
        combine_at(np.multiply, y, index, v)
        if not any(self.needs):
            return y
        self.index = index
        self.zero = v == 0
        zeros = np.zeros(x.shape, np.int64, like=x)
        combine_at(np.add, zeros, index, self.zero)
        self.only_zero = self.zero & (zeros[index] == 1)
        self.save(x, v, y)
        return y

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        x, v, y = self.saved
        for_x = None
        if self.needs[0]:
            rest = np.where(x == 0, 1, x)
            for_x = grad * conj(PutMultiply.on(rest, v, index=self.index) / rest)
        if not self.needs[1]:
            return for_x, None
        without = PutMultiply.on(x, np.where(self.only_zero, 1, v), index=self.index)
        at_zero = Gather.on(grad * conj(without), index=self.index)
        elsewhere = Gather.on(grad * conj(y), index=self.index) / conj(np.where(self.zero, 1, v))
        return for_x, np.where(self.only_zero, at_zero, elsewhere)


_REDUCES: dict[str | None, type[Function]] = {None: Put, "add": PutAdd, "multiply": PutMultiply}


@takes_out_by(exactly=True, apart=True)
@guarding("input", "index")
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None) -> Tensor:
    """y[i][j] = input[index[i][j]][j] for dim 0, input[i][index[i][j]] for dim 1, and so on.

    input and index have as many dimensions; the result (dtype of input) has the index's shape. Raises RuntimeError for
    an index that is out of bounds, or larger than input in another dimension.

    >>> import metagrad
    >>> metagrad.gather(metagrad.tensor([[1, 2], [3, 4]]), 1, metagrad.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    index = tensor_of(index)
    if not index.array.size:  # of any number of dimensions, in PyTorch
        dimension(dim, input.array.ndim)
        return Gather.apply(input.reshape(-1), index=(index.array,))
    axis, grid = along("gather", input, dim, index)
    return named(shaped(Gather.apply(in_one_dimension(input), index=grid), index.array.shape), "Gather")


@takes_out_by(exactly=True, apart=True)
@known_as("IndexSelect")
@guarding("index")
def index_select(input: Tensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The slices of dimension ``dim`` that a vector of integers names, in its order. A copy.

    (*, n, *) becomes (*, k, *) for k indices. Raises IndexError for one that is out of range.

    >>> import metagrad
    >>> metagrad.index_select(metagrad.tensor([[1, 2], [3, 4]]), 1, metagrad.tensor([1, 1, 0]))
    tensor([[2, 2, 1],
            [4, 4, 3]])
    """
    index = tensor_of(index)
    if index.array.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    need_indices("index_select", index)
    axis = dimension(dim, input.array.ndim)
    rows = index.array.reshape(-1)
    n = input.array.shape[axis] if input.array.ndim else 1
    if is_outside(rows, n):
        raise IndexError(
            f"index out of range in self: indices go from {rows.min()} to {rows.max()}, dimension {axis} has size {n}"
        )
    if not input.array.ndim:
        if rows.size != 1:
            raise RuntimeError(f"index_select(): a tensor without dimensions has one element, got {rows.size} indices")
        return input.clone()
    return named(Gather.apply(input, index=(*[slice(None)] * axis, rows)), "IndexSelect")


@takes_exact_out
@guarding("index")
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Operand | None = None,
    *,
    value: Operand | None = None,
    reduce: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """A copy of ``input`` with ``copy[index[i][j]][j] = src[i][j]`` for dim 0, and so on; src may be a number.

    Raises RuntimeError for an index out of bounds or larger than src, a number that does not fit the dtype, and if the dtypes
    differ.

    >>> import metagrad
    >>> metagrad.zeros(2, 3).scatter(1, metagrad.tensor([[0], [2]]), 1.0)
    tensor([[1., 0., 0.],
            [0., 0., 1.]])
    """
    if reduce not in _REDUCES:
        raise RuntimeError(f"scatter(): reduce argument must be either add or multiply, got {reduce!r}")
    given = value if src is None else src
    if reduce is not None and isinstance(given, Variable):
        warn_once("scatter(): reduce= with a tensor is deprecated: scatter_reduce() has more reductions")
    if isinstance(given, Variable) and given.array.dtype != input.array.dtype:
        raise RuntimeError(
            f"scatter(): Expected self.dtype to be equal to src.dtype, got {input.dtype} and {given.dtype}"
        )
    if given is not None and not isinstance(given, (Variable, np.ndarray)):
        given = fitting(given, input.dtype)
    kind = (0 if isinstance(given, Variable) else 1) + (0 if reduce is None else 2)
    return named(scattered(_REDUCES[reduce].apply, input, dim, index, given), f"ScatterBackward{kind}")


@takes_exact_out
@guarding("index", needed_by="src")
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of ``input`` with ``copy[index[i][j]][j] += src[i][j]`` for dim 0, and so on; repeated indices add up.

    Raises RuntimeError for an index out of bounds or larger than src, and if the dtypes differ.

    >>> import metagrad
    >>> metagrad.zeros(3).scatter_add(0, metagrad.tensor([0, 2, 0]), metagrad.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    if src.dtype != input.dtype:
        raise RuntimeError(
            f"scatter(): Expected self.dtype to be equal to src.dtype, got {input.dtype} and {src.dtype}"
        )
    return named(scattered(PutAdd.apply, input, dim, index, src), "ScatterAdd")


def scattered(combine: Callable[..., Tensor], input: Tensor, dim: int, index: Tensor, src: Operand | None) -> Tensor:
    """``combine(input, src, index=...)`` with the part of ``src`` that the index has room for.

    Tensors without dimensions count as vectors of one element, as everywhere along a dimension.

    >>> import metagrad
    >>> scattered(Put.apply, metagrad.zeros(3), 0, metagrad.tensor(1), metagrad.tensor(5.0))
    tensor([0., 5., 0.])
    """
    if not index.array.size:
        dimension(dim, input.array.ndim)
        return input.clone()
    if isinstance(src, Variable) and max(src.array.ndim, 1) != max(index.array.ndim, 1):
        raise RuntimeError(
            f"scatter(): Index tensor must have the same number of dimensions as src tensor: {index.array.ndim} and "
            f"{src.array.ndim}"
        )
    try:
        axis, grid = along("scatter", input, dim, index)
        if isinstance(src, Variable):
            src = in_one_dimension(as_tensor(src))
            check_no_larger(index, src)
    except RuntimeError as error:
        raise _too_large(error, input, dim, index, src) from None
    if isinstance(src, Variable):
        extents = tuple(index.array.shape) or (1,)
        src = getitem(src, tuple(slice(0, n) for n in extents))
    else:
        src = converted(src, input.dtype)
    return in_shape(combine(in_one_dimension(input), src, index=grid), tuple(input.array.shape))


def in_shape(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A vector of one element in the shape of a tensor without dimensions again; others are as they were.

    >>> import metagrad
    >>> in_shape(metagrad.tensor([5.0]), ())
    tensor(5.)
    """
    return x if x.array.shape == shape else named(reshape(x, shape), x._node.name() if x._node else "")


def in_one_dimension(x: Tensor) -> Tensor:
    """A tensor without dimensions as a vector, others as they are.

    >>> import metagrad
    >>> in_one_dimension(metagrad.tensor(5.0))
    tensor([5.])
    """
    return x if x.array.ndim else reshape(x, 1)


def along(function: str, input: Tensor, dim: int, index: Tensor) -> tuple[int, tuple[Array, ...]]:
    """An index for ``input[...]`` that runs along one dimension at ``index`` and keeps its position in the others.

    An index, or an input, without dimensions counts as a vector of one element.

    Raises RuntimeError for an index of another number of dimensions, out of bounds, or not of integers.

    >>> import metagrad
    >>> along("gather", metagrad.zeros(3, 2), 0, metagrad.tensor([[2, 0]]))
    (0, (array([[2, 0]]), array([[0, 1]])))
    """
    axis, i = dimension(dim, input.array.ndim), index.array
    need_indices(function, index)
    whose = "input" if function == "gather" else "self"
    shape = tuple(input.array.shape)
    if i.ndim != len(shape) and not (i.ndim <= 1 and len(shape) <= 1):
        raise RuntimeError(
            f"{function}(): Index tensor must have the same number of dimensions as {whose} tensor: {i.ndim} and {len(shape)}"
        )
    check_no_larger(index, input, axis)
    if is_outside(i, shape[axis] if shape else 1):
        size = shape[axis] if shape else 1
        wrong = i.max() if i.max() >= size else i.min()
        raise RuntimeError(f"index {wrong} is out of bounds for dimension {axis} with size {size}, in {function}()")
    i = i if i.ndim else i.reshape(1)
    grid = list(np.indices(i.shape, sparse=True)) if isinstance(i, np.ndarray) else _grid(i)
    grid[axis] = i
    return axis, IndexAlong.of(grid, axis)


def _too_large(error: RuntimeError, input: Tensor, dim: int, index: Tensor, src: object) -> RuntimeError:
    """What to raise where an index of scatter is larger than the tensor or its source; another error as it is."""
    if "to be no larger than" not in str(error):
        return error
    beside = f" and to be no larger size than src {list(src.shape)}" if isinstance(src, Variable) else ""
    said = (
        f"Expected index {list(index.shape)} to be no larger than self {list(input.shape)} apart from dimension {dim}"
    )
    return RuntimeError(f"{said}{beside}: {error}")


def _grid(i: Array) -> list[Array]:
    return [np.arange(n, like=i).reshape((1,) * d + (n,) + (1,) * (i.ndim - d - 1)) for d, n in enumerate(i.shape)]


def check_no_larger(index: Tensor, than: Tensor, apart_from: int | None = None) -> None:
    """Raise RuntimeError if an index is larger than a tensor in some dimension, ``apart_from`` one.

    >>> import metagrad
    >>> check_no_larger(metagrad.zeros(9, 2), metagrad.zeros(3, 2), apart_from=0)
    """
    for d, (n, m) in enumerate(zip(index.array.shape, than.array.shape, strict=False)):
        if d != apart_from and n > m:
            exception = "" if apart_from is None else f" apart from dimension {apart_from}"
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index.shape)} to be no larger than self "
                f"{list(than.shape)}{exception}"
            )
