"""Embedding: the rows of a table by their numbers; and one-hot vectors, numbers as rows with a single 1."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.function import Function
from metagrad.autograd.variable import wrap
from metagrad.autograd.writing import bump
from metagrad.base import naming
from metagrad.base.dtypes import scalar_name
from metagrad.base.typing import Array
from metagrad.base.warning import warn
from metagrad.kernels.gathering import is_outside
from metagrad.kernels.selection import select
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.index.at import add_rows, taken
from metagrad.ops.operands import tensor_of

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


class Lookup(Function):
    """y[i] = w[tokens[i]], rows of a table;   ∂L/∂w adds up the ∂L/∂y of every position a row was used at.

    w (V, D), tokens (*): y (*, D). The row ``padding_idx`` gets no gradient.
    """

    def forward(self, w: Array, tokens: Array, padding_idx: int | None) -> Array:
        self.tokens, self.padding_idx, self.rows = tokens, padding_idx, w.shape[0]
        return taken(w, tokens)

    def backward(self, grad: Array) -> tuple[Array, None]:
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

    def backward(self, grad: Array) -> Array:
        found = Lookup.on(grad, self.tokens, padding_idx=self.padding_idx)
        return found if self.padding_idx is None else select((self.tokens == self.padding_idx)[..., None], 0.0, found)


@asks_for_tensors
@guarding("input")
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
    is divided by how often it was used. Raises IndexError if a token is out of range, RuntimeError if it is neither int32 nor
    int64. Floats that are whole numbers are taken, with a warning, for the integers they are (docs/series.md),
    but not under the name ``torch``.

    >>> import metagrad
    >>> metagrad.nn.functional.embedding(metagrad.tensor([1, 0]), metagrad.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    tokens, rows = tokens_of(input, weight), weight.array.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise AssertionError(f"Padding_idx must be within num_embeddings: got {padding_idx} for {rows} rows")
        padding_idx %= rows
    if max_norm is not None:
        _limit_rows(weight, tokens, max_norm, norm_type)
    out = Lookup.apply(weight, tokens, padding_idx=padding_idx)
    if scale_grad_by_freq and tokens.size:
        counts = np.bincount(tokens.reshape(-1), minlength=rows)[tokens][..., None]
        share = wrap((1 / counts).astype(out.array.dtype))
        out = out * share + (out * (1 - share)).detach()
    return out


def tokens_of(input: Tensor, weight: Tensor) -> Array:
    """The rows of a table that are named. Raises as ``embedding`` does.

    >>> import metagrad
    >>> tokens_of(metagrad.tensor([1]), metagrad.zeros(2, 3))
    array([1])
    """
    if weight.array.ndim != 2:
        raise RuntimeError(f"embedding: 'weight' must be 2-D, (V, D), got shape {tuple(weight.shape)}")
    tokens, rows = _whole(tensor_of(input).array), weight.array.shape[0]
    if is_outside(tokens, rows):
        raise IndexError(
            f"index out of range in self: tokens go from {tokens.min()} to {tokens.max()}, the table has {rows} rows"
        )
    return tokens


def _whole(tokens: Array) -> Array:
    """Tokens as integers. RuntimeError if they are none."""
    if tokens.dtype.kind == "i" and tokens.dtype.itemsize >= 4:
        return tokens
    strict = naming.package == "torch"  # what runs under PyTorch's name is refused what PyTorch refuses
    if strict or tokens.dtype.kind != "f" or not (tokens == np.rint(tokens)).all():
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{naming.package}.{scalar_name(tokens.dtype)}Tensor instead (while checking arguments for embedding): use .long()"
        )
    warn(f"embedding: tokens are integers, got {tokens.dtype}: use .long()", UserWarning)
    return tokens.astype(np.int64)


def _limit_rows(weight: Tensor, tokens: Array, max_norm: float, norm_type: float) -> None:
    used = np.unique(tokens)
    rows = weight.array[used]
    rows = rows.astype(np.float32) if rows.dtype.char in "eE" else rows
    norms = (np.abs(rows) ** norm_type).sum(axis=1, keepdims=True) ** (1 / norm_type)
    weight.array[used] = np.where(norms > max_norm, rows * (max_norm / (norms + 1e-7)), rows)
    bump(weight)


@asks_for_tensors
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Class numbers (*) as rows (*, C) with a 1 at the class, else 0; C is the largest class + 1 if not given.

    Raises RuntimeError unless they are int64, not negative, and smaller than C.

    >>> import metagrad
    >>> metagrad.nn.functional.one_hot(metagrad.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    a, num_classes = tensor.array, operator.index(num_classes)
    if a.dtype != np.int64:
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor (int64), got {tensor.dtype}")
    if a.size == 0 and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    count = int(a.max()) + 1 if num_classes == -1 else num_classes
    if is_outside(a, count):
        wrong = "non-negative" if a.min() < 0 else "smaller than num_classes"
        raise RuntimeError(f"Class values must be {wrong}: they go from {a.min()} to {a.max()}, num_classes is {count}")
    if not isinstance(a, np.ndarray):
        return wrap((a[..., None] == np.arange(count, like=a)).astype(np.int64))
    rows = np.zeros((a.size, count), np.int64)
    rows[np.arange(a.size), a.reshape(-1)] = 1
    return wrap(rows.reshape((*a.shape, count)))
