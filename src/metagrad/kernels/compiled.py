"""Kernels compiled by Numba, where NumPy would pass over its arrays many times: layer norm, the gradient of max pooling.

NumPy does one operation over a whole array, then the next. A loop that does all of them to one element before it goes on to
the next reads each number once, and Numba makes machine code of such a loop. It is optional: ``pip install
"metagrad[numba]"``. Where it is installed, large arrays take these; METAGRAD_NUMBA=0 in the environment keeps NumPy's. The
first call in a process compiles (a second or two, once for each dtype), or finds what an earlier process compiled.

Each function works on the rows or planes it is given and lets go of the interpreter lock, so threads can share the work.
Sums are in the dtype of the array, in an order that the compiler chooses; nan and infinity are what they are in NumPy.
"""

from __future__ import annotations

import functools
import os
from types import SimpleNamespace
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning


def kernels(like: Array) -> SimpleNamespace | None:
    """The compiled functions, if they are to be had for arrays such as this one."""
    if (
        like.__class__ is not np.ndarray
        or like.size < tuning.COMPILED_WORTH
        or like.dtype not in (np.float32, np.float64)
    ):
        return None
    return _compiled()


@functools.cache
def _compiled() -> SimpleNamespace | None:
    if os.environ.get("METAGRAD_NUMBA") == "0":
        return None
    try:
        import numba
    except ImportError:
        return None
    settings: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}
    try:
        compiled = [numba.njit(cache=True, **settings)(function) for function in _FUNCTIONS]
    except RuntimeError:  # no folder can be written to
        compiled = [numba.njit(**settings)(function) for function in _FUNCTIONS]
    return SimpleNamespace(**{function.__name__: fast for function, fast in zip(_FUNCTIONS, compiled, strict=True)})


def layer_norm(x: Array, w: Array, b: Array, eps: Array, z: Array, y: Array, scale: Array) -> None:
    """z = w y + b, y = (x − μ) r, r = (σ² + ε)^−½ of rows x (N, M); eps (1)."""
    n, m = x.shape
    for i in range(n):
        total = x.dtype.type(0)
        for j in range(m):
            total += x[i, j]
        mean, squares = total / x.dtype.type(m), x.dtype.type(0)
        for j in range(m):
            d = x[i, j] - mean
            squares += d * d
        r = x.dtype.type(1) / np.sqrt(squares / x.dtype.type(m) + eps[0])
        scale[i, 0] = r
        for j in range(m):
            t = (x[i, j] - mean) * r
            y[i, j] = t
            z[i, j] = t * w[j] + b[j]


def layer_norm_backward(
    g: Array, w: Array, y: Array, scale: Array, grad_x: Array, grad_w: Array, grad_b: Array
) -> None:
    """The gradient of x from g, that of z; those of w and b are added to ``grad_w`` and ``grad_b``."""
    n, m = y.shape
    for i in range(n):
        along, total = y.dtype.type(0), y.dtype.type(0)
        for j in range(m):
            t = g[i, j] * w[j]
            along += t * y[i, j]
            total += t
        along /= y.dtype.type(m)
        mean, r = total / y.dtype.type(m), scale[i, 0]
        for j in range(m):
            grad_x[i, j] = r * (g[i, j] * w[j] - mean - y[i, j] * along)
            grad_w[j] += g[i, j] * y[i, j]
            grad_b[j] += g[i, j]


def to_winners(g: Array, rows: Array, columns: Array, windows: Array, x: Array) -> None:
    """Add the elements of g (R, O, P) to planes x (R, H, W), each where its window had its largest element.

    rows (R, O, P): which of the window's rows that was; columns (R, H, P): which element of each row was the row's largest.
    windows (2, 3): stride, padding in front and dilation of each axis.
    """
    stride_h, low_h, apart_h = windows[0]
    stride_w, low_w, apart_w = windows[1]
    for p in range(g.shape[0]):
        for i in range(g.shape[1]):
            for j in range(g.shape[2]):
                h = i * stride_h - low_h + rows[p, i, j] * apart_h
                x[p, h, j * stride_w - low_w + columns[p, h, j] * apart_w] += g[p, i, j]


_FUNCTIONS = (layer_norm, layer_norm_backward, to_winners)
