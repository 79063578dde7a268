"""Masked sums, extremes, moments and norms: each is the plain one, of the input with what is left out replaced."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.base import dtypes
from metagrad.base.typing import Dims, DTypeLike
from metagrad.kernels.libraries import filled
from metagrad.ops.arguments import axes
from metagrad.ops.pointwise import exponential
from metagrad.ops.pointwise.selection import where
from metagrad.ops.reduce import cumulative, extrema, medians, norms, products, reduction, softmax
from metagrad.ops.shape.broadcasting import broadcast_shapes, expand

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def kept(input: Tensor, mask: Tensor | None, otherwise: float) -> Tensor:
    """The input, with a number where the mask is False; of the shape that both broadcast to.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> kept(metagrad.ones(2), metagrad.tensor([True, False]), 0)
    tensor([1., 0.])
    """
    if mask is None:
        return input
    if mask.dtype is not dtypes.bool_:
        mask = mask != 0
    if mask.array.ndim > input.array.ndim:
        raise IndexError(
            f"mask must have at most as many dimensions as the input, got {mask.array.ndim} and {input.array.ndim}"
        )
    if input.requires_grad and mask.array.shape != input.array.shape:
        mask = mask.clone()  # which may be written to before the backward pass
    return where(mask, input, wrap(np.asarray(otherwise, input.array.dtype)))


def lowest(kind: np.dtype[Any]) -> float:
    """The least number of a NumPy dtype: −∞, the most negative integer, or False.

    >>> lowest(np.dtype(np.float32)), lowest(np.dtype(np.int8))
    (-inf, -128)
    """
    if kind.kind == "b":
        return False
    return -math.inf if kind.kind in "fV" else dtypes.iinfo(kind).min


def highest(kind: np.dtype[Any]) -> float:
    """The greatest number of a NumPy dtype: ∞, the greatest integer, or True.

    >>> highest(np.dtype(np.float32)), highest(np.dtype(np.int8))
    (inf, 127)
    """
    if kind.kind == "b":
        return True
    return math.inf if kind.kind in "fV" else dtypes.iinfo(kind).max


def of_dtype(input: Tensor, dtype: DTypeLike, whole: DTypeLike = None) -> Tensor:
    """The input in this dtype, if one is given; without one, integers and bools in ``whole``.

    >>> import metagrad
    >>> of_dtype(metagrad.tensor([1]), None, metagrad.float64)
    tensor([1.], dtype=metagrad.float64)
    """
    if dtype is None and input.array.dtype.kind in "iub":
        dtype = whole
    return input if dtype is None else input.to(dtype)


def _counts(input: Tensor, dim: Dims, mask: Tensor | None, keepdim: bool) -> Tensor:
    """How many elements the mask lets in, along ``dim``."""
    shape = tuple(input.shape)
    if mask is not None:
        shape = tuple(broadcast_shapes(shape, tuple(mask.shape)))
    ones = wrap(filled((), 1, np.int64, input.array)) if mask is None else mask.long()
    return reduction.sum(expand(ones, shape), dim, keepdim)


def sum(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Tensor | None = None
) -> Tensor:
    """Σ x over the elements that the mask lets in; integers in int64.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.sum(x, mask=mask)
    tensor(5.)
    """
    return reduction.sum(kept(of_dtype(input, dtype, dtypes.int64), mask, 0), dim, keepdim)


def prod(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Tensor | None = None
) -> Tensor:
    """Π x over the elements that the mask lets in; integers in int64.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.prod(x, mask=mask)
    tensor(6.)
    """
    x = kept(of_dtype(input, dtype, dtypes.int64), mask, 1)
    for d in sorted(axes(dim, x.array.ndim), reverse=True):
        x = products.prod(x, d, keepdim=True)
    shape = [n for d, n in enumerate(x.shape) if keepdim or d not in axes(dim, x.array.ndim)]
    return x.reshape(tuple(shape))


def amax(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Tensor | None = None
) -> Tensor:
    """The largest of the elements that the mask lets in; −∞ if there are none.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.amax(x, mask=mask)
    tensor(3.)
    """
    x = of_dtype(input, dtype)
    return extrema.amax(kept(x, mask, lowest(x.array.dtype)), dim, keepdim)


def amin(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Tensor | None = None
) -> Tensor:
    """The smallest of the elements that the mask lets in; ∞ if there are none.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.amin(x, mask=mask)
    tensor(2.)
    """
    x = of_dtype(input, dtype)
    return extrema.amin(kept(x, mask, highest(x.array.dtype)), dim, keepdim)


def argmax(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Tensor | None = None
) -> Tensor:
    """Where the largest of the elements that the mask lets in is; a number of the input's dtype, as in PyTorch.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.argmax(x, mask=mask)
    tensor(0.)
    """
    x = of_dtype(input, dtype)
    return extrema.argmax(kept(x, mask, lowest(x.array.dtype)), dim, keepdim).to(x.dtype)


def argmin(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Tensor | None = None
) -> Tensor:
    """Where the smallest of the elements that the mask lets in is; a number of the input's dtype, as in PyTorch.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.argmin(x, mask=mask)
    tensor(2.)
    """
    x = of_dtype(input, dtype)
    return extrema.argmin(kept(x, mask, highest(x.array.dtype)), dim, keepdim).to(x.dtype)


def cumsum(input: Tensor, dim: int, *, dtype: DTypeLike = None, mask: Tensor | None = None) -> Tensor:
    """Running sums of the elements that the mask lets in, in the input's dtype.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.cumsum(x, 0, mask=mask)
    tensor([3., 3., 5.])
    """
    x = of_dtype(input, dtype)
    return cumulative.cumsum(kept(x, mask, 0), dim, dtype=x.dtype)


def cumprod(input: Tensor, dim: int, *, dtype: DTypeLike = None, mask: Tensor | None = None) -> Tensor:
    """Running products of the elements that the mask lets in, in the input's dtype.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.cumprod(x, 0, mask=mask)
    tensor([3., 3., 6.])
    """
    x = of_dtype(input, dtype)
    return cumulative.cumprod(kept(x, mask, 1), dim, dtype=x.dtype)


def mean(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Tensor | None = None
) -> Tensor:
    """Σ x / n over the n elements that the mask lets in.

    Raises TypeError for integers without a dtype.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.mean(x, mask=mask)
    tensor(2.5000)
    """
    if input.array.dtype.kind in "iub" and dtype is None:
        raise ValueError(
            f"mean(): Could not infer output dtype. Input dtype must be floating point or complex. Got: {input.dtype}"
        )
    total = sum(input, dim, keepdim=keepdim, dtype=dtype, mask=mask)
    return total / _counts(input, dim, mask, keepdim)


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Tensor | None = None
) -> Tensor:
    """The middle one, in order, of the elements that the mask lets in; the lower of two.

    Raises ValueError if the input holds nan, and what ``sum`` raises.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.median(x, mask=mask)
    tensor(2.)
    """
    if mask is None and dtype is None:
        return medians.median(input, dim, keepdim).values
    x = of_dtype(input, dtype, dtypes.get_default_dtype())
    if mask is None:
        return medians.median(x, dim, keepdim).values
    if bool(x.isnan().any()):
        raise ValueError("masked.median: the input holds nan, which marks what is left out: replace it first")
    found = medians.nanmedian(kept(x, mask, math.nan), dim, keepdim).values
    if dtype is not None or input.is_floating_point():
        return found
    if bool(found.isnan().any()):
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return found.to(input.dtype)


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: DTypeLike = None,
    mask: Tensor | None = None,
) -> Tensor:
    """(Σ |x|ᵒʳᵈ)^(1/ord) over the elements that the mask lets in.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.norm(x, 1, mask=mask)
    tensor(5.)
    """
    order = 2.0 if ord is None else ord
    x = kept(of_dtype(input, dtype), mask, 0 if order >= 0 else math.inf)
    return norms.vector_norm(x, order, dim, keepdim)


def var(
    input: Tensor, dim: Dims = None, unbiased: bool | None = None, *, correction: float | None = None,
    keepdim: bool = False, dtype: DTypeLike = None, mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Σ |x − mean|² / (n − correction) over the n elements that the mask lets in; correction is 1, or 0 if not unbiased.

    Raises RuntimeError if both unbiased and correction are given.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.var(x, mask=mask)
    tensor(0.5000)
    """
    if unbiased is not None and correction is not None:
        raise RuntimeError("Only one of unbiased and correction may be given")
    take_off = correction if correction is not None else float(unbiased is None or bool(unbiased))
    x = of_dtype(input, dtype, dtypes.get_default_dtype())
    centred = x - mean(x, dim, keepdim=True, mask=mask)
    square = (centred * centred.conj()).real if x.is_complex() else centred * centred
    total = sum(square, dim, keepdim=keepdim, mask=mask)
    freedom = (_counts(x, dim, mask, keepdim) - take_off).clamp(min=0)
    return (total / freedom).to(x.dtype)


def std(
    input: Tensor, dim: Dims = None, unbiased: bool | None = None, *, correction: float | None = None,
    keepdim: bool = False, dtype: DTypeLike = None, mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """√ of ``var``, of the elements that the mask lets in.

    Raises RuntimeError if both unbiased and correction are given.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.std(x, mask=mask)
    tensor(0.7071)
    """
    found = var(input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask)
    return found.sqrt()


def logsumexp(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Tensor | None = None
) -> Tensor:
    """ln Σ eˣ over the elements that the mask lets in; of integers, as an integer of the same dtype, as in PyTorch.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.logsumexp(x, mask=mask)
    tensor(3.3133)
    """
    x = of_dtype(input, dtype)
    real = x if x.array.dtype.kind in "fcV" else x.to(dtypes.get_default_dtype())
    found = softmax.logsumexp(kept(real, mask, -math.inf), axes(dim, x.array.ndim), keepdim)
    return found.to(x.dtype)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: DTypeLike = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """ln(eˣ + eʸ), without what the mask of either leaves out.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.logaddexp(x, x, input_mask=mask)
    tensor([3.6931, 1.0000, 2.6931])
    """
    return exponential.logaddexp(
        kept(of_dtype(input, dtype), input_mask, -math.inf), kept(of_dtype(other, dtype), other_mask, -math.inf)
    )
