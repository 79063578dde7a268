"""A gradient of a whole matrix, and the sum that the row which was copied gets."""

from html import escape

import numpy as np

from docs.pictures import Still

SIZE = 44


def broadcast(g: np.ndarray) -> Still:
    """The gradient of X + b as a grid, forward copies of b to its left, and the column sums below."""
    rows, columns = g.shape
    wide, shift = SIZE * columns, SIZE * columns + 70
    height = SIZE * rows + 120
    parts = [_title(wide / 2, 14, "forward: b is copied"), _title(shift + wide / 2, 14, "backward: ∂Y is added up")]
    top = 30
    letters = [[f"b{'₁₂₃₄₅'[j]}" for j in range(columns)] for _ in range(rows)]
    parts += _grid(0, top + SIZE + 30, letters, 0.5)
    parts += _grid(0, top, letters[:1], 1.0)
    parts += _grid(shift, top, [[f"{v:g}" for v in row] for row in g], 0.5)
    parts += _grid(shift, top + rows * SIZE + 30, [[f"{v:g}" for v in g.sum(axis=0)]], 1.0)
    for j in range(columns):
        parts.append(_arrow(SIZE * (j + 0.5), top + SIZE + 4, top + SIZE + 26))
        parts.append(_arrow(shift + SIZE * (j + 0.5), top + rows * SIZE + 4, top + rows * SIZE + 26))
    text = "".join(parts)
    says = (
        "Left: one row b is copied to each row of the result. Right: the gradients of these rows add up to that of b."
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-2 0 {shift + wide + 4} {height}" width="{shift + wide + 4}" '
        f'height="{height}" role="img" aria-label="{escape(says)}"><defs><marker id="down" viewBox="0 0 8 8" refX="7" refY="4" '
        f'markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="currentColor"/></marker></defs>{text}</svg>'
    )
    return Still(svg, says)


def _title(x: float, y: float, words: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle" font-weight="600">{words}</text>'


def _arrow(x: float, start: float, end: float) -> str:
    return f'<path d="M{x} {start}V{end}" stroke="currentColor" marker-end="url(#down)"/>'


def _grid(left: float, top: float, words: list[list[str]], opacity: float) -> list[str]:
    return [
        f'<rect x="{left + SIZE * j}" y="{top + SIZE * i}" width="{SIZE}" height="{SIZE}" fill="none" stroke="currentColor" '
        f'stroke-opacity="{opacity}"/><text x="{left + SIZE * (j + 0.5)}" y="{top + SIZE * (i + 0.5) + 4}" '
        f'text-anchor="middle">{word}</text>'
        for i, row in enumerate(words)
        for j, word in enumerate(row)
    ]
