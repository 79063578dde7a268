"""The operators: ``x + y``, ``x < y``, ``x[i]``.

Where the other operand is neither a tensor nor an array nor a number, an operator leaves the answer to that operand, as
Python has it: its reflected operator, or for ``==`` False.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from metagrad.autograd.variable import Variable
from metagrad.base.later import made
from metagrad.base.typing import Array, Operand
from metagrad.ops.arguments import without_out
from metagrad.ops.index import indexing
from metagrad.ops.linalg import matmul
from metagrad.ops.operands import NotAnOperand, operands
from metagrad.ops.pointwise import arithmetic, bitwise, comparison, division, signs
from metagrad.ops.pointwise.arithmetic import Add, Mul
from metagrad.tensors.methods.base import OpMethods

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def operator(op: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """An op as an operator: where the other operand is neither tensor nor number, Python asks that operand.

    >>> import metagrad
    >>> metagrad.tensor([1, 2]) - 1
    tensor([0, 1])
    """
    op = without_out(made(op))

    def apply(self: Tensor, other: object) -> Tensor:
        try:
            return op(self, other)
        except NotAnOperand:
            return NotImplemented

    return apply


def reflected(op: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """An op as the operator for a tensor on the right.

    >>> import metagrad
    >>> 2 ** metagrad.tensor([1, 2])
    tensor([2, 4])
    """
    op = without_out(op)
    return operator(lambda self, other: op(other, self))


class OperatorMethods(OpMethods):
    """The operators."""

    __slots__ = ()
    __hash__ = Variable.__hash__

    def __add__(self, other: Operand | Array) -> Tensor:
        try:
            x, y = operands(self, other)
            return Add.apply(x, y)
        except NotAnOperand:
            return NotImplemented

    def __mul__(self, other: Operand | Array) -> Tensor:
        try:
            x, y = operands(self, other, True)
            return Mul.apply(x, y)
        except NotAnOperand:
            return NotImplemented

    __radd__, __rmul__ = __add__, __mul__
    __sub__, __rsub__ = operator(arithmetic.sub), operator(arithmetic.rsub)
    __truediv__, __rtruediv__ = operator(division.div), operator(division.rdiv)
    __floordiv__, __rfloordiv__ = operator(division.floor_divide), reflected(division.floor_divide)
    __mod__, __rmod__ = operator(division.remainder), reflected(division.remainder)
    __pow__, __rpow__ = operator(arithmetic.pow), reflected(arithmetic.pow)
    __matmul__, __rmatmul__ = operator(matmul.matmul), reflected(matmul.matmul)
    __rdiv__ = __rtruediv__
    __neg__ = arithmetic.neg
    __pos__ = arithmetic.positive
    __abs__ = signs.abs

    def __invert__(self) -> Tensor:
        try:
            return bitwise.bitwise_not(cast("Tensor", self))
        except NotImplementedError as error:  # as Python's own ~ 1.5
            raise TypeError(str(error)) from None

    __and__ = __rand__ = operator(bitwise.bitwise_and)
    __or__ = __ror__ = operator(bitwise.bitwise_or)
    __xor__ = __rxor__ = operator(bitwise.bitwise_xor)
    __eq__, __ne__ = operator(comparison.eq), operator(comparison.ne)
    __lt__, __le__ = operator(comparison.lt), operator(comparison.le)
    __gt__, __ge__ = operator(comparison.gt), operator(comparison.ge)
    __lshift__, __rshift__ = operator(bitwise.bitwise_left_shift), operator(bitwise.bitwise_right_shift)
    __rlshift__, __rrshift__ = reflected(bitwise.bitwise_left_shift), reflected(bitwise.bitwise_right_shift)
    __getitem__ = indexing.getitem
    __setitem__ = indexing.setitem
