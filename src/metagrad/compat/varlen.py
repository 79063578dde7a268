"""``torch.nn.attention.varlen``: attention over sequences of different lengths that lie one after the other."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

from metagrad.nn.functional.attention import scaled_dot_product_attention
from metagrad.ops.create.ranges import arange
from metagrad.ops.shape.joining import cat
from metagrad.tensors.tensor import Tensor

__all__ = ["AuxRequest", "varlen_attn"]


class AuxRequest(NamedTuple):
    """What is wanted beside the result: lse, the logarithms of the sums that softmax divides by."""

    lse: bool = False


def varlen_attn(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor | None,
    max_q: int,
    max_k: int,
    *,
    return_aux: AuxRequest | None = None,
    scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
    seqused_k: Tensor | None = None,
    block_table: Tensor | None = None,
    num_splits: int | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """softmax(q kᵀ · scale) v within each sequence: (queries, heads, d) of (queries, heads, d) and (keys, heads, d).

    cu_seq_q, cu_seq_k (sequences + 1): where each sequence begins, and where the last ends; None for the keys: as the queries'.
    window_size: how many keys before a query's own place, and after it, it sees; -1: all. The last query and the last key of a
    sequence have one place. enable_gqa: several heads of queries share one of keys. return_aux: also the logarithms of the sums
    (queries, heads). max_q, max_k and num_splits are accepted. Raises NotImplementedError for pages of keys (block_table) and
    parts of them (seqused_k).

    >>> import metagrad
    >>> x = metagrad.ones(3, 1, 2)
    >>> varlen_attn(x, x, x, metagrad.tensor([0, 1, 3]), None, 2, 2).shape
    metagrad.Size([3, 1, 2])
    """
    if seqused_k is not None or block_table is not None:
        raise NotImplementedError("varlen_attn: keys in pages are left out, give key and value as one tensor each")
    starts_q = cu_seq_q.tolist()
    starts_k = starts_q if cu_seq_k is None else cu_seq_k.tolist()
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    outs, sums = [], []
    for (i, j), (m, n) in zip(pairwise(starts_q), pairwise(starts_k), strict=True):
        q, k, v = (x.transpose(0, 1) for x in (query[i:j], key[m:n], value[m:n]))
        mask = _window(j - i, n - m, window_size)
        outs.append(
            scaled_dot_product_attention(q[None], k[None], v[None], mask, scale=scale, enable_gqa=enable_gqa)[0]
        )
        if return_aux is not None and return_aux.lse:
            sums.append(_log_sums(q, k, mask, scale))
    whole = cat([o.transpose(0, 1) for o in outs])
    return (whole, cat([s.transpose(0, 1) for s in sums])) if sums else whole


def _window(queries: int, keys: int, size: tuple[int, int]) -> Tensor | None:
    """Which keys each query sees (queries, keys); None for all."""
    if size == (-1, -1):
        return None
    ahead = arange(keys) - (arange(queries)[:, None] + keys - queries)  # from the query's place to the key's
    before, after = (math.inf if n < 0 else n for n in size)
    return (ahead >= -before) & (ahead <= after)


def _log_sums(q: Tensor, k: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """log Σ exp(q kᵀ · scale) over the keys (heads, queries)."""
    scores = q @ k.repeat_interleave(q.shape[0] // k.shape[0], 0).mT * scale
    return (scores if mask is None else scores.masked_fill(~mask, -math.inf)).logsumexp(-1)
