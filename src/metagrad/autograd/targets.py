"""A backward pass for the sake of some tensors only: which nodes it must visit."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from metagrad.autograd.function import Function

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
