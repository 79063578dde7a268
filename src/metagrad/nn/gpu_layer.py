"""One layer of a recurrent network on a GPU, all steps and both directions, as one op on ``kernels/recurrent/cuda.py``.

What the kernels cannot do (halves, projections, very large layers, second derivatives) is done step by step by the reference
implementation, ``fast_recurrence.plain_layer``, whose results these must equal.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from metagrad.autograd.errors import FREED
from metagrad.autograd.function import Function
from metagrad.autograd.mode import mode
from metagrad.base.device import cupy
from metagrad.base.typing import Array
from metagrad.kernels.gpu_matmul import times
from metagrad.kernels.libraries import is_on_gpu, makes_kernels
from metagrad.kernels.recurrent import cuda
from metagrad.nn.fast_recurrence import plain_layer, sorted_out


def can_run(
    cell: str, x: Array, sizes: Sequence[int], states: Sequence[Any], weights: Sequence[Any], directions: int
) -> bool:
    """Whether there are kernels for a layer over packed steps x (N, I) of a GPU, with these tensors of states and weights.

    >>> can_run("GRU", np.zeros((2, 3)), [2], [], [None] * 4, 1)
    False
    """
    if not all(t is None or (is_on_gpu(t.array) and t.array.dtype == x.dtype) for t in (*states, *weights)):
        return False
    if not len(x) or len(weights) != 4 * directions or not makes_kernels(x):
        return False
    hidden, shapes = weights[1].array.shape[-1], []
    for _ in range(directions):
        rows = cuda.GATES[cell] * hidden
        shapes += [(rows, x.shape[1]), (rows, hidden), (rows,), (rows,)]
    if any(t is not None and t.array.shape != shape for t, shape in zip(weights, shapes, strict=True)):
        return False
    return _dealt(cell, sizes, directions, hidden, x.dtype) is not None


def _dealt(cell: str, sizes: Sequence[int], directions: int, hidden: int, dtype: np.dtype[Any]) -> cuda.Plan | None:
    return cuda.plan(cell, sizes[0], directions, hidden, dtype.itemsize)


@functools.lru_cache(maxsize=64)
def _places(sizes: tuple[int, ...], gpu: int) -> tuple[Array, Array]:
    """In a GPU's memory, where the rows of each step begin (T), and how many steps each sequence has (B)."""
    starts = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
    lengths = (np.array(sizes)[:, None] > np.arange(sizes[0])).sum(0, dtype=np.int32)
    return tuple([cupy().asarray(a) for a in (starts, lengths)])  # type: ignore[union-attr]


def _in_order(x: Array) -> Array:
    return x if x.flags.c_contiguous else x.copy()


class GpuLayer(Function):
    """One layer: x (N, I) packed, states (D, B, H), and for each direction W_ih, W_hh, b_ih, b_hh; gives y (N, D·H) and the
    final states (D, B, H)."""

    reference = staticmethod(plain_layer)

    def forward(self, x: Array, *rest: Array, cell: str, sizes: Sequence[int], directions: int) -> tuple[Array, ...]:
        """(y, final h, and final c of an LSTM)."""
        states, weights = sorted_out(rest, cell, directions)
        self.save(x, *rest)
        hidden, rows, new = states[0].shape[2], len(x), functools.partial(cupy().empty, dtype=x.dtype)  # type: ignore[union-attr]
        dealt, width = _dealt(cell, sizes, directions, hidden, x.dtype), cuda.GATES[cell] * hidden
        assert dealt is not None
        inputs, turned = new((directions, rows, width)), new((directions, hidden, width))
        for d, (w_ih, w_hh, *_) in enumerate(weights):
            times(x, w_ih.T, out=inputs[d])
            turned[d][...] = w_hh.T
        y, last = new((rows, directions * hidden)), [new(s.shape) for s in states]
        kept: Any = 0
        before: Any = 0
        if mode.grad and any(self.needs):
            kept, before = new((directions, rows, cuda.KEPT[cell] * hidden)), new((directions, rows, hidden))
        first, second = weights[0], weights[-1]
        biases = [0] * 4 if first[2] is None else [_in_order(b) for b in (*first[2:], *second[2:])]
        h, *c = [_in_order(s) for s in states]
        places = _places(tuple(sizes), x.device.id)
        counts = [np.int32(n) for n in (rows, sizes[0], directions, len(sizes))]
        self.run = functools.partial(_run, cell, x.dtype, hidden, first[2] is not None, dealt, directions, sizes[0])
        self.run(
            False,
            inputs,
            turned,
            *biases,
            h,
            *(c or [0]),
            *places,
            y,
            *last,
            *([] if c else [0]),
            kept,
            before,
            *counts,
        )
        self.kept, self.cell, self.counts, self.places = (kept, before), cell, counts, places
        return y, *last

    def backward(self, grad_y: Array, *grad_states: Array) -> tuple[Array | None, ...]:
        """Gradients of x, the states and the weights."""
        x, *rest = self.saved
        kept, before = self.kept
        directions = len(before)
        states, weights = sorted_out(rest, self.cell, directions)
        new = functools.partial(cupy().empty, dtype=x.dtype)  # type: ignore[union-attr]
        shape = (*before.shape[:2], len(weights[0][1]))
        of_x = new(shape)
        of_h = new(shape) if self.cell == "GRU" else of_x
        initial = [new(s.shape) for s in states]
        h, *c = [_in_order(g) for g in grad_states]
        ws = [_in_order(own[1]) for own in (weights[0], weights[-1])]
        self.run(
            True, _in_order(grad_y), h, *(c or [0]), *ws, kept, before, *self.places,
            of_x, of_h, *initial, *([] if c else [0]), *self.counts,
        )  # fmt: skip
        grad_x: Array | None = None
        if self.needs[0]:
            grad_x = times(of_x[0], weights[0][0])
            for d in range(1, directions):
                grad_x += times(of_x[d], weights[d][0])
        grads = [self._of_weights(x, before[d], of_x[d], of_h[d], weights[d][2] is not None) for d in range(directions)]
        return grad_x, *initial, *[g for own in grads for g in own]

    @staticmethod
    def _of_weights(x: Array, before: Array, of_x: Array, of_h: Array, has_bias: bool) -> list[Array | None]:
        """The gradients of W_ih, W_hh, b_ih and b_hh of one direction, of those of the gates' sums."""
        products = [times(of_x.T, x), times(of_h.T, before)]
        return [*products, of_x.sum(axis=0), of_h.sum(axis=0)] if has_bias else [*products, None, None]

    def release(self) -> None:
        """Drop what the kernels kept too."""
        super().release()
        self.kept = FREED


def _run(
    cell: str, dtype: np.dtype[Any], hidden: int, has_bias: bool, dealt: cuda.Plan, directions: int, batch: int,
    backward: bool, *arguments: Any,
) -> None:  # fmt: skip
    kernel = cuda.kernel(cell, dtype.name, hidden, has_bias, dealt, backward)
    kernel((-(-batch // dealt.sequences), directions), (dealt.threads,), arguments, shared_mem=dealt.shared)
