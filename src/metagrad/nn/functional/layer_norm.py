"""Normalization of rows: each is moved and scaled by itself, over the last dimensions of a tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import composite
from metagrad.autograd.function import Function
from metagrad.autograd.node_names import known_as
from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array, Dims
from metagrad.kernels import cosines
from metagrad.kernels import normalization as kernels
from metagrad.kernels.libraries import gpu_rows, is_on_gpu
from metagrad.kernels.rows import takes_loop
from metagrad.nn.fast_normalization import (
    RMSNorm,
    serves,
)
from metagrad.ops.arguments import asks_for_tensors, takes_out
from metagrad.ops.dtype_checks import unsupported
from metagrad.ops.operands import cast_to, in_single
from metagrad.ops.reduce.norms import vector_norm
from metagrad.ops.shape.copying import contiguous, formatted_as
from metagrad.ops.shape.views import shaped

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["layer_norm", "normalize", "rms_norm"]


class LayerNorm(Function):
    """z = w (x − μ) r + b of rows x (N, M), w and b (M), r = (σ² + ε)^−½;   with y = (x − μ) r and g = w ∂L/∂z:

    ∂L/∂x = r (g − mean(g) − y mean(g y)),   ∂L/∂w = Σ y ∂L/∂z,   ∂L/∂b = Σ ∂L/∂z.
    """

    guards = (2,)

    def forward(self, x: Array, w: Array | None, b: Array | None, eps: float) -> Array:
        self.save(x, w)
        self.eps = eps
        if is_on_gpu(x) and gpu_rows().serve(x, w, b):
            z, self.kept = gpu_rows().layer_norm(x, w, b, eps, keep=any(self.needs))
            return z
        z, self.kept = kernels.layer_norm(x, w, b, eps, keep=any(self.needs))
        return in_order(z)

    def backward(self, grad: Array) -> Any:
        x, w = self.saved
        if isinstance(grad, np.ndarray):
            return kernels.layer_norm_backward(grad, w, self.kept, self.needs)
        if not isinstance(grad, Variable) and gpu_rows().serve(grad, w, *self.kept):
            return gpu_rows().layer_norm_backward(grad, w, self.kept, self.needs)
        d = x - x.mean(axis=1, keepdims=True)
        r = ((d * d).mean(axis=1, keepdims=True) + self.eps) ** -0.5
        y = d * r
        g = grad if w is None else grad * w
        grad_x = r * (g - g.mean(axis=1, keepdims=True) - y * (g * y).mean(axis=1, keepdims=True))
        return grad_x, (grad * y).sum(axis=0) if self.needs[1] else None, grad.sum(axis=0) if self.needs[2] else None


_layer_norm = in_single(LayerNorm.apply)


def _trailing(
    name: str, input: Tensor, normalized_shape: Sequence[int], **parameters: Tensor | None
) -> tuple[int, ...]:
    """The shape that the input must end with, and the parameters must have."""
    if hasattr(normalized_shape, "__index__"):
        raise TypeError(
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not {type(normalized_shape).__name__}"
        )
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            f"normalized_shape = [] in {name}"
        )
    if tuple(input.shape)[-len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but got "
            f"input of size{list(input.shape)}"
        )
    for which, parameter in parameters.items():
        if parameter is not None and tuple(parameter.shape) != shape:
            raise RuntimeError(
                f"Expected {which} to be of same shape as normalized_shape, but got {which} of shape "
                f"{list(parameter.shape)} and normalized_shape = {list(shape)}"
            )
    return shape


def check_parameters(name: str, input: Tensor, *parameters: Tensor | None) -> None:
    """RuntimeError unless weights, biases and running values have the input's dtype; float32 may stand beside narrower ones."""
    kinds = {p.dtype for p in parameters if p is not None}
    if kinds and kinds != {input.dtype} and not (input.dtype.itemsize == 2 and kinds == {dtypes.float32}):
        got = " and ".join(sorted(kind.name for kind in kinds))
        raise RuntimeError(
            f"{name}: mixed dtype (CPU): expect parameter to have scalar type of Float, beside 16 bits, or that of the input, "
            f"{input.dtype}, got {got}: convert one side with .to()"
        )


@asks_for_tensors
@composite
@known_as("NativeLayerNorm")
def layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5, cudnn_enable: bool = True,
) -> Tensor:  # fmt: skip
    """w (x − μ) / √(σ² + ε) + b, μ and σ² over the last dimensions, of shape ``normalized_shape`` (Ba et al. 2016).

    input (*, normalized_shape), weight and bias (normalized_shape). Raises RuntimeError for integers, or an input that
    does not end with normalized_shape.

    >>> import metagrad
    >>> metagrad.nn.functional.layer_norm(metagrad.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    shape = _trailing("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    if input.array.dtype.kind not in "fV":
        raise unsupported("LayerNormKernelImpl", input.dtype)
    check_parameters("layer_norm", input, weight, bias)
    columns = math.prod(shape)
    rows = shaped(input, (input.array.size // columns if columns else 0, columns))
    w, b = (None if p is None else shaped(p, (columns,)) for p in (weight, bias))
    return shaped(_layer_norm(rows, w, b, eps=eps), input.array.shape)


@asks_for_tensors
@composite
def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """w x / √(mean(x²) + ε), the mean over the last dimensions (Zhang & Sennrich 2019). eps: the dtype's, if None.

    Raises RuntimeError for an input that does not end with normalized_shape.

    >>> import metagrad
    >>> metagrad.nn.functional.rms_norm(metagrad.tensor([[3.0, 4.0]]), (2,))
    tensor([[0.8485, 1.1314]])
    """
    shape = _trailing("rms_norm", input, normalized_shape, weight=weight)
    if serves(input.array) and (weight is None or weight.dtype == input.dtype):
        columns = math.prod(shape)
        rows = shaped(input, (input.array.size // columns, columns))
        w = None if weight is None else shaped(weight, (columns,))
        y = RMSNorm.apply(rows, w, eps=_epsilon(input.dtype) if eps is None else eps)
        return shaped(y, input.array.shape)
    input, dims = formatted_as(contiguous(input), input), tuple(range(-len(shape), 0))
    epsilon = _epsilon(input.dtype) if eps is None else eps
    return cast_to(_rms_norm(input, dims, weight, epsilon), input.dtype)


def _epsilon(kind: dtypes.dtype) -> float:
    if kind.category < 2:
        raise unsupported("rms_norm", kind)
    return dtypes.finfo(dtypes.float32 if kind.itemsize == 2 else kind).eps


@in_single
def _rms_norm(x: Tensor, dims: tuple[int, ...], weight: Tensor | None, eps: float) -> Tensor:
    y = x * (x.square().mean(dims, keepdim=True) + eps).rsqrt()
    return y if weight is None else y * weight


@takes_out
@in_single
def normalize(input: Tensor, p: float = 2.0, dim: Dims = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """x / max(‖x‖ₚ, ε), the norm along ``dim``.

    >>> import metagrad
    >>> metagrad.nn.functional.normalize(metagrad.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    x = input.array
    if p == 2 and dim in (-1, x.ndim - 1) and serves(x) and not takes_loop(x.reshape(-1, x.shape[-1])):
        return Directions.apply(input, eps=float(eps))
    return _normalized(input, p, dim, eps)


def _normalized(x: Tensor, p: float, dim: Dims, eps: float) -> Tensor:
    norm: Tensor = vector_norm(x, p, dim, keepdim=True)
    return x / norm.clamp_min(eps)


class Directions(Function):
    """y = x / max(‖x‖, ε) of rows (*, M);   ∂L/∂x = (g − x (x · g) / ‖x‖²) / ‖x‖ where ‖x‖ ≥ ε, else g / ε, g = ∂L/∂y."""

    reference = staticmethod(lambda x, eps: _normalized(x, 2.0, -1, eps))

    def forward(self, x: Array, eps: float) -> Array:
        y, self.norms = cosines.directions(x.reshape(-1, x.shape[-1]), eps)
        self.eps = eps
        self.save(x)
        return y.reshape(x.shape)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        rows, g = (a.reshape(-1, x.shape[-1]) for a in (x, grad))
        return cosines.gradient_of_directions(g, rows, self.norms, self.eps).reshape(x.shape)
