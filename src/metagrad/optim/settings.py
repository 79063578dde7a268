"""What an optimizer's settings must be: numbers of at least 0, betas below 1; and what is said if they are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metagrad.autograd.variable import Variable


def check_settings(
    at_least_zero: Mapping[str, Any],
    foreach: bool | None = None,
    fused: bool | None = None,
    saying: str = "Invalid {}: {}: it must be at least 0",
) -> None:
    """ValueError for a setting below 0 or a tensor of several; RuntimeError for ``foreach`` and ``fused`` at once."""
    for name, value in at_least_zero.items():
        if isinstance(value, Variable) and value.array.size != 1:
            raise ValueError(f"Tensor lr must be 1-element, got shape {tuple(value.array.shape)}")
        if not 0.0 <= value:  # in this order, so that Python's own error for a text is PyTorch's, too
            raise ValueError(saying.format(name, value))
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def check_betas(betas: Any, alike: bool = False) -> tuple[float, float]:
    """The betas as plain floats; ValueError unless there are two in [0, 1), and for alike of one kind."""
    betas = tuple(betas)
    if len(betas) != 2:
        raise ValueError(f"betas must be two numbers, got {len(betas)}: {betas}")
    for i, beta in enumerate(betas):
        if isinstance(beta, Variable) and beta.array.size != 1:
            raise ValueError(f"Tensor betas[{i}] must be 1-element, got shape {tuple(beta.array.shape)}")
        if not 0.0 <= float(beta) < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}: it must be in [0, 1)")
    if alike and not (all(isinstance(b, float) for b in betas) or all(isinstance(b, Variable) for b in betas)):
        raise ValueError(f"betas must be either both floats or both Tensors, got {betas}")
    return float(betas[0]), float(betas[1])
