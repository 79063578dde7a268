"""A table of word vectors, laid flat, as it is learned."""

from typing import Any

import numpy as np

from docs.pictures import INK, Picture, axes, moving, still

COLOURS = {"animal": "#c2410c", "person": "#1d4ed8", "food": "#15803d", "place": "#7e22ce"}


def embedding(tables: list[Any], number: dict[str, int], kinds: dict[str, str]) -> Picture:
    """The picture. tables: (V, D) after each epoch; number: the row of each word; kinds: of each word to be shown."""
    words = [word for word in kinds if word in number]
    rows = [number[word] for word in words]
    last = tables[-1][rows]
    directions = np.linalg.svd(last - last.mean(0), full_matrices=False)[2][:2].T
    frames = [((table[rows] - last.mean(0)) @ directions).round(3) for table in tables]
    data = {
        "words": words,
        "kinds": [kinds[word] for word in words],
        "frames": [frame.tolist() for frame in frames],
        "size": round(float(np.abs(frames[-1]).max() * 1.08), 3),
    }
    says = "The vectors of all nouns along the two directions in which they differ most, a colour for each kind, after each epoch."
    return moving("embedding", data, at_the_end(words, kinds, frames[-1]), says)


def at_the_end(words: list[str], kinds: dict[str, str], points: Any) -> str:
    """The map after the last epoch."""
    figure, ax = axes(6, 5)
    for word, (x, y) in zip(words, points, strict=True):
        ax.text(x, y, word, color=COLOURS[kinds[word]], fontsize=7, ha="center", va="center")
    ax.set(
        xlim=(points[:, 0].min() - 0.3, points[:, 0].max() + 0.3),
        ylim=(points[:, 1].min() - 0.3, points[:, 1].max() + 0.3),
    )
    for n, (kind, colour) in enumerate(COLOURS.items()):
        ax.text(0.01, 0.98 - 0.05 * n, kind, color=colour, transform=ax.transAxes)
    ax.tick_params(colors=INK)
    return still(figure)
