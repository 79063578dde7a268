"""Quantiles: what lies at given fractions of the way through the elements in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.node_names import named
from metagrad.autograd.variable import Variable, wrap
from metagrad.base import dtypes
from metagrad.kernels.libraries import filled
from metagrad.ops.arguments import dimension, takes_exact_out, takes_out_by
from metagrad.ops.index.gathering import gather
from metagrad.ops.index.sorting import sort
from metagrad.ops.pointwise.compound import lerp
from metagrad.ops.pointwise.selection import where
from metagrad.ops.shape.permuting import movedim
from metagrad.ops.shape.views import reshape

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["nanquantile", "quantile"]

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@takes_out_by(exactly=True, words="quantile() out tensor must be same dtype as the input tensor")
def quantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """The q-quantile along ``dim``, or of all elements: in order, what stands at q (n − 1), counted from 0.

    q: a number in [0, 1], or a vector of them in the dtype of the input, which adds a dimension in front. Between two
    elements, interpolation is "linear", "lower", "higher", "midpoint" or "nearest". nan if there is a nan.

    Raises RuntimeError if input is not float32 or float64 or is empty, if q is not in [0, 1] or of another dtype, and
    for an unknown interpolation.

    >>> import metagrad
    >>> metagrad.quantile(metagrad.tensor([1.0, 2.0, 4.0]), metagrad.tensor([0.5, 0.75]))
    tensor([2., 3.])
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, ignore_nan=False)


@takes_exact_out
def nanquantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """``quantile`` of what is not nan; nan if there is nothing else.

    Raises what ``quantile`` raises.

    >>> import metagrad
    >>> metagrad.nanquantile(metagrad.tensor([1.0, float("nan"), 4.0]), 0.5)
    tensor(2.5000)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, ignore_nan=True)


def _quantile(
    name: str, input: Tensor, q: float | Tensor, dim: int | None, keepdim: bool, interpolation: str, ignore_nan: bool
) -> Tensor:
    axis = None if dim is None else dimension(dim, input.array.ndim)
    fractions = _fractions(name, input, q)
    if interpolation not in INTERPOLATIONS:
        names = f"{', '.join(INTERPOLATIONS[:-1])} or {INTERPOLATIONS[-1]}"
        raise RuntimeError(f"{name}() interpolation must be one of {names}, but got {interpolation}")
    shape = tuple(input.array.shape)
    lines = reshape(input, (-1,)) if axis is None or not shape else movedim(input, axis, -1)
    found = _at_fractions(sort(lines, -1).values, reshape(fractions, (-1,)), interpolation, ignore_nan)
    found = movedim(found, -1, 0)
    if axis is None:
        rest = (1,) * len(shape) if keepdim else ()
    else:
        rest = tuple(1 if d == axis else n for d, n in enumerate(shape) if keepdim or d != axis)
    return named(reshape(found, (*fractions.array.shape, *rest)), "Squeeze")


def _fractions(name: str, input: Tensor, q: float | Tensor) -> Tensor:
    """q as a tensor, checked."""
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype, got {input.dtype}")
    if not input.array.size:
        raise RuntimeError(f"{name}() input tensor must be non-empty, got shape {tuple(input.shape)}")
    fractions = q if isinstance(q, Variable) else wrap(filled((), float(q), input.array.dtype, input.array))
    if fractions.array.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor, got shape {tuple(fractions.array.shape)}")
    if fractions.dtype != input.dtype:
        raise RuntimeError(
            f"{name}() q tensor must be same dtype as the input tensor, {input.dtype}, got {fractions.dtype}"
        )
    if not np.all((fractions.array >= 0) & (fractions.array <= 1)):
        found = (
            "values must be in the range [0, 1], got" if fractions.array.ndim else "must be in the range [0, 1] but got"
        )
        raise RuntimeError(f"{name}() q {found} {q}")
    return fractions


def _at_fractions(ascending: Tensor, q: Tensor, interpolation: str, ignore_nan: bool) -> Tensor:
    """x (*, n) in order, q (k): (*, k)."""
    nan = np.isnan(ascending.array)
    n = ascending.array.shape[-1]
    if ignore_nan:
        count = np.sum(~nan, axis=-1, keepdims=True)
        rank = q * wrap(np.maximum(count - 1, 0).astype(q.array.dtype))
    else:  # nan stands at the end
        rank = where(wrap(np.any(nan, axis=-1, keepdims=True)), float(n - 1), q * (n - 1))
    rounding = {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}.get(interpolation, np.floor)
    below = rounding(rank.array)
    low = gather(ascending, -1, wrap(below.astype(np.int64)))
    if interpolation not in ("linear", "midpoint"):
        return low
    high = gather(ascending, -1, wrap(np.ceil(rank.array).astype(np.int64)))
    return lerp(low, high, 0.5 if interpolation == "midpoint" else rank - wrap(below))
