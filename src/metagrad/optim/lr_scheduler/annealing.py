"""Schedules along a curve. η₀ a group's initial rate, η its present one, t the epoch (OneCycleLR: the batch), from 0."""

from __future__ import annotations

import math
from typing import Any

from metagrad.optim.lr_scheduler.base import LRScheduler, Rates, check_optimizer, for_each_group
from metagrad.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """η = η_min + ½ (η₀ − η_min)(1 + cos(π t / T_max)), up again after T_max epochs (Loshchilov and Hutter 2017).

    Raises ValueError unless T_max is positive.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = CosineAnnealingLR(optimizer, T_max=2), []
    >>> for epoch in range(5):
    ...     rates.append(round(scheduler.get_last_lr()[0], 4))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.0, 0.5, 1.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: float, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if T_max <= 0:
            raise ValueError(
                f"T_max, the number of epochs from the highest rate to the lowest, must be > 0, got {T_max}"
            )
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """A point of the cosine, as a change of the present rate, so that schedules can be chained."""
        self._warn_unless_stepping()
        t, T, low = self.last_epoch, self.T_max, self.eta_min
        if self._is_initial:
            return self._present()
        if (t - 1 - T) % (2 * T) == 0:  # the last epoch was at the bottom, where η − η_min is 0 and no ratio helps
            rise = (1 - math.cos(math.pi / T)) / 2
            return [lr + (base - low) * rise for lr, base in zip(self._present(), self.base_lrs, strict=True)]
        ratio = (1 + math.cos(math.pi * t / T)) / (1 + math.cos(math.pi * (t - 1) / T))
        return [ratio * (lr - low) + low for lr in self._present()]

    def _get_closed_form_lr(self) -> Rates:
        height = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]


_Phase = tuple[float, str, str, str, str]
_PHASE = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")


class OneCycleLR(LRScheduler):
    """η up from max_lr / div_factor to max_lr, then down to η₀ / final_div_factor, with the momentum going the other way.

    The way up takes ``pct_start`` of the batches: ``total_steps``, or ``epochs`` times ``steps_per_epoch``. It and the way
    down follow half a cosine, or with ``anneal_strategy="linear"`` a line. ``three_phase`` comes down to η₀ first, as
    steeply as it went up, and then on. The momentum (Adam: β₁) goes from max_momentum to base_momentum and back.
    Step once a batch. Smith and Topin 2018.

    Raises ValueError for arguments out of their range, for an optimizer without momentum if ``cycle_momentum``, and for a
    step past the last one.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = OneCycleLR(optimizer, 1.0, total_steps=6, pct_start=0.5, div_factor=4, anneal_strategy="linear")
    >>> rates = []
    >>> for batch in range(6):
    ...     rates.append(round(scheduler.get_last_lr()[0], 3))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.25, 0.625, 1.0, 0.667, 0.333, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        defaults = check_optimizer(optimizer).defaults
        if total_steps is not None:
            self.total_steps = _positive(total_steps=total_steps)
        elif epochs is not None and steps_per_epoch is not None:
            self.total_steps = _positive(epochs=epochs) * _positive(steps_per_epoch=steps_per_epoch)
        else:
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        if not (isinstance(pct_start, float) and 0 <= pct_start <= 1):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start!r}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        top, last = pct_start * self.total_steps - 1, self.total_steps - 1
        up: _Phase = (top, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        down: list[_Phase] = [(last, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        if three_phase:
            down = [(2 * top, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
                    (last, "initial_lr", "min_lr", "max_momentum", "max_momentum")]  # fmt: skip
        self._schedule_phases: list[dict[str, Any]] = [dict(zip(_PHASE, phase, strict=True)) for phase in (up, *down)]
        self._anneal_func_type, self.cycle_momentum = anneal_strategy, cycle_momentum
        if cycle_momentum:
            if "momentum" not in defaults and "betas" not in defaults:
                raise ValueError(
                    "optimizer must support momentum or beta1 with `cycle_momentum` option enabled, "
                    f"{type(optimizer).__name__} has neither"
                )
            self.use_beta1 = "betas" in defaults

        rates = for_each_group("max_lr", max_lr, optimizer)
        momenta = zip(
            for_each_group("max_momentum", max_momentum, optimizer),
            for_each_group("base_momentum", base_momentum, optimizer),
            strict=True,
        )
        if last_epoch == -1:
            for group, rate, (high, low) in zip(optimizer.param_groups, rates, momenta, strict=True):
                group["initial_lr"] = rate / div_factor
                group["max_lr"], group["min_lr"] = rate, group["initial_lr"] / final_div_factor
                if cycle_momentum:
                    group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """A point of the curve; sets the momentum on the way. Raises ValueError after the last step."""
        self._warn_unless_stepping()
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is {self.total_steps}"
            )
        start = 0.0
        for phase in self._schedule_phases[:-1]:
            if self.last_epoch <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        length = phase["end_step"] - start
        share = (self.last_epoch - start) / length if length else 1.0
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], share)
                if self.use_beta1:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
        return rates

    def _between(self, start: Any, end: Any, share: float) -> Any:
        """The value ``share`` of the way from start to end."""
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def _positive(**setting: Any) -> int:
    """The value of the one setting given; ValueError unless it is a positive int."""
    ((name, value),) = setting.items()
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"Expected positive integer {name}, but got {value!r}")
    return value
