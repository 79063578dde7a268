"""The loops of RNN, LSTM and GRU over one sequence without a gradient: a product of a matrix and a vector at each step.

Legend: T steps, D directions, H hidden features, P outputs (H without a projection), G gates. a (T, G, H): what the inputs
give; bias (G, H); w (G·H, P) as it is; y (T, D, P) is written at direction d, the second of which goes from the end to the
beginning; h (1, P) and c (1, H) come as initial states and leave as final ones. The formulas are those of ``recurrent.py``.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native
from metagrad.kernels.compiled.recurrent import (
    _candidate,
    _copy,
    _new_by_relu,
    _new_by_tanh,
    _new_cell,
    _new_state,
    _output,
    _sigmoid_gate,
    _tanh_gate,
)


@native
def inputs_by_blocks(x: Array, w: Array, a: Array, columns: int) -> None:
    """a = x wᵀ for x (T, I), w (C, I), a (T, C), so many columns at a time."""
    product, parts = np.empty((len(x), columns), x.dtype), a.reshape((len(x), -1, columns))
    for k in range(parts.shape[1]):
        np.dot(x, w[k * columns : (k + 1) * columns].T, product)
        for t in range(len(x)):
            for j in range(columns):
                parts[t, k, j] = product[t, j]


@native
def rnn(a: Array, bias: Array, w: Array, h: Array, y: Array, d: int, relu: bool) -> None:
    """hₜ = tanh(aₜ + w hₜ₋₁ + bias) or relu."""
    s = np.empty_like(h)
    for k in range(len(a)):
        t = k if d == 0 else len(a) - 1 - k
        np.dot(w, h[0], s[0])
        if relu:
            _new_by_relu(a[t], s, bias[0], h)
        else:
            _new_by_tanh(a[t], s, bias[0], h)
        _copy(y[t, d], h[0])


@native
def lstm(a: Array, bias: Array, w: Array, h: Array, c: Array, y: Array, d: int, w_hr: Array | None) -> None:
    """i, f, o = σ(aₜ + w hₜ₋₁ + bias), g = tanh; cₜ = f cₜ₋₁ + i g; hₜ = o tanh cₜ, times w_hr (P, H) if it is there."""
    s, cell, out = np.empty((1, 4, c.shape[1]), c.dtype), np.empty_like(c), np.empty_like(c)
    for k in range(len(a)):
        t = k if d == 0 else len(a) - 1 - k
        a_t = a[t : t + 1]
        np.dot(w, h[0], s.reshape(-1))
        _sigmoid_gate(a_t, s, bias, 0)
        _sigmoid_gate(a_t, s, bias, 1)
        _tanh_gate(a_t, s, bias, 2)
        _sigmoid_gate(a_t, s, bias, 3)
        _new_cell(a_t, c, cell)
        _output(a_t, c, out)
        if w_hr is not None:
            np.dot(w_hr, out[0], h[0])
        else:
            _copy(h[0], out[0])
        _copy(y[t, d], h[0])


@native
def gru(a: Array, bias: Array, w: Array, b_q: Array, h: Array, y: Array, d: int) -> None:
    """r, z = σ(aₜ + w hₜ₋₁ + bias), n = tanh(aₜ + r (w_n hₜ₋₁ + b_q) + bias); hₜ = n + z (hₜ₋₁ − n)."""
    s, q, new = np.empty((1, 3, h.shape[1]), h.dtype), np.empty_like(h), np.empty_like(h)
    for k in range(len(a)):
        t = k if d == 0 else len(a) - 1 - k
        a_t = a[t : t + 1]
        np.dot(w, h[0], s.reshape(-1))
        _sigmoid_gate(a_t, s, bias, 0)
        _sigmoid_gate(a_t, s, bias, 1)
        _candidate(a_t, s, bias, b_q, q)
        _new_state(a_t, h, new)
        _copy(y[t, d], new[0])
