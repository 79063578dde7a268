"""Adam: steps scaled by running averages of the gradient and of its square."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.autograd.variable import Array, Variable, wrap
from metagrad.autograd.views import bump
from metagrad.optim.blocks import in_blocks
from metagrad.optim.optimizer import Optimizer, check_settings
from metagrad.tensor import Tensor


class Adam(Optimizer):
    """m ← β₁ m + (1 − β₁) g;   v ← β₂ v + (1 − β₂) g²;   p ← p − η m̂ / (√v̂ + ε), m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).

    lr η ≥ 0, betas (β₁, β₂) in [0, 1), eps ε ≥ 0, t the number of the parameter's step, from 1. weight_decay λ ≥ 0 adds
    λ p to g, or with ``decoupled_weight_decay`` first shrinks p by η λ p instead; ``amsgrad`` puts the largest v so far
    in v's place; ``maximize`` follows −∂L/∂p. Of a complex parameter the two parts are parameters of their own.
    Kingma and Ba 2015; AMSGrad: Reddi, Kale and Kumar 2018.

    ``foreach`` and ``fused`` choose among PyTorch's implementations; here there is one, so they change nothing.
    Raises ValueError for a setting out of its range, NotImplementedError for ``capturable`` or ``differentiable``.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Adam([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 4) for x in p.tolist()]
    [0.5, 1.5]
    """

    refused = ("capturable", "differentiable")
    like_param = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_settings({"learning rate": lr, "epsilon value": eps, "weight_decay value": weight_decay}, foreach, fused)
        super().__init__(
            params,
            {
                "lr": lr, "betas": _checked(betas), "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
                "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
                "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
            },
        )  # fmt: skip

    def update(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        """One parameter's step. State: step t, 0-d float32; exp_avg m, exp_avg_sq v, max_exp_avg_sq, like the parameter."""
        state = self.state[param]
        if not state:
            state["step"] = wrap(np.zeros((), np.float32))  # in the CPU's memory, wherever the parameter is
        for name in self.like_param if group["amsgrad"] else self.like_param[:2]:
            if name not in state:
                state[name] = wrap(np.zeros_like(param.array))
            bump(state[name])
        step = state["step"]
        step.array += 1
        bump(step)
        t, (beta1, beta2) = float(step.array), group["betas"]
        arrays = (
            param.array, grad.array, state["exp_avg"].array, state["exp_avg_sq"].array,
            state["max_exp_avg_sq"].array if group["amsgrad"] else None,
        )  # fmt: skip
        settings = (
            t, float(group["lr"]), float(beta1), float(beta2), float(group["eps"]), float(group["weight_decay"]),
            group["decoupled_weight_decay"], group["maximize"],
        )  # fmt: skip
        if param.array.dtype.kind == "c":
            for part in ("real", "imag"):
                in_blocks(adam_step, tuple([None if a is None else getattr(a, part) for a in arrays]), settings)
        else:
            in_blocks(adam_step, arrays, settings)
        bump(param)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Refuse another optimizer's state; also take old ones, in which the number of steps was a plain number."""
        for values in state["state"].values():
            missing = {"step", "exp_avg", "exp_avg_sq"} - values.keys() if values else ()
            if missing:
                raise ValueError(
                    f"this is not {type(self).__name__}'s state: it has {sorted(values)}, no {sorted(missing)}"
                )
            if values and not isinstance(values["step"], Variable):
                values["step"] = wrap(np.full((), values["step"], np.float32))
        super().__setstate__(state)


class AdamW(Adam):
    """Adam with decoupled weight decay: p ← p − η λ p, and then Adam's step without λ (Loshchilov and Hutter 2019).

    The arguments are Adam's, but for weight_decay's default, 0.01.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = AdamW([p], lr=0.5, weight_decay=0.5)
    >>> p.grad = metagrad.zeros(2)
    >>> optimizer.step()
    >>> p.tolist()
    [0.75, 1.5]
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A state that plain Adam saved does not make this plain Adam."""
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


def _checked(betas: Any) -> tuple[float, float]:
    """The betas as plain floats; ValueError unless there are two of a kind in [0, 1)."""
    betas = tuple(betas)
    if len(betas) != 2:
        raise ValueError(f"betas must be two numbers, got {len(betas)}: {betas}")
    for i, beta in enumerate(betas):
        if isinstance(beta, Variable) and beta.array.size != 1:
            raise ValueError(f"Tensor betas[{i}] must be 1-element, got shape {tuple(beta.array.shape)}")
        if not 0.0 <= float(beta) < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}: it must be in [0, 1)")
    if not (all(isinstance(b, float) for b in betas) or all(isinstance(b, Variable) for b in betas)):
        raise ValueError(f"betas must be either both floats or both Tensors, got {betas}")
    return float(betas[0]), float(betas[1])


def adam_step(
    p: Array, g: Array, m: Array, v: Array, largest: Array | None, t: float, lr: float, beta1: float, beta2: float,
    eps: float, weight_decay: float, decoupled: bool, maximize: bool,
) -> None:  # fmt: skip
    """The class's formula, in place in p, m, v and largest, which is there for amsgrad only."""
    if maximize:
        g = -g
    if weight_decay:
        if decoupled:
            p *= 1 - lr * weight_decay
        else:
            g = g + weight_decay * p
    # m + (1 − β₁)(g − m) has one product less. d's memory serves to the end; of 0-d arrays, g - m would be no array.
    d = np.subtract(g, m, out=np.empty_like(m))
    d *= 1 - beta1
    m += d
    np.multiply(g, g, out=d)
    d *= 1 - beta2
    v *= beta2
    v += d
    if largest is not None:
        v = np.maximum(largest, v, out=largest)
    np.sqrt(v, out=d)
    d *= 1 / math.sqrt(1 - beta2**t)
    d += eps
    np.divide(m, d, out=d)
    d *= lr / (1 - beta1**t)
    p -= d
