"""Lowering the learning rate when a metric stops improving."""

from __future__ import annotations

import math
from typing import Any, SupportsFloat

from metagrad.optim.lr_scheduler.base import LRScheduler, check_optimizer, for_each_group, set_rate, warn_of_epoch
from metagrad.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """η ← max(factor · η, min_lr) when a metric has not improved for more than ``patience`` epochs: call ``step(metric)``.

    mode: "min" if smaller is better, or "max". An improvement is one by more than ``threshold``, relative to the best
    metric so far (``threshold_mode`` "rel") or in the metric's own units ("abs"). After a change come ``cooldown`` epochs
    in which nothing is counted. A change of no more than ``eps`` is not made.

    Raises ValueError for a factor of 1 or more, an unknown mode, or min_lrs that are not one for each group.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = ReduceLROnPlateau(optimizer, factor=0.5, patience=1), []
    >>> for loss in (3.0, 2.0, 2.0, 2.0, 1.0):
    ...     scheduler.step(loss)
    ...     rates.append(scheduler.get_last_lr()[0])
    >>> rates
    [1.0, 1.0, 1.0, 0.5, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError(f"Factor should be < 1.0. Got {factor}")
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown! Expected 'min' or 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown! Expected 'rel' or 'abs'")
        self.optimizer = check_optimizer(optimizer)
        self.factor = factor  # the order is that of PyTorch's saved states
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.min_lrs = for_each_group("min_lrs", min_lr, optimizer)
        self.patience, self.cooldown, self.eps, self.last_epoch = patience, cooldown, eps, 0
        self._last_lr = self._present()
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self._reset()

    def _reset(self) -> None:
        """Begin anew: no metric seen, no bad epoch, no cooldown. Programs call it, as they do ``_reduce_lr``."""
        self.best, self.cooldown_counter, self.num_bad_epochs = self.mode_worse, 0, 0

    @property
    def in_cooldown(self) -> bool:
        """Whether bad epochs are not counted now."""
        return self.cooldown_counter > 0

    def is_better(self, a: float, best: float) -> bool:
        """Whether the metric ``a`` beats ``best`` by more than the threshold."""
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            bar = best * (1 + sign * self.threshold)
        else:
            bar = best + sign * self.threshold
        return a > bar if self.mode == "max" else a < bar

    _is_better = is_better

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]
        """Look at the metric of an epoch, a number or a tensor with one."""
        metric = float(metrics)
        if epoch is not None:
            warn_of_epoch()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self.is_better(metric, self.best):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr(self.last_epoch)
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._present()

    def _reduce_lr(self, epoch: int) -> None:
        groups: list[dict[str, Any]] = self.optimizer.param_groups
        if len(self.min_lrs) != len(groups):  # a group was added since
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"the optimizer has {len(groups)} parameter groups now, but there are {len(self.min_lrs)} min_lrs: "
                    "give `min_lrs` of this scheduler one for each group"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, low in zip(groups, self.min_lrs, strict=True):
            present = float(group["lr"])
            lowered = max(present * self.factor, low)
            if present - lowered > self.eps:
                set_rate(group, lowered)
