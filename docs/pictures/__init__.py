"""Pictures that move: numbers that metagrad made while the page was built, a still picture of them, and a script that moves it.

A code cell ends with ``moving("flow", data, still, "what it shows")``. The page then has a figure with the still picture, an SVG
text, and the data as JSON. ``_static/pictures/flow.js`` takes the still one's place where scripts run; in print, and where
they do not run, the still one stays. The numbers are in the page itself, so it also works from a file.

====================  ==================================================================
``broadcast.py``      a row that was copied, and the sum it gets
``costs.py``          what something costs as it grows, and the floors below it
``embedding.py``      a table of word vectors, laid flat, as it is learned
``flow.py``           a graph with the gradients flowing back, step by step
``packing.py``        sentences as rows of bricks: padded and packed
``surface.py``        a loss of two parameters as contours, and paths down it
``gates.py``          the gates of an LSTM over a sequence
``layers.py``         what the units of each layer say while they learn
``looking.py``        where a decoder looks before each of its words
``order.py``          one graph, and its nodes visited in three orders
====================  ==================================================================
"""

import io
import json
import re
from html import escape
from typing import Any

INK = "#123456"  # the colour that stands for the text's own while matplotlib draws


class Picture:
    """A moving picture, for a notebook to show."""

    def __init__(self, kind: str, data: object, still: str, says: str) -> None:
        self.kind, self.data, self.still, self.says = kind, data, still, says

    def _repr_html_(self) -> str:
        numbers = json.dumps(self.data, allow_nan=False, separators=(",", ":"), ensure_ascii=False).replace(
            "</", "<\\/"
        )
        return (
            f'<figure class="picture" data-kind="{self.kind}" aria-label="{escape(self.says)}">'
            f'<div class="still">{self.still}</div><figcaption>{escape(self.says)}</figcaption>'
            f'<script type="application/json">{numbers}</script></figure>'
        )


def moving(kind: str, data: object, still: str, says: str) -> Picture:
    """A picture moved by ``_static/pictures/KIND.js``. still: an SVG text. says: what one sees, in a sentence or two."""
    return Picture(kind, data, still, says)


def still(figure: Any) -> str:
    """A figure of matplotlib's as SVG, transparent, and in the text's own colour where it was drawn in ``INK``."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    return re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)


class Still:
    """A picture that does not move, for a notebook to show."""

    def __init__(self, svg: str, says: str) -> None:
        self.svg, self.says = svg, says

    def _repr_html_(self) -> str:
        return f'<figure class="picture" aria-label="{escape(self.says)}"><div class="still">{self.svg}</div></figure>'


def axes(width: float = 6.0, height: float = 3.2, columns: int = 1) -> Any:
    """A figure of matplotlib's and its axes, drawn in ``INK``."""
    import matplotlib.pyplot as plt

    colours = {
        f"{part}": INK for part in ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    }
    frame = {"axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none", "svg.hashsalt": "metagrad"}
    plt.rcParams.update({**colours, **frame, "font.size": 10, "font.family": "sans-serif", "legend.frameon": False})
    figure, ax = plt.subplots(1, columns, figsize=(width, height), layout="constrained")
    plt.close(figure)
    return figure, ax
