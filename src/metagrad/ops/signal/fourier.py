"""Three Fourier transforms: complex to complex, real to half a spectrum, half a spectrum to real; and their arguments.

The gradient of a transform is the transform in the other direction with the same scale, for the matrix of one is the conjugate
transpose of the other's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import guard
from metagrad.autograd.function import Function
from metagrad.base import dtypes
from metagrad.base.layouts import inverse
from metagrad.base.result_order import steps_of
from metagrad.base.typing import Array, Dims
from metagrad.kernels.libraries import filled
from metagrad.ops.arguments import dimension, floating
from metagrad.ops.index.indexing import Embed, getitem
from metagrad.ops.pointwise.arithmetic import Conj

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

Axes = tuple[int, ...]


class Transform(Function):
    """Xₖ = s Σₙ xₙ exp(∓2πi kn/N) along some axes, − there and + back;   ∂L/∂x = s Σₖ ∂L/∂Xₖ exp(±2πi kn/N)."""

    def forward(self, x: Array, axes: Axes, back: bool, scale: float, as_it_lies: bool = False) -> Array:
        self.settings = {"axes": axes, "back": not back, "scale": scale}
        out = {} if as_it_lies else _memory(x, x.shape, axes, len(axes))
        y = np.fft.ifftn(x, axes=axes, norm="forward", **out) if back else np.fft.fftn(x, axes=axes, **out)
        return _scaled(y, scale)

    def backward(self, grad: Array) -> Array:
        return Transform.on(grad, **self.settings)


class HalfSpectrum(Function):
    """Xₖ = s Σₙ xₙ exp(−2πi kn/N), k = 0 … N/2, of real x;   ∂L/∂x = s Re Σₖ ∂L/∂Xₖ exp(2πi kn/N)."""

    guards = (0,)

    def forward(self, x: Array, axis: int, scale: float, before: Axes = ()) -> Array:
        self.shape_in, self.axis, self.scale = x.shape, axis, scale
        shape = (*x.shape[:axis], x.shape[axis] // 2 + 1, *x.shape[axis + 1 :])
        out = _memory(x, shape, (*before, axis), len(before))
        return _scaled(np.fft.rfft(x, axis=axis, **out), scale)

    def backward(self, grad: Array) -> Array:
        half = (*[slice(None)] * self.axis, slice(0, grad.shape[self.axis]))
        whole = Embed.on(grad, shape=self.shape_in, index=half)
        return np.real(Transform.on(whole, axes=(self.axis,), back=True, scale=self.scale))


class FromHalf(Function):
    """xₙ = s Σₖ Xₖ exp(2πi kn/N) over k = 0 … N − 1, where X_{N−k} = Xₖ*: real x of n elements.

    ∂L/∂Xₖ = s wₖ Σₙ ∂L/∂xₙ exp(−2πi kn/N): wₖ is 2 for those k that stand for N − k too, else 1.
    """

    def forward(self, x: Array, n: int, axis: int, scale: float) -> Array:
        self.axis, self.scale = axis, scale
        kept = x.shape[axis]
        weights = filled((kept,) + (1,) * (x.ndim - axis - 1), 1, np.float32, x)
        weights[1 : kept - (n % 2 == 0)] = 2
        self.weights = weights
        out = _memory(x, (*x.shape[:axis], n, *x.shape[axis + 1 :]), (axis,), 0, real=True)
        return _scaled(np.fft.irfft(x, n, axis=axis, norm="forward", **out), scale)

    def backward(self, grad: Array) -> Array:
        return HalfSpectrum.on(grad, axis=self.axis, scale=self.scale) * self.weights


def _memory(x: Array, shape: Axes, axes: Axes, sorts: int, real: bool = False) -> dict[str, Array]:
    """Where a transform lies, in PyTorch's order: its axes innermost, the first few of them and all others as in x.

    As an argument, of which there is none where NumPy finds that order by itself, and for arrays of other libraries.
    """
    if x.__class__ is not np.ndarray or x.ndim == 1:
        return {}
    front = x.ndim - len(axes)
    if x.flags.c_contiguous and axes == tuple(range(front, x.ndim)):
        return {}
    steps = steps_of(x)
    others = [d for d in range(x.ndim) if d not in axes]
    order = [*(sorted(part, key=lambda d: -steps[d]) for part in (others, axes[:sorts])), axes[sorts:]]
    flat = tuple([d for part in order for d in part])
    dtype = x.real.dtype if real else np.result_type(x.dtype, np.complex64)
    return {"out": np.empty([shape[d] for d in flat], dtype).transpose(inverse(flat))}


def _scaled(x: Array, scale: float) -> Array:
    if scale != 1:
        x *= scale
    return x


# ------------------------------------------------ arguments


def _scale(norm: str | None, count: int, back: bool, name: str) -> float:
    if norm not in (None, "backward", "ortho", "forward"):
        raise RuntimeError(
            f"fft.{name}: Invalid normalization mode: \"{norm}\", it is 'forward', 'backward' or 'ortho'"
        )
    if norm == "ortho":
        return 1 / math.sqrt(count)
    return 1 / count if (norm == "forward") != back else 1.0


def _numbers(input: Tensor, name: str, real: bool = False) -> Tensor:
    """The input as floating-point or complex numbers; real: complex ones are an error."""
    if input.dtype in (dtypes.float16, dtypes.bfloat16):
        raise RuntimeError(
            f"fft.{name}: Unsupported dtype {dtypes.scalar_name(input.dtype)}: convert it with .float() first"
        )
    if real and input.dtype.is_complex:
        raise RuntimeError(f"fft.{name} expects a real input tensor, but got {dtypes.scalar_name(input.dtype)}")
    return floating(input)


def _complex(x: Tensor) -> Tensor:
    return x if x.dtype.is_complex else x.to(x.dtype.to_complex())


def _plain_number(given: Any) -> Any:
    """NumPy's integers, and tensors of one, as Python's."""
    return int(given) if hasattr(given, "__index__") else given


def _dims(name: str, input: Tensor, s: Dims, dim: Dims) -> tuple[Axes, list[int | None]]:
    """The axes, and the extents they are to have, None for those they have."""
    ndim = input.array.ndim
    s, dim = _plain_number(s), _plain_number(dim)
    if isinstance(s, int) and s < 1:
        raise RuntimeError(f"fft.{name}: invalid number of data points ({s}) specified")
    sizes = None if s is None else [s] if isinstance(s, int) else list(s)
    if dim is None:
        if sizes is not None and len(sizes) > ndim:
            raise RuntimeError(
                f"fft.{name}: got shape with {len(sizes)} values but input tensor only has {ndim} dimensions"
            )
        given = tuple(range(0 if sizes is None else ndim - len(sizes), ndim))
    else:
        given = tuple(dimension(d, ndim) for d in ([dim] if isinstance(dim, int) else dim))
        if given and not ndim:
            raise IndexError(
                f"fft.{name}: Dimension specified as {dim if isinstance(dim, int) else dim[0]} but tensor has no dimensions"
            )
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


def complex_to_complex(name: str, input: Tensor, s: Dims, dim: Dims, norm: str | None, back: bool) -> Tensor:
    """The transform along the axes, each cut or filled up to its extent first; back: the inverse.

    >>> import metagrad
    >>> complex_to_complex("fft", metagrad.ones(2), None, -1, None, False)
    tensor([2.+0.j, 0.+0.j])
    """
    axes, sizes = _dims(name, input, s, dim)
    x = _resized(name, _complex(_numbers(input, name)), axes, sizes)
    if not axes:
        return x.clone()
    y = Transform.apply(x, axes=axes, back=back, scale=_scale(norm, _count(x, axes), back, name))
    if name in ("fft", "ifft") and not input.dtype.is_complex:
        guard(y._grad_fn, *([input] if x.array.size <= input.array.size else []))
    return y


def real_to_complex(name: str, input: Tensor, s: Dims, dim: Dims, norm: str | None, back: bool) -> Tensor:
    """The half spectrum along the last of the axes, then the whole one along the others; back: conjugated at the end.

    Raises RuntimeError if there is no axis, or the input is complex.

    >>> import metagrad
    >>> real_to_complex("rfft", metagrad.ones(4), None, -1, None, False)
    tensor([4.+0.j, 0.+0.j, 0.+0.j])
    """
    axes, sizes = _dims(name, input, s, dim)
    if not axes:
        raise RuntimeError(f"fft.{name} must transform at least one axis")
    x = _resized(name, _numbers(input, name, real=True), axes, sizes)
    half = HalfSpectrum.apply(x, axis=axes[-1], scale=_scale(norm, _count(x, axes), back, name), before=axes[:-1])
    half = Conj.apply(half) if back else half
    return Transform.apply(half, axes=axes[:-1], back=back, scale=1.0, as_it_lies=True) if axes[1:] else half


def complex_to_real(name: str, input: Tensor, s: Dims, dim: Dims, norm: str | None, back: bool) -> Tensor:
    """The whole transform along all axes but the last, then real numbers from the half spectrum along that.

    Raises RuntimeError if there is no axis, or the extent of the last would be below 1.

    >>> import metagrad
    >>> complex_to_real("irfft", metagrad.ones(3), None, -1, None, True)
    tensor([1., 0., 0., 0.])
    """
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
