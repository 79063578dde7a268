"""erf and GELU in float32, in few passes over chunks that the cache holds, on all threads.

erf x = tanh(x p(x²)) with a polynomial p of degree 6: where erf is near ±1, tanh hides what p misses, so that few terms do. Its
coefficients have the smallest largest error of erf, found by reweighted least squares: 6e-8, and 1.4e-7 with float32's rounding.
Φ, which is ½ (1 + tanh u) as well, is 1 / (1 + e⁻²ᵘ): u is a polynomial of x² times x, with the smallest largest error of Φ, 3e-8.
(GELU's usual approximation by tanh is the same with degree 1.)
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, share_out, threads_worth
from metagrad.kernels.quicker import quickest_power

_P = (
    1.128379705463412, 0.1027654814928729, -0.00018438375290100086, -0.0006257195327036675, 8.971257533123305e-05,
    -5.9856892071868805e-06, 1.589601680808255e-07,
)  # fmt: skip

_P_OF_NORMAL = (
    0.7978849414618865, 0.03633308456641052, -3.259496625701468e-05, -5.5306198069794326e-05, 3.964745301695495e-06,
    -1.3226341679967578e-07, 1.7561730777294788e-09,
)  # fmt: skip


def _constants(*values: float) -> tuple[Array, ...]:
    """Numbers as 0-d arrays, which NumPy takes faster than Python's."""
    return tuple([np.array(v, np.float32) for v in values])


_OF_X = _constants(*_P)
_ONE, _DENSITY = _constants(1.0, 1 / math.sqrt(2 * math.pi))


def _odd_polynomial(y: Array, x: Array, square: Array, coefficients: Sequence[Array]) -> None:
    """y = x p(x²); ``square`` holds x² then. y may not be x."""
    np.multiply(x, x, out=square)
    np.multiply(square, coefficients[-1], out=y)
    for c in coefficients[-2:0:-1]:
        np.add(y, c, out=y)
        np.multiply(y, square, out=y)
    np.add(y, coefficients[0], out=y)
    np.multiply(y, x, out=y)


def _erf_into(y: Array, x: Array, square: Array, coefficients: Sequence[Array]) -> None:
    """y = tanh(x p(x²)); ``square`` holds x² then. y may not be x."""
    _odd_polynomial(y, x, square, coefficients)
    np.tanh(y, out=y)


def fits(x: object) -> bool:
    """Whether an array is what these kernels take: NumPy's own, float32, in order in memory."""
    return type(x) is np.ndarray and x.dtype == np.float32 and bool(x.flags.c_contiguous)


def _chunk_by_chunk(work: Callable[[slice, Array], None], size: int) -> None:
    """``work(chunk, scratch)`` for all chunks; scratch is as long as the chunk."""

    threads = threads_worth(size, tuning.SPECIAL_WORTH_THREADS)
    longest = -(-size // threads) if size < threads * tuning.SPECIAL_CHUNK else tuning.SPECIAL_CHUNK

    def some(chunks: Iterator[slice]) -> None:
        scratch = np.empty(longest, np.float32)
        for chunk in chunks:
            work(chunk, scratch[: chunk.stop - chunk.start])

    with np.errstate(all="ignore"):
        share_out(some, cut(size, max(1, longest)), threads)


def erf(x: Array) -> Array:
    """erf x, x (*) float32.

    >>> erf(np.array([0.0, 0.5, np.inf], np.float32)).round(6).tolist()
    [0.0, 0.5205000042915344, 1.0]
    """
    y = np.empty_like(x)
    given, result = x.reshape(-1), y.reshape(-1)
    _chunk_by_chunk(lambda chunk, scratch: _erf_into(result[chunk], given[chunk], scratch, _OF_X), x.size)
    return y


@functools.cache
def _of_normal() -> tuple[np.ufunc, tuple[Array, ...], Array]:
    """A power b, coefficients of q with Φ(x) = 1 / (1 + b^(x q(x²))), and l with e^(−s/2) = b^(l s)."""
    power, factor = quickest_power()
    return power, _constants(*[-2 * factor * p for p in _P_OF_NORMAL]), _constants(-0.5 * factor)[0]


def _inverse_normal(y: Array, x: Array, square: Array) -> None:
    """y = 1 / Φ(x); ``square`` holds x² then. y may not be x."""
    power, coefficients, _ = _of_normal()
    _odd_polynomial(y, x, square, coefficients)
    power(y, out=y)
    np.add(y, _ONE, out=y)


def gelu(x: Array) -> Array:
    """x Φ(x) = ½ x (1 + erf(x / √2)), x (*) float32.

    >>> gelu(np.array([0.0, 1.0], np.float32)).round(4).tolist()
    [0.0, 0.8413000106811523]
    """
    y = np.empty_like(x)
    given, result = x.reshape(-1), y.reshape(-1)

    def work(chunk: slice, scratch: Array) -> None:
        _inverse_normal(result[chunk], given[chunk], scratch)
        np.divide(given[chunk], result[chunk], out=result[chunk])

    _chunk_by_chunk(work, x.size)
    return y


def gelu_gradient(x: Array, grad: Array) -> Array:
    """grad · (Φ(x) + x exp(−x²/2) / √2π), all (*) float32.

    >>> gelu_gradient(np.zeros(1, np.float32), np.ones(1, np.float32)).tolist()
    [0.5]
    """
    y = np.empty_like(x)
    given, sent, result = x.reshape(-1), grad.reshape(-1), y.reshape(-1)
    power, _, minus_half = _of_normal()

    def work(chunk: slice, square: Array) -> None:
        out = result[chunk]
        _inverse_normal(out, given[chunk], square)
        np.divide(_ONE, out, out=out)
        np.multiply(square, minus_half, out=square)
        power(square, out=square)
        np.multiply(square, _DENSITY, out=square)
        np.multiply(square, given[chunk], out=square)
        np.add(out, square, out=out)
        np.multiply(out, sent[chunk], out=out)

    _chunk_by_chunk(work, x.size)
    return y
