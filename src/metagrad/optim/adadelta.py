"""Adadelta: steps in the units of the parameters, with no learning rate to choose."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.optim.by_element import ByElement
from metagrad.optim.settings import check_settings
from metagrad.tensors.tensor import Tensor


class Adadelta(ByElement):
    """s ← ρ s + (1 − ρ) g²;   d = g √(a + ε) / √(s + ε);   a ← ρ a + (1 − ρ) d²;   p ← p − η d   (Zeiler 2012).

    rho ρ in [0, 1]; lr η, eps ε and weight_decay λ ≥ 0, which adds λ p to g; ``maximize`` follows −∂L/∂p. ValueError
    otherwise.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Adadelta([p], rho=0.0, eps=1.0)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 4) for x in p.tolist()]
    [0.1056, 1.0299]
    """

    like_param = ("square_avg", "acc_delta")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings({"learning rate": lr, "epsilon value": eps, "weight_decay value": weight_decay})
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}: it must be in [0, 1]")
        super().__init__(
            params,
            {
                "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
                "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
            },
        )  # fmt: skip

    def settings(self, t: float, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """η, ρ, ε."""
        return float(group["lr"]), float(group["rho"]), float(group["eps"])

    @staticmethod
    def formula(p: Array, g: Array, s: Array, a: Array, lr: float, rho: float, eps: float) -> None:
        """The class's formula."""
        s *= rho
        s += (1 - rho) * (g * g)
        d = g * (np.sqrt(a + eps) / np.sqrt(s + eps))
        a *= rho
        a += (1 - rho) * (d * d)
        p -= lr * d
