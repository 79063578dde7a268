"""SGD's and Adam's steps over large arrays in few passes: BLAS does y ← a x + b y in one, where NumPy needs three.

They are the formulas of ``sgd.py``, ``adam.py`` and ``by_element.py`` but for rounding, with the same arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.weighted_sum import add_weighted, has_weighted_sum


def are_for_blas(arrays: Sequence[Any]) -> bool:
    """Whether a parameter's arrays, of one dimension and contiguous, are of one dtype, long enough, and may be written."""
    first = arrays[0]
    if first.size < tuning.OPTIMIZER_BLAS_WORTH or not has_weighted_sum(first.dtype.char):
        return False
    return all(a is None or (a.dtype == first.dtype and (n == 1 or a.flags.writeable)) for n, a in enumerate(arrays))


def sgd_by_blas(
    p: Array, g: Array, b: Array | None, lr: float, weight_decay: float, momentum: float, keep: float, take: float,
    nesterov: bool, maximize: bool,
) -> None:  # fmt: skip
    """``sgd_step``; with its own g at last, p ← p − η (g + μ b) or p ← p − η b."""
    sign = -1.0 if maximize else 1.0
    if weight_decay:  # added to g first: as a factor of p, 1 - ηλ, a small one would be lost in rounding
        g, sign = _decayed(p, weight_decay, g, sign), 1.0
    if b is not None:
        add_weighted(b, take * sign, g, keep)
    if b is None or nesterov:
        add_weighted(p, -lr * sign, g)
    if b is not None:
        add_weighted(p, -lr * momentum if nesterov else -lr, b)


def adam_by_blas(
    p: Array, g: Array, m: Array, v: Array, largest: Array | None, formula: Callable[..., None], maximize: bool,
    decay: float, shrink: float, settings: tuple[float, ...],
) -> None:  # fmt: skip
    """``Adam.formula``, after the direction and the decay of the weights."""
    t, lr, beta1, beta2, eps = settings
    sign = -1.0 if maximize else 1.0
    if decay:
        g, sign = _decayed(p, decay, g, sign), 1.0
    kept = m.dtype.type(beta1).item()  # the factors' sum is 1, also of rounded ones
    add_weighted(m, sign * (1 - kept), g, kept)
    d = np.multiply(g, g)
    add_weighted(v, 1 - beta2, d, beta2)
    if largest is not None:
        v = np.maximum(largest, v, out=largest)
    root = math.sqrt(1 - beta2**t)
    np.sqrt(v, out=d)
    d += eps * root
    np.divide(m, d, out=d)
    add_weighted(p, -lr * root / (1 - beta1**t), d, 1 - shrink)


def _decayed(p: Array, decay: float, g: Array, sign: float) -> Array:
    """λ p + the gradient, or - it."""
    decayed: Array = np.multiply(p, decay)
    add_weighted(decayed, sign, g)
    return decayed
