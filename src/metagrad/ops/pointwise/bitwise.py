"""Shifts of the bits of integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import unwrap, wrap
from metagrad.ops.operands import need_a_tensor, operands

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["bitwise_left_shift", "bitwise_right_shift"]


def _shifted(ufunc: Any, input: Any, other: Any) -> Tensor:
    need_a_tensor(f"bitwise_{ufunc.__name__}", input, other)
    x, n = (unwrap(v) for v in operands(input, other))
    kind = np.result_type(x, n)
    if kind.kind not in "iu":
        raise RuntimeError(f"{ufunc.__name__} is defined for integer tensors only, got {kind}")
    return wrap(np.asarray(ufunc(x, n)))


def bitwise_left_shift(input: Any, other: Any) -> Tensor:
    """x · 2ⁿ by moving the bits n places up.

    >>> import metagrad
    >>> metagrad.bitwise_left_shift(metagrad.tensor([1, 3]), 2)
    tensor([ 4, 12])
    """
    return _shifted(np.left_shift, input, other)


def bitwise_right_shift(input: Any, other: Any) -> Tensor:
    """⌊x / 2ⁿ⌋ by moving the bits n places down; the sign stays."""
    return _shifted(np.right_shift, input, other)
