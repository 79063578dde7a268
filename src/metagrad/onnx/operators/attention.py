"""Attention and losses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.nn import functional as F
from metagrad.onnx.operators import ops as mg
from metagrad.onnx.operators.registry import numbers, operator, tensor


@operator("NegativeLogLikelihoodLoss")
def nll(
    call: Any, log_p: Any, target: Any, weight: Any = None, *, ignore_index: Any = None, reduction: str = "mean"
) -> Any:
    ignored = -(1 << 62) if ignore_index is None else ignore_index
    return F.nll_loss(log_p, target.to(mg.int64), weight, ignore_index=ignored, reduction=reduction)


@operator("SoftmaxCrossEntropyLoss")
def cross_entropy(
    call: Any, x: Any, target: Any, weight: Any = None, *, ignore_index: Any = None, reduction: str = "mean"
) -> Any:
    log_p = x.log_softmax(1)
    return nll(call, log_p, target, weight, ignore_index=ignore_index, reduction=reduction), log_p


@operator("Attention")
def attention(
    call: Any, q: Any, k: Any, v: Any, mask: Any = None, past_key: Any = None, past_value: Any = None, lengths: Any = None, *,
    is_causal: int = 0, kv_num_heads: Any = None, q_num_heads: Any = None, qk_matmul_output_mode: int = 0, scale: Any = None,
    softcap: float = 0.0, softmax_precision: Any = None,
) -> Any:  # fmt: skip
    """softmax(q kᵀ · scale + mask) v, by heads; with earlier keys and values in front."""
    flat = q.ndim == 3
    if flat:
        q, k, v = (_by_heads(t, n) for t, n in ((q, q_num_heads), (k, kv_num_heads), (v, kv_num_heads)))
    before = 0
    if past_key is not None:
        before = past_key.shape[2]
        k, v = mg.cat([past_key, k], 2), mg.cat([past_value, v], 2)
    present = k, v
    if q.shape[1] != k.shape[1]:
        k, v = (t.repeat_interleave(q.shape[1] // k.shape[1], 1) for t in (k, v))
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    raw = (q * math.sqrt(scale)) @ (k * math.sqrt(scale)).transpose(-2, -1)
    rows, keys = raw.shape[-2:]
    bias = mg.zeros(1, dtype=q.dtype)
    if is_causal:
        allowed = np.arange(keys) <= np.arange(rows)[:, None] + before
        if lengths is not None and past_key is None:
            allowed = np.arange(keys) <= np.arange(rows)[:, None] + (numbers(lengths).reshape(-1, 1, 1, 1) - rows)
        bias = bias + _barred(tensor(allowed), q)
    if lengths is not None:
        bias = bias + _barred(tensor(np.arange(keys) < numbers(lengths).reshape(-1, 1, 1, 1)), q)
    if mask is not None:
        if mask.shape[-1] < keys:
            flat_pad = [0, keys - mask.shape[-1]]
            fill = 0 if mask.dtype == mg.bool else -math.inf
            as_numbers = mask.to(mg.uint8) if mask.dtype == mg.bool else mask
            mask = mg.constant_pad_nd(as_numbers, flat_pad, fill).to(mask.dtype)
        bias = bias + (_barred(mask, q) if mask.dtype == mg.bool else mask)
    capped = raw if not softcap else mg.tanh(raw / softcap) * softcap
    biased = capped + bias
    blind = (biased == -math.inf).all(-1, keepdim=True)
    weights = mg.where(blind, mg.zeros_like(biased), biased).softmax(-1)
    weights = mg.where(blind, mg.zeros_like(weights), weights)
    y = (weights @ v).to(q.dtype)
    if flat:
        y = y.transpose(1, 2).reshape(y.shape[0], rows, -1)
    modes = {0: raw, 1: capped, 2: biased, 3: weights}
    return y, *present, modes[qk_matmul_output_mode].to(q.dtype)


def _by_heads(x: Any, heads: int) -> Any:
    return x.reshape(x.shape[0], x.shape[1], heads, x.shape[2] // heads).transpose(1, 2)


def _barred(allowed: Any, like: Any) -> Any:
    """0 where attention may go, −∞ elsewhere."""
    zero = mg.zeros(1, dtype=like.dtype)
    return mg.where(allowed, zero, zero - math.inf)
