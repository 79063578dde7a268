"""The graph behind a tensor, as vertices and edges that can be drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metagrad.autograd.function import Function, Output
from metagrad.autograd.variable import Variable
from metagrad.base.typing import Array
from metagrad.utils.viz import dot, drawing, layout

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor
    from metagrad.utils.viz.watching import Watch

__all__ = ["Graph", "Vertex", "graph"]

Place = Function | Variable  # what a vertex stands for: a node of the graph, or a leaf


@dataclass
class Vertex:
    """A leaf, or an op with its result.

    ==========  ===============================================================
    ``key``     a short text of its own: v0 is the tensor that was asked for
    ``label``   its name, if it was given one, else the op's
    ``op``      the op's name; "" for a leaf
    ``value``   the numbers, where they are known
    ``grad``    the gradient that arrived here, where it is known
    ==========  ===============================================================
    """

    key: str
    label: str
    op: str
    shape: tuple[int, ...]
    dtype: str
    value: Array | None = None
    grad: Array | None = None

    @property
    def lines(self) -> list[str]:
        """What its box says, line by line."""
        title = f"{self.label} = {self.op}" if self.op and self.label != self.op else self.label
        lines = [title, f"{list(self.shape)} {self.dtype}"] if self.shape else [title]
        if self.value is not None:
            lines.append(shortened(self.value))
        if self.grad is not None:
            lines.append(f"∂ {shortened(self.grad)}")
        return lines


class Graph:
    """What ``graph`` returns: ``vertices``, and ``edges`` (from, to) in the direction of the forward pass.

    A notebook shows it as a picture. ``dot()`` and ``svg()`` are its texts.
    """

    def __init__(self, vertices: list[Vertex], edges: list[tuple[str, str]]) -> None:
        self.vertices, self.edges = vertices, edges

    def dot(self) -> str:
        """The graph in Graphviz's language.

        >>> import metagrad
        >>> x = metagrad.tensor([1.0, 2.0], requires_grad=True)
        >>> print(graph(x.exp(), names={"x": x}).dot())
        digraph {
          rankdir=TB
          node [shape=box, style=rounded, fontname="sans-serif", fontsize=11]
          v0 [label="Exp\\n[2] float32"]
          v1 [label="x\\n[2] float32\\n[1, 2]", style="rounded,bold"]
          v1 -> v0
        }
        """
        return dot.written(self)

    def layout(self, direction: str = "down") -> layout.Layout:
        """Where each box and each line goes; direction: "down" or "right"."""
        return layout.layered(self, direction)

    def svg(self, direction: str = "down", engine: str = "metagrad") -> str:
        """The picture. engine: "graphviz" lets Graphviz draw it, which does better with large graphs (extra ``viz``)."""
        if engine == "graphviz":
            return dot.drawn(self, direction)
        if engine != "metagrad":
            raise ValueError(f'engine is "metagrad" or "graphviz", got {engine!r}')
        return drawing.svg(self.layout(direction))

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        return f"<Graph of {len(self.vertices)} vertices and {len(self.edges)} edges; .svg() and .dot() show it>"


def graph(
    tensor: Tensor,
    *more: Tensor,
    names: Mapping[str, Tensor] | None = None,
    watch: Watch | None = None,
    values: bool = True,
    gradients: bool = True,
) -> Graph:
    """The graph behind one or more tensors: each op and each leaf that a gradient of theirs would reach.

    names: what to call some of the tensors. values, gradients: whether to show them where they are known: those of leaves
    and of named tensors, and with ``watch`` those of all the ops that were run under it. Small ones are written out,
    of large ones the mean and the standard deviation.

    Raises ValueError if a tensor does not require a gradient: then there is nothing behind it.

    >>> import metagrad
    >>> a, b = (metagrad.tensor(v, requires_grad=True) for v in (2.0, 3.0))
    >>> g = graph(a * b + a, names={"a": a, "b": b})
    >>> [(vertex.key, vertex.label) for vertex in g.vertices], g.edges
    ([('v0', 'Add'), ('v1', 'Mul'), ('v2', 'a'), ('v3', 'b')], [('v1', 'v0'), ('v2', 'v0'), ('v2', 'v1'), ('v3', 'v1')])
    """
    named = {id(_place(t)): (name, t) for name, t in (names or {}).items() if t.requires_grad}
    found: dict[int, tuple[Vertex, Place]] = {}
    for place in places(tensor, *more):
        vertex = _vertex(f"v{len(found)}", place, *named.get(id(place), (None, None)))
        if watch is not None:
            vertex.value, vertex.grad = watch.known(place, vertex.value, vertex.grad)
        if not values:
            vertex.value = None
        if not gradients:
            vertex.grad = None
        found[id(place)] = vertex, place
    edges = [(found[id(source)][0].key, vertex.key) for vertex, place in found.values() for source in sources(place)]
    return Graph([vertex for vertex, _ in found.values()], edges)


def shortened(array: Array) -> str:
    """Numbers as a short text: all of them if they are few.

    >>> import numpy as np
    >>> shortened(np.array([1.0, 0.25])), shortened(np.float32(3)), shortened(np.zeros((10, 10)))
    ('[1, 0.25]', '3', 'mean 0, std 0')
    """
    flat = array.reshape(-1).tolist()
    if array.ndim == 0:
        return _number(flat[0])
    if len(flat) <= 4 and array.ndim == 1:
        return f"[{', '.join(map(_number, flat))}]"
    return f"mean {_number(array.mean().item())}, std {_number(array.std().item())}" if flat else "empty"


def _number(x: Any) -> str:
    return f"{x:.4g}" if isinstance(x, float) else str(x)


def sources(place: Place) -> list[Place]:
    """Where the gradients of a vertex go; one of several results counts as the node they all come from."""
    if isinstance(place, Variable):
        return []
    return [_whole(edge) for edge in place.edges if edge is not None]


def _whole(edge: Any) -> Place:
    place: Place = edge.edges[0] if isinstance(edge, Output) else edge
    return place


def _place(tensor: Tensor) -> Place:
    if not tensor.requires_grad:
        raise ValueError("there is no graph behind a tensor that does not require a gradient: set requires_grad=True")
    return _whole(tensor._node or tensor)


def places(*tensors: Tensor) -> list[Place]:
    """Everything behind some tensors, the youngest node first and the leaves last, in the order they are met."""
    seen: dict[int, Place] = {}
    stack = [_place(t) for t in tensors]
    while stack:
        place = stack.pop()
        if id(place) not in seen:
            seen[id(place)] = place
            stack.extend(reversed(sources(place)))
    ops = [place for place in seen.values() if isinstance(place, Function)]
    leaves = [place for place in seen.values() if isinstance(place, Variable)]
    return [*sorted(ops, key=lambda node: -node.order), *leaves]


def _vertex(key: str, place: Place, name: str | None, tensor: Tensor | None) -> Vertex:
    if isinstance(place, Variable):
        shown: Variable | None = place
        op, shape, dtype = "", place.array.shape, place.array.dtype
    else:
        shown, op, shape, dtype = tensor, place.op_name, place.shape, place.dtype
    vertex = Vertex(key, name or op or "leaf", op, tuple(shape), str(dtype))
    if shown is not None:
        vertex.value = shown.array
        vertex.grad = None if shown._grad is None else shown._grad.array
    return vertex
