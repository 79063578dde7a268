"""The graph from outside: its edges, hooks on several gradients, and the hooks that pack what nodes save."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from metagrad.autograd.function import Output
from metagrad.autograd.hooks import RemovableHandle
from metagrad.autograd.mode import mode as flags
from metagrad.autograd.node import AccumulateGrad, Node, accumulator_of
from metagrad.autograd.packing import (
    allow_mutation_on_saved_tensors,
    disable_saved_tensors_hooks,
    save_on_cpu,
    saved_tensors_hooks,
)
from metagrad.autograd.targets import nodes_behind
from metagrad.autograd.variable import Variable, wrap
from metagrad.autograd.writing import bump

__all__ = [
    "GradientEdge", "Node", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks", "get_gradient_edge",
    "increment_version", "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip


class GradientEdge(NamedTuple):
    """Where a tensor's gradient goes: a node, and to which of its results."""

    node: Any
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """The edge of the graph that leads to a tensor.

    Raises RuntimeError for a tensor that requires no gradient.

    >>> import metagrad
    >>> x = metagrad.ones(2, requires_grad=True)
    >>> y = (x * 2).exp()
    >>> metagrad.autograd.grad(y.sum(), get_gradient_edge(x))
    (tensor([14.7781, 14.7781]),)
    """
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    node = tensor._node
    return GradientEdge(
        tensor.grad_fn or accumulator_of(tensor), tensor.output_nr, node if isinstance(node, Output) else None
    )


def tensors_at(edges: Any) -> Any:
    """Tensors for the gradient edges among these (one, or a sequence), so that a pass can start or end there."""
    if isinstance(edges, GradientEdge):
        return _tensor_at(edges)
    if edges is None or isinstance(edges, Variable):
        return edges
    return [_tensor_at(e) if isinstance(e, GradientEdge) else e for e in edges]


def _tensor_at(edge: GradientEdge) -> Any:
    if isinstance(edge.node, AccumulateGrad):
        return edge.node.variable
    node = edge.ownership_token or edge.node.output(edge.output_nr)
    tensor = wrap(np.broadcast_to(np.zeros((), node.dtype), node.shape))  # one number: only its place matters
    tensor._grad_fn, tensor._requires_grad = node, True
    return tensor


def increment_version(tensor: Any) -> None:
    """Count a write to a tensor (or to each of several) that was made behind the library's back.

    >>> import metagrad
    >>> x = metagrad.zeros(2)
    >>> increment_version(x)
    >>> x._version
    1
    """
    if not isinstance(tensor, (Variable, Iterable)):
        raise RuntimeError(f"increment_version expect a Iterable[Tensor] as input, got {type(tensor).__name__}")
    for t in [tensor] if isinstance(tensor, Variable) else tensor:
        bump(t)


class Handles:
    """Several hooks, taken away together."""

    def __init__(self, handles: tuple[RemovableHandle, ...]) -> None:
        self.handles = handles

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> Handles:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def register_multi_grad_hook(
    tensors: Sequence[Any], fn: Callable[..., Any], *, mode: Literal["all", "any"] = "all"
) -> Handles:
    """Call ``fn`` once in each backward pass: "all", with a list of these tensors' gradients, as soon as it is complete, None
    for a tensor that the pass does not reach; "any", with the first of them.

    Raises ValueError for another mode, and AssertionError for a tensor that requires no gradient.

    >>> import metagrad
    >>> x, y = metagrad.ones(2, requires_grad=True), metagrad.ones(2, requires_grad=True)
    >>> with register_multi_grad_hook([x, y], print):
    ...     (x * 3).sum().backward()
    [tensor([3., 3.]), None]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    for t in tensors:
        if not t.requires_grad:
            raise AssertionError(
                "Expected gradient function to be set: register_multi_grad_hook of a tensor without gradient"
            )
    arrivals = _Arrivals(tensors, fn, mode)
    return Handles(tuple([t.register_hook(functools.partial(arrivals, i)) for i, t in enumerate(tensors)]))


class _Arrivals:
    """The gradients that have arrived in the backward pass that runs."""

    def __init__(self, tensors: Sequence[Any], fn: Callable[..., Any], mode: str) -> None:
        self.edges = [t._node or t for t in tensors]
        self.fn, self.mode = fn, mode
        self.running: Any = None

    def __call__(self, i: int, grad: Any) -> None:
        if self.running is not flags.running:  # the first one of this pass
            self.running = flags.running
            roots, leads, wanted, _ = self.running
            starts = [edge for edge, _ in roots]
            nodes = [node for node in nodes_behind(starts) if leads is None or node in leads]
            reached = {*starts, *nodes, *(edge for node in nodes for edge in node.edges)}
            if leads is not None:  # of a pass for the sake of some: those leaves only
                reached = {edge for edge in reached if edge in wanted or edge in leads}
            self.expected = sum(edge in reached for edge in self.edges)
            self.found: list[Any] = [None] * len(self.edges)
            self.arrived = 0
            if self.mode == "any":
                self.fn(grad)
        self.arrived += 1
        self.found[i] = grad
        if self.mode == "all" and self.arrived == self.expected:
            self.fn(self.found)
