"""Windows: weights that fade a stretch of a signal out at its ends, so that its spectrum does not show the cut.

Each has M elements w[n]. ``sym``: the window is its own mirror image, as filters want it (N = M − 1); otherwise it is one period
of a periodic one, as spectra want it (N = M). See Harris, "On the use of windows for harmonic analysis with the discrete
Fourier transform", 1978, and Nuttall, "Some windows with very good sidelobe behavior", 1981.

>>> import metagrad
>>> metagrad.signal.windows.hann(5)
tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.base import dtypes
from metagrad.base.layouts import strided
from metagrad.base.typing import Array, DTypeLike
from metagrad.ops.create.creation import factory, kind_or_default

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "bartlett", "bartlett_window", "blackman", "blackman_window", "cosine", "exponential", "gaussian", "general_cosine",
    "general_hamming", "hamming", "hamming_window", "hann", "hann_window", "kaiser", "kaiser_window", "nuttall",
]  # fmt: skip


def _kind(name: str, M: int, dtype: DTypeLike) -> dtypes.dtype:
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    kind = kind_or_default(dtype)
    if kind not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    return kind


def _period(M: int, sym: bool) -> int:
    """N, the steps from one end to the other; 1 for a single element, which stands at the beginning."""
    return max(M - 1 if sym else M, 1)


def _cosines(M: int, sym: bool, a: Iterable[float]) -> Array:
    """w[n] = Σᵢ (−1)ⁱ aᵢ cos(2π i n / N); a single element is 1."""
    angle = 2 * math.pi * np.arange(M) / _period(M, sym)
    return (
        np.ones(1) if M == 1 else sum(((-1) ** i * each * np.cos(i * angle) for i, each in enumerate(a)), np.zeros(M))
    )


@factory
def general_cosine(M: int, *, a: Iterable[float], sym: bool = True, dtype: DTypeLike = None) -> Array:
    """w[n] = Σᵢ (−1)ⁱ aᵢ cos(2π i n / N), a sum of cosines with coefficients a.

    Raises ValueError if M is negative or the dtype is not float32 or float64 or there are no coefficients, and
    TypeError if they are no sequence.

    >>> import metagrad
    >>> metagrad.signal.windows.general_cosine(5, a=[0.5, 0.5])
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    kind = _kind("general_cosine", M, dtype)
    if not isinstance(a, Iterable):
        raise TypeError(f"general_cosine: Coefficients must be a list/tuple, got {a!r}")
    coefficients = list(a)
    if not coefficients:
        raise ValueError("general_cosine: Coefficients cannot be empty")
    return _cosines(M, sym, coefficients).astype(kind.dtype)


@factory
def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, dtype: DTypeLike = None) -> Array:
    """w[n] = α − (1 − α) cos(2π n / N), a raised cosine: Hann's for α = ½.

    Raises ValueError if M is negative or the dtype is not float32 or float64.

    >>> import metagrad
    >>> metagrad.signal.windows.general_hamming(5, alpha=0.6)
    tensor([0.2000, 0.6000, 1.0000, 0.6000, 0.2000])
    """
    kind = _kind("general_hamming", M, dtype)
    return _cosines(M, sym, (alpha, 1 - alpha)).astype(kind.dtype)


@factory
def hamming(M: int, *, sym: bool = True, dtype: DTypeLike = None) -> Array:
    """w[n] = 0.54 − 0.46 cos(2π n / N), which does not reach 0 at its ends.

    Raises ValueError if M is negative or the dtype is not float32 or float64.

    >>> import metagrad
    >>> metagrad.signal.windows.hamming(5)
    tensor([0.0800, 0.5400, 1.0000, 0.5400, 0.0800])
    """
    kind = _kind("hamming", M, dtype)
    return _cosines(M, sym, (0.54, 0.46)).astype(kind.dtype)


@factory
def hann(M: int, *, sym: bool = True, dtype: DTypeLike = None) -> Array:
    """w[n] = ½ − ½ cos(2π n / N) = sin²(π n / N).

    Raises ValueError if M is negative or the dtype is not float32 or float64.

    >>> import metagrad
    >>> metagrad.signal.windows.hann(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    >>> metagrad.signal.windows.hann(4, sym=False)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    kind = _kind("hann", M, dtype)
    return _cosines(M, sym, (0.5, 0.5)).astype(kind.dtype)


@factory
def blackman(M: int, *, sym: bool = True, dtype: DTypeLike = None) -> Array:
    """w[n] = 0.42 − 0.5 cos(2π n / N) + 0.08 cos(4π n / N).

    Raises ValueError if M is negative or the dtype is not float32 or float64.

    >>> import metagrad
    >>> metagrad.signal.windows.blackman(5)[1:4]
    tensor([0.3400, 1.0000, 0.3400])
    """
    kind = _kind("blackman", M, dtype)
    return _cosines(M, sym, (0.42, 0.5, 0.08)).astype(kind.dtype)


@factory
def nuttall(M: int, *, sym: bool = True, dtype: DTypeLike = None) -> Array:
    """w[n] = 0.3635819 − 0.4891775 cos(2π n / N) + 0.1365995 cos(4π n / N) − 0.0106411 cos(6π n / N).

    Raises ValueError if M is negative or the dtype is not float32 or float64.

    >>> import metagrad
    >>> metagrad.signal.windows.nuttall(5)
    tensor([3.6280e-04, 2.2698e-01, 1.0000e+00, 2.2698e-01, 3.6280e-04])
    """
    kind = _kind("nuttall", M, dtype)
    return _cosines(M, sym, (0.3635819, 0.4891775, 0.1365995, 0.0106411)).astype(kind.dtype)


@factory
def bartlett(M: int, *, sym: bool = True, dtype: DTypeLike = None) -> Array:
    """w[n] = 1 − |2n / N − 1|, a triangle.

    Raises ValueError if M is negative or the dtype is not float32 or float64.

    >>> import metagrad
    >>> metagrad.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    kind = _kind("bartlett", M, dtype)
    found = np.ones(1) if M == 1 else 1 - np.abs(2 * np.arange(M) / _period(M, sym) - 1)
    return found.astype(kind.dtype)


@factory
def cosine(M: int, *, sym: bool = True, dtype: DTypeLike = None) -> Array:
    """w[n] = sin(π (n + ½) / (N + 1)), half a wave; N + 1 is M if ``sym``.

    Raises ValueError if M is negative or the dtype is not float32 or float64.

    >>> import metagrad
    >>> metagrad.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """
    kind = _kind("cosine", M, dtype)
    found = np.ones(1) if M == 1 else np.sin(math.pi * (np.arange(M) + 0.5) / (M if sym else M + 1))
    return found.astype(kind.dtype)


@factory
def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: DTypeLike = None
) -> Array:
    """w[n] = exp(−|n − c| / τ), falling off from the centre c, by default N / 2, which ``sym`` needs.

    Raises ValueError if M is negative or the dtype is not float32 or float64, if tau is not positive, and if center is
    given for a symmetric one.

    >>> import metagrad
    >>> metagrad.signal.windows.exponential(5)
    tensor([0.1353, 0.3679, 1.0000, 0.3679, 0.1353])
    """
    kind = _kind("exponential", M, dtype)
    if tau <= 0:
        raise ValueError(f"exponential: Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError(
            "exponential: Center must be None for symmetric windows, whose centre is their middle: use sym=False"
        )
    middle = (M if not sym and M > 1 else M - 1) / 2 if center is None else center
    return np.exp(-np.abs(np.arange(M) - middle) / tau).astype(kind.dtype)


@factory
def gaussian(M: int, *, std: float = 1.0, sym: bool = True, dtype: DTypeLike = None) -> Array:
    """w[n] = exp(−½ ((n − N / 2) / std)²).

    Raises ValueError if M is negative or the dtype is not float32 or float64, and if std is not positive.

    >>> import metagrad
    >>> metagrad.signal.windows.gaussian(5)
    tensor([0.1353, 0.6065, 1.0000, 0.6065, 0.1353])
    """
    kind = _kind("gaussian", M, dtype)
    if std <= 0:
        raise ValueError(f"gaussian: Standard deviation must be positive, got: {std} instead.")
    middle = (M if not sym and M > 1 else M - 1) / 2
    return np.exp(-0.5 * ((np.arange(M) - middle) / std) ** 2).astype(kind.dtype)


@factory
def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, dtype: DTypeLike = None) -> Array:
    """w[n] = I₀(β √(1 − (2n / N − 1)²)) / I₀(β), I₀ the modified Bessel function.

    Raises ValueError if M is negative or the dtype is not float32 or float64, and if beta is negative.

    >>> import metagrad
    >>> metagrad.signal.windows.kaiser(5, beta=2.0)
    tensor([0.4387, 0.8348, 1.0000, 0.8348, 0.4387])
    """
    kind = _kind("kaiser", M, dtype)
    if beta < 0:
        raise ValueError(f"kaiser: beta must be non-negative, got: {beta} instead.")
    from_middle = np.zeros(1) if M == 1 else 2 * np.arange(M) / _period(M, sym) - 1
    return (np.i0(beta * np.sqrt(np.maximum(1 - from_middle**2, 0))) / np.i0(beta)).astype(kind.dtype)


# The names from before ``metagrad.signal.windows``; by default periodic, as spectra want them.


def _window(name: str, length: int, periodic: bool, options: dict[str, Any], **shape: float) -> Tensor:
    if "out" in options:
        raise TypeError(f"{name}_window() received an invalid combination of arguments - it has no out=")
    if operator.index(length) < 0:
        raise RuntimeError(f"{name}_window requires non-negative window_length, got window_length={length}")
    dtype = options.get("dtype")
    if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"{name}_window expects floating point dtypes, got: {dtype}")
    if options.pop("layout", None) not in (None, strided):
        raise RuntimeError(f"{name}_window is not implemented for sparse types: metagrad's tensors are dense")
    options.pop("pin_memory", None)
    halved = options.pop("dtype") if dtype in (dtypes.float16, dtypes.bfloat16) else None
    found: Tensor = globals()[name](length, sym=not periodic, **shape, **options)
    return found if halved is None else found.detach().to(halved).requires_grad_(found.requires_grad)


def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """½ − ½ cos(2π n / N), n = 0 … window_length − 1; N is window_length if ``periodic``, else one less.

    Raises RuntimeError if the length is negative or the dtype is not floating-point.

    >>> import metagrad
    >>> metagrad.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("hann", window_length, periodic, options)


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, **options: Any
) -> Tensor:
    """α − β cos(2π n / N), n = 0 … window_length − 1; N is window_length if ``periodic``, else one less.

    Raises RuntimeError if the length is negative or the dtype is not floating-point.

    >>> import metagrad
    >>> metagrad.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _window("general_cosine", window_length, periodic, options, a=(float(alpha), float(beta)))  # type: ignore[arg-type]


def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """0.42 − 0.5 cos(2π n / N) + 0.08 cos(4π n / N), n = 0 … window_length − 1; N as for ``hann_window``.

    Raises RuntimeError if the length is negative or the dtype is not floating-point.

    >>> import metagrad
    >>> metagrad.blackman_window(4)[1:]
    tensor([0.3400, 1.0000, 0.3400])
    """
    return _window("blackman", window_length, periodic, options)


def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """1 − |2n / N − 1|, a triangle, n = 0 … window_length − 1; N as for ``hann_window``.

    Raises RuntimeError if the length is negative or the dtype is not floating-point.

    >>> import metagrad
    >>> metagrad.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("bartlett", window_length, periodic, options)


def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any) -> Tensor:
    """I₀(β √(1 − (2n / N − 1)²)) / I₀(β), n = 0 … window_length − 1; N as for ``hann_window``.

    Raises RuntimeError if the length is negative or the dtype is not floating-point.

    >>> import metagrad
    >>> metagrad.kaiser_window(4, beta=2.0)
    tensor([0.4387, 0.8348, 1.0000, 0.8348])
    """
    return _window("kaiser", window_length, periodic, options, beta=abs(float(beta)))
