"""Muon: momentum whose singular values are all brought near 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.autograd.writing import bump
from metagrad.base.typing import Array
from metagrad.optim.optimizer import Optimizer
from metagrad.optim.settings import check_settings
from metagrad.tensors.tensor import Tensor


class Muon(Optimizer):
    """b ← μ b + (1 − μ) g;   d = orthogonal(b), with nesterov of μ b + (1 − μ) g;   p ← (1 − η λ) p − η' d.

    For the matrices of hidden layers; give other parameters to AdamW. η' = η √max(1, rows / columns), or with
    ``adjust_lr_fn="match_rms_adamw"`` 0.2 η √max(rows, columns). ns_coefficients, ns_steps and eps are those of
    ``orthogonalized``, whose results are rounded to bfloat16, as PyTorch's are. Raises ValueError for parameters that are no
    matrices, and settings below 0; in ``step`` also for more than 99 ns_steps, or not three coefficients. Jordan et al. 2024.

    >>> import metagrad
    >>> p = metagrad.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    >>> optimizer = Muon([p], lr=0.5, weight_decay=0.0)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> bool((p < 2).all())
    True
    """

    like_param = ("momentum_buffer",)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        settings = {"Learning rate": lr, "momentum": momentum, "weight decay": weight_decay}
        check_settings(settings, saying="{} should be >= 0 but is: {}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"Adjust learning rate function {adjust_lr_fn} is not supported: it must be 'original' or 'match_rms_adamw'"
            )
        super().__init__(
            params,
            {
                "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
                "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn,
            },
        )  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.shape}"
                    )

    def update(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        """One parameter's step. State: momentum_buffer b, like the parameter.

        Raises RuntimeError for complex parameters.
        """
        p, g = param.array, grad.array
        if p.dtype.kind == "c":
            raise RuntimeError("Muon does not support complex parameters")
        state, momentum = self.state[param], group["momentum"]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = wrap(np.zeros_like(p))
        b = state["momentum_buffer"].array
        b += (1 - momentum) * (g - b)
        bump(state["momentum_buffer"])
        d = orthogonalized(
            g + momentum * (b - g) if group["nesterov"] else b,
            group["ns_coefficients"],
            group["ns_steps"],
            group["eps"],
        )
        lr, (rows, columns) = float(group["lr"]), p.shape
        matched = group["adjust_lr_fn"] == "match_rms_adamw"
        rate = lr * (0.2 * math.sqrt(max(rows, columns)) if matched else math.sqrt(max(1.0, rows / columns)))
        p *= 1 - lr * group["weight_decay"]
        p -= (rate * d).astype(p.dtype)
        bump(param)


def orthogonalized(matrix: Array, coefficients: tuple[float, float, float], steps: int, eps: float) -> Array:
    """X ← a X + (b A + c A²) X, A = X Xᵀ, from X = matrix / max(‖matrix‖, eps): its singular values go to about 1.

    An odd polynomial of X changes the singular values alone; this one pushes small values up steeply. Each product is
    rounded to bfloat16. Raises ValueError for 100 steps or more, or if there are not three coefficients.

    >>> near = orthogonalized(np.array([[3.0, 0.0], [0.0, 0.5]]), (3.4445, -4.7750, 2.0315), 5, 1e-7)
    >>> bool(near[0, 0] > 0.5), bool(near[1, 1] > 0.5), float(near[0, 1])
    (True, True, 0.0)
    """
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values.")
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    a, b, c = coefficients
    x = rounded(matrix.astype(np.float32))
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    x = rounded(x / np.maximum(rounded(np.sqrt((x * x).sum())), np.float32(eps)))
    for _ in range(steps):
        gram = rounded(x @ x.T)
        x = rounded(a * x + rounded(b * gram + c * (gram @ gram)) @ x)
    return x.T if tall else x


def rounded(x: Array) -> Array:
    """float32 rounded to the nearest bfloat16, of which it has the upper half of the bits; to an even one where two are near.

    >>> [float(v) for v in rounded(np.array([1.0, 1.003, 1.006], np.float32))]
    [1.0, 1.0, 1.0078125]
    """
    bits = x.astype(np.float32, copy=False).view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + (bits >> 16 & np.uint32(1))) & np.uint32(0xFFFF0000)).view(np.float32)
