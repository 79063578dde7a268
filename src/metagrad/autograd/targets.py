"""A backward pass for the sake of some tensors only: which nodes it must visit. And what it leaves zeros for, unvisited."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.mode import mode
from metagrad.autograd.variable import Variable, as_tensor, unwrap

_by_order = attrgetter("order")


def nodes_behind(starts: Iterable[Any]) -> list[Function]:
    """All nodes that gradients of these reach, themselves among them, oldest first."""
    seen: set[Any] = set()
    nodes: list[Function] = []
    stack = list(starts)
    while stack:
        edge = stack.pop()
        if edge is not None and edge not in seen:
            seen.add(edge)
            if isinstance(edge, Function):
                nodes.append(edge)
                stack.extend(edge.edges)
    return sorted(nodes, key=_by_order)


def leading_to(targets: set[Any], starts: Iterable[Any]) -> set[Any]:
    """The nodes behind ``starts`` that lead to a target: those to differentiate, for a target that leads to no other is not."""
    reached, leads = set(targets), set()
    for node in nodes_behind(starts):  # oldest first, so that what lies behind a node has been decided before it
        if not reached.isdisjoint(node.edges):
            reached.add(node)
            leads.add(node)
    return leads


def with_zeros(arrived: dict[Any, Any], found: dict[Any, Any]) -> dict[Any, Any]:
    """Gradients that arrived at leaves, and zeros for the leaves that only zeros would have reached; or, of a pass for the sake of
    some edges, for those among these: what is no leaf is added to ``found``."""
    roots, _, wanted, _ = mode.running
    ends = found.pop(None)  # where ``Flat`` left them
    nodes = nodes_behind(ends)
    for edge in {*ends, *nodes, *(edge for node in nodes for edge in node.edges)}:
        leaf = isinstance(edge, Variable)
        if edge in arrived or edge in found or not (leaf if wanted is None else edge in wanted):
            continue
        target = edge.array if leaf else edge
        zeros = np.zeros(target.shape, target.dtype, like=unwrap(roots[0][1]))
        (arrived if leaf else found)[edge] = as_tensor(zeros) if mode.grad else zeros
    return arrived
