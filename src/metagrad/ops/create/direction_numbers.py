"""Direction numbers of Sobol sequences, by the recurrence of primitive polynomials over the field of two elements.

Dimension j has a polynomial x^s + a_1 x^(s-1) + ... + a_(s-1) x + 1, written as the number whose bits are its coefficients, and
s odd initial numbers m_1, ..., m_s with m_k < 2^k. Bratley and Fox, Algorithm 659, ACM Transactions on Mathematical
Software 14, 1988, go on from there:

    m_k = m_(k-s) XOR 2^s m_(k-s) XOR 2 a_1 m_(k-1) XOR ... XOR 2^(s-1) a_(s-1) m_(k-s+1)

The polynomials and initial numbers are new-joe-kuo-6.21201 of Joe and Kuo, Constructing Sobol sequences with better
two-dimensional projections, SIAM Journal on Scientific Computing 30, 2008: for up to 64 dimensions from the table here, for
up to 21201 from the file that comes with SciPy.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from metagrad.base.optional import need
from metagrad.base.typing import Array

BITS = 30
"""Binary digits of a coordinate: a sequence has 2^30 points."""

# The polynomial of each dimension from the second on, and behind the colon its initial numbers.
_TABLE = """
3: 1; 7: 1 3; 11: 1 3 1; 13: 1 1 1; 19: 1 1 3 3; 25: 1 3 5 13; 37: 1 1 5 5 17; 41: 1 1 5 5 5; 47: 1 1 7 11 19;
55: 1 1 5 1 1; 59: 1 1 1 3 11; 61: 1 3 5 5 31; 67: 1 3 3 9 7 49; 91: 1 1 1 15 21 21; 97: 1 3 1 13 27 49; 103: 1
1 1 15 7 5; 109: 1 3 1 15 13 25; 115: 1 1 5 5 19 61; 131: 1 3 7 11 23 15 103; 137: 1 3 7 13 13 15 69; 143: 1 1 3
13 7 35 63; 145: 1 3 5 9 1 25 53; 157: 1 3 1 13 9 35 107; 167: 1 3 1 5 27 61 31; 171: 1 1 5 11 19 41 61; 185: 1
3 5 3 3 13 69; 191: 1 1 7 13 1 19 1; 193: 1 3 7 5 13 19 59; 203: 1 1 3 9 25 29 41; 211: 1 3 5 13 23 1 55; 213: 1
3 7 3 13 59 17; 229: 1 3 1 3 5 53 69; 239: 1 1 5 5 23 33 13; 241: 1 1 7 7 1 61 123; 247: 1 1 7 9 13 61 49; 253:
1 3 3 5 3 55 33; 285: 1 3 1 15 31 13 49 245; 299: 1 3 5 15 31 59 63 97; 301: 1 3 1 11 11 11 77 249; 333: 1 3 1
11 27 43 71 9; 351: 1 1 7 15 21 11 81 45; 355: 1 3 7 3 25 31 65 79; 357: 1 3 1 1 19 11 3 205; 361: 1 1 5 9 19 21
29 157; 369: 1 3 7 11 1 33 89 185; 391: 1 3 3 3 15 9 79 71; 397: 1 3 7 11 15 39 119 27; 425: 1 1 3 1 11 31 97
225; 451: 1 1 1 3 23 43 57 177; 463: 1 3 7 7 17 17 37 71; 487: 1 3 1 5 27 63 123 213; 501: 1 1 3 5 11 43 53 133;
529: 1 3 5 5 29 17 47 173 479; 539: 1 3 3 11 3 1 109 9 69; 545: 1 1 1 5 17 39 23 5 343; 557: 1 3 1 5 25 15 31
103 499; 563: 1 1 1 11 11 17 63 105 183; 601: 1 1 5 11 9 29 97 231 363; 607: 1 1 5 15 19 45 41 7 383; 617: 1 3 7
7 31 19 83 137 221; 623: 1 1 1 3 23 15 111 223 83; 631: 1 1 5 13 31 15 55 25 161; 637: 1 1 3 13 25 47 39 87 257
"""


def directions(dimension: int) -> Array:
    """Direction numbers (dimension, 30), int64: number k of a dimension is m_k 2^(30-k).

    Raises MissingExtra for more dimensions than the table has if SciPy is not installed.

    >>> directions(3)[:, :3] >> 27
    array([[4, 2, 1],
           [4, 6, 5],
           [4, 6, 3]])
    """
    rows = [[1] * BITS] + [_recurrence(p, start) for p, start in _polynomials(dimension)]
    return np.array(rows, np.int64) << np.arange(BITS - 1, -1, -1)


def _recurrence(polynomial: int, start: list[int]) -> list[int]:
    """m_1 to m_30 of one dimension."""
    m, degree = list(start), len(start)
    while len(m) < BITS:
        new = m[-degree] ^ m[-degree] << degree
        for i in range(1, degree):
            if polynomial >> degree - i & 1:
                new ^= m[-i] << i
        m.append(new)
    return m


def _polynomials(dimension: int) -> list[tuple[int, list[int]]]:
    """Polynomial and initial numbers of each dimension after the first."""
    lines = [entry.split(":") for entry in _TABLE.split(";")]
    if dimension > len(lines) + 1:
        return _from_scipy(dimension)
    return [(int(p), [int(m) for m in start.split()]) for p, start in lines[: dimension - 1]]


def _from_scipy(dimension: int) -> list[tuple[int, list[int]]]:
    """The same of SciPy's file, which has a row of zero-padded initial numbers for each dimension."""
    folder = need("scipy.stats", extra="scipy").__path__[0]
    with np.load(Path(folder) / "_sobol_direction_numbers.npz", allow_pickle=False) as file:
        polynomials, initial = file["poly"][1:dimension].tolist(), file["vinit"][1:dimension].tolist()
    return [(p, row[: p.bit_length() - 1]) for p, row in zip(polynomials, initial, strict=True)]
