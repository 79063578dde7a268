"""Adamax: Adam with the largest gradient of late instead of the mean square."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.optim.by_element import ByElement
from metagrad.optim.settings import check_betas, check_settings
from metagrad.tensors.tensor import Tensor


class Adamax(ByElement):
    """m ← β₁ m + (1 − β₁) g;   u ← max(β₂ u, |g| + ε);   p ← p − η m / ((1 − β₁ᵗ) u)   (Kingma and Ba 2015, section 7).

    The arguments are Adam's, and so are the errors.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Adamax([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 4) for x in p.tolist()]
    [0.5, 1.5]
    """

    like_param = ("exp_avg", "exp_inf")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings({"learning rate": lr, "epsilon value": eps, "weight_decay value": weight_decay})
        super().__init__(
            params,
            {
                "lr": lr, "betas": check_betas(betas), "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
                "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
            },
        )  # fmt: skip

    def settings(self, t: float, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """η / (1 − β₁ᵗ), β₁, β₂, ε."""
        beta1, beta2 = map(float, group["betas"])
        return float(group["lr"]) / (1 - beta1**t), beta1, beta2, float(group["eps"])

    @staticmethod
    def formula(p: Array, g: Array, m: Array, u: Array, rate: float, beta1: float, beta2: float, eps: float) -> None:
        """The class's formula."""
        m += (1 - beta1) * (g - m)
        u *= beta2
        np.maximum(u, np.abs(g) + eps, out=u)
        p -= rate * (m / u)
