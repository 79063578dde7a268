"""NAdam: Adam that looks ahead, as Nesterov's momentum does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.autograd.writing import bump
from metagrad.base.typing import Array
from metagrad.optim.by_element import ByElement
from metagrad.optim.settings import check_betas, check_settings
from metagrad.tensors.tensor import Tensor


class NAdam(ByElement):
    """Adam's m and v, and p ← p − η ((1 − μₜ) g / (1 − Πμ) + μₜ₊₁ m / (1 − Πμ μₜ₊₁)) / (√v̂ + ε),   v̂ = v / (1 − β₂ᵗ).

    μₜ = β₁ (1 − ½ 0.96^(ψ t)), ψ ``momentum_decay`` ≥ 0, and Πμ = μ₁ ⋯ μₜ. The other arguments are Adam's, and so are the
    errors. Dozat 2016.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = NAdam([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 4) for x in p.tolist()]
    [0.4718, 1.4718]
    """

    like_param = ("exp_avg", "exp_avg_sq")
    counts = {"step": 0.0, "mu_product": 1.0}

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings({"learning rate": lr, "epsilon value": eps, "weight_decay value": weight_decay,
                        "momentum_decay value": momentum_decay})  # fmt: skip
        super().__init__(
            params,
            {
                "lr": lr, "betas": check_betas(betas), "eps": eps, "weight_decay": weight_decay,
                "momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize,
                "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            },
        )  # fmt: skip

    def settings(self, t: float, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """The weights of g and of m, √(1 − β₂ᵗ), β₁, β₂, ε; Πμ takes its next factor on the way."""
        lr, (beta1, beta2), decay = float(group["lr"]), map(float, group["betas"]), group["momentum_decay"]
        now, ahead = (beta1 * (1 - 0.5 * 0.96 ** (n * decay)) for n in (t, t + 1))
        state["mu_product"].array *= now
        bump(state["mu_product"])
        product = float(state["mu_product"].array)
        of_g, of_m = lr * (1 - now) / (1 - product), lr * ahead / (1 - product * ahead)
        return of_g, of_m, math.sqrt(1 - beta2**t), beta1, beta2, float(group["eps"])

    @staticmethod
    def formula(
        p: Array,
        g: Array,
        m: Array,
        v: Array,
        of_g: float,
        of_m: float,
        root: float,
        beta1: float,
        beta2: float,
        eps: float,
    ) -> None:
        """The class's formula."""
        m += (1 - beta1) * (g - m)
        v *= beta2
        v += (1 - beta2) * (g * g)
        p -= (of_g * g + of_m * m) / (np.sqrt(v) / root + eps)
