"""Several models of one kind as one: their parameters stacked, for ``vmap`` over ``functional_call``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from metagrad.nn.utils.stateless import _functional_call as functional_call
from metagrad.ops.shape.joining import stack

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module
    from metagrad.tensors.tensor import Tensor

__all__ = ["functional_call", "stack_module_state"]


def stack_module_state(models: Iterable[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of several models of one kind, stacked: with ``vmap`` and ``functional_call`` an ensemble.

    Raises RuntimeError for no model, and for models of several classes or modes.

    >>> from metagrad import nn
    >>> parameters, buffers = stack_module_state([nn.Linear(3, 2) for _ in range(5)])
    >>> parameters["weight"].shape
    metagrad.Size([5, 2, 3])
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")

    def stacked(tables: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {name: _stacked(name, [t[name] for t in tables]) for name in tables[0]}

    return stacked([dict(m.named_parameters()) for m in models]), stacked([dict(m.named_buffers()) for m in models])


def _stacked(name: str, tensors: list[Tensor]) -> Tensor:
    """The tensors as one leaf, which requires a gradient if they do."""
    if len({t.requires_grad for t in tensors}) > 1:
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    whole = stack([t.detach() for t in tensors])
    whole.requires_grad = tensors[0].requires_grad
    return whole
