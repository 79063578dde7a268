"""Schedules given by a function of the epoch. η₀ a group's initial rate, η its present one, t the epoch, from 0."""

from __future__ import annotations

from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from metagrad.optim.lr_scheduler.base import LRScheduler, Rates, check_optimizer, for_each_group, without
from metagrad.optim.optimizer import Optimizer


class _ByFunction(LRScheduler):
    """A schedule with a function of the epoch for each group.

    The state has None instead of functions, which only the program knows; of callable objects it has the attributes.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = for_each_group("lr_lambdas", lr_lambda, check_optimizer(optimizer))
        for f in self.lr_lambdas:
            if not callable(f):
                raise TypeError(f"lr_lambda should be a function, but got {type(f).__name__}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Every attribute but the optimizer and functions."""
        plain = (FunctionType, BuiltinFunctionType, MethodType)
        kept = [None if isinstance(f, plain) else dict(f.__dict__) for f in self.lr_lambdas]
        return without(super().state_dict(), "lr_lambdas") | {"lr_lambdas": kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state, with the functions this schedule was made with."""
        kept = state_dict["lr_lambdas"]
        if len(kept) != len(self.lr_lambdas):
            raise ValueError(f"the saved schedule has {len(kept)} lr_lambdas, this one {len(self.lr_lambdas)}")
        super().load_state_dict(without(state_dict, "lr_lambdas"))
        for f, attributes in zip(self.lr_lambdas, kept, strict=True):
            if attributes is not None:
                f.__dict__.update(attributes)


class LambdaLR(_ByFunction):
    """η = η₀ · f(t), f ``lr_lambda``: one function, or a list with one for each group.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch)), []
    >>> for epoch in range(3):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.5, 0.3333333333333333]
    """

    def get_lr(self) -> Rates:
        """η₀ · f(t)."""
        self._warn_unless_stepping()
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(_ByFunction):
    """η ← η · f(t), f ``lr_lambda``: one function, or a list with one for each group.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = MultiplicativeLR(optimizer, lambda epoch: 1 / epoch), []
    >>> for epoch in range(4):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 4) for rate in rates]
    [1.0, 1.0, 0.5, 0.1667]
    """

    def get_lr(self) -> Rates:
        """η · f(t), but for the first epoch."""
        self._warn_unless_stepping()
        if self._is_initial:
            return self._present()
        return [lr * f(self.last_epoch) for lr, f in zip(self._present(), self.lr_lambdas, strict=True)]
