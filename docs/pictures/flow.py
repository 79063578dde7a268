"""A graph with the gradients flowing back, step by step."""

from typing import Any

import numpy as np

from docs.pictures import Picture, moving
from metagrad import Tensor, viz
from metagrad.autograd.broadcasting import fitted
from metagrad.autograd.variable import Variable
from metagrad.utils.viz.drawing import svg
from metagrad.utils.viz.graph import places, shortened, sources
from metagrad.utils.viz.layout import Layout

SYMBOLS = {"Add": "+", "Sub": "−", "Mul": "·", "Div": "/", "MatMul": "@"}


def flow(root: Tensor, names: dict[str, Tensor], seen: viz.Watch, says: str) -> Picture:
    """The picture for a backward pass from ``root`` that was watched: ``seen`` is what ``viz.watch`` gave."""
    graph = viz.graph(root, names=names, watch=seen)
    spell(graph, root, seen)
    layout = graph.layout()
    data = {**drawn(layout), "steps": steps(root, names, seen, graph)}
    return moving("flow", data, svg(layout, says), says)


def drawn(layout: Layout) -> dict[str, Any]:
    """Boxes and lines, as a script draws them; the room for a box's gradient is there, and the script writes it."""
    boxes = [
        {
            "key": box.vertex.key,
            "x": round(box.x, 1),
            "y": round(box.y, 1),
            "width": round(box.width, 1),
            "height": round(box.height, 1),
            "lines": box.vertex.lines[:-1] if box.vertex.grad is not None else box.vertex.lines,
        }
        for box in layout.boxes
        if box.vertex is not None
    ]
    lines = [{"from": a, "to": b, "points": points} for a, b, points in layout.lines]
    return {"width": round(layout.width), "height": round(layout.height), "boxes": boxes, "lines": lines}


def spell(graph: viz.Graph, root: Tensor, seen: viz.Watch) -> None:
    """Call each box by its formula: p = w · x instead of p = Mul."""
    found = list(zip(graph.vertices, places(root), strict=True))
    name = {id(place): vertex.label for vertex, place in found if vertex.label != vertex.op}
    for vertex, place in found:
        if not isinstance(place, Variable):
            terms = [
                shortened(np.asarray(array)) if edge is None else name.get(id(edge), "…")
                for edge, array in zip(place.edges, seen.inputs[place], strict=True)
            ]
            symbol = SYMBOLS.get(vertex.op)
            formula = f" {symbol} ".join(terms) if symbol else f"{vertex.op.lower()} {', '.join(terms)}"
            vertex.label = formula if id(place) not in name else f"{vertex.label} = {formula}"
            vertex.op = ""


def steps(root: Tensor, names: dict[str, Tensor], seen: viz.Watch, graph: viz.Graph) -> list[dict[str, Any]]:
    """What each step of the backward pass shows: the node it visits, what that sends, and the sums so far."""
    keys = {id(place): vertex.key for place, vertex in zip(places(root), graph.vertices, strict=True)}
    label = {vertex.key: vertex.label.split(" = ")[0] for vertex in graph.vertices}
    start = keys[id(root.grad_fn)]
    sums: dict[str, Any] = {start: np.ones(root.shape)}
    shown = [
        {"visit": None, "sums": {}, "sent": {}, "says": "Forward: each box has its value."},
        {
            "visit": start,
            "sums": _texts(sums),
            "sent": {},
            "says": f"It starts with ∂{label[start]}/∂{label[start]} = 1.",
        },
    ]
    for step in seen.steps:
        sent = {}
        for edge, place, g in zip(_real(step.node), sources(step.node), _sent(step), strict=True):
            g = fitted(g, *_kind(edge))
            key = keys[id(place)]
            sums[key] = sums[key] + g if key in sums else g
            sent[key] = shortened(np.asarray(g)) if key not in sent else f"{sent[key]}, {shortened(np.asarray(g))}"
        visit = keys[id(step.node)]
        to = " and ".join(f"{text} to {label[key]}" for key, text in sent.items())
        shown.append({"visit": visit, "sums": _texts(sums), "sent": sent, "says": f"{label[visit]} sends {to}."})
    return shown


def _texts(sums: dict[str, Any]) -> dict[str, str]:
    return {key: shortened(np.asarray(value)) for key, value in sums.items()}


def _real(node: Any) -> list[Any]:
    return [edge for edge in node.edges if edge is not None]


def _sent(step: viz.Step) -> list[Any]:
    return [g for edge, g in zip(step.node.edges, step.sent, strict=True) if edge is not None]


def _kind(edge: Any) -> tuple[Any, Any]:
    place = edge.array if isinstance(edge, Variable) else edge
    return place.shape, place.dtype
