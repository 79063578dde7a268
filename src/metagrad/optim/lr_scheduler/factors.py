"""Schedules that multiply the rate by a factor. η₀ a group's initial rate, η its present one, t the epoch, from 0."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

from metagrad.optim.lr_scheduler.base import LRScheduler, Rates
from metagrad.optim.optimizer import Optimizer


class StepLR(LRScheduler):
    """η ← γ η every ``step_size`` epochs. Raises ValueError for a step size below 1.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = StepLR(optimizer, step_size=2, gamma=0.5), []
    >>> for epoch in range(5):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        if step_size < 1:
            raise ValueError(f"step_size must be at least 1, got {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """γ η at multiples of the step size."""
        self._warn_unless_stepping()
        at_step = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return self._times(self.gamma) if at_step else self._present()

    def _get_closed_form_lr(self) -> Rates:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """η ← γ η at each of the ``milestones``, as often as it is listed.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5), []
    >>> for epoch in range(5):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """γ η at the milestones."""
        self._warn_unless_stepping()
        times = self.milestones[self.last_epoch]
        return self._times(self.gamma**times) if times else self._present()

    def _get_closed_form_lr(self) -> Rates:
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]


class ConstantLR(LRScheduler):
    """η = factor · η₀ for the first ``total_iters`` epochs, then η₀. Raises ValueError for a factor outside [0, 1].

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = ConstantLR(optimizer, factor=0.5, total_iters=2), []
    >>> for epoch in range(4):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.5, 1.0, 1.0]
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"Constant multiplicative factor expected to be between 0 and 1, got {factor}")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """Down at the start, up again at the end."""
        self._warn_unless_stepping()
        if self.last_epoch == 0:
            return self._times(self.factor)
        if self.last_epoch != self.total_iters:
            return self._present()
        # No division brings a rate back from 0, so it is taken from the start.
        return self._times(1 / self.factor) if self.factor else [*self.base_lrs]

    def _get_closed_form_lr(self) -> Rates:
        return [base * (1 if self.last_epoch >= self.total_iters else self.factor) for base in self.base_lrs]


class LinearLR(LRScheduler):
    """η = η₀ times a factor in a straight line from ``start_factor`` to ``end_factor`` over ``total_iters`` epochs.

    Raises ValueError unless 0 < start_factor ≤ 1 and 0 ≤ end_factor ≤ 1.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = LinearLR(optimizer, start_factor=0.5, total_iters=2), []
    >>> for epoch in range(4):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(
                f"Starting multiplicative factor expected to be greater than 0 and less or equal to 1, got {start_factor}"
            )
        if not 0 <= end_factor <= 1:
            raise ValueError(f"Ending multiplicative factor expected to be between 0 and 1, got {end_factor}")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """η times the ratio of this epoch's factor to the last one's."""
        self._warn_unless_stepping()
        t, start, rise = self.last_epoch, self.start_factor, self.end_factor - self.start_factor
        if t == 0:
            return self._times(start)
        if self._is_initial or t > self.total_iters:
            return self._present()
        return self._times(1 + rise / (self.total_iters * start + (t - 1) * rise))

    def _get_closed_form_lr(self) -> Rates:
        share = min(self.last_epoch, self.total_iters) / self.total_iters if self.total_iters else 1.0
        factor = self.start_factor + (self.end_factor - self.start_factor) * share
        return [base * factor for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """η ← γ η every epoch.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = ExponentialLR(optimizer, gamma=0.5), []
    >>> for epoch in range(4):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.25, 0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """γ η, but for the first epoch."""
        self._warn_unless_stepping()
        return self._present() if self._is_initial else self._times(self.gamma)

    def _get_closed_form_lr(self) -> Rates:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class PolynomialLR(LRScheduler):
    """η = η₀ (1 − min(t, T) / T)^power, T = ``total_iters``.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = PolynomialLR(optimizer, total_iters=2, power=2.0), []
    >>> for epoch in range(4):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.25, 0.0, 0.0]
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """η times the ratio of this epoch's power to the last one's."""
        self._warn_unless_stepping()
        t, T = self.last_epoch, self.total_iters
        if self._is_initial or t > T:
            return self._present()
        return self._times(((1.0 - t / T) / (1.0 - (t - 1) / T)) ** self.power)

    def _get_closed_form_lr(self) -> Rates:
        factor = (1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power
        return [base * factor for base in self.base_lrs]
