"""One graph, and its nodes visited in three orders."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from docs.pictures import Picture, moving
from docs.pictures.flow import drawn, spell
from metagrad import Tensor, viz
from metagrad.utils.viz.drawing import svg
from metagrad.utils.viz.graph import places, sources

Slopes = dict[str, list[tuple[str, float]]]  # of each box: what it was made from, and its slope towards that
Visit = tuple[str, float]  # the box, and what it hands on


def recursion(slopes: Slopes, last: str) -> Iterator[Visit]:
    """Each path by itself."""

    def visit(key: str, g: float) -> Iterator[Visit]:
        yield key, g
        for source, slope in slopes[key]:
            yield from visit(source, g * slope)

    yield from visit(last, 1.0)


def queue(slopes: Slopes, last: str) -> Iterator[Visit]:
    """First come, first served: each box once, when its turn comes."""
    arrived, waiting, seen = {last: 1.0}, deque([last]), {last}
    while waiting:
        key = waiting.popleft()
        yield key, arrived[key]
        for source, slope in slopes[key]:
            arrived[source] = arrived.get(source, 0.0) + arrived[key] * slope
            if source not in seen:
                seen.add(source)
                waiting.append(source)


def youngest_first(slopes: Slopes, last: str) -> Iterator[Visit]:
    """Each box once, after all that used it; ``slopes`` has the youngest first."""
    arrived = {last: 1.0}
    for key, made_from in slopes.items():
        yield key, arrived[key]
        for source, slope in made_from:
            arrived[source] = arrived.get(source, 0.0) + arrived[key] * slope


ORDERS: dict[str, Callable[[Slopes, str], Iterator[Visit]]] = {
    "recursion": recursion,
    "first come, first served": queue,
    "youngest first": youngest_first,
}


def orders(root: Tensor, names: dict[str, Tensor], seen: viz.Watch, says: str) -> Picture:
    """The picture: boxes and lines, and the visits of each order."""
    graph = viz.graph(root, names=names, watch=seen)
    label = {vertex.key: vertex.label for vertex in graph.vertices}
    slopes = slopes_of(root, seen, graph)
    spell(graph, root, seen)
    (leaf,) = [key for key, made_from in slopes.items() if not made_from]
    right = next(iter(names.values())).grad
    assert right is not None
    ways = []
    for name, order in ORDERS.items():
        visits = list(order(slopes, graph.vertices[0].key))
        total = sum(g for key, g in visits if key == leaf)
        assert (abs(total - right.item()) < 1e-12) == (order is not queue)
        said = [
            f"{label[key]} hands on {g:.4g}." if slopes[key] else f"{label[key]} gets {g:.4g}." for key, g in visits
        ]
        verdict = "right" if order is not queue else f"wrong: it should be {right.item():.4g}"
        said[-1] += f" {len(visits)} visits in all; ∂{label[leaf]} = {total:.4g}, which is {verdict}."
        ways.append({"name": name, "visits": [key for key, _ in visits], "says": said})
    layout = graph.layout()
    return moving("order", {**drawn(layout), "ways": ways}, svg(layout, says), says)


def slopes_of(root: Tensor, seen: viz.Watch, graph: viz.Graph) -> Slopes:
    """The slopes between boxes, from what the backward pass was seen to send."""
    keys = {id(place): vertex.key for place, vertex in zip(places(root), graph.vertices, strict=True)}
    slopes: Slopes = {vertex.key: [] for vertex in graph.vertices}
    for step in seen.steps:
        sent: list[Any] = [g for edge, g in zip(step.node.edges, step.sent, strict=True) if edge is not None]
        given = float(step.given) if step.given is not None else 0.0
        slopes[keys[id(step.node)]] = [
            (keys[id(place)], float(g) / given) for place, g in zip(sources(step.node), sent, strict=True)
        ]
    return slopes
