"""The plain recurrent network over a whole packed sequence, in one direction, and its gradient.

Legend: N packed rows, B sequences, I inputs, H hidden features; x (N, I), y (N, H), h (B, H);  aₜ = W_ih xₜ + W_hh hₜ₋₁ + b,
hₜ = tanh aₜ or relu aₜ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.recurrent.steps import (
    Gradients,
    Inputs,
    entering,
    final,
    leading,
    product_with_entering,
    rows_of,
    visits,
)
from metagrad.kernels.workspace import Workspace


class RNN:
    """One direction: ``forward`` keeps what ``backward`` needs."""

    def __init__(self, sizes: Sequence[int], reverse: bool, nonlinearity: str) -> None:
        self.order, self.nonlinearity = visits(sizes, reverse), nonlinearity
        self.memory = Workspace()

    def forward(self, inputs: Inputs) -> tuple[Array, list[Array]]:
        """(y, [final h])."""
        x, states, weights = inputs
        w_ih, w_hh, b_ih, b_hh = weights
        (initial,) = states
        y = self.memory.empty((len(x), initial.shape[1]), x.dtype)
        np.matmul(x, w_ih.T, out=y)  # all steps' inputs in one product; the loop turns it into y
        if b_ih is not None:
            y += b_ih + b_hh
        w = np.ascontiguousarray(w_hh.T)  # small products are twice as fast with both operands in order
        scratch = np.empty(initial.shape, x.dtype)
        activate = np.tanh if self.nonlinearity == "tanh" else _relu
        h = initial
        for y_t, s_t in zip(rows_of(y, self.order), leading(scratch, self.order), strict=True):
            np.matmul(entering(h, initial, len(y_t)), w, out=s_t)
            np.add(y_t, s_t, out=y_t)
            activate(y_t, out=y_t)
            h = y_t
        self.y = y
        return y, [final(y, self.order)]

    def backward(self, inputs: Inputs, grad_y: Array, grad_states: Sequence[Array], needs_x: bool) -> Gradients:
        """(∂x, [∂h_0], [∂W_ih, ∂W_hh, ∂b_ih, ∂b_hh])."""
        x, states, weights = inputs
        w_ih, w_hh, b_ih, _ = weights
        y, memory = self.y, Workspace()
        slope = memory.empty(y.shape, y.dtype)
        if self.nonlinearity == "tanh":
            np.multiply(y, y, out=slope)
            np.subtract(1, slope, out=slope)
        else:
            np.greater(y, 0, out=slope, casting="unsafe")
        grad_h = grad_states[0].copy()
        back = self.order[::-1]
        for d_t, g_t, h_t in zip(rows_of(slope, back), rows_of(grad_y, back), leading(grad_h, back), strict=True):
            np.add(h_t, g_t, out=h_t)
            np.multiply(d_t, h_t, out=d_t)  # from here on ∂aₜ stands where the slope stood
            np.matmul(d_t, w_hh, out=h_t)
        grad_a = slope
        grad_b = grad_a.sum(axis=0) if b_ih is not None else None
        grad_w_hh = product_with_entering(grad_a, y, states[0], self.order, memory.empty(y.shape, y.dtype))
        grads = [grad_a.T @ x, grad_w_hh, grad_b, grad_b]
        return grad_a @ w_ih if needs_x else None, [grad_h], grads


def _relu(x: Array, out: Array) -> None:
    np.maximum(x, 0, out=out)
