"""The bits of integers: and, or, exclusive or, complement, shifts. No gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.variable import unwrap
from metagrad.base.typing import Operand
from metagrad.ops.arguments import takes_exact_out, takes_out
from metagrad.ops.dtype_checks import lacking, unsupported
from metagrad.ops.operands import need_a_tensor, operands
from metagrad.ops.pointwise.comparison import applied

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor"]


@takes_out
def bitwise_and(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Bitwise and; logical and for bools.

    Raises TypeError if neither operand is a tensor, and RuntimeError for floating-point ones.

    >>> import metagrad
    >>> metagrad.bitwise_and(metagrad.tensor([0b1100]), 0b1010)
    tensor([8])
    """
    return _bitwise(np.bitwise_and, input, other)


@takes_out
def bitwise_or(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Bitwise or; logical or for bools.

    Raises TypeError if neither operand is a tensor, and RuntimeError for floating-point ones.

    >>> import metagrad
    >>> metagrad.bitwise_or(metagrad.tensor([0b1100]), 0b1010)
    tensor([14])
    """
    return _bitwise(np.bitwise_or, input, other)


@takes_out
def bitwise_xor(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Bitwise exclusive or; logical for bools.

    Raises TypeError if neither operand is a tensor, and RuntimeError for floating-point ones.

    >>> import metagrad
    >>> metagrad.bitwise_xor(metagrad.tensor([0b1100]), 0b1010)
    tensor([6])
    """
    return _bitwise(np.bitwise_xor, input, other)


def _bitwise(ufunc: np.ufunc, x: Operand, y: Operand) -> Tensor:
    need_a_tensor(ufunc.__name__, x, y)
    a, b = operands(x, y)
    a, b = unwrap(a), unwrap(b)
    kind = np.result_type(*[getattr(v, "dtype", v) for v in (a, b)])  # of arrays that may be on two devices
    if kind.kind in "fcV":
        raise unsupported(f"{ufunc.__name__}_cpu", kind)
    return applied(ufunc, a, b)


@takes_exact_out
def bitwise_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Bitwise complement, −x − 1 of signed integers; logical not for bools.

    Raises RuntimeError for floating-point tensors.

    >>> import metagrad
    >>> metagrad.bitwise_not(metagrad.tensor([0, 5]))
    tensor([-1, -6])
    """
    if input.array.dtype.kind in "fcV":
        raise NotImplementedError(
            f"{lacking('bitwise_not_cpu', input.dtype)}: ~ (operator.invert) is only implemented on integer and Boolean-type "
            "tensors"
        )
    return applied(np.invert, input.array)


@takes_out
def bitwise_left_shift(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """x · 2ⁿ by shifting the bits up by n.

    Raises TypeError if neither operand is a tensor, and RuntimeError if they are no integers.

    >>> import metagrad
    >>> metagrad.bitwise_left_shift(metagrad.tensor([1, 3]), 2)
    tensor([ 4, 12])
    """
    return _shifted(np.left_shift, input, other)


@takes_out
def bitwise_right_shift(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """⌊x / 2ⁿ⌋ by shifting the bits down by n; the sign stays.

    Raises TypeError if neither operand is a tensor, and RuntimeError if they are no integers.

    >>> import metagrad
    >>> metagrad.bitwise_right_shift(metagrad.tensor([-7, 8]), 1)
    tensor([-4,  4])
    """
    return _shifted(np.right_shift, input, other)


def _shifted(ufunc: np.ufunc, input: Operand, other: Operand) -> Tensor:
    need_a_tensor(f"bitwise_{ufunc.__name__}", input, other)
    x, n = (unwrap(v) for v in operands(input, other))
    kind = np.result_type(*[getattr(v, "dtype", v) for v in (x, n)])
    if kind.kind not in "iu":
        raise unsupported(f"{ufunc.__name__[0]}shift_cpu", kind)
    return applied(ufunc, x, n)
