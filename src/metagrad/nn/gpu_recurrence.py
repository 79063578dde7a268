"""Steps of LSTM and GRU for a GPU: what a step does to each element is one op, one kernel forward and one backward.

A step written in ordinary ops (``recurrence.py``) is a dozen of small kernels, and a GPU takes longer to begin one than to compute
it. Here the products are cuBLAS's, and the rest is one formula. Sequences, states and results are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.base.typing import Array
from metagrad.nn.recurrence import State, Step
from metagrad.ops.linalg.matmul import linear
from metagrad.ops.pointwise.chunked import Pointwise

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def _sigmoid(x: Array) -> Array:
    return 1 / (np.exp(-x) + 1)


class LstmGates(Pointwise):
    """c' = σ(f) c + σ(i) tanh g,   h' = σ(o) tanh c'; the gradient's factors are computed again rather than kept."""

    def forward(self, i: Array, f: Array, g: Array, o: Array, c: Array) -> tuple[Array, Array]:
        """(h', c')."""
        self.save(i, f, g, o, c)
        after = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        return _sigmoid(o) * np.tanh(after), after

    def backward(self, grad_h: Array, grad_c: Array) -> tuple[Array, ...]:
        """Gradients of the gates and of c."""
        i, f, g, o, c = self.saved
        i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
        t = np.tanh(f * c + i * g)
        grad = grad_c + grad_h * o * (1 - t * t)
        return (
            grad * g * i * (1 - i),
            grad * c * f * (1 - f),
            grad * i * (1 - g * g),
            grad_h * t * o * (1 - o),
            grad * f,
        )


class GruGates(Pointwise):
    """r = σ(a_r + u_r),   z = σ(a_z + u_z),   n = tanh(a_n + r u_n),   h' = n + z (h − n)."""

    def forward(self, a_r: Array, a_z: Array, a_n: Array, u_r: Array, u_z: Array, u_n: Array, h: Array) -> Array:
        """h'."""
        self.save(a_r, a_z, a_n, u_r, u_z, u_n, h)
        n = np.tanh(a_n + _sigmoid(a_r + u_r) * u_n)
        return n + _sigmoid(a_z + u_z) * (h - n)

    def backward(self, grad: Array) -> tuple[Array, ...]:
        """Gradients of a, of u and of h."""
        a_r, a_z, a_n, u_r, u_z, u_n, h = self.saved
        r, z = _sigmoid(a_r + u_r), _sigmoid(a_z + u_z)
        n = np.tanh(a_n + r * u_n)
        grad_n = grad * (1 - z) * (1 - n * n)
        grad_r, grad_z = grad_n * u_n * r * (1 - r), grad * (h - n) * z * (1 - z)
        return grad_r, grad_z, grad_n, grad_r, grad_z, grad_n * r, grad * z


def lstm_step(w_hh: Tensor, b_hh: Tensor | None, w_hr: Tensor | None = None) -> Step:
    """``recurrence.lstm_step``."""

    def step(gates_x: Tensor, state: State) -> State:
        h, c = state
        h, c = LstmGates.apply(*(gates_x + linear(h, w_hh, b_hh)).chunk(4, 1), c)
        return (h if w_hr is None else linear(h, w_hr)), c

    return step


def gru_step(w_hh: Tensor, b_hh: Tensor | None) -> Step:
    """``recurrence.gru_step``."""

    def step(gates_x: Tensor, state: State) -> State:
        (h,) = state
        return (GruGates.apply(*gates_x.chunk(3, 1), *linear(h, w_hh, b_hh).chunk(3, 1), h),)

    return step
