"""RMSprop: steps scaled by the root of a running mean square."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.optim.by_element import ByElement
from metagrad.optim.settings import check_settings
from metagrad.tensors.tensor import Tensor


class RMSprop(ByElement):
    """s ← α s + (1 − α) g²;   d = g / (√s + ε), or with momentum  b ← μ b + g / (√s + ε) and d = b;   p ← p − η d.

    ``centered`` keeps the mean of the gradient as well, a ← α a + (1 − α) g, and has √(s − a²) instead of √s.
    lr η, alpha α, eps ε, momentum μ and weight_decay λ ≥ 0, which adds λ p to g; ``maximize`` follows −∂L/∂p. ValueError
    otherwise. Tieleman and Hinton 2012; centered: Graves 2013.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = RMSprop([p], lr=0.5, alpha=0.0)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 4) for x in p.tolist()]
    [0.5, 1.5]
    """

    like_param = ("square_avg", "momentum_buffer", "grad_avg")
    optional = ("momentum_buffer", "grad_avg")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings({"learning rate": lr, "epsilon value": eps, "momentum value": momentum,
                        "weight_decay value": weight_decay, "alpha value": alpha})  # fmt: skip
        super().__init__(
            params,
            {
                "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
                "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
                "differentiable": differentiable,
            },
        )  # fmt: skip

    def remembered(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        """s, and what momentum and centering need."""
        return (
            "square_avg",
            "momentum_buffer" if group["momentum"] > 0 else None,
            "grad_avg" if group["centered"] else None,
        )

    def settings(self, t: float, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """η, α, ε, μ."""
        return float(group["lr"]), float(group["alpha"]), float(group["eps"]), float(group["momentum"])

    @staticmethod
    def formula(
        p: Array,
        g: Array,
        s: Array,
        b: Array | None,
        a: Array | None,
        lr: float,
        alpha: float,
        eps: float,
        momentum: float,
    ) -> None:
        """The class's formula; b is there with momentum only, a if centered."""
        s *= alpha
        s += (1 - alpha) * (g * g)
        if a is None:
            d = g / (np.sqrt(s) + eps)
        else:
            a += (1 - alpha) * (g - a)
            d = g / (np.sqrt(s - a * a) + eps)
        if b is not None:
            b *= momentum
            b += d
            d = b
        p -= lr * d
