"""Logarithms of probabilities: entropy, log-odds, and products that are 0 where one factor is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import free_all
from metagrad.autograd.emulation import rounded_to_bfloat16
from metagrad.autograd.function import quiet
from metagrad.autograd.variable import Variable
from metagrad.base.typing import Array, Operand
from metagrad.ops.arguments import real, takes_out
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.operands import float_operands, need_a_tensor, tensor_in
from metagrad.ops.pointwise.chunked import Pointwise

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["entr", "logit", "xlog1py", "xlogy"]


class Entr(Pointwise):
    """y = −x ln x, 0 at 0, −∞ below;   ∂L/∂x = −∂L/∂y · (ln x + 1)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        y = np.where(x == 0, 0, -x * np.log(np.where(x > 0, x, 1)))
        return np.where(x < 0, -np.inf, np.where(np.isnan(x), x, y)).astype(x.dtype, copy=False)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * (-np.log(x) - 1)


@takes_out
def entr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """−x ln x, what an outcome of probability x contributes to the entropy; 0 at 0, −∞ below.

    >>> import metagrad
    >>> metagrad.special.entr(metagrad.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.3466, -0.0000])
    """
    return Entr.apply(real("entr", input))


class Logit(Pointwise):
    """y = ln(x / (1 − x)), x first put into [ε, 1 − ε];   ∂L/∂x = ∂L/∂y / (x (1 − x)) inside of it, else 0."""

    release = free_all

    def forward(self, x: Array, eps: float | None) -> Array:
        self.save(x)
        low = 0.0 if eps is None else eps
        self.inside = ~((x < low) | (x > 1 - low))  # nan is, so that it is seen in the gradient too
        self.outside = np.nan if eps is None else 0.0
        if eps is not None:  # above 1/2 the bounds cross, and the lower one is asked first
            x = np.where(x < eps, x.dtype.type(eps), np.minimum(x, x.dtype.type(1 - eps)))
        return np.log(x / (1 - x))

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        inside = self.inside
        return np.where(inside, grad / (x * (1 - x)), self.outside)


@takes_out
def logit(input: Tensor, eps: float | None = None, *, out: Tensor | None = None) -> Tensor:
    """ln(x / (1 − x)), the inverse of sigmoid. eps: x is first put into [ε, 1 − ε]; without it, nan outside of [0, 1].

    >>> import metagrad
    >>> metagrad.logit(metagrad.tensor([0.5, 0.9]))
    tensor([0.0000, 2.1972])
    >>> metagrad.logit(metagrad.tensor([1.0]), eps=1e-3)
    tensor([6.9068])
    """
    return Logit.apply(real("logit", input), eps=eps)


class Xlogy(Pointwise):
    """z = x ln y, 0 where x = 0 unless y is nan;   ∂L/∂x = ∂L/∂z · ln y (0 where x = 0, y ≤ 0),   ∂L/∂y = ∂L/∂z · x / y."""

    def forward(self, x: Array, y: Array, rounds: bool = False) -> Array:
        self.save(x, y)
        logarithm = rounded_to_bfloat16(np.log(y)) if rounds else np.log(y)
        return np.where((x == 0) & ~np.isnan(y), 0, x * logarithm).astype(np.result_type(x, y), copy=False)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        (x, y), (needs_x, needs_y) = self.saved, self.needs
        grad_y = grad * x / y if needs_y else None
        if not needs_x:
            return None, grad_y
        nothing = (x == 0) & (y <= 0)
        return np.where(nothing, 0, Xlogy.on(grad, np.where(nothing, 1, y))), grad_y


@takes_out
def xlogy(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """x ln y, and 0 where x = 0 (unless y is nan): what a cross entropy adds up.

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.xlogy(metagrad.tensor([0.0, 2.0]), metagrad.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    x, y = float_tensors("xlogy", input, other)
    return Xlogy.apply(x, y, rounds=x.array.dtype.char == "E")


class Xlog1py(Pointwise):
    """z = x ln(1 + y), 0 where x = 0 unless y is nan;   ∂L/∂x = ∂L/∂z · ln(1 + y),   ∂L/∂y = ∂L/∂z · x / (1 + y)."""

    def forward(self, x: Array, y: Array) -> Array:
        self.save(x, y)
        return np.where((x == 0) & ~np.isnan(y), 0, x * np.log1p(y)).astype(np.result_type(x, y), copy=False)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        (x, y), (needs_x, needs_y) = self.saved, self.needs
        grad_y = grad * x / (y + 1) if needs_y else None
        if not needs_x:
            return None, grad_y
        nothing = (x == 0) & (y <= -1)
        return np.where(nothing, 0, Xlog1py.on(grad, np.where(nothing, 0, y))), grad_y


@takes_out
def xlog1py(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """x ln(1 + y), and 0 where x = 0 (unless y is nan).

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.special.xlog1py(metagrad.tensor([0.0, 2.0]), metagrad.tensor([-1.0, 1.0]))
    tensor([0.0000, 1.3863])
    """
    return Xlog1py.apply(*float_tensors("xlog1py", input, other))


@quiet
def float_tensors(name: str, input: Operand, other: Operand) -> list[Tensor]:
    """Both operands as floating-point tensors of one dtype, where one may be a number.

    Raises TypeError if neither is a tensor, and NotImplementedError for complex numbers; ``name`` is the function that the
    message names.

    >>> import metagrad
    >>> float_tensors("xlogy", 2, metagrad.tensor([1.0]))
    [tensor(2.), tensor([1.])]
    """
    need_a_tensor(name, input, other)
    x, y = float_operands(input, other)
    given: Any = x if isinstance(x, Variable) else y
    refuse(name, given, "c")
    return [tensor_in(v, given.dtype) for v in (x, y)]
