"""Gates: one half of an array times the sigmoid of the other, by compiled loops."""

from __future__ import annotations

import math

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.chunks import spread
from metagrad.kernels.compiled import pointwise as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.threads import get_num_threads

_GATE, _GATE_BACKWARD = compiled.gate, compiled.gate_backward  # which compiling leaves as they are here


def fits(x: Array) -> bool:
    """Whether compiled loops serve an array."""
    return use_compiled(x) and x.flags.carray


def gated(x: Array, axis: int) -> Array:
    """a σ(b), a and b the halves of x along a dimension; x fits."""
    y = np.empty([n // 2 if d == axis else n for d, n in enumerate(x.shape)], x.dtype)
    pairs = _pairs(x, axis)
    results = y.reshape(len(pairs), -1)
    if _are_rows(pairs):
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
    if _are_rows(pairs):
        spread(compiled.gated_rows_backward, [pairs, given, grads])
    else:
        for (a, b), of, (grad_a, grad_b) in zip(pairs, given, grads, strict=True):
            spread(_GATE_BACKWARD, [a, b, of, grad_a, grad_b])
    return grad


def _pairs(x: Array, axis: int) -> Array:
    """x as pairs of halves (N, 2, M)."""
    return x.reshape(math.prod(x.shape[:axis]), 2, -1)


def _are_rows(pairs: Array) -> bool:
    """Whether there are enough pairs for all threads."""
    return len(pairs) >= 4 * get_num_threads()
