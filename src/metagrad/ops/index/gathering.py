"""Elements picked and placed by index tensors or masks: gather, scatter, index_select, masked_fill, embedding, one_hot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Array, Variable, unwrap, wrap
from metagrad.base import dtypes
from metagrad.ops.create.creation import fitting
from metagrad.ops.index.indexing import Gather, Put, PutAdd, add_rows, getitem
from metagrad.ops.operands import accepts_axis, as_tensor, converted, dimension, result_type
from metagrad.ops.out import takes_exact_out, takes_out
from metagrad.ops.pointwise.clamping import where
from metagrad.ops.shape.views import broadcast_shapes

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["argwhere", "gather", "index_select", "masked_fill", "masked_select", "nonzero", "scatter", "scatter_add"]


class Lookup(Function):
    """y[i] = w[tokens[i]], rows of a table;   ∂L/∂w adds up the ∂L/∂y of every place a row was used.

    w (V, D), tokens (*): y (*, D). The row ``padding_idx`` gets no gradient.
    """

    def forward(self, w: Array, tokens: Array, padding_idx: int | None) -> Array:
        self.tokens, self.padding_idx, self.rows = tokens, padding_idx, w.shape[0]
        return w[tokens]

    def backward(self, grad: Any) -> Any:
        return AddRows.on(grad, tokens=self.tokens, rows=self.rows, padding_idx=self.padding_idx), None


class AddRows(Function):
    """The transpose of ``Lookup``: y[r] = Σ of the rows x[i] with tokens[i] = r."""

    def forward(self, x: Array, tokens: Array, rows: int, padding_idx: int | None) -> Array:
        self.tokens, self.padding_idx = tokens, padding_idx
        y = np.zeros((rows, x.shape[-1]), x.dtype, like=x)
        if tokens.size:
            add_rows(y, tokens.reshape(-1), x.reshape(tokens.size, x.shape[-1]))
        if padding_idx is not None:
            y[padding_idx] = 0
        return y

    def backward(self, grad: Any) -> Any:
        return Lookup.on(grad, self.tokens, padding_idx=self.padding_idx)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of ``weight`` that ``input`` names: a table of vectors, looked up.

    input (*) integers in [0, V), weight (V, D): result (*, D). padding_idx: a row that gets no gradient. max_norm: rows
    looked up are first scaled down, in place, to at most this ``norm_type``-norm. scale_grad_by_freq: a row's gradient
    is divided by how often it was used. Raises if a token is out of range.

    >>> import metagrad
    >>> metagrad.nn.functional.embedding(metagrad.tensor([1, 0]), metagrad.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    if weight.array.ndim != 2:
        raise RuntimeError(f"embedding: 'weight' must be 2-D, (V, D), got shape {tuple(weight.shape)}")
    tokens, rows = input.array, weight.array.shape[0]
    if tokens.dtype.kind not in "iu":
        raise RuntimeError(f"embedding: tokens must be integers, got {input.dtype}")
    if tokens.size and (tokens.min() < 0 or tokens.max() >= rows):
        raise IndexError(
            f"embedding: index out of range: tokens go from {tokens.min()} to {tokens.max()}, the table has {rows} rows"
        )
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise RuntimeError(f"Padding_idx must be within num_embeddings: got {padding_idx} for {rows} rows")
        padding_idx %= rows
    if max_norm is not None:
        _limit_rows(weight, tokens, max_norm, norm_type)
    out = Lookup.apply(weight, tokens, padding_idx=padding_idx)
    if scale_grad_by_freq and tokens.size:
        counts = np.bincount(tokens.reshape(-1), minlength=rows)[tokens][..., None]
        share = wrap((1 / counts).astype(out.array.dtype))
        out = out * share + (out * (1 - share)).detach()
    return out


def _limit_rows(weight: Any, tokens: Array, max_norm: float, norm_type: float) -> None:
    used = np.unique(tokens)
    rows = weight.array[used]
    norms = (np.abs(rows) ** norm_type).sum(axis=1, keepdims=True) ** (1 / norm_type)
    weight.array[used] = np.where(norms > max_norm, rows * (max_norm / (norms + 1e-7)), rows)
    weight._counter[0] += 1


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Class numbers (*) as rows (*, C) with a 1 at the class, else 0; C is the largest class + 1 if not given.

    >>> import metagrad
    >>> metagrad.nn.functional.one_hot(metagrad.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    a = tensor.array
    if a.dtype != np.int64:
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor (int64), got {tensor.dtype}")
    if a.size == 0 and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    count = int(a.max()) + 1 if num_classes == -1 else num_classes
    if a.size and (a.min() < 0 or a.max() >= count):
        raise RuntimeError(f"Class values must be non-negative and smaller than num_classes ({count})")
    return wrap((a[..., None] == np.arange(count, like=a)).astype(np.int64))


def along(input: Any, dim: int, index: Any) -> tuple[int, tuple[Array, ...]]:
    """An index for ``input[...]`` that runs along one dimension at ``index`` and keeps its place in the others."""
    axis, i = dimension(dim, input.array.ndim), index.array
    if i.dtype.kind not in "iu":
        raise RuntimeError(f"expected an integer index tensor (int64), got {index.dtype}")
    shape = tuple(input.array.shape)
    if i.ndim != len(shape) and not (i.ndim <= 1 and len(shape) <= 1):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as input tensor: {i.ndim} and {len(shape)}"
        )
    if i.size and (i.min() < 0 or i.max() >= (shape[axis] if shape else 1)):
        raise RuntimeError(
            f"index out of bounds: indices go from {i.min()} to {i.max()}, "
            f"dimension {axis} has size {shape[axis] if shape else 1}"
        )
    grid = list(np.indices(i.shape, sparse=True)) if isinstance(i, np.ndarray) else _grid(i)
    if i.ndim:
        grid[axis] = i
    return axis, tuple(grid)


def _grid(i: Array) -> list[Array]:
    return [np.arange(n, like=i).reshape((1,) * d + (n,) + (1,) * (i.ndim - d - 1)) for d, n in enumerate(i.shape)]


@accepts_axis
@takes_exact_out
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """y[i][j] = input[index[i][j]][j] for dim 0, input[i][index[i][j]] for dim 1, and so on.

    >>> import metagrad
    >>> metagrad.gather(metagrad.tensor([[1, 2], [3, 4]]), 1, metagrad.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    if not index.array.size:  # of any number of dimensions, in PyTorch
        return Gather.apply(input.reshape(-1), index=(index.array,))
    axis, grid = along(input, dim, index)
    check_no_larger(index, input, axis)
    if not input.array.ndim:
        return input.expand(tuple(index.shape)).clone()
    return Gather.apply(input, index=grid)


def check_no_larger(index: Any, than: Any, apart_from: int | None = None) -> None:
    for d, (n, m) in enumerate(zip(index.array.shape, than.array.shape, strict=False)):
        if d != apart_from and n > m:
            exception = "" if apart_from is None else f" apart from dimension {apart_from}"
            raise RuntimeError(
                f"Size does not match at dimension {d}: expected index {list(index.shape)} to be no larger than "
                f"{list(than.shape)}{exception}"
            )


@accepts_axis
@takes_out
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """A copy of ``input`` with ``copy[index[i][j]][j] = src[i][j]`` for dim 0, and so on; src may be a number."""
    return _scattered(input, dim, index, value if src is None else src, {None: Put, "add": PutAdd}[reduce])


@accepts_axis
@takes_out
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of ``input`` with ``copy[index[i][j]][j] += src[i][j]`` for dim 0, and so on; repeated places add up.

    >>> import metagrad
    >>> metagrad.zeros(3).scatter_add(0, metagrad.tensor([0, 2, 0]), metagrad.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    return _scattered(input, dim, index, src, PutAdd)


def _scattered(input: Tensor, dim: int, index: Tensor, src: Any, op: type[Function]) -> Tensor:
    if not index.array.size:
        return input.clone()
    axis, grid = along(input, dim, index)
    check_no_larger(index, input, axis)
    if isinstance(src, Variable):
        check_no_larger(index, src)
        if src.dtype != input.dtype:
            raise RuntimeError(
                f"scatter(): Expected self.dtype to be equal to src.dtype, got {input.dtype} and {src.dtype}"
            )
        src = getitem(as_tensor(src), tuple(slice(0, n) for n in index.array.shape))
    else:
        src = converted(src, input.dtype)
    return op.apply(input, src, index=grid)


@accepts_axis
@takes_out
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of dimension ``dim`` that a vector of integers names, in its order. A copy."""
    if index.array.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    axis = dimension(dim, input.array.ndim)
    rows = index.array.reshape(-1)
    n = input.array.shape[axis] if input.array.ndim else 1
    if rows.size and (rows.min() < 0 or rows.max() >= n):
        raise IndexError(
            f"index out of range in self: indices go from {rows.min()} to {rows.max()}, dimension {axis} has size {n}"
        )
    if not input.array.ndim:
        return input.clone()
    return Gather.apply(input, index=(*[slice(None)] * axis, rows))


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``value`` where the bool mask holds, ``input`` elsewhere; the mask broadcasts.

    >>> import metagrad
    >>> metagrad.tensor([1.0, 2.0]).masked_fill(metagrad.tensor([True, False]), 0)
    tensor([0., 2.])
    """
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(
            f"masked_fill only supports boolean masks, but got mask with dtype {mask.dtype}: use mask.bool()"
        )
    value = unwrap(value) if not isinstance(value, Variable) else value
    if isinstance(value, Variable) and value.array.ndim:
        raise RuntimeError(f"masked_fill only supports a 0-dimensional value tensor, got shape {tuple(value.shape)}")
    if result_type(value).is_complex and not input.dtype.is_complex:
        raise RuntimeError(f"masked_fill: a complex value cannot be stored in a tensor of {input.dtype}")
    number = converted(value if isinstance(value, Variable) else fitting(value, input.dtype), input.dtype)
    return where(mask, number, input)


@takes_out
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the bool mask holds, in order, in one dimension."""
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {mask.dtype}")
    shape = broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    return getitem(input.expand(shape), mask.expand(shape))


@takes_out
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: (count, ndim), or a tuple of ndim vectors.

    >>> import metagrad
    >>> metagrad.nonzero(metagrad.tensor([0, 5, 7]))
    tensor([[1],
            [2]])
    """
    if input.array.ndim == 0 and not as_tuple:
        return wrap(np.zeros((int(input.array != 0), 0), np.int64))
    found = np.nonzero(input.array.reshape(input.array.shape or (1,)))
    return tuple(wrap(i) for i in found) if as_tuple else wrap(np.stack(found, axis=1))


def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not zero: (count, ndim)."""
    return nonzero(input)
