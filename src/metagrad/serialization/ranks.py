"""Checkpoints of several ranks: one file, written by rank 0, whole or not at all.

The ranks of data-parallel training have the same weights and the same optimizer state, so rank 0's are everyone's, and a run
can go on on another number of ranks. What each rank has for itself, such as the state of its random generator, is kept for each.

    save({"model": model.module.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, "run.pt", own=get_rng_state())

    state, own = read("run.pt")   # own: None where the number of ranks has changed
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from metagrad import distributed as dist
from metagrad.autograd.variable import Variable
from metagrad.autograd.writing import bump
from metagrad.distributed.encoding import plain
from metagrad.serialization import checkpoint

__all__ = ["load", "read", "save"]

Place = str | os.PathLike[str]
_KINDS: dict[str, type[Exception]] = {"file": OSError, "content": ValueError, "type": TypeError}
_STATE, _OWN = "state", "own state of each rank"


def save(
    state_dict: Any, checkpoint_id: Place | None = None, *, own: Any = None, process_group: Any = None, **ignored: Any
) -> None:
    """Write rank 0's state, and what each rank has of its own, to the file ``checkpoint_id``; all ranks call it.

    The file is there, or replaced, when it returns, on every rank. If it cannot be written all ranks raise OSError, and
    TypeError, which names the place, if the state or one rank's own is no plain container of tensors, numbers and strings, for
    ``read`` makes nothing else; the earlier file is as it was. It is one that ``metagrad.load`` reads.
    """
    if checkpoint_id is None:
        raise ValueError("save needs checkpoint_id, the path of the file to write")
    each = _gathered(own, process_group)

    def write() -> None:
        checkpoint.save({_STATE: _plain(state_dict, "state_dict"), _OWN: each}, checkpoint_id)

    _on_rank_0(write, process_group)


def _plain(value: Any, name: str) -> Any:
    try:
        return plain(value, name)
    except RecursionError:
        raise TypeError(f"{name} contains itself, or is too deep to be written") from None


def _gathered(own: Any, group: Any) -> list[Any]:
    """What each rank has of its own, on all ranks; TypeError on all ranks if one of them has what cannot be sent."""
    if not dist.is_initialized():
        return [_plain(own, "own")]
    try:
        told: tuple[str | None, Any] = None, _plain(own, "own")
    except TypeError as error:
        told = f"rank {dist.get_rank(group)}: {error}", None
    each: list[Any] = [None] * dist.get_world_size(group)
    dist.all_gather_object(each, told, group)
    refused = [why for why, _ in each if why is not None]
    if refused:
        raise TypeError("; ".join(refused))
    return [found for _, found in each]


def read(checkpoint_id: Place, process_group: Any = None) -> tuple[Any, Any]:
    """(state, own) of a file that ``save`` wrote; rank 0 reads it, and tells the others.

    own: what this rank gave, or None if the file was written by another number of ranks. Raises OSError or CheckpointError on
    all ranks if the file cannot be read.
    """
    found = _on_rank_0(lambda: checkpoint.load(checkpoint_id), process_group)
    if not isinstance(found, dict) or set(found) != {_STATE, _OWN}:
        raise checkpoint.CheckpointError(f"{checkpoint_id} was not written by metagrad.distributed.checkpoint.save")
    ranks, rank = (
        (dist.get_world_size(process_group), dist.get_rank(process_group)) if dist.is_initialized() else (1, 0)
    )
    return found[_STATE], found[_OWN][rank] if len(found[_OWN]) == ranks else None


def load(
    state_dict: dict[str, Any], checkpoint_id: Place | None = None, process_group: Any = None, **ignored: Any
) -> None:
    """Fill the tensors of ``state_dict`` in place from a file that ``save`` wrote; other values are replaced.

    Raises KeyError for what the file does not have, ValueError for tensors of other shapes; then nothing is changed.
    """
    if checkpoint_id is None:
        raise ValueError("load needs checkpoint_id, the path of the file to read")
    found, _ = read(checkpoint_id, process_group)
    _check(state_dict, found, str(Path(checkpoint_id)))
    _fill(state_dict, found)


def _check(into: Any, found: Any, name: str) -> None:
    for key, value in into.items():
        if key not in found:
            raise KeyError(f"{name} has no {key!r}")
        if isinstance(value, Variable) and (
            not isinstance(found[key], Variable) or tuple(found[key].shape) != tuple(value.shape)
        ):
            raise ValueError(
                f"{name}: {key} is {getattr(found[key], 'shape', found[key])}, not of shape {tuple(value.shape)}"
            )
        if isinstance(value, dict):
            _check(value, found[key], f"{name}: {key}")


def _fill(into: Any, found: Any) -> None:
    for key, value in into.items():
        if isinstance(value, Variable):
            value.array[...] = found[key].array
            bump(value)
        elif isinstance(value, dict) and isinstance(found[key], dict):
            _fill(value, found[key])
        else:
            into[key] = found[key]


def _on_rank_0(job: Any, group: Any) -> Any:
    """What a job on rank 0 returns, on every rank; its error too."""
    if not dist.is_initialized():
        return job()
    told: list[Any] = [None, None, None]
    if dist.get_rank(group) == 0:
        try:
            told[0] = job()
        except (OSError, ValueError, TypeError) as error:
            told[1:] = [str(error), next(name for name, kind in _KINDS.items() if isinstance(error, kind))]
    dist.broadcast_object_list(told, group=group, group_src=0)
    result, problem, kind = told
    if kind is not None:
        raise {**_KINDS, "content": checkpoint.CheckpointError}[kind](problem)
    return result
