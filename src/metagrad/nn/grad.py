"""Gradients of convolutions by themselves, for those who write a backward of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from metagrad.autograd.engine import grad
from metagrad.autograd.mode import enable_grad
from metagrad.autograd.variable import recording
from metagrad.nn.functional.conv import conv1d, conv2d, conv3d
from metagrad.ops.create.like import new_zeros

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

Extents = int | Sequence[int]

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _for_input(conv: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function that computes the gradient of a convolution's input."""

    def input_gradient(
        input_size: Sequence[int],
        weight: Tensor,
        grad_output: Tensor,
        stride: Extents = 1,
        padding: Extents = 0,
        dilation: Extents = 1,
        groups: int = 1,
    ) -> Tensor:
        with enable_grad():
            x = new_zeros(weight, tuple(input_size))
            x.requires_grad = True
            y = conv(x, weight, None, stride, padding, dilation, groups)
        return grad(y, x, grad_output, create_graph=recording(weight, grad_output))[0]

    input_gradient.__name__ = f"{conv.__name__}_input"
    input_gradient.__doc__ = f"∂L/∂x of ``{conv.__name__}``, of the shape ``input_size``, from the weight and ∂L/∂y."
    return input_gradient


def _for_weight(conv: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function that computes the gradient of a convolution's weight."""

    def weight_gradient(
        input: Tensor,
        weight_size: Sequence[int],
        grad_output: Tensor,
        stride: Extents = 1,
        padding: Extents = 0,
        dilation: Extents = 1,
        groups: int = 1,
    ) -> Tensor:
        with enable_grad():
            w = new_zeros(input, tuple(weight_size))
            w.requires_grad = True
            y = conv(input, w, None, stride, padding, dilation, groups)
        return grad(y, w, grad_output, create_graph=recording(input, grad_output))[0]

    weight_gradient.__name__ = f"{conv.__name__}_weight"
    weight_gradient.__doc__ = f"∂L/∂w of ``{conv.__name__}``, of the shape ``weight_size``, from the input and ∂L/∂y."
    return weight_gradient


conv1d_input, conv2d_input, conv3d_input = map(_for_input, (conv1d, conv2d, conv3d))
conv1d_weight, conv2d_weight, conv3d_weight = map(_for_weight, (conv1d, conv2d, conv3d))
