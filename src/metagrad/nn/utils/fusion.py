"""A layer and the batch norm after it as one layer, for evaluation."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from metagrad.nn.parameter import Parameter

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module
    from metagrad.tensors.tensor import Tensor

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def _fused(layer: Module, bn: Module, transpose: bool) -> Module:
    """w' = s w and b' = s (b − μ) + β, s = γ / √(σ² + ε)."""
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval! Call .eval() on both layers first")
    made = copy.deepcopy(layer)
    made.weight, made.bias = fuse_conv_bn_weights(
        layer.weight, layer.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return made


def fuse_conv_bn_eval(conv: Module, bn: Module, transpose: bool = False) -> Module:
    """A convolution that does what ``conv`` and then ``bn`` do, both in evaluation."""
    return _fused(conv, bn, transpose)


def fuse_linear_bn_eval(linear: Module, bn: Module) -> Module:
    """A linear layer that does what ``linear`` and then ``bn`` do, both in evaluation.

    Raises AssertionError for different numbers of features.
    """
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    return _fused(linear, bn, False)


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """The weight and the bias of such a convolution, from the parameters and statistics of the two."""
    scale = (bn_rv + bn_eps).rsqrt() if bn_w is None else (bn_rv + bn_eps).rsqrt() * bn_w
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    bias = -bn_rm * scale if conv_b is None else (conv_b - bn_rm) * scale
    weight = Parameter((conv_w * scale.reshape(shape)).detach(), conv_w.requires_grad)
    shifted = (bias if bn_b is None else bias + bn_b).detach()
    return weight, Parameter(shifted, conv_b is not None and conv_b.requires_grad)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """The same of a linear layer."""
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
