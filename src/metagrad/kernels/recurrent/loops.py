"""RNN, LSTM and GRU over a whole packed sequence, in one direction, on compiled loops: the same as the kernels beside this file.

Legend: N packed rows, B sequences, I inputs, H hidden features, P outputs (H without a projection), G gates; x (N, I),
y (N, P), h (B, P), c (B, H). Gates stand side by side in a row, (N, G·H), in PyTorch's order, as one large product gives them.

What is here is what BLAS does before a loop and after it; the loops are in ``compiled/recurrent.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled import recurrent as compiled
from metagrad.kernels.recurrent.steps import Gradients, Inputs, product_with_entering, visits
from metagrad.kernels.threads import multiplies_in_place
from metagrad.kernels.workspace import Workspace


class Loops:
    """What the three have in common: the steps in order, and memory that is used again."""

    def __init__(self, sizes: Sequence[int], reverse: bool) -> None:
        self.order = visits(sizes, reverse)
        self.steps = np.array([(start, size) for start, _, size in self.order], np.int64)
        self.memory = Workspace()

    def recurrent_gradient(self, grad_a: Array, y: Array, initial: Array, memory: Workspace) -> Array:
        """Σₜ ∂aₜᵀ hₜ₋₁, the gradient of the recurrent weight."""
        return product_with_entering(grad_a, y, initial, self.order, memory.empty(y.shape, y.dtype))


def blocks(w: Array, rows: int) -> Array:
    """A matrix (P, C) in blocks, (R, K, P/R, C/K), for products of ``rows`` rows with it.

    Where BLAS works on small matrices as they lie in memory, the blocks are small enough for that: at other products it
    copies w into an order of its own first, each time, which takes as long as the multiplications of some ten rows.
    """
    height, width = w.shape
    if rows <= tuning.SMALL_PRODUCT_ROWS and multiplies_in_place() and width % tuning.SMALL_PRODUCT_COLUMNS == 0:
        high = height
        while rows * high * tuning.SMALL_PRODUCT_COLUMNS >= tuning.SMALL_PRODUCT and high % 2 == 0:
            high //= 2
        if rows * high * tuning.SMALL_PRODUCT_COLUMNS < tuning.SMALL_PRODUCT:
            height, width = high, tuning.SMALL_PRODUCT_COLUMNS
    return np.ascontiguousarray(w.reshape(-1, height, w.shape[1] // width, width).transpose(0, 2, 1, 3))


def biases(b_ih: Array | None, b_hh: Array | None, a: Array, gates: int) -> Array:
    """b_ih + b_hh as (G, H) for a (N, G·H), or zeros."""
    both = np.zeros(a.shape[1], a.dtype) if b_ih is None or b_hh is None else b_ih + b_hh
    return both.reshape(gates, -1)


def gru_biases(b_ih: Array | None, b_hh: Array | None, a: Array) -> tuple[Array, Array]:
    """The same for a GRU, (3, H), without b_hh of the candidate, (H), which comes apart."""
    both = biases(b_ih, b_hh, a, 3)
    if b_ih is None or b_hh is None:
        return both, np.zeros_like(both[2])
    both[2] = b_ih.reshape(3, -1)[2]
    return both, np.ascontiguousarray(b_hh.reshape(3, -1)[2])


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
        y = self.memory.empty((len(x), initial.shape[1]), x.dtype)
        np.matmul(x, w_ih.T, out=y)
        h = initial.copy()
        compiled.rnn_forward(y, biases(b_ih, b_hh, y, 1)[0], blocks(w_hh.T, len(h)), h, self.steps, self.relu)
        self.y = y
        return y, [h]

    def backward(self, inputs: Inputs, grad_y: Array, grad_states: Sequence[Array], needs_x: bool) -> Gradients:
        """(∂x, [∂h_0], [∂W_ih, ∂W_hh, ∂b_ih, ∂b_hh])."""
        x, (initial,), (w_ih, w_hh, b_ih, _) = inputs
        memory, grad_h = Workspace(), grad_states[0].copy()
        grad_a = memory.empty(self.y.shape, x.dtype)
        compiled.rnn_backward(
            grad_a, self.y, np.ascontiguousarray(grad_y), blocks(w_hh, len(grad_h)), grad_h, self.steps, self.relu
        )
        grad_b = _column_sums(grad_a) if b_ih is not None else None
        grads = [grad_a.T @ x, self.recurrent_gradient(grad_a, self.y, initial, memory), grad_b, grad_b]
        return grad_a @ w_ih if needs_x else None, [grad_h], grads


class LoopedLSTM(Loops):
    """One direction: ``forward`` keeps what ``backward`` needs."""

    def forward(self, inputs: Inputs) -> tuple[Array, list[Array]]:
        """(y, [final h, final c])."""
        x, (first_h, first_c), (w_ih, w_hh, b_ih, b_hh, *projection) = inputs
        rows, cells, empty = len(x), first_c.shape[1], self.memory.empty
        gates = empty((rows, 4 * cells), x.dtype)
        np.matmul(x, w_ih.T, out=gates)
        y, cell = empty((rows, first_h.shape[1]), x.dtype), empty((rows, cells), x.dtype)
        outputs = empty((rows, cells), x.dtype) if projection else y  # o tanh c, before the projection
        w_hr = np.ascontiguousarray(projection[0].T) if projection else None
        h, c = first_h.copy(), first_c.copy()
        compiled.lstm_forward(
            gates.reshape(rows, 4, cells),
            biases(b_ih, b_hh, gates, 4),
            blocks(w_hh.T, len(h)),
            h,
            c,
            cell,
            outputs,
            y,
            w_hr,
            self.steps,
        )
        self.kept = gates, y, cell, outputs
        return y, [h, c]

    def backward(self, inputs: Inputs, grad_y: Array, grad_states: Sequence[Array], needs_x: bool) -> Gradients:
        """(∂x, [∂h_0, ∂c_0], [∂W_ih, ∂W_hh, ∂b_ih, ∂b_hh, ∂W_hr])."""
        x, (first_h, first_c), (w_ih, w_hh, b_ih, _, *projection) = inputs
        gates, y, cell, outputs = self.kept
        memory, grad_h, grad_c = Workspace(), grad_states[0].copy(), grad_states[1].copy()
        grad_a, shape = memory.empty(gates.shape, x.dtype), (len(x), 4, -1)
        w_hr = np.ascontiguousarray(projection[0]) if projection else None
        grad_out = memory.empty(y.shape, x.dtype) if projection else y
        compiled.lstm_backward(
            grad_a.reshape(shape), gates.reshape(shape), cell, np.ascontiguousarray(first_c), np.ascontiguousarray(grad_y),
            blocks(w_hh, len(grad_h)), grad_h, grad_c, w_hr, grad_out, self.steps,
        )  # fmt: skip
        grad_b = _column_sums(grad_a) if b_ih is not None else None
        grads: list[Array | None] = [
            grad_a.T @ x, self.recurrent_gradient(grad_a, y, first_h, memory), grad_b, grad_b,
        ]  # fmt: skip
        if projection:
            grads.append(grad_out.T @ outputs)
        return grad_a @ w_ih if needs_x else None, [grad_h, grad_c], grads


class LoopedGRU(Loops):
    """One direction: ``forward`` keeps what ``backward`` needs."""

    def forward(self, inputs: Inputs) -> tuple[Array, list[Array]]:
        """(y, [final h])."""
        x, (initial,), (w_ih, w_hh, b_ih, b_hh) = inputs
        rows, hidden, empty = len(x), initial.shape[1], self.memory.empty
        gates = empty((rows, 3 * hidden), x.dtype)
        np.matmul(x, w_ih.T, out=gates)
        bias, b_q = gru_biases(b_ih, b_hh, gates)
        y, q, h = empty((rows, hidden), x.dtype), empty((rows, hidden), x.dtype), initial.copy()
        compiled.gru_forward(gates.reshape(rows, 3, hidden), bias, blocks(w_hh.T, len(h)), b_q, h, q, y, self.steps)
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
            grad.reshape(-1, 4, hidden), gates.reshape(-1, 3, hidden), q, y, np.ascontiguousarray(initial),
            np.ascontiguousarray(grad_y), blocks(w_hh, len(grad_h)), grad_h, self.steps,
        )  # fmt: skip
        by_input, by_state = grad[:, : 3 * hidden], grad[:, hidden:]
        grads: list[Array | None] = [
            np.roll(by_input.T @ x, -hidden, axis=0), self.recurrent_gradient(by_state, y, initial, memory), None, None,
        ]  # fmt: skip
        if b_ih is not None:
            sums = _column_sums(grad)
            grads[2:] = [np.roll(sums[: 3 * hidden], -hidden), sums[hidden:].copy()]
        grad_x = by_input @ np.roll(w_ih, hidden, axis=0) if needs_x else None
        return grad_x, [grad_h], grads
