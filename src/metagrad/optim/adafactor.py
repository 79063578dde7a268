"""Adafactor: Adam's scaling from the sums of rows and columns alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.autograd.writing import bump
from metagrad.base import dtypes
from metagrad.optim.optimizer import Optimizer
from metagrad.optim.settings import check_settings
from metagrad.tensors.tensor import Tensor


class Adafactor(Optimizer):
    """p ← p − α u / max(1, rms(u) / d),   u = g / √v,   α = max(ε₂, rms(p)) · min(η, 1/√t).

    Of a matrix v = r cᵀ / mean(r), r and c the running means of g² over columns and rows, which weigh the new value with
    t^β₂, ``beta2_decay`` β₂ ≤ 0; of a vector v is that mean of g² itself. eps (ε₁, ε₂) ≥ 0: v is at least ε₁², for None the
    dtype's precision. d ≥ 1 is the largest root mean square of u; weight_decay λ ≥ 0 first shrinks p by η λ p;
    ``maximize`` follows −∂L/∂p. ValueError otherwise; RuntimeError for complex parameters. Shazeer and Stern 2018.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Adafactor([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> [round(x, 4) for x in p.tolist()]
    [0.2094, 1.2094]
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        settings = {"Learning rate": lr, "epsilon1": eps[0] or 0.0, "epsilon2": eps[1], "weight_decay": weight_decay}
        check_settings(settings, saying="{} should be >= 0 but is: {}")
        if not beta2_decay <= 0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if not d >= 1:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        super().__init__(
            params,
            {
                "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay,
                "foreach": foreach, "maximize": maximize,
            },
        )  # fmt: skip

    def update(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        """One parameter's step. State: step t, 0-d float32; row_var and col_var, or of a vector variance.

        Raises RuntimeError for complex parameters.
        """
        p, g = param.array, -grad.array if group["maximize"] else grad.array
        if p.dtype.kind == "c":
            raise RuntimeError("Adafactor does not support complex parameters")
        state, matrix = self.state[param], p.ndim > 1
        if not state:
            state["step"] = wrap(np.zeros((), np.float32))
            if matrix:
                state["row_var"] = wrap(np.zeros_like(p[..., :1]))
                state["col_var"] = wrap(np.zeros_like(p[..., :1, :]))
            else:
                state["variance"] = wrap(np.zeros_like(p))
        state["step"].array += 1
        for value in state.values():
            bump(value)
        t, lr = float(state["step"].array), float(group["lr"])
        weight, (smallest, floor) = t ** group["beta2_decay"], group["eps"]
        smallest = dtypes.finfo(p.dtype).eps if smallest is None else smallest
        alpha = max(floor, _rms(p)) * min(lr, t**-0.5)
        if group["weight_decay"]:
            p *= 1 - lr * group["weight_decay"]
        if matrix:
            r, c = state["row_var"].array, state["col_var"].array
            r += weight * ((g * g).mean(-1, keepdims=True) - r)
            c += weight * ((g * g).mean(-2, keepdims=True) - c)
            v = r * c / np.maximum(r.mean(-2, keepdims=True), smallest)
        else:
            v = state["variance"].array
            v += weight * (g * g - v)
        u = g / np.sqrt(np.maximum(v, smallest * smallest))
        u *= -alpha / max(1.0, _rms(u) / group["d"])
        p += u
        bump(param)


def _rms(a: Any) -> float:
    """√ mean a²; of nothing NaN, as in PyTorch."""
    return float(np.sqrt(np.square(a).mean())) if a.size else float("nan")
