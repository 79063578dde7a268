"""Schedules that start again. η₀ a group's initial rate, t the epoch (CyclicLR: the batch), from 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import FunctionType
from typing import Any

from metagrad.optim.lr_scheduler.base import LRScheduler, Rates, check_optimizer, for_each_group, set_rate, without
from metagrad.optim.optimizer import Optimizer


class CosineAnnealingWarmRestarts(LRScheduler):
    """η = η_min + ½ (η₀ − η_min)(1 + cos(π T_cur / T_i)), T_cur the epochs since the last restart (Loshchilov, Hutter 2017).

    The first restart comes after T_0 epochs, each other one after T_mult times as many as the one before. ``step(epoch)``
    goes to any epoch, also to a fraction of one. Raises ValueError unless both are whole numbers of at least 1.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = CosineAnnealingWarmRestarts(optimizer, T_0=1, T_mult=2), []
    >>> for epoch in range(4):
    ...     rates.append(round(scheduler.get_last_lr()[0], 4))
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 1.0, 0.5, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """A point of the cosine."""
        self._warn_unless_stepping()
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go to the next epoch, or to ``epoch``, which may be a fraction: ``epoch + batch / batches``.

        Raises ValueError for a negative epoch.
        """
        if epoch is None and self.last_epoch >= 0:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            epoch = epoch or 0
            if epoch < 0:
                raise ValueError(f"Expected non-negative epoch, but got {epoch}")
            self._seek(epoch)
        self._update_lr(math.floor(epoch))

    def _seek(self, epoch: float) -> None:
        """Set T_cur and T_i for any epoch."""
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:  # the first n periods take T_0 (T_multⁿ − 1) / (T_mult − 1) epochs together
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n


class CyclicLR(LRScheduler):
    """η from base_lr up to max_lr in ``step_size_up`` batches, down in ``step_size_down``, and again   (Smith 2017).

    mode: "triangular"; "triangular2", half as high in each cycle; "exp_range", γ^t as high; or scale_fn, a function of
    the number of the cycle, from 1, or of t with ``scale_mode="iterations"``. With ``cycle_momentum`` the momentum (Adam:
    β₁) goes from max_momentum down to base_momentum meanwhile. Step once a batch.

    Raises ValueError for an unknown mode, and for an optimizer without momentum if ``cycle_momentum``.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler, rates = CyclicLR(optimizer, 0.5, 1.5, step_size_up=2), []
    >>> for batch in range(6):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 1.0, 1.5, 1.0, 0.5, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        groups, defaults = check_optimizer(optimizer).param_groups, optimizer.defaults
        base_lrs = for_each_group("base_lr", base_lr, optimizer)
        self.max_lrs = for_each_group("max_lr", max_lr, optimizer)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(f"mode is invalid and scale_fn is None: got {mode!r}")
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            if "momentum" not in defaults and "betas" not in defaults:
                raise ValueError(
                    "optimizer must support momentum or beta1 with `cycle_momentum` option enabled, "
                    f"{type(optimizer).__name__} has neither"
                )
            self.use_beta1 = "betas" in defaults
            self.base_momentums = for_each_group("base_momentum", base_momentum, optimizer)
            self.max_momentums = for_each_group("max_momentum", max_momentum, optimizer)
        if last_epoch == -1:
            for i, group in enumerate(groups):
                set_rate(group, base_lrs[i])
                if cycle_momentum:
                    group["max_momentum"], group["base_momentum"] = self.max_momentums[i], self.base_momentums[i]
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """How high a cycle is: x is its number, or the batch's."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        return float({"triangular": 1.0, "triangular2": 0.5 ** (x - 1), "exp_range": self.gamma**x}[self.mode])

    def get_lr(self) -> Rates:
        """A point of the triangle; sets the momentum on the way."""
        self._warn_unless_stepping()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            momenta = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in momenta:
                momentum = high - (high - low) * height * scale
                if self.use_beta1:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Every attribute but the optimizer and a function; of a callable object its attributes."""
        f = self._scale_fn_custom
        kept = None if f is None or isinstance(f, FunctionType) else dict(f.__dict__)
        return without(super().state_dict(), "_scale_fn_custom") | {"_scale_fn_custom": kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state, with the function this schedule was made with."""
        super().load_state_dict(without(state_dict, "_scale_fn_custom"))
        if state_dict["_scale_fn_custom"] is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(state_dict["_scale_fn_custom"])
