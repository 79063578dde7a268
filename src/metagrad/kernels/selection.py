"""Choosing between numbers by their bits.

Which of two numbers to take is a jump to a processor, and where it cannot guess the condition each wrong guess costs it as much
as adding up fifty numbers. The bits of y ⊻ (c ∧ (x ⊻ y)), c being all ones or all zeros, are those of x where c, else of y:
three operations that have nothing to guess.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array, Number
from metagrad.kernels import tuning


def select(c: Array, x: Array | Number, y: Array | Number) -> Array:
    """``np.where(c, x, y)``: x where c, else y."""
    if c.__class__ is np.ndarray and c.dtype == bool and c.size >= tuning.SELECT_BY_BITS:
        # In a backward pass that is recorded there are tensors among them.
        arrays = [a for a in (x, y) if not isinstance(a, (int, float, complex, np.generic))]
        if all(a.__class__ is np.ndarray and a.shape in (c.shape, ()) for a in arrays):
            out = np.empty_like(c, np.result_type(x, y))
            select_into(out, c, x, y)
            return out
    return np.where(c, x, y)


def select_into(out: Array, c: Array, x: Array | Number, y: Array | Number) -> None:
    """x where c, else y, broadcast, written to ``out``."""
    if c.dtype != bool or c.shape != out.shape or out.dtype.itemsize > 8 or out.dtype.kind == "c":
        np.copyto(out, y)
        np.copyto(out, x, where=c)
        return
    kind = f"i{out.dtype.itemsize}"
    result, (x_bits, y_bits) = out.view(kind), (np.asarray(a, out.dtype).view(kind) for a in (x, y))
    if not x_bits.ndim and not x_bits:  # the number 0: its bits are nowhere set
        np.bitwise_and((c.view(np.int8) - np.int8(1)).astype(kind), y_bits, out=result)
        return
    bits = (-c.view(np.int8)).astype(kind)  # 0, or 1 everywhere
    if not y_bits.ndim and not y_bits:
        np.bitwise_and(bits, x_bits, out=result)
        return
    if np.may_share_memory(out, y_bits):
        bits &= x_bits ^ y_bits
        np.bitwise_xor(bits, y_bits, out=result)
        return
    np.bitwise_xor(x_bits, y_bits, out=result)
    np.bitwise_and(result, bits, out=result)
    np.bitwise_xor(result, y_bits, out=result)
