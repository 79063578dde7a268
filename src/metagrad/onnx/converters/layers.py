"""Normalization and attention, each as the operator of its name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.onnx.converters.registry import composite, function


def _or_filled(g: Any, parameter: Any, value: float, size: Any, kind: Any) -> str:
    if parameter is not None:
        return str(g.tensor(parameter, kind))
    return str(g.constant(np.full(g.static(size, "the number of features"), value, kind)))


@composite("layer_norm", when=lambda opset, *args, **kwargs: opset >= 17)
def layer_norm(
    g: Any,
    step: Any,
    x: Any,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    *_: Any,
    **__: Any,
) -> Any:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    scale = _or_filled(g, weight, 1, shape, x.dtype)
    return g.op(
        "LayerNormalization",
        g.tensor(x),
        scale,
        None if bias is None else g.tensor(bias),
        axis=-len(shape),
        epsilon=eps,
    )


@composite("rms_norm", when=lambda opset, *args, **kwargs: opset >= 23)
def rms_norm(g: Any, step: Any, x: Any, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Any:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    return g.op(
        "RMSNormalization", g.tensor(x), _or_filled(g, weight, 1, shape, x.dtype), axis=-len(shape), epsilon=eps
    )


def _evaluates(
    opset: int,
    input: Any,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    *_: Any,
    **__: Any,
) -> bool:
    return not training


@composite("batch_norm", when=_evaluates)
def batch_norm(
    g: Any,
    step: Any,
    x: Any,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    size, kind = x.shape[1], x.dtype
    scale, shift = _or_filled(g, weight, 1, size, kind), _or_filled(g, bias, 0, size, kind)
    return g.op("BatchNormalization", g.tensor(x), scale, shift, g.tensor(mean), g.tensor(var), epsilon=eps)


def _own_statistics(
    opset: int,
    input: Any,
    mean: Any = None,
    var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use: bool = True,
    *_: Any,
    **kwargs: Any,
) -> bool:
    return bool(kwargs.get("use_input_stats", use))


@composite("instance_norm", when=_own_statistics)
def instance_norm(
    g: Any,
    step: Any,
    x: Any,
    mean: Any = None,
    var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    size, kind = x.shape[1], x.dtype
    scale, shift = _or_filled(g, weight, 1, size, kind), _or_filled(g, bias, 0, size, kind)
    return g.op("InstanceNormalization", g.tensor(x), scale, shift, epsilon=eps)


@composite("group_norm", when=lambda opset, *args, **kwargs: opset >= 21)
def group_norm(
    g: Any, step: Any, x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    size, kind = x.shape[1], x.dtype
    name = g.tensor(x)
    if len(x.shape) == 2:
        name = g.op("Unsqueeze", name, g.ints([2]))
    scale, shift = _or_filled(g, weight, 1, size, kind), _or_filled(g, bias, 0, size, kind)
    found = g.op("GroupNormalization", name, scale, shift, num_groups=num_groups, epsilon=eps)
    return g.op("Squeeze", found, g.ints([2])) if len(x.shape) == 2 else found


@function("Standardize")
def standardize(g: Any, step: Any, x: Any, axis: Any, eps: float) -> Any:
    kind, name = x.dtype, g.tensor(x)
    apart = g.op("Sub", name, g.reduce("ReduceMean", name, axis, True))
    variance = g.reduce("ReduceMean", g.op("Mul", apart, apart), axis, True)
    return g.op("Div", apart, g.op("Sqrt", g.op("Add", variance, g.scalar(eps, kind))))


def _one_attention(
    opset: int, query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: Any = None, enable_gqa: bool = False,
) -> bool:  # fmt: skip
    same = tuple(query.shape[:2]) == tuple(key.shape[:2]) == tuple(value.shape[:2])
    return opset >= 23 and query.ndim == 4 and same and not dropout_p and query.array.dtype.kind == "f"


@composite("scaled_dot_product_attention", when=_one_attention)
def attention(
    g: Any, step: Any, q: Any, k: Any, v: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: Any = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    scale = 1 / math.sqrt(g.static(q.shape[-1], "the width of the queries")) if scale is None else float(scale)
    mask = None
    if attn_mask is not None:
        whole = [*q.shape[:3], k.shape[2]]
        mask = g.expand(g.tensor(attn_mask), whole)
    return g.op("Attention", g.tensor(q), g.tensor(k), g.tensor(v), mask, is_causal=int(is_causal), scale=scale)
