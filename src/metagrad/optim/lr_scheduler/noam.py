"""The schedule of the first Transformer."""

from __future__ import annotations

from metagrad.optim.lr_scheduler.base import LRScheduler, Rates
from metagrad.optim.optimizer import Optimizer


class NoamLR(LRScheduler):
    """η = η₀ d^(−½) min(n^(−½), n w^(−3/2)), n = t + 1: up in a line for w ``warmup_steps``, then down as 1/√n.

    d_model d: the width of the model. With an optimizer whose lr η₀ is 1 this is the formula of Vaswani et al. 2017,
    section 5.3; another η₀ is its factor. Step once a batch. PyTorch has no such class. Raises ValueError unless d and w
    are at least 1.

    >>> import metagrad
    >>> from metagrad import optim
    >>> optimizer = optim.Adam([metagrad.zeros(1, requires_grad=True)], lr=1.0, betas=(0.9, 0.98), eps=1e-9)
    >>> scheduler, rates = NoamLR(optimizer, d_model=4, warmup_steps=4), []
    >>> for batch in range(9):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [rates[i] for i in (0, 1, 3)], round(rates[8], 6)
    ([0.0625, 0.125, 0.25], 0.166667)
    """

    def __init__(self, optimizer: Optimizer, d_model: int, warmup_steps: int = 4000, last_epoch: int = -1) -> None:
        if d_model < 1 or warmup_steps < 1:
            raise ValueError(f"d_model and warmup_steps must be at least 1, got {d_model} and {warmup_steps}")
        self.d_model, self.warmup_steps = d_model, warmup_steps
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """The formula's value."""
        self._warn_unless_stepping()
        return self._get_closed_form_lr()

    def _get_closed_form_lr(self) -> Rates:
        n = self.last_epoch + 1
        factor = self.d_model**-0.5 * min(n**-0.5, n * self.warmup_steps**-1.5)
        return [base * factor for base in self.base_lrs]
