"""Images in another size: each number of a result is a weighted sum over a few rows, and in these over a few columns.

``rows`` (T, P) and ``columns`` (S, Q) number what is summed, with weights of the same shapes.
"""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native


@native
def _add_scaled(x: Array, c: float, y: Array) -> None:
    for j in range(len(x)):
        y[j] += c * x[j]


@native
def _scale(x: Array, c: float, y: Array) -> None:
    for j in range(len(x)):
        y[j] = c * x[j]


@native
def resampled(x: Array, y: Array, line: Array, rows: Array, of_rows: Array, columns: Array, of_columns: Array) -> None:
    """yₙₚ_q = Σₛ wₛ_q Σₜ vₜₚ x[n, rowsₜₚ, columnsₛ_q]; x (N, H, W), y (N, P, Q), line (N, W) to work in."""
    for n in range(len(x)):
        for p in range(y.shape[1]):
            _scale(x[n, rows[0, p]], of_rows[0, p], line[n])
            for t in range(1, len(rows)):
                _add_scaled(x[n, rows[t, p]], of_rows[t, p], line[n])
            to, of = y[n, p], line[n]
            for q in range(len(to)):
                to[q] = of_columns[0, q] * of[columns[0, q]]
            for s in range(1, len(columns)):
                for q in range(len(to)):
                    to[q] += of_columns[s, q] * of[columns[s, q]]


@native
def resampled_backward(
    g: Array, grad: Array, line: Array, rows: Array, of_rows: Array, columns: Array, of_columns: Array
) -> None:
    """The transpose, of g (N, P, Q), added to ``grad`` (N, H, W)."""
    for n in range(len(g)):
        for p in range(g.shape[1]):
            line[n, :] = 0
            of, to = g[n, p], line[n]
            for s in range(len(columns)):
                for q in range(len(of)):
                    to[columns[s, q]] += of_columns[s, q] * of[q]
            for t in range(len(rows)):
                _add_scaled(line[n], of_rows[t, p], grad[n, rows[t, p]])
