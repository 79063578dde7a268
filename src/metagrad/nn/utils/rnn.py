"""Sequences of different lengths in one batch: padded to the longest, or packed without padding.

A ``PackedSequence`` holds the steps one after the other: first step 0 of every sequence, then step 1 of those that
have one, and so on. With the sequences in order of falling length, each step is a block of rows, of
``batch_sizes[t]`` sequences. Nothing is computed for padding, and a layer that runs backwards starts at each
sequence's own end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from metagrad.autograd.composites import composite
from metagrad.autograd.variable import wrap
from metagrad.base import dtypes
from metagrad.base.device import move
from metagrad.base.typing import DeviceLike
from metagrad.ops.arguments import no_dimension
from metagrad.ops.create.creation import full
from metagrad.ops.index.indexing import Gather, Put
from metagrad.ops.shape.joining import Cat, stack
from metagrad.tensors.tensor import Tensor


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """A batch of sequences without padding; made by ``pack_padded_sequence`` and ``pack_sequence``.

    data (Σ lengths, *): the steps, time first. batch_sizes (T): how many sequences have a step t, int64. sorted_indices,
    unsorted_indices (B): the permutation to falling length, and its inverse; None if they came sorted.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        """Pack steps with their batch sizes; the inverse permutation is worked out if it is not given."""
        if batch_sizes is None:
            raise ValueError(
                "a PackedSequence needs batch_sizes: use pack_padded_sequence or pack_sequence to make one"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def is_pinned(self) -> bool:
        """Whether the data lies in memory that a GPU reads from."""
        return bool(self.data.is_pinned())

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with the data in another dtype or on another device."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    def double(self) -> PackedSequence:
        """The same with the data in float64."""
        return self.to(dtypes.float64)

    def float(self) -> PackedSequence:
        """The same with the data in float32."""
        return self.to(dtypes.float32)

    def half(self) -> PackedSequence:
        """The same with the data in float16."""
        return self.to(dtypes.float16)

    def long(self) -> PackedSequence:
        """The same with the data in int64."""
        return self.to(dtypes.int64)

    def int(self) -> PackedSequence:
        """The same with the data in int32."""
        return self.to(dtypes.int32)

    def short(self) -> PackedSequence:
        """The same with the data in int16."""
        return self.to(dtypes.int16)

    def char(self) -> PackedSequence:
        """The same with the data in int8."""
        return self.to(dtypes.int8)

    def byte(self) -> PackedSequence:
        """The same with the data in uint8."""
        return self.to(dtypes.uint8)

    def cpu(self) -> PackedSequence:
        """The same with the data in the CPU's memory."""
        return self.to("cpu")

    def cuda(self, device: DeviceLike = None, non_blocking: bool = False) -> PackedSequence:
        """The same with the data in a GPU's memory."""
        return self.to("cuda" if device is None else device)

    @property
    def is_cuda(self) -> bool:
        """Whether the data are in a GPU's memory."""
        return self.data.is_cuda


def reordered(x: Tensor, dim: int, permutation: Tensor) -> Tensor:
    """x with the positions of one dimension in another order."""
    return Gather.apply(x, index=(*[slice(None)] * dim, permutation.array), distinct=True)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes one.

    >>> import metagrad
    >>> invert_permutation(metagrad.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    return None if permutation is None else wrap(np.argsort(permutation.array, kind="stable"))


@composite
def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch: keep the first ``lengths[b]`` steps of sequence b.

    input (T, B, *), or (B, T, *) with batch_first; lengths (B), int64, each at least 1 and at most T. With
    enforce_sorted they must fall; otherwise the sequences are sorted here, and put back by ``pad_packed_sequence``.
    Raises RuntimeError for lengths that do not fit the input, or do not fall while ``enforce_sorted``.

    >>> import metagrad
    >>> packed = pack_padded_sequence(metagrad.tensor([[1, 2, 3], [4, 5, 0]]), [3, 2], batch_first=True)
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """
    counts = np.asarray(lengths.detach().cpu().array if isinstance(lengths, Tensor) else lengths, np.int64)
    if counts.ndim != 1:
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {counts.ndim}D cpu Long tensor"
        )
    time_dim, batch_dim = (1, 0) if batch_first else (0, 1)
    if input.ndim < 2:
        raise no_dimension(1, input.ndim)
    steps, batch = input.shape[time_dim], input.shape[batch_dim]
    if counts.shape != (batch,):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {counts.size} (batch_size={batch})"
        )
    if not input.array.size and (not batch or not steps):
        raise RuntimeError("Cannot pack empty tensors.")
    if counts.min() <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if counts.max() > steps:
        raise RuntimeError(
            f"pack_padded_sequence: the longest length is {counts.max()}, but the input has {steps} steps"
        )
    order = None
    if enforce_sorted:
        if (np.diff(counts) > 0).any():
            raise RuntimeError(
                "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
                "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not "
                "need ONNX exportability."
            )
    else:
        by_length = np.argsort(-counts, kind="stable")
        counts = counts[by_length]
        order = wrap(_near(by_length, input))
        input = reordered(input, batch_dim, order)
    sizes = batch_sizes_of(counts)
    t, b = (_near(i, input) for i in packed_positions(sizes))
    data = Gather.apply(input, index=(b, t) if batch_first else (t, b), distinct=True)
    return PackedSequence(data, wrap(sizes), order, None)


def _near(index: np.ndarray[Any, Any], x: Tensor) -> Tensor:
    """An index made on the CPU, where x is."""
    return move(index, x.device)


def batch_sizes_of(lengths: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """How many of the sequences have a step t, for every t."""
    return (lengths[None, :] > np.arange(lengths.max())[:, None]).sum(axis=1)


def packed_positions(batch_sizes: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Time and sequence number of every packed row."""
    t = np.repeat(np.arange(len(batch_sizes)), batch_sizes)
    b = np.arange(len(t)) - np.repeat(np.cumsum(batch_sizes) - batch_sizes, batch_sizes)
    return t, b


@composite
def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The inverse of ``pack_padded_sequence``: the padded batch (T, B, *) or (B, T, *), and the lengths (B), int64.

    padding_value: what stands after a sequence's end. total_length: T, if longer than the longest sequence.

    Raises ValueError for a total_length below the longest sequence's.

    >>> import metagrad
    >>> packed = pack_sequence([metagrad.tensor([1, 2, 3]), metagrad.tensor([4])])
    >>> pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2, 3],
            [4, 0, 0]]), tensor([3, 1]))
    """
    sizes = sequence.batch_sizes.array
    steps, batch = len(sizes), int(sizes[0])
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    t, b = (_near(i, sequence.data) for i in packed_positions(sizes))
    features = tuple(sequence.data.shape[1:])
    shape = (batch, steps, *features) if batch_first else (steps, batch, *features)
    empty = full(shape, padding_value, dtype=sequence.data.dtype, device=sequence.data.device)
    padded = Put.apply(empty, sequence.data, index=(b, t) if batch_first else (t, b))
    lengths = wrap((sizes[:, None] > np.arange(batch)[None, :]).sum(axis=0))
    if sequence.unsorted_indices is not None:
        padded = reordered(padded, 0 if batch_first else 1, sequence.unsorted_indices)
        lengths = reordered(lengths, 0, sequence.unsorted_indices.cpu())
    return padded, lengths


def pad_sequence(
    sequences: Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Tensors of different lengths (Lᵢ, *) in one batch (T, B, *), or (B, T, *) with batch_first, T the longest.

    The batch has the first sequence's dtype. Raises TypeError for what is no tensor, RuntimeError without sequences, for an
    unknown padding_side, or shapes that differ beyond the first dimension.

    >>> import metagrad
    >>> pad_sequence([metagrad.tensor([1, 2]), metagrad.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    given = list(sequences)
    if not given:
        raise RuntimeError("pad_sequence: received an empty list of sequences")
    wrong = next((i for i, s in enumerate(given) if not isinstance(s, Tensor)), None)
    if wrong is not None:
        raise TypeError(
            f"expected Tensor as element {wrong} in argument 0, but got {type(given[wrong]).__name__}: sequences are tensors"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    first = tuple(given[0].shape[1:])
    for s in given:
        for d, (m, n) in enumerate(zip(first, s.shape[1:], strict=False), 1):
            if m != n:
                raise RuntimeError(
                    f"pad_sequence: The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton dimension {d}"
                )
    if any(s.ndim == 0 for s in given) or any(s.ndim != len(first) + 1 for s in given):
        raise RuntimeError(
            "pad_sequence: the sequences must agree in all dimensions but the first, got shapes "
            + ", ".join(str(tuple(s.shape)) for s in given[:8])
        )
    steps = max(s.shape[0] for s in given)
    rows = []
    for s in given:
        if s.dtype != given[0].dtype:
            s = s.to(given[0].dtype)
        missing = steps - s.shape[0]
        if missing:
            padding = full((missing, *s.shape[1:]), padding_value, dtype=s.dtype, device=s.device)
            s = Cat.apply(*([s, padding] if padding_side == "right" else [padding, s]), axis=0)
        rows.append(s)
    return stack(rows, 0 if batch_first else 1)


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of tensors (Lᵢ, *); with enforce_sorted their lengths must fall.

    >>> import metagrad
    >>> packed = pack_sequence([metagrad.tensor([1, 2, 3]), metagrad.tensor([4, 5])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """
    lengths = [s.shape[0] for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded batch, each in its own length."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    counts = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    return [row[:n].contiguous() for row, n in zip(rows, counts, strict=True)]


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed batch, each in its own length."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
