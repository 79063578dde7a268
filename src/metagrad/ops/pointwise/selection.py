"""Functions that choose one of two numbers: where, clamp, maximum, fmax. In the formulas L is the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from metagrad.autograd.node_names import named
from metagrad.autograd.transforms import check_extent
from metagrad.autograd.variable import Variable, unwrap
from metagrad.base import dtypes
from metagrad.base.dtypes import scalar_name
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array, Operand
from metagrad.base.warning import warn_once
from metagrad.kernels import masks
from metagrad.kernels.selection import select
from metagrad.ops.argument_types import NotATensor, combination
from metagrad.ops.arguments import takes_out, takes_out_by
from metagrad.ops.dtype_checks import unsupported
from metagrad.ops.fitting import fitting
from metagrad.ops.operands import as_tensor, cast_to, converted, need_room, need_tensors, operands, result_type
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.pointwise.comparison import applied

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["clamp", "clamp_max", "clamp_min", "clip", "fmax", "fmin", "maximum", "minimum", "where"]


class Where(Pointwise):
    """z = x where c, else y;   ∂L/∂x = ∂L/∂z where c,   ∂L/∂y = ∂L/∂z where not c, 0 elsewhere."""

    guards = (0,)
    frees_numbers = False

    def forward(self, c: Array, x: Array, y: Array) -> Array:
        self.condition = c
        return select(c, x, y)

    def backward(self, grad: Array) -> tuple[None, Array | None, Array | None]:
        c, (_, needs_x, needs_y) = self.condition, self.needs
        return None, select(c, grad, 0.0) if needs_x else None, select(c, 0.0, grad) if needs_y else None


@takes_out_by(exactly=True, words="Expected out type to be {wanted} but got {given}")
def where(
    condition: Tensor,
    input: Operand | Variable | None = None,
    other: Operand | Variable | None = None,
    *,
    out: Tensor | None = None,
) -> Any:
    """``input`` where the condition holds, ``other`` elsewhere, with broadcasting; both may be numbers.

    With the condition alone: the indices of its true elements, a tensor per dimension.

    Raises RuntimeError if the condition is neither bool nor uint8.

    >>> import metagrad
    >>> x = metagrad.tensor([-1.0, 2.0])
    >>> metagrad.where(x > 0, x, 0)
    tensor([0., 2.])
    """
    kind: type = condition.__class__
    if kind is bool or kind is int or kind is float:
        raise NotATensor(f"where(): argument 'condition' (position 1) must be Tensor, not {kind.__name__}")
    condition = as_tensor(condition)
    if input is None:
        check_extent("where", condition)
        x = condition.array.reshape(condition.array.shape or (1,))
        found = masks.nonzero(x) if isinstance(x, np.ndarray) else np.nonzero(x)
        return tuple([as_tensor(in_order(a)) for a in found])
    if condition.array.dtype.char not in "?B":
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {scalar_name(condition.dtype)}"
        )
    if condition.array.dtype.kind == "u":
        warn_once("where received a uint8 condition tensor, which is deprecated: use a bool tensor")
    x, y = operands(input, other)
    for number, beside in ((input, y), (other, x)):
        category = beside.dtype.category if isinstance(beside, Variable) else 0
        if category == 2 or category == 1 and number.__class__ is int:
            need_room(number, beside.dtype)
    return Where.apply(condition, x, y)


_CLIPS_SOONER = 1 << 12  # elements from which np.clip is sooner done than np.maximum with a number


class Clamp(Pointwise):
    """y = x between two bounds, numbers or tensors;   ∂L/∂x = ∂L/∂y where x is within them, bounds included.

    A bound that decides gets the gradient instead; of crossed bounds the upper one decides.
    """

    guards = (0, 1, 2)

    def forward(self, x: Array, low: Array, high: Array) -> Array:
        both = low is not None and high is not None
        is_large = x.size > _CLIPS_SOONER or x.__class__ is not np.ndarray  # samples, and arrays on a GPU
        if is_large and x.dtype.kind == "f" and _is_number(low) and _is_number(high):
            y = np.clip(
                x, x.dtype.type(-np.inf if low is None else low), x.dtype.type(np.inf if high is None else high)
            )
        else:
            y = x if low is None else np.maximum(low, x)  # of two zeros NumPy takes the second
            y = y if high is None else np.minimum(high, y)
        if self.needs[0]:
            within = True if low is None else np.greater_equal(x, low)
            self.within = within if high is None else within & np.less_equal(x, high)
        if low.__class__ is float or low.__class__ is int:
            self.low = low
        if high.__class__ is float or high.__class__ is int:
            self.high = high
        if self.needs[1]:
            self.below = np.less(x, low) & np.less(low, high) if both else np.less(x, low)
        if self.needs[2]:
            self.above = np.greater(x, high) | np.less(high, low) if both else np.greater(x, high)
        return y

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None]:
        grad_low = select(self.below, grad, 0.0) if self.needs[1] else None
        grad_high = select(self.above, grad, 0.0) if self.needs[2] else None
        if not self.needs[0]:
            return None, grad_low, grad_high
        return grad if self.within is True else select(self.within, grad, 0.0), grad_low, grad_high


def _is_number(bound: object) -> bool:
    """Whether a bound is a Python number, or missing; not nan, which np.clip takes for no bound."""
    return bound is None or (isinstance(bound, (int, float)) and bound == bound)


def _is_ordinary(bound: object) -> bool:
    """Whether a bound is missing, or a number that float32 has: not nan either."""
    return bound is None or ((bound.__class__ is float or bound.__class__ is int) and -1e38 < cast(float, bound) < 1e38)


@takes_out
def clamp(
    input: Tensor, min: Operand | None = None, max: Operand | None = None, *, out: Tensor | None = None
) -> Tensor:
    """x limited to [min, max], numbers or tensors; one of them may be None. nan stays nan.

    The gradient passes where ``min ≤ x ≤ max``, bounds included.

    Raises RuntimeError if both bounds are None, or if one does not fit the dtype.

    >>> import metagrad
    >>> metagrad.clamp(metagrad.tensor([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    x = as_tensor(input)
    if x.array.dtype.char in "fd" and _is_ordinary(min) and _is_ordinary(max):
        return Clamp.apply(x, min, max)
    bounds = [b for b in (min, max) if b is not None]
    if len(bounds) == 2 and isinstance(min, Variable) is not isinstance(max, Variable):
        raise TypeError(combination("clamp", (input, min, max), {}))
    need_an_order("clamp", x, *bounds)
    kind = result_type(x, *bounds)
    if kind.is_complex:
        raise NotImplementedError("clamp is not supported for complex types, which have no order: take .real or .abs()")
    if kind is dtypes.bool_ and (len(bounds) == 2 or not isinstance(bounds[0], Variable)):
        raise unsupported("clamp", kind)
    low, high = [b if b is None or isinstance(b, (Variable, np.ndarray)) else fitting(b, kind) for b in (min, max)]
    low, high = [b if b is None else converted(b, kind) for b in (low, high)]
    return Clamp.apply(cast_to(x, kind), low, high)


clip = clamp


@takes_out
def clamp_min(input: Tensor, min: Operand, *, out: Tensor | None = None) -> Tensor:
    """x, at least ``min``: the larger of both.

    Raises TypeError if input is no tensor.

    >>> import metagrad
    >>> metagrad.clamp_min(metagrad.tensor([-2.0, 3.0]), 0)
    tensor([0., 3.])
    """
    need_tensors("clamp_min", input=input)
    return named(clamp(input, min=min), f"ClampMinBackward{int(isinstance(min, Variable))}")


@takes_out
def clamp_max(input: Tensor, max: Operand, *, out: Tensor | None = None) -> Tensor:
    """x, at most ``max``: the smaller of both.

    Raises TypeError if input is no tensor.

    >>> import metagrad
    >>> metagrad.clamp_max(metagrad.tensor([-2.0, 3.0]), 0)
    tensor([-2.,  0.])
    """
    need_tensors("clamp_max", input=input)
    return named(clamp(input, max=max), f"ClampMaxBackward{int(isinstance(max, Variable))}")


def need_an_order(function: str, *operands: Any) -> None:
    """NotImplementedError for complex tensors: of two complex numbers none is the larger."""
    if any(isinstance(x, Variable) and x.array.dtype.kind == "c" for x in operands):
        raise NotImplementedError(
            f"{function} not implemented for complex tensors: {function} is not supported for complex types, they have no order"
        )


class Extremum(Pointwise):
    """z = max(x, y) or min(x, y);   ∂L/∂x = ∂L/∂z where x was taken, half of it where x = y, all of it at nan."""

    guards = (0, 1)

    def forward(self, x: Array, y: Array, ufunc: np.ufunc, loses: np.ufunc) -> Array:
        self.made_by, (needs_x, needs_y) = ufunc, self.needs
        if needs_x or needs_y:
            self.tied = np.equal(x, y)
        if needs_x:
            self.x_loses = loses(x, y)
        if needs_y:
            self.y_loses = loses(y, x)
        return ufunc(x, y)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        needs_x, needs_y = self.needs
        share = select(self.tied, grad * 0.5, grad)  # chosen, not multiplied by 0 where lost: infinity times 0 is nan
        return select(self.x_loses, 0.0, share) if needs_x else None, select(
            self.y_loses, 0.0, share
        ) if needs_y else None


class Maximum(Extremum):
    """z = max(x, y)."""


class Minimum(Extremum):
    """z = min(x, y)."""


@takes_out
def maximum(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The larger of two elements; nan if one is. Where they are equal, each gets half the gradient.

    Raises TypeError if an operand is no tensor.

    >>> import metagrad
    >>> metagrad.maximum(metagrad.tensor([1.0, 5.0]), metagrad.tensor([3.0, 4.0]))
    tensor([3., 5.])
    """
    return _extremum(Maximum, input, other, np.maximum, np.less)


@takes_out
def minimum(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The smaller of two elements; nan if one is. Where they are equal, each gets half the gradient.

    Raises TypeError if an operand is no tensor.

    >>> import metagrad
    >>> metagrad.minimum(metagrad.tensor([1.0, 5.0]), metagrad.tensor([3.0, 4.0]))
    tensor([1., 4.])
    """
    return _extremum(Minimum, input, other, np.minimum, np.greater)


def _extremum(op: type[Extremum], x: Operand, y: Operand, ufunc: np.ufunc, loses: np.ufunc) -> Tensor:
    if not isinstance(x, Variable) or not isinstance(y, Variable):
        need_tensors(ufunc.__name__, input=x, other=y)
    need_an_order(ufunc.__name__, x, y)
    return op.apply(*operands(x, y), ufunc=ufunc, loses=loses)


class _Chosen(Pointwise):
    """z = the larger (smaller) of x and y, the one that is not nan;   ∂L/∂z goes to the one chosen, to x where equal."""

    guards = (0, 1)

    def forward(self, x: Array, y: Array, ufunc: np.ufunc, chooses: np.ufunc) -> Array:
        self.first = chooses(x, y) | np.isnan(y)
        return ufunc(x, y)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        first, (needs_x, needs_y) = self.first, self.needs
        return np.where(first, grad, 0.0) if needs_x else None, np.where(first, 0.0, grad) if needs_y else None


class Fmax(_Chosen):
    """z = the larger."""


class Fmin(_Chosen):
    """z = the smaller."""


@takes_out
def fmax(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of two elements; where one is nan, the other.

    Raises TypeError if an operand is no tensor.

    >>> import metagrad
    >>> metagrad.fmax(metagrad.tensor([1.0, float("nan")]), metagrad.tensor([3.0, 4.0]))
    tensor([3., 4.])
    """
    return _chosen(Fmax, input, other, np.fmax, np.greater_equal)


@takes_out
def fmin(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of two elements; where one is nan, the other.

    Raises TypeError if an operand is no tensor.

    >>> import metagrad
    >>> metagrad.fmin(metagrad.tensor([1.0, float("nan")]), metagrad.tensor([3.0, 4.0]))
    tensor([1., 4.])
    """
    return _chosen(Fmin, input, other, np.fmin, np.less_equal)


def _chosen(op: type[_Chosen], x: Tensor, y: Tensor, ufunc: np.ufunc, chooses: np.ufunc) -> Tensor:
    need_tensors(ufunc.__name__, input=x, other=y)
    need_an_order(ufunc.__name__, x, y)
    x, y = operands(x, y)
    if x.array.dtype.kind not in "fV":
        return applied(ufunc, unwrap(x), unwrap(y))
    return op.apply(x, y, ufunc=ufunc, chooses=chooses)
