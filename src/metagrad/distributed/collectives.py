"""The collectives: what all ranks of a group do together, on tensors of any dtype and any strides.

P is the number of ranks of the group. ``src`` and ``dst`` are numbers among all ranks, ``group_src`` and ``group_dst`` in the
group. With ``async_op=True`` a function returns at once, a ``Work`` whose ``wait()`` says when the tensors may be used. All ranks
make the same calls in the same order, with tensors of the same shape and dtype: CollectiveMismatch says which rank did not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metagrad.distributed.buffers import alike, checked, checked_list, described, read, stacked, write
from metagrad.distributed.communicator import Communicator
from metagrad.distributed.reduction import ReduceOp, Reduction
from metagrad.distributed.work import Work
from metagrad.distributed.world import ProcessGroup, resolve, seconds
from metagrad.tensors.tensor import Tensor


def root_of(group: ProcessGroup, rank: int | None, group_rank: int | None, name: str, default: int | None = 0) -> int:
    """The number in the group of the rank that a call names, one way or the other."""
    if rank is not None and group_rank is not None:
        raise ValueError(f"give {name} or group_{name}, not both")
    if group_rank is not None:
        if not 0 <= group_rank < group.size():
            raise ValueError(f"group_{name} must be from 0 to {group.size() - 1}, got {group_rank}")
        return group_rank
    if rank is None and default is None:
        raise ValueError(f"give {name}, the number of the other rank")
    return group.position(group.ranks[0] if rank is None else rank)


def barrier(group: Any = None, async_op: bool = False, device_ids: Any = None) -> Work | None:
    """Wait until all ranks are here."""
    found = resolve(group)
    return None if found is None else found.perform("barrier()", lambda c: None, async_op)


def monitored_barrier(group: Any = None, timeout: Any = None, wait_all_ranks: bool = False) -> None:
    """``barrier`` with a timeout of its own; the error names the ranks that did not come."""
    found = resolve(group)
    if found is not None:
        limit = found.timeout if timeout is None else seconds(timeout)
        found.carry(lambda: found.communicator.agree("monitored_barrier()", limit), False)


def all_reduce(tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """tensor = Σ of all ranks' tensors, or their mean, product, minimum, maximum: the same bits on every rank.

    Halves are added up in float32 and rounded once; a sum of bools is *or*. Raises ValueError where the op has no meaning for
    the dtype: a mean of integers, a maximum of complex numbers.

    >>> import metagrad
    >>> from metagrad import distributed as dist
    >>> def program(rank):
    ...     dist.init_process_group()
    ...     x = metagrad.tensor([1.0 + rank])
    ...     dist.all_reduce(x, dist.ReduceOp.AVG)
    ...     return x.item()
    >>> dist.run_threads(program, 3)
    [2.0, 2.0, 2.0]
    """
    found = resolve(group)
    if found is None:
        return None
    reduction = Reduction(op, checked(tensor, "tensor").array.dtype, found.size())

    def job(c: Communicator) -> None:
        packed = reduction.pack(read(tensor))
        c.all_reduce(packed, reduction.raw)
        write(tensor, reduction.unpack(packed))

    return found.perform(f"all_reduce({op.value}, {described(tensor)})", job, async_op)


def reduce(
    tensor: Tensor, dst: int | None = None, op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:  # fmt: skip
    """``all_reduce`` whose result one rank gets; the tensors of the others stay as they are."""
    found = resolve(group)
    if found is None:
        return None
    reduction = Reduction(op, checked(tensor, "tensor").array.dtype, found.size())
    root = root_of(found, dst, group_dst, "dst")

    def job(c: Communicator) -> None:
        packed = reduction.pack(read(tensor))
        c.reduce(packed, reduction.raw, root)
        if c.rank == root:
            write(tensor, reduction.unpack(packed))

    return found.perform(f"reduce({op.value}, to {root}, {described(tensor)})", job, async_op)


def broadcast(
    tensor: Tensor, src: int | None = None, group: Any = None, async_op: bool = False, group_src: int | None = None
) -> Work | None:
    """Give every rank the tensor of one."""
    found = resolve(group)
    if found is None:
        return None
    root = root_of(found, src, group_src, "src")
    checked(tensor, "tensor")

    def job(c: Communicator) -> None:
        array = read(tensor)
        c.broadcast(array, root)
        if c.rank != root:
            write(tensor, array)

    return found.perform(f"broadcast(from {root}, {described(tensor)})", job, async_op)


def all_gather(tensor_list: Sequence[Tensor], tensor: Tensor, group: Any = None, async_op: bool = False) -> Work | None:
    """tensor_list[i] = rank i's tensor, on every rank."""
    found = resolve(group)
    if found is None:
        return None
    places = checked_list(tensor_list, "tensor_list", found.size())
    alike(places, checked(tensor, "tensor"), "tensor_list")

    def job(c: Communicator) -> None:
        out = np.empty((c.size, *tensor.array.shape), tensor.array.dtype)
        c.all_gather(out, read(tensor))
        for place, array in zip(places, out, strict=True):
            write(place, array)

    return found.perform(f"all_gather({described(tensor)})", job, async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """output (P·n, …) or (P, n, …) = the inputs (n, …) of all ranks, one after the other."""
    found = resolve(group)
    if found is None:
        return None
    _check_whole(output_tensor, input_tensor, found.size(), "output_tensor", "input_tensor")

    def job(c: Communicator) -> None:
        out = np.empty((c.size, *input_tensor.array.shape), input_tensor.array.dtype)
        c.all_gather(out, read(input_tensor))
        write(output_tensor, out)

    return found.perform(f"all_gather_into_tensor({described(input_tensor)})", job, async_op)


all_gather_single = all_gather_into_tensor


def _check_whole(whole: Tensor, part: Tensor, ranks: int, name: str, part_name: str) -> None:
    """ValueError unless ``whole`` has room for the ``part`` of every rank."""
    checked(whole, name), checked(part, part_name)
    if whole.array.size != ranks * part.array.size or whole.array.dtype != part.array.dtype:
        raise ValueError(
            f"{name} must hold {part_name} of each of {ranks} ranks: got {described(whole)} and {described(part)}"
        )


def gather(
    tensor: Tensor, gather_list: Sequence[Tensor] | None = None, dst: int | None = None, group: Any = None,
    async_op: bool = False, group_dst: int | None = None,
) -> Work | None:  # fmt: skip
    """gather_list[i] = rank i's tensor, on one rank; the others give no list."""
    found = resolve(group)
    if found is None:
        return None
    root = root_of(found, dst, group_dst, "dst")
    checked(tensor, "tensor")
    places = _list_of_root(gather_list, "gather_list", found, root)
    alike(places, tensor, "gather_list")

    def job(c: Communicator) -> None:
        out = np.empty((c.size, *tensor.array.shape), tensor.array.dtype) if c.rank == root else None
        c.gather(out, read(tensor), root)
        for place, array in zip(places, out if out is not None else (), strict=True):
            write(place, array)

    return found.perform(f"gather(to {root}, {described(tensor)})", job, async_op)


def scatter(
    tensor: Tensor, scatter_list: Sequence[Tensor] | None = None, src: int | None = None, group: Any = None,
    async_op: bool = False, group_src: int | None = None,
) -> Work | None:  # fmt: skip
    """tensor = scatter_list[this rank] of one rank; the others give no list."""
    found = resolve(group)
    if found is None:
        return None
    root = root_of(found, src, group_src, "src")
    checked(tensor, "tensor")
    given = _list_of_root(scatter_list, "scatter_list", found, root)
    alike(given, tensor, "scatter_list")

    def job(c: Communicator) -> None:
        out = np.empty(tensor.array.shape, tensor.array.dtype)
        c.scatter(out, stacked(given) if given else None, root)
        write(tensor, out)

    return found.perform(f"scatter(from {root}, {described(tensor)})", job, async_op)


def _list_of_root(tensors: Any, name: str, group: ProcessGroup, root: int) -> list[Tensor]:
    """The root's list, checked; an empty one on the others."""
    if group.rank() == root:
        return checked_list(tensors, name, group.size())
    if tensors:
        raise ValueError(
            f"{name} is for rank {group.ranks[root]} alone: leave it out on rank {group.ranks[group.rank()]}"
        )
    return []


def reduce_scatter(
    output: Tensor, input_list: Sequence[Tensor], op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """output = the reduction of all ranks' input_list[this rank]."""
    found = resolve(group)
    if found is None:
        return None
    given = checked_list(input_list, "input_list", found.size())
    alike(given, checked(output, "output"), "input_list")
    return _reduce_scatter("reduce_scatter", output, lambda: stacked(given), op, found, async_op)


def reduce_scatter_tensor(
    output: Tensor, input: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """output (n, …) = the reduction of all ranks' inputs (P·n, …) or (P, n, …), of which each rank gets its part."""
    found = resolve(group)
    if found is None:
        return None
    _check_whole(input, output, found.size(), "input", "output")
    return _reduce_scatter("reduce_scatter_tensor", output, lambda: read(input), op, found, async_op)


reduce_scatter_single = reduce_scatter_tensor


def _reduce_scatter(
    name: str, output: Tensor, whole: Any, op: ReduceOp, group: ProcessGroup, async_op: bool
) -> Work | None:
    reduction = Reduction(op, output.array.dtype, group.size())

    def job(c: Communicator) -> None:
        packed = reduction.pack(whole()).reshape(c.size, -1)
        out = np.empty(packed.shape[1], packed.dtype)
        c.reduce_scatter(out, packed, reduction.raw)
        write(output, reduction.unpack(out))

    return group.perform(f"{name}({op.value}, {described(output)})", job, async_op)


def all_to_all(
    output_tensor_list: Sequence[Tensor], input_tensor_list: Sequence[Tensor], group: Any = None, async_op: bool = False
) -> Work | None:
    """output[i] = what rank i has at input[this rank]; the sizes may differ from pair to pair."""
    found = resolve(group)
    if found is None:
        return None
    outputs = checked_list(output_tensor_list, "output_tensor_list", found.size())
    inputs = checked_list(input_tensor_list, "input_tensor_list", found.size())
    kinds = {t.array.dtype.name for t in [*outputs, *inputs]}
    if len(kinds) != 1:
        raise ValueError(f"all tensors of an all_to_all have one dtype, got {', '.join(sorted(kinds))}")

    def job(c: Communicator) -> None:
        places = [np.empty(t.array.shape, t.array.dtype) for t in outputs]
        c.all_to_all(places, [read(t) for t in inputs])
        for tensor, array in zip(outputs, places, strict=True):
            write(tensor, array)

    return found.perform(f"all_to_all({kinds.pop()})", job, async_op)


def all_to_all_single(
    output: Tensor, input: Tensor, output_split_sizes: Sequence[int] | None = None,
    input_split_sizes: Sequence[int] | None = None, group: Any = None, async_op: bool = False,
) -> Work | None:  # fmt: skip
    """``all_to_all`` of one tensor's rows: input is cut into a piece for each rank, equal ones unless sizes are given."""
    found = resolve(group)
    if found is None:
        return None
    checked(output, "output"), checked(input, "input")
    if output.array.dtype != input.array.dtype or output.array.shape[1:] != input.array.shape[1:]:
        raise ValueError(f"output and input differ in more than rows: {described(output)} and {described(input)}")
    into = _cuts(output, output_split_sizes, found.size(), "output")
    out_of = _cuts(input, input_split_sizes, found.size(), "input")

    def job(c: Communicator) -> None:
        whole = np.empty(output.array.shape, output.array.dtype)
        c.all_to_all(np.split(whole, into), np.split(read(input), out_of))
        write(output, whole)

    row = f"{input.array.dtype.name}{list(input.array.shape[1:])}"
    return found.perform(f"all_to_all_single(rows of {row})", job, async_op)


def _cuts(tensor: Tensor, sizes: Sequence[int] | None, ranks: int, name: str) -> list[int]:
    """Where to cut the rows into the ranks' pieces."""
    rows = tensor.array.shape[0] if tensor.array.ndim else 0
    if not sizes:
        if rows % ranks:
            raise ValueError(
                f"{name} has {rows} rows, which {ranks} ranks cannot share equally: give {name}_split_sizes"
            )
        sizes = [rows // ranks] * ranks
    if len(sizes) != ranks or sum(sizes) != rows:
        raise ValueError(f"{name}_split_sizes must be {ranks} numbers that add up to {rows} rows, got {list(sizes)}")
    return np.cumsum(sizes)[:-1].tolist()
