"""The transforms: their arguments, and the ops of ``metagrad.ops.signal.fourier`` that do the work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.base.typing import Dims
from metagrad.ops.index.indexing import Embed, getitem
from metagrad.ops.operands import dimension, floating
from metagrad.ops.out import takes_out
from metagrad.ops.pointwise.arithmetic import Conj
from metagrad.ops.signal.fourier import Axes, FromHalf, HalfSpectrum, Transform

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

# ------------------------------------------------ arguments


def _scale(norm: str | None, count: int, back: bool, name: str) -> float:
    if norm not in (None, "backward", "ortho", "forward"):
        raise RuntimeError(f"fft.{name}: norm must be 'forward', 'backward' or 'ortho', got {norm!r}")
    if norm == "ortho":
        return 1 / math.sqrt(count)
    return 1 / count if (norm == "forward") != back else 1.0


def _numbers(input: Tensor, name: str, real: bool = False) -> Tensor:
    """The input as floating-point or complex numbers; real: complex ones are an error."""
    if input.array.dtype == np.float16:
        raise RuntimeError(f"fft.{name}: unsupported dtype float16: convert the tensor with .float() first")
    if real and input.dtype.is_complex:
        raise RuntimeError(f"fft.{name} expects a real input tensor, but got {input.dtype}")
    return floating(input)


def _complex(x: Tensor) -> Tensor:
    return x if x.dtype.is_complex else x.to(x.dtype.to_complex())


def _dims(name: str, input: Tensor, s: Dims, dim: Dims) -> tuple[Axes, list[int | None]]:
    """The axes, and the extents they are to have, None for those they have."""
    ndim = input.array.ndim
    sizes = None if s is None else [s] if isinstance(s, int) else list(s)
    if dim is None:
        if sizes is not None and len(sizes) > ndim:
            raise RuntimeError(
                f"fft.{name}: got shape with {len(sizes)} values but input tensor only has {ndim} dimensions"
            )
        given = tuple(range(0 if sizes is None else ndim - len(sizes), ndim))
    else:
        given = tuple(dimension(d, ndim) for d in ([dim] if isinstance(dim, int) else dim))
        if len(set(given)) != len(given):
            raise RuntimeError(f"fft.{name}: FFT dims must be unique, got {dim}")
    if sizes is None:
        return given, [None] * len(given)
    if len(sizes) != len(given):
        raise RuntimeError(
            f"fft.{name}: when given, dim and shape arguments must have the same length, got {dim} and {s}"
        )
    return given, [None if n == -1 else n for n in sizes]


def _resized(name: str, x: Tensor, axes: Sequence[int], sizes: Sequence[int | None]) -> Tensor:
    """Each axis cut, or filled up with zeros, to its extent."""
    for d, n in zip(axes, sizes, strict=True):
        old = x.array.shape[d]
        new = old if n is None else n
        if new < 1:
            raise RuntimeError(f"fft.{name}: invalid number of data points ({new}) specified")
        before = (slice(None),) * d
        if new < old:
            x = getitem(x, (*before, slice(0, new)))
        elif new > old:
            shape = (*x.array.shape[:d], new, *x.array.shape[d + 1 :])
            x = Embed.apply(x, shape=shape, index=(*before, slice(0, old)))
    return x


def _count(x: Tensor, axes: Sequence[int]) -> int:
    return math.prod(x.array.shape[d] for d in axes)


def _c2c(name: str, input: Tensor, s: Dims, dim: Dims, norm: str | None, back: bool) -> Tensor:
    axes, sizes = _dims(name, input, s, dim)
    x = _resized(name, _complex(_numbers(input, name)), axes, sizes)
    if not axes:
        return x.clone()
    return Transform.apply(x, axes=axes, back=back, scale=_scale(norm, _count(x, axes), back, name))


def _r2c(name: str, input: Tensor, s: Dims, dim: Dims, norm: str | None, back: bool) -> Tensor:
    """The half spectrum along the last of the axes, then the whole one along the others; back: conjugated at the end."""
    axes, sizes = _dims(name, input, s, dim)
    if not axes:
        raise RuntimeError(f"fft.{name} must transform at least one axis")
    x = _resized(name, _numbers(input, name, real=True), axes, sizes)
    half = HalfSpectrum.apply(x, axis=axes[-1], scale=_scale(norm, _count(x, axes), back, name))
    half = Conj.apply(half) if back else half
    return Transform.apply(half, axes=axes[:-1], back=back, scale=1.0) if axes[1:] else half


def _c2r(name: str, input: Tensor, s: Dims, dim: Dims, norm: str | None, back: bool) -> Tensor:
    """The whole transform along all axes but the last, then real numbers from the half spectrum along that."""
    axes, sizes = _dims(name, input, s, dim)
    if not axes:
        raise RuntimeError(f"fft.{name} must transform at least one axis")
    last = axes[-1]
    n = 2 * (input.array.shape[last] - 1) if sizes[-1] is None else sizes[-1]
    if n < 1:
        raise RuntimeError(f"fft.{name}: invalid number of data points ({n}) specified")
    x = _resized(name, _complex(_numbers(input, name)), axes, [*sizes[:-1], n // 2 + 1])
    if axes[1:]:
        x = Transform.apply(x, axes=axes[:-1], back=back, scale=1.0)
    scale = _scale(norm, _count(x, axes[:-1]) * n, back, name)
    return FromHalf.apply(x if back else Conj.apply(x), n=n, axis=last, scale=scale)


# ------------------------------------------------ one dimension


@takes_out
def fft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The transform along one dimension."""
    return _c2c("fft", input, n, dim, norm, False)


@takes_out
def ifft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``fft``."""
    return _c2c("ifft", input, n, dim, norm, True)


@takes_out
def rfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The first half, N/2 + 1 numbers, of the transform of real numbers."""
    return _r2c("rfft", input, n, dim, norm, False)


@takes_out
def irfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``rfft``: n real numbers, by default an even number of them."""
    return _c2r("irfft", input, n, dim, norm, True)


@takes_out
def hfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The transform of numbers of which the first half is given, and the second is its conjugate mirror image: real."""
    return _c2r("hfft", input, n, dim, norm, False)


@takes_out
def ihfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``hfft``."""
    return _r2c("ihfft", input, n, dim, norm, True)


# ------------------------------------------------ two, and any number


@takes_out
def fft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """``fftn`` over the last two dimensions."""
    return _c2c("fft2", input, s, dim, norm, False)


@takes_out
def ifft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``fft2``."""
    return _c2c("ifft2", input, s, dim, norm, True)


@takes_out
def rfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """``rfftn`` over the last two dimensions."""
    return _r2c("rfft2", input, s, dim, norm, False)


@takes_out
def irfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``rfft2``."""
    return _c2r("irfft2", input, s, dim, norm, True)


@takes_out
def hfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """``hfftn`` over the last two dimensions."""
    return _c2r("hfft2", input, s, dim, norm, False)


@takes_out
def ihfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``hfft2``."""
    return _r2c("ihfft2", input, s, dim, norm, True)


@takes_out
def fftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The transform along several dimensions, all if ``dim`` and ``s`` are None."""
    return _c2c("fftn", input, s, dim, norm, False)


@takes_out
def ifftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``fftn``."""
    return _c2c("ifftn", input, s, dim, norm, True)


@takes_out
def rfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The transform of real numbers along several dimensions: the first half along the last of them."""
    return _r2c("rfftn", input, s, dim, norm, False)


@takes_out
def irfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``rfftn``."""
    return _c2r("irfftn", input, s, dim, norm, True)


@takes_out
def hfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The transform along several dimensions of numbers given by half, along the last of them: real."""
    return _c2r("hfftn", input, s, dim, norm, False)


@takes_out
def ihfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of ``hfftn``."""
    return _r2c("ihfftn", input, s, dim, norm, True)
