"""A sampler for training in several processes: each reads its share of the dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sized

from metagrad.ops.create.random import Generator
from metagrad.ops.create.sampling import randperm
from metagrad.utils.data.sampler import Sampler


class DistributedSampler(Sampler[int]):
    """Every ``num_replicas``-th index, from the ``rank``-th on, of one order that all processes agree on.

    The order follows from seed and epoch: call ``set_epoch(epoch)`` before each pass for another one. All shares are of
    one length: the first indices come again at the end, or with drop_last the last ones are left out. Raises ValueError
    unless 0 ≤ rank < num_replicas, and if one of the two is missing and there is no process group to ask.

    >>> [list(DistributedSampler(range(5), num_replicas=2, rank=rank, shuffle=False)) for rank in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            from metagrad import distributed as dist

            if not dist.is_initialized():
                raise ValueError(
                    "Default process group has not been initialized, please make sure to call init_process_group. Or give "
                    f"num_replicas, the number of ranks, and rank, this one's number (got {num_replicas} and {rank})"
                )
            num_replicas = dist.get_world_size() if num_replicas is None else num_replicas
            rank = dist.get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.shuffle, self.seed, self.drop_last, self.epoch = shuffle, seed, drop_last, 0
        n = len(dataset)
        self.num_samples = n // num_replicas if drop_last else -(-n // num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        order = range(n)
        if self.shuffle:
            order = randperm(n, generator=Generator().manual_seed(self.seed + self.epoch)).tolist()
        return iter([order[i % n] for i in range(self.rank, self.total_size, self.num_replicas)])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass have the order of this epoch."""
        self.epoch = epoch
