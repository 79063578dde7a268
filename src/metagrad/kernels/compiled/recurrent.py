"""The sequence loops of RNN, LSTM and GRU, forward and backward: one direction of a layer over packed steps.

Legend: N packed rows, B sequences, H hidden features (cells of an LSTM), P outputs of an LSTM (H without a projection).
steps (T, 2): the first row of each visit and its number of sequences, in order; the rows of a visit stand one after the other,
and its sequences are the first ones. States are rows of a buffer, one for each sequence: it comes with the initial states and
leaves with the final ones, for a row stays as it is while its sequence does not run. Gates are in PyTorch's order, side by side
in a row; u and w are weights as the products need them.

The products of all steps' inputs are made before, those of the weights' gradients afterwards: large ones, by BLAS. In the loop
are only the products with the states of a step, a product for each gate, for BLAS is fastest at small ones; and short loops
over few arrays, as only these become vector instructions: a compiler has to make sure that no two arrays overlap.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native
from metagrad.kernels.compiled.transcendental import tanh

# ------------------------------------------------ RNN


@native
def rnn_forward(y: Array, u: Array, h: Array, steps: Array, relu: bool) -> None:
    """hₜ = tanh(aₜ + hₜ₋₁ u) or relu: y (N, H) is a and becomes h; u (H, H); h (B, H)."""
    product = np.empty_like(h)
    for t in range(len(steps)):
        start, size = steps[t, 0], steps[t, 1]
        s, before, y_t = product[:size], h[:size], y[start : start + size]
        np.dot(before, u, s)
        if relu:
            _add_relu(y_t.reshape(-1), s.reshape(-1), before.reshape(-1))
        else:
            _add_tanh(y_t.reshape(-1), s.reshape(-1), before.reshape(-1))


@native
def _add_tanh(y: Array, s: Array, h: Array) -> None:
    for j in range(y.size):
        value = tanh(y[j] + s[j])
        y[j] = value
        h[j] = value


@native
def _add_relu(y: Array, s: Array, h: Array) -> None:
    zero = y.dtype.type(0)
    for j in range(y.size):
        value = y[j] + s[j]
        value = zero if value < zero else value
        y[j] = value
        h[j] = value


@native
def rnn_backward(d: Array, y: Array, grad_y: Array, w: Array, grad_h: Array, steps: Array, relu: bool) -> None:
    """∂aₜ = (∂hₜ + ∂yₜ) (1 − yₜ²) into d (N, H), ∂hₜ₋₁ = ∂aₜ w: y, grad_y (N, H); w (H, H); grad_h (B, H)."""
    for t in range(len(steps) - 1, -1, -1):
        start, size = steps[t, 0], steps[t, 1]
        rows = slice(start, start + size)
        d_t, y_t, g_t, h_t = d[rows], y[rows], grad_y[rows], grad_h[:size]
        if relu:
            _back_through_relu(d_t.reshape(-1), y_t.reshape(-1), g_t.reshape(-1), h_t.reshape(-1))
        else:
            _back_through_tanh(d_t.reshape(-1), y_t.reshape(-1), g_t.reshape(-1), h_t.reshape(-1))
        np.dot(d_t, w, h_t)


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

    a (N, 4·H) becomes the gates; u (4, P, H); h (B, P), c (B, H); cell, outputs (N, H); y (N, P); w (H, P).
    """
    hidden = c.shape[1]
    product = np.empty((4, *c.shape), c.dtype)
    for t in range(len(steps)):
        start, size = steps[t, 0], steps[t, 1]
        rows = slice(start, start + size)
        for k in range(4):
            np.dot(h[:size], u[k], product[k, :size])
        for b in range(size):
            a_b, c_b = a[start + b], c[b]
            i, f, g, o = a_b[:hidden], a_b[hidden : 2 * hidden], a_b[2 * hidden : 3 * hidden], a_b[3 * hidden :]
            _add_sigmoid(i, product[0, b])
            _add_sigmoid(f, product[1, b])
            _add_only_tanh(g, product[2, b])
            _add_sigmoid(o, product[3, b])
            _new_cell(c_b, cell[start + b], i, f, g)
            _output(outputs[start + b], o, c_b)
        if w is not None:
            np.dot(outputs[rows], w, y[rows])
        h[:size] = y[rows]


@native
def _add_sigmoid(a: Array, s: Array) -> None:
    half = a.dtype.type(0.5)
    for j in range(a.size):
        a[j] = half + half * tanh(half * (a[j] + s[j]))


@native
def _add_only_tanh(a: Array, s: Array) -> None:
    for j in range(a.size):
        a[j] = tanh(a[j] + s[j])


@native
def _new_cell(c: Array, cell: Array, i: Array, f: Array, g: Array) -> None:
    for j in range(c.size):
        value = f[j] * c[j] + i[j] * g[j]
        c[j] = value
        cell[j] = value


@native
def _output(out: Array, o: Array, c: Array) -> None:
    for j in range(out.size):
        out[j] = o[j] * tanh(c[j])


@native
def lstm_backward(
    d: Array, a: Array, cell: Array, first_c: Array, grad_y: Array, u: Array, grad_h: Array, grad_c: Array,
    w: Array | None, grad_out: Array, steps: Array,
) -> None:  # fmt: skip
    """∂a (N, 4·H) into d, from grad_y (N, P) and the final states' grad_h (B, P), grad_c (B, H), which become the initial ones'.

    a (N, 4·H): the gates; cell (N, H); first_c (B, H); u (4·H, P); w (P, H) or None; grad_out (N, P), where w is not None, is
    what the projection's outputs get.
    """
    hidden = cell.shape[1]
    m, tanh_c = np.empty_like(grad_c), np.empty(hidden, cell.dtype)
    for t in range(len(steps) - 1, -1, -1):
        start, size = steps[t, 0], steps[t, 1]
        previous, running = (steps[t - 1, 0], steps[t - 1, 1]) if t else (0, 0)
        rows = slice(start, start + size)
        h_t = grad_h[:size]
        _add(h_t.reshape(-1), grad_y[rows].reshape(-1))
        if w is not None:
            grad_out[rows] = h_t
            np.dot(h_t, w, m[:size])
        else:
            m[:size] = h_t
        for b in range(size):
            r = start + b
            a_b, d_b, c_b = a[r], d[r], grad_c[b]
            i, f, g, o = a_b[:hidden], a_b[hidden : 2 * hidden], a_b[2 * hidden : 3 * hidden], a_b[3 * hidden :]
            _back_through_output(d_b[3 * hidden :], c_b, tanh_c, m[b], o, cell[r])
            _back_through_input_gate(d_b[:hidden], c_b, i, g)
            _back_through_candidate(d_b[2 * hidden : 3 * hidden], c_b, i, g)
            earlier = cell[previous + b] if b < running else first_c[b]
            _back_through_forget_gate(d_b[hidden : 2 * hidden], c_b, f, earlier)
        np.dot(d[rows], u, h_t)


@native
def _add(a: Array, s: Array) -> None:
    for j in range(a.size):
        a[j] += s[j]


@native
def _back_through_output(d: Array, grad_c: Array, t: Array, m: Array, o: Array, c: Array) -> None:
    """Of o tanh c, whose gradient is m: ∂a of o into d, and what c gets is added to grad_c; t is memory for tanh c."""
    one = d.dtype.type(1)
    for j in range(d.size):
        t[j] = tanh(c[j])
    for j in range(d.size):
        d[j] = m[j] * t[j] * o[j] * (one - o[j])
    for j in range(d.size):
        grad_c[j] += m[j] * o[j] * (one - t[j] * t[j])


@native
def _back_through_input_gate(d: Array, grad_c: Array, i: Array, g: Array) -> None:
    one = d.dtype.type(1)
    for j in range(d.size):
        d[j] = grad_c[j] * g[j] * i[j] * (one - i[j])


@native
def _back_through_candidate(d: Array, grad_c: Array, i: Array, g: Array) -> None:
    one = d.dtype.type(1)
    for j in range(d.size):
        d[j] = grad_c[j] * i[j] * (one - g[j] * g[j])


@native
def _back_through_forget_gate(d: Array, grad_c: Array, f: Array, c_before: Array) -> None:
    """∂a of f into d; grad_c becomes what the cell of the step before gets."""
    one = d.dtype.type(1)
    for j in range(d.size):
        d[j] = grad_c[j] * c_before[j] * f[j] * (one - f[j])
        grad_c[j] *= f[j]


# ------------------------------------------------ GRU


@native
def gru_forward(a: Array, u: Array, b_q: Array, h: Array, q: Array, y: Array, steps: Array) -> None:
    """r, z = σ(aₜ + hₜ₋₁ u), q = hₜ₋₁ u_n + b_q, n = tanh(aₜ + r q); hₜ = n + z (hₜ₋₁ − n).

    a (N, 3·H) becomes the gates; u (3, H, H); b_q (H); h (B, H); q, y (N, H).
    """
    hidden = h.shape[1]
    product = np.empty((3, *h.shape), h.dtype)
    for t in range(len(steps)):
        start, size = steps[t, 0], steps[t, 1]
        for k in range(3):
            np.dot(h[:size], u[k], product[k, :size])
        for b in range(size):
            a_b, q_b = a[start + b], q[start + b]
            r, z, n = a_b[:hidden], a_b[hidden : 2 * hidden], a_b[2 * hidden :]
            _add_sigmoid(r, product[0, b])
            _add_sigmoid(z, product[1, b])
            _candidate(n, q_b, r, product[2, b], b_q)
            _new_state(h[b], y[start + b], z, n)


@native
def _candidate(n: Array, q: Array, r: Array, s: Array, b_q: Array) -> None:
    for j in range(n.size):
        value = s[j] + b_q[j]
        q[j] = value
        n[j] = tanh(n[j] + r[j] * value)


@native
def _new_state(h: Array, y: Array, z: Array, n: Array) -> None:
    for j in range(h.size):
        value = n[j] + z[j] * (h[j] - n[j])
        h[j] = value
        y[j] = value


@native
def gru_backward(
    d: Array, a: Array, q: Array, y: Array, first_h: Array, grad_y: Array, u: Array, grad_h: Array, steps: Array
) -> None:
    """∂n, ∂r, ∂z, ∂q (before tanh and σ) into d (N, 4·H), from grad_y (N, H) and the final states' grad_h (B, H), which becomes
    the initial ones'.

    a (N, 3·H): the gates; q, y (N, H); first_h (B, H); u (3·H, H).
    """
    hidden = y.shape[1]
    product, side = np.empty_like(grad_h), np.empty((len(grad_h), 3 * hidden), y.dtype)
    for t in range(len(steps) - 1, -1, -1):
        start, size = steps[t, 0], steps[t, 1]
        previous, running = (steps[t - 1, 0], steps[t - 1, 1]) if t else (0, 0)
        for b in range(size):
            row = start + b
            a_b, d_b, h_b = a[row], d[row], grad_h[b]
            r, z, n = a_b[:hidden], a_b[hidden : 2 * hidden], a_b[2 * hidden :]
            d_n, d_r, d_z, d_q = d_b[:hidden], d_b[hidden : 2 * hidden], d_b[2 * hidden : 3 * hidden], d_b[3 * hidden :]
            earlier = y[previous + b] if b < running else first_h[b]
            _add(h_b, grad_y[row])
            _back_through_candidate_state(d_n, h_b, z, n)
            _back_through_update_gate(d_z, h_b, z, n, earlier)
            _back_through_reset_gate(d_r, d_q, d_n, r, q[row])
            side[b] = d_b[hidden:]
        np.dot(side[:size], u, product[:size])
        _add(grad_h[:size].reshape(-1), product[:size].reshape(-1))


@native
def _back_through_candidate_state(d: Array, grad_h: Array, z: Array, n: Array) -> None:
    one = d.dtype.type(1)
    for j in range(d.size):
        d[j] = grad_h[j] * (one - z[j]) * (one - n[j] * n[j])


@native
def _back_through_update_gate(d: Array, grad_h: Array, z: Array, n: Array, h_before: Array) -> None:
    """∂a of z into d; grad_h becomes what the state of the step before gets directly."""
    one = d.dtype.type(1)
    for j in range(d.size):
        d[j] = grad_h[j] * (h_before[j] - n[j]) * z[j] * (one - z[j])
        grad_h[j] *= z[j]


@native
def _back_through_reset_gate(d_r: Array, d_q: Array, d_n: Array, r: Array, q: Array) -> None:
    one = d_r.dtype.type(1)
    for j in range(d_r.size):
        d_q[j] = d_n[j] * r[j]
        d_r[j] = d_n[j] * q[j] * r[j] * (one - r[j])
