"""A layer and the batch norm after it as one layer, for evaluation."""

from __future__ import annotations

import copy
from typing import Any

from metagrad.nn.parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_linear_bn_eval"]


def _fused(layer: Any, bn: Any, output_dim: int) -> Any:
    """w' = s w and b' = s (b − μ) + β, s = γ / √(σ² + ε)."""
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval: call .eval() on both layers first")
    made = copy.deepcopy(layer)
    scale = (bn.running_var + bn.eps).rsqrt()
    scale = scale if bn.weight is None else scale * bn.weight
    bias = -bn.running_mean if layer.bias is None else layer.bias - bn.running_mean
    shape = [1] * layer.weight.ndim
    shape[output_dim] = -1
    made.weight = Parameter((layer.weight * scale.reshape(shape)).detach(), layer.weight.requires_grad)
    made.bias = Parameter((bias * scale if bn.bias is None else bias * scale + bn.bias).detach())
    return made


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A convolution that does what ``conv`` and then ``bn`` do, both in evaluation."""
    return _fused(conv, bn, 1 if transpose else 0)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A linear layer that does what ``linear`` and then ``bn`` do, both in evaluation."""
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError("To fuse, linear.out_features == bn.num_features or bn.num_features == 1")
    return _fused(linear, bn, 0)
