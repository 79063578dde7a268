"""Statistics in one or two dimensions: mean and deviation together, covariances, and what leaves nan out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.function import quiet
from metagrad.autograd.node_names import known_as
from metagrad.autograd.variable import wrap
from metagrad.base import dtypes
from metagrad.base.typing import Dims, DTypeLike
from metagrad.base.warning import warn
from metagrad.kernels.one_call import is_nan
from metagrad.kernels.reductions import is_large
from metagrad.ops.arguments import asks_for_tensors, axes, floating, takes_out
from metagrad.ops.create.conversion import real
from metagrad.ops.dtype_checks import unsupported
from metagrad.ops.linalg.matmul import matmul
from metagrad.ops.operands import in_single
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.pointwise.exponential import sqrt
from metagrad.ops.pointwise.selection import clamp, where
from metagrad.ops.reduce.reduction import mean
from metagrad.ops.reduce.reduction import sum as total
from metagrad.ops.reduce.variance import std, var
from metagrad.ops.shape.diagonals import diagonal

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["corrcoef", "cov", "nanmean", "nansum", "std_mean", "var_mean"]


# ------------------------------------------------ deviation and mean


@takes_out
@in_single
def var_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: tuple[Tensor, ...] | None = None,
) -> tuple[Tensor, Tensor]:
    """``var`` and ``mean`` over all elements or over ``dim``.

    Raises RuntimeError if the dtype is not floating-point or complex.

    >>> import metagrad
    >>> metagrad.var_mean(metagrad.tensor([1.0, 2.0, 6.0]))
    (tensor(7.), tensor(3.))
    """
    spread = var(input, dim, unbiased, keepdim, correction=correction)
    return spread, mean(input, None if isinstance(dim, bool) else dim, keepdim)


@takes_out
@in_single
def std_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: tuple[Tensor, ...] | None = None,
) -> tuple[Tensor, Tensor]:
    """``std`` and ``mean`` over all elements or over ``dim``.

    Raises RuntimeError if the dtype is not floating-point or complex.

    >>> import metagrad
    >>> metagrad.std_mean(metagrad.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    spread = std(input, dim, unbiased, keepdim, correction=correction)
    return spread, mean(input, None if isinstance(dim, bool) else dim, keepdim)


# ------------------------------------------------ without nan


@takes_out
@in_single
@known_as("Nansum")
@guarding("input")
def nansum(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None, out: Tensor | None = None
) -> Tensor:
    """Sum of what is not nan, over all elements or over ``dim``.

    Raises RuntimeError for complex tensors.

    >>> import metagrad
    >>> metagrad.nansum(metagrad.tensor([1.0, float("nan"), 2.0]))
    tensor(3.)
    """
    if input.array.dtype.kind == "c":
        raise NotImplementedError(f"nansum does not support complex inputs, got {input.dtype}")
    if dtype is not None and dtypes.of(dtype).is_complex:
        raise unsupported("nansum_cpu", dtypes.of(dtype))
    if input.array.dtype.kind in "biu":
        return total(input, dim, keepdim, dtype=dtype)
    if is_large(input.array):  # most often there is no nan, and a sum without one says so
        y = total(input, dim, keepdim, dtype=dtype)
        if not np.isnan(y.array).any():
            return y
    return total(where(wrap(is_nan(input.array)), 0.0, input), dim, keepdim, dtype=dtype)


@takes_out
@in_single
def nanmean(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None, out: Tensor | None = None
) -> Tensor:
    """Mean of what is not nan, over all elements or over ``dim``; nan if there is nothing else.

    Raises RuntimeError if the dtype is not floating-point.

    >>> import metagrad
    >>> metagrad.nanmean(metagrad.tensor([1.0, float("nan"), 2.0]))
    tensor(1.5000)
    """
    if input.array.dtype.kind not in "fV":
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {dtypes.scalar_name(input.dtype)}"
        )
    if dtype is not None and dtypes.of(dtype).category < 2:
        raise RuntimeError(
            f"nanmean(): could not infer output dtype. Optional dtype must be floating point. Got: {dtype}"
        )
    count = np.sum(~np.isnan(input.array), axis=axes(dim, input.array.ndim), keepdims=keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / wrap(count)


# ------------------------------------------------ several variables


@asks_for_tensors
@guarding("fweights")
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """Covariances Σ w (xᵢ − x̄ᵢ) (xⱼ − x̄ⱼ)* / (Σ w − c · Σ w a / Σ w) of variables (rows) seen in observations (columns).

    input (D, N), or (N) for one variable: result (D, D), or () for one. fweights (N): how often each observation counts, integers;
    aweights (N): what it weighs, floats. w is their product; c is the correction.

    Raises RuntimeError for more than 2 dimensions, for bools, and for weights that do not fit or sum to 0.

    >>> import metagrad
    >>> metagrad.cov(metagrad.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.array.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.array.ndim} dimensions"
        )
    if input.dtype is dtypes.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input: convert with .float() first")
    x = floating(input) if input.array.ndim == 2 else floating(input).reshape(1, -1)
    weights = _weights(fweights, aweights, x)
    count: Any = x.array.shape[1]
    if weights is not None:
        count = total(weights)
        if count.array == 0:
            raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    center = mean(x, 1, True) if weights is None else total(x * weights, 1, True) / count
    freedom: Any = count - correction
    if weights is not None and aweights is not None and correction:
        freedom = count - correction * total(weights * aweights) / count
    if freedom <= 0:
        warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.",
            UserWarning,
        )
    freedom = clamp(freedom, min=0) if hasattr(freedom, "array") else max(freedom, 0)
    apart = x - center
    other = conj(apart if weights is None else apart * weights).transpose(0, 1)
    products = matmul(apart.to(other.dtype), other) / freedom
    return products if x.array.shape[0] != 1 else products.reshape(())


@quiet
def _weights(fweights: Tensor | None, aweights: Tensor | None, x: Tensor) -> Tensor | None:
    """The weight of each observation, or None."""
    found = None
    for name, given, kinds, kind in (
        ("fweights", fweights, "iu", "integral"),
        ("aweights", aweights, "fV", "floating point"),
    ):
        if given is None:
            continue
        if given.array.ndim > 1:
            raise RuntimeError(f"cov(): expected {name} to have one or fewer dimensions, got {given.array.ndim}")
        if given.array.dtype.kind not in kinds:
            raise RuntimeError(f"cov(): expected {name} to have {kind} dtype, got {given.dtype}")
        if given.array.size != x.array.shape[1]:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the input but got "
                f"{given.array.size} != {x.array.shape[1]}"
            )
        if np.any(given.array < 0):
            raise RuntimeError(f"cov(): {name} cannot be negative")
        found = given if found is None else found * given
    return found


@asks_for_tensors
def corrcoef(input: Tensor) -> Tensor:
    """Correlations: covariances of variables divided by their standard deviations, within [−1, 1].

    input (D, N), or (N) for one variable: result (D, D).

    Raises RuntimeError for more than 2 dimensions.

    >>> import metagrad
    >>> metagrad.corrcoef(metagrad.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.array.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.array.ndim} dimensions"
        )
    c = cov(input)
    if not c.array.ndim:
        return c / c
    deviation = sqrt(real(diagonal(c)))
    ratio = c / deviation.unsqueeze(1) / deviation
    if c.array.dtype.kind == "c":
        return ratio
    return clamp(ratio, -1, 1)
