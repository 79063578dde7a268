"""Methods that compare, and logic on their results."""

from __future__ import annotations

from metagrad.autograd.variable import Variable
from metagrad.ops import comparison


class Comparison(Variable):
    """Methods that compare, and logic on their results."""

    __slots__ = ()

    eq, ne, lt, le = comparison.eq, comparison.ne, comparison.lt, comparison.le
    gt, ge = comparison.gt, comparison.ge
    logical_not = comparison.logical_not
    logical_and = comparison.logical_and
    logical_or = comparison.logical_or
    logical_xor = comparison.logical_xor
    bitwise_and = comparison.bitwise_and
    bitwise_or = comparison.bitwise_or
    bitwise_xor = comparison.bitwise_xor
    bitwise_not = comparison.bitwise_not
    isnan, isinf, isfinite = comparison.isnan, comparison.isinf, comparison.isfinite
    isclose, allclose, equal = comparison.isclose, comparison.allclose, comparison.equal
    is_nonzero = comparison.is_nonzero
    is_floating_point = comparison.is_floating_point
    is_complex = comparison.is_complex
    numel = nelement = comparison.numel
