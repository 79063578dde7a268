"""Schedules made of others: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from metagrad.optim.lr_scheduler.base import LRScheduler, set_rate, without
from metagrad.optim.lr_scheduler.plateau import ReduceLROnPlateau
from metagrad.optim.optimizer import Optimizer


class _Composed(LRScheduler):
    """What both have: the schedules, which must belong to one optimizer, and their states."""

    _schedulers: Sequence[Any]

    def state_dict(self) -> dict[str, Any]:
        """Every attribute but the optimizer, and the states of the schedules."""
        states = [scheduler.state_dict() for scheduler in self._schedulers]
        return without(super().state_dict(), "_schedulers") | {"_schedulers": states}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state, with schedules of the same kinds."""
        super().load_state_dict(without(state_dict, "_schedulers"))
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)

    def _check(self, schedulers: Sequence[Any], optimizer: Optimizer | None) -> Optimizer:
        name = type(self).__name__
        if len(schedulers) < 1:
            chained = " to be chained" if name == "ChainedScheduler" else ""
            raise ValueError(f"{name} expects at least one scheduler{chained}, but got no scheduler.")
        for i, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(
                    f"{name} at index {i} should have `optimizer` as its attribute: it is {scheduler!r:.80}"
                )
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be specified when "
                    f"calling `step`, but got one at index {i} in the given schedulers sequence."
                )
            optimizer = optimizer or scheduler.optimizer
            if scheduler.optimizer is not optimizer:
                raise ValueError(
                    f"{name} expects all schedulers to belong to the same optimizer, but got scheduler {type(scheduler).__name__} "
                    f"at index {i}, which belongs to another"
                )
        assert optimizer is not None  # there is at least one scheduler
        return optimizer


class SequentialLR(_Composed):
    """One schedule after the other: the next one takes over at each of the ``milestones``, and starts from its epoch 0.

    Raises ValueError unless there is one milestone less than schedules, and all belong to ``optimizer``.

    >>> import metagrad
    >>> from metagrad import optim
    >>> from metagrad.optim.lr_scheduler import ConstantLR, ExponentialLR
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> parts = [ConstantLR(optimizer, factor=0.5), ExponentialLR(optimizer, gamma=0.5)]
    >>> scheduler, rates = SequentialLR(optimizer, parts, milestones=[2]), []
    >>> for epoch in range(5):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.5, 1.0, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        self.optimizer = self._check(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone "
                f"points, but got number of schedulers {len(schedulers)} and the number of milestones to be equal to "
                f"{len(milestones)}"
            )
        self._schedulers, self._milestones = schedulers, milestones
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:
            set_rate(group, group["initial_lr"])
        _undo(self)
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Go to the next epoch."""
        self.last_epoch += 1
        which = bisect_right(self._milestones, self.last_epoch)
        scheduler: Any = self._schedulers[which]
        if which > 0 and self._milestones[which - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


def _undo(scheduler: Any) -> None:
    """Take back the first step that schedules took when they were made."""
    if hasattr(scheduler, "_schedulers"):
        for part in scheduler._schedulers:
            _undo(part)
    else:
        scheduler.last_epoch -= 1


class ChainedScheduler(_Composed):
    """All schedules at once: each changes the rates the one before it left, so that their factors multiply.

    optimizer: taken from the schedules if None. Raises ValueError unless all belong to one.

    >>> import metagrad
    >>> from metagrad import optim
    >>> from metagrad.optim.lr_scheduler import ConstantLR, ExponentialLR
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> parts = [ConstantLR(optimizer, factor=0.5, total_iters=2), ExponentialLR(optimizer, gamma=0.5)]
    >>> scheduler, rates = ChainedScheduler(parts), []
    >>> for epoch in range(4):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.25, 0.25, 0.125]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self.optimizer = self._check(schedulers, optimizer)
        self._schedulers = schedulers
        self._last_lr = self._present()

    def step(self) -> None:  # type: ignore[override]
        """Every schedule goes to its next epoch."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._present()
