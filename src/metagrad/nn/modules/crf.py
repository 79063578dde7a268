"""A linear-chain conditional random field: labels of a sequence chosen together, not one by one.

Legend: B sequences, T steps of the longest, N steps of all, K labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from metagrad.autograd.composites import composite
from metagrad.autograd.errors import FREED
from metagrad.autograd.function import Function
from metagrad.autograd.variable import wrap
from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.kernels import crf as kernel
from metagrad.kernels.libraries import beside, is_outside
from metagrad.nn import init
from metagrad.nn.modules.module import Module
from metagrad.nn.parameter import Parameter
from metagrad.nn.utils.rnn import (
    PackedSequence,
    pack_padded_sequence,
    packed_positions,
    pad_packed_sequence,
    reordered,
)
from metagrad.ops.create.creation import empty, zeros
from metagrad.ops.index.indexing import Put
from metagrad.ops.reduce.softmax import logsumexp
from metagrad.ops.shape.joining import cat
from metagrad.tensors.tensor import Tensor

__all__ = ["CRF"]

Array = Any


def plain_log_partition(e: Tensor, start: Tensor, end: Tensor, between: Tensor, sizes: Sequence[int]) -> Tensor:
    """ln Z (B) for packed scores e (N, K), by the forward algorithm in ordinary ops: the reference for ``LogPartition``."""
    first, *others = e.split(list(sizes))
    alpha, ended = start + first, []
    for scores in others:
        running = scores.shape[0]
        if running < alpha.shape[0]:
            ended.append(alpha[running:])
            alpha = alpha[:running]
        alpha = scores + logsumexp(alpha[:, :, None] + between, 1)
    return logsumexp(cat([alpha, *ended[::-1]]) + end, 1)


class LogPartition(Function):
    """ln Z = ln Σ_y exp s(y) over all paths y.

    Its gradient are expectations: ∂ln Z/∂eₜ(k) = p(yₜ = k), ∂ln Z/∂T(i, j) = Σₜ p(yₜ = i, yₜ₊₁ = j), and so for start and end.
    """

    reference = staticmethod(plain_log_partition)

    def forward(self, e: Array, start: Array, end: Array, between: Array, sizes: Sequence[int]) -> Array:
        log_z, alpha = kernel.forward(e, start, end, between, sizes)
        self.save(e, start, end, between, log_z)
        self.sizes = sizes
        self.alpha: Any = alpha
        return log_z

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        e, _, end, between, log_z = self.saved
        sizes, alpha = self.sizes, self.alpha
        beta = kernel.backward(e, end, between, sizes)
        sequence = np.concatenate([np.arange(size) for size in sizes])
        grad_e = kernel.marginals(log_z, alpha, beta, sizes) * grad[sequence, None]
        starts = np.cumsum(sizes) - sizes
        lengths = (np.asarray(sizes)[:, None] > np.arange(sizes[0])).sum(0)
        grad_end = grad_e[starts[lengths - 1] + np.arange(sizes[0])].sum(0)
        grad_between = kernel.pair_sums(grad, log_z, alpha, beta, e, between, sizes)
        return grad_e, grad_e[: sizes[0]].sum(0), grad_end, grad_between

    def release(self) -> None:
        super().release()
        self.alpha = FREED


class CRF(Module):
    """Linear-chain conditional random field (Lafferty, McCallum and Pereira 2001): p(y | e) = exp s(y) / Z.

    s(y) = start(y₁) + Σₜ eₜ(yₜ) + Σₜ T(yₜ, yₜ₊₁) + end(y_T); e scores of K labels at every step, from a network; ``start``
    (K), ``end`` (K) and T, ``between`` (K, K), are learned and start uniform in ±0.1. Z sums over all paths.

    Scores come padded, (B, T, K) with ``lengths`` (B) (or (T, B, K) with ``batch_first=False``), or as a PackedSequence;
    labels (B, T), or packed alike. Called with both it returns the loss −ln p(y | e): summed over sequences and divided by
    the number of steps ("mean"), or "sum", or for each sequence ("none"). Raises ValueError if there is no label.

    >>> import metagrad
    >>> from metagrad import nn
    >>> crf = nn.CRF(3)
    >>> scores = metagrad.zeros(2, 4, 3)
    >>> loss = crf(scores, metagrad.zeros(2, 4, dtype=metagrad.int64), lengths=[4, 2])
    >>> crf.decode(scores, lengths=[4, 2]).shape, crf.marginals(scores).shape
    (metagrad.Size([2, 4]), metagrad.Size([2, 4, 3]))
    """

    def __init__(
        self, labels: int, batch_first: bool = True, device: DeviceLike = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__()
        if labels < 1:
            raise ValueError(f"CRF: expected at least one label, got {labels}")
        self.labels, self.batch_first = labels, batch_first
        self.start = Parameter(empty(labels, device=device, dtype=dtype))
        self.end = Parameter(empty(labels, device=device, dtype=dtype))
        self.between = Parameter(empty(labels, labels, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        for parameter in self.parameters():
            init.uniform_(parameter, -0.1, 0.1)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"{self.labels}" + ("" if self.batch_first else ", batch_first=False")

    # ------------------------------------------------ input of either kind

    def _packed(self, scores: Tensor | PackedSequence, lengths: Tensor | Sequence[int] | None) -> PackedSequence:
        """Scores (N, K), checked."""
        if isinstance(scores, PackedSequence):
            if lengths is not None:
                raise ValueError("CRF: a PackedSequence knows its lengths; leave out lengths")
            packed = scores
        else:
            if scores.ndim != 3:
                raise ValueError(f"CRF: expected scores (B, T, K) or packed, got shape {tuple(scores.shape)}")
            packed = self._pack(scores, lengths)
        if packed.data.ndim != 2 or packed.data.shape[1] != self.labels:
            raise ValueError(
                f"CRF of {self.labels} labels: expected as many scores at each step, got shape {tuple(scores.data.shape)}"
            )
        return packed

    def _pack(self, padded: Tensor, lengths: Tensor | Sequence[int] | None) -> PackedSequence:
        batch, steps = padded.shape[: 2 if self.batch_first else None][:2]
        if not self.batch_first:
            batch, steps = steps, batch
        lengths = [steps] * batch if lengths is None else lengths
        return pack_padded_sequence(padded, lengths, batch_first=self.batch_first, enforce_sorted=False)

    def _returned(self, data: Tensor, packed: PackedSequence, given: Any, padding: float) -> Any:
        """Values (N, *) in the form the scores were given in."""
        values = PackedSequence(data, *packed[1:])
        if isinstance(given, PackedSequence):
            return values
        steps = given.shape[1 if self.batch_first else 0]
        return pad_packed_sequence(values, self.batch_first, padding, total_length=steps)[0]

    # ------------------------------------------------ likelihood

    def _log_z(self, packed: PackedSequence) -> Tensor:
        """In the order of packing."""
        sizes = packed.batch_sizes.tolist()
        # The kernel is NumPy's; other arrays, such as CuPy's, take the plain way.
        run: Any = LogPartition.apply if isinstance(packed.data.array, np.ndarray) else plain_log_partition
        return cast("Tensor", run(packed.data, self.start, self.end, self.between, sizes=sizes))

    def _score(self, packed: PackedSequence, y: Tensor) -> Tensor:
        """s(y) (B) for labels y (N), in the order of packing."""
        sizes = packed.batch_sizes.array
        step, sequence = packed_positions(sizes)
        starts = np.cumsum(sizes) - sizes
        later = np.arange(int(sizes[0]), len(step))
        before = starts[step[later] - 1] + sequence[later]
        last = starts[(sizes[:, None] > np.arange(sizes[0])).sum(0) - 1] + np.arange(sizes[0])
        terms = packed.data[wrap(np.arange(len(step))), wrap(y)]
        label = wrap(y)
        extra = cat([self.start[label[: int(sizes[0])]], self.between[label[before], label[later]]])
        room = zeros((int(sizes[0]), len(sizes)), dtype=terms.dtype, device=terms.device)
        table = Put.apply(room, terms + extra, index=beside((sequence, step), room.array))
        return table.sum(1) + self.end[label[last]]

    def log_partition(self, scores: Tensor | PackedSequence, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
        """ln Z (B): the log of the summed exp s(y) of all paths."""
        packed = self._packed(scores, lengths)
        return _in_order(self._log_z(packed), packed)

    def forward(
        self,
        scores: Tensor | PackedSequence,
        labels: Any,
        lengths: Tensor | Sequence[int] | None = None,
        reduction: str = "mean",
    ) -> Tensor:
        """−ln p(labels | scores).

        Raises ValueError for an unknown reduction or labels that are not one integer a step, and IndexError for a label
        out of range.
        """
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"{reduction} is not a valid value for reduction: expected mean, sum or none")
        packed = self._packed(scores, lengths)
        truth = labels if isinstance(labels, PackedSequence) else self._pack(labels, lengths)
        y = truth.data.array
        if y.shape != packed.data.shape[:1] or y.dtype.kind not in "iu":
            raise ValueError(f"CRF: expected an integer label for each of {len(packed.data)} steps, got {truth.data}")
        if is_outside(y, 0, self.labels):
            raise IndexError(f"CRF: labels must be in [0, {self.labels}), got {y.min()} to {y.max()}")
        loss = self._log_z(packed) - self._score(packed, y)
        if reduction == "none":
            return _in_order(loss, packed)
        return loss.sum() if reduction == "sum" else loss.sum() / len(y)

    # ------------------------------------------------ answers

    def _weights(self) -> tuple[Array, Array, Array]:
        return self.start.array, self.end.array, self.between.array

    @composite
    def marginals(self, scores: Tensor | PackedSequence, lengths: Tensor | Sequence[int] | None = None) -> Any:
        """p(yₜ = k) for every step and label, in the form of the scores; not differentiable. 0 beyond a sequence's end."""
        packed = self._packed(scores, lengths)
        e, sizes, (start, end, between) = packed.data.array, packed.batch_sizes.tolist(), self._weights()
        log_z, alpha = kernel.forward(e, start, end, between, sizes)
        found = kernel.marginals(log_z, alpha, kernel.backward(e, end, between, sizes), sizes)
        return self._returned(wrap(found), packed, scores, 0.0)

    @composite
    def decode(self, scores: Tensor | PackedSequence, lengths: Tensor | Sequence[int] | None = None) -> Any:
        """The labels of the best path of each sequence (Viterbi 1967), in the form of the scores; −1 beyond its end."""
        packed = self._packed(scores, lengths)
        start, end, between = self._weights()
        _, y = kernel.best_paths(packed.data.array, start, end, between, packed.batch_sizes.tolist())
        return self._returned(wrap(y), packed, scores, -1)

    def decode_n_best(
        self, scores: Tensor | PackedSequence, n: int, lengths: Tensor | Sequence[int] | None = None
    ) -> tuple[Tensor, Any]:
        """The n best paths of each sequence: ln p(y | e) (B, n), falling, and their labels, (B, T, n) or packed (N, n).

        Where there are fewer than n paths, ln p is −inf and the labels mean nothing. Raises ValueError for an n below
        1.
        """
        if n < 1:
            raise ValueError(f"CRF: expected n of at least 1, got {n}")
        packed = self._packed(scores, lengths)
        e, sizes, (start, end, between) = packed.data.array, packed.batch_sizes.tolist(), self._weights()
        found, y = kernel.n_best_paths(e, start, end, between, sizes, n)
        log_z, _ = kernel.forward(e, start, end, between, sizes)
        return _in_order(wrap(found - log_z[:, None]), packed), self._returned(wrap(y), packed, scores, -1)


def _in_order(values: Tensor, packed: PackedSequence) -> Tensor:
    """Values (B, *) of the sequences, from the order of packing to the caller's."""
    return values if packed.unsorted_indices is None else reordered(values, 0, packed.unsorted_indices)
