"""Who takes part: the process group of all ranks, groups of some, and each rank's number in them.

Each process has one state; with the ``threads`` backend each rank's thread has. ``init_process_group`` makes it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from metagrad.base.warning import warn
from metagrad.distributed import threads
from metagrad.distributed.available import BACKENDS, STAND_FOR_MPI, is_mpi_available
from metagrad.distributed.communicator import Communicator
from metagrad.distributed.launch.mpiexec import place_of
from metagrad.distributed.work import Courier, Work

default_pg_timeout = timedelta(minutes=30)


class Backend(str):
    """The name of a backend, as programs spell it.

    >>> Backend("MPI") == Backend.MPI
    True
    """

    MPI: ClassVar[str] = "mpi"
    THREADS: ClassVar[str] = "threads"
    GLOO: ClassVar[str] = "gloo"
    NCCL: ClassVar[str] = "nccl"
    UNDEFINED: ClassVar[str] = "undefined"

    def __new__(cls, name: str) -> Backend:
        """The name in small letters."""
        return super().__new__(cls, name.lower())


class ProcessGroup:
    """Some ranks that make collectives together. ``ranks``: their numbers among all ranks."""

    def __init__(self, communicator: Communicator, ranks: Sequence[int], timeout: float, name: str) -> None:
        self.communicator, self.ranks, self.timeout, self.group_name = communicator, list(ranks), timeout, name
        self.couriers: dict[str, Courier] = {}

    def rank(self) -> int:
        """This rank's number in the group."""
        return self.communicator.rank

    def size(self) -> int:
        """How many ranks the group has."""
        return self.communicator.size

    def name(self) -> str:
        """The backend's name."""
        return _world().backend

    def position(self, rank: int) -> int:
        """The number in this group of a rank of the whole world."""
        if rank not in self.ranks:
            raise ValueError(f"rank {rank} is not in the group of the ranks {self.ranks}")
        return self.ranks.index(rank)

    def perform(self, call: str, job: Callable[[Communicator], None], async_op: bool = False) -> Work | None:
        """Agree with the other ranks on the call, and do it: now, or with ``async_op`` on the courier's thread."""

        def work() -> None:
            self.communicator.agree(call, self.timeout)
            job(self.communicator)

        return self.carry(work, async_op)

    def carry(self, work: Callable[[], Any], async_op: bool, lane: str = "collectives") -> Any:
        """Do something that involves other ranks, after all that was begun before in the same lane; its result, or the Work.

        All collectives are one lane; messages have one for each rank and direction, for they wait for nothing else.
        """
        courier = self.couriers.get(lane)
        if async_op:
            if courier is None:
                courier = self.couriers[lane] = Courier(f"metagrad-courier-{self.group_name}-{lane}")
            return courier.submit(work)
        if courier is not None and not courier.is_idle:
            return courier.submit(work).result()
        return work()

    def close(self) -> None:
        """End the couriers' threads, and give back the communicator."""
        for courier in self.couriers.values():
            courier.close()
        self.couriers.clear()
        self.communicator.close()

    def __repr__(self) -> str:
        return f"<ProcessGroup {self.group_name}: rank {self.rank()} of {self.size()}, ranks {self.ranks}>"


class World:
    """What one rank knows: its backend, and its groups, the first of which has all ranks."""

    def __init__(self, backend: str, group: ProcessGroup) -> None:
        self.backend, self.groups = backend, [group]
        self.names = 0


class GroupMember:
    """``NON_GROUP_MEMBER`` is what ``new_group`` returns to a rank that is not in the new group."""

    NON_GROUP_MEMBER: ClassVar[int] = -100


_of_process: World | None = None
_of_thread = threading.local()


def _find_world() -> World | None:
    return getattr(_of_thread, "world", None) or _of_process


def _world() -> World:
    world = _find_world()
    if world is None:
        raise ValueError("Default process group has not been initialized: call init_process_group() first")
    return world


def forget() -> None:
    """Drop this thread's state."""
    world = getattr(_of_thread, "world", None)
    if world is not None:
        for group in world.groups:
            group.close()
    _of_thread.world = None


threads.at_end.append(forget)


class _Groups(type):
    @property
    def WORLD(cls) -> ProcessGroup | None:
        """The group of all ranks, or None before ``init_process_group``."""
        world = _find_world()
        return None if world is None else world.groups[0]


class group(metaclass=_Groups):
    """``group.WORLD`` is the group of all ranks."""


def resolve(given: Any) -> ProcessGroup | None:
    """The group meant by an argument: None is all ranks. None, with a warning, where this rank is not in it."""
    if given is None:
        return _world().groups[0]
    if isinstance(given, ProcessGroup):
        return given
    if given == GroupMember.NON_GROUP_MEMBER:
        warn("this rank is not in the group of the collective it calls, so nothing is done")
        return None
    raise TypeError(f"expected a group made by new_group(), or None for all ranks, got {given!r}")


# ------------------------------------------------ beginning and end


def is_initialized() -> bool:
    """Whether ``init_process_group`` was called."""
    return _find_world() is not None


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | float | None = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Find the other ranks, and make the group of all.

    backend: ``"mpi"``, or ``"threads"`` inside ``run_threads``; by default whichever of them this is, and a group of one rank where
    nobody started several. ``"gloo"`` and
    ``"nccl"``, which metagrad does not have, mean the same default. timeout: a timedelta or seconds, how long a collective
    waits for a rank; 30 minutes by default. world_size, rank: checked against what the backend says; by default the
    environment's WORLD_SIZE and RANK are, where they are set. The others are accepted for PyTorch's sake.

    Raises ImportError without mpi4py, ValueError where the numbers disagree.
    """
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    limit = seconds(timeout)
    kind = _chosen(backend, world_size)
    if kind == "threads":
        communicator = _thread_communicator(rank, world_size, init_method or group_name, kind != backend)
    else:
        from metagrad.distributed import mpi

        communicator = mpi.world_communicator(_number("RANK", rank), _number("WORLD_SIZE", world_size), limit)
    everyone = ProcessGroup(communicator, range(communicator.size), limit, "0")
    _remember(World(kind, everyone), kind)


def _remember(world: World, kind: str) -> None:
    global _of_process
    if kind == "threads":
        _of_thread.world = world
    else:
        _of_process = world


def _chosen(backend: str | None, world_size: int) -> str:
    name = "" if backend is None else str(backend).lower()
    if name in BACKENDS:
        return name
    if name and name not in STAND_FOR_MPI and name != Backend.UNDEFINED:
        raise ValueError(f"unknown backend {backend!r}: expected one of {', '.join(BACKENDS)}")
    if threads.seat.table is not None:
        return "threads"
    place = place_of(os.environ)
    ranks = world_size if world_size >= 0 else 1 if place is None else place.size
    return "threads" if ranks == 1 and not is_mpi_available() else "mpi"


def _number(variable: str, given: int) -> int:
    """What the program said, or else the environment; −1 for neither."""
    if given >= 0:
        return given
    text = os.environ.get(variable, "-1")
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"the environment variable {variable} must be a number, got {text!r}") from None


def _thread_communicator(rank: int, world_size: int, name: str, chosen: bool) -> Communicator:
    if threads.seat.table is not None:
        table = threads.seat.table
        if rank not in (-1, threads.seat.rank) or world_size not in (-1, table.size):
            raise ValueError(
                f"this thread is rank {threads.seat.rank} of {table.size}, but the program says {rank} of {world_size}"
            )
        return threads.ThreadCommunicator(table, threads.seat.rank)
    rank, world_size = _number("RANK", rank), _number("WORLD_SIZE", world_size)
    if chosen and rank == world_size == -1:
        rank, world_size = 0, 1
    if not 0 <= rank < world_size:
        raise ValueError(
            'the backend "threads" needs to know which rank this thread is: start the program with '
            f"run_threads(program, ranks), or give rank and world_size (got {rank} and {world_size})"
        )
    return threads.sit_down(rank, world_size, name)


def seconds(timeout: timedelta | float | None) -> float:
    """A timeout as a number."""
    if timeout is None:
        return default_pg_timeout.total_seconds()
    value = timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
    if not value > 0:
        raise ValueError(f"a timeout must be positive, got {timeout}")
    return value


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """Leave a group; without an argument all of them, after which ``init_process_group`` may be called again."""
    global _of_process
    world = _world()
    leaving = list(world.groups) if group is None or group is world.groups[0] else [group]
    for each in leaving:
        each.close()
        world.groups.remove(each)
    if not world.groups:
        if world is _of_process:
            _of_process = None
        else:
            _of_thread.world = None


def new_group(
    ranks: Sequence[int] | None = None,
    timeout: timedelta | float | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
    device_id: Any = None,
) -> Any:
    """A group of some ranks, all if None. Every rank calls it, also those that are not in the group.

    Those get ``GroupMember.NON_GROUP_MEMBER``. Raises ValueError for ranks that do not exist or come twice.
    """
    world = _world()
    everyone = world.groups[0]
    members = list(range(everyone.size())) if ranks is None else sorted(int(r) for r in ranks)
    wrong = [r for r in members if not 0 <= r < everyone.size()]
    if wrong or len(set(members)) != len(members) or not members:
        raise ValueError(f"a group needs different ranks of 0 to {everyone.size() - 1}, got {list(ranks or [])}")
    made: list[Communicator | None] = []
    everyone.perform(f"new_group({members})", lambda c: made.append(c.split(members)))
    world.names += 1
    if made[0] is None:
        return GroupMember.NON_GROUP_MEMBER
    limit = everyone.timeout if timeout is None else seconds(timeout)
    world.groups.append(ProcessGroup(made[0], members, limit, str(world.names)))
    return world.groups[-1]


# ------------------------------------------------ who is who


def get_rank(group: Any = None) -> int:
    """This rank's number in a group, 0 … size − 1; −1 if it is not in it."""
    return -1 if group == GroupMember.NON_GROUP_MEMBER else (group or _world().groups[0]).rank()


def get_world_size(group: Any = None) -> int:
    """How many ranks a group has; −1 if this rank is not in it."""
    return -1 if group == GroupMember.NON_GROUP_MEMBER else (group or _world().groups[0]).size()


def get_backend(group: Any = None) -> str:
    """``"mpi"`` or ``"threads"``."""
    return Backend(_world().backend)


def get_process_group_ranks(group: ProcessGroup | None = None) -> list[int]:
    """The members of a group by their numbers among all ranks."""
    return list((group or _world().groups[0]).ranks)


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The number among all ranks of a member of a group."""
    if not 0 <= group_rank < group.size():
        raise ValueError(f"group rank {group_rank} is not in the group of {group.size()} ranks")
    return group.ranks[group_rank]


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The number in a group of one of all ranks."""
    return group.position(global_rank)


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """This rank's number among those on its machine: the environment's LOCAL_RANK, or else ``fallback_rank``."""
    text = os.environ.get("LOCAL_RANK")
    if text is not None:
        return int(text)
    if fallback_rank is None:
        raise RuntimeError("LOCAL_RANK is not in the environment: start with `metagrad launch`, or pass fallback_rank")
    return fallback_rank
