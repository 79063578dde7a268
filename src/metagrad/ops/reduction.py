"""Ops that fold dimensions: sums, means, variances, extrema. ``dim=None`` folds all; ``keepdim`` leaves extent 1."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from metagrad import dtypes
from metagrad.autograd.function import Function
from metagrad.autograd.variable import Array, Variable, wrap
from metagrad.ops.arithmetic import conj
from metagrad.ops.common import Dims, accepts_axis, axes, cast_to, dimension, floating

if TYPE_CHECKING:
    from metagrad.tensor import Tensor


def kept(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, ...]:
    """A shape after folding ``axis`` with keepdim."""
    return tuple(1 if d in axis else n for d, n in enumerate(shape))


class Sum(Function):
    """y = Σ x,   ∂L/∂x = ∂L/∂y at every place that was added."""

    def forward(self, x: Array, axis: tuple[int, ...], keepdim: bool) -> Array:
        self.shape_in, self.axis = x.shape, axis
        return x.sum(axis=axis, keepdims=keepdim)

    def backward(self, grad: Any) -> Any:
        return np.broadcast_to(grad.reshape(kept(self.shape_in, self.axis)), self.shape_in)


class Mean(Function):
    """y = Σ x / n,   ∂L/∂x = ∂L/∂y / n."""

    def forward(self, x: Array, axis: tuple[int, ...], keepdim: bool) -> Array:
        self.shape_in, self.axis = x.shape, axis
        self.count = builtins.max(1, int(np.prod([x.shape[d] for d in axis])))
        with np.errstate(all="ignore"):
            y = x.sum(axis=axis, keepdims=keepdim)
            return y / self.count if x.size or not axis else y / 0

    def backward(self, grad: Any) -> Any:
        return np.broadcast_to((grad / self.count).reshape(kept(self.shape_in, self.axis)), self.shape_in)


class Var(Function):
    """y = Σ (x − x̄)² / (n − c),   ∂L/∂x = ∂L/∂y · 2 (x − x̄) / (n − c), c the correction."""

    def forward(self, x: Array, axis: tuple[int, ...], correction: float, keepdim: bool) -> Array:
        self.save(x)
        self.axis = axis
        n = int(np.prod([x.shape[d] for d in axis]))
        self.freedom = builtins.max(0.0, n - correction)
        with np.errstate(all="ignore"):
            d = x - x.sum(axis=axis, keepdims=True) / np.asarray(n, x.real.dtype)
            squares = (d * np.conjugate(d)).real if x.dtype.kind == "c" else d * d
            return squares.sum(axis=axis, keepdims=keepdim) / np.asarray(self.freedom, x.real.dtype)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        shape = kept(tuple(x.shape), self.axis)
        d = x - np.mean(x, axis=self.axis, keepdims=True)
        if not self.freedom:
            return grad.reshape(shape) * d * np.nan
        return grad.reshape(shape) * d * (2 / self.freedom)


class Prod(Function):
    """y = Π x,   ∂L/∂x = ∂L/∂y · the product of the others, which is right also where x is 0."""

    def forward(self, x: Array, axis: int, keepdim: bool) -> Array:
        self.save(x)
        self.axis = axis
        return x.prod(axis=axis, keepdims=keepdim)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        axis, n = self.axis, x.shape[self.axis]
        if n == 0:
            return np.zeros_like(x)
        one = np.ones_like(_part(x, axis, 0, 1))
        before, after = [one], [one]  # before[i]: the product of what precedes i; after, from the end
        for i in range(n - 1):
            before.append(before[-1] * _part(x, axis, i, i + 1))
            after.append(after[-1] * _part(x, axis, n - 1 - i, n - i))
        others = np.concatenate([b * a for b, a in zip(before, after[::-1], strict=True)], axis=axis)
        grad = grad.reshape(tuple(1 if d == axis else m for d, m in enumerate(tuple(x.shape))))
        return grad * conj(others)


def _part(x: Any, axis: int, start: int, stop: int) -> Any:
    return x[(*[slice(None)] * axis, slice(start, stop))]


class Amax(Function):
    """y = max x or min x over dimensions;   ∂L/∂x = ∂L/∂y shared evenly by the places where x = y."""

    def forward(self, x: Array, axis: tuple[int, ...], keepdim: bool, ufunc: Any) -> Array:
        y = ufunc.reduce(x, axis=axis, keepdims=True)
        if self.needs[0]:
            chosen = np.equal(x, y) | np.isnan(x) & np.isnan(y)
            self.share = (chosen / chosen.sum(axis=axis, keepdims=True)).astype(y.dtype)
        self.kept = y.shape
        return y if keepdim else y.reshape(tuple(n for d, n in enumerate(x.shape) if d not in axis))

    def backward(self, grad: Any) -> Any:
        return grad.reshape(self.kept) * self.share


class Along(Function):
    """y = x taken at an index along one dimension, the gradient put back there: max and min with indices, median."""

    def forward(self, x: Array, index: Array, axis: int) -> Array:
        self.index, self.axis, self.shape_in = index, axis, x.shape
        return np.take_along_axis(x, index, axis)

    def backward(self, grad: Any) -> Any:
        return PutAlong.on(grad, index=self.index, axis=self.axis, shape=self.shape_in), None


class PutAlong(Function):
    """The transpose of ``Along``: zeros with x at an index along one dimension."""

    def forward(self, x: Array, index: Array, axis: int, shape: tuple[int, ...]) -> Array:
        self.index, self.axis = index, axis
        y = np.zeros(shape, x.dtype, like=x)
        np.put_along_axis(y, index, x, axis)
        return y

    def backward(self, grad: Any) -> Any:
        return Along.on(grad, self.index, axis=self.axis)


class ValuesAndIndices(NamedTuple):
    """What ``max(dim)`` and its relatives return."""

    values: Any
    indices: Any


def _accumulated(input: Tensor, dtype: Any) -> Tensor:
    """The input in the dtype sums are made in: a given one, or int64 for integers."""
    if dtype is not None:
        return cast_to(input, dtypes.of(dtype))  # type: ignore[no-any-return]
    return cast_to(input, dtypes.int64) if input.array.dtype.kind in "biu" else input


@accepts_axis
def sum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Sum over all elements or over ``dim``; integers and bools add up in int64.

    >>> import metagrad
    >>> metagrad.sum(metagrad.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([3., 7.])
    """
    return Sum.apply(_accumulated(input, dtype), axis=axes(dim, input.array.ndim), keepdim=keepdim)


@accepts_axis
def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Arithmetic mean over all elements or over ``dim``; nan if there are none. Floating-point tensors only.

    >>> import metagrad
    >>> metagrad.mean(metagrad.tensor([1.0, 2.0, 6.0]))
    tensor(3.)
    """
    if dtype is not None:
        input = cast_to(input, dtypes.of(dtype))
    if input.array.dtype.kind not in "fc":
        raise RuntimeError(
            f"mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {input.dtype.name}: convert it with .float() first"
        )
    return Mean.apply(input, axis=axes(dim, input.array.ndim), keepdim=keepdim)


@accepts_axis
def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Tensor:
    """Variance Σ (x − x̄)² / (n − c) over all elements or over ``dim``; c = 1 unless ``correction`` or ``unbiased`` say.

    >>> import metagrad
    >>> metagrad.var(metagrad.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    c = correction if correction is not None else (1 if unbiased is None else int(unbiased))
    if input.array.dtype.kind not in "fc":
        raise RuntimeError(f"std and var only support floating point and complex dtypes, got {input.dtype}")
    return Var.apply(input, axis=axes(dim, input.array.ndim), correction=c, keepdim=keepdim)


@accepts_axis
def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Tensor:
    """Standard deviation, the square root of ``var``."""
    from metagrad.ops.pointwise import sqrt

    return sqrt(var(input, dim, unbiased, keepdim, correction=correction))


@accepts_axis
def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Product over all elements or over one dimension; integers and bools multiply in int64."""
    x = _accumulated(input, dtype)
    if dim is None:
        return Prod.apply(x.reshape(-1), axis=0, keepdim=False)
    if x.array.ndim == 0:
        dimension(dim, 0)
        return x.clone()
    return Prod.apply(x, axis=dimension(dim, x.array.ndim), keepdim=keepdim)


@accepts_axis
def amax(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Largest element over ``dim``; the gradient is shared by all places that have it."""
    return Amax.apply(input, axis=_nonempty(input, dim), keepdim=keepdim, ufunc=np.maximum)


@accepts_axis
def amin(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Smallest element over ``dim``; the gradient is shared by all places that have it."""
    return Amax.apply(input, axis=_nonempty(input, dim), keepdim=keepdim, ufunc=np.minimum)


def _nonempty(input: Tensor, dim: Dims) -> tuple[int, ...]:
    axis = axes(dim, input.array.ndim)
    if builtins.any(input.array.shape[d] == 0 for d in axis):
        raise IndexError(f"cannot take the extremum of no elements: the tensor has shape {tuple(input.shape)}, dim is {dim}")
    return axis


def _extremum(input: Tensor, dim: Any, keepdim: bool, arg: Any, reduce: Any, pairwise: Any) -> Any:
    if isinstance(dim, Variable):
        return pairwise(input, dim)
    if dim is None:
        return reduce(input)
    d = _nonempty(input, dimension(dim, input.array.ndim))
    if not d:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    index = arg(input.array, axis=d[0], keepdims=True)
    values = Along.apply(input, index, axis=d[0])
    indices = wrap(index)
    return ValuesAndIndices(values, indices) if keepdim else ValuesAndIndices(values.squeeze(d[0]), indices.squeeze(d[0]))


@accepts_axis
def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; with ``dim``, (values, indices) along it; with another tensor, ``maximum`` of both.

    Along ``dim`` the gradient goes to the element whose index is returned.

    >>> import metagrad
    >>> metagrad.max(metagrad.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1).indices
    tensor([1, 0])
    """
    from metagrad.ops.pointwise import maximum

    return _extremum(input, dim, keepdim, np.argmax, amax, maximum)


@accepts_axis
def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; with ``dim``, (values, indices) along it; with another tensor, ``minimum`` of both."""
    from metagrad.ops.pointwise import minimum

    return _extremum(input, dim, keepdim, np.argmin, amin, minimum)


def _arg(input: Tensor, dim: int | None, keepdim: bool, function: Any) -> Tensor:
    a = input.array
    if dim is None:
        if a.size == 0:
            raise IndexError("argmax and argmin need at least one element")
        flat = function(a.reshape(-1), axis=0)
        return wrap(np.asarray(flat, np.int64).reshape((1,) * a.ndim if keepdim else ()))
    axis = _nonempty(input, dimension(dim, a.ndim))
    return wrap(function(a, axis=axis[0], keepdims=keepdim)) if axis else wrap(np.zeros((), np.int64))


@accepts_axis
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the largest element, the first of several; over all elements flattened if ``dim`` is None.

    >>> import metagrad
    >>> metagrad.argmax(metagrad.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
    tensor([1, 0])
    """
    return _arg(input, dim, keepdim, np.argmax)


@accepts_axis
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the smallest element, the first of several; over all elements flattened if ``dim`` is None."""
    return _arg(input, dim, keepdim, np.argmin)


def _logical(input: Tensor, dim: Dims, keepdim: bool, function: Any) -> Tensor:
    found = function(input.array != 0, axis=axes(dim, input.array.ndim), keepdims=keepdim)
    return wrap(found).to(dtypes.uint8) if input.array.dtype == np.uint8 else wrap(found)


@accepts_axis
def all(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether all elements are non-zero."""
    return _logical(input, dim, keepdim, np.all)


@accepts_axis
def any(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether some element is non-zero."""
    return _logical(input, dim, keepdim, np.any)


@accepts_axis
def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """The number of elements that are not zero."""
    return wrap(np.asarray(np.count_nonzero(input.array, axis=axes(dim, input.array.ndim))))


class Cumsum(Function):
    """yᵢ = Σ_{j≤i} xⱼ,   ∂L/∂xⱼ = Σ_{i≥j} ∂L/∂yᵢ."""

    def forward(self, x: Array, axis: int) -> Array:
        self.axis = axis
        return np.cumsum(x, axis=axis)

    def backward(self, grad: Any) -> Any:
        return np.flip(np.cumsum(np.flip(grad, self.axis), axis=self.axis), self.axis)


@accepts_axis
def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Sums of the first i elements along ``dim``.

    >>> import metagrad
    >>> metagrad.cumsum(metagrad.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    x = _accumulated(input, dtype)
    d = dimension(dim, x.array.ndim)
    return Cumsum.apply(x, axis=d) if x.array.ndim else x.clone()


@accepts_axis
def norm(input: Tensor, p: Any = 2, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) over all elements or over ``dim``; p = inf is the largest |x|. Its gradient at 0 is 0.

    >>> import metagrad
    >>> metagrad.norm(metagrad.tensor([3.0, 4.0]))
    tensor(5.)
    """
    from metagrad.ops.pointwise import abs

    x = floating(input if dtype is None else cast_to(input, dtypes.of(dtype)))
    p = 2.0 if p in (None, "fro") else float(p)
    if p == np.inf:
        return amax(abs(x), dim, keepdim)
    if p == -np.inf:
        return amin(abs(x), dim, keepdim)
    return Norm.apply(x, p=p, axis=axes(dim, x.array.ndim), keepdim=keepdim)


class Norm(Function):
    """y = (Σ |x|ᵖ)^(1/p),   ∂L/∂x = ∂L/∂y · x |x|ᵖ⁻² / yᵖ⁻¹, and 0 where y = 0."""

    def forward(self, x: Array, p: float, axis: tuple[int, ...], keepdim: bool) -> Array:
        self.p, self.axis = p, axis
        if p == 0:
            y = (x != 0).sum(axis=axis, keepdims=keepdim).astype(x.real.dtype)
        elif p == 2:
            y = np.sqrt((x * np.conjugate(x)).real.sum(axis=axis, keepdims=keepdim))
        else:
            y = (np.abs(x) ** p).sum(axis=axis, keepdims=keepdim) ** (1 / p)
        self.save(x, y)
        return y

    def backward(self, grad: Any) -> Any:
        x, y = self.saved
        if self.p == 0:
            return np.zeros_like(x)
        shape = kept(tuple(x.shape), self.axis)
        y, grad = y.reshape(shape), grad.reshape(shape)
        zero = y == 0
        y = np.where(zero, 1, y)
        if self.p == 2:
            return np.where(zero, 0, grad / y) * x
        size = np.abs(x)
        size = np.where(size == 0, 1, size)
        return np.where(zero, 0, grad / y ** (self.p - 1)) * (np.sign(x) * size ** (self.p - 1))

