"""ASGD: gradient descent with the mean of its path, which is better than the path's end."""

from __future__ import annotations

from typing import Any

from metagrad.autograd.writing import bump
from metagrad.base.typing import Array
from metagrad.optim.by_element import ByElement
from metagrad.optim.settings import check_settings
from metagrad.tensors.tensor import Tensor


class ASGD(ByElement):
    """p ← (1 − Λ ηₜ) p − ηₜ g;   ax ← ax + μₜ (p − ax),   ηₜ₊₁ = η / (1 + Λ η t)^α,   μₜ₊₁ = 1 / max(1, t − t₀).

    The mean of the path stands in the state, under "ax"; it starts after t0 steps. lambd Λ, alpha α; lr η and
    weight_decay λ ≥ 0, which adds λ p to g, ValueError otherwise; ``maximize`` follows −∂L/∂p. Polyak and Juditsky 1992.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = ASGD([p], lr=0.25, lambd=0.0)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.tolist(), optimizer.state[p]["ax"].tolist()
    ([0.5, 1.0], [0.5, 1.0])
    """

    like_param = ("ax",)
    counts = {"step": 0.0, "eta": 0.0, "mu": 1.0}

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings({"learning rate": lr, "weight_decay value": weight_decay})
        super().__init__(
            params,
            {
                "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
                "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
            },
        )  # fmt: skip

    def settings(self, t: float, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """1 − Λ ηₜ, ηₜ and μₜ; the state has the next step's on return."""
        lr, shrink = float(group["lr"]), float(group["lambd"])
        eta, mu = state["eta"], state["mu"]
        if t == 1:
            eta.array[...] = lr
        now, weight = float(eta.array), float(mu.array)
        eta.array[...] = lr / (1 + shrink * lr * t) ** float(group["alpha"])
        mu.array[...] = 1 / max(1.0, t - float(group["t0"]))
        bump(eta)
        bump(mu)
        return 1 - shrink * now, now, weight

    @staticmethod
    def formula(p: Array, g: Array, mean: Array, keep: float, rate: float, weight: float) -> None:
        """The class's formula."""
        p *= keep
        p -= rate * g
        if weight == 1:
            mean[...] = p
        else:
            mean += weight * (p - mean)
