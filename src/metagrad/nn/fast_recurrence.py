"""One layer of a recurrent network, all steps and both directions, as one op on the kernels of ``metagrad.kernels``.

Its plain twin is ``recurrence.layer``, built from ordinary ops: what runs here must equal it, and a sweep that is itself
recorded (second derivatives) goes through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import FREED, Function
from metagrad.autograd.mode import mode
from metagrad.kernels.gru import GRU
from metagrad.kernels.lstm import LSTM
from metagrad.kernels.rnn import RNN
from metagrad.kernels.threads import run_in_turn, run_together
from metagrad.nn import recurrence
from metagrad.ops.joining import cat, stack

if TYPE_CHECKING:
    from metagrad.tensor import Tensor

Array = Any


def make_kernel(cell: str, sizes: Sequence[int], reverse: bool) -> Any:
    """The kernel for one direction; cell is RNN_TANH, RNN_RELU, LSTM or GRU."""
    if cell == "LSTM":
        return LSTM(sizes, reverse)
    if cell == "GRU":
        return GRU(sizes, reverse)
    return RNN(sizes, reverse, "tanh" if cell == "RNN_TANH" else "relu")


def make_step(cell: str) -> Any:
    """The plain step of the same cell."""
    if cell == "LSTM":
        return recurrence.lstm_step
    if cell == "GRU":
        return recurrence.gru_step
    return lambda *weights: recurrence.rnn_step("tanh" if cell == "RNN_TANH" else "relu", *weights)


def plain_layer(x: Tensor, *rest: Any, cell: str, sizes: Sequence[int], directions: int) -> tuple[Tensor, ...]:
    """The twin: the same arguments and results, in ordinary ops."""
    states, weights = _sorted_out(rest, cell, directions)
    outputs, last = [], []
    for d in range(directions):
        initial = tuple(s[d] for s in states)
        y, final = recurrence.layer(make_step(cell), x, sizes, initial, weights[d], d == 1)
        outputs.append(y)
        last.append(final)
    y = cat(outputs, 1) if directions == 2 else outputs[0]
    return y, *[stack(parts) for parts in zip(*last, strict=True)]


def _sorted_out(rest: Sequence[Any], cell: str, directions: int) -> tuple[Sequence[Any], list[Sequence[Any]]]:
    """States (D, B, *), and the weights of each direction."""
    count = 2 if cell == "LSTM" else 1
    each = (len(rest) - count) // directions
    return rest[:count], [rest[count + d * each : count + (d + 1) * each] for d in range(directions)]


class Layer(Function):
    """One layer: x (N, I) packed, states (D, B, *), and for each direction W_ih, W_hh, b_ih, b_hh (and W_hr of an LSTM with
    a projection); gives y (N, D·P) and the final states (D, B, *)."""

    twin = staticmethod(plain_layer)
    computes = True

    def forward(self, x: Array, *rest: Array, cell: str, sizes: Sequence[int], directions: int) -> tuple[Array, ...]:
        """(y, final h, and final c of an LSTM)."""
        states, weights = _sorted_out(rest, cell, directions)
        self.save(x, *rest)
        self.cell, self.directions = cell, directions
        keep = mode.grad and any(self.needs)
        kernels = [make_kernel(cell, sizes, d == 1) for d in range(directions)]
        # Handing over to a thread and back costs as much as so many multiplications.
        self.apart = len(x) * sum(w.size for w in weights[0][:2]) > 20_000_000
        results = (run_together if self.apart else run_in_turn)(
            [
                lambda d=d: kernels[d].forward(x, [s[d] for s in states], weights[d])  # type: ignore[misc]
                for d in range(directions)
            ]
        )
        self.kernels: Any = kernels if keep else None
        y = np.concatenate([y for y, _ in results], axis=1)  # a copy: the kernels' memory will be used again
        return y, *[np.stack(parts) for parts in zip(*[final for _, final in results], strict=True)]

    def backward(self, grad_y: Array, *grad_states: Array) -> Any:
        """Gradients of x, the states and the weights."""
        x, *rest = self.saved
        states, weights = _sorted_out(rest, self.cell, self.directions)
        kernels = self.kernels
        width = grad_y.shape[1] // self.directions
        results = (run_together if self.apart else run_in_turn)(
            [
                lambda d=d: kernels[d].backward(  # type: ignore[misc]
                    x,
                    [s[d] for s in states],
                    weights[d],
                    grad_y[:, d * width : (d + 1) * width],
                    [g[d] for g in grad_states],
                    self.needs[0],
                )
                for d in range(self.directions)
            ]
        )
        grad_x = results[0][0]
        if self.directions == 2 and grad_x is not None:
            grad_x += results[1][0]
        grad_initial = [np.stack(parts) for parts in zip(*[initial for _, initial, _ in results], strict=True)]
        return grad_x, *grad_initial, *[g for _, _, grads in results for g in grads]

    def release(self) -> None:
        """Drop the kernels' buffers too."""
        super().release()
        self.kernels = FREED
