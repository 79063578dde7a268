"""Values from one process to another: what is large goes through shared memory.

A value is pickled with its arrays left out, and the pickle and the arrays are laid one after the other into a segment of
shared memory. The receiver copies them out and removes the segment at once. Segments have numbered names and are taken in
order, so whoever knows how many were taken can find those that a killed process left behind.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from multiprocessing.shared_memory import SharedMemory

SMALL = 16_384  # bytes that cost less in the message itself than as a segment


class Packed(NamedTuple):
    """A value on its way: the number of its segment and the sizes of the parts in it, or, if small, the parts."""

    segment: int | None
    parts: list[Any]


class Packer:
    """The sender's side; ``prefix`` starts the names of its segments."""

    def __init__(self, prefix: str) -> None:
        self.prefix, self.sent = prefix, 0

    def pack(self, value: object) -> Packed:
        """Lay a value out for the receiver. Raises what pickling raises."""
        buffers: list[pickle.PickleBuffer] = []
        data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        parts = [memoryview(data), *[buffer.raw() for buffer in buffers]]
        sizes = [part.nbytes for part in parts]
        if sum(sizes) <= SMALL:
            return Packed(None, [bytes(part) for part in parts])
        segment = _segment(f"{self.prefix}{self.sent + 1}", create=True, size=sum(sizes))
        self.sent += 1
        memory, start = _bytes_of(segment), 0
        for part, size in zip(parts, sizes, strict=True):
            memory[start : start + size] = part
            start += size
        del memory
        segment.close()
        return Packed(self.sent, sizes)


class Unpacker:
    """The receiver's side of one ``Packer``."""

    def __init__(self, prefix: str) -> None:
        self.prefix, self.taken = prefix, 0

    def unpack(self, packed: Packed) -> object:
        """The value, in memory of its own; its segment is gone."""
        parts = packed.parts
        if packed.segment is None:
            return pickle.loads(parts[0], buffers=[bytearray(part) for part in parts[1:]])
        segment = _segment(f"{self.prefix}{packed.segment}")
        self.taken = packed.segment
        try:
            owned: list[Any] = []
            memory, start = _bytes_of(segment), 0
            for size in parts:
                owned.append(memory[start : start + size].copy())
                start += size
            del memory
        finally:
            segment.close()
            segment.unlink()
        return pickle.loads(owned[0], buffers=owned[1:])

    def remove_untaken(self) -> None:
        """Remove what was sent and never taken; the sender has ended."""
        while True:
            try:
                segment = _segment(f"{self.prefix}{self.taken + 1}")
            except (FileNotFoundError, ValueError):  # ValueError: created, and of no size yet
                break
            self.taken += 1
            segment.close()
            segment.unlink()


def _segment(name: str, create: bool = False, size: int = 0) -> SharedMemory:
    from multiprocessing.shared_memory import SharedMemory  # some milliseconds that a program without workers saves

    return SharedMemory(name, create, size)


def _bytes_of(segment: SharedMemory) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A segment's memory; it cannot be closed before this is gone."""
    assert segment.buf is not None  # it is open
    return np.frombuffer(segment.buf, np.uint8)
