"""Averages of models: over the end of the training (SWA), or exponentially, over all of it (EMA)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

from metagrad.autograd.mode import no_grad
from metagrad.nn import Module
from metagrad.ops.create.from_data import tensor
from metagrad.optim.lr_scheduler.base import LRScheduler, Rates, for_each_group
from metagrad.optim.optimizer import Optimizer
from metagrad.tensors.tensor import Tensor

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn", "update_bn",
]  # fmt: skip

Average = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverage = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The average ā ← decay · ā + (1 − decay) · p, as a new tensor. Raises ValueError for a decay outside [0, 1].

    >>> float(get_ema_avg_fn(0.75)(tensor(0.0), tensor(4.0), 1))
    1.0
    """
    _check_decay(decay)

    def average(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            new: Tensor = decay * averaged + (1 - decay) * current
        return new

    return average


def get_swa_avg_fn() -> Average:
    """The average ā ← ā + (p − ā) / (n + 1) of n models and one more, as a new tensor.

    >>> float(get_swa_avg_fn()(tensor(1.0), tensor(4.0), 2))
    2.0
    """

    def average(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            new: Tensor = averaged + (current - averaged) / (num_averaged + 1)
        return new

    return average


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """``get_ema_avg_fn``'s average for lists of tensors, in place."""
    return _in_place(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> MultiAverage:
    """``get_swa_avg_fn``'s average for lists of tensors, in place."""
    return _in_place(get_swa_avg_fn())


def _in_place(average: Average) -> MultiAverage:
    def average_all(averaged: Sequence[Tensor], current: Sequence[Tensor], num_averaged: Any) -> None:
        with no_grad():
            for a, p in zip(averaged, current, strict=True):
                a.copy_(average(a, p, num_averaged))

    return average_all


def _check_decay(decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


class AveragedModel(Module):
    """A copy of a model whose parameters are averages: ``update_parameters(model)`` takes the model's into account.

    avg_fn(averaged, current, n) gives the new average of one tensor, or multi_avg_fn changes lists of them in place; n
    counts the models so far. Without either, all models weigh the same. The first model is copied. use_buffers: average
    the buffers too, which are copied otherwise. Raises AssertionError for both functions at once.
    SWA: Izmailov et al. 2018; EMA: Polyak and Juditsky 1992.

    >>> from metagrad import nn
    >>> model = nn.Linear(1, 1, bias=False)
    >>> averaged = AveragedModel(model)
    >>> for weight in (1.0, 2.0, 6.0):
    ...     with no_grad():
    ...         _ = model.weight.fill_(weight)
    ...     averaged.update_parameters(model)
    >>> round(averaged.module.weight.item(), 4), averaged.n_averaged.item()
    (3.0, 3)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model answers."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Let the averages take in the model's present parameters."""
        own, theirs = ([*m.parameters(), *(m.buffers() if self.use_buffers else ())] for m in (self.module, model))
        with no_grad():
            averaged = [a.detach() for a in own]
            current = [p.detach().to(a.device) for a, p in zip(own, theirs, strict=True)]
            if self.n_averaged.item() == 0:
                for a, p in zip(averaged, current, strict=True):
                    a.copy_(p)
            elif self.avg_fn is None:
                # one call for each dtype, since functions may treat a list as a whole
                for dtype in dict.fromkeys(a.dtype for a in averaged):
                    pairs = [(a, p) for a, p in zip(averaged, current, strict=True) if a.dtype == dtype]
                    average_all = self.multi_avg_fn or get_swa_multi_avg_fn()
                    average_all([a for a, _ in pairs], [p for _, p in pairs], self.n_averaged)
            else:
                for a, p in zip(averaged, current, strict=True):
                    a.copy_(self.avg_fn(a, p, self.n_averaged))
            if not self.use_buffers:
                for own_buffer, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
                    own_buffer.detach().copy_(buffer.detach().to(own_buffer.device))
            self.n_averaged += 1


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch norms anew, as the mean over one pass over ``loader``.

    loader: gives inputs, or tuples or lists whose first element is one. Averaged weights need this: the statistics
    belong to the weights that were averaged. A batch norm is a layer with BatchNorm in its class's name, or a base's.
    """
    momenta: dict[Any, Any] = {}
    for module in model.modules():
        if any("BatchNorm" in kind.__name__ for kind in type(module).__mro__):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    with no_grad():
        for module in momenta:
            module.momentum = None  # the mean of all batches, instead of a running one
        for batch in loader:
            first = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(first if device is None else first.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """η from where it is to ``swa_lr`` over ``anneal_epochs`` epochs, along half a cosine or a line, and then constant.

    swa_lr: one rate, or one for each group. anneal_strategy: "cos" or "linear". It may take over from another schedule.
    Raises ValueError for another strategy, and for epochs that are no whole number of at least 0.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear"), []
    >>> for epoch in range(4):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.75, 0.5, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for rate, group in zip(for_each_group("swa_lr", swa_lr, optimizer), optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """How far on the way, from the present rate and how far it was before."""
        self._warn_unless_stepping()
        step = max(1, self._step_count - 1) if self.anneal_epochs == 0 else self._step_count - 1
        before, now = (self._share(n) for n in (step - 1, step))
        rates = []
        for group in self.optimizer.param_groups:
            rate, goal = group["lr"], group["swa_lr"]
            start = goal if before == 1 else (rate - before * goal) / (1 - before)
            rates.append(goal * now + start * (1 - now))
        return rates

    def _share(self, step: int) -> float:
        """How much of the way is behind after a step."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2
