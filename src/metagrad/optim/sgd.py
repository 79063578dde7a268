"""Stochastic gradient descent, with momentum and Nesterov's variant."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.base.typing import Array
from metagrad.optim.by_blas import sgd_by_blas
from metagrad.optim.by_loop import sgd_loop
from metagrad.optim.differentiable import recorded_step
from metagrad.optim.settings import check_settings
from metagrad.optim.together import Pairs, Task, Together
from metagrad.tensors.tensor import Tensor


class SGD(Together):
    """p ← p − η d, with g = ∂L/∂p + λ p;   d = g, or with momentum  b ← μ b + (1 − τ) g and d = b  (g + μ b with nesterov).

    lr η ≥ 0, momentum μ ≥ 0, dampening τ, weight_decay λ ≥ 0; ``maximize`` follows −∂L/∂p instead. At a parameter's
    first step b is g itself. Momentum: Polyak 1964; Nesterov's variant in this form: Sutskever et al. 2013.

    ``foreach`` and ``fused`` choose among PyTorch's implementations; here there is one, so they change nothing.
    ``differentiable``: the step is part of the graph. Raises ValueError for a negative setting.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = SGD([p], lr=0.25)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.tolist()
    [0.5, 1.0]
    """

    like_param = ("momentum_buffer",)
    is_short = True

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_settings(
            {"learning rate": lr, "momentum value": momentum, "weight_decay value": weight_decay}, foreach, fused
        )
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(
                "Nesterov momentum requires a momentum and zero dampening, "
                f"got momentum={momentum}, dampening={dampening}"
            )
        super().__init__(
            params,
            {
                "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
                "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused,
            },
        )  # fmt: skip

    def tasks(self, pairs: Pairs, group: dict[str, Any]) -> list[Task]:
        """The steps. State: momentum_buffer b, like the parameter, where there is momentum."""
        lr, decay, momentum = float(group["lr"]), float(group["weight_decay"]), float(group["momentum"])
        nesterov, maximize = group["nesterov"], group["maximize"]
        first = Task([], sgd_step, (lr, decay, momentum, 0.0, 1.0, nesterov, maximize), sgd_loop, sgd_by_blas)
        keep, take = momentum, 1.0 - float(group["dampening"])
        later = Task([], sgd_step, (lr, decay, momentum, keep, take, nesterov, maximize), sgd_loop, sgd_by_blas)
        for param, grad in pairs:
            b, task = None, first
            if momentum:
                state = self.state[param]
                if "momentum_buffer" in state:
                    task = later
                else:
                    state["momentum_buffer"] = wrap(np.zeros_like(param.array))
                b = state["momentum_buffer"].array
                state["momentum_buffer"]._counter[0] += 1
            if group["differentiable"]:
                state = self.state[param] if momentum else {}
                recorded_step(sgd_step, param, grad, state, ["momentum_buffer" if momentum else None], task.settings)
            else:
                task.arrays.append((param.array, grad.array, b))
                param._counter[0] += 1  # ``update_group`` has the mirrors follow
        return [first, later]


def sgd_step(
    p: Array, g: Array, b: Array | None, lr: float, weight_decay: float, momentum: float, keep: float, take: float,
    nesterov: bool, maximize: bool,
) -> None:  # fmt: skip
    """The class's formula, in place in p and b; b ← keep b + take g, which is b ← g at the first step."""
    if maximize:
        g = -g
    if weight_decay:
        g = g + weight_decay * p
    if b is not None:
        b *= keep
        b += g if take == 1.0 else take * g
        g = g + momentum * b if nesterov else b
    p -= lr * g
