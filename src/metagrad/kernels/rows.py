"""Work on the rows of a matrix, in pieces that a core's own cache holds, shared out to the threads."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from metagrad.kernels.threads import get_num_threads, run_on_threads

PIECE = 1 << 15  # elements
WORTH_THREADS = 1 << 17  # elements


def by_rows(work: Callable[[slice], Any], rows: int, columns: int) -> list[Any]:
    """``work(rows)`` for all pieces, each a slice of rows; the results in order."""
    step = max(1, PIECE // max(columns, 1))
    pieces = [slice(start, min(start + step, rows)) for start in range(0, rows, step)]
    count = get_num_threads() if rows * columns >= WORTH_THREADS else 1
    shares = [pieces[len(pieces) * k // count : len(pieces) * (k + 1) // count] for k in range(count)]
    jobs = [functools.partial(_all, work, share) for share in shares if share]
    return [result for results in run_on_threads(jobs) for result in results]


def _all(work: Callable[[slice], Any], share: list[slice]) -> list[Any]:
    return [work(piece) for piece in share]
