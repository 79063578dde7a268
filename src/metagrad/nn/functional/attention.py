"""Attention: each query gets the mean of the values, weighted by how well their keys match it (Vaswani et al. 2017).

``plain_attention`` spells it out in ordinary ops; ``Attention`` is the same as one op on the kernel of
``kernels/attention.py``. Letters: N sequences, H heads, L queries, S keys, E their width, V the values' width.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.autograd.composites import composite
from metagrad.autograd.errors import FREED
from metagrad.autograd.function import Function
from metagrad.autograd.mode import mode
from metagrad.autograd.node_names import named
from metagrad.autograd.variable import wrap
from metagrad.base.dtypes import bool_, cpp_name, float32, float64
from metagrad.base.typing import Array, DTypeLike
from metagrad.kernels import attention as kernel
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.create.random import draws_own_numbers, numpy_generator, source
from metagrad.ops.operands import in_single
from metagrad.ops.reduce.softmax import softmax
from metagrad.ops.shape.broadcasting import broadcast_shapes
from metagrad.ops.shape.copying import contiguous
from metagrad.tensors.tensor import Tensor

__all__ = ["scaled_dot_product_attention"]


def plain_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    causal: bool,
    scale: float,
    p: float,
    drawn: int | Array = 0,
) -> Tensor:
    """softmax(q kᵀ · scale + mask) v, with the rows that may look nowhere 0. The whole L x S matrix is made.

    drawn: the seed of the kernel's own streams for dropout, or what it keeps of the matrix.
    """
    scores = query @ key.transpose(-2, -1) * scale
    rows, keys = scores.shape[-2:]
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), -math.inf) if mask.array.dtype.kind == "b" else scores + mask
    if causal:
        above = np.arange(keys) > np.arange(rows)[:, None]
        scores = scores.masked_fill(scores.new_tensor(above, dtype="bool"), -math.inf)
    blind = (scores == -math.inf).all(-1, keepdim=True)
    weights = softmax(scores.masked_fill(blind, 0.0), -1).masked_fill(blind, 0.0)
    if p:
        shape, dtype = tuple(weights.shape), weights.array.dtype
        if isinstance(drawn, int):
            scales = dropout_scales(shape, causal, p, drawn, dtype)
        else:
            scales = drawn.astype(dtype) / (1 - p)
        weights = weights * wrap(scales).to(weights.device)
    return weights @ value


def dropout_scales(shape: tuple[int, ...], causal: bool, p: float, seed: int, dtype: DTypeLike) -> Array:
    """The factors that the kernel draws block by block, as one array."""
    whole = np.zeros((*_lead_of_two(shape[:-2]), *shape[-2:]), dtype)
    settings = kernel.Settings(1.0, dropout=p, drawn=seed)
    for group in kernel.blocks(whole.shape, causal):
        for b in group:
            part = whole[b.n, b.h, b.rows, b.keys]
            part[...] = kernel.kept(b, part.shape, settings, dtype)
    return whole.reshape(shape)


class Attention(Function):
    """Y = softmax(Q Kᵀ · scale) V. Q (N, H, L, E), K (N, H, S, E), V (N, H, S, V), Y (N, H, L, V).

    The mask, (N, H, L, S) or what broadcasts to it, is True where attention may go, or a number to add; it gets no gradient.
    """

    reference = staticmethod(plain_attention)

    def forward(
        self, q: Array, k: Array, v: Array, mask: Array | None, causal: bool, scale: float, p: float, drawn: int | Array
    ) -> Array:
        settings = kernel.Settings(scale, causal, dropout=p, drawn=drawn)
        self.guards = (3,) if mask is not None and mask.dtype.kind != "b" else ()  # of bools there is a copy
        if mask is not None:
            whole = (*q.shape[:3], k.shape[2])
            if mask.dtype.kind == "b":
                settings = settings._replace(removed=np.broadcast_to(~mask, whole))
            else:
                settings = settings._replace(bias=np.broadcast_to(mask, whole))
        y, totals = kernel.forward(q, k, v, settings)
        if mode.grad and any(self.needs):
            self.save(q, k, v, y)
            self.kept: Any = settings, totals
        return y

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        settings, totals = self.kept
        q, k, v, y = self.saved
        return *kernel.backward(q, k, v, y, totals, grad, settings), None

    def release(self) -> None:
        """Drop the rows' sums too."""
        super().release()
        self.kept = FREED


def _check(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, one_mask: bool) -> None:
    for x in (query, key, value):
        if x.ndim < 2:
            raise RuntimeError(
                f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {query.ndim} key.dim: "
                f"{key.ndim} and value.dim: {value.ndim} instead."
            )
        if x.dtype != query.dtype:
            raise RuntimeError(
                f"Expected query, key, and value to have the same dtype, but got query.dtype: {cpp_name(query.dtype)} key.dtype: "
                f"{cpp_name(key.dtype)} and value.dtype: {cpp_name(value.dtype)} instead."
            )
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise RuntimeError(
            f"scaled_dot_product_attention: query (*, L, E), key (*, S, E) and value (*, S, V) do not fit, got "
            f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}"
        )
    if mask is not None:
        if mask.ndim < 2 and query.ndim == 4:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-1, 0], but got -2): attn_mask is (*, L, S), got {mask.ndim}D"
            )
        if one_mask:
            raise RuntimeError(
                "scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True: give one, not both"
            )
        if mask.array.dtype.kind != "b" and mask.dtype not in (query.dtype, float32):
            raise RuntimeError(
                f"Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
                f"{cpp_name(mask.dtype)} and  query.dtype: {cpp_name(query.dtype)} instead."
            )


def _four(x: Tensor, lead: tuple[int, ...]) -> Tensor:
    """x (*, L, E) with its leading dimensions broadcast to ``lead``, and those as (N, H)."""
    if tuple(x.shape[:-2]) != lead:
        x = x.expand(*lead, *x.shape[-2:])
    return x if len(lead) == 2 else x.reshape(*_lead_of_two(lead), *x.shape[-2:])


def _lead(*tensors: Tensor | None) -> tuple[int, ...]:
    """What the leading dimensions broadcast to."""
    return tuple(broadcast_shapes(*[tuple(x.shape[:-2]) for x in tensors if x is not None]))


def _lead_of_two(lead: tuple[int, ...]) -> tuple[int, int]:
    """Leading dimensions as (N, H)."""
    return (math.prod(lead[:-1]), lead[-1]) if lead else (1, 1)


@asks_for_tensors
@composite
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(q kᵀ · scale + mask) v, with scale = 1/√E unless given (Vaswani et al. 2017).

    query (*, L, E), key (*, S, E), value (*, S, V), result (*, L, V); the leading dimensions broadcast. attn_mask broadcasts
    to (*, L, S): True where attention may go, or numbers to add to the scores. is_causal: query i sees the keys up to i.
    A query that sees no key gets 0. enable_gqa: fewer heads (the third dimension from the end) of keys and values than
    of queries, each for several of them. Raises RuntimeError for a dropout_p outside [0, 1], and for a mask beside
    is_causal unless there are four dimensions and no dropout.

    >>> import metagrad
    >>> x = metagrad.eye(2)
    >>> metagrad.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    tensor([[1.0000, 0.0000],
            [0.3302, 0.6698]])
    """
    together = attn_mask is not None and not dropout_p and query.ndim == key.ndim == value.ndim == 4  # as in PyTorch
    _check(query, key, value, attn_mask, is_causal and not together)
    if attn_mask is not None and attn_mask.dtype is float32 and query.dtype is float64:
        attn_mask = attn_mask.to(float64)
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    if enable_gqa:
        key, value = _shared_heads(query, key), _shared_heads(query, value)
    if getattr(attn_mask, "variant", None) is not None:  # a corner, on whatever device
        attn_mask = attn_mask.to(query.device)  # type: ignore[union-attr]
    if is_causal and attn_mask is not None:
        attn_mask, is_causal = _causal(attn_mask, query.shape[-2], key.shape[-2]), False
    scale = 1 / math.sqrt(query.shape[-1] or 1) if scale is None else float(scale)
    settings: dict[str, Any] = {"causal": is_causal, "scale": scale, "p": float(dropout_p), "drawn": 0}
    if 0 < dropout_p < 1:
        settings["drawn"] = _drawn(query, key, attn_mask, settings["p"])
    return _attention(query, key, value, attn_mask, settings)


def _drawn(query: Tensor, key: Tensor, mask: Tensor | None, p: float) -> int | Array:
    """A seed for dropout's zeros; where their order is another library's, on a GPU or in PyTorch's series, what is kept."""
    if not query.is_cuda and draws_own_numbers():
        return int(numpy_generator().integers(1 << 62))
    return source(None, query.device).kept((*_lead(query, key, mask), query.shape[-2], key.shape[-2]), p)


@in_single
def _attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, settings: dict[str, Any]) -> Tensor:
    """By the kernel where there is one for these tensors, else in ordinary ops."""
    lead, drawn = _lead(query, key, value, mask), settings["drawn"]
    by_kernel = (
        isinstance(query.array, np.ndarray)
        and (isinstance(drawn, int) or drawn.shape[:-2] == lead)
        and query.array.dtype.char in "fd"
        and not (mask is not None and mask.requires_grad and mode.grad)
        and all(n > 0 for x in (query, key, value) for n in x.shape)
    )
    if not by_kernel:
        return plain_attention(query, key, value, mask, **settings)
    if not isinstance(drawn, int):
        settings = {**settings, "drawn": drawn.reshape(_lead_of_two(lead) + drawn.shape[-2:])}
    if mask is not None and len(lead) != 2:
        mask = _four(mask.expand(*lead, query.shape[-2], key.shape[-2]), lead)
    elif mask is not None and mask.ndim < 4:
        mask = mask.reshape((1,) * (4 - mask.ndim) + tuple(mask.shape))
    y = Attention.apply(_four(query, lead), _four(key, lead), _four(value, lead), mask, **settings)
    if not query.array.ndim == key.array.ndim == value.array.ndim == 4 or any(
        x.stride(-1) != 1 for x in (query, key, value)
    ):
        y = contiguous(y)
    return y if len(lead) == 2 else named(y.reshape(*lead, *y.shape[-2:]), "UnsafeView")


def _causal(mask: Tensor, rows: int, keys: int) -> Tensor:
    """A mask that lets query i see no keys beyond the i-th."""
    above = mask.new_tensor(np.arange(keys) > np.arange(rows)[:, None], dtype=bool_)
    return mask.masked_fill(above, False if mask.array.dtype.kind == "b" else -math.inf)


def _shared_heads(query: Tensor, x: Tensor) -> Tensor:
    """Keys or values with each head repeated for the queries' heads it serves."""
    if query.ndim < 3 or x.ndim < 3 or query.shape[-3] % x.shape[-3]:
        raise RuntimeError(
            f"Number of heads in key and value must divide the number of heads in query (dimension -3), got "
            f"{tuple(query.shape)} and {tuple(x.shape)}"
        )
    return x.repeat_interleave(query.shape[-3] // x.shape[-3], -3)
