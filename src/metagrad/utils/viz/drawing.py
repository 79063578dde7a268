"""A laid-out graph as SVG. It takes the colour of the text around it, so that it suits a light page and a dark one."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metagrad.utils.viz.layout import Box, Layout

STYLE = (
    "font-family: ui-sans-serif, system-ui, sans-serif; font-size: 12px; "
    "fill: currentColor; stroke: none; text-anchor: middle"
)
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
    'height="{height:.0f}" style="max-width: 100%; height: auto" role="img" aria-label="{label}">'
)
ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="currentColor"/></marker></defs>'
)


def svg(layout: Layout, label: str = "the graph of a computation") -> str:
    """The picture as a text."""
    parts = [HEAD.format(width=layout.width, height=layout.height, label=escape(label)), ARROW]
    for _, _, points in layout.lines:
        parts.append(f'<path d="{path(points)}" fill="none" stroke="currentColor" marker-end="url(#arrow)"/>')
    parts.append(f'<g style="{STYLE}">')
    parts += [_box(box) for box in layout.boxes]
    return "".join([*parts, "</g></svg>"])


def path(points: list[tuple[float, float]]) -> str:
    """A line through points, as the ``d`` of an SVG path.

    >>> path([(0, 0), (3, 5.25)])
    'M0 0L3 5.2'
    """
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in points)


def _short(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


def _box(box: Box) -> str:
    assert box.vertex is not None
    lines = box.vertex.lines
    left, top = box.x - box.width / 2, box.y - box.height / 2
    leaf = ' stroke-width="2"' if not box.vertex.op else ""
    parts = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="6" fill="none" '
        f'stroke="currentColor"{leaf}/>'
    ]
    for i, line in enumerate(lines):
        y = box.y + (i - (len(lines) - 1) / 2) * 16 + 4
        weight = ' font-weight="600"' if i == 0 else ""
        parts.append(f'<text x="{box.x:.1f}" y="{y:.1f}"{weight}>{escape(line)}</text>')
    return "".join(parts)
