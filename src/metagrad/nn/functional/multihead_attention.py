"""Multi-head attention as a function of all its weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.nn.functional.attention import scaled_dot_product_attention
from metagrad.nn.functional.dropouts import dropout
from metagrad.ops.create.creation import zeros
from metagrad.ops.linalg.matmul import linear
from metagrad.ops.reduce.softmax import softmax
from metagrad.ops.shape.joining import cat
from metagrad.tensors.tensor import Tensor

__all__ = ["multi_head_attention_forward"]


def additive(mask: Tensor | None, name: str, like: Tensor) -> Tensor | None:
    """A mask that is True where attention may not go as numbers to add: −∞ there, 0 elsewhere."""
    if mask is None:
        return None
    if mask.array.dtype.kind == "b":
        return zeros(*mask.shape, dtype=like.dtype).masked_fill(mask, -math.inf)
    if mask.array.dtype.kind != "f":
        raise AssertionError(f"{name}: only bool and floating types are supported, got {mask.dtype}")
    return mask


def _check_shapes(query: Any, key: Any, value: Any, padding: Any, mask: Any, heads: int) -> bool:
    """Whether the inputs have a batch dimension; raises if they do not belong together."""
    if query.ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"
        )
    for name, x in (("key", key), ("value", value)):
        if x.ndim != query.ndim:
            raise AssertionError(f"for {query.ndim}-D query, expected {name} to be {query.ndim}-D but found {x.ndim}-D")
    if padding is not None and padding.ndim != query.ndim - 1:
        raise AssertionError(
            f"for {query.ndim}-D query, expected key_padding_mask to be {query.ndim - 1}-D but found {padding.ndim}-D"
        )
    if mask is not None and mask.ndim not in (2, 3):
        raise AssertionError(f"attn_mask must be 2-D or 3-D, got {mask.ndim}-D")
    if mask is not None and query.ndim == 2 and mask.ndim == 3:
        expected = heads, query.shape[0], key.shape[0]
        if tuple(mask.shape) != expected:
            raise AssertionError(f"expected `attn_mask` shape to be {expected} but got {tuple(mask.shape)}")
    return bool(query.ndim == 3)


def _projected(query: Any, key: Any, value: Any, weight: Any, bias: Any) -> tuple[Any, ...]:
    """Queries, keys and values by one matrix (3E, E) of three; inputs that are one tensor go through it together."""
    width = query.shape[-1]
    if key is value and query is key:
        return tuple(linear(query, weight, bias).unflatten(-1, (3, width)).unbind(-2))
    if key is value:
        w_q, w_kv = weight.split([width, 2 * width])
        b_q, b_kv = (None, None) if bias is None else bias.split([width, 2 * width])
        return linear(query, w_q, b_q), *linear(key, w_kv, b_kv).unflatten(-1, (2, width)).unbind(-2)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple(linear(x, w, b) for x, w, b in zip((query, key, value), weight.chunk(3), biases, strict=True))


def _expect(x: Any, shape: tuple[int, ...], name: str) -> None:
    if tuple(x.shape) != shape:
        raise AssertionError(f"expecting {name} of shape {shape}, but got {tuple(x.shape)}")


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Concat(head₁ … head_H) Woᵀ + bo, headᵢ = softmax(Qᵢ Kᵢᵀ / √d + mask) Vᵢ, with Q, K, V the inputs' projections.

    query (L, N, E), key (S, N, Ek), value (S, N, Ev), or all without N; result (L, N, E) and, if wanted, the weights
    (N, L, S), or (N, H, L, S) if not averaged over the heads. key_padding_mask (N, S) and attn_mask, (L, S) or
    (N·H, L, S), are True where attention may not go, or numbers to add. Raises AssertionError on shapes that do not fit.
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    given: Any
    if not batched:
        if key is value:
            given = (q := query.unsqueeze(1)), q if query is key else (k := key.unsqueeze(1)), q if query is key else k
        else:
            given = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    else:
        given = query, key, value
    rows, batch, width = given[0].shape
    keys = given[1].shape[0]
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    if width % num_heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    each = width // num_heads
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if use_separate_proj_weight:
        if tuple(given[1].shape[:2]) != tuple(given[2].shape[:2]):
            raise AssertionError(
                f"key's sequence and batch dims {tuple(given[1].shape[:2])} do not match value's {tuple(given[2].shape[:2])}"
            )
        biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
        weights: Any = q_proj_weight, k_proj_weight, v_proj_weight
        if any(w is None for w in weights):
            raise AssertionError("use_separate_proj_weight needs q_proj_weight, k_proj_weight and v_proj_weight")
        q, k, v = (linear(x, w, b) for x, w, b in zip(given, weights, biases, strict=True))
    else:
        if tuple(given[1].shape) != tuple(given[2].shape):
            raise AssertionError(f"key shape {tuple(key.shape)} does not match value shape {tuple(value.shape)}")
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _projected(given[0], given[1], given[2], in_proj_weight, in_proj_bias)

    causal = is_causal and key_padding_mask is None and not need_weights and bias_k is None and not add_zero_attn
    causal = causal and static_k is None and static_v is None
    mask = None if causal else additive(attn_mask, "attn_mask", query)
    if mask is not None:
        if mask.ndim == 2:
            _expect(mask, (rows, keys), "2D attn_mask")
            mask = mask.unsqueeze(0)
        else:
            _expect(mask, (batch * num_heads, rows, keys), "3D attn_mask")
    padding = additive(key_padding_mask, "key_padding_mask", query)
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key or value.")
        k, v = cat([k, bias_k.expand(1, batch, width)]), cat([v, bias_v.expand(1, batch, width)])
        mask, padding = _widened(mask), _widened(padding)

    q, k, v = (x.reshape(x.shape[0], batch, num_heads, each).permute(1, 2, 0, 3) for x in (q, k, v))
    if static_k is not None:
        _expect(static_k, (batch * num_heads, static_k.shape[1], each), "static_k")
        k = static_k.reshape(batch, num_heads, -1, each)
    if static_v is not None:
        _expect(static_v, (batch * num_heads, static_v.shape[1], each), "static_v")
        v = static_v.reshape(batch, num_heads, -1, each)
    if add_zero_attn:
        nothing = zeros(batch, num_heads, 1, each, dtype=k.dtype)
        k, v = cat([k, nothing], 2), cat([v, nothing], 2)
        mask, padding = _widened(mask), _widened(padding)
    if mask is not None:
        mask = mask.unsqueeze(0) if mask.shape[0] == 1 else mask.reshape(batch, num_heads, rows, -1)
    if padding is not None:
        _expect(padding, (batch, k.shape[2]), "key_padding_mask")
        padding = padding.reshape(batch, 1, 1, -1)
        mask = padding if mask is None else mask + padding
    p = dropout_p if training else 0.0
    weights = None
    if need_weights:
        scores = q * (1 / math.sqrt(each)) @ k.transpose(-2, -1)
        weights = softmax(scores if mask is None else scores + mask, -1)
        weights = dropout(weights, p) if p else weights
        heads = weights @ v
    else:
        heads = scaled_dot_product_attention(q, k, v, mask, p, causal)
    y = linear(heads.permute(2, 0, 1, 3).reshape(rows, batch, width), out_proj_weight, out_proj_bias)
    if weights is not None:
        weights = weights.mean(1) if average_attn_weights else weights
        weights = weights if batched else weights.squeeze(0)
    return y if batched else y.squeeze(1), weights


def _widened(mask: Any) -> Any:
    """A mask for one more key, which everybody sees."""
    if mask is None:
        return None
    return cat([mask, mask.new_tensor(np.zeros((*mask.shape[:-1], 1), mask.array.dtype))], -1)
