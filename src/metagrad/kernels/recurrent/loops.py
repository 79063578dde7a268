"""RNN, LSTM and GRU over a whole packed sequence, in one direction, on compiled loops: the same as the kernels beside this file.

Legend: N packed rows, B sequences, I inputs, H hidden features, P outputs (H without a projection), G gates; x (N, I),
y (N, P), h (B, P), c (B, H). Gates stand side by side in a row, (N, G·H), in PyTorch's order, as one large product gives them.

What is here are the large products before a loop and after it; the loops are in ``compiled/recurrent.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled import recurrent as compiled
from metagrad.kernels.compiled.products import panels
from metagrad.kernels.matmul import product_by_tiles
from metagrad.kernels.recurrent.steps import Gradients, Inputs, visits
from metagrad.kernels.rows import for_loop
from metagrad.kernels.workspace import Workspace


class Loops:
    """What the three have in common: the steps in order, and memory that is used again."""

    def __init__(self, sizes: Sequence[int], reverse: bool) -> None:
        self.order = visits(sizes, reverse)
        self.steps = np.array([(start, size) for start, _, size in self.order], np.int64)
        self.memory = Workspace()

    def recurrent_gradient(self, grad_a: Array, y: Array, initial: Array, memory: Workspace) -> Array:
        """Σₜ ∂aₜᵀ hₜ₋₁, the gradient of the recurrent weight."""
        before = memory.empty(y.shape, y.dtype)
        compiled.entering(y, for_loop(initial), before, self.steps)
        return product_by_tiles(grad_a.T, before)


def both(b_ih: Array | None, b_hh: Array | None) -> Array | None:
    """b_ih + b_hh, if they are there."""
    return None if b_ih is None or b_hh is None else b_ih + b_hh


def gru_biases(b_ih: Array | None, b_hh: Array | None) -> tuple[Array | None, Array | None]:
    """b_ih + b_hh for a GRU, (3·H), but without b_hh of the candidate, (H), which comes apart."""
    if b_ih is None or b_hh is None:
        return None, None
    hidden = len(b_hh) // 3
    sums = b_ih.copy()
    sums[: 2 * hidden] += b_hh[: 2 * hidden]
    return sums, b_hh[2 * hidden :]


def _column_sums(x: Array) -> Array:
    """Σ over the rows of x (N, M), by a product."""
    return np.ones(len(x), x.dtype) @ x


class LoopedRNN(Loops):
    """One direction: ``forward`` keeps what ``backward`` needs."""

    def __init__(self, sizes: Sequence[int], reverse: bool, nonlinearity: str) -> None:
        super().__init__(sizes, reverse)
        self.relu = nonlinearity == "relu"

    def forward(self, inputs: Inputs) -> tuple[Array, list[Array]]:
        """(y, [final h])."""
        x, (initial,), (w_ih, w_hh, b_ih, b_hh) = inputs
        y = product_by_tiles(x, w_ih.T, both(b_ih, b_hh))
        h = initial.copy()
        compiled.rnn_forward(y, panels(w_hh.T), h, self.steps, self.relu)
        self.y = y
        return y, [h]

    def backward(self, inputs: Inputs, grad_y: Array, grad_states: Sequence[Array], needs_x: bool) -> Gradients:
        """(∂x, [∂h_0], [∂W_ih, ∂W_hh, ∂b_ih, ∂b_hh])."""
        x, (initial,), (w_ih, w_hh, b_ih, _) = inputs
        memory, grad_h = Workspace(), grad_states[0].copy()
        grad_a = memory.empty(self.y.shape, x.dtype)
        compiled.rnn_backward(grad_a, self.y, for_loop(grad_y), panels(w_hh), grad_h, self.steps, self.relu)
        grad_b = _column_sums(grad_a) if b_ih is not None else None
        grads = [
            product_by_tiles(grad_a.T, x),
            self.recurrent_gradient(grad_a, self.y, initial, memory),
            grad_b,
            grad_b,
        ]
        return product_by_tiles(grad_a, w_ih) if needs_x else None, [grad_h], grads


class LoopedLSTM(Loops):
    """One direction: ``forward`` keeps what ``backward`` needs."""

    def forward(self, inputs: Inputs) -> tuple[Array, list[Array]]:
        """(y, [final h, final c])."""
        x, (first_h, first_c), (w_ih, w_hh, b_ih, b_hh, *projection) = inputs
        rows, cells, empty = len(x), first_c.shape[1], self.memory.empty
        gates = product_by_tiles(x, w_ih.T, both(b_ih, b_hh))
        y, cell = empty((rows, first_h.shape[1]), x.dtype), empty((rows, cells), x.dtype)
        outputs = empty((rows, cells), x.dtype) if projection else y  # o tanh c, before the projection
        w_hr = panels(projection[0].T) if projection else None
        h, c = first_h.copy(), first_c.copy()
        compiled.lstm_forward(gates.reshape(rows, 4, cells), panels(w_hh.T), h, c, cell, outputs, y, w_hr, self.steps)
        self.kept = gates, y, cell, outputs
        return y, [h, c]

    def backward(self, inputs: Inputs, grad_y: Array, grad_states: Sequence[Array], needs_x: bool) -> Gradients:
        """(∂x, [∂h_0, ∂c_0], [∂W_ih, ∂W_hh, ∂b_ih, ∂b_hh, ∂W_hr])."""
        x, (first_h, first_c), (w_ih, w_hh, b_ih, _, *projection) = inputs
        gates, y, cell, outputs = self.kept
        memory, grad_h, grad_c = Workspace(), grad_states[0].copy(), grad_states[1].copy()
        grad_a, shape = memory.empty(gates.shape, x.dtype), (len(x), 4, first_c.shape[1])
        w_hr = panels(projection[0]) if projection else None
        grad_out = memory.empty(y.shape, x.dtype) if projection else y
        compiled.lstm_backward(
            grad_a.reshape(shape), gates.reshape(shape), cell, for_loop(first_c), for_loop(grad_y),
            panels(w_hh), grad_h, grad_c, w_hr, grad_out, self.steps,
        )  # fmt: skip
        grad_b = _column_sums(grad_a) if b_ih is not None else None
        grads: list[Array | None] = [
            product_by_tiles(grad_a.T, x), self.recurrent_gradient(grad_a, y, first_h, memory), grad_b, grad_b,
        ]  # fmt: skip
        if projection:
            grads.append(product_by_tiles(grad_out.T, outputs))
        return product_by_tiles(grad_a, w_ih) if needs_x else None, [grad_h, grad_c], grads


class LoopedGRU(Loops):
    """One direction: ``forward`` keeps what ``backward`` needs."""

    def forward(self, inputs: Inputs) -> tuple[Array, list[Array]]:
        """(y, [final h])."""
        x, (initial,), (w_ih, w_hh, b_ih, b_hh) = inputs
        rows, hidden, empty = len(x), initial.shape[1], self.memory.empty
        bias, b_q = gru_biases(b_ih, b_hh)
        gates = product_by_tiles(x, w_ih.T, bias)
        y, q, h = empty((rows, hidden), x.dtype), empty((rows, hidden), x.dtype), initial.copy()
        q[...] = 0 if b_q is None else b_q
        u, u_n = panels(w_hh[: 2 * hidden].T), panels(w_hh[2 * hidden :].T)
        compiled.gru_forward(gates.reshape(rows, 3, hidden), u, u_n, h, q, y, self.steps)
        self.kept = gates, y, q
        return y, [h]

    def backward(self, inputs: Inputs, grad_y: Array, grad_states: Sequence[Array], needs_x: bool) -> Gradients:
        """(∂x, [∂h_0], [∂W_ih, ∂W_hh, ∂b_ih, ∂b_hh])."""
        x, (initial,), (w_ih, w_hh, b_ih, _) = inputs
        gates, y, q = self.kept
        hidden, memory, grad_h = y.shape[1], Workspace(), grad_states[0].copy()
        grad = memory.empty(
            (len(y), 4 * hidden), x.dtype
        )  # ∂n, ∂r, ∂z, ∂q: the first three are the inputs', the last the states'
        compiled.gru_backward(
            grad.reshape(-1, 4, hidden), gates.reshape(-1, 3, hidden), q, y, for_loop(initial),
            for_loop(grad_y), panels(w_hh), grad_h, self.steps,
        )  # fmt: skip
        by_input, by_state = grad[:, : 3 * hidden], grad[:, hidden:]
        grads: list[Array | None] = [
            np.roll(product_by_tiles(by_input.T, x), -hidden, axis=0),
            self.recurrent_gradient(by_state, y, initial, memory), None, None,
        ]  # fmt: skip
        if b_ih is not None:
            sums = _column_sums(grad)
            grads[2:] = [np.roll(sums[: 3 * hidden], -hidden), sums[hidden:].copy()]
        grad_x = product_by_tiles(by_input, np.roll(w_ih, hidden, axis=0)) if needs_x else None
        return grad_x, [grad_h], grads
