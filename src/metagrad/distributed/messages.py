"""Messages from one rank to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from metagrad.distributed.buffers import checked, described, read, write
from metagrad.distributed.collectives import root_of
from metagrad.distributed.work import Work
from metagrad.distributed.world import ProcessGroup, resolve
from metagrad.tensors.tensor import Tensor


def send(tensor: Tensor, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None) -> None:
    """Send a tensor to one rank, which calls ``recv`` with one of the same shape and dtype, and the same tag."""
    _send(tensor, dst, group, tag, group_dst, False)


def isend(
    tensor: Tensor, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None
) -> Work | None:
    """``send`` that returns at once: do not change the tensor before ``wait()``."""
    return _send(tensor, dst, group, tag, group_dst, True)


def _send(tensor: Tensor, dst: int | None, group: Any, tag: int, group_dst: int | None, async_op: bool) -> Work | None:
    found = resolve(group)
    if found is None:
        return None
    to = _other(found, dst, group_dst, "dst")
    message = described(checked(tensor, "tensor"))

    def job() -> None:
        found.communicator.send(read(tensor), to, tag, message, found.timeout)

    work: Work | None = found.carry(job, async_op, f"to {to}")
    return work


def _other(group: ProcessGroup, rank: int | None, group_rank: int | None, name: str) -> int:
    other = root_of(group, rank, group_rank, name, default=None)
    if other == group.rank():
        raise ValueError(f"rank {group.ranks[other]} cannot send to itself: {name} must be another rank")
    return other


def recv(tensor: Tensor, src: int | None = None, group: Any = None, tag: int = 0, group_src: int | None = None) -> int:
    """Receive a tensor from rank ``src``, or without it from whichever sends first; returns that rank.

    Raises CollectiveMismatch if the sender's tensor has another shape or dtype, CollectiveTimeout if none comes.
    """
    sender = _receive(tensor, src, group, tag, group_src, False)
    return -1 if sender is None else int(sender)


def irecv(
    tensor: Tensor, src: int | None = None, group: Any = None, tag: int = 0, group_src: int | None = None
) -> Work | None:
    """``recv`` that returns at once: the tensor may be used after ``wait()``."""
    work: Work | None = _receive(tensor, src, group, tag, group_src, True)
    return work


def _receive(tensor: Tensor, src: int | None, group: Any, tag: int, group_src: int | None, async_op: bool) -> Any:
    found = resolve(group)
    if found is None:
        return None
    anyone = src is None and group_src is None
    source = None if anyone else _other(found, src, group_src, "src")
    message = described(checked(tensor, "tensor"))

    def job() -> int:
        array = read(tensor)
        sender = found.communicator.receive(array, source, tag, message, found.timeout)
        write(tensor, array)
        return found.ranks[sender]

    return found.carry(job, async_op, f"from {'anyone' if source is None else source}")


class P2POp:
    """A message to be sent or received, for ``batch_isend_irecv``: op is ``isend`` or ``irecv``."""

    def __init__(
        self, op: Callable[..., Work | None], tensor: Tensor, peer: int | None = None, group: Any = None, tag: int = 0,
        group_peer: int | None = None,
    ) -> None:  # fmt: skip
        if op not in (isend, irecv):
            raise ValueError(f"a P2POp is made of distributed.isend or distributed.irecv, got {op!r}")
        self.op, self.tensor, self.peer, self.group, self.tag, self.group_peer = (
            op,
            tensor,
            peer,
            group,
            tag,
            group_peer,
        )


def batch_isend_irecv(p2p_op_list: Sequence[P2POp]) -> list[Work]:
    """Begin several messages, in whatever order the other ranks have theirs."""
    begun = [each.op(each.tensor, each.peer, each.group, each.tag, each.group_peer) for each in p2p_op_list]
    return [work for work in begun if work is not None]
