"""Methods that compare, and logic on their results."""

from __future__ import annotations

from metagrad.ops.pointwise import bitwise, comparison
from metagrad.ops.shape import properties
from metagrad.tensors.methods.base import OpMethods, in_place
from metagrad.tensors.methods.operators import operator


class ComparisonMethods(OpMethods):
    """Methods that compare, and logic on their results."""

    __slots__ = ()

    eq = comparison.eq
    ne = not_equal = comparison.ne
    lt = less = comparison.lt
    le = less_equal = comparison.le
    gt = greater = comparison.gt
    ge = greater_equal = comparison.ge
    logical_not = comparison.logical_not
    logical_and = comparison.logical_and
    logical_or = comparison.logical_or
    logical_xor = comparison.logical_xor
    bitwise_and = bitwise.bitwise_and
    bitwise_or = bitwise.bitwise_or
    bitwise_xor = bitwise.bitwise_xor
    bitwise_not = bitwise.bitwise_not
    isnan, isinf, isfinite = comparison.isnan, comparison.isinf, comparison.isfinite
    isclose, allclose, equal = comparison.isclose, comparison.allclose, comparison.equal
    is_nonzero = properties.is_nonzero

    # in place: the tensor keeps its dtype, with 1 for true and 0 for false
    eq_ = in_place(comparison.eq, converts=True)
    ne_ = not_equal_ = in_place(comparison.ne, converts=True)
    lt_ = less_ = in_place(comparison.lt, converts=True)
    le_ = less_equal_ = in_place(comparison.le, converts=True)
    gt_ = greater_ = in_place(comparison.gt, converts=True)
    ge_ = greater_equal_ = in_place(comparison.ge, converts=True)
    logical_not_ = in_place(comparison.logical_not, converts=True)
    logical_and_ = in_place(comparison.logical_and, converts=True)
    logical_or_ = in_place(comparison.logical_or, converts=True)
    logical_xor_ = in_place(comparison.logical_xor, converts=True)
    bitwise_and_ = in_place(bitwise.bitwise_and)
    bitwise_or_ = in_place(bitwise.bitwise_or)
    bitwise_xor_ = in_place(bitwise.bitwise_xor)
    bitwise_not_ = in_place(bitwise.bitwise_not)
    __iand__, __ior__, __ixor__ = operator(bitwise_and_), operator(bitwise_or_), operator(bitwise_xor_)
