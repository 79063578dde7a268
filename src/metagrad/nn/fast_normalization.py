"""Norms of large arrays as one op each, on the kernels of ``kernels/normalization.py``.

``functional/normalization.py`` and ``layer_norm.py`` spell them out in ordinary ops.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.autograd.composites import observers
from metagrad.autograd.function import Function, quiet
from metagrad.base.typing import Array
from metagrad.kernels import column_norms as columns
from metagrad.kernels import normalization as kernels
from metagrad.kernels import tuning
from metagrad.kernels.rows import for_loop, is_worth_rows


def serves(x: Array) -> bool:
    """Whether these ops serve an array. Who writes a model down is shown ordinary ops."""
    return is_worth_rows(x) and not observers


def serves_channels(x: Array) -> bool:
    """The same for norms of channels (N, C, *), whose rows are what lies behind the first two dimensions."""
    return serves(x) and math.prod(x.shape[2:]) >= tuning.CHANNEL_ROW


class RMSNorm(Function):
    """z = w x r of rows x (N, M), w (M), r = (Σ x² / M + ε)^−½;   with g = w ∂L/∂z:

    ∂L/∂x = r (g − x r² mean(g x)),   ∂L/∂w = Σ x r ∂L/∂z.
    """

    def forward(self, x: Array, w: Array | None, eps: float) -> Array:
        self.save(x, w)
        self.eps = eps
        z, self.scale = kernels.rms_norm(x, w, eps)
        return z

    def backward(self, grad: Array) -> Any:
        x, w = self.saved
        if isinstance(grad, np.ndarray):
            grad_x, grad_w = kernels.rms_norm_backward(grad, x, w, self.scale)
            return grad_x, grad_w if self.needs[1] else None
        r = ((x * x).mean(axis=1, keepdims=True) + self.eps) ** -0.5
        y = x * r
        g = grad if w is None else grad * w
        grad_x = r * (g - y * (g * y).mean(axis=1, keepdims=True))
        return grad_x, (grad * y).sum(axis=0) if self.needs[1] else None


class ChannelNorm(Function):
    """z = w (x − μ) r + b of x (N, C, L), w and b (C), r = (σ² + ε)^−½;   with y = (x − μ) r and g = w ∂L/∂z:

    ∂L/∂x = r (g − mean(g) − y mean(g y)),   ∂L/∂w = Σ y ∂L/∂z,   ∂L/∂b = Σ ∂L/∂z.

    A row is a channel of an element of the batch. shape, axis: the rows' (N, C) split up, and those of its dimensions over
    which, and over L, the means are. moments: μ and Σ (x − μ)² of each row.
    """

    def forward(
        self, x: Array, w: Array | None, b: Array | None, shape: tuple[int, ...], axis: int, eps: float,
        moments: tuple[Array, Array] | None = None,
    ) -> Array:  # fmt: skip
        self.save(x, w)
        self.split, self.axis, self.eps = shape, axis, eps
        self.count = shape[axis] * x.shape[2]
        weight, bias = (np.full(x.shape[1], n, x.dtype) if p is None else p for p, n in ((w, 1), (b, 0)))
        if axis == 2 and kernels.takes_groups(self.in_groups(x)):
            self.weight = weight.reshape(shape[1:])
            z, self.mean, self.r = kernels.group_norm(self.in_groups(x), self.weight, bias.reshape(shape[1:]), eps)
            return z.reshape(x.shape)
        mean, squares = kernels.moments(_rows(x)) if moments is None else moments
        mean, variance = joined(mean, squares, shape, axis, x.shape[2])
        self.mean, self.r = self.of_rows(mean, x), self.of_rows((variance + eps) ** -0.5, x)
        self.weight = np.tile(weight, len(x))
        scale, near = self.r * self.weight, kernels.are_near(self.mean, self.r)
        return kernels.scaled_rows(_rows(x), self.mean, scale, np.tile(bias, len(x)), near).reshape(x.shape)

    def in_groups(self, x: Array) -> Array:
        """x as matrices, a group of channels each."""
        return for_loop(x.reshape(-1, self.split[-1], x.shape[2]))

    def of_rows(self, values: Array, like: Array) -> Array:
        """A value of each mean for the rows that it is the mean of."""
        return np.broadcast_to(values, self.split).astype(like.dtype).reshape(-1)

    def backward(self, grad: Array) -> Any:
        x, w = self.saved
        if not isinstance(grad, np.ndarray):
            return self.recorded_backward(grad, x, w)
        if self.weight.ndim > 1:
            return self.backward_in_groups(grad.astype(x.dtype, copy=False), x)
        g, r = _rows(grad.astype(x.dtype, copy=False)), self.r
        near = kernels.are_near(self.mean, r)
        total, along = kernels.gradient_moments(g, _rows(x), self.mean, near)
        by_channel = (len(x), -1)
        grad_w = (along * r).reshape(by_channel).sum(axis=0) if self.needs[1] else None
        grad_b = total.reshape(by_channel).sum(axis=0) if self.needs[2] else None
        t, a = (self.of_rows(self.mean_of(v * self.weight), x) for v in (total, along))
        grad_x = kernels.gradient_of_rows(g, _rows(x), self.mean, r * self.weight, r * r * r * a, r * t, near)
        return grad_x.reshape(x.shape), grad_w, grad_b

    def backward_in_groups(self, grad: Array, x: Array) -> Any:
        """The gradients where each group is normed by itself."""
        g, groups = self.in_groups(grad), self.in_groups(x)
        grad_x, total, along = kernels.group_norm_backward(g, self.weight, groups, self.mean, self.r)
        grad_w = (along * self.r[:, None]).reshape(len(x), -1).sum(axis=0) if self.needs[1] else None
        return grad_x.reshape(x.shape), grad_w, total.reshape(len(x), -1).sum(axis=0) if self.needs[2] else None

    def mean_of(self, sums: Array) -> Array:
        """The means, from the sums of the rows."""
        return sums.reshape(self.split).sum(axis=self.axis, keepdims=True, dtype=np.float64) / self.count

    def recorded_backward(self, grad: Array, x: Array, w: Array | None) -> Any:
        """The same in ordinary ops."""
        split, axes = (*self.split, x.shape[2]), (self.axis, len(self.split))
        x, g = x.reshape(split), grad.reshape(split)
        d = x - x.mean(axis=axes, keepdims=True)
        r = ((d * d).mean(axis=axes, keepdims=True) + self.eps) ** -0.5
        y = d * r
        grad_w = (g * y).reshape(grad.shape).sum(axis=(0, 2)) if self.needs[1] else None
        g = g if w is None else g * w.reshape((1, *self.split[1:], 1))
        grad_x = r * (g - g.mean(axis=axes, keepdims=True) - y * (g * y).mean(axis=axes, keepdims=True))
        return grad_x.reshape(grad.shape), grad_w, grad.sum(axis=(0, 2)) if self.needs[2] else None


class ColumnNorm(Function):
    """``ChannelNorm`` of rows x (N, C), μ and σ² over the batch; moments: μ and Σ (x − μ)² of each column."""

    def forward(self, x: Array, w: Array | None, b: Array | None, moments: tuple[Array, Array], eps: float) -> Array:
        self.save(x, w)
        self.mean, squares = moments
        self.eps, self.r = eps, (squares / x.dtype.type(len(x)) + x.dtype.type(eps)) ** -0.5
        self.scale = self.r if w is None else self.r * w
        shift = np.zeros_like(self.r) if b is None else b
        return columns.scaled(x, self.mean, self.scale, shift, kernels.are_near(self.mean, self.r))

    def backward(self, grad: Array) -> Any:
        x, w = self.saved
        if isinstance(grad, np.ndarray):
            g, n, r = for_loop(grad, x.dtype), x.dtype.type(len(x)), self.r
            near = kernels.are_near(self.mean, r)
            total, along = columns.gradient_moments(g, x, self.mean, near)
            p, q = self.scale * r * r * along / n, self.scale * total / n
            grad_x = columns.gradient(g, x, self.mean, self.scale, p, q, near)
            return grad_x, along * r if self.needs[1] else None, total if self.needs[2] else None
        d = x - x.mean(axis=0, keepdims=True)
        r = ((d * d).mean(axis=0, keepdims=True) + self.eps) ** -0.5
        y, g = d * r, grad if w is None else grad * w
        grad_x = r * (g - g.mean(axis=0, keepdims=True) - y * (g * y).mean(axis=0, keepdims=True))
        return grad_x, (grad * y).sum(axis=0) if self.needs[1] else None, grad.sum(axis=0) if self.needs[2] else None


class RunningNorm(Function):
    """z = w (x − μ) r + b of x (N, C, L), w, b, μ and σ² (C), r = (σ² + ε)^−½;   with μ and σ² given:

    ∂L/∂x = w r ∂L/∂z,   ∂L/∂w = Σ (x − μ) r ∂L/∂z,   ∂L/∂b = Σ ∂L/∂z.
    """

    def forward(self, x: Array, w: Array | None, b: Array | None, mean: Array, variance: Array, eps: float) -> Array:
        self.save(x, w)
        self.mean, self.r = mean, (variance + x.dtype.type(eps)) ** -0.5
        scale, shift = self.r if w is None else self.r * w, np.zeros_like(mean) if b is None else b
        near = kernels.are_near(mean, self.r)
        mean, scale, shift = (np.tile(v, len(x)) for v in (mean, scale, shift))
        z = kernels.scaled_rows(_rows(x), mean, scale, shift, near)
        return z.reshape(x.shape)

    def backward(self, grad: Array) -> Any:
        x, w = self.saved
        scale, needs_sums = self.r if w is None else self.r * w, self.needs[1] or self.needs[2]
        if not isinstance(grad, np.ndarray):
            channels = (1, -1, 1)
            along = (grad * (x - self.mean.reshape(channels))).sum(axis=(0, 2)) * self.r if self.needs[1] else None
            return grad * scale.reshape(channels), along, grad.sum(axis=(0, 2)) if self.needs[2] else None
        g, n = _rows(grad.astype(x.dtype, copy=False)), len(x)
        zeros = np.zeros(len(g), x.dtype)
        grad_x = kernels.scaled_rows(g, zeros, np.tile(scale, n), zeros, True).reshape(x.shape)
        if not needs_sums:
            return grad_x, None, None
        sums = kernels.gradient_moments(g, _rows(x), np.tile(self.mean, n), kernels.are_near(self.mean, self.r))
        total, along = (v.reshape(n, -1).sum(axis=0) for v in sums)
        return grad_x, along * self.r, total


@quiet
def joined(mean: Array, squares: Array, shape: tuple[int, ...], axis: int, length: int) -> tuple[Array, Array]:
    """μ and σ² over several rows, from those rows' own μ and Σ (x − μ)², which lie in ``shape`` (Chan et al. 1983)."""
    mean = mean.reshape(shape).astype(np.float64)
    whole = mean.mean(axis=axis, keepdims=True)
    apart = squares.reshape(shape) + length * (mean - whole) ** 2
    return whole, apart.sum(axis=axis, keepdims=True) / (length * shape[axis])


def _rows(x: Array) -> Array:
    """x (N, C, L) as rows (N · C, L), in memory that compiled loops take."""
    return for_loop(x.reshape(-1, x.shape[2]))
