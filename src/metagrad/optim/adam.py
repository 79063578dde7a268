"""Adam: steps scaled by running averages of the gradient and of its square."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from metagrad.autograd.variable import Variable
from metagrad.base.typing import Array
from metagrad.kernels.compiled import optimizers as compiled
from metagrad.optim.by_blas import adam_by_blas
from metagrad.optim.by_element import ByElement
from metagrad.optim.by_loop import Loop
from metagrad.optim.settings import check_betas, check_settings
from metagrad.tensors.tensor import Tensor


class Adam(ByElement):
    """m ← β₁ m + (1 − β₁) g;   v ← β₂ v + (1 − β₂) g²;   p ← p − η m̂ / (√v̂ + ε), m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).

    lr η ≥ 0, betas (β₁, β₂) in [0, 1), eps ε ≥ 0, t the number of the parameter's step, from 1. weight_decay λ ≥ 0 adds
    λ p to g, or with ``decoupled_weight_decay`` first shrinks p by η λ p instead; ``amsgrad`` puts the largest v so far
    in v's place; ``maximize`` follows −∂L/∂p. Of a complex parameter the two parts are parameters of their own.
    Kingma and Ba 2015; AMSGrad: Reddi, Kale and Kumar 2018.

    ``foreach``, ``fused`` and ``capturable`` choose among PyTorch's implementations; here there is one, so they change
    nothing. ``differentiable``: the step is part of the graph. Raises ValueError for a setting out of its range.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Adam([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 4) for x in p.tolist()]
    [0.5, 1.5]
    """

    optional = ("max_exp_avg_sq",)
    like_param = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    by_blas = staticmethod(adam_by_blas)

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
        if foreach and not capturable:
            for name, value in (("lr", lr), ("betas[0]", betas[0]), ("betas[1]", betas[1])):
                if isinstance(value, Variable):
                    raise ValueError(f"{name} as a Tensor is not supported for capturable=False and foreach=True")
        super().__init__(
            params,
            {
                "lr": lr, "betas": check_betas(betas, alike=True), "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
                "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
                "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
            },
        )  # fmt: skip

    def remembered(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        """m, v, and for amsgrad the largest v."""
        return "exp_avg", "exp_avg_sq", "max_exp_avg_sq" if group["amsgrad"] else None

    def settings(self, t: float, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """t, η, β₁, β₂, ε."""
        beta1, beta2 = group["betas"]
        return t, float(group["lr"]), float(beta1), float(beta2), float(group["eps"])

    def loop(
        self, arrays: Sequence[Any], left: float, sign: float, decay: float, settings: tuple[Any, ...]
    ) -> Loop | None:
        """Without amsgrad."""
        if arrays[-1] is not None:
            return None
        return compiled.adam, [left, *compiled.adam_numbers(*settings), sign, decay]

    @staticmethod
    def formula(
        p: Array,
        g: Array,
        m: Array,
        v: Array,
        largest: Array | None,
        t: float,
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
    ) -> None:
        """The class's formula; largest is there for amsgrad only."""
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
        root = math.sqrt(1 - beta2**t)  # √v̂ + ε = (√v + ε root) / root, which again saves a product
        np.sqrt(v, out=d)
        d += eps * root
        np.divide(m, d, out=d)
        d *= lr * root / (1 - beta1**t)
        p -= d


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
