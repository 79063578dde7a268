"""Elements and rows taken, put and added by their number, and numbers made of indices that may count from the end.

Numbers come as unsigned integers, of which none is negative: for a signed one, each step would first ask from which end it counts.
What is only moved is moved as bits: arrays of all dtypes come as unsigned integers of their width.
"""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_inlined


@native
def number(index: Array, numbers: Array, wrong: Array, extent: int) -> None:
    """numbersₖ = numbersₖ · extent + indexₖ, counted from the end where it is negative; wrong₀ = 1 if one is outside."""
    outside = False
    for k in range(len(index)):
        i = index[k] + extent if index[k] < 0 else index[k]
        outside |= i < 0 or i >= extent
        numbers[k] = numbers[k] * extent + i
    if outside:
        wrong[0] = 1


@native
def look_outside(index: Array, wrong: Array, low: int, count: int) -> None:
    """wrong₀ = 1 if an index is below ``low``, or ``count`` and more."""
    outside = False
    for k in range(len(index)):
        outside |= index[k] < low or index[k] >= count
    if outside:
        wrong[0] = 1


@native_inlined
def copy(x: Array, y: Array) -> None:
    """yⱼ = xⱼ."""
    for j in range(len(x)):
        y[j] = x[j]


# ------------------------------------------------ taken


@native
def take(numbers: Array, y: Array, x: Array) -> None:
    """yₖ = x[numbersₖ]."""
    for k in range(len(numbers)):
        y[k] = x[numbers[k]]


@native
def take_rows(y: Array, numbers: Array, x: Array) -> None:
    """y[k, j] = x[numbersₖ, j]; x (N, D), y (K, D)."""
    for k in range(len(numbers)):
        copy(x[numbers[k]], y[k])


@native
def take_in_each(x: Array, y: Array, numbers: Array) -> None:
    """y[o, k] = x[o, numbersₖ]; x (O, N), y (O, K)."""
    for o in range(len(y)):
        for k in range(len(numbers)):
            y[o, k] = x[o, numbers[k]]


# ------------------------------------------------ put


@native
def put(y: Array, numbers: Array, x: Array) -> None:
    """y[numbersₖ] = xₖ, the last one where a number comes twice; of one element x, that one."""
    step = 1 if len(x) > 1 else 0
    for k in range(len(numbers)):
        y[numbers[k]] = x[k * step]


@native
def find_last(numbers: Array, last: Array) -> None:
    """lastₙ = the last k with numbersₖ = n; what no number names stays as it is."""
    for k in range(len(numbers)):
        last[numbers[k]] = k


@native
def put_rows(y: Array, last: Array, x: Array) -> None:
    """y[n, j] = x[lastₙ, j] where lastₙ is not negative; y (N, D), x (K, D)."""
    for n in range(len(y)):
        if last[n] >= 0:
            copy(x[last[n]], y[n])


@native
def put_in_each(y: Array, x: Array, numbers: Array) -> None:
    """y[o, numbersₖ] = x[o, k], the last one where a number comes twice; y (O, N), x (O, K)."""
    for o in range(len(y)):
        for k in range(len(numbers)):
            y[o, numbers[k]] = x[o, k]


# ------------------------------------------------ added


@native
def add(y: Array, numbers: Array, x: Array) -> None:
    """y[numbersₖ] += xₖ, in the order of k."""
    for k in range(len(numbers)):
        y[numbers[k]] += x[k]


@native
def add_in_each(y: Array, x: Array, numbers: Array) -> None:
    """y[o, numbersₖ] += x[o, k], in the order of k; y (O, N), x (O, K)."""
    for o in range(len(y)):
        for k in range(len(numbers)):
            y[o, numbers[k]] += x[o, k]
