"""Adagrad: steps scaled by all squared gradients so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.optim.by_element import ByElement
from metagrad.optim.settings import check_settings
from metagrad.tensors.tensor import Tensor


class Adagrad(ByElement):
    """s ← s + g²;   p ← p − ηₜ g / (√s + ε),   ηₜ = η / (1 + (t − 1) ``lr_decay``).

    s starts at ``initial_accumulator_value``; weight_decay λ ≥ 0 adds λ p to g; ``maximize`` follows −∂L/∂p. Every setting
    must be ≥ 0; ValueError otherwise. Duchi, Hazan and Singer 2011.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Adagrad([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 4) for x in p.tolist()]
    [0.5, 1.5]
    """

    like_param = ("sum",)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_settings({"learning rate": lr, "lr_decay value": lr_decay, "weight_decay value": weight_decay,
                        "initial_accumulator_value value": initial_accumulator_value, "epsilon value": eps},
                       foreach, fused)  # fmt: skip
        super().__init__(
            params,
            {
                "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
                "differentiable": differentiable, "fused": fused,
            },
        )  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                self.begin(p, self.like_param, group)  # before the first step, as PyTorch's state has it

    def first(self, name: str, group: dict[str, Any]) -> float:
        """What s starts from."""
        return float(self.defaults["initial_accumulator_value"])

    def settings(self, t: float, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """ηₜ and ε."""
        return float(group["lr"]) / (1 + (t - 1) * float(group["lr_decay"])), float(group["eps"])

    @staticmethod
    def formula(p: Array, g: Array, s: Array, rate: float, eps: float) -> None:
        """The class's formula."""
        s += g * g
        p -= rate * (g / (np.sqrt(s) + eps))
