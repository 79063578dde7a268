"""Where a decoder looks before each of its words."""

from typing import Any

import numpy as np

from docs.pictures import INK, Picture, axes, moving, still

Example = tuple[str, list[str], Any]


def looking(examples: list[Example]) -> Picture:
    """The picture. examples: what was read, a character a place; the words said; the weights (words, places), or more."""
    data = [
        {
            "source": list(source),
            "words": words,
            "weights": np.asarray(weights)[: len(words), : len(source)].round(3).tolist(),
        }
        for source, words, weights in examples
    ]
    says = "Where the network looks before each word: the darker a square, the more weight the digit has."
    return moving("looking", data, table(*examples[0]), says)


def table(source: str, words: list[str], weights: Any) -> str:
    """One example as a table of squares."""
    figure, ax = axes(4.5, 0.28 * len(words) + 0.8)
    ax.pcolormesh(np.asarray(weights)[: len(words), : len(source)], cmap="Blues", vmin=0, vmax=1)
    ax.invert_yaxis()
    ax.set_xticks(np.arange(len(source)) + 0.5, list(source))
    ax.set_yticks(np.arange(len(words)) + 0.5, words)
    ax.tick_params(colors=INK, length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    return still(figure)
