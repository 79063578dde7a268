"""One layer of a recurrent network, all steps and both directions, as one op on the kernels of ``metagrad.kernels``.

Its reference implementation is ``recurrence.layer``, built from ordinary ops: what runs here must equal it, and a backward
pass that is itself recorded (second derivatives) goes through it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from metagrad.autograd.function import FREED, Function
from metagrad.autograd.mode import mode
from metagrad.kernels import tuning
from metagrad.kernels.recurrent import one_sequence
from metagrad.kernels.recurrent.gru import GRU
from metagrad.kernels.recurrent.lstm import LSTM
from metagrad.kernels.recurrent.rnn import RNN
from metagrad.kernels.threads import can_hold_blas, get_num_threads, run_in_turn, run_together
from metagrad.nn import recurrence
from metagrad.ops.shape.joining import cat, stack

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

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
    """The reference implementation: the same arguments and results, in ordinary ops."""
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


@dataclass(frozen=True)
class Share:
    """What one thread does of a layer: one direction, for every n-th sequence of the batch."""

    direction: int
    sequences: slice
    rows: Any  # of the packed input; slice(None) for all of them
    sizes: Sequence[int]


def shares(sizes: Sequence[int], directions: int, parts: int) -> list[Share]:
    """The shares of a batch that is dealt out in ``parts``: sequences in turn, so that all get long ones and short ones."""
    if parts == 1:
        return [Share(d, slice(None), slice(None), sizes) for d in range(directions)]
    starts = np.cumsum([0, *sizes[:-1]])
    player = (np.arange(sum(sizes)) - np.repeat(starts, sizes)) % parts
    dealt = [[len(range(k, size, parts)) for size in sizes if size > k] for k in range(parts)]
    return [
        Share(d, slice(k, None, parts), np.flatnonzero(player == k), dealt[k])
        for d in range(directions)
        for k in range(parts)
    ]


def parts_worth(cell: str, sizes: Sequence[int], directions: int, w_hh: Array) -> int:
    """Into how many parts to deal the batch. One thread for each direction comes first; the rest is for parts.

    A part pays if its steps are long: the threads hand the interpreter lock to each other after every call.
    """
    parts = min(get_num_threads() // directions, sizes[0])
    each_step = sum(sizes) / len(sizes) * w_hh.size
    return parts if parts > 1 and each_step / parts > tuning.RECURRENT_STEP_WORTH_THREADS and can_hold_blas() else 1


class Layer(Function):
    """One layer: x (N, I) packed, states (D, B, *), and for each direction W_ih, W_hh, b_ih, b_hh (and W_hr of an LSTM with
    a projection); gives y (N, D·P) and the final states (D, B, *)."""

    reference = staticmethod(plain_layer)
    computes = True

    def forward(self, x: Array, *rest: Array, cell: str, sizes: Sequence[int], directions: int) -> tuple[Array, ...]:
        """(y, final h, and final c of an LSTM)."""
        states, weights = _sorted_out(rest, cell, directions)
        self.save(x, *rest)
        keep = mode.grad and any(self.needs)
        if not keep and sizes[0] == 1:
            (result,) = run_in_turn([lambda: one_sequence.run(cell, x, states, weights)])
            return cast("tuple[Array, ...]", result)
        self.cell, self.directions = cell, directions
        self.shares = shares(sizes, directions, parts_worth(cell, sizes, directions, weights[0][1]))
        self.apart = len(x) * sum(w.size for w in weights[0][:2]) > tuning.RECURRENT_WORTH_THREADS
        kernels = [make_kernel(cell, share.sizes, share.direction == 1) for share in self.shares]
        width = states[0].shape[2]
        y = np.empty((len(x), directions * width), x.dtype)  # not the kernels' memory, which will be used again
        last = [np.empty(s.shape, s.dtype) for s in states]

        def work(kernel: Any, share: Share) -> None:
            d, rows, sequences = share.direction, share.rows, share.sequences
            part, final = kernel.forward(x[rows], [s[d][sequences] for s in states], weights[d])
            y[rows, d * width : (d + 1) * width] = part
            for whole, own in zip(last, final, strict=True):
                whole[d][sequences] = own

        self._run(work, kernels)
        self.kernels: Any = kernels if keep else None
        return y, *last

    def _run(self, work: Any, kernels: Any) -> list[Any]:
        """``work(kernel, share)`` for all shares, on threads of their own where that pays."""
        jobs = [functools.partial(work, k, share) for k, share in zip(kernels, self.shares, strict=True)]
        return (run_together if self.apart else run_in_turn)(jobs)

    def backward(self, grad_y: Array, *grad_states: Array) -> Any:
        """Gradients of x, the states and the weights."""
        x, *rest = self.saved
        states, weights = _sorted_out(rest, self.cell, self.directions)
        width = grad_y.shape[1] // self.directions
        grad_initial = [np.empty(s.shape, s.dtype) for s in states]

        def work(kernel: Any, share: Share) -> tuple[Any, list[Any]]:
            d, rows, sequences = share.direction, share.rows, share.sequences
            part, initial, found = kernel.backward(
                x[rows],
                [s[d][sequences] for s in states],
                weights[d],
                grad_y[rows, d * width : (d + 1) * width],
                [g[d][sequences] for g in grad_states],
                self.needs[0],
            )
            for whole, own in zip(grad_initial, initial, strict=True):
                whole[d][sequences] = own
            return part, found

        results = self._run(work, self.kernels)
        grads: list[list[Any]] = [[] for _ in range(self.directions)]
        for share, (_, found) in zip(self.shares, results, strict=True):
            if grads[share.direction]:
                found = [None if g is None else g + own for g, own in zip(grads[share.direction], found, strict=True)]
            grads[share.direction] = found
        grad_x = self._whole([part for part, _ in results]) if self.needs[0] else None
        return grad_x, *grad_initial, *[g for each in grads for g in each]

    def _whole(self, parts: Sequence[Array]) -> Array:
        """∂x, (N, I), of the shares' parts."""
        if len(self.shares) == self.directions:
            whole, *others = parts
            for other in others:
                whole += other
            return whole
        rows = sum(len(part) for part in parts) // self.directions
        whole = np.zeros((rows, parts[0].shape[1]), parts[0].dtype)
        for share, part in zip(self.shares, parts, strict=True):
            whole[share.rows] += part
        return whole

    def release(self) -> None:
        """Drop the kernels' buffers too."""
        super().release()
        self.kernels = FREED
