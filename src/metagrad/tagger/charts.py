"""Charts of a report as SVG, drawn here: lines or bars over two axes with round numbers. No library is needed for that.

A value v of an axis from ``low`` to ``high`` stands at the share (v − low) / (high − low) of its length, or, on a logarithmic axis,
that of their logarithms.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 430, 260  # pixels of a chart
LEFT, RIGHT, TOP, BOTTOM = 66, 12, 12, 46  # of them for numbers and words
COLOURS = ("#1f77b4", "#ff7f0e")
Points = Sequence[tuple[float, float]]


class Axis(NamedTuple):
    """An axis: what its numbers are, and from where to where they go."""

    name: str
    low: float
    high: float
    is_log: bool = False
    is_whole: bool = False  # numbers between whole ones mean nothing

    def share(self, value: float) -> float:
        """Where a value stands, from 0 to 1.

        >>> Axis("", 0, 4).share(1), Axis("", 1, 100, is_log=True).share(10)
        (0.25, 0.5)
        """
        low, high, value = (math.log(v) if self.is_log else v for v in (self.low, self.high, max(value, self.low)))
        return (value - low) / ((high - low) or 1)

    def numbers(self) -> list[float]:
        """The round numbers that are written beside it."""
        if self.is_log:
            powers = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            return [10.0**power for power in powers]
        step = round_step((self.high - self.low) or 1)
        step = max(step, 1) if self.is_whole else step
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]


def round_step(length: float) -> float:
    """A step of 1, 2 or 5 times a power of ten, of which the length has 4 to 10.

    >>> round_step(1.0), round_step(30), round_step(0.07)
    (0.2, 5.0, 0.01)
    """
    power = 10.0 ** math.floor(math.log10(length / 4))
    return max(step * power for step in (1, 2, 5) if step * power <= length / 4 * (1 + 1e-9))


def around(values: Sequence[float]) -> tuple[float, float]:
    """From where to where an axis goes that shows these values: a little farther than they do.

    >>> around([1.0, 3.0])
    (0.9, 3.1)
    """
    low, high = min(values), max(values)
    margin = (high - low) / 20 or abs(high) / 20 or 1.0
    return low - margin, high + margin


class Chart:
    """What is drawn over two axes, one thing after the other; ``svg`` is the picture."""

    def __init__(self, x: Axis, y: Axis) -> None:
        self.x, self.y, self.parts = x, y, list[str]()
        for value in x.numbers():
            self._line([(value, y.low), (value, y.high)], "#e4e4e4")
            self._text(self._at(value, y.low)[0], HEIGHT - BOTTOM + 16, f"{value:g}", "middle")
        for value in y.numbers():
            self._line([(x.low, value), (x.high, value)], "#e4e4e4")
            self._text(LEFT - 6, self._at(x.low, value)[1] + 4, f"{value:g}", "end")
        self._text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x.name, "middle")
        middle = (TOP + HEIGHT - BOTTOM) / 2
        self._text(14, middle, y.name, "middle", f' transform="rotate(-90 14 {middle:g})"')

    def _at(self, x: float, y: float) -> tuple[float, float]:
        """The pixels of a point."""
        across, up = self.x.share(x), self.y.share(y)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def _line(self, points: Points, colour: str, more: str = "") -> None:
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in (self._at(*point) for point in points))
        self.parts.append(f'<polyline points="{corners}" fill="none" stroke="{colour}"{more}/>')

    def _text(self, x: float, y: float, text: str, anchor: str, more: str = "") -> None:
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{html.escape(text)}</text>')

    def curve(self, points: Points, number: int = 0, name: str = "") -> None:
        """Points joined by a line, in the colour of this number; a name is written in the upper right corner."""
        colour = COLOURS[number]
        self._line(points, colour, ' stroke-width="1.6"')
        for x, y in (self._at(*point) for point in points):
            self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
        if name:
            self._text(WIDTH - RIGHT - 4, TOP + 14 + 16 * number, name, "end", f' style="fill:{colour}"')

    def diagonal(self) -> None:
        """A broken line from corner to corner."""
        self._line([(self.x.low, self.y.low), (self.x.high, self.y.high)], "#aaa", ' stroke-dasharray="5 4"')

    def bars(self, bars: Sequence[tuple[float, float, float]]) -> None:
        """Bars from x to x, as high as y."""
        for low, high, y in bars:
            (left, top), (right, bottom) = self._at(low, y), self._at(high, self.y.low)
            size = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
            self.parts.append(f'<rect {size} fill="{COLOURS[0]}" stroke="#fff"/>')

    def svg(self, says: str) -> str:
        """The picture, and for who does not see it what it shows."""
        box = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        return f'<svg {box} role="img" aria-label="{html.escape(says)}">{"".join(self.parts)}</svg>'
