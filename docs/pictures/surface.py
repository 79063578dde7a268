"""A loss of two parameters, as contours, and paths down it."""

from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from docs.pictures import Picture, axes, moving
from metagrad.utils.viz.drawing import path

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 360, 320, 40, 10, 40

Points = Sequence[tuple[float, float]]
Box = tuple[float, float, float, float]  # the first parameter from, to; the second from, to


def surface(
    loss: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ways: dict[str, Points],
    box: Box,
    names: tuple[str, str],
    says: str,
) -> Picture:
    """The picture. loss: of two arrays of parameters; ways: the points of each path, by its name; names: of the parameters."""
    u, v = np.meshgrid(np.linspace(*box[:2], 121), np.linspace(*box[2:], 121))
    values = loss(u, v)
    levels = values.min() + (values.max() - values.min()) * np.linspace(0.03, 1, 12) ** 2.5
    drawn, ax = axes()
    lines = [
        [_at(p, box) for p in line]
        for level in ax.contour(u, v, values, levels=levels).allsegs
        for line in level
        if len(line) > 1
    ]
    paths = [
        {
            "name": name,
            "points": [_at(p, box) for p in points],
            "losses": [float(f"{loss(*map(np.asarray, p)):.4g}") for p in points],
            "at": [[float(f"{q:.3g}") for q in p] for p in points],
        }
        for name, points in ways.items()
    ]
    frame = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "top": TOP, "bottom": BOTTOM}
    data = {**frame, "contours": [path(line) for line in lines], "ways": paths, "names": names, "ticks": _ticks(box)}
    return moving("surface", data, _still(lines, paths, names, says), says)


def _at(point: Sequence[float], box: Box) -> tuple[float, float]:
    """Where a point stands in the picture; one far outside stands just outside, for numbers may grow without bound."""
    x = LEFT + (WIDTH - LEFT) * (point[0] - box[0]) / (box[1] - box[0])
    y = TOP + (HEIGHT - TOP - BOTTOM) * (box[3] - point[1]) / (box[3] - box[2])
    return round(float(np.clip(x, -2000, 2000)), 1), round(float(np.clip(y, -2000, 2000)), 1)


def _ticks(box: Box) -> list[list[tuple[float, str]]]:
    return [
        [(_at((x, box[2]), box)[0], f"{x:g}") for x in _round_numbers(*box[:2])],
        [(_at((box[0], y), box)[1], f"{y:g}") for y in _round_numbers(*box[2:])],
    ]


def _round_numbers(low: float, high: float) -> list[float]:
    step = 10.0 ** np.floor(np.log10((high - low) / 2))
    step *= 2 if (high - low) / step > 8 else 1
    return [float(round(i * step, 6)) for i in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _still(lines: list[Points], paths: list[dict], names: tuple[str, str], says: str) -> str:  # type: ignore[type-arg]
    drawn = [f'<path d="{path(line)}" fill="none" stroke="currentColor" stroke-opacity="0.3"/>' for line in lines]
    for i, way in enumerate(paths):
        dash = ("", "5 3", "1 3", "8 3 1 3")[i % 4]
        drawn.append(
            f'<path d="{path(way["points"])}" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="{dash}"/>'
        )
    right, low = WIDTH - LEFT, HEIGHT - TOP - BOTTOM
    legend = "; ".join(
        f"{('solid', 'dashed', 'dotted', 'dash-dotted')[i % 4]}: {way['name']}" for i, way in enumerate(paths)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(says)}"><clipPath id="frame"><rect x="{LEFT}" y="{TOP}" width="{right}" height="{low}"/></clipPath>'
        f'<g clip-path="url(#frame)">{"".join(drawn)}</g>'
        f'<rect x="{LEFT}" y="{TOP}" width="{right}" height="{low}" fill="none" stroke="currentColor"/>'
        f'<text x="{LEFT + right / 2}" y="{HEIGHT - 22}" text-anchor="middle">{names[0]}</text>'
        f'<text x="{LEFT - 8}" y="{TOP + low / 2}" text-anchor="end">{names[1]}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 4}" font-size="10">{escape(legend)}</text></svg>'
    )
