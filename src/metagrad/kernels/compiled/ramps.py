"""Numbers at equal distances, each from its index, so that rounding does not pile up; bit for bit what NumPy's passes give."""

from __future__ import annotations

from metagrad.base.typing import Array, Number
from metagrad.kernels.compiled.compiler import native_exact


@native_exact
def ramp(y: Array, start: int, by: Number, first: Number) -> None:
    """yᵢ = (start + i) by + first, in int64 or float64, as ``by`` is; then rounded to the dtype of y."""
    for i in range(len(y)):
        y[i] = (start + i) * by + first
