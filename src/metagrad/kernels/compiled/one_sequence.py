"""RNN, LSTM and GRU over one sequence without a gradient: a product of a matrix and a vector at each step.

All of a direction is one call, so that two threads need not take turns at the interpreter.

Legend: T steps, I inputs, D directions, H hidden features, P outputs (H without a projection), G gates. u: the inputs xᵀ (I, T) in
panels (``products.py``); w_ih (G·H, I), w (G·H, P) as they are; bias (G·H) is added to what the inputs give; y (T, D, P) is
written at direction d, the second of which goes from the end to the beginning; h (1, P) and c (1, H) come as initial states and
leave as final ones. The formulas are those of ``recurrent.py``.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_sums
from metagrad.kernels.compiled.products import add_product
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


@native_sums
def _multiply(w: Array, h: Array, out: Array) -> None:
    """out += w h for w (C, P), h (P), out (C): two rows at a time, for which h is read once."""
    zero, pairs = w.dtype.type(0), len(w) // 2 * 2
    for i in range(0, pairs, 2):
        first, second = w[i], w[i + 1]
        one, other = zero, zero
        for j in range(len(h)):
            one += first[j] * h[j]
            other += second[j] * h[j]
        out[i] += one
        out[i + 1] += other
    for i in range(pairs, len(w)):
        total = zero
        for j in range(len(h)):
            total += w[i, j] * h[j]
        out[i] += total


@native
def _from_inputs(u: Array, w: Array, bias: Array, steps: int, hidden: int) -> Array:
    """a = x wᵀ + bias, (T, G, H); computed as w xᵀ, for the weights are larger than one sequence."""
    turned = np.zeros((len(w), len(u) * u.shape[2]), w.dtype)
    add_product(w, u, turned)
    a = np.empty((steps, len(w)), w.dtype)
    for t in range(steps):
        for i in range(len(w)):
            a[t, i] = turned[i, t] + bias[i]
    return a.reshape((steps, len(w) // hidden, hidden))


@native
def rnn(u: Array, w_ih: Array, bias: Array, w: Array, h: Array, y: Array, d: int, relu: bool) -> None:
    """hₜ = tanh(aₜ + w hₜ₋₁) or relu."""
    a = _from_inputs(u, w_ih, bias, len(y), h.shape[1])
    for k in range(len(a)):
        t = k if d == 0 else len(a) - 1 - k
        _multiply(w, h[0], a[t, 0])
        if relu:
            _new_by_relu(a[t, 0], h[0])
        else:
            _new_by_tanh(a[t, 0], h[0])
        _copy(y[t, d], h[0])


@native
def lstm(
    u: Array, w_ih: Array, bias: Array, w: Array, h: Array, c: Array, y: Array, d: int, w_hr: Array | None
) -> None:
    """i, f, o = σ(aₜ + w hₜ₋₁), g = tanh; cₜ = f cₜ₋₁ + i g; hₜ = o tanh cₜ, times w_hr (P, H) if it is there."""
    a = _from_inputs(u, w_ih, bias, len(y), c.shape[1])
    cell, out = np.empty_like(c), np.empty_like(c)
    for k in range(len(a)):
        t = k if d == 0 else len(a) - 1 - k
        a_t = a[t : t + 1]
        _multiply(w, h[0], a_t.reshape(-1))
        _sigmoid_gate(a_t, 0)
        _sigmoid_gate(a_t, 1)
        _tanh_gate(a_t, 2)
        _sigmoid_gate(a_t, 3)
        _new_cell(a_t, c, cell)
        _output(a_t, c, out)
        if w_hr is not None:
            h[0] = 0
            _multiply(w_hr, out[0], h[0])
        else:
            _copy(h[0], out[0])
        _copy(y[t, d], h[0])


@native
def gru(u: Array, w_ih: Array, bias: Array, w: Array, b_q: Array, h: Array, y: Array, d: int) -> None:
    """r, z = σ(aₜ + w hₜ₋₁), n = tanh(aₜ + r (w_n hₜ₋₁ + b_q)); hₜ = n + z (hₜ₋₁ − n)."""
    hidden = h.shape[1]
    a = _from_inputs(u, w_ih, bias, len(y), hidden)
    q, new = np.empty_like(h), np.empty_like(h)
    for k in range(len(a)):
        t = k if d == 0 else len(a) - 1 - k
        a_t = a[t : t + 1]
        _multiply(w[: 2 * hidden], h[0], a_t.reshape(-1))
        _copy(q[0], b_q)
        _multiply(w[2 * hidden :], h[0], q[0])
        _sigmoid_gate(a_t, 0)
        _sigmoid_gate(a_t, 1)
        _candidate(a_t, q)
        _new_state(a_t, h, new)
        _copy(y[t, d], new[0])
