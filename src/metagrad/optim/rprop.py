"""Rprop: a step size for each element, and of the gradient the sign alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.optim.by_element import ByElement
from metagrad.optim.settings import check_settings
from metagrad.tensors.tensor import Tensor


class Rprop(ByElement):
    """δ ← δ η₊ where g keeps its sign, δ η₋ and g ← 0 where it changes, held in [δ_min, δ_max];   p ← p − sign(g) δ.

    etas (η₋, η₊) with 0 < η₋ < 1 < η₊, ValueError otherwise; step_sizes (δ_min, δ_max); δ starts at lr; ``maximize``
    follows −∂L/∂p. For whole batches only: a sign says little of a noisy gradient. Riedmiller and Braun 1993.

    >>> import metagrad
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Rprop([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.tolist()
    [0.5, 1.5]
    """

    like_param = ("prev", "step_size")
    decays = False

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings({"learning rate": lr})
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(
                f"Invalid eta values: {etas[0]}, {etas[1]}: the first must be in (0, 1), the second above 1"
            )
        super().__init__(
            params,
            {
                "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
                "differentiable": differentiable, "capturable": capturable,
            },
        )  # fmt: skip

    def first(self, name: str, group: dict[str, Any]) -> float:
        """The step size starts at lr, the gradient before the first one is 0."""
        return float(group["lr"]) if name == "step_size" else 0.0

    def settings(self, t: float, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, ...]:
        """η₋, η₊, δ_min, δ_max."""
        return (*map(float, group["etas"]), *map(float, group["step_sizes"]))

    @staticmethod
    def formula(
        p: Array, g: Array, before: Array, size: Array, down: float, up: float, smallest: float, largest: float
    ) -> None:
        """The class's formula."""
        agreement = g * before
        turned = agreement < 0
        changed = np.where(agreement > 0, size * up, np.where(turned, size * down, size))
        size[...] = np.clip(changed, smallest, largest)
        before[...] = np.where(turned, 0, g)
        p -= np.sign(np.where(before == before, before, 0)) * size  # what is not a number has no sign
