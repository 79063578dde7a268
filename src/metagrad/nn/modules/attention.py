"""Multi-head attention as a layer."""

from __future__ import annotations

from typing import Any

from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.nn import init
from metagrad.nn.functional.multihead_attention import multi_head_attention_forward
from metagrad.nn.modules.linear import NonDynamicallyQuantizableLinear
from metagrad.nn.modules.module import Module
from metagrad.nn.parameter import Parameter
from metagrad.ops.create.creation import empty
from metagrad.tensors.tensor import Tensor

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Concat(head₁ … head_H) Woᵀ + bo, headᵢ = softmax(Qᵢ Kᵢᵀ / √d + mask) Vᵢ (Vaswani et al. 2017).

    query (L, N, E), key (S, N, kdim), value (S, N, vdim), with N first if ``batch_first``, or without N. Returns the output,
    of the query's shape, and the attention weights (N, L, S) averaged over the heads, or None with ``need_weights=False``,
    which is the fast way. key_padding_mask (N, S) and attn_mask, (L, S) or (N·H, L, S), are True where attention may not go,
    or numbers to add. Parameters: ``in_proj_weight`` (3E, E), or ``q_proj_weight``, ``k_proj_weight`` and ``v_proj_weight``
    where the widths differ; ``in_proj_bias`` (3E); ``bias_k``, ``bias_v`` (1, 1, E); ``out_proj``. Raises ValueError
    unless both widths are positive, and AssertionError unless num_heads divides embed_dim.

    >>> import metagrad
    >>> from metagrad import nn
    >>> x = metagrad.zeros(5, 2, 8)
    >>> y, weights = nn.MultiheadAttention(8, num_heads=2)(x, x, x)
    >>> y.shape, weights.shape
    (metagrad.Size([5, 2, 8]), metagrad.Size([2, 5, 5]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: DeviceLike = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        if embed_dim % num_heads:
            raise AssertionError(f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.head_dim, self.add_zero_attn = embed_dim // num_heads, add_zero_attn
        at: dict[str, Any] = {"device": device, "dtype": dtype}
        shapes: dict[str, tuple[int, ...] | None] = {
            "in_proj_weight": (3 * embed_dim, embed_dim) if self._qkv_same_embed_dim else None,
            "q_proj_weight": None if self._qkv_same_embed_dim else (embed_dim, embed_dim),
            "k_proj_weight": None if self._qkv_same_embed_dim else (embed_dim, self.kdim),
            "v_proj_weight": None if self._qkv_same_embed_dim else (embed_dim, self.vdim),
            "in_proj_bias": (3 * embed_dim,) if bias else None,
        }
        for name, shape in shapes.items():
            self.register_parameter(name, None if shape is None else Parameter(empty(*shape, **at)))
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **at)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, Parameter(empty(1, 1, embed_dim, **at)) if add_bias_kv else None)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw new initial values."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The output, and the attention weights if wanted."""
        turned = self.batch_first and query.ndim == 3
        if turned:
            same = {id(x): x.transpose(0, 1) for x in (query, key, value)}  # one tensor given twice stays one
            query, key, value = same[id(query)], same[id(key)], same[id(value)]
        y, weights = multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias,
            training=self.training, key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim, q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight, v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip
        return (y.transpose(0, 1) if turned else y), weights

    def merge_masks(
        self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, query: Tensor
    ) -> tuple[Tensor | None, int | None]:
        """Both masks as one, (N, H, L, L) with kind 2; a mask of padding alone as it is, with kind 1; without masks, None twice.

        attn_mask (L, L) or (N·H, L, L), key_padding_mask (N, L), query (N, L, E).
        """
        if attn_mask is None:
            return key_padding_mask, None if key_padding_mask is None else 1
        batch, length, _ = query.shape
        lead = (batch, -1) if attn_mask.ndim == 3 else (1, 1)
        merged = attn_mask.view(*lead, length, length)
        if attn_mask.ndim != 3:
            merged = merged.expand(batch, self.num_heads, -1, -1)
        return (merged if key_padding_mask is None else merged + key_padding_mask.view(batch, 1, 1, length)), 2
