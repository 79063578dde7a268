"""Gates: one half of an array times the sigmoid of the other, by compiled loops or over chunks that the cache holds."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks, spread, threads_worth
from metagrad.kernels.compiled import pointwise as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.quicker import exponential
from metagrad.kernels.threads import get_num_threads

_GATE, _GATE_BACKWARD = compiled.gate, compiled.gate_backward  # which compiling leaves as they are here


def fits(x: Array) -> bool:
    """Whether these kernels serve an array: a large one, in order in memory."""
    if x.__class__ is not np.ndarray or x.dtype.char not in "fd" or not x.flags.carray:
        return False
    return x.size >= tuning.GATES_LARGE or use_compiled(x)


def gated(x: Array, axis: int) -> Array:
    """a σ(b), a and b the halves of x along a dimension; x fits."""
    y = np.empty([n // 2 if d == axis else n for d, n in enumerate(x.shape)], x.dtype)
    pairs = _pairs(x, axis)
    results = y.reshape(len(pairs), -1)
    if not use_compiled(x):
        _in_chunks(_gate_by_numpy, pairs, results)
    elif _are_rows(pairs):
        spread(compiled.gated_rows, [pairs, results])
    else:
        for (a, b), to in zip(pairs, results, strict=True):
            spread(_GATE, [a, b, to])
    return y


def gradient(x: Array, g: Array, axis: int) -> Array:
    """g σ(b) and g a σ(b) (1 − σ(b)), the halves of one array; x and g fit."""
    grad = np.empty_like(x)
    pairs, grads = _pairs(x, axis), _pairs(grad, axis)
    given = g.reshape(len(pairs), -1)
    if not use_compiled(x):
        _in_chunks(_gradient_by_numpy, pairs, given, grads)
    elif _are_rows(pairs):
        spread(compiled.gated_rows_backward, [pairs, given, grads])
    else:
        for (a, b), of, (grad_a, grad_b) in zip(pairs, given, grads, strict=True):
            spread(_GATE_BACKWARD, [a, b, of, grad_a, grad_b])
    return grad


def _gate_by_numpy(pairs: Array, y: Array) -> None:
    exponential(pairs[:, 1], -1.0, out=y)
    y += 1
    np.divide(pairs[:, 0], y, out=y)


def _gradient_by_numpy(pairs: Array, g: Array, grads: Array) -> None:
    """With d = 1 + e⁻ᵇ: g / d, and of that a (1 − 1/d)."""
    of_a, of_b = grads[:, 0], grads[:, 1]
    s = exponential(pairs[:, 1], -1.0)
    s += 1
    np.divide(1, s, out=s)
    np.multiply(g, s, out=of_a)
    np.subtract(1, s, out=s)
    s *= pairs[:, 0]
    np.multiply(of_a, s, out=of_b)


def _in_chunks(work: Callable[..., None], *arrays: Array) -> None:
    """``work`` of rows, or of columns where there are few rows, on all threads."""
    pairs = arrays[0]
    threads, axis = threads_worth(pairs.size, tuning.ROWS_WORTH_THREADS), 0 if _are_rows(pairs) else -1
    length = max(1, tuning.ROWS_CHUNK * pairs.shape[axis] // pairs.size)

    def some(chunk: slice) -> None:
        work(*[a[chunk] if axis == 0 else a[..., chunk] for a in arrays])

    with np.errstate(all="ignore"):
        map_chunks(some, even_chunks(pairs.shape[axis], length, threads), threads)


def _pairs(x: Array, axis: int) -> Array:
    """x as pairs of halves (N, 2, M)."""
    return x.reshape(math.prod(x.shape[:axis]), 2, -1)


def _are_rows(pairs: Array) -> bool:
    """Whether there are enough pairs for all threads."""
    return len(pairs) >= 4 * get_num_threads()
