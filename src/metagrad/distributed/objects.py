"""Collectives of Python objects: tensors in plain containers, numbers, strings.

They travel as ``encoding.py`` has it: nothing that arrives is run, and other objects than tensors and plain containers raise
TypeError at the sender.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.distributed.collectives import root_of
from metagrad.distributed.communicator import Communicator
from metagrad.distributed.encoding import decode, encode
from metagrad.distributed.messages import _other
from metagrad.distributed.world import resolve

Array = Any


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """object_list[i] = rank i's object, on every rank."""
    found = resolve(group)
    if found is not None:
        _check_length(object_list, "object_list", found.size())
        data = encode(obj)
        found.perform("all_gather_object()", lambda c: _fill(object_list, _all_gather(c, data)))


def gather_object(
    obj: Any, object_gather_list: list[Any] | None = None, dst: int | None = None, group: Any = None,
    group_dst: int | None = None,
) -> None:  # fmt: skip
    """object_gather_list[i] = rank i's object, on one rank; the others give no list."""
    found = resolve(group)
    if found is None:
        return
    root = root_of(found, dst, group_dst, "dst")
    is_root = found.rank() == root
    if is_root:
        _check_length(object_gather_list, "object_gather_list", found.size())
    elif object_gather_list:
        raise ValueError(f"object_gather_list is for rank {found.ranks[root]} alone")

    data = encode(obj)

    def job(c: Communicator) -> None:
        arrays = _all_gather(c, data)
        if object_gather_list is not None and is_root:
            _fill(object_gather_list, arrays)

    found.perform(f"gather_object(to {root})", job)


def broadcast_object_list(
    object_list: list[Any], src: int | None = None, group: Any = None, device: Any = None, group_src: int | None = None
) -> None:
    """Give every rank the objects of one; the lists have the same length everywhere."""
    found = resolve(group)
    if found is None:
        return
    root = root_of(found, src, group_src, "src")

    sent = encode(list(object_list)) if found.rank() == root else None

    def job(c: Communicator) -> None:
        object_list[:] = decode(_broadcast(c, sent, root))

    found.perform(f"broadcast_object_list(from {root}, {len(object_list)} objects)", job)


def scatter_object_list(
    scatter_object_output_list: list[Any], scatter_object_input_list: list[Any] | None = None, src: int | None = None,
    group: Any = None, group_src: int | None = None,
) -> None:  # fmt: skip
    """scatter_object_output_list[0] = the root's object number this rank; the others give no input."""
    found = resolve(group)
    if found is None:
        return
    root = root_of(found, src, group_src, "src")
    if not scatter_object_output_list:
        raise ValueError("scatter_object_output_list must have a place for the object: a list of one element")
    if found.rank() == root:
        _check_length(scatter_object_input_list, "scatter_object_input_list", found.size())
    sent = encode(list(scatter_object_input_list or ())) if found.rank() == root else None

    def job(c: Communicator) -> None:
        scatter_object_output_list[0] = decode(_broadcast(c, sent, root))[c.rank]

    found.perform(f"scatter_object_list(from {root})", job)


def send_object_list(
    object_list: list[Any], dst: int | None = None, group: Any = None, device: Any = None, group_dst: int | None = None
) -> None:
    """Send objects to one rank, which calls ``recv_object_list``."""
    found = resolve(group)
    if found is None:
        return
    to = _other(found, dst, group_dst, "dst")
    data = encode(list(object_list))

    def job() -> None:
        found.communicator.send(np.array([data.size]), to, 0, "the size of objects", found.timeout)
        found.communicator.send(data, to, 0, "objects", found.timeout)

    found.carry(job, False, f"to {to}")


def recv_object_list(
    object_list: list[Any], src: int | None = None, group: Any = None, device: Any = None, group_src: int | None = None
) -> int:
    """Receive the objects of ``send_object_list`` into the list; returns the sender."""
    found = resolve(group)
    if found is None:
        return -1
    anyone = src is None and group_src is None
    source = None if anyone else _other(found, src, group_src, "src")

    def job() -> int:
        size = np.zeros(1, np.int64)
        sender = found.communicator.receive(size, source, 0, "the size of objects", found.timeout)
        data = np.empty(int(size[0]), np.uint8)
        found.communicator.receive(data, sender, 0, "objects", found.timeout)
        object_list[:] = decode(data)
        return found.ranks[sender]

    return int(found.carry(job, False, f"from {'anyone' if source is None else source}"))


# ------------------------------------------------ on bytes


def _check_length(objects: Any, name: str, count: int) -> None:
    if not isinstance(objects, list) or len(objects) != count:
        raise ValueError(f"{name} must be a list with a place for each of the {count} ranks, got {objects!r}")


def _fill(objects: list[Any], arrays: list[Array]) -> None:
    objects[:] = [decode(array) for array in arrays]


def _all_gather(c: Communicator, data: Array) -> list[Array]:
    """The bytes of all ranks, which may be of different lengths."""
    sizes = np.empty((c.size, 1), np.int64)
    c.all_gather(sizes, np.array([data.size], np.int64))
    padded = np.zeros(int(sizes.max()), np.uint8)
    padded[: data.size] = data
    out = np.empty((c.size, padded.size), np.uint8)
    c.all_gather(out, padded)
    return [row[: int(n)] for row, n in zip(out, sizes[:, 0], strict=True)]


def _broadcast(c: Communicator, data: Array | None, root: int) -> Array:
    """The root's bytes."""
    size = np.array([0 if data is None else data.size], np.int64)
    c.broadcast(size, root)
    whole = np.empty(int(size[0]), np.uint8) if data is None else data.copy()
    c.broadcast(whole, root)
    return whole
