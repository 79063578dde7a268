"""The backend ``mpi``: ranks as processes, on one machine or many. The collectives are MPI's own, through mpi4py.

MPI does not check that all ranks make the same call, and waits for a missing one for ever. ``agree`` adds both: before each
collective the ranks compare a hash of the call by one non-blocking all_reduce of 16 bytes, and look at the clock while it is under
way. When time is up, a rank calls the roll: who answers is waiting like itself, and who does not is named in the error.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from metagrad.base.optional import need
from metagrad.distributed.communicator import Array, Communicator
from metagrad.distributed.errors import (
    CollectiveMismatch,
    CollectiveTimeout,
    DistBackendError,
    DistNetworkError,
    RankFailed,
    mismatch,
)
from metagrad.distributed.reduction import ReduceOp, combine_into
from metagrad.distributed.roll import Roll
from metagrad.kernels import threads

_ON_ITS_WAY = 1.0  # seconds that the last messages of a rank that has ended may take
_HEADER = 128  # bytes before each message: what the sender calls it


def _pause(waited: float) -> None:
    """Between two looks at a request: give the core away, for longer the longer nothing comes."""
    time.sleep(0 if waited < 1e-4 else 2e-5 if waited < 1e-2 else 2e-4 if waited < 1 else 2e-3)


def _comes(request: Any, status: Any) -> bool:
    """Whether what ranks that have left sent before fulfils the request."""
    end = time.monotonic() + _ON_ITS_WAY
    while time.monotonic() < end:
        if request.Test(status):
            return True
        time.sleep(1e-3)
    return False


class MPICommunicator(Communicator):
    """A group's MPI communicator. ``names``: the ranks' numbers in the world, for messages."""

    def __init__(self, communicator: Any, names: Sequence[int], roll: Roll, mpi: Any) -> None:
        self.mpi, self.communicator, self.names, self.roll = mpi, communicator, list(names), roll
        self.messages = communicator.Dup()  # messages have tags of their own there
        self.rank, self.size = communicator.Get_rank(), communicator.Get_size()
        self.calls = 0
        self.out_of_step = ""  # since what
        self.has_everyone = False  # the group of all ranks, with which a rank leaves
        self.ops = {
            ReduceOp.SUM: mpi.SUM,
            ReduceOp.PRODUCT: mpi.PROD,
            ReduceOp.BAND: mpi.BAND,
            ReduceOp.BOR: mpi.BOR,
            ReduceOp.BXOR: mpi.BXOR,
        }

    # ------------------------------------------------ waiting

    def agree(self, call: str, timeout: float) -> None:
        """See Communicator."""
        if self.out_of_step:
            raise DistBackendError(
                f"the ranks of this group are out of step since an earlier call ({self.out_of_step}), and it can make no more: "
                f"{call} is refused. End the program, and go on from a checkpoint"
            )
        try:
            self._agree(call, timeout)
        except (CollectiveTimeout, RankFailed) as error:
            self.out_of_step = str(error)
            raise

    def _agree(self, call: str, timeout: float) -> None:
        self.calls += 1
        numbered = f"call {self.calls} of this group, {call}"
        self._refuse_if_late(numbered)
        mark = int.from_bytes(hashlib.blake2b(numbered.encode(), digest_size=7).digest())
        mine, least = np.array([mark, -mark]), np.empty(2, np.int64)
        request = self.communicator.Iallreduce(mine, least, self.mpi.MIN)
        if not self._wait(request, timeout, numbered):
            self._raise_absent(request, call, numbered, timeout)
        if not (mine == least).all():
            raise CollectiveMismatch(mismatch(self.communicator.allgather(call), self.names))

    def _wait(
        self, request: Any, timeout: float, waiting_for: str, status: Any = None, on: Sequence[int] | None = None
    ) -> bool:
        """Whether the request was fulfilled in time; this rank answers the roll meanwhile.

        on: the ranks of the group of which one must come, instead of all. Raises RankFailed if they have left.
        """
        begun = looked = time.monotonic()
        while not request.Test(status):
            now = time.monotonic()
            if now - begun > timeout:
                return False
            if now - looked > 0.05:
                looked = now
                self.roll.answer(waiting_for)
                gone = self._gone(on)
                if gone:
                    if _comes(request, status):
                        return True
                    raise RankFailed(f"rank {gone} has ended, or left the group, and will not come to {waiting_for}")
            _pause(now - begun)
        return True

    def _gone(self, on: Sequence[int] | None) -> str:
        """Who of the ranks waited for will not come, if that is all that is needed to wait in vain."""
        if not self.roll.left:
            return ""
        names = [self.names[r] for r in on] if on is not None else self.names
        gone = [name for name in names if name in self.roll.left]
        return ", ".join(map(str, gone)) if on is None or len(gone) == len(names) else ""

    def _refuse_if_late(self, numbered: str) -> None:
        """An error if another rank gave up on this call before this one came to it."""
        self.roll.answer(f"nothing: it has just come to {numbered}")
        impatient = [str(rank) for rank, call in self.roll.given_up if call == numbered and rank in self.names]
        if impatient:
            raise CollectiveTimeout(
                f"rank {self.names[self.rank]} came to {numbered} too late: rank {', '.join(impatient)} has given up"
            )

    def _raise_absent(self, request: Any, call: str, numbered: str, timeout: float) -> None:
        """Name the ranks that are not there; if they came while the roll was called, go on."""
        there = self.roll.call(self.names, numbered)
        if request.Test():
            return
        if gone := self._gone(None):
            raise RankFailed(f"rank {gone} has ended, or left the group, and will not come to {numbered}")
        missing = [r for r in self.names if r != self.names[self.rank] and there.get(r) != numbered]
        elsewhere = "".join(f"; rank {r} is waiting for {there[r]}" for r in missing if r in there)
        absent = ", ".join(map(str, missing))
        raise CollectiveTimeout(
            f"rank {absent} did not arrive at {call} within {timeout:g} s{elsewhere}"
            if missing
            else f"{call} was not over within {timeout:g} s, though all ranks have come to it"
        )

    # ------------------------------------------------ collectives

    def all_reduce(self, array: Array, op: ReduceOp) -> None:
        """See Communicator."""
        with self._op(op, array.dtype) as mpi_op:
            self.communicator.Allreduce(self.mpi.IN_PLACE, array, mpi_op)

    def reduce(self, array: Array, op: ReduceOp, root: int) -> None:
        """See Communicator."""
        with self._op(op, array.dtype) as mpi_op:
            if self.rank == root:
                self.communicator.Reduce(self.mpi.IN_PLACE, array, mpi_op, root)
            else:
                self.communicator.Reduce(array, None, mpi_op, root)

    def _op(self, op: ReduceOp, kind: np.dtype[Any]) -> _Op:
        """MPI's own op; for the extremes NumPy's, because MPI leaves open what they make of NaN."""
        if op in self.ops:
            return _Op(self.ops[op])
        if kind.kind != "f":
            return _Op(self.mpi.MIN if op is ReduceOp.MIN else self.mpi.MAX)

        def extreme(array: Any, out: Any, _: Any) -> None:
            combine_into(op, np.frombuffer(array, kind), np.frombuffer(out, kind))

        return _Op(self.mpi.Op.Create(extreme, commute=True), own=True)

    def broadcast(self, array: Array, root: int) -> None:
        """See Communicator."""
        self.communicator.Bcast(_bytes(array), root)

    def all_gather(self, out: Array, array: Array) -> None:
        """See Communicator."""
        self.communicator.Allgather(_bytes(array), _bytes(out))

    def gather(self, out: Array | None, array: Array, root: int) -> None:
        """See Communicator."""
        self.communicator.Gather(_bytes(array), None if out is None else _bytes(out), root)

    def scatter(self, out: Array, array: Array | None, root: int) -> None:
        """See Communicator."""
        self.communicator.Scatter(None if array is None else _bytes(array), _bytes(out), root)

    def reduce_scatter(self, out: Array, array: Array, op: ReduceOp) -> None:
        """See Communicator."""
        with self._op(op, array.dtype) as mpi_op:
            self.communicator.Reduce_scatter_block(array, out, mpi_op)

    def all_to_all(self, out: Sequence[Array], arrays: Sequence[Array]) -> None:
        """See Communicator."""
        sizes = np.array([a.nbytes for a in arrays], np.int64)
        coming = np.empty_like(sizes)
        self.communicator.Alltoall(sizes, coming)
        places = np.array([a.nbytes for a in out], np.int64)
        fits = np.array([(coming == places).all()], np.int32)
        self.communicator.Allreduce(self.mpi.IN_PLACE, fits, self.mpi.MIN)
        if not fits[0]:
            raise CollectiveMismatch(
                f"all_to_all: rank {self.names[self.rank]} has places of {places.tolist()} bytes for what the ranks send, "
                f"{coming.tolist()} bytes; here or on another rank they differ"
            )
        whole = np.empty(int(coming.sum()), np.uint8)
        self.communicator.Alltoallv(
            [np.concatenate([_bytes(a) for a in arrays]), sizes], [whole, coming]
        )  # fmt: skip
        for place, piece in zip(out, np.split(whole, np.cumsum(coming)[:-1]), strict=True):
            _bytes(place)[...] = piece

    # ------------------------------------------------ messages

    def send(self, array: Array, to: int, tag: int, call: str, timeout: float) -> None:
        """See Communicator."""
        header = np.zeros(_HEADER, np.uint8)
        text = np.frombuffer(call.encode()[:_HEADER], np.uint8)
        header[: len(text)] = text
        for part in (header, _bytes(array)):
            request = self.messages.Isend(part, to, tag)
            if not self._wait(request, timeout, f"send({call}) to rank {self.names[to]}", on=[to]):
                raise CollectiveTimeout(f"rank {self.names[to]} did not receive {call} within {timeout:g} s")

    def receive(self, array: Array, source: int | None, tag: int, call: str, timeout: float) -> int:
        """See Communicator."""
        header, status = np.zeros(_HEADER, np.uint8), self.mpi.Status()
        whoever = "any rank" if source is None else f"rank {self.names[source]}"
        request = self.messages.Irecv(header, self.mpi.ANY_SOURCE if source is None else source, tag)
        senders = [r for r in range(self.size) if r != self.rank] if source is None else [source]
        try:
            came = self._wait(request, timeout, f"recv({call}) from {whoever}", status, senders)
        except RankFailed:
            request.Cancel()
            raise
        if not came:
            request.Cancel()
            who = "no rank" if source is None else f"rank {self.names[source]} has not"
            raise CollectiveTimeout(f"{who} sent {call} within {timeout:g} s")
        sender = status.Get_source()
        self.messages.Probe(sender, tag, status)
        theirs = header.tobytes().rstrip(b"\0").decode(errors="replace")
        body = _bytes(array) if theirs == call[:_HEADER] else np.empty(status.Get_count(), np.uint8)
        self.messages.Recv(body, sender, tag)
        if theirs != call[:_HEADER]:
            raise CollectiveMismatch(
                f"rank {self.names[sender]} sent {theirs}, rank {self.names[self.rank]} expects {call}"
            )
        return int(sender)

    def close(self) -> None:
        """See Communicator."""
        if self.has_everyone:
            self.roll.leave()
        self.messages.Free()
        self.communicator.Free()

    def split(self, ranks: Sequence[int]) -> Communicator | None:
        """See Communicator."""
        inside = self.rank in ranks
        key = list(ranks).index(self.rank) if inside else 0
        part = self.communicator.Split(0 if inside else self.mpi.UNDEFINED, key)
        if not inside:
            return None
        return MPICommunicator(part, [self.names[r] for r in ranks], self.roll, self.mpi)


class _Op:
    """An MPI op in a ``with`` block; one of our own is given back at its end."""

    def __init__(self, op: Any, own: bool = False) -> None:
        self.op, self.own = op, own

    def __enter__(self) -> Any:
        return self.op

    def __exit__(self, *_: object) -> None:
        if self.own:
            self.op.Free()


def _bytes(array: Array) -> Array:
    """The memory of a contiguous array: what is only moved has no dtype."""
    return array.reshape(-1).view(np.uint8)


# ------------------------------------------------ the world


def world_communicator(rank: int, size: int, timeout: float) -> MPICommunicator:
    """The communicator of all ranks. rank, size: what the program or the environment says; −1 for nothing."""
    need("mpi4py", "mpi")
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ImportError(
            f'mpi4py is installed, but finds no MPI library ({error}): pip install "metagrad[mpi]" brings one'
        ) from error
    everyone = MPI.COMM_WORLD
    there = everyone.Get_size()
    if size not in (-1, there):
        raise DistNetworkError(
            f"the program or the environment says that there are {size} ranks (WORLD_SIZE), but MPI has started {there}: "
            f"start the program with `metagrad launch -n {size} program.py`, or with your cluster's mpiexec or srun"
        )
    own = everyone.Split(0, everyone.Get_rank() if rank == -1 else rank)
    wanted = own.allgather(rank)
    if any(r not in (-1, i) for i, r in enumerate(wanted)):
        raise DistNetworkError(f"each rank needs a number of its own from 0 to {there - 1}, but RANK says {wanted}")
    _tell_environment(own, MPI)
    _abort_on_errors(own)
    found = MPICommunicator(own, range(there), Roll(own.Dup(), MPI), MPI)
    found.has_everyone = True
    atexit.register(found.roll.leave)
    return found


def _tell_environment(communicator: Any, mpi: Any) -> None:
    """What whoever started the program has not set: RANK, WORLD_SIZE and so on, and this rank's share of the threads."""
    machine = communicator.Split_type(mpi.COMM_TYPE_SHARED)
    if "LOCAL_WORLD_SIZE" not in os.environ and "OMP_NUM_THREADS" not in os.environ:
        share = max(1, threads.available_cores() // machine.Get_size())
        threads.set_num_threads(min(share, threads.get_num_threads()))
    for name, number in (
        ("RANK", communicator.Get_rank()), ("WORLD_SIZE", communicator.Get_size()), ("LOCAL_RANK", machine.Get_rank()),
        ("LOCAL_WORLD_SIZE", machine.Get_size()),
    ):  # fmt: skip
        os.environ.setdefault(name, str(number))
    machine.Free()


def _abort_on_errors(communicator: Any) -> None:
    """End all ranks when this one dies of an error: the others would wait for it."""
    show: Callable[[type[BaseException], BaseException, TracebackType | None], Any] = sys.excepthook
    if getattr(show, "ends_all_ranks", False):
        return

    def show_and_abort(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        show(kind, error, trace)
        sys.stdout.flush()
        sys.stderr.flush()
        communicator.Abort(1)

    show_and_abort.ends_all_ranks = True  # type: ignore[attr-defined]
    sys.excepthook = show_and_abort
