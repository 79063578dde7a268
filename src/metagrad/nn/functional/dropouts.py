"""Dropout of whole channels, and dropout that keeps mean and variance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import as_array, wrap
from metagrad.base import dtypes
from metagrad.base.device import device as Device
from metagrad.base.device import move, of_array
from metagrad.base.layouts import made_as_it_lies
from metagrad.base.typing import Array
from metagrad.base.warning import warn
from metagrad.kernels.compiled import pointwise as compiled
from metagrad.nn.functional.activation import given_back
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.create.random import source
from metagrad.ops.dtype_checks import need_castable, refuse
from metagrad.ops.pointwise.chunked import Pointwise, is_large
from metagrad.ops.pointwise.loops import fit, run_loop

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]

_ALPHA = -1.7580993408473766  # −λα of SELU: what it tends to for large negative numbers


def _check(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _need_floats(input: Tensor) -> None:
    """Raise RuntimeError for integers, which do not take a scaled result, and for complex numbers, as PyTorch does."""
    if input.array.dtype.kind in "biu":
        need_castable(dtypes.float32, input.dtype)
    refuse("dropout", input, "c")


class DropoutByLoop(Function):
    """Dropout of a large array, in one pass of a compiled loop; with a recorded backward pass, by the formula."""

    def forward(self, x: Array, kept: Array, scale: float) -> Array:
        self.save(kept)
        self.scale = scale
        y = np.empty_like(x)
        run_loop(compiled.dropout, x, kept, y, numbers={"scale": scale})
        return y

    def backward(self, grad: Array) -> Array:
        (kept,) = self.saved
        if not (grad.__class__ is np.ndarray and fit(grad)):
            return grad * kept * self.scale, None
        grad_x = np.empty_like(grad)
        run_loop(compiled.dropout, grad, kept, grad_x, numbers={"scale": self.scale})
        return grad_x, None


class Dropout(Pointwise):
    """y = x · m / (1 − p), m random zeros (with chance p) and ones;   ∂L/∂x = ∂L/∂y · m / (1 − p)."""

    def forward(self, x: Array, kept: Array, scale: float) -> Array:
        self.save(kept)
        self.scale = scale
        return (x * kept * scale).astype(x.dtype, copy=False)

    def backward(self, grad: Array) -> Array:
        (kept,) = self.saved
        return grad * kept * self.scale, None


def _kept(shape: tuple[int, ...], p: float, where: Device) -> Array:
    """Random bools, False with probability p; none is drawn where nothing is kept."""
    if p == 1:
        return np.zeros(shape, bool)
    return as_array(source(None, where).kept(shape, p))


def _kept_of(x: Array, p: float) -> Array:
    """Random bools, False with probability p, drawn in the order in which the elements of x lie in memory."""
    where = of_array(x)
    return made_as_it_lies(x, lambda shape: _kept(shape, p, where))


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While training, zero each element with probability ``p`` and scale the rest by 1 / (1 − p), so that the
    expectation stays; otherwise the input itself (Srivastava et al. 2014).

    >>> import metagrad
    >>> metagrad.nn.functional.dropout(metagrad.ones(3), p=0.5, training=False)
    tensor([1., 1., 1.])
    """
    _check(p)
    if not training or p == 0:
        return input
    if p < 1:
        refuse("dropout", input, "biuc")  # scaled integers would be cut down to zeros
    kept = move(_kept_of(input.array, p), of_array(input.array))
    op = DropoutByLoop if is_large(input.array) and fit(input.array) else Dropout
    out = op.apply(input, kept, scale=float(1 / (1 - p)) if p < 1 else 1.0)  # p = 1: none is kept
    return given_back(input, out, inplace)


def _as_numbers(input: Tensor, kept: Array) -> Array:
    """Bools as numbers of the input's dtype on its device."""
    return wrap(kept.astype(input.array.dtype)).to(input.device)


def _of_channels(name: str, input: Tensor, axes: int, p: float, training: bool, inplace: bool) -> Tensor:
    _check(p)
    ndim = input.array.ndim
    batched = ndim == 5 if axes == 3 else ndim != axes + 1  # as PyTorch takes what is of another number of dimensions
    if ndim not in (axes + 1, axes + 2):
        warn(
            f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in an error in a future release. "
            f"To retain the behavior and silence this warning, please use dropout instead. Note that {name} exists to provide "
            f"channel-wise dropout on inputs with {axes} spatial dimensions, a channel dimension, and an optional batch dimension "
            f"(i.e. {axes + 1}D or {axes + 2}D inputs).",
        )
    if ndim + (axes == 3) < 2 and training and p:
        raise RuntimeError(f"{name}: Feature dropout requires at least 2 dimensions in the input, got {ndim}")
    if not training or p == 0:
        return input
    if p < 1:  # else nothing is scaled
        _need_floats(input)
    lead = tuple(input.shape)[: 2 if batched else 1]
    mask = _as_numbers(input, _kept(lead + (1,) * (ndim - len(lead)), p, of_array(input.array)))
    return given_back(input, input * (mask / (1 - p) if p < 1 else mask), inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While training, zero whole channels of (N, C, L) or (C, L), scale the others by 1/(1 − p) (Tompson et al. 2015).

    Raises RuntimeError for another number of dimensions.
    """
    if input.array.ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.array.ndim}D input")
    return _of_channels("dropout1d", input, 1, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While training, zero whole channels of (N, C, H, W) or (N, C, L), scale the others by 1/(1 − p).

    >>> import metagrad
    >>> y = metagrad.nn.functional.dropout2d(metagrad.ones(4, 8, 3, 3))
    >>> [n in (0, 18) for n in y.sum((2, 3)).flatten().tolist()].count(False)
    0
    """
    _check(p)
    if input.array.ndim == 3:  # PyTorch takes it for a batch
        warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - input is "
            "interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future release to "
            "interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise dropout "
            "behavior, please switch to using dropout1d instead.",
            UserWarning,
        )
        return _of_channels("dropout2d", input, 1, p, training, inplace)
    return _of_channels("dropout2d", input, 2, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While training, zero whole channels of (N, C, D, H, W) or (C, D, H, W), scale the others by 1/(1 − p)."""
    return _of_channels("dropout3d", input, 3, p, training, inplace)


def _alpha(input: Tensor, shape: tuple[int, ...], p: float, training: bool, inplace: bool) -> Tensor:
    _check(p)
    if not training or p == 0:
        return input
    if p == 1:
        return given_back(input, input * 0, inplace)
    _need_floats(input)
    mask = _as_numbers(input, _kept(shape, p, of_array(input.array)))
    a = 1 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    shift = (1 - mask) * (_ALPHA * a) - a * _ALPHA * p
    return given_back(input, input * (mask * a) + shift, inplace)


@asks_for_tensors
def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """While training, set elements to SELU's limit −λα and move and scale all, so that mean 0 and variance 1 stay
    (Klambauer et al. 2017).

    >>> import metagrad
    >>> x = metagrad.randn(100_000)
    >>> y = metagrad.nn.functional.alpha_dropout(x, 0.3, training=True)
    >>> bool(y.mean().abs() < 0.02), bool((y.std() - 1).abs() < 0.02)
    (True, True)
    """
    return _alpha(input, tuple(input.shape), p, training, inplace)


@asks_for_tensors
def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """``alpha_dropout`` of whole channels, (N, C, *). Raises RuntimeError for fewer than two dimensions."""
    _check(p)
    if input.array.ndim < 2 and training:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return _alpha(input, tuple(input.shape)[:2] + (1,) * (input.array.ndim - 2), p, training, inplace)
