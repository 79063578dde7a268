"""Steps that are part of the graph, for ``differentiable=True``: a loss after the step has gradients back through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metagrad.autograd.mode import enable_grad
from metagrad.ops.pointwise.complex_numbers import view_as_real
from metagrad.tensors.tensor import Tensor


def recorded_step(
    formula: Callable[..., None],
    param: Tensor,
    grad: Tensor,
    state: dict[str, Any],
    names: list[str | None],
    settings: tuple[Any, ...],
) -> None:
    """``formula`` on tensors rather than arrays. What is remembered is replaced, for an earlier step's graph may need it.

    names: the formula's arrays in ``state``, None for one that is not used.
    """
    with enable_grad():
        for name in names:
            if name is not None:
                state[name] = state[name].clone()
        tensors = [param, grad, *[None if name is None else state[name] for name in names]]
        if not param.is_complex():
            formula(*tensors, *settings)
            return
        for part in (0, 1):
            formula(*[None if t is None else view_as_real(t)[..., part] for t in tensors], *settings)
