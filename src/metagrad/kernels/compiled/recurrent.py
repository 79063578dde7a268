"""The sequence loops of RNN, LSTM and GRU, forward and backward: one direction of a layer over packed steps.

Legend: N packed rows, B sequences, H hidden features (cells of an LSTM), P outputs of an LSTM (H without a projection).
steps (T, 2): the first row of each visit and its number of sequences, in order; the rows of a visit stand one after the other,
and its sequences are the first ones. States are rows of a buffer, one for each sequence: it comes with the initial states and
leaves with the final ones, for a row stays as it is while its sequence does not run. Gates are in PyTorch's order, side by side
in a row, (N, G, H).

The products of all steps' inputs are made before, with the biases, those of the weights' gradients afterwards. In the loop
are only the products with the states of a step, and short loops over few arrays, as only these become vector instructions: a
compiler has to make sure that no two arrays overlap. A recurrent weight u (P, C) comes in panels (``products.py``), (*, P, W).
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native
from metagrad.kernels.compiled.products import add_product
from metagrad.kernels.compiled.transcendental import tanh


@native
def _copy(a: Array, b: Array) -> None:
    for j in range(a.size):
        a[j] = b[j]


@native
def _add(a: Array, s: Array) -> None:
    for j in range(a.size):
        a[j] += s[j]


@native
def entering(y: Array, first_h: Array, before: Array, steps: Array) -> None:
    """The states that every step starts from, into before (N, P), in the rows of the step: y (N, P) are those it ends with."""
    for t in range(len(steps)):
        start, size = steps[t, 0], steps[t, 1]
        previous, running = (steps[t - 1, 0], min(size, steps[t - 1, 1])) if t else (0, 0)
        _copy(before[start : start + running].reshape(-1), y[previous : previous + running].reshape(-1))
        _copy(before[start + running : start + size].reshape(-1), first_h[running:size].reshape(-1))


# ------------------------------------------------ RNN


@native
def rnn_forward(y: Array, u: Array, h: Array, steps: Array, relu: bool) -> None:
    """hₜ = tanh(aₜ + hₜ₋₁ u) or relu: y (N, H) is a and becomes h; u (H, H) in panels; h (B, H)."""
    for t in range(len(steps)):
        start, size = steps[t, 0], steps[t, 1]
        h_t, y_t = h[:size], y[start : start + size]
        add_product(h_t, u, y_t)
        if relu:
            _new_by_relu(y_t.reshape(-1), h_t.reshape(-1))
        else:
            _new_by_tanh(y_t.reshape(-1), h_t.reshape(-1))


@native
def _new_by_tanh(y: Array, h: Array) -> None:
    for j in range(y.size):
        value = tanh(y[j])
        y[j] = value
        h[j] = value


@native
def _new_by_relu(y: Array, h: Array) -> None:
    zero = y.dtype.type(0)
    for j in range(y.size):
        value = zero if y[j] < zero else y[j]
        y[j] = value
        h[j] = value


@native
def rnn_backward(d: Array, y: Array, grad_y: Array, u: Array, grad_h: Array, steps: Array, relu: bool) -> None:
    """∂aₜ = (∂hₜ + ∂yₜ) (1 − yₜ²) into d (N, H), ∂hₜ₋₁ = ∂aₜ u: y, grad_y (N, H); u (H, H) in panels; grad_h (B, H)."""
    for t in range(len(steps) - 1, -1, -1):
        start, size = steps[t, 0], steps[t, 1]
        rows = slice(start, start + size)
        d_t, y_t, g_t, h_t = d[rows], y[rows], grad_y[rows], grad_h[:size]
        if relu:
            _back_through_relu(d_t.reshape(-1), y_t.reshape(-1), g_t.reshape(-1), h_t.reshape(-1))
        else:
            _back_through_tanh(d_t.reshape(-1), y_t.reshape(-1), g_t.reshape(-1), h_t.reshape(-1))
        h_t[:] = 0
        add_product(d_t, u, h_t)


@native
def _back_through_tanh(d: Array, y: Array, g: Array, h: Array) -> None:
    one = y.dtype.type(1)
    for j in range(y.size):
        d[j] = (h[j] + g[j]) * (one - y[j] * y[j])


@native
def _back_through_relu(d: Array, y: Array, g: Array, h: Array) -> None:
    zero, one = y.dtype.type(0), y.dtype.type(1)
    for j in range(y.size):
        d[j] = (h[j] + g[j]) * (one if y[j] > zero else zero)


# ------------------------------------------------ LSTM


@native
def lstm_forward(
    a: Array, u: Array, h: Array, c: Array, cell: Array, outputs: Array, y: Array, w: Array | None, steps: Array
) -> None:
    """i, f, o = σ(aₜ + hₜ₋₁ u), g = tanh; cₜ = f cₜ₋₁ + i g; outputs = o tanh cₜ; y = outputs w, or outputs if w is None.

    a (N, 4, H) becomes the gates i, f, g, o; u (P, 4·H) in panels; h (B, P), c (B, H); cell, outputs (N, H); y (N, P);
    w (H, P) in panels.
    """
    for t in range(len(steps)):
        start, size = steps[t, 0], steps[t, 1]
        rows = slice(start, start + size)
        a_t, c_t, o_t = a[rows], c[:size], outputs[rows]
        add_product(h[:size], u, a_t.reshape((size, -1)))
        _sigmoid_gate(a_t, 0)
        _sigmoid_gate(a_t, 1)
        _tanh_gate(a_t, 2)
        _sigmoid_gate(a_t, 3)
        _new_cell(a_t, c_t, cell[rows])
        _output(a_t, c_t, o_t)
        if w is not None:
            y[rows] = 0
            add_product(o_t, w, y[rows])
        _copy(h[:size].reshape(-1), y[rows].reshape(-1))


@native
def _sigmoid_gate(a: Array, k: int) -> None:
    half = a.dtype.type(0.5)
    for b in range(len(a)):
        for j in range(a.shape[2]):
            a[b, k, j] = half + half * tanh(half * a[b, k, j])


@native
def _tanh_gate(a: Array, k: int) -> None:
    for b in range(len(a)):
        for j in range(a.shape[2]):
            a[b, k, j] = tanh(a[b, k, j])


@native
def _new_cell(a: Array, c: Array, cell: Array) -> None:
    for b in range(len(c)):
        for j in range(c.shape[1]):
            value = a[b, 1, j] * c[b, j] + a[b, 0, j] * a[b, 2, j]
            c[b, j] = value
            cell[b, j] = value


@native
def _output(a: Array, c: Array, out: Array) -> None:
    for b in range(len(c)):
        for j in range(c.shape[1]):
            out[b, j] = a[b, 3, j] * tanh(c[b, j])


@native
def lstm_backward(
    d: Array, a: Array, cell: Array, first_c: Array, grad_y: Array, u: Array, grad_h: Array, grad_c: Array,
    w: Array | None, grad_out: Array, steps: Array,
) -> None:  # fmt: skip
    """∂a (N, 4, H) into d, from grad_y (N, P) and the final states' grad_h (B, P), grad_c (B, H), which become the initial ones'.

    a (N, 4, H): the gates; cell (N, H); first_c (B, H); u (4·H, P), w (P, H) in panels, or None; grad_out (N, P), where w is not
    None, is what the projection's outputs get.
    """
    m, tanh_c = np.empty_like(grad_c), np.empty_like(grad_c)
    for t in range(len(steps) - 1, -1, -1):
        start, size = steps[t, 0], steps[t, 1]
        previous, running = (steps[t - 1, 0], min(size, steps[t - 1, 1])) if t else (0, 0)
        rows = slice(start, start + size)
        d_t, a_t, h_t, c_t, m_t = d[rows], a[rows], grad_h[:size], grad_c[:size], m[:size]
        _add(h_t.reshape(-1), grad_y[rows].reshape(-1))
        if w is not None:
            _copy(grad_out[rows].reshape(-1), h_t.reshape(-1))
            m_t[:] = 0
            add_product(h_t, w, m_t)
        else:
            _copy(m_t.reshape(-1), h_t.reshape(-1))
        _back_through_output(d_t, a_t, cell[rows], c_t, m_t, tanh_c)
        _back_through_input(d_t, a_t, c_t)
        _back_through_memory(d_t[:running], a_t[:running], c_t[:running], cell[previous : previous + running])
        _back_through_memory(d_t[running:], a_t[running:], c_t[running:], first_c[running:size])
        h_t[:] = 0
        add_product(d_t.reshape((size, -1)), u, h_t)


@native
def _back_through_output(d: Array, a: Array, c: Array, grad_c: Array, m: Array, tanh_c: Array) -> None:
    """Of o tanh c, whose gradient is m: ∂a of o into d, and what c gets is added to grad_c; tanh_c is memory."""
    one = c.dtype.type(1)
    for b in range(len(c)):
        for j in range(c.shape[1]):
            tanh_c[b, j] = tanh(c[b, j])
        for j in range(c.shape[1]):
            d[b, 3, j] = m[b, j] * tanh_c[b, j] * a[b, 3, j] * (one - a[b, 3, j])
        for j in range(c.shape[1]):
            grad_c[b, j] += m[b, j] * a[b, 3, j] * (one - tanh_c[b, j] * tanh_c[b, j])


@native
def _back_through_input(d: Array, a: Array, grad_c: Array) -> None:
    """Of i g, whose gradient is grad_c: ∂a of i and g into d."""
    one = d.dtype.type(1)
    for b in range(len(grad_c)):
        for j in range(grad_c.shape[1]):
            d[b, 0, j] = grad_c[b, j] * a[b, 2, j] * a[b, 0, j] * (one - a[b, 0, j])
        for j in range(grad_c.shape[1]):
            d[b, 2, j] = grad_c[b, j] * a[b, 0, j] * (one - a[b, 2, j] * a[b, 2, j])


@native
def _back_through_memory(d: Array, a: Array, grad_c: Array, c_before: Array) -> None:
    """Of f cₜ₋₁: ∂a of f into d, and grad_c becomes the gradient of cₜ₋₁."""
    one = d.dtype.type(1)
    for b in range(len(grad_c)):
        for j in range(grad_c.shape[1]):
            d[b, 1, j] = grad_c[b, j] * c_before[b, j] * a[b, 1, j] * (one - a[b, 1, j])
        for j in range(grad_c.shape[1]):
            grad_c[b, j] *= a[b, 1, j]


# ------------------------------------------------ GRU


@native
def gru_forward(a: Array, u: Array, u_n: Array, h: Array, q: Array, y: Array, steps: Array) -> None:
    """r, z = σ(aₜ + hₜ₋₁ u), qₜ = qₜ + hₜ₋₁ u_n, n = tanh(aₜ + r qₜ); hₜ = n + z (hₜ₋₁ − n).

    a (N, 3, H) becomes the gates r, z, n; u (H, 2·H), u_n (H, H) in panels; h (B, H); q (N, H) comes as the candidate's
    recurrent bias; y (N, H).
    """
    hidden = h.shape[1]
    for t in range(len(steps)):
        start, size = steps[t, 0], steps[t, 1]
        rows = slice(start, start + size)
        a_t, h_t, q_t = a[rows], h[:size], q[rows]
        add_product(h_t, u, a_t.reshape((size, -1))[:, : 2 * hidden])
        add_product(h_t, u_n, q_t)
        _sigmoid_gate(a_t, 0)
        _sigmoid_gate(a_t, 1)
        _candidate(a_t, q_t)
        _new_state(a_t, h_t, y[rows])


@native
def _candidate(a: Array, q: Array) -> None:
    for b in range(len(a)):
        for j in range(a.shape[2]):
            a[b, 2, j] = tanh(a[b, 2, j] + a[b, 0, j] * q[b, j])


@native
def _new_state(a: Array, h: Array, y: Array) -> None:
    for b in range(len(h)):
        for j in range(h.shape[1]):
            value = a[b, 2, j] + a[b, 1, j] * (h[b, j] - a[b, 2, j])
            h[b, j] = value
            y[b, j] = value


@native
def gru_backward(
    d: Array, a: Array, q: Array, y: Array, first_h: Array, grad_y: Array, u: Array, grad_h: Array, steps: Array
) -> None:
    """∂n, ∂r, ∂z, ∂q (before tanh and σ) into d (N, 4, H), from grad_y (N, H) and the final states' grad_h (B, H), which becomes
    the initial ones'.

    a (N, 3, H): the gates; q, y (N, H); first_h (B, H); u (3·H, H) in panels.
    """
    hidden = y.shape[1]
    for t in range(len(steps) - 1, -1, -1):
        start, size = steps[t, 0], steps[t, 1]
        previous, running = (steps[t - 1, 0], min(size, steps[t - 1, 1])) if t else (0, 0)
        rows = slice(start, start + size)
        d_t, a_t, h_t = d[rows], a[rows], grad_h[:size]
        _add(h_t.reshape(-1), grad_y[rows].reshape(-1))
        _back_through_candidate(d_t, a_t, h_t, q[rows])
        _back_through_update(d_t[:running], a_t[:running], h_t[:running], y[previous : previous + running])
        _back_through_update(d_t[running:], a_t[running:], h_t[running:], first_h[running:size])
        add_product(d_t.reshape((size, -1))[:, hidden:], u, h_t)


@native
def _back_through_candidate(d: Array, a: Array, grad_h: Array, q: Array) -> None:
    """Of (1 − z) n with n = tanh(a + r q): ∂n, ∂r, ∂q into d."""
    one = d.dtype.type(1)
    for b in range(len(q)):
        for j in range(q.shape[1]):
            d[b, 0, j] = grad_h[b, j] * (one - a[b, 1, j]) * (one - a[b, 2, j] * a[b, 2, j])
        for j in range(q.shape[1]):
            grad_n = grad_h[b, j] * (one - a[b, 1, j]) * (one - a[b, 2, j] * a[b, 2, j])
            d[b, 1, j] = grad_n * q[b, j] * a[b, 0, j] * (one - a[b, 0, j])
        for j in range(q.shape[1]):
            grad_n = grad_h[b, j] * (one - a[b, 1, j]) * (one - a[b, 2, j] * a[b, 2, j])
            d[b, 3, j] = grad_n * a[b, 0, j]


@native
def _back_through_update(d: Array, a: Array, grad_h: Array, h_before: Array) -> None:
    """Of z (hₜ₋₁ − n): ∂a of z into d, and grad_h becomes what hₜ₋₁ gets directly."""
    one = d.dtype.type(1)
    for b in range(len(grad_h)):
        for j in range(grad_h.shape[1]):
            d[b, 2, j] = grad_h[b, j] * (h_before[b, j] - a[b, 2, j]) * a[b, 1, j] * (one - a[b, 1, j])
        for j in range(grad_h.shape[1]):
            grad_h[b, j] *= a[b, 1, j]
