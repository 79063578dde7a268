"""The LSTM over a whole packed sequence, in one direction, and its gradient.

Legend: N packed rows, B sequences, I inputs, H cells, P outputs (H without a projection); x (N, I), y (N, P), h (B, P),
c (B, H). Gates stand in front, each contiguous, in the order o, i, f, g: the three with a sigmoid side by side, and the
three whose gradient comes through the cell side by side.

    aₜ = W_ih xₜ + W_hh hₜ₋₁ + b;   o, i, f = σ(a),  g = tanh a;   cₜ = f cₜ₋₁ + i g;   hₜ = o tanh cₜ  (times W_hr)

σ(a) = ½ + ½ tanh(a/2), with the halving of a folded into the weights: one call of tanh serves all gates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    product_with_entering,
    rows_of,
    visits,
)
from metagrad.kernels.workspace import Workspace

_ORDER = [3, 0, 1, 2]  # where o, i, f, g stand in PyTorch's i, f, g, o
_BACK = [1, 2, 3, 0]


def _by_gate(w: Array, cells: int) -> Array:
    """A weight (4·H, *) or bias (4·H) as (4, H, *) in this file's order."""
    return w.reshape(4, cells, *w.shape[1:])[_ORDER]


class LSTM:
    """One direction: ``forward`` keeps what ``backward`` needs."""

    def __init__(self, sizes: Sequence[int], reverse: bool) -> None:
        self.order = visits(sizes, reverse)
        self.memory = Workspace()

    def forward(self, inputs: Inputs) -> tuple[Array, list[Array]]:
        """(y, [final h, final c])."""
        x, states, weights = inputs
        w_ih, w_hh, b_ih, b_hh, *projection = weights
        first_h, first_c = states
        rows, cells, order, empty = len(x), first_c.shape[1], self.order, self.memory.empty
        half = np.array([0.5, 0.5, 0.5, 1.0], x.dtype)[:, None, None]
        u = np.ascontiguousarray((_by_gate(w_hh, cells) * half).transpose(0, 2, 1))  # (4, P, H)
        gates = empty((4, rows, cells), x.dtype)  # all steps' inputs in one product; the loop turns it into o, i, f, g
        np.matmul(x, (_by_gate(w_ih, cells) * half).transpose(0, 2, 1), out=gates)
        if b_ih is not None:
            gates += _by_gate(b_ih + b_hh, cells)[:, None] * half
        y, cell, tanh_c = (empty((rows, width), x.dtype) for width in (first_h.shape[1], cells, cells))
        outputs = empty((rows, cells), x.dtype) if projection else y  # o tanh c, before the projection
        w_hr = np.ascontiguousarray(projection[0].T) if projection else None
        scratch, product = np.empty(4 * first_c.size, x.dtype), np.empty(first_c.shape, x.dtype)
        a_half = np.asarray(0.5, x.dtype)
        h, c = first_h, first_c
        for a_t, s_t, p_t, c_t, tc_t, m_t, y_t in zip(
            gate_rows_of(gates, order), leading_gates(scratch, 4, cells, order), leading(product, order),
            rows_of(cell, order), rows_of(tanh_c, order), rows_of(outputs, order), rows_of(y, order), strict=True,
        ):  # fmt: skip
            np.matmul(entering(h, first_h, len(y_t)), u, out=s_t)
            np.add(s_t, a_t, out=s_t)
            np.tanh(s_t, out=s_t)
            sigmoids = s_t[:3]
            np.multiply(sigmoids, a_half, out=sigmoids)
            np.add(sigmoids, a_half, out=a_t[:3])
            a_t[3] = s_t[3]
            o, i, f, g = a_t
            np.multiply(entering(c, first_c, len(y_t)), f, out=c_t)
            np.multiply(i, g, out=p_t)
            np.add(c_t, p_t, out=c_t)
            np.tanh(c_t, out=tc_t)
            np.multiply(o, tc_t, out=m_t)
            if w_hr is not None:
                np.matmul(m_t, w_hr, out=y_t)
            h, c = y_t, c_t
        self.kept = gates, y, cell, tanh_c, outputs
        return y, [final(y, order), final(cell, order)]

    def _factors(self, first_c: Array, memory: Workspace) -> tuple[Array, Array]:
        """What the loop of ``backward`` multiplies with, for all steps at once.

        (4, N, H) for ∂h (o) and ∂c (i, f, g), to give ∂a; and (N, H) for ∂h, to give its part of ∂c.
        """
        gates, _, cell, tanh_c, _ = self.kept
        o, i, _, g = gates
        factor = memory.empty(gates.shape, gates.dtype)
        np.subtract(1, gates[:3], out=factor[:3])
        np.multiply(factor[:3], gates[:3], out=factor[:3])  # σ' = σ (1 − σ)
        through_cell = memory.empty(cell.shape, cell.dtype)
        c_before = all_entering(cell, first_c, self.order, through_cell)
        np.multiply(factor[2], c_before, out=factor[2])
        np.multiply(factor[1], g, out=factor[1])
        np.multiply(factor[0], tanh_c, out=factor[0])
        np.multiply(g, g, out=factor[3])
        np.subtract(1, factor[3], out=factor[3])
        np.multiply(factor[3], i, out=factor[3])
        np.multiply(tanh_c, tanh_c, out=through_cell)
        np.subtract(1, through_cell, out=through_cell)
        np.multiply(through_cell, o, out=through_cell)
        return factor, through_cell

    def backward(self, inputs: Inputs, grad_y: Array, grad_states: Sequence[Array], needs_x: bool) -> Gradients:
        """(∂x, [∂h_0, ∂c_0], [∂W_ih, ∂W_hh, ∂b_ih, ∂b_hh, ∂W_hr])."""
        x, states, weights = inputs
        w_ih, w_hh, b_ih, _, *projection = weights
        gates, y, _, tanh_c, outputs = self.kept
        cells, memory = tanh_c.shape[1], Workspace()
        factor, through_cell = self._factors(states[1], memory)
        u = _by_gate(w_hh, cells)
        grad_h, grad_c = grad_states[0].copy(), grad_states[1].copy()
        back = self.order[::-1]
        scratch, product = np.empty(4 * grad_h.size, x.dtype), np.empty_like(grad_c)
        w_hr: Any = projection[0] if projection else None
        grad_out = memory.empty(y.shape, x.dtype) if projection else None
        inner = np.empty_like(grad_c) if projection else grad_h
        out_rows = rows_of(grad_out, back) if projection else [None] * len(back)
        for d_t, t_t, f_t, y_t, h_t, c_t, p_t, s_t, m_t, go_t in zip(
            gate_rows_of(factor, back), rows_of(through_cell, back), rows_of(gates[2], back), rows_of(grad_y, back),
            leading(grad_h, back), leading(grad_c, back), leading(product, back),
            leading_gates(scratch, 4, grad_h.shape[1], back), leading(inner, back), out_rows, strict=True,
        ):  # fmt: skip
            np.add(h_t, y_t, out=h_t)
            if go_t is not None:
                go_t[...] = h_t
                np.matmul(h_t, w_hr, out=m_t)
            np.multiply(m_t, t_t, out=p_t)
            np.add(c_t, p_t, out=c_t)
            np.multiply(d_t[0], m_t, out=d_t[0])
            np.multiply(d_t[1:], c_t, out=d_t[1:])
            np.multiply(c_t, f_t, out=c_t)
            np.matmul(d_t, u, out=s_t)
            np.add.reduce(s_t, axis=0, out=h_t)
        grad_a = factor  # (4, N, H): the loop has turned the factors into ∂a
        grad_w_hh = product_with_entering(grad_a, y, states[0], self.order, memory.empty(y.shape, x.dtype))
        grad_b = grad_a.sum(axis=1)[_BACK].reshape(-1) if b_ih is not None else None
        grads: list[Array | None] = [
            np.matmul(grad_a.transpose(0, 2, 1), x)[_BACK].reshape(w_ih.shape),
            grad_w_hh[_BACK].reshape(w_hh.shape),
            grad_b,
            grad_b,
        ]
        if grad_out is not None:
            grads.append(grad_out.T @ outputs)
        grad_x = None
        if needs_x:
            w = _by_gate(w_ih, cells)
            grad_x = grad_a[0] @ w[0]
            for k in (1, 2, 3):
                grad_x += grad_a[k] @ w[k]
        return grad_x, [grad_h, grad_c], grads
