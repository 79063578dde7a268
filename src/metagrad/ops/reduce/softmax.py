"""Softmax and its logarithm, computed so that no exponential overflows: the largest element is taken off first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.node_names import named
from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array, Dims, DTypeLike
from metagrad.kernels import reductions, rows
from metagrad.kernels import softmax as kernel
from metagrad.kernels.libraries import gpu_rows, is_on_gpu
from metagrad.ops.arguments import axes, dimension, floating, floats, takes_exact_out, takes_out
from metagrad.ops.operands import cast_to, in_single
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.reduce.reduction import kept
from metagrad.ops.shape.copying import clone

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["log_softmax", "logsumexp", "softmax"]


def gpu_serves(*arrays: Any) -> bool:
    """Whether there are a GPU's kernels for rows of these."""
    x = arrays[0]
    return not isinstance(x, (np.ndarray, Variable)) and is_on_gpu(x) and gpu_rows().serve(*arrays)


class Softmax(Function):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ,   ∂L/∂x = y · (∂L/∂y − Σⱼ ∂L/∂yⱼ yⱼ)."""

    def forward(self, x: Array, axis: int) -> Array:
        self.axis = axis
        if axis == x.ndim - 1 and rows.is_worth_rows(x, many=True):
            y = kernel.softmax(x)
        elif axis == x.ndim - 1 and gpu_serves(x):
            y = gpu_rows().softmax(x)
        else:
            y = np.exp(x - _largest(x, axis))
            y = in_order(y)
            y /= y.sum(axis=axis, keepdims=True)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        if self.axis == y.ndim - 1 and rows.is_worth_rows(y, many=True) and rows.is_worth_rows(grad, many=True):
            return kernel.softmax_backward(grad, y)
        if self.axis == y.ndim - 1 and gpu_serves(grad, y):
            return gpu_rows().softmax_backward(grad, y)
        return y * (grad - (grad * y).sum(axis=self.axis, keepdims=True))


@takes_exact_out
@in_single
def softmax(input: Tensor, dim: int | None = None, dtype: DTypeLike = None, *, out: Tensor | None = None) -> Tensor:
    """e^xᵢ / Σⱼ e^xⱼ along ``dim``: positive numbers with sum 1.

    >>> import metagrad
    >>> metagrad.softmax(metagrad.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return _normalized(Softmax, input, dim, dtype)


class LogSoftmax(Function):
    """yᵢ = xᵢ − ln Σⱼ e^xⱼ,   ∂L/∂x = ∂L/∂y − e^y · Σⱼ ∂L/∂yⱼ."""

    def forward(self, x: Array, axis: int) -> Array:
        self.axis, self.kept = axis, ()
        if axis == x.ndim - 1 and rows.is_worth_rows(x, many=True):
            y, self.kept = kernel.log_softmax(x, keep=any(self.needs))
            self.save(y)
            return y
        if axis == x.ndim - 1 and gpu_serves(x):
            y = gpu_rows().softmax(x, logarithm=True)
            self.save(y)
            return y
        y = in_order(x - _largest(x, axis))
        y -= np.log(np.exp(y).sum(axis=axis, keepdims=True))
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        if self.axis == y.ndim - 1 and rows.is_worth_rows(y, many=True) and rows.is_worth_rows(grad, many=True):
            return kernel.log_softmax_backward(grad, y, self.kept)
        if self.axis == y.ndim - 1 and gpu_serves(grad, y):
            return gpu_rows().softmax_backward(grad, y, logarithm=True)
        return grad - np.exp(y) * grad.sum(axis=self.axis, keepdims=True)


@takes_exact_out
@in_single
def log_softmax(input: Tensor, dim: int | None = None, dtype: DTypeLike = None, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of ``softmax``, xᵢ − ln Σⱼ e^xⱼ along ``dim``, also where softmax would round to 0.

    >>> import metagrad
    >>> metagrad.log_softmax(metagrad.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """
    return _normalized(LogSoftmax, input, dim, dtype)


class CrossEntropy(Function):
    """y = −ln softmax(x)_c of every row of x (N, M);   ∂L/∂x = ∂L/∂y (softmax(x) − 1 at c)."""

    def forward(self, x: Array, classes: Array) -> Array:
        self.save(x)
        self.classes = classes
        by = kernel if isinstance(x, np.ndarray) else gpu_rows()
        loss, *self.kept = by.cross_entropy(x, classes)
        return loss

    def backward(self, grad: Array) -> tuple[Array, None]:
        (x,) = self.saved
        if isinstance(grad, np.ndarray):
            return kernel.cross_entropy_backward(grad, x, self.classes, *self.kept), None
        if gpu_serves(grad, x):
            return gpu_rows().cross_entropy_backward(grad, x, self.classes, *self.kept), None
        chosen = np.arange(x.shape[1], like=self.classes) == self.classes[:, None]
        return grad[:, None] * (Softmax.on(x, axis=1) - chosen.astype(x.dtype.name)), None


def _normalized(op: type[Function], input: Tensor, dim: int | None, dtype: DTypeLike) -> Tensor:
    ndim = input.array.ndim
    if dim is None:
        name = "softmax" if op is Softmax else "log_softmax"
        raise TypeError(f'{name}() missing 1 required positional arguments: "dim"')
    axis = dimension(dim, ndim)
    if dtype is None and not input.array.size:
        return clone(input)  # of any dtype, in PyTorch
    kernel = "softmax_kernel_impl" if op is Softmax else "log_softmax_kernel_impl"
    x = floats(kernel, input if dtype is None else cast_to(input, dtypes.of(dtype)))
    return op.apply(x, axis=axis) if ndim else named(op.apply(x.unsqueeze(0), axis=0).squeeze(0), op.__name__)


def _largest(x: Array, axis: int) -> Array:
    return x.max(axis=axis, keepdims=True) if x.shape[axis] else np.zeros((), x.dtype, like=x)


class LogSumExp(Function):
    """y = ln Σ e^x,   ∂L/∂x = ∂L/∂y · e^(x − y), conjugated."""

    def forward(self, x: Array, axis: tuple[int, ...], keepdim: bool) -> Array:
        self.axis = axis
        real = x.real
        largest = reductions.largest(real, axis) if x.size else np.zeros(kept(x.shape, axis), real.dtype, like=x)
        largest = np.where(np.isfinite(largest), largest, 0)  # ∞ − ∞ would be nan
        y = reductions.dropped(np.log(reductions.sum_of_exponentials(x, axis, largest)) + largest, axis, keepdim)
        y = in_order(y)
        self.save(x, y)
        return y

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        shape = kept(tuple(x.shape), self.axis)
        y = y.reshape(shape)
        return grad.reshape(shape) * conj(np.exp(x - y))


@takes_out
@in_single
def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """ln Σ e^x over ``dim``, without overflow.

    >>> import metagrad
    >>> metagrad.logsumexp(metagrad.tensor([1000.0, 1000.0]), dim=0)
    tensor(1000.6932)
    """
    x = floating(input)
    return LogSumExp.apply(x, axis=axes(dim, x.array.ndim), keepdim=keepdim)
