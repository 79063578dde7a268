"""Layers that are affine maps."""

from __future__ import annotations

import math
from typing import Any

from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.nn import functional as F
from metagrad.nn import init
from metagrad.nn.modules.module import Module
from metagrad.nn.parameter import Parameter
from metagrad.ops.create.creation import empty
from metagrad.ops.linalg.matmul import linear
from metagrad.tensors.tensor import Tensor

__all__ = ["Bilinear", "Identity", "Linear"]


class Identity(Module):
    """y = x, whatever arguments it is made with.

    >>> import metagrad
    >>> metagrad.nn.Identity()(metagrad.tensor([1.0]))
    tensor([1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """The input itself."""
        return input


class Linear(Module):
    """y = x Wᵀ + b.

    x (*, in_features), W ``weight`` (out_features, in_features), b ``bias`` (out_features), y (*, out_features). Both start
    uniform in ±1/√in_features.

    >>> import metagrad
    >>> from metagrad import nn
    >>> nn.Linear(3, 2)(metagrad.zeros(5, 3)).shape
    metagrad.Size([5, 2])
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: DeviceLike = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        self.bias: Parameter | None
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """x Wᵀ + b. Raises RuntimeError unless the last dimension is in_features."""
        if not hasattr(input, "array"):  # of a class, it may be, that has a say in what linear() is
            return F.linear(input, self.weight, self.bias)
        if not input.array.ndim or input.array.shape[-1] != self.in_features:
            rows, wanted = input.array.size // max((*input.shape[-1:], 1)), self.in_features
            raise RuntimeError(
                f"mat1 and mat2 shapes cannot be multiplied ({rows}x{(*input.shape, 1)[-2 if input.array.ndim else -1]} and "
                f"{wanted}x{self.out_features}): Linear(in_features={wanted}) got input of shape {tuple(input.shape)}: its last "
                f"dimension must be {wanted}"
            )
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class NonDynamicallyQuantizableLinear(Linear):
    """Linear, under the name that PyTorch prints for the output projection of attention."""


class Bilinear(Module):
    """y_o = x₁ᵀ W_o x₂ + b_o.

    x₁ (*, in1_features), x₂ (*, in2_features), W ``weight`` (out_features, in1_features, in2_features), ``bias``
    (out_features), y (*, out_features). Both start uniform in ±1/√in1_features. Raises ValueError unless in1_features
    is positive.

    >>> import metagrad
    >>> metagrad.nn.Bilinear(2, 3, 4)(metagrad.zeros(5, 2), metagrad.zeros(5, 3)).shape
    metagrad.Size([5, 4])
    """

    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = Parameter(empty(out_features, in1_features, in2_features, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """The bilinear forms."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
