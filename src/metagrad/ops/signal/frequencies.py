"""Where the frequencies of a transform are, and turning it so that frequency 0 is in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import quiet
from metagrad.base import dtypes
from metagrad.base.typing import Array, Dims, DTypeLike
from metagrad.ops.arguments import asks_for_tensors, axes
from metagrad.ops.create.creation import factory, kind_or_default
from metagrad.ops.shape.flipping import roll

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def _kind(name: str, n: int, given: DTypeLike) -> dtypes.dtype:
    """The dtype of frequencies; RuntimeError for integers."""
    kind = kind_or_default(given)
    if n < 0:
        raise RuntimeError(f"{name}: Trying to create tensor with negative dimension {n}")
    if not (kind.is_floating_point or kind.is_complex):
        raise RuntimeError(f"{name} requires a floating point or complex dtype, got {kind}")
    return kind


@factory
@quiet  # samples may be no distance apart
def fftfreq(n: int, d: float = 1.0, *, dtype: DTypeLike = None) -> Array:
    """The frequencies of ``fft``, in cycles per unit of d, the distance of samples: [0, 1, …, −n/2, …, −1] / (d n).

    >>> import metagrad
    >>> metagrad.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    kind = _kind("fftfreq", n, dtype)
    return (np.fft.ifftshift(np.arange(int(n)) - int(n) // 2) / (int(n) * float(d))).astype(kind.dtype)


@factory
@quiet
def rfftfreq(n: int, d: float = 1.0, *, dtype: DTypeLike = None) -> Array:
    """The frequencies of ``rfft``: [0, 1, …, n/2] / (d n).

    >>> import metagrad
    >>> metagrad.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    kind = _kind("rfftfreq", n, dtype)
    return (np.arange(int(n) // 2 + 1) / (int(n) * float(d))).astype(kind.dtype)


@asks_for_tensors
def fftshift(input: Tensor, dim: Dims = None) -> Tensor:
    """Dimensions turned by half their extent, so that frequency 0 comes to the middle.

    >>> import metagrad
    >>> metagrad.fft.fftshift(metagrad.fft.fftfreq(4))
    tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    dims = axes(dim, input.array.ndim)
    return roll(input, tuple(input.array.shape[d] // 2 for d in dims), dims)


@asks_for_tensors
def ifftshift(input: Tensor, dim: Dims = None) -> Tensor:
    """Dimensions turned back by half their extent: what undoes ``fftshift``.

    >>> import metagrad
    >>> metagrad.fft.ifftshift(metagrad.fft.fftshift(metagrad.arange(5)))
    tensor([0, 1, 2, 3, 4])
    """
    dims = axes(dim, input.array.ndim)
    return roll(input, tuple((input.array.shape[d] + 1) // 2 for d in dims), dims)
