"""One layer of a recurrent network, all steps and both directions, as one op on the kernels of ``metagrad.kernels``.

Its reference implementation is ``recurrence.layer``, built from ordinary ops: what runs here must equal it, and a backward
pass that is itself recorded (second derivatives) goes through it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from metagrad.autograd.errors import FREED
from metagrad.autograd.function import Function
from metagrad.autograd.mode import mode
from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.libraries import is_on_gpu
from metagrad.kernels.recurrent import one_sequence
from metagrad.kernels.recurrent.gru import GRU
from metagrad.kernels.recurrent.loops import LoopedGRU, LoopedLSTM, LoopedRNN
from metagrad.kernels.recurrent.lstm import LSTM
from metagrad.kernels.recurrent.rnn import RNN
from metagrad.kernels.recurrent.steps import Inputs
from metagrad.kernels.threads import can_hold_blas, get_num_threads, run_in_turn, run_together
from metagrad.nn import gpu_recurrence, recurrence
from metagrad.ops.shape.joining import cat, stack

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

Kernel: TypeAlias = RNN | LSTM | GRU | LoopedRNN | LoopedLSTM | LoopedGRU
T = TypeVar("T")
R = TypeVar("R")


def make_kernel(cell: str, sizes: Sequence[int], reverse: bool, looped: bool = False) -> Kernel:
    """The kernel for one direction; cell is RNN_TANH, RNN_RELU, LSTM or GRU; looped: on compiled loops."""
    if cell == "LSTM":
        return (LoopedLSTM if looped else LSTM)(sizes, reverse)
    if cell == "GRU":
        return (LoopedGRU if looped else GRU)(sizes, reverse)
    return (LoopedRNN if looped else RNN)(sizes, reverse, "tanh" if cell == "RNN_TANH" else "relu")


def make_step(cell: str, on_gpu: bool = False) -> Callable[..., recurrence.Step]:
    """The plain step of the same cell, or a GPU's."""
    if cell == "LSTM":
        return gpu_recurrence.lstm_step if on_gpu else recurrence.lstm_step
    if cell == "GRU":
        return gpu_recurrence.gru_step if on_gpu else recurrence.gru_step
    return lambda *weights: recurrence.rnn_step("tanh" if cell == "RNN_TANH" else "relu", *weights)


def plain_layer(x: Tensor, *rest: Tensor, cell: str, sizes: Sequence[int], directions: int) -> tuple[Tensor, ...]:
    """The reference implementation: the same arguments and results, in ordinary ops."""
    states, weights = sorted_out(rest, cell, directions)
    outputs, last = [], []
    for d in range(directions):
        initial = tuple(s[d] for s in states)
        y, final = recurrence.layer(make_step(cell, is_on_gpu(x.array)), x, sizes, initial, weights[d], d == 1)
        outputs.append(y)
        last.append(final)
    y = cat(outputs, 1) if directions == 2 else outputs[0]
    return y, *[stack(parts) for parts in zip(*last, strict=True)]


def sorted_out(rest: Sequence[T], cell: str, directions: int) -> tuple[Sequence[T], list[Sequence[T]]]:
    """States (D, B, *), and the weights of each direction."""
    count = 2 if cell == "LSTM" else 1
    each = (len(rest) - count) // directions
    return rest[:count], [rest[count + d * each : count + (d + 1) * each] for d in range(directions)]


@dataclass(frozen=True)
class Share:
    """What one thread does of a layer: one direction, for every n-th sequence of the batch."""

    direction: int
    sequences: slice
    rows: slice | np.ndarray  # of the packed input; slice(None) for all of them
    sizes: Sequence[int]

    def inputs(self, x: Array, states: Sequence[Array], weights: Sequence[Sequence[Array]]) -> Inputs:
        """What the share computes with, of x (N, I) and states (D, B, *)."""
        d = self.direction
        return Inputs(x[self.rows], [s[d][self.sequences] for s in states], weights[d])


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


def parts_worth(sizes: Sequence[int], directions: int, w_hh: Array, looped: bool = False) -> int:
    """Into how many parts to deal the batch. One thread for each direction comes first; the rest is for parts.

    A part pays if its steps are long: the threads hand the interpreter lock to each other after every call. On compiled
    loops they do not, and a part pays if it is not small.
    """
    parts = min(get_num_threads() // directions, sizes[0])
    if looped:
        parts = min(parts, sizes[0] // tuning.RECURRENT_LOOPS_PART)
        worth = sum(sizes) * w_hh.size > tuning.RECURRENT_LOOPS_WORTH_PARTS
    else:
        worth = sum(sizes) * w_hh.size > tuning.RECURRENT_WORTH_PARTS
        worth = worth and sum(sizes) / len(sizes) * w_hh.size / max(parts, 1) > tuning.RECURRENT_STEP_WORTH_THREADS
    return parts if parts > 1 and worth and can_hold_blas() else 1


def _added(some: Sequence[Array | None], others: Sequence[Array | None]) -> list[Array | None]:
    return [None if a is None else a + b for a, b in zip(some, others, strict=True)]


class Layer(Function):
    """One layer: x (N, I) packed, states (D, B, *), and for each direction W_ih, W_hh, b_ih, b_hh (and W_hr of an LSTM with
    a projection); gives y (N, D·P) and the final states (D, B, *)."""

    reference = staticmethod(plain_layer)

    def forward(self, x: Array, *rest: Array, cell: str, sizes: Sequence[int], directions: int) -> tuple[Array, ...]:
        """(y, final h, and final c of an LSTM)."""
        states, weights = sorted_out(rest, cell, directions)
        self.save(x, *rest)
        keep = mode.grad and any(self.needs)
        if not keep and sizes[0] == 1:
            return one_sequence.run(cell, x, states, weights)
        self.cell, self.directions = cell, directions
        looped = use_compiled(x, 0)
        self.shares = shares(sizes, directions, parts_worth(sizes, directions, weights[0][1], looped))
        self.apart = len(x) * sum(w.size for w in weights[0][:2]) > tuning.RECURRENT_WORTH_THREADS
        kernels = [make_kernel(cell, share.sizes, share.direction == 1, looped) for share in self.shares]
        width = states[0].shape[2]
        y = np.empty((len(x), directions * width), x.dtype)  # not the kernels' memory, which will be used again
        last = [np.empty(s.shape, s.dtype) for s in states]

        def work(kernel: Kernel, share: Share) -> None:
            d, rows, sequences = share.direction, share.rows, share.sequences
            part, final = kernel.forward(share.inputs(x, states, weights))
            y[rows, d * width : (d + 1) * width] = part
            for whole, own in zip(last, final, strict=True):
                whole[d][sequences] = own

        self._run(work, kernels)
        self.kernels: Sequence[Kernel] = kernels if keep else ()
        return y, *last

    def _run(self, work: Callable[[Kernel, Share], R], kernels: Sequence[Kernel]) -> list[R]:
        """``work(kernel, share)`` for all shares, on threads of their own where that pays."""
        jobs = [functools.partial(work, k, share) for k, share in zip(kernels, self.shares, strict=True)]
        return run_together(jobs) if self.apart else run_in_turn(jobs)

    def backward(self, grad_y: Array, *grad_states: Array) -> tuple[Array | None, ...]:
        """Gradients of x, the states and the weights."""
        x, *rest = self.saved
        states, weights = sorted_out(rest, self.cell, self.directions)
        width = grad_y.shape[1] // self.directions
        grad_initial = [np.empty(s.shape, s.dtype) for s in states]

        def work(kernel: Kernel, share: Share) -> tuple[Array | None, list[Array | None]]:
            d, rows, sequences = share.direction, share.rows, share.sequences
            own_grad = grad_y[rows, d * width : (d + 1) * width]
            own_states = [g[d][sequences] for g in grad_states]
            part, initial, found = kernel.backward(
                share.inputs(x, states, weights), own_grad, own_states, self.needs[0]
            )
            for whole, own in zip(grad_initial, initial, strict=True):
                whole[d][sequences] = own
            return part, found

        results = self._run(work, self.kernels)
        grads = self._weight_gradients([found for _, found in results])
        grad_x = self._whole([part for part, _ in results]) if self.needs[0] else None
        return grad_x, *grad_initial, *[g for each in grads for g in each]

    def _weight_gradients(self, found: Sequence[list[Array | None]]) -> list[list[Array | None]]:
        """For each direction the gradients of its weights: the sums over its shares."""
        grads: list[list[Array | None]] = [[] for _ in range(self.directions)]
        for share, own in zip(self.shares, found, strict=True):
            so_far = grads[share.direction]
            grads[share.direction] = _added(so_far, own) if so_far else own
        return grads

    def _whole(self, parts: Sequence[Array]) -> Array:
        """∂x, (N, I), of the shares' parts."""
        if len(self.shares) == self.directions:
            whole, *others = parts
            for other in others:
                whole += other
            return whole
        rows = sum(len(part) for part in parts) // self.directions
        whole = np.empty((rows, parts[0].shape[1]), parts[0].dtype)
        for share, part in zip(self.shares, parts, strict=True):
            if share.direction == 0:  # whose shares have all rows between them
                whole[share.rows] = part
            else:
                whole[share.rows] += part
        return whole

    def release(self) -> None:
        """Drop the kernels' buffers too."""
        super().release()
        self.kernels = FREED


class OneSequence(Function):
    """All layers over one sequence, without a gradient: x (T, I), or (T, 1, I) or (1, T, I); states (L·D, 1, *), or none for
    zeros; and for each layer and direction its weights, as ``Layer`` takes them. Gives y, like x but with D·P features, and
    the final states."""

    def forward(
        self, x: Array, *rest: Array, cell: str, directions: int, layers: int, from_zero: bool
    ) -> tuple[Array, ...]:
        """(y, final h, and final c of an LSTM)."""
        if from_zero:
            rest = (*_zeros(cell, layers * directions, rest[1], x.dtype), *rest)
        states, weights = sorted_out(rest, cell, layers * directions)
        y, finals = x.reshape(-1, x.shape[-1]), []
        for first in range(0, len(weights), directions):
            of_layer = slice(first, first + directions)
            y, *final = one_sequence.run(cell, y, [s[of_layer] for s in states], weights[of_layer])
            finals.append(final)
        ends = finals[0] if layers == 1 else [np.concatenate(parts) for parts in zip(*finals, strict=True)]
        return y.reshape(*x.shape[:-1], y.shape[1]), *ends


def _zeros(cell: str, count: int, w_hh: Array, dtype: np.dtype[Any]) -> list[Array]:
    """Initial states (L·D, 1, P), and (L·D, 1, H) of an LSTM; w_hh (G·H, P)."""
    widths = [w_hh.shape[1], len(w_hh) // 4] if cell == "LSTM" else [w_hh.shape[1]]
    return [np.zeros((count, 1, width), dtype) for width in widths]
