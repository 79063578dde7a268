"""Calling the roll: what the ranks of an MPI program wait for, told by messages of their own.

MPI tells nothing of a rank that does not come. A rank whose time is up asks all others; who waits, answers between two looks
at its own request, and who does not answer is elsewhere. A rank that ends, or leaves its group, says so unasked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

_GRACE = 2.0  # seconds that ranks have to answer
_ASK, _ANSWER, _LEFT = 1, 2, 3  # tags


class Roll:
    """Which ranks of the world are waiting, and for what, and which have left. Every rank that waits answers for itself."""

    def __init__(self, communicator: Any, mpi: Any) -> None:
        self.communicator, self.mpi = communicator, mpi
        self.given_up: list[tuple[int, str]] = []  # who asked, and for what call
        self.left: set[int] = set()  # who will make no call any more
        self.is_open = True

    def leave(self) -> None:
        """Tell all others that this rank has come to its end."""
        if self.is_open and not self.mpi.Is_finalized():
            for rank in range(self.communicator.size):
                if rank != self.communicator.rank:
                    self._send(rank, _LEFT, "")
        self.is_open = False

    def answer(self, waiting_for: str) -> None:
        """Tell those who asked that this rank waits, and for what; notice who has left."""
        status = self.mpi.Status()
        while self.communicator.iprobe(tag=_LEFT, status=status):
            self.communicator.Recv(np.empty(0, np.uint8), status.Get_source(), _LEFT)
            self.left.add(status.Get_source())
        while self.communicator.iprobe(tag=_ASK, status=status):
            asked = np.empty(status.Get_count(), np.uint8)
            self.communicator.Recv(asked, status.Get_source(), _ASK)
            self.given_up.append((status.Get_source(), asked.tobytes().decode()))
            self._send(status.Get_source(), _ANSWER, waiting_for)

    def call(self, ranks: Sequence[int], waiting_for: str) -> dict[int, str]:
        """What each of these ranks is waiting for; those that do not answer are missing."""
        others = [rank for rank in ranks if rank != self.communicator.rank]
        for rank in others:
            self._send(rank, _ASK, waiting_for)
        found: dict[int, str] = {}
        end = time.monotonic() + _GRACE
        status = self.mpi.Status()
        while len(found) < len(others) and time.monotonic() < end:
            self.answer(waiting_for)
            while self.communicator.iprobe(tag=_ANSWER, status=status):
                text = np.empty(status.Get_count(), np.uint8)
                self.communicator.Recv(text, status.Get_source(), _ANSWER)
                found[status.Get_source()] = text.tobytes().decode()
            time.sleep(1e-3)
        return found

    def _send(self, to: int, tag: int, text: str) -> None:
        self.communicator.Isend(np.frombuffer(text.encode(), np.uint8), to, tag).Free()
