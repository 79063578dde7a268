"""Numbers of one tensor combined into another at given indices: by sum, product, mean, or the larger or smaller of them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import free_all, guarding
from metagrad.autograd.function import Function
from metagrad.autograd.node_names import known_as, named
from metagrad.autograd.variable import unwrap, wrap
from metagrad.base.typing import Array, Number
from metagrad.kernels.libraries import filled
from metagrad.ops.arguments import takes_exact_out
from metagrad.ops.dtype_checks import unsupported
from metagrad.ops.index.at import combine_at, taken
from metagrad.ops.index.gathering import PutMultiply, in_one_dimension, scattered
from metagrad.ops.index.indexing import Gather, Put, PutAdd
from metagrad.ops.index.scattering import check_same_dtype, check_source, in_slices, vector
from metagrad.ops.operands import converted
from metagrad.ops.pointwise.division import div
from metagrad.ops.shape.views import reshape

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["index_reduce", "scatter_reduce"]


class PutExtreme(Function):
    """y = x, then y[index] = the larger (smaller) of y[index] and v;   ∂L/∂y is shared evenly by what equals y.

    replaced: what stood in x before it was left out: as in PyTorch, it takes its share where it equals y.
    """

    release = free_all

    def forward(
        self, x: Array, v: Array, index: Array | tuple[Array, ...], ufunc: np.ufunc, replaced: Array | None
    ) -> Array:
        y = x.copy()
        combine_at(ufunc, y, index, v)
        if not any(self.needs):
            return y
        self.index = index
        self.stays, self.comes = x == y, v == taken(y, index)
        self.sharers = (self.stays if replaced is None else replaced == y).astype(np.int64)
        combine_at(np.add, self.sharers, index, self.comes)
        self.sharers = np.maximum(self.sharers, 1)
        return y

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        share = grad / self.sharers
        for_x = share * self.stays if self.needs[0] else None
        return for_x, Gather.on(share, index=self.index) * self.comes if self.needs[1] else None


def _identity(reduce: str, kind: np.dtype[Any]) -> Number:
    """The number that changes no result."""
    if reduce in ("amax", "amin"):
        if kind.kind in "fV":
            return -np.inf if reduce == "amax" else np.inf
        if kind.kind == "b":
            return reduce == "amin"
        return np.iinfo(kind).min if reduce == "amax" else np.iinfo(kind).max
    return 1 if reduce == "prod" else 0


def _reduced(input: Tensor, src: Tensor, index: Array | tuple[Array, ...], reduce: str, include_self: bool) -> Tensor:
    start = input
    if not include_self:
        start = Put.apply(input, converted(_identity(reduce, input.array.dtype), input.dtype), index=index)
    if reduce == "prod":
        return PutMultiply.apply(start, src, index=index)
    if reduce in ("amax", "amin"):
        ufunc, replaced = np.maximum if reduce == "amax" else np.minimum, None if include_self else input.array
        return PutExtreme.apply(start, src, index=index, ufunc=ufunc, replaced=replaced)
    total = PutAdd.apply(start, src, index=index)
    if reduce == "sum":
        return total
    count = filled(input.array.shape, 1, np.int64, input.array)
    if not include_self:
        count[index] = 0
    combine_at(np.add, count, index, 1)
    whole = input.array.dtype.kind in "iu"
    divisor = wrap(np.maximum(count, 1)).to(input.dtype)
    return div(total, divisor, rounding_mode="floor" if whole else None)


def _check_reduce(name: str, x: Tensor, reduce: str, allowed: tuple[str, ...]) -> None:
    if reduce not in allowed:
        names = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
        raise RuntimeError(
            f"index_reduce(): Expected reduce to be one of {names} but got {reduce}."
            if name == "index_reduce"
            else f"reduce argument must be either {names}, got {reduce}."
        )
    if reduce in ("amax", "amin") and x.dtype.is_complex or reduce == "mean" and x.array.dtype.kind == "b":
        raise unsupported(name, x.dtype)  # no order, and no halves


@takes_exact_out
@known_as("ScatterReduce")
@guarding("input", "index", "src", results=(0,))
def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """A copy of ``input`` with src[i][j] combined into copy[index[i][j]][j] for dim 0, and so on.

    reduce: "sum", "prod", "mean", "amax" or "amin"; include_self: of the number that was there, too. Raises
    RuntimeError for another ``reduce``, for an index out of bounds, and if the dtypes differ.

    >>> import metagrad
    >>> x, index = metagrad.tensor([1.0, 2.0]), metagrad.tensor([0, 0, 1])
    >>> metagrad.scatter_reduce(x, 0, index, metagrad.tensor([5.0, 3.0, 1.0]), "amax")
    tensor([5., 2.])
    """
    _check_reduce("scatter_reduce", input, reduce, ("sum", "prod", "mean", "amax", "amin"))
    if src.dtype != input.dtype:
        raise RuntimeError(
            f"scatter_reduce(): expected self.dtype to be equal to src.dtype, got {input.dtype} and {src.dtype}"
        )
    combine = functools.partial(_reduced, reduce=reduce, include_self=include_self)
    return scattered(combine, input, dim, index, src)


@takes_exact_out
@guarding("input", "index", "source", results=(0,))
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """A copy with slice i of ``source`` combined into slice ``index[i]`` of ``dim``.

    reduce: "prod", "mean", "amax" or "amin"; include_self: of the slice that was there, too. Raises RuntimeError for
    another ``reduce``, or if dtypes or shapes do not match, IndexError for an index out of bounds.

    >>> import metagrad
    >>> metagrad.index_reduce(metagrad.ones(2), 0, metagrad.tensor([1, 1]), metagrad.tensor([2.0, 3.0]), "prod")
    tensor([1., 6.])
    """
    _check_reduce("index_reduce", input, reduce, ("prod", "mean", "amax", "amin"))
    axis, rows = vector("index_reduce", input, dim, index)
    check_same_dtype("index_reduce", input, source)
    check_source("index_reduce", RuntimeError, input, axis, rows, source)
    found = _reduced(
        in_one_dimension(input), in_one_dimension(source), in_slices(axis, unwrap(rows)), reduce, include_self
    )
    return named(reshape(found, tuple(input.shape)), "IndexReduce")
