"""Where the boxes of a graph stand: in layers, so that every line goes one way, with few crossings (Sugiyama et al. 1981)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metagrad.utils.viz.graph import Graph, Vertex

LETTER, LINE, PADDING = 7.2, 16.0, 10.0  # the width of a letter, the height of a line, the space around the text
GAP, BETWEEN = 22.0, 38.0  # from box to box within a layer, and from layer to layer


@dataclass
class Box:
    """A vertex with its middle and its size; without a vertex, a bend of a line that passes through a layer."""

    vertex: Vertex | None
    width: float = 0.0
    height: float = 0.0
    x: float = 0.0
    y: float = 0.0
    before: list[Box] = field(default_factory=list)
    after: list[Box] = field(default_factory=list)


@dataclass
class Layout:
    """Boxes and lines of a picture, and its size."""

    boxes: list[Box]
    lines: list[tuple[str, str, list[tuple[float, float]]]]  # from, to, and the points in between, ends included
    width: float
    height: float


def layered(graph: Graph, direction: str = "down") -> Layout:
    """Give each vertex a layer, order the layers so that few lines cross, and space them out."""
    if direction not in ("down", "right"):
        raise ValueError(f'direction is "down" or "right", got {direction!r}')
    turned = direction == "right"
    boxes = {vertex.key: _box(vertex, turned) for vertex in graph.vertices}
    edges = list(dict.fromkeys(graph.edges))
    depth = _depths(graph, edges)
    layers: list[list[Box]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for key, box in boxes.items():
        layers[depth[key]].append(box)
    chains = [(a, b, _chain(boxes[a], boxes[b], depth[a], depth[b], layers)) for a, b in edges]
    _uncross(layers)
    _spread(layers)
    return _measured(layers, boxes, chains, turned)


def _box(vertex: Vertex, turned: bool) -> Box:
    width = max(len(line) for line in vertex.lines) * LETTER + 2 * PADDING
    height = len(vertex.lines) * LINE + PADDING
    return Box(vertex, height, width) if turned else Box(vertex, max(width, 48.0), height)


def _depths(graph: Graph, edges: list[tuple[str, str]]) -> dict[str, int]:
    """The layer of each vertex: one below everything it is made of; a leaf, just above the first that uses it."""
    made_of: dict[str, list[str]] = {vertex.key: [] for vertex in graph.vertices}
    used_by: dict[str, list[str]] = {vertex.key: [] for vertex in graph.vertices}
    for a, b in edges:
        made_of[b].append(a)
        used_by[a].append(b)
    depth: dict[str, int] = {}
    for vertex in reversed(graph.vertices):  # the vertices are listed youngest first
        depth[vertex.key] = max((depth[a] + 1 for a in made_of[vertex.key]), default=0)
    for vertex in graph.vertices:
        if not made_of[vertex.key] and used_by[vertex.key]:
            depth[vertex.key] = min(depth[b] for b in used_by[vertex.key]) - 1
    return depth


def _chain(start: Box, end: Box, top: int, bottom: int, layers: list[list[Box]]) -> list[Box]:
    """The boxes that a line touches: its ends, and a bend in each layer between them."""
    chain = [start, *(Box(None, 8.0) for _ in range(top + 1, bottom)), end]
    for level, bend in enumerate(chain[1:-1], start=top + 1):
        layers[level].append(bend)
    for a, b in zip(chain, chain[1:], strict=False):
        a.after.append(b)
        b.before.append(a)
    return chain


def _uncross(layers: list[list[Box]]) -> None:
    """Order each layer by the mean place of its neighbours, down and up in turn."""
    for turn in range(8):
        down = turn % 2 == 0
        for layer in layers if down else reversed(layers):
            place = {id(box): i for row in layers for i, box in enumerate(row)}

            def mean(box: Box, down: bool = down, place: dict[int, int] = place) -> float:
                near = box.before if down else box.after
                return sum(place[id(b)] for b in near) / len(near) if near else place[id(box)]

            layer.sort(key=mean)


def _spread(layers: list[list[Box]]) -> None:
    """Give each box its x: near the mean of its neighbours, and clear of the boxes beside it."""
    for layer in layers:
        for left, right in zip(layer, layer[1:], strict=False):
            right.x = left.x + (left.width + right.width) / 2 + GAP
        middle = (layer[0].x + layer[-1].x) / 2
        for box in layer:
            box.x -= middle
    for turn in range(12):
        for layer in layers if turn % 2 else reversed(layers):
            for box in layer:
                near = box.before + box.after
                if near:
                    box.x = sum(b.x for b in near) / len(near)
            _apart(layer)


def _apart(layer: list[Box]) -> None:
    """Move boxes that overlap to both sides, keeping their order."""
    wanted = [box.x for box in layer]
    rightmost: list[float] = []
    for i, box in enumerate(layer):
        rightmost.append(wanted[i] if not i else max(wanted[i], rightmost[-1] + _room(layer[i - 1], box)))
    leftmost = list(wanted)
    for i in range(len(layer) - 2, -1, -1):
        leftmost[i] = min(wanted[i], leftmost[i + 1] - _room(layer[i], layer[i + 1]))
    for box, a, b in zip(layer, leftmost, rightmost, strict=True):
        box.x = (a + b) / 2


def _room(left: Box, right: Box) -> float:
    return (left.width + right.width) / 2 + GAP


def _measured(
    layers: list[list[Box]], boxes: dict[str, Box], chains: list[tuple[str, str, list[Box]]], turned: bool
) -> Layout:
    """Put the layers below each other, and everything where no coordinate is negative."""
    y = 2.0
    for layer in layers:
        tall = max(box.height for box in layer)
        for box in layer:
            box.y = y + tall / 2
        y += tall + BETWEEN
    left = min(box.x - box.width / 2 for layer in layers for box in layer) - 2
    right = max(box.x + box.width / 2 for layer in layers for box in layer) + 2
    for layer in layers:
        for box in layer:
            box.x -= left
    lines = [(a, b, _points(chain)) for a, b, chain in chains]
    width, height = right - left, y - BETWEEN + 2
    if turned:
        for box in boxes.values():
            box.x, box.y, box.width, box.height = box.y, box.x, box.height, box.width
        lines = [(a, b, [(q, p) for p, q in points]) for a, b, points in lines]
        width, height = height, width
    return Layout(list(boxes.values()), lines, width, height)


def _points(chain: list[Box]) -> list[tuple[float, float]]:
    """From the lower side of the first box through the bends to the upper side of the last."""
    first, last = chain[0], chain[-1]
    bends = [(box.x, box.y) for box in chain[1:-1]]
    return [(first.x, first.y + first.height / 2), *bends, (last.x, last.y - last.height / 2)]
