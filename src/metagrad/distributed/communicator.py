"""What a backend is: the few operations on arrays that all collectives of a group are made of.

An array given here is contiguous, and NumPy's. Every rank of the group calls the same methods in the same order, each
after ``agree``, which makes sure of that: once it returns, all ranks have arrived and are about to make the same call, so what
follows cannot wait for a rank that is elsewhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from metagrad.distributed.reduction import ReduceOp

Array = Any


class Communicator(ABC):
    """The ranks 0 … size − 1 of one group, as seen by one of them. P stands for ``size`` in shapes."""

    rank: int
    size: int

    @abstractmethod
    def agree(self, call: str, timeout: float) -> None:
        """Wait until all ranks are here. Raises CollectiveMismatch if one is here for another call, CollectiveTimeout
        naming those that did not arrive within ``timeout`` seconds."""

    @abstractmethod
    def all_reduce(self, array: Array, op: ReduceOp) -> None:
        """Reduce into ``array`` on every rank: the same bits everywhere."""

    @abstractmethod
    def reduce(self, array: Array, op: ReduceOp, root: int) -> None:
        """Reduce into ``array`` on the root; elsewhere it stays."""

    @abstractmethod
    def broadcast(self, array: Array, root: int) -> None:
        """Copy the root's array into everyone's."""

    @abstractmethod
    def all_gather(self, out: Array, array: Array) -> None:
        """out (P, …): the arrays of all ranks."""

    @abstractmethod
    def gather(self, out: Array | None, array: Array, root: int) -> None:
        """out (P, …), on the root: the arrays of all ranks."""

    @abstractmethod
    def scatter(self, out: Array, array: Array | None, root: int) -> None:
        """out: row ``rank`` of the root's array (P, …)."""

    @abstractmethod
    def reduce_scatter(self, out: Array, array: Array, op: ReduceOp) -> None:
        """out: row ``rank`` of the arrays (P, …) of all ranks, reduced."""

    @abstractmethod
    def all_to_all(self, out: Sequence[Array], arrays: Sequence[Array]) -> None:
        """out[i]: what rank i has for this rank, ``arrays[rank]`` there; sizes may differ from pair to pair."""

    @abstractmethod
    def send(self, array: Array, to: int, tag: int, call: str, timeout: float) -> None:
        """Give an array to one rank, whose ``receive`` has the same tag."""

    @abstractmethod
    def receive(self, array: Array, source: int | None, tag: int, call: str, timeout: float) -> int:
        """Fill the array from one rank, or from whichever sends first; returns which. The sender's ``call`` must be ours."""

    @abstractmethod
    def split(self, ranks: Sequence[int]) -> Communicator | None:
        """A communicator of some of the ranks, in that order; None on the others. All ranks call it."""

    @abstractmethod
    def close(self) -> None:
        """Give back what the backend keeps for the group."""
