"""``torch.nn.attention.flex_attention``: attention whose scores and mask are functions of positions, computed as they are written.

>>> import metagrad
>>> q = metagrad.ones(1, 1, 3, 2)
>>> causal = create_block_mask(lambda b, h, i, j: i >= j, None, None, 3, 3)
>>> flex_attention(q, q, metagrad.arange(6.0).reshape(1, 1, 3, 2), block_mask=causal)[0, 0]
tensor([[0., 1.],
        [1., 2.],
        [2., 3.]])
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from metagrad.nn.functional import softmax
from metagrad.ops.create.creation import zeros
from metagrad.ops.create.ranges import arange
from metagrad.ops.linalg.matmul import matmul
from metagrad.ops.reduce.softmax import logsumexp

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "AuxOutput", "AuxRequest", "BlockMask", "and_masks", "create_block_mask", "create_mask", "flex_attention", "noop_mask",
    "or_masks",
]  # fmt: skip

_DEFAULT_SPARSE_BLOCK_SIZE = 128
MaskMod = Callable[[Any, Any, Any, Any], Any]  # of the numbers of the sequence, the head, the query and the key


class AuxRequest(NamedTuple):
    """What else ``flex_attention`` is to return."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What else it returns: the logarithm of the sum of the scores' exponentials, and the largest score, of each query."""

    lse: Any = None
    max_scores: Any = None


class BlockMask:
    """Which query may look at which key: ``mask``, bools (B or 1, H or 1, queries, keys)."""

    def __init__(self, mask: Tensor, mask_mod: MaskMod) -> None:
        self.mask, self.mask_mod = mask, mask_mod

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, H, queries, keys)."""
        return tuple(self.mask.shape)

    def to_dense(self) -> Tensor:
        """The mask."""
        return self.mask

    def to(self, device: Any) -> BlockMask:
        """The same on a device."""
        return BlockMask(self.mask.to(device), self.mask_mod)

    def sparsity(self) -> float:
        """The percentage that is left out."""
        return 100 * (1 - float(self.mask.float().mean()))


def noop_mask(b: Any, h: Any, q: Any, k: Any) -> Any:
    """Everything is looked at."""
    return q == q


def and_masks(*mask_mods: MaskMod) -> MaskMod:
    """What all of them allow."""
    return lambda *at: functools.reduce(lambda x, y: x & y, [mod(*at) for mod in mask_mods])


def or_masks(*mask_mods: MaskMod) -> MaskMod:
    """What one of them allows."""
    return lambda *at: functools.reduce(lambda x, y: x | y, [mod(*at) for mod in mask_mods])


def _positions(*extents: int, device: Any = None) -> list[Any]:
    """The numbers along each dimension, to be broadcast against the others'."""
    n = len(extents)
    return [
        arange(size, device=device).reshape([-1 if d == i else 1 for d in range(n)]) for i, size in enumerate(extents)
    ]


def create_mask(
    mod_fn: MaskMod, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None, **_: Any
) -> Tensor:
    """Bools (B or 1, H or 1, queries, keys): where ``mod_fn`` of the positions is true."""
    shape = (B or 1, H or 1, Q_LEN, KV_LEN)
    return zeros(shape, device=device).bool() | mod_fn(*_positions(*shape, device=device))


def create_block_mask(
    mask_mod: MaskMod, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None, **_: Any
) -> BlockMask:
    """Such a mask for ``flex_attention``. It is kept whole: no block of it is left out."""
    return BlockMask(create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device), mask_mod)


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: Callable[..., Tensor] | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: Any = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Any:
    """softmax(score_mod(Q Kᵀ · scale, b, h, i, j)) V, over the keys that the mask allows.

    query (B, H, L, E), key (B, G, S, E), value (B, G, S, V): result (B, H, L, V). scale: 1/√E if None. enable_gqa: G may be a
    part of H. A query that may look at nothing gives 0.
    """
    if enable_gqa and query.shape[1] != key.shape[1]:
        times = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
    scores = matmul(query, key.transpose(-2, -1)) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if score_mod is not None:
        scores = score_mod(scores, *_positions(*scores.shape, device=scores.device))
    if block_mask is not None:
        scores = scores.masked_fill(~block_mask.mask[..., : scores.shape[-2], : scores.shape[-1]], -math.inf)
    weights = softmax(scores, -1)
    nothing = (scores == -math.inf).all(-1, keepdim=True)
    result = matmul(weights.masked_fill(nothing, 0.0), value)
    if return_aux is not None:
        return result, AuxOutput(
            logsumexp(scores, -1) if return_aux.lse else None, scores.amax(-1) if return_aux.max_scores else None
        )
    return (result, logsumexp(scores, -1)) if return_lse else result
