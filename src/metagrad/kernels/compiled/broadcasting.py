"""A matrix and a row, or a column of numbers, one for each row; and the larger or smaller of two numbers.

NumPy computes these too, but begins anew at every row, or takes longer than for a sum.
"""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native

# ------------------------------------------------ a row r (M), with every row of x (N, M)


@native
def _sum(x: Array, row: Array, y: Array) -> None:
    for j in range(len(y)):
        y[j] = x[j] + row[j]


@native
def add_row(x: Array, row: Array, y: Array) -> None:
    """y = x + r."""
    for i in range(len(y)):
        _sum(x[i], row, y[i])


@native
def _difference(x: Array, row: Array, y: Array) -> None:
    for j in range(len(y)):
        y[j] = x[j] - row[j]


@native
def subtract_row(x: Array, row: Array, y: Array) -> None:
    """y = x − r."""
    for i in range(len(y)):
        _difference(x[i], row, y[i])


@native
def _product(x: Array, row: Array, y: Array) -> None:
    for j in range(len(y)):
        y[j] = x[j] * row[j]


@native
def multiply_row(x: Array, row: Array, y: Array) -> None:
    """y = x r."""
    for i in range(len(y)):
        _product(x[i], row, y[i])


@native
def _quotient(x: Array, row: Array, y: Array) -> None:
    for j in range(len(y)):
        y[j] = x[j] / row[j]


@native
def divide_by_row(x: Array, row: Array, y: Array) -> None:
    """y = x / r."""
    for i in range(len(y)):
        _quotient(x[i], row, y[i])


# ------------------------------------------------ a column c (N, 1), a number for each row of x (N, M)


@native
def add_column(x: Array, column: Array, y: Array) -> None:
    """y = x + c."""
    for i in range(len(y)):
        number = column[i, 0]
        for j in range(y.shape[1]):
            y[i, j] = x[i, j] + number


@native
def subtract_column(x: Array, column: Array, y: Array) -> None:
    """y = x − c."""
    for i in range(len(y)):
        number = column[i, 0]
        for j in range(y.shape[1]):
            y[i, j] = x[i, j] - number


@native
def multiply_column(x: Array, column: Array, y: Array) -> None:
    """y = x c."""
    for i in range(len(y)):
        number = column[i, 0]
        for j in range(y.shape[1]):
            y[i, j] = x[i, j] * number


@native
def divide_by_column(x: Array, column: Array, y: Array) -> None:
    """y = x / c."""
    for i in range(len(y)):
        number = column[i, 0]
        for j in range(y.shape[1]):
            y[i, j] = x[i, j] / number


# ------------------------------------------------ two vectors


@native
def maximum(a: Array, b: Array, y: Array) -> None:
    """y = the larger of a and b, nan where one is; all of one dimension."""
    for i in range(len(y)):
        v, w = a[i], b[i]
        larger = v if v >= w else w
        y[i] = v if v != v else larger


@native
def minimum(a: Array, b: Array, y: Array) -> None:
    """y = the smaller of a and b, nan where one is."""
    for i in range(len(y)):
        v, w = a[i], b[i]
        smaller = v if v <= w else w
        y[i] = v if v != v else smaller
