"""Bags of embeddings, and bilinear forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import free_all, guarding
from metagrad.autograd.function import Function
from metagrad.autograd.node_names import known_as
from metagrad.autograd.variable import wrap
from metagrad.base.typing import Array
from metagrad.base.warning import warn
from metagrad.kernels.gathering import add_scaled_rows
from metagrad.kernels.libraries import filled, is_outside
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.index.embedding import Lookup, embedding, tokens_of
from metagrad.ops.index.gathering import gather
from metagrad.ops.index.scatter_reduce import index_reduce
from metagrad.ops.operands import in_single
from metagrad.ops.pointwise.selection import where

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["embedding_bag"]


@known_as("EmbeddingBag")
@guarding("input", "offsets")
def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None, norm_type: float = 2,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
    per_sample_weights: Tensor | None = None, include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """The sum, mean or maximum of the rows of ``weight`` that each bag of the input names.

    input (B, N), bags of N; or (N) with offsets (B), where each bag begins (and, if ``include_last_offset``, where the last one
    ends). weight (V, D); result (B, D). per_sample_weights, of the input's shape: for mode "sum". What is padding_idx is left
    out. An empty bag is 0. Raises ValueError for an unknown mode or weights of another shape, NotImplementedError for
    weights outside "sum", and AssertionError for a padding_idx that names no row.

    >>> import metagrad
    >>> table = metagrad.tensor([[1.0], [2.0], [4.0]])
    >>> metagrad.nn.functional.embedding_bag(metagrad.tensor([0, 2, 1]), table, metagrad.tensor([0, 2]), mode="sum")
    tensor([[5.],
            [2.]])
    """
    if weight.array.dtype.kind in "iu" and input.array.dtype.kind in "fV":
        warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is deprecated, "
            "and should now be `embedding_bag(input, weight, ...)`."
        )
        input, weight = weight, input
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"mode has to be one of sum, mean or max, got {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got {mode!r})"
        )
    if per_sample_weights is not None and tuple(per_sample_weights.shape) != tuple(input.shape):
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the same "
            f"shape as the input ({input.shape})"
        )
    if per_sample_weights is not None and per_sample_weights.dtype != weight.dtype:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 'per_sample_weights'; but "
            f"type {weight.type()} does not equal {per_sample_weights.type()}"
        )
    refuse("embedding_bag", weight, "biuc")
    names, bag_of, bags = _bags(input, offsets, include_last_offset)
    v = weight.array.shape[0]
    if padding_idx is not None and not -v <= padding_idx < v:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, {-v} through {v - 1}, but got {padding_idx}"
        )
    padding_idx = None if padding_idx is None else padding_idx % v
    if is_outside(names, 0, v):
        wrong = int(np.flatnonzero((names < 0) | (names >= v))[0])
        raise RuntimeError(
            f"Index {wrong} of input takes value {int(names[wrong])} which is not in the valid range [0, {v}): "
            "Expected idx >= 0 && idx < num_embeddings"
        )
    if mode == "max" or max_norm is not None or scale_grad_by_freq:
        table, at = embedding(wrap(names), weight, None, max_norm, norm_type, scale_grad_by_freq, sparse), None
    else:
        table, at = weight, tokens_of(wrap(names), weight)
    kept = slice(None) if padding_idx is None else np.flatnonzero(names != padding_idx)
    at = np.arange(len(names), like=names) if at is None else at
    if per_sample_weights is not None:
        per_sample_weights = per_sample_weights.reshape(-1)[: len(names)][kept]
    return _pooled(table, per_sample_weights, at[kept], bag_of[kept], bags, mode)


class Bags(Function):
    """y[bₙ] += cₙ w[aₙ], for numbers a of rows and b of bags (N);   ∂L/∂w[aₙ] += cₙ ∂L/∂y[bₙ],   ∂L/∂cₙ = w[aₙ] · ∂L/∂y[bₙ]."""

    release = free_all

    def forward(self, w: Array, c: Array, rows: Array, bag_of: Array, bags: int) -> Array:
        self.save(w if self.needs[1] else None, c)
        self.rows, self.bag_of, self.count = rows, bag_of, len(w)
        y = np.zeros((bags, w.shape[1]), w.dtype, like=w)
        add_scaled_rows(y, bag_of, rows, c, w)
        return y

    def backward(self, grad: Array) -> tuple[Array, Array | None]:
        w, c = self.saved
        grad_w = Bags.on(grad, c, rows=self.bag_of, bag_of=self.rows, bags=self.count)
        if not self.needs[1]:
            return grad_w, None
        of_rows, of_bags = (Lookup.on(a, i, padding_idx=None) for a, i in ((w, self.rows), (grad, self.bag_of)))
        return grad_w, (of_rows * of_bags).sum(axis=1)


@in_single
def _pooled(table: Tensor, weights: Tensor | None, rows: Array, bag_of: Array, bags: int, mode: str) -> Tensor:
    """The rows of a table that are in each bag, made one: ``bag_of`` says whose they are."""
    if mode == "max":
        start, values = table.new_zeros((bags, table.array.shape[1])), table[wrap(rows)]
        found = index_reduce(start, 0, wrap(bag_of), values.detach(), "amax", include_self=False)
        if values.requires_grad and len(rows):  # of equal rows the gradient goes to the first
            is_found = (values == found[wrap(bag_of)]) | (values != values)
            places = where(is_found, wrap(np.arange(len(rows), like=rows)[:, None]), len(rows))
            first = index_reduce(start.long(), 0, wrap(bag_of), places, "amin", include_self=False)
            found = gather(values, 0, first)
        elif values.requires_grad:
            found = found + values.sum()  # 0, with a gradient
        has_rows = np.bincount(bag_of, minlength=bags) > 0
        return where(wrap(has_rows[:, None]), found, 0.0)
    ones = filled(len(rows), 1, table.array.dtype, table.array)
    total = Bags.apply(table, ones if weights is None else weights, rows=rows, bag_of=bag_of, bags=bags)
    if mode == "sum":
        return total
    counts = np.maximum(np.bincount(bag_of, minlength=bags), 1)
    return total / wrap(counts[:, None]).to(total.dtype)


def _bags(input: Tensor, offsets: Tensor | None, include_last: bool) -> tuple[Any, Any, int]:
    """The rows that are named, the bag each is in, and how many bags there are."""
    a = input.array
    for names in (input, offsets):
        if names is not None and names.array.dtype.char not in "ilq":
            raise RuntimeError(
                "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
                f"{names.type()} instead (while checking arguments for embedding_bag)"
            )
    if a.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. "
                f"However, found offsets of type {type(offsets)}"
            )
        return a.reshape(-1), np.repeat(np.arange(a.shape[0], like=a), a.shape[1]), a.shape[0]
    if a.ndim != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {a.ndim}")
    if offsets is None or offsets.array.ndim != 1:
        found = "None" if offsets is None else f"a {offsets.array.ndim}D one"
        raise ValueError(f"offsets has to be a 1D Tensor but got {found}")
    begins = offsets.array
    if include_last and not begins.size:
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    if begins.size and int(begins[0]) != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got "
            f"{begins[0]}"
        )
    if begins.size and begins[-1] > a.size:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {a.size} but got offsets[-1] of {begins[-1]}"
        )
    bags = begins.size - 1 if include_last else begins.size
    end = int(begins[-1]) if include_last else a.size
    ends = np.concatenate([begins[1:bags], filled(1, end, begins.dtype, begins)])
    lengths = ends - begins[:bags] if bags else np.zeros(0, np.int64, like=a)
    try:
        return a[: int(lengths.sum())], np.repeat(np.arange(bags, like=a), lengths), bags
    except ValueError as error:
        raise RuntimeError(f"offsets must not fall: bags begin one after the other, got {begins.tolist()}") from error
