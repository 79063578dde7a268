"""What is added after it has been multiplied by a number: ``add(x, y, alpha=2)``. In the formulas L is the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from metagrad.autograd.node_names import named
from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.base.typing import Array, Number, Operand
from metagrad.ops.operands import as_tensor, check_factor, converted, result_type, tensor_in
from metagrad.ops.pointwise.chunked import Pointwise

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


class AddScaled(Pointwise):
    """z = x + α y,   ∂L/∂x = ∂L/∂z,   ∂L/∂y = α ∂L/∂z."""

    def forward(self, x: Array, y: Array, alpha: Number) -> Array:
        self.alpha = alpha
        if x.dtype.char == "e":  # in float32, and rounded once
            return np.add(x, np.multiply(y, alpha, dtype=np.float32), dtype=np.float32).astype(x.dtype)
        return x + alpha * y

    def backward(self, grad: Array) -> tuple[Array, Array | None]:
        return grad, self.alpha * grad if self.needs[1] else None


def add_scaled(input: Operand, other: Operand, alpha: Number, subtracts: bool = False) -> Tensor | None:
    """``input ± alpha · other`` in one pass, of tensors that ``are_floats``, and of halves; None for others.

    In halves ``alpha`` is rounded to the dtype, and the sum once, as in PyTorch.

    >>> import metagrad
    >>> add_scaled(metagrad.ones(2), metagrad.ones(2), 0.5)
    tensor([1.5000, 1.5000])
    >>> add_scaled(1, metagrad.ones(2).half(), 0.1)
    tensor([1.0996, 1.0996], dtype=metagrad.float16)
    """
    name = "Sub" if subtracts else "Add"
    if are_floats(input, other):
        check_factor(name.lower(), alpha, as_tensor(input).dtype)
    else:
        kind = result_type(as_tensor(input), other)
        if kind is not dtypes.float16 and kind is not dtypes.bfloat16:
            return None
        check_factor(name.lower(), alpha, kind)
        input, other, alpha = tensor_in(input, kind), tensor_in(other, kind), float(tensor_in(alpha, kind).array)
    factor = alpha if isinstance(alpha, (int, float)) else cast("Tensor", alpha).item()
    return named(AddScaled.apply(input, other, alpha=-factor if subtracts else factor), name)


def are_floats(*inputs: Operand) -> bool:
    """Whether all are tensors of float32, or all of float64, so that a formula of them needs no conversion.

    >>> import metagrad
    >>> are_floats(metagrad.ones(1), metagrad.zeros(2)), are_floats(metagrad.ones(1), 2.0)
    (True, False)
    """
    kinds = {x.array.dtype.char if isinstance(x, Variable) else "" for x in inputs}
    return kinds == {"f"} or kinds == {"d"}


def scaled(other: Operand, alpha: Number, name: str, kind: dtypes.dtype) -> Operand:
    """``alpha · other`` for a result of dtype ``kind``.

    Raises RuntimeError if ``alpha`` is a float and ``kind`` an integer dtype; ``name`` is the function that the message
    names.

    >>> import metagrad
    >>> scaled(metagrad.tensor([1, 2]), 3, "add", metagrad.int64)
    tensor([3, 6])
    """
    check_factor(name, alpha, kind)
    if not isinstance(other, (Variable, np.ndarray)):
        return bool(other) and bool(alpha) if kind is dtypes.bool_ else other * alpha
    return converted(other, kind) * (bool(alpha) if kind is dtypes.bool_ else alpha)
