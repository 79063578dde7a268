"""The GRU over a whole packed sequence, in one direction, and its gradient.

Legend: N packed rows, B sequences, I inputs, H hidden features; x (N, I), y (N, H), h (B, H). Gates stand in front, each
contiguous, in the order r, z, n.

    r, z = σ(W_i xₜ + W_h hₜ₋₁ + b);   q = W_hn hₜ₋₁ + b_hn;   n = tanh(W_in xₜ + b_in + r q);   hₜ = n + z (hₜ₋₁ − n)

σ(a) = ½ + ½ tanh(a/2), with the halving of a folded into the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.recurrent.steps import (
    Gradients,
    Inputs,
    all_entering,
    entering,
    final,
    gate_rows_of,
    leading,
    leading_gates,
    rows_of,
    visits,
)
from metagrad.kernels.workspace import Workspace


class GRU:
    """One direction: ``forward`` keeps what ``backward`` needs."""

    def __init__(self, sizes: Sequence[int], reverse: bool) -> None:
        self.order = visits(sizes, reverse)
        self.memory = Workspace()

    def forward(self, inputs: Inputs) -> tuple[Array, list[Array]]:
        """(y, [final h])."""
        x, states, weights = inputs
        w_ih, w_hh, b_ih, b_hh = weights
        (initial,) = states
        rows, hidden, order, empty = len(x), initial.shape[1], self.order, self.memory.empty
        half = np.array([0.5, 0.5, 1.0], x.dtype)[:, None, None]
        u = np.ascontiguousarray((w_hh.reshape(3, hidden, hidden) * half).transpose(0, 2, 1))
        gates = empty((3, rows, hidden), x.dtype)  # all steps' inputs in one product; the loop turns it into r, z, n
        np.matmul(x, (w_ih.reshape(3, hidden, -1) * half).transpose(0, 2, 1), out=gates)
        b_q = np.zeros(hidden, x.dtype)
        if b_ih is not None:
            both = b_ih.reshape(3, 1, hidden) * half
            both[:2] += b_hh[: 2 * hidden].reshape(2, 1, hidden) * half[:2]
            gates += both
            b_q = b_hh[2 * hidden :]
        y, q = empty((rows, hidden), x.dtype), empty((rows, hidden), x.dtype)
        scratch, product = np.empty(3 * initial.size, x.dtype), np.empty(initial.shape, x.dtype)
        a_half = np.asarray(0.5, x.dtype)
        h = initial
        for a_t, s_t, p_t, q_t, y_t in zip(
            gate_rows_of(gates, order), leading_gates(scratch, 3, hidden, order), leading(product, order),
            rows_of(q, order), rows_of(y, order), strict=True,
        ):  # fmt: skip
            h = entering(h, initial, len(y_t))
            np.matmul(h, u, out=s_t)
            sigmoids = a_t[:2]
            np.add(sigmoids, s_t[:2], out=sigmoids)
            np.tanh(sigmoids, out=sigmoids)
            np.multiply(sigmoids, a_half, out=sigmoids)
            np.add(sigmoids, a_half, out=sigmoids)
            r, z, n = a_t
            np.add(s_t[2], b_q, out=q_t)
            np.multiply(r, q_t, out=p_t)
            np.add(n, p_t, out=n)
            np.tanh(n, out=n)
            np.subtract(h, n, out=y_t)
            np.multiply(y_t, z, out=y_t)
            np.add(y_t, n, out=y_t)
            h = y_t
        self.kept = gates, y, q
        return y, [final(y, order)]

    def _factors(self, h_before: Array, memory: Workspace) -> Array:
        """What the loop of ``backward`` multiplies ∂h with, for all steps at once, (4, N, H): to give ∂r, ∂z, ∂q, ∂n."""
        gates, _, q = self.kept
        r, z, n = gates
        factor = memory.empty((4, *q.shape), q.dtype)
        d_r, d_z, d_q, d_n = factor
        np.subtract(1, gates[:2], out=factor[:2])
        np.multiply(n, n, out=d_n)
        np.subtract(1, d_n, out=d_n)
        np.multiply(d_n, d_z, out=d_n)  # ∂n = ∂h (1 − z)(1 − n²)
        np.multiply(d_n, r, out=d_q)  # ∂q = ∂n r
        np.multiply(d_r, d_q, out=d_r)
        np.multiply(d_r, q, out=d_r)  # ∂r = ∂n q r (1 − r)
        np.multiply(d_z, z, out=d_z)
        change = np.subtract(h_before, n, out=memory.empty(n.shape, n.dtype))
        np.multiply(d_z, change, out=d_z)  # ∂z = ∂h (h − n) z (1 − z)
        return factor

    def backward(self, inputs: Inputs, grad_y: Array, grad_states: Sequence[Array], needs_x: bool) -> Gradients:
        """(∂x, [∂h_0], [∂W_ih, ∂W_hh, ∂b_ih, ∂b_hh])."""
        x, states, weights = inputs
        w_ih, w_hh, b_ih, _ = weights
        gates, y, _ = self.kept
        hidden, memory = y.shape[1], Workspace()
        h_before = all_entering(y, states[0], self.order, memory.empty(y.shape, y.dtype))
        factor = self._factors(h_before, memory)
        u = w_hh.reshape(3, hidden, hidden)
        grad_h = grad_states[0].copy()
        back = self.order[::-1]
        scratch = np.empty(3 * grad_h.size, x.dtype)
        for d_t, z_t, y_t, h_t, s_t in zip(
            gate_rows_of(factor, back), rows_of(gates[1], back), rows_of(grad_y, back), leading(grad_h, back),
            leading_gates(scratch, 3, hidden, back), strict=True,
        ):  # fmt: skip
            np.add(h_t, y_t, out=h_t)
            np.multiply(d_t, h_t, out=d_t)  # from here on ∂a stands where the factor stood
            np.multiply(h_t, z_t, out=h_t)
            np.matmul(d_t[:3], u, out=s_t)
            np.add(s_t[0], s_t[1], out=s_t[0])
            np.add(s_t[0], s_t[2], out=s_t[0])
            np.add(h_t, s_t[0], out=h_t)
        d_r, d_z, _, d_n = factor
        by_input = (d_r, d_z, d_n)
        grads: list[Array | None] = [
            np.concatenate([d.T @ x for d in by_input]),
            np.matmul(factor[:3].transpose(0, 2, 1), h_before).reshape(w_hh.shape),
            None,
            None,
        ]
        if b_ih is not None:
            sums = factor.sum(axis=1)
            grads[2:] = [np.concatenate([sums[0], sums[1], sums[3]]), sums[:3].reshape(-1)]
        grad_x = None
        if needs_x:
            w = w_ih.reshape(3, hidden, -1)
            grad_x = d_r @ w[0]
            grad_x += d_z @ w[1]
            grad_x += d_n @ w[2]
        return grad_x, [grad_h], grads
