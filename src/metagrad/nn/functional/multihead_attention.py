"""Multi-head attention as a function of all its weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from metagrad.base.warning import warn
from metagrad.nn.functional.attention import scaled_dot_product_attention
from metagrad.nn.functional.dropouts import dropout
from metagrad.ops.create.creation import zeros
from metagrad.ops.linalg.matmul import linear
from metagrad.ops.operands import in_single
from metagrad.ops.reduce.softmax import softmax
from metagrad.ops.shape.joining import cat
from metagrad.tensors.tensor import Tensor

__all__ = ["multi_head_attention_forward"]


def additive(mask: Tensor | None, name: str, like: Tensor) -> Tensor | None:
    """A mask that is True where attention may not go as numbers to add: −∞ there, 0 elsewhere.

    Raises AssertionError for a mask of integers.
    """
    if mask is None:
        return None
    if mask.array.dtype.kind == "b":
        return zeros(*mask.shape, dtype=like.dtype, device=mask.device).masked_fill(mask, -math.inf)
    if mask.array.dtype.kind not in "fV":
        raise AssertionError(f"only bool and floating types of {name} are supported, got {mask.dtype}")
    return mask


def _check_shapes(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None, heads: int
) -> bool:
    """Whether the inputs have a batch dimension; raises if they do not belong together."""
    if query.ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"
        )
    many = f"For {'batched (3-D)' if query.ndim == 3 else 'unbatched (2-D)'} `query`, expected"
    if key.ndim != query.ndim or value.ndim != query.ndim:
        raise AssertionError(
            f"{many} `key` and `value` to be {query.ndim}-D but found {key.ndim}-D and {value.ndim}-D tensors respectively"
        )
    if padding is not None and padding.ndim != query.ndim - 1:
        raise AssertionError(
            f"{many} `key_padding_mask` to be `None` or {query.ndim - 1}-D but found {padding.ndim}-D tensor instead"
        )
    if mask is not None and mask.ndim not in (2, 3):
        raise AssertionError(f"{many} `attn_mask` to be `None`, 2-D or 3-D but found {mask.ndim}-D tensor instead")
    if mask is not None and query.ndim == 2 and mask.ndim == 3:
        expected = heads, query.shape[0], key.shape[0]
        if tuple(mask.shape) != expected:
            raise AssertionError(f"expected `attn_mask` shape to be {expected} but got {tuple(mask.shape)}")
    return bool(query.ndim == 3)


def _expect(x: Tensor, shape: tuple[int, ...], name: str) -> None:
    if tuple(x.shape) != shape:
        if "mask" in name and "padding" not in name:
            raise RuntimeError(f"The shape of the {name} is {x.shape}, but should be {shape}.")
        if name == "key_padding_mask" and x.ndim == 2:
            i = int(x.shape[0] == shape[0])
            raise AssertionError(f"Expected key_padded_mask.shape[{i}] to be {shape[i]}, but got {x.shape[i]}")
        raise AssertionError(f"expecting {name} shape of {shape}, but got {x.shape}")


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
    (N·H, L, S), are True where attention may not go, or numbers to add. Raises AssertionError on
    shapes that do not fit, and RuntimeError for ``is_causal`` without the mask that it is a hint for.
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = _with_batch_of_one(query, key, value)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    rows, batch, width = query.shape
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    if width % num_heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if key.shape[1] != batch:
        into = [key.shape[0], batch * num_heads, width // num_heads]
        raise RuntimeError(
            f"shape '{into}' is invalid for input of size {key.shape[0] * key.shape[1] * width}: queries and keys must be of "
            f"one batch, got {batch} and {key.shape[1]} sequences"
        )
    if use_separate_proj_weight:
        q, k, v = _projected_apart(query, key, value, (q_proj_weight, k_proj_weight, v_proj_weight), in_proj_bias)
    else:
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias)

    more_keys = bias_k is not None or add_zero_attn or static_k is not None or static_v is not None
    causal = is_causal and key_padding_mask is None and not need_weights and not more_keys
    mask = None if causal else _mask_per_head(attn_mask, query, (batch * num_heads, rows, key.shape[0]))
    if key_padding_mask is not None and attn_mask is not None and key_padding_mask.dtype != attn_mask.dtype:
        warn("Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type for both instead.")
    padding = additive(key_padding_mask, "key_padding_mask", query)
    if (bias_k is None) != (bias_v is None):
        given, lacking = ("bias_v", "bias_k") if bias_k is None else ("bias_k", "bias_v")
        raise AssertionError(f"{given} is set but {lacking} is None")
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key or value.")
        k, v = cat([k, bias_k.expand(1, batch, width)]), cat([v, bias_v.expand(1, batch, width)])
        mask, padding = _widened(mask), _widened(padding)
    q, k, v = (_by_head(x, num_heads) for x in (q, k, v))
    k = k if static_k is None else _given_by_head("static_k", static_k, k)
    v = v if static_v is None else _given_by_head("static_v", static_v, v)
    if add_zero_attn:
        nothing = k.new_zeros((batch, num_heads, 1, width // num_heads))
        k, v = cat([k, nothing], 2), cat([v, nothing], 2)
        mask, padding = _widened(mask), _widened(padding)

    mask = _joined(mask, padding, (batch, num_heads, rows, k.shape[2]))
    p = dropout_p if training else 0.0
    if need_weights:
        heads, weights = _attention_with_weights(q, k, v, mask, p)
        weights = weights.mean(1) if average_attn_weights else weights
        weights = weights if batched else weights.squeeze(0)
    else:
        heads, weights = scaled_dot_product_attention(q, k, v, mask, p, causal), None
    y = linear(heads.permute(2, 0, 1, 3).reshape(rows, batch, width), out_proj_weight, out_proj_bias)
    return y if batched else y.squeeze(1), weights


# ------------------------------------------------ its parts


def _with_batch_of_one(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The inputs with a batch dimension; what was one tensor stays one, so that it is projected once."""
    q = query.unsqueeze(1)
    k = q if key is query else key.unsqueeze(1)
    return q, k, k if value is key else value.unsqueeze(1)


def _projected(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor | None, bias: Tensor | None = None
) -> tuple[Tensor, ...]:
    """Queries, keys and values by one matrix (3E, E) of three; inputs that are one tensor go through it together."""
    if tuple(key.shape) != tuple(value.shape):
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    if weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    width = query.shape[-1]
    if key is value and query is key:
        return tuple(linear(query, weight, bias).unflatten(-1, (3, width)).unbind(-2))
    if key is value:
        w_q, w_kv = weight.split([width, 2 * width])
        b_q, b_kv = (None, None) if bias is None else bias.split([width, 2 * width])
        return linear(query, w_q, b_q), *linear(key, w_kv, b_kv).unflatten(-1, (2, width)).unbind(-2)
    return _each_projected((query, key, value), weight.chunk(3), bias)


def _projected_apart(
    query: Tensor, key: Tensor, value: Tensor, weights: Sequence[Tensor | None], bias: Tensor | None
) -> tuple[Tensor, ...]:
    """Queries, keys and values by a matrix of their own, for keys and values of other widths."""
    if tuple(key.shape[:2]) != tuple(value.shape[:2]):
        raise AssertionError(
            f"key's sequence and batch dims {tuple(key.shape[:2])} do not match value's {tuple(value.shape[:2])}"
        )
    given = [w for w in weights if w is not None]
    if len(given) < 3:
        raise AssertionError("use_separate_proj_weight needs q_proj_weight, k_proj_weight and v_proj_weight")
    for name, x, w in zip(("query", "key", "value"), (query, key, value), given, strict=True):
        _expect(w, (query.shape[-1], x.shape[-1]), f"{name} weights")
    return _each_projected((query, key, value), given, bias)


def _each_projected(xs: Sequence[Tensor], weights: Sequence[Tensor], bias: Tensor | None) -> tuple[Tensor, ...]:
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple([linear(x, w, b) for x, w, b in zip(xs, weights, biases, strict=True)])


def _by_head(x: Tensor, heads: int) -> Tensor:
    """(L, N, E) as (N, H, L, E/H)."""
    rows, batch, width = x.shape
    return x.reshape(rows, batch, heads, width // heads).permute(1, 2, 0, 3)


def _given_by_head(name: str, x: Tensor, like: Tensor) -> Tensor:
    """Keys or values that the caller gave for each head, (N·H, S, E/H), as (N, H, S, E/H)."""
    batch, heads, _, each = like.shape
    _expect(x, (batch * heads, x.shape[1], each), name)
    return x.reshape(batch, heads, -1, each)


def _mask_per_head(mask: Tensor | None, like: Tensor, shape: tuple[int, int, int]) -> Tensor | None:
    """The attention mask as numbers to add, for all heads (1, L, S) or for each (N·H, L, S)."""
    added = additive(mask, "attn_mask", like)
    if added is None:
        return None
    if added.ndim == 2:
        _expect(added, shape[1:], "2D attn_mask")
        return added.unsqueeze(0)
    _expect(added, shape, "3D attn_mask")
    return added


def _joined(mask: Tensor | None, padding: Tensor | None, shape: tuple[int, int, int, int]) -> Tensor | None:
    """What is added to the scores (N, H, L, S): the attention mask, the mask of padding, both, or nothing."""
    batch, heads, rows, keys = shape
    if mask is not None:
        mask = mask.unsqueeze(0) if mask.shape[0] == 1 else mask.reshape(batch, heads, rows, -1)
    if padding is None:
        return mask
    _expect(padding, (batch, keys), "key_padding_mask")
    padding = padding.reshape(batch, 1, 1, -1)
    return padding if mask is None else mask + padding


@in_single
def _attention_with_weights(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, p: float) -> tuple[Tensor, Tensor]:
    """softmax(q kᵀ / √d + mask) v, and the softmax itself, which the blocked kernel never has as a whole."""
    scores = q * (1 / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1)
    weights = softmax(scores if mask is None else scores + mask, -1)
    weights = dropout(weights, p) if p else weights
    return weights @ v, weights


def _widened(mask: Tensor | None) -> Tensor | None:
    """A mask for one more key, which everybody sees."""
    if mask is None:
        return None
    return cat([mask, mask.new_tensor(np.zeros((*mask.shape[:-1], 1), mask.array.dtype))], -1)
