"""The graph from outside: its edges, hooks on several gradients, and the hooks that pack what nodes save."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from metagrad.autograd.node import AccumulateGrad, Node
from metagrad.autograd.packing import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks

__all__ = [
    "GradientEdge", "Node", "disable_saved_tensors_hooks", "get_gradient_edge", "register_multi_grad_hook", "save_on_cpu",
    "saved_tensors_hooks",
]  # fmt: skip


class GradientEdge(NamedTuple):
    """Where a tensor's gradient goes: a node, and to which of its results."""

    node: Any
    output_nr: int


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """The edge of the graph that leads to a tensor."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(tensor.grad_fn or AccumulateGrad(tensor), tensor.output_nr)


def register_multi_grad_hook(
    tensors: Sequence[Any], fn: Callable[..., Any], *, mode: Literal["all", "any"] = "all"
) -> Handles:
    """Call ``fn`` when the gradients of all these tensors have been computed, with a list of them; with "any", of the first."""
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    found: list[Any] = [None] * len(tensors)
    seen: set[int] = set()

    def arrived(i: int, grad: Any) -> None:
        found[i] = grad
        seen.add(i)
        if mode == "any" and len(seen) == 1:
            fn(grad)
        if len(seen) == len(tensors):
            if mode == "all":
                fn(list(found))
            seen.clear()
            found[:] = [None] * len(tensors)

    return Handles([t.register_hook(functools.partial(arrived, i)) for i, t in enumerate(tensors)])


class Handles:
    """Several hooks, taken away together."""

    def __init__(self, handles: list[Any]) -> None:
        self.handles = handles

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> Handles:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
