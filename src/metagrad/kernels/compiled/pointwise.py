"""Activations and their gradients: one pass over x, and over g, which is ∂L/∂y. Arrays are contiguous and of one dimension.

Each formula is that of the op of this name in ``metagrad.ops`` or ``metagrad.nn.functional``.
"""

from __future__ import annotations

import math

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_stream
from metagrad.kernels.compiled.picking import copy
from metagrad.kernels.compiled.transcendental import erf, exp, expm1, log1p, tanh
from metagrad.kernels.compiled.transcendental import sigmoid as logistic

_ROOT_HALF, _DENSITY, _ROOT_2_OVER_PI = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi), math.sqrt(2 / math.pi)
_BLOCK = 256  # elements of a block that is looked at first


@native
def sigmoid(x: Array, y: Array) -> None:
    """y = σ(x)."""
    for i in range(len(x)):
        y[i] = logistic(x[i])


@native_stream
def sigmoid_backward(y: Array, g: Array, out: Array) -> None:
    """g y (1 − y)."""
    one = y.dtype.type(1)
    for i in range(len(y)):
        out[i] = g[i] * (y[i] * (one - y[i]))


@native_stream
def relu(x: Array, y: Array) -> None:
    """y = x, or 0 where x < 0."""
    zero = x.dtype.type(0)
    for i in range(len(x)):
        v = x[i]
        y[i] = zero if v < zero else v


@native_stream
def relu_backward(y: Array, g: Array, out: Array) -> None:
    """g, or 0 where y ≤ 0."""
    zero = y.dtype.type(0)
    for i in range(len(y)):
        d = g[i]
        out[i] = zero if y[i] <= zero else d


@native_stream
def leaky_relu(x: Array, y: Array, slope: np.float32) -> None:
    """y = x where x > 0, else s x."""
    for i in range(len(x)):
        v = x[i]
        below = v * slope
        y[i] = v if v > 0 else below


@native_stream
def leaky_relu_backward(x: Array, g: Array, out: Array, slope: np.float32) -> None:
    """g where x > 0, else s g."""
    for i in range(len(x)):
        d = g[i]
        below = d * slope
        out[i] = d if x[i] > 0 else below


@native_stream
def hardtanh(x: Array, y: Array, low: np.float32, high: np.float32) -> None:
    """y = x limited to [low, high]."""
    for i in range(len(x)):
        v = x[i]
        v = low if v < low else v
        y[i] = high if v > high else v


@native_stream
def hardtanh_backward(x: Array, g: Array, out: Array, low: np.float32, high: np.float32) -> None:
    """g, or 0 where x ≤ low or x ≥ high."""
    zero = x.dtype.type(0)
    for i in range(len(x)):
        d = g[i]
        d = zero if x[i] <= low else d
        out[i] = zero if x[i] >= high else d


@native_stream
def hardswish(x: Array, y: Array) -> None:
    """y = x · min(max(x + 3, 0), 6) / 6."""
    zero, three, six = x.dtype.type(0), x.dtype.type(3), x.dtype.type(6)
    for i in range(len(x)):
        v = x[i] + three
        v = zero if v < zero else v
        v = six if v > six else v
        y[i] = x[i] * v / six


@native_stream
def hardswish_backward(x: Array, g: Array, out: Array) -> None:
    """0 up to −3, g (x / 3 + ½) between, g from 3."""
    half, third, three, zero = x.dtype.type(0.5), x.dtype.type(1 / 3), x.dtype.type(3), x.dtype.type(0)
    for i in range(len(x)):
        d = g[i]
        between = d * (x[i] * third + half)
        d = d if x[i] >= three else between
        out[i] = zero if x[i] <= -three else d


@native
def _is_positive(x: Array) -> bool:
    """Whether every x is above 0."""
    others = 0
    for i in range(len(x)):
        others += not x[i] > 0
    return others == 0


@native
def _elu(x: Array, y: Array, alpha: np.float32, rate: np.float32) -> None:
    zero = x.dtype.type(0)
    for i in range(len(x)):
        v = x[i]
        curve = alpha * expm1((zero if v > zero else v) * rate)
        y[i] = curve if v < zero else v


@native
def elu(x: Array, y: Array, alpha: np.float32, rate: np.float32) -> None:
    """y = x where x > 0, else α (eʳˣ − 1), for which blocks of positive numbers need no exponential."""
    for start in range(0, len(x), _BLOCK):
        some, to = x[start : start + _BLOCK], y[start : start + _BLOCK]
        if _is_positive(some):
            copy(some, to)
        else:
            _elu(some, to, alpha, rate)


@native
def _elu_backward(x: Array, g: Array, out: Array, alpha: np.float32, rate: np.float32) -> None:
    zero = x.dtype.type(0)
    for i in range(len(x)):
        v, d = x[i], g[i]
        curve = d * (alpha * rate * exp((zero if v > zero else v) * rate))
        out[i] = d if v > zero else curve


@native
def elu_backward(x: Array, g: Array, out: Array, alpha: np.float32, rate: np.float32) -> None:
    """g where x > 0, else g α r eʳˣ, by blocks as above."""
    for start in range(0, len(x), _BLOCK):
        some, of, to = x[start : start + _BLOCK], g[start : start + _BLOCK], out[start : start + _BLOCK]
        if _is_positive(some):
            copy(of, to)
        else:
            _elu_backward(some, of, to, alpha, rate)


@native
def rsqrt(x: Array, y: Array) -> None:
    """y = 1 / √x."""
    one = x.dtype.type(1)
    for i in range(len(x)):
        y[i] = one / np.sqrt(x[i])


@native
def rsqrt_backward(y: Array, g: Array, out: Array) -> None:
    """−½ g y³."""
    half = y.dtype.type(-0.5)
    for i in range(len(y)):
        out[i] = g[i] * (half * y[i] * y[i] * y[i])


@native
def silu(x: Array, y: Array) -> None:
    """y = x σ(x)."""
    for i in range(len(x)):
        y[i] = x[i] * logistic(x[i])


@native
def silu_backward(x: Array, g: Array, out: Array) -> None:
    """g σ (1 + x (1 − σ))."""
    one = x.dtype.type(1)
    for i in range(len(x)):
        s = logistic(x[i])
        out[i] = g[i] * (s * (one + x[i] * (one - s)))


@native
def gelu(x: Array, y: Array) -> None:
    """y = ½ x (1 + erf(x / √2))."""
    half, one, root = x.dtype.type(0.5), x.dtype.type(1), x.dtype.type(_ROOT_HALF)
    for i in range(len(x)):
        y[i] = x[i] * (half * (one + erf(x[i] * root)))


@native
def gelu_backward(x: Array, g: Array, out: Array) -> None:
    """g (½ (1 + erf(x / √2)) + x exp(−x²/2) / √(2π))."""
    half, one, root, density = (
        x.dtype.type(0.5),
        x.dtype.type(1),
        x.dtype.type(_ROOT_HALF),
        x.dtype.type(_DENSITY),
    )
    for i in range(len(x)):
        v = x[i]
        out[i] = g[i] * (half * (one + erf(v * root)) + v * (density * exp(-half * v * v)))


@native
def gelu_tanh(x: Array, y: Array) -> None:
    """y = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))."""
    half, one = x.dtype.type(0.5), x.dtype.type(1)
    root, cube = x.dtype.type(_ROOT_2_OVER_PI), x.dtype.type(0.044715)
    for i in range(len(x)):
        v = x[i]
        y[i] = half * v * (one + tanh(root * (v + cube * v * v * v)))


@native
def gelu_tanh_backward(x: Array, g: Array, out: Array) -> None:
    """g ½ (1 + t + x (1 − t²) u′), t = tanh u."""
    half, one, three = x.dtype.type(0.5), x.dtype.type(1), x.dtype.type(3)
    root, cube = x.dtype.type(_ROOT_2_OVER_PI), x.dtype.type(0.044715)
    for i in range(len(x)):
        v = x[i]
        t = tanh(root * (v + cube * v * v * v))
        out[i] = g[i] * (half * (one + t + v * (one - t * t) * (root * (one + three * cube * v * v))))


@native
def erf_of(x: Array, y: Array) -> None:
    """y = erf x."""
    for i in range(len(x)):
        y[i] = erf(x[i])


@native
def logsigmoid(x: Array, y: Array) -> None:
    """y = min(x, 0) − ln(1 + e^−|x|)."""
    zero = x.dtype.type(0)
    for i in range(len(x)):
        v = x[i]
        y[i] = (zero if v > zero else v) - log1p(exp(-abs(v)))


@native
def softplus(x: Array, y: Array, beta: np.float32, threshold: np.float32) -> None:
    """y = ln(1 + e^βx) / β; x itself where βx > threshold."""
    zero, each = x.dtype.type(0), x.dtype.type(1) / beta
    for i in range(len(x)):
        v = x[i] * beta
        log = (zero if v < zero else v) + log1p(exp(-abs(v)))
        y[i] = x[i] if v > threshold else log * each


@native
def softplus_backward(x: Array, g: Array, out: Array, beta: np.float32, threshold: np.float32) -> None:
    """g σ(βx); g itself where βx > threshold."""
    for i in range(len(x)):
        v = x[i] * beta
        out[i] = g[i] if v > threshold else g[i] * logistic(v)


@native
def dropout(x: Array, kept: Array, y: Array, scale: np.float32) -> None:
    """y = x m scale, m the bools ``kept`` as numbers."""
    zero = x.dtype.type(0)
    for i in range(len(x)):
        y[i] = x[i] * (scale if kept[i] else zero)


# ------------------------------------------------ gates: halves of one array


@native
def gate(a: Array, b: Array, y: Array) -> None:
    """y = a σ(b)."""
    for i in range(len(y)):
        y[i] = a[i] * logistic(b[i])


@native
def gate_backward(a: Array, b: Array, g: Array, grad_a: Array, grad_b: Array) -> None:
    """g σ(b), and g a σ(b) (1 − σ(b))."""
    one = g.dtype.type(1)
    for i in range(len(g)):
        s = logistic(b[i])
        grad_a[i] = g[i] * s
        grad_b[i] = g[i] * (a[i] * (s * (one - s)))


@native
def gated_rows(x: Array, y: Array) -> None:
    """The same of rows x (N, 2, M), y (N, M)."""
    for n in range(len(x)):
        gate(x[n, 0], x[n, 1], y[n])


@native
def gated_rows_backward(x: Array, g: Array, grad_x: Array) -> None:
    """The gradient of x from g (N, M)."""
    for n in range(len(x)):
        gate_backward(x[n, 0], x[n, 1], g[n], grad_x[n, 0], grad_x[n, 1])
