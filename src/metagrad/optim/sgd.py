"""Stochastic gradient descent, with momentum and Nesterov's variant."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.autograd.views import bump
from metagrad.optim.optimizer import Optimizer, check_not_negative, refuse
from metagrad.tensor import Tensor


class SGD(Optimizer):
    """p ← p − η d, with g = ∂L/∂p + λ p;   d = g, or with momentum  b ← μ b + (1 − τ) g and d = b  (g + μ b with nesterov).

    lr η, momentum μ, dampening τ, weight_decay λ; ``maximize`` climbs. At a parameter's first step b is g itself
    (Sutskever et al. 2013).

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> (p * p).sum().backward()
    >>> SGD([p], lr=0.1).step()
    >>> p.tolist() == metagrad.tensor([0.8, 1.6]).tolist()
    True
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_not_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        refuse(differentiable=differentiable)
        super().__init__(
            params,
            {
                "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
                "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused,
            },
        )  # fmt: skip

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One parameter's step."""
        p, g = param.array, grad.array
        lr, momentum, weight_decay = float(group["lr"]), group["momentum"], group["weight_decay"]
        if group["maximize"]:
            g = -g
        if weight_decay:
            g = g + weight_decay * p
        if momentum:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = wrap(g.copy())
            else:
                b = buffer.array
                np.multiply(b, momentum, out=b)
                b += g if not group["dampening"] else (1 - group["dampening"]) * g
                bump(buffer)
            g = g + momentum * buffer.array if group["nesterov"] else buffer.array
        p -= lr * g
        bump(param)
