"""``torch.nn.attention.bias``: causal masks by the corner they start from, where there are more keys than queries or fewer."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Self

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.compat.torch_function import disabled
from metagrad.tensors.tensor import Tensor

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(IntEnum):
    """The corner that the mask's diagonal starts from, or ends in."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(Tensor):
    """A mask (queries, keys) of bools, True where attention is allowed: ``attn_mask`` of ``scaled_dot_product_attention``.

    What is computed from one is an ordinary tensor.
    """

    variant: CausalVariant
    seq_len_q: int
    seq_len_kv: int
    __torch_function__ = disabled

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> Self:
        """The mask. Raises ValueError for what is no CausalVariant, or extents below 1."""
        if not isinstance(variant, CausalVariant):
            raise ValueError(f"CausalBias: expected a CausalVariant, got {variant!r}")
        if seq_len_q < 1 or seq_len_kv < 1:
            raise ValueError(f"CausalBias: extents must be positive, got {seq_len_q} queries and {seq_len_kv} keys")
        last = seq_len_kv - seq_len_q if variant is CausalVariant.LOWER_RIGHT else 0
        mask: Any = wrap(np.tri(seq_len_q, seq_len_kv, last, bool), kind=cls)
        mask.variant, mask.seq_len_q, mask.seq_len_kv = variant, seq_len_q, seq_len_kv
        return mask


def causal_upper_left(*size: int) -> CausalBias:
    """Query i sees keys 0 to i: what ``is_causal=True`` does.

    >>> causal_upper_left(2, 3).tolist()
    [[True, False, False], [True, True, False]]
    """
    return CausalBias(CausalVariant.UPPER_LEFT, *_two(size))


def causal_lower_right(*size: int) -> CausalBias:
    """The last query sees all keys, each one before it one key less: for queries that follow keys kept from before.

    >>> causal_lower_right(2, 3).tolist()
    [[True, True, False], [True, True, True]]
    """
    return CausalBias(CausalVariant.LOWER_RIGHT, *_two(size))


def _two(size: tuple[int, ...]) -> tuple[int, int]:
    if len(size) != 2:
        raise ValueError(f"causal masks are for two extents, queries and keys: got {len(size)}")
    return size[0], size[1]
