"""LRScheduler: counting epochs, setting the rates of an optimizer's groups, and saving where it is."""

from __future__ import annotations

from typing import Any

from metagrad.autograd.variable import Variable
from metagrad.base.warning import warn
from metagrad.optim.optimizer import Optimizer

Rates = list[Any]  # one for each group: a float, or a tensor where the optimizer was given its lr as a tensor


class LRScheduler:
    """The base of every schedule: a subclass has ``get_lr()``, the new rate for every group of the optimizer.

    last_epoch: the last epoch that is done, -1 to begin. A schedule that goes on (``last_epoch`` ≥ 0) needs ``initial_lr``
    in every group. Making a schedule sets the rates to those of its first epoch. Raises TypeError for what is no
    optimizer, KeyError where ``initial_lr`` is missing.

    >>> import metagrad
    >>> from metagrad import optim
    >>> class Halving(LRScheduler):
    ...     def get_lr(self):
    ...         return [rate * 0.5**self.last_epoch for rate in self.base_lrs]
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler = Halving(optimizer)
    >>> for epoch in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    _is_initial = False  # whether the constructor is taking the first step
    _get_lr_called_within_step = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = check_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with last_epoch >= 0 (at "
                    f"{last_epoch}): load the optimizer's state first, or leave last_epoch at -1 and use load_state_dict"
                )
        self.base_lrs: Rates = [copied(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        if optimizer._stepped is None:
            optimizer._stepped = False
        optimizer._scheduled_step = vars(optimizer).get("step")
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the rates of the first epoch."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> Rates:
        """The rate of every group in epoch ``last_epoch``; for ``step`` to call. The present rates: ``get_last_lr``."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr")

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or (deprecated) to epoch ``epoch``, by the schedule's closed form where it has one.

        Warns if the optimizer has not stepped yet: the first rate would never be used.
        """
        if self._step_count == 1:
            self._warn_of_order()
        self._step_count += 1
        if epoch is not None:
            warn_of_epoch()
        self._update_lr(epoch)

    def _warn_of_order(self) -> None:
        """What is said where the optimizer has not stepped, or cannot be asked, for its step is another now."""
        if vars(self.optimizer).get("step") is not self.optimizer._scheduled_step:
            problem = (
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, make sure "
                "to call `optimizer.step()` before `lr_scheduler.step()`."
            )
        elif self.optimizer._stepped is False:
            problem = (
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should call "
                "them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result in "
                "PyTorch skipping the first value of the learning rate schedule."
            )
        else:
            return
        warn(
            f"{problem} See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate",
            UserWarning,
        )

    def _update_lr(self, epoch: int | None = None) -> None:
        """Set the rates of the next epoch, or of epoch ``epoch``, without counting a step."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._get_lr_called_within_step = True
        try:
            closed_form = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
            rates = self.get_lr() if closed_form is None else closed_form()
        finally:
            self._get_lr_called_within_step = False
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_rate(group, rate)
        self._last_lr = self._present()

    def get_last_lr(self) -> Rates:
        """The rates the last step set."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Every attribute but the optimizer."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state. The optimizer's rates are in the optimizer's state: load that as well."""
        self.__dict__.update(state_dict)

    def _present(self) -> Rates:
        """The rates the groups have now."""
        return [copied(group["lr"]) for group in self.optimizer.param_groups]

    def _times(self, factor: float) -> Rates:
        """The rates the groups have now, times a factor."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _warn_unless_stepping(self) -> None:
        """Most ``get_lr`` compute the next rate from the present one: called from outside, the answer would mislead."""
        if not self._get_lr_called_within_step:
            warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`: get_lr() computes the next",
                UserWarning,
            )


def without(state: dict[str, Any], name: str) -> dict[str, Any]:
    """A state but for one entry, which the schedule saves and loads in a way of its own."""
    return {key: value for key, value in state.items() if key != name}


def check_optimizer(optimizer: Any) -> Optimizer:
    """The optimizer; TypeError if it is none."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed form is "
    "used instead of the new chainable form, where available."
)


def warn_of_epoch() -> None:
    """What a step with an epoch says."""
    warn(EPOCH_DEPRECATION_WARNING, UserWarning)


def copied(rate: Any) -> Any:
    """A rate that does not change with the group's: a tensor is cloned."""
    return rate.detach().clone() if isinstance(rate, Variable) else rate  # type: ignore[attr-defined]


def set_rate(group: dict[str, Any], rate: Any) -> None:
    """Give a group its rate: a tensor keeps its identity and takes the value."""
    if isinstance(group["lr"], Variable):
        group["lr"].fill_(float(rate))  # type: ignore[attr-defined]
    else:
        group["lr"] = rate


def for_each_group(name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """One value for every group, from a list of them or from one for all.

    Raises ValueError for a list of another length.
    """
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        if name == "lr_lambdas":
            raise ValueError(f"Expected {count} {name}, but got {len(value)}: one for each parameter group")
        if name == "min_lrs":
            raise ValueError(f"expected {count} {name}, got {len(value)}: one for each parameter group")
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, param_groups has {count}."
        )
    return list(value)
