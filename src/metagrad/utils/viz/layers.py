"""A model's summary as a picture: its layers from the input down, each as wide as its share of the parameters."""

from __future__ import annotations

from html import escape
from math import log1p
from typing import TYPE_CHECKING

from metagrad.utils.summary import Row, Summary, summary
from metagrad.utils.viz.drawing import HEAD, STYLE

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module
    from metagrad.tensors.tensor import Tensor

__all__ = ["Layers", "layers"]

ROW, WIDTH, BAR = 26, 620, 150  # pixels: the height of a row, the width of the picture, and of the longest bar


class Layers:
    """What ``layers`` returns; a notebook shows it as a picture, and ``summary`` has its numbers."""

    def __init__(self, summary: Summary) -> None:
        self.summary = summary

    def svg(self) -> str:
        """The picture: name, kind and output of each layer, and a bar, on a logarithmic scale, for its own parameters."""
        rows = self.summary.rows
        longest = log1p(max(row.parameters for row in rows)) or 1.0
        label = f"a model of {len(rows)} layers with {self.summary.parameters:,} parameters"
        head = HEAD.format(width=WIDTH, height=ROW * (len(rows) + 1), label=escape(label))
        drawn = "".join(_row(row, i, longest) for i, row in enumerate(rows))
        total = f"{self.summary.parameters:,} parameters, {self.summary.trainable:,} trainable"
        end = f'<text x="{WIDTH - 8}" y="{ROW * len(rows) + 18}" text-anchor="end">{total}</text>'
        return f'{head}<g style="{STYLE}; text-anchor: inherit">{drawn}{end}</g></svg>'

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        return repr(self.summary)


def _row(row: Row, i: int, longest: float) -> str:
    y, indent = ROW * i + 18, 8 + 16 * row.depth
    name = row.name.rpartition(".")[2]
    title = escape(f"{name}: {row.kind}" if name else row.kind)
    output = escape(", ".join(str(list(shape)) for shape in row.shape or []))
    bar = BAR * log1p(row.parameters) / longest
    return (
        f'<line x1="0" x2="{WIDTH}" y1="{ROW * i + ROW}" y2="{ROW * i + ROW}" stroke="currentColor" opacity="0.15"/>'
        f'<text x="{indent}" y="{y}">{title}</text><text x="230" y="{y}" opacity="0.8">{output}</text>'
        f'<rect x="390" y="{y - 11}" width="{bar:.1f}" height="14" rx="3" opacity="0.25"/>'
        + (f'<text x="{WIDTH - 8}" y="{y}" text-anchor="end">{row.parameters:,}</text>' if row.parameters else "")
    )


def layers(model: Module, input: Tensor, *more: object, **named: object) -> Layers:
    """A picture of what a model consists of, seen on one forward pass: ``metagrad.summary``, drawn.

    >>> import metagrad
    >>> from metagrad import nn
    >>> picture = layers(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), metagrad.zeros(2, 4))
    >>> "0: Linear" in picture.svg() and "[2, 8]" in picture.svg()
    True
    """
    return Layers(summary(model, input, *more, **named))
