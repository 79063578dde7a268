"""RAdam: Adam that goes without the mean square until that is worth something."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.optim.by_element import ByElement
from metagrad.optim.settings import check_betas, check_settings
from metagrad.tensors.tensor import Tensor


class RAdam(ByElement):
    """Adam's m and v, and p ← p − η m̂ r √(1 − β₂ᵗ) / (√v + ε) where ρₜ > 5, or else p ← p − η m̂,   m̂ = m / (1 − β₁ᵗ).

    ρₜ, over how many steps v is an average: ρₜ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ), ρ∞ = 2 / (1 − β₂) − 1, and
    r² = (ρₜ − 4)(ρₜ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρₜ). The arguments are Adam's, and so are the errors. Liu et al. 2020.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = RAdam([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 4) for x in p.tolist()]
    [0.0, 0.0]
    """

    like_param = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings({"learning rate": lr, "epsilon value": eps, "weight_decay value": weight_decay})
        super().__init__(
            params,
            {
                "lr": lr, "betas": check_betas(betas), "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
                "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
            },
        )  # fmt: skip

    def settings(self, t: float, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """The factor before m / (√v + ε), or before m alone; whether √v counts yet; β₁, β₂, ε."""
        beta1, beta2 = map(float, group["betas"])
        rate, c = float(group["lr"]) / (1 - beta1**t), 1 - beta2**t
        most = 2 / (1 - beta2) - 1
        rho = most - 2 * t * beta2**t / c
        if rho > 5:
            rate *= math.sqrt(c * (rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
        return rate, rho > 5, beta1, beta2, float(group["eps"])

    @staticmethod
    def formula(
        p: Array, g: Array, m: Array, v: Array, rate: float, scaled: bool, beta1: float, beta2: float, eps: float
    ) -> None:
        """The class's formula."""
        m += (1 - beta1) * (g - m)
        v *= beta2
        v += (1 - beta2) * (g * g)
        p -= rate * (m / (np.sqrt(v) + eps) if scaled else m)
