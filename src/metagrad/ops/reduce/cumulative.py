"""What is known after the first i elements: running sums, products, extremes, and log Σ e^x."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.function import Function, quiet
from metagrad.autograd.node_names import named
from metagrad.autograd.variable import Variable, recording, wrap
from metagrad.autograd.writing import write
from metagrad.base import dtypes, results
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array, DTypeLike
from metagrad.kernels import scans
from metagrad.kernels.libraries import accumulate
from metagrad.kernels.reductions import is_large
from metagrad.ops.arguments import asks_for_tensors, dimension, takes_exact_out, takes_out_by
from metagrad.ops.dtype_checks import unsupported
from metagrad.ops.index.gathering import gather
from metagrad.ops.operands import in_single
from metagrad.ops.out import in_its_dtype
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.reduce.extrema import ordered
from metagrad.ops.reduce.reduction import accumulated

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

R = TypeVar("R")

__all__ = ["cummax", "cummin", "cumprod", "cumsum", "logcumsumexp"]


class Cumsum(Function):
    """yᵢ = Σ_{j≤i} xⱼ,   ∂L/∂xⱼ = Σ_{i≥j} ∂L/∂yᵢ."""

    def forward(self, x: Array, axis: int) -> Array:
        self.axis = axis
        return in_order(scans.running_sum(x, axis))

    def backward(self, grad: Array) -> Array:
        return _sums_from_the_end(grad, self.axis)


@in_single
def _sums(x: Tensor, dim: int) -> Tensor:
    return _running(Cumsum, x, dim)


@takes_out_by(in_its_dtype)
def cumsum(input: Tensor, dim: int, *, dtype: DTypeLike = None, out: Tensor | None = None) -> Tensor:
    """Sums of the first i elements along ``dim``; integers and bools add up in int64.

    >>> import metagrad
    >>> metagrad.cumsum(metagrad.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    return _sums(_summed("cumsum", input, dtype), dim)


@asks_for_tensors
def cumsum_(input: Tensor, dim: int, *, dtype: DTypeLike = None) -> Tensor:
    """In-place form of ``cumsum``, in the tensor's own dtype.

    Raises RuntimeError if ``dtype`` is another.

    >>> import metagrad
    >>> metagrad.tensor([1, 2, 3]).cumsum_(0)
    tensor([1, 3, 6])
    """
    return _written(cumsum, input, dim, dtype)


@quiet
def running_product(x: Array, axis: int) -> Array:
    """yᵢ = Π_{j≤i} xⱼ, multiplied in the next wider dtype and rounded once: a product may leave the range and come back.

    >>> running_product(np.array([1e30, 1e30, 1e-30], np.float32), 0)
    array([1.e+30,    inf, 1.e+30], dtype=float32)
    """
    if scans.takes_loop(x):
        return scans.running_product(x, axis)
    wide = _WIDER.get(x.dtype.char)
    if is_large(x):
        return scans.accumulated(np.multiply, x, axis, wide)
    return (
        np.cumprod(x, axis=axis, dtype=x.dtype)
        if wide is None
        else np.cumprod(x, axis=axis, dtype=wide).astype(x.dtype)
    )


_WIDER: dict[str, type[np.number[Any]]] = {"e": np.float32, "f": np.float64, "F": np.complex128}


class Cumprod(Function):
    """yᵢ = Π_{j≤i} xⱼ,   ∂L/∂xⱼ = Σ_{i≥j} ∂L/∂yᵢ yᵢ / xⱼ.

    Where some x is 0 the division is avoided: ∂L/∂xⱼ = yⱼ₋₁ sⱼ, where sⱼ = ∂L/∂yⱼ + xⱼ₊₁ sⱼ₊₁.
    """

    def forward(self, x: Array, axis: int) -> Array:
        self.axis = axis
        y = in_order(running_product(x, axis))
        self.save(x, y)
        self.has_zeros = self.needs[0] and not np.all(x)
        return y

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        if x.shape[self.axis] == 1:
            return grad
        if not self.has_zeros:
            return _sums_from_the_end(grad * conj(y), self.axis) / conj(x)
        if not isinstance(grad, Variable):
            return _around_zeros(grad, np.conj(x), np.conj(y), self.axis)
        start = (*[slice(None)] * self.axis, slice(0, 1))
        rest = (*[slice(None)] * self.axis, slice(1, None))
        butlast = (*[slice(None)] * self.axis, slice(0, -1))
        one = np.ones_like(x[start])
        sums = _from_the_end(grad, conj(x[rest]), self.axis)
        return sums * conj(np.concatenate([one, y[butlast]], axis=self.axis))


def _sums_from_the_end(x: Array, axis: int) -> Array:
    if is_large(x):
        return scans.running_sum_from_the_end(x, axis)
    sums = np.cumsum if isinstance(x, Variable) else scans.running_sum
    return np.flip(sums(np.flip(x, axis), axis), axis)


def _around_zeros(grad: Array, x: Array, y: Array, axis: int) -> Array:
    """The gradient of ``Cumprod`` where some x is 0, for x and y conjugated.

    Before the first 0 as without one. At it, the products of what follows up to the next 0 count, times the product of what
    came before. Behind it all products are 0, whatever x is.
    """
    zeros = np.cumsum(x == 0, axis=axis)
    before, between = zeros == 0, (zeros == 1) & (x != 0)
    at = (zeros == 1) & (x == 0)
    ahead = _sums_from_the_end(np.where(before, grad * y, 0), axis) / np.where(before, x, 1)
    products = running_product(np.where(between, x, 1), axis)
    behind = np.sum(np.where(between | at, grad * products, 0), axis=axis, keepdims=True)
    count = np.sum(before, axis=axis, keepdims=True)
    last = np.take_along_axis(y, np.maximum(count - 1, 0), axis)
    return np.where(before, ahead, np.where(at, behind * np.where(count == 0, 1, last), 0))


@takes_out_by(in_its_dtype)
def cumprod(input: Tensor, dim: int, *, dtype: DTypeLike = None, out: Tensor | None = None) -> Tensor:
    """Products of the first i elements along ``dim``; integers and bools multiply in int64.

    >>> import metagrad
    >>> metagrad.cumprod(metagrad.tensor([1, 2, 3]), 0)
    tensor([1, 2, 6])
    """
    return _running(Cumprod, _summed("cumprod", input, dtype), dim)


@asks_for_tensors
def cumprod_(input: Tensor, dim: int, *, dtype: DTypeLike = None) -> Tensor:
    """In-place form of ``cumprod``, in the tensor's own dtype.

    Raises RuntimeError if ``dtype`` is another.

    >>> import metagrad
    >>> metagrad.tensor([1, 2, 3]).cumprod_(0)
    tensor([1, 2, 6])
    """
    return _written(cumprod, input, dim, dtype)


def _summed(name: str, input: Tensor, dtype: DTypeLike) -> Tensor:
    """The tensor in the dtype that its elements are to be joined in; NotImplementedError if that is bool."""
    x = accumulated(input, dtype)
    if x.array.dtype.kind == "b" and x.array.ndim and x.array.size:
        raise unsupported(f"{name}_out_cpu", x.dtype)
    return x


def _written(op: Callable[..., Tensor], input: Tensor, dim: int, dtype: DTypeLike) -> Tensor:
    """The result of a running op in the tensor itself, which keeps its dtype."""
    if dtype is not None and dtypes.of(dtype) != input.dtype:
        raise RuntimeError(
            f"{op.__name__}_: the tensor's dtype is {input.dtype}, and dtype={dtype} is another: leave it out"
        )
    return write(input, op(input.clone(), dim, dtype=input.dtype))


@takes_exact_out
@guarding("input", results=(1,))
def cummax(input: Tensor, dim: int, *, out: tuple[Tensor, ...] | None = None) -> results.cummax:
    """The largest of the first i elements along ``dim``, and its index, the last of several: (values, indices).

    The gradient goes to the element whose index is returned.

    Raises RuntimeError for complex tensors.

    >>> import metagrad
    >>> metagrad.cummax(metagrad.tensor([1, 3, 2]), 0).values
    tensor([1, 3, 3])
    """
    return _cumulative_extreme(results.cummax, input, dim, np.maximum)


@takes_exact_out
@guarding("input", results=(1,))
def cummin(input: Tensor, dim: int, *, out: tuple[Tensor, ...] | None = None) -> results.cummin:
    """The smallest of the first i elements along ``dim``, and its index, the last of several: (values, indices).

    Raises RuntimeError for complex tensors.

    >>> import metagrad
    >>> metagrad.cummin(metagrad.tensor([3, 1, 2]), 0).indices
    tensor([0, 1, 1])
    """
    return _cumulative_extreme(results.cummin, input, dim, np.minimum)


@quiet
def _cumulative_extreme(results: Callable[[tuple[Tensor, Tensor]], R], input: Tensor, dim: int, ufunc: np.ufunc) -> R:
    x = ordered(input, results.__name__).array
    axis = dimension(dim, x.ndim)
    if not x.ndim or not x.size:
        return results((input.clone(), wrap(np.zeros(x.shape, np.int64, like=x))))
    so_far, found = _extreme_so_far(x, axis, ufunc)
    index = wrap(in_order(found))
    values = (
        named(gather(input, axis, index), results.__name__.capitalize()) if recording(input) else wrap(in_order(so_far))
    )
    return results((values, index))


@quiet
def _extreme_so_far(x: Array, axis: int, ufunc: np.ufunc) -> tuple[Array, Array]:
    """The largest or smallest of the first elements along an axis, and its index."""
    if scans.takes_loop(x):
        return scans.running_largest(x, axis, 1 if ufunc is np.maximum else -1)
    if is_large(x) and x.flags.c_contiguous and axis == x.ndim - 1:
        so_far, index = scans.extremes_of_rows(ufunc, x.reshape(-1, x.shape[-1]))
        return so_far.reshape(x.shape), index.reshape(x.shape)
    position = np.arange(x.shape[axis], like=x).reshape((-1,) + (1,) * (x.ndim - 1 - axis))
    if is_large(x):
        so_far = scans.accumulated(ufunc, x, axis)
        reached = (-(np.equal(x, so_far) | np.isnan(x)).view(np.int8)).astype(np.int64)  # bits, all or none
        reached &= position
        return so_far, scans.accumulated(np.maximum, reached, axis)
    so_far = accumulate(ufunc, x, axis)
    reached = np.where(np.equal(x, so_far) | np.isnan(x), position, 0)
    return so_far, accumulate(np.maximum, reached, axis)


class LogCumsumExp(Function):
    """yᵢ = ln Σ_{j≤i} e^xⱼ,   ∂L/∂xⱼ = Σ_{i≥j} ∂L/∂yᵢ e^(xⱼ − yᵢ).

    As y never falls, no exponential overflows in ∂L/∂xⱼ = e^(xⱼ − yⱼ) sⱼ, where sⱼ = ∂L/∂yⱼ + e^(yⱼ − yⱼ₊₁) sⱼ₊₁.
    """

    def forward(self, x: Array, axis: int) -> Array:
        self.axis = axis
        if scans.takes_loop(x):
            y = scans.running_logsumexp(x, axis)
        else:
            y = _log_add_complex(x, axis) if x.dtype.kind == "c" else scans.accumulated(np.logaddexp, x, axis)
        y = in_order(y)
        self.save(x, y)
        return y

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        axis = self.axis
        if not grad.shape[axis]:
            return grad
        here, after = (*[slice(None)] * axis, slice(0, -1)), (*[slice(None)] * axis, slice(1, None))
        sums = _from_the_end(grad, _exp_of_difference(y[here], y[after]), axis)
        return sums * _exp_of_difference(x, y)


def _log_add_complex(x: Array, axis: int) -> Array:
    sums = [_at(x, axis, i) for i in range(min(1, x.shape[axis]))]
    for i in range(1, x.shape[axis]):
        a, b = sums[-1], _at(x, axis, i)
        swap = a.real < b.real
        large, small = np.where(swap, b, a), np.where(swap, a, b)
        sums.append(np.where(np.isfinite(large), large + np.log1p(np.exp(small - large)), large))
    return np.stack(sums, axis=axis) if sums else x.copy()


def _exp_of_difference(a: Array, b: Array) -> Array:
    """The conjugate of e^(a − b), for a ≤ b; 0 for two −∞, and 1 for two ∞: what follows is as infinite."""
    infinite = np.where(np.real(a) > 0, 0, a)
    return conj(np.exp(np.where(np.isinf(a), infinite, a - np.where(np.isinf(a), 0, b))))


@takes_exact_out
@in_single
@guarding("input", results=(0,))
def logcumsumexp(input: Tensor, dim: int, *, out: Tensor | None = None) -> Tensor:
    """ln Σ e^x of the first i elements along ``dim``, without overflow. Floating-point and complex tensors only.

    Raises RuntimeError for integers and bools.

    >>> import metagrad
    >>> metagrad.logcumsumexp(metagrad.tensor([100.0, 100.0]), 0)
    tensor([100.0000, 100.6931])
    """
    return _running(LogCumsumExp, ordered(input, "logcumsumexp", but="biu"), dim)


def _running(op: type[Function], x: Tensor, dim: int) -> Tensor:
    d = dimension(dim, x.array.ndim)
    return op.apply(x, axis=d) if x.array.ndim else x.clone()


def _from_the_end(grad: Array, factor: Array, axis: int) -> Array:
    """sᵢ = gᵢ + fᵢ sᵢ₊₁, from the last to the first: a gradient that is passed on from step to step."""
    n = grad.shape[axis]
    sums = [_at(grad, axis, n - 1)]
    for i in range(n - 2, -1, -1):
        sums.append(_at(grad, axis, i) + _at(factor, axis, i) * sums[-1])
    return np.stack(sums[::-1], axis=axis)


def _at(x: Array, axis: int, i: int) -> Array:
    return x[(*[slice(None)] * axis, i)]
