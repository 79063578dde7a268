"""``DistributedDataParallel``: the same model on every rank, each with its share of the batch, and one gradient."""

from __future__ import annotations

import contextlib
import itertools
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from metagrad import distributed as dist
from metagrad.autograd.mode import mode
from metagrad.autograd.variable import wrap
from metagrad.distributed import buffers
from metagrad.distributed.algorithms.join import Join, Joinable, JoinHook
from metagrad.nn.modules.module import Module
from metagrad.nn.parallel.buckets import MiB, Reducer
from metagrad.tensors.tensor import Tensor

__all__ = ["DistributedDataParallel"]

_GRADIENTS, _BUFFERS = 1, 2  # what is sent for a batch


class DistributedDataParallel(Module, Joinable):
    """A model whose gradients are averaged over all ranks in each backward pass: g = (1/P) Σᵣ gᵣ on P ranks.

    Each rank's loss is a mean over its own share, so with equal shares g is the gradient of the mean over the whole batch; with
    different ones, weight the loss: sum · P / (count over all ranks). All ranks begin with rank 0's parameters and buffers; with
    ``init_sync=False`` they must be equal by themselves. ``broadcast_buffers``: rank 0's buffers, such as the running averages
    of batch norm, go to all before the forward pass that follows one with gradients: so all ranks call the model to evaluate
    it, too. ``find_unused_parameters``: for losses that do not depend on all parameters. ``overlap``: average the first buckets
    on another thread while the others are filled. ``bucket_cap_mb``: MiB of a bucket, 25 by default. ``process_group``: the
    ranks, all by default. ``gradient_as_bucket_view`` is always so; the others are accepted for PyTorch's sake.

    Raises RuntimeError if the ranks' models differ in names, shapes or dtypes, naming the first that does.

    >>> import metagrad
    >>> from metagrad import distributed as dist, nn
    >>> def program(rank):
    ...     dist.init_process_group()
    ...     model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1, bias=False))
    ...     model(metagrad.tensor([[1.0 + rank]])).sum().backward()
    ...     return model.module.weight.grad.item()
    >>> dist.run_threads(program, 2)
    [1.5, 1.5]
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0,
        broadcast_buffers: bool = True, init_sync: bool = True, process_group: Any = None,
        bucket_cap_mb: float | None = None, find_unused_parameters: bool = False, check_reduction: bool = False,
        gradient_as_bucket_view: bool = True, static_graph: bool = False, overlap: bool = False, **ignored: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        learned = {name: p for name, p in module.named_parameters() if p.requires_grad}
        if not learned:
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module has no parameters that require a gradient"
            )
        self.module, self.device_ids, self.output_device, self.dim = module, device_ids, output_device, dim
        self.process_group: Any = dist.group.WORLD if process_group is None else process_group
        if self.process_group is None:
            raise RuntimeError("call metagrad.distributed.init_process_group() before DistributedDataParallel(model)")
        self.broadcast_buffers, self.find_unused_parameters = broadcast_buffers, find_unused_parameters or static_graph
        self.require_backward_grad_sync = self._divide_by_all = True
        self.require_forward_param_sync = True  # whether the ranks' buffers may differ
        self._state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        _check_same_layout(self._state, self.process_group)
        if init_sync:
            _broadcast(list(self._state.values()), 0, self.process_group)
        _check_same_values(self._state, self.process_group)
        limit = int((25 if bucket_cap_mb is None else bucket_cap_mb) * MiB)
        self.reducer = Reducer(learned, self.process_group, limit, overlap)
        if self.find_unused_parameters:
            self.reducer.finish = self.reducer.give_to_unused

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the model gives; its gradients will be averaged if they are recorded, and not inside ``no_sync()``."""
        syncs = mode.grad and self.require_backward_grad_sync
        self.reducer.divisor = float(self.process_group.size())
        if self.join_context is not None:
            Join.notify_join_context(self)
            self._agree(_GRADIENTS * syncs | _BUFFERS * self._buffers_may_differ())
            if not self._divide_by_all:
                self.reducer.divisor = float(self.join_context.active)
        if self._buffers_may_differ():  # everyone gets those of rank 0, or of the last rank that still has batches
            source = 0 if self.join_context is None else self._common_rank(True)
            _broadcast(list(self.module.buffers()), source, self.process_group)
        if syncs:
            self.reducer.prepare()
        outputs = self.module(*inputs, **kwargs)
        if syncs and self.find_unused_parameters:
            self.reducer.look_for_unused(outputs)
        if mode.grad and not syncs:  # inside no_sync(); a forward pass without gradients changes nothing
            self.reducer.active = False
        self.require_forward_param_sync = syncs
        return outputs

    def _buffers_may_differ(self) -> bool:
        return self.require_forward_param_sync and self.broadcast_buffers and any(True for _ in self.module.buffers())

    def _common_rank(self, takes_part: bool) -> int:
        """The last of the ranks that take part, as all agree."""
        number = wrap(np.array([self.process_group.rank() if takes_part else -1], np.int64))
        dist.all_reduce(number, dist.ReduceOp.MAX, self.process_group)
        return int(number.item())

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """Inside, gradients of forward passes add up on each rank by itself; the first outside averages the sums."""
        earlier, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = earlier

    # ------------------------------------------------ uneven numbers of batches

    def join(
        self, divide_by_initial_world_size: bool = True, enable: bool = True, throw_on_early_termination: bool = False
    ) -> Join:
        """A block in which ranks may have different numbers of batches: see ``metagrad.distributed.algorithms.join``.

        divide_by_initial_world_size: divide sums of gradients by the number of all ranks, also when some have no batches left;
        False: by the number of those that have.
        """
        return Join(
            [self],
            enable,
            throw_on_early_termination,
            divide_by_initial_world_size=divide_by_initial_world_size,
        )

    def join_hook(self, **kwargs: Any) -> JoinHook:
        """See Joinable."""
        self._divide_by_all = bool(kwargs.get("divide_by_initial_world_size", True))
        return _Shadow(self)

    @property
    def join_process_group(self) -> Any:
        """See Joinable."""
        return self.process_group

    def _agree(self, own: int) -> int:
        """What this batch sends, as _GRADIENTS and _BUFFERS, which ranks that are done must know."""
        flags = wrap(np.array([own], np.int64))
        dist.all_reduce(flags, dist.ReduceOp.MAX, self.process_group)
        return int(flags.item())

    def _shadow_batch(self) -> None:
        """On a rank that is done: the collectives of another rank's batch."""
        sent = self._agree(0)
        if sent & _BUFFERS:
            _broadcast(list(self.module.buffers()), self._common_rank(False), self.process_group)
        if sent & _GRADIENTS:
            self.reducer.shadow()
            if self.find_unused_parameters:
                self.reducer.shadow_unused()
        self.require_forward_param_sync = bool(sent & _GRADIENTS)

    def _take_over(self, is_last_joiner: bool) -> None:
        """After all ranks are done: everyone gets the model of one that had the most batches."""
        _broadcast(list(self._state.values()), self._common_rank(is_last_joiner), self.process_group)


class _Shadow(JoinHook):
    def __init__(self, model: DistributedDataParallel) -> None:
        self.model = model

    def main_hook(self) -> None:
        """See JoinHook."""
        self.model._shadow_batch()

    def post_hook(self, is_last_joiner: bool) -> None:
        """See JoinHook."""
        self.model._take_over(is_last_joiner)


# ------------------------------------------------ the same model everywhere


def _check_same_layout(state: dict[str, Tensor], group: Any) -> None:
    """RuntimeError unless all ranks have tensors of the same names, shapes and dtypes in the same order."""
    mine = [f"{name}: {t.array.dtype.name}{list(t.array.shape)}" for name, t in state.items()]
    each: list[list[str]] = [[] for _ in range(group.size())]
    dist.all_gather_object(each, mine, group)
    for rank, theirs in zip(group.ranks, each, strict=True):
        for a, b in itertools.zip_longest(each[0], theirs, fillvalue="nothing more"):
            if a != b:
                raise RuntimeError(
                    f"the ranks' models differ: rank {group.ranks[0]} has {a}, where rank {rank} has {b}. "
                    "Make the same model, with its layers in the same order, on every rank"
                )


def _check_same_values(state: dict[str, Tensor], group: Any) -> None:
    """RuntimeError, with the name, unless all ranks have the same numbers, to the bit."""
    sums = np.array([zlib.crc32(buffers.read(t).tobytes()) for t in state.values()], np.int64)
    each = [wrap(np.empty_like(sums)) for _ in range(group.size())]
    dist.all_gather(each, wrap(sums), group)
    for rank, theirs in zip(group.ranks, each, strict=True):
        different = np.flatnonzero(theirs.array != each[0].array)
        if len(different):
            raise RuntimeError(
                f"{list(state)[different[0]]} is not the same on rank {group.ranks[0]} and on rank {rank} "
                f"({len(different)} of {len(state)} tensors differ): seed all ranks alike, load the same checkpoint, or "
                "leave init_sync=True, which begins with rank 0's"
            )


def _broadcast(tensors: list[Tensor], source: int, group: Any) -> None:
    """Give all ranks the tensors of one rank of the group; those of one dtype in one message."""
    kinds: dict[Any, list[Tensor]] = {}
    for tensor in tensors:
        kinds.setdefault(tensor.array.dtype, []).append(tensor)
    for same in kinds.values():
        flat = np.concatenate([buffers.read(t).reshape(-1) for t in same])
        dist.broadcast(wrap(flat), group=group, group_src=source)
        if group.rank() != source:
            for tensor, part in zip(same, np.split(flat, np.cumsum([t.array.size for t in same])[:-1]), strict=True):
                buffers.write(tensor, part)
