"""Special functions of float32 numbers, computed in float64 and rounded once.

Their largest error is 7e-8 of the result; that of ln Γ 2e-7 beside its zeros, 1 and 2.

========  ===================================================================================================================
function  formula
========  ===================================================================================================================
erfc      e^(−x²) P(t) / (1 + 2x) for x ≥ 0, t = (x − 3)/(x + 3), as Shepherd and Laframboise (1981); x² is exact; 2 − erfc −x below
erfinv    x P(v)/Q(v), v = w/8 − 1, w = −ln(1 − x²), as Giles (2010)
lgamma    Stirling's series from 8 on; below by Γ(x + 8) = x (x + 1) … (x + 7) Γ(x), and Γ(x) Γ(1 − x) = π / sin πx
digamma   that series' derivative, the terms 1/x + … + 1/(x + 7) off it, and ψ(x) = ψ(1 − x) − π / tan πx
trigamma  the derivative of both
========  ===================================================================================================================

The polynomials have the smallest largest error, fitted here: 5e-10 and 3e-9. Poles, ±∞ and nan give what C's functions give.
"""

from __future__ import annotations

import math

import numpy as np

from metagrad.kernels.compiled.compiler import native_inlined
from metagrad.kernels.compiled.transcendental import exp_double, log_double

# ------------------------------------------------ erfc and the inverse of erf

ERFC = (
    1.2530080589463721, -0.13562111270273586, -0.04756238426536252, 0.12964541503722116, -0.11927162075210274, 0.068305940332876,
    -0.023787751234670043, 0.0025298265828170158, 0.0019504141608940647, -0.0007416199389307012, -0.00018306306045126793,
    3.520511097251759e-05,
)  # fmt: skip
ERFINV_P = (
    2.6614386458643646, 6.971202234747333, 7.9413513803241615, 4.829635927414907, 1.56278151851357, 0.22254444145489716,
    0.004119334289434118,
)  # fmt: skip
ERFINV_Q = (1.0, 2.0892249587620966, 1.9979042051899234, 0.9623041688986853, 0.2349585399880132, 0.01624240719591552)


@native_inlined
def erfc(x: np.float32) -> np.float32:
    """1 − erf x.

    >>> f"{float(erfc(np.float32(5.0))):.5g}"
    '1.5375e-12'
    """
    v: float = np.float64(abs(x))
    c = ERFC
    v = 11.0 if v > 11.0 else v  # from there on erfc x rounds to 0
    t = (v - 3.0) / (v + 3.0)
    p = c[6] + t * (c[7] + t * (c[8] + t * (c[9] + t * (c[10] + t * c[11]))))
    p = c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * (c[5] + t * p)))))
    y = exp_double(-v * v) * p / (1.0 + 2.0 * v)
    return np.float32(2.0 - y if x < 0 else y)


@native_inlined
def erfinv(x: np.float32) -> np.float32:
    """The y with erf y = x; ±∞ at ±1, nan outside.

    >>> round(float(erfinv(np.float32(0.5))), 5)
    0.47694
    """
    v: float = np.float64(x)
    p, q = ERFINV_P, ERFINV_Q
    w = log_double((1.0 - v) * (1.0 + v)) * -0.125 - 1.0
    above = p[0] + w * (p[1] + w * (p[2] + w * (p[3] + w * (p[4] + w * (p[5] + w * p[6])))))
    below = q[0] + w * (q[1] + w * (q[2] + w * (q[3] + w * (q[4] + w * q[5]))))
    return np.float32(v * np.inf if abs(v) == 1.0 else v * (above / below))


# ------------------------------------------------ ln Γ, ψ and ψ′

_FAR = 8.0
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)  # B₂ₖ / (2k (2k − 1))
DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)  # B₂ₖ / 2k
TRIGAMMA = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)  # B₂ₖ
HALF_LN_2PI = 0.5 * math.log(2 * math.pi)
_SINE = tuple((-1) ** k * math.pi ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(10))
_COSINE = tuple((-1) ** k * math.pi ** (2 * k) / math.factorial(2 * k) for k in range(11))


@native_inlined
def _sine_of_pi(r: float) -> float:
    """sin πr, |r| ≤ ½."""
    z, c = r * r, _SINE
    tail = c[5] + z * (c[6] + z * (c[7] + z * (c[8] + z * c[9])))
    return r * (c[0] + z * (c[1] + z * (c[2] + z * (c[3] + z * (c[4] + z * tail)))))


@native_inlined
def _cosine_of_pi(r: float) -> float:
    """cos πr, |r| ≤ ½, as a sine where that is small."""
    return _sine_of_pi(0.5 - abs(r))


@native_inlined
def _series(z: float, c: tuple[float, ...]) -> float:
    """c₀ + c₁ z + … + c₆ z⁶."""
    return c[0] + z * (c[1] + z * (c[2] + z * (c[3] + z * (c[4] + z * (c[5] + z * c[6])))))


@native_inlined
def lgamma(x: np.float32) -> np.float32:
    """ln |Γ(x)|, ∞ at the poles.

    >>> round(float(lgamma(np.float32(4.0))), 5)
    1.79176
    """
    v: float = np.float64(x)
    mirrored, nearest = v < 0.5, np.rint(v)
    y = 1.0 - v if mirrored else v
    near = y < _FAR
    product = y * (y + 1.0) * (y + 2.0) * (y + 3.0) * (y + 4.0) * (y + 5.0) * (y + 6.0) * (y + 7.0) if near else 1.0
    z = y + 8.0 if near else y
    far = (z - 0.5) * log_double(z) - z + HALF_LN_2PI + _series(1.0 / (z * z), STIRLING) / z
    sine = abs(_sine_of_pi(v - nearest))  # with |v| of 2⁵³ at most: beyond, v is whole
    rest = log_double(sine / math.pi / product if mirrored else product)
    found = -far - rest if mirrored else far - rest
    found = 0.0 if (v == 1.0) | (v == 2.0) else found
    return np.float32(np.inf if abs(v) == np.inf else found)


@native_inlined
def digamma(x: np.float32) -> np.float32:
    """ψ(x); ∓∞ at ±0, nan at the other poles.

    >>> round(float(digamma(np.float32(1.25))), 5)
    -0.22745
    """
    v: float = np.float64(x)
    mirrored, r = v < 0.0, v - np.rint(v)
    y = 1.0 - v if mirrored else v
    near = y < _FAR
    s = y if near else 1.0
    a, b, c, d = s * (s + 7.0), (s + 1.0) * (s + 6.0), (s + 2.0) * (s + 5.0), (s + 3.0) * (s + 4.0)
    ab, cd = a * b, c * d
    below = (2.0 * s + 7.0) * ((a + b) * cd + (c + d) * ab) / (ab * cd) if near else 0.0  # Σ 1/(s + k)
    z = y + 8.0 if near else y
    inverse = 1.0 / z
    square = inverse * inverse
    found = log_double(z) - 0.5 * inverse - square * _series(square, DIGAMMA) - below
    mirror = math.pi * _cosine_of_pi(r) / _sine_of_pi(r)
    found = found - mirror if mirrored else found
    found = np.nan if mirrored & (r == 0.0) else found
    return np.float32(math.copysign(np.inf, -v) if v == 0.0 else found)


@native_inlined
def trigamma(x: np.float32) -> np.float32:
    """ψ′(x), ∞ at the poles.

    >>> round(float(trigamma(np.float32(1.0))), 5)
    1.64493
    """
    v: float = np.float64(x)
    mirrored, r = v < 0.5, v - np.rint(v)
    y = 1.0 - v if mirrored else v
    near = y < _FAR
    below = 0.0
    for k in range(8):
        below += 1.0 / ((y + k) * (y + k))
    z = y + 8.0 if near else y
    inverse = 1.0 / z
    square = inverse * inverse
    found = inverse + 0.5 * square + square * inverse * _series(square, TRIGAMMA) + (below if near else 0.0)
    sine = _sine_of_pi(r) / math.pi
    return np.float32(1.0 / (sine * sine) - found if mirrored else found)
