"""exp, log, tanh and their kind for loops: a few multiplications and additions, so that the compiler does many at once.

Libraries' own functions are called element by element. These are formulas without a branch: the argument is reduced by what
its bits say, then comes a series or a quotient of polynomials. Largest errors, measured over all of the dtype's range, as a
share of the result:

=========  =======  =======  ===============================================================
function   float32  float64  formula
=========  =======  =======  ===============================================================
exp        1e-7     2e-16    2ⁿ eʳ, r = x − n ln 2, and Taylor's series of eʳ
exp2       1e-7     2e-16    2ⁿ e^(r ln 2), r = x − n
expm1      2e-7     3e-16    2ⁿ (eʳ − 1) + (2ⁿ − 1)
log        1e-7     2e-16    e ln 2 + 2 artanh((m − 1)/(m + 1)) for x = m 2ᵉ, and its series
log1p      2e-7     3e-16    log w + (x − (w − 1))/w, w = 1 + x
sigmoid    2e-7     3e-16    1/(1 + e⁻ˣ)
tanh       3e-7     4e-16    float32: x P(x²)/Q(x²); float64: −d/(2 + d), d = expm1(−2|x|)
erf        4e-7     5e-16    float32: x P(x²)/Q(x²); float64: the C library's
logaddexp  3e-7     3e-16    max + log1p e^−|x − y|, a share of the larger of the result and 1
=========  =======  =======  ===============================================================

Results too small for the dtype's full precision (below 1e-38 in float32) are 0 or keep what digits they have; nan gives nan,
and ±∞ what it gives in NumPy. P and Q are of degree 4 (tanh) and 5 (erf), with the smallest largest error: fitted here.

W. J. Cody, W. Waite: Software Manual for the Elementary Functions (1980).
"""

from __future__ import annotations

import math

import numpy as np

from metagrad.kernels.compiled.compiler import by_dtype, native_inlined

_S = np.float32
_HALF, _ONE, _TWO = _S(0.5), _S(1), _S(2)

# ------------------------------------------------ the parts of a number

# Adding 1.5 times the last integer with a fraction leaves the integer part in the last bits.
_TO_INTEGER, _TO_INTEGER_BITS = _S(1.5 * 2**23), np.int32(0x4B400000)
_TO_INTEGER_D, _TO_INTEGER_BITS_D = 1.5 * 2.0**52, np.int64(0x4338000000000000)


@native_inlined
def _power_of_two(n: np.int32) -> np.float32:
    """2ⁿ for −126 ≤ n ≤ 127."""
    return np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)


@native_inlined
def _power_of_two_double(n: np.int64) -> np.float64:
    """2ⁿ for −1022 ≤ n ≤ 1023."""
    return np.int64((n + np.int64(1023)) << np.int64(52)).view(np.float64)


# ------------------------------------------------ exp

_LN2, _PER_LN2 = _S(math.log(2)), _S(1 / math.log(2))
_LN2_HIGH, _LN2_LOW = _S(0.693359375), _S(math.log(2) - 0.693359375)
_LN2_HIGH_D = float.fromhex("0x1.62e42fee00000p-1")
_LN2_LOW_D = float.fromhex("0x1.a39ef35793c76p-33")
_TAYLOR = tuple(_S(1 / math.factorial(k)) for k in range(8))
_TAYLOR_D = tuple(1 / math.factorial(k) for k in range(14))


@native_inlined
def _exp_minus_one(r: np.float32) -> np.float32:
    """eʳ − 1, |r| ≤ ½ ln 2."""
    t = _TAYLOR
    p = t[2] + r * (t[3] + r * (t[4] + r * (t[5] + r * (t[6] + r * t[7]))))
    return r + r * r * p


@native_inlined
def _exp_minus_one_double(r: float) -> float:
    """The same in double precision."""
    t = _TAYLOR_D
    p = t[8] + r * (t[9] + r * (t[10] + r * (t[11] + r * (t[12] + r * t[13]))))
    p = t[2] + r * (t[3] + r * (t[4] + r * (t[5] + r * (t[6] + r * (t[7] + r * p)))))
    return r + r * r * p


@native_inlined
def _exp_parts(x: np.float32) -> tuple[np.int32, np.float32]:
    """n and eʳ − 1, for x = n ln 2 + r, |r| ≤ ½ ln 2."""
    shifted = x * _PER_LN2 + _TO_INTEGER
    whole = shifted - _TO_INTEGER
    r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    return np.int32(np.float32(shifted).view(np.int32) - _TO_INTEGER_BITS), _exp_minus_one(r)


@native_inlined
def _exp_parts_double(x: float) -> tuple[np.int64, float]:
    """The same in double precision."""
    shifted = x * (1 / 0.6931471805599453) + _TO_INTEGER_D
    whole = shifted - _TO_INTEGER_D
    r = (x - whole * _LN2_HIGH_D) - whole * _LN2_LOW_D
    return np.int64(np.float64(shifted).view(np.int64) - _TO_INTEGER_BITS_D), _exp_minus_one_double(r)


@native_inlined
def _exp(x: np.float32) -> np.float32:
    x = _S(-104) if x < _S(-104) else x
    x = _S(89) if x > _S(89) else x
    n, rest = _exp_parts(x)
    half = np.int32(n >> np.int32(1))  # 2ⁿ by two factors: it may be larger or smaller than one number can be
    return (_ONE + rest) * _power_of_two(half) * _power_of_two(np.int32(n - half))


@native_inlined
def exp_double(x: float) -> float:
    """eˣ of a float64."""
    x = -746.0 if x < -746.0 else x
    x = 710.0 if x > 710.0 else x
    n, rest = _exp_parts_double(x)
    half = np.int64(n >> np.int64(1))
    return (1.0 + rest) * _power_of_two_double(half) * _power_of_two_double(np.int64(n - half))


@native_inlined
def _exp2(x: np.float32) -> np.float32:
    x = _S(-151) if x < _S(-151) else x
    x = _S(128) if x > _S(128) else x
    shifted = x + _TO_INTEGER
    n = np.int32(np.float32(shifted).view(np.int32) - _TO_INTEGER_BITS)
    half = np.int32(n >> np.int32(1))
    rest = _exp_minus_one((x - (shifted - _TO_INTEGER)) * _LN2)
    return (_ONE + rest) * _power_of_two(half) * _power_of_two(np.int32(n - half))


@native_inlined
def _exp2_double(x: float) -> float:
    x = -1076.0 if x < -1076.0 else x
    x = 1024.0 if x > 1024.0 else x
    shifted = x + _TO_INTEGER_D
    n = np.int64(np.float64(shifted).view(np.int64) - _TO_INTEGER_BITS_D)
    half = np.int64(n >> np.int64(1))
    rest = _exp_minus_one_double((x - (shifted - _TO_INTEGER_D)) * 0.6931471805599453)
    return (1.0 + rest) * _power_of_two_double(half) * _power_of_two_double(np.int64(n - half))


@native_inlined
def _expm1(x: np.float32) -> np.float32:
    x = _S(-20) if x < _S(-20) else x
    x = _S(89) if x > _S(89) else x
    n, rest = _exp_parts(x)
    half = np.int32(n >> np.int32(1))
    first, second = _power_of_two(half), _power_of_two(np.int32(n - half))
    near = rest * first * second + (first * second - _ONE)
    y = near if x < _S(60) else (_ONE + rest) * first * second
    return x if x == _S(0) else y


@native_inlined
def _expm1_double(x: float) -> float:
    x = -40.0 if x < -40.0 else x
    x = 710.0 if x > 710.0 else x
    n, rest = _exp_parts_double(x)
    half = np.int64(n >> np.int64(1))
    first, second = _power_of_two_double(half), _power_of_two_double(np.int64(n - half))
    near = rest * first * second + (first * second - 1.0)
    y = near if x < 600.0 else (1.0 + rest) * first * second
    return x if x == 0.0 else y


exp = by_dtype(_exp, exp_double, "eˣ of a number.")
exp2 = by_dtype(_exp2, _exp2_double, "2ˣ of a number.")
expm1 = by_dtype(_expm1, _expm1_double, "eˣ − 1 of a number, exact near 0.")


# ------------------------------------------------ log

_TINY, _INFINITE, _NAN = _S(1.17549435e-38), _S(np.inf), _S(np.nan)
_ROOT_HALF = np.int32(0x3F3504F3)  # the bits of √½
_ROOT_HALF_D = np.int64(0x3FE6A09E667F3BCD)
_ODD = tuple(_S(2 / (2 * k + 1)) for k in range(6))
_ODD_D = tuple(2 / (2 * k + 1) for k in range(12))


@native_inlined
def _log_parts(x: np.float32) -> tuple[np.int32, np.float32]:
    """e and m − 1, for x = m 2ᵉ, √½ ≤ m < √2; x at least 2⁻¹²⁶."""
    bits = np.int32(np.float32(x).view(np.int32) - _ROOT_HALF)
    m = np.int32((bits & np.int32(0x7FFFFF)) + _ROOT_HALF).view(np.float32)
    return np.int32(bits >> np.int32(23)), m - _ONE


@native_inlined
def _log_parts_double(x: float) -> tuple[np.int64, float]:
    """The same in double precision."""
    bits = np.int64(np.float64(x).view(np.int64) - _ROOT_HALF_D)
    m = np.int64((bits & np.int64(0xFFFFFFFFFFFFF)) + _ROOT_HALF_D).view(np.float64)
    return np.int64(bits >> np.int64(52)), m - 1.0


@native_inlined
def _log_joined(e: np.float32, f: np.float32) -> np.float32:
    """e ln 2 + ln(1 + f)."""
    s = f / (_TWO + f)
    z, c = s * s, _ODD
    tail = z * (c[1] + z * (c[2] + z * (c[3] + z * (c[4] + z * c[5]))))
    # ln(1 + f) = 2 s + s tail = f − s (f − tail): the first term is exact
    return e * _LN2_HIGH + (f - (s * (f - tail) - e * _LN2_LOW))


@native_inlined
def _log_joined_double(e: float, f: float) -> float:
    """The same in double precision."""
    s = f / (2.0 + f)
    z, c = s * s, _ODD_D
    tail = c[6] + z * (c[7] + z * (c[8] + z * (c[9] + z * (c[10] + z * c[11]))))
    tail = z * (c[1] + z * (c[2] + z * (c[3] + z * (c[4] + z * (c[5] + z * tail)))))
    return e * _LN2_HIGH_D + (f - (s * (f - tail) - e * _LN2_LOW_D))


@native_inlined
def _log_ends(x: np.float32, y: np.float32) -> np.float32:
    """ln x, which is y unless x is 0, negative, ∞ or nan."""
    y = x if x == _INFINITE else y
    y = -_INFINITE if x == _S(0) else y
    y = _NAN if x < _S(0) else y
    return x if x != x else y


@native_inlined
def _log_ends_double(x: float, y: float) -> float:
    """The same in double precision."""
    y = x if x == np.inf else y
    y = -np.inf if x == 0.0 else y
    y = np.nan if x < 0.0 else y
    return x if x != x else y


@native_inlined
def _log(x: np.float32) -> np.float32:
    small = x < _TINY
    e, f = _log_parts(x * _S(2**24) if small else x)
    return _log_ends(x, _log_joined(_S(e) - (_S(24) if small else _S(0)), f))


@native_inlined
def log_double(x: float) -> float:
    """ln x of a float64."""
    small = x < 2.2250738585072014e-308
    e, f = _log_parts_double(x * 18014398509481984.0 if small else x)
    return _log_ends_double(x, _log_joined_double(np.float64(e) - (54.0 if small else 0.0), f))


@native_inlined
def _log1p(x: np.float32) -> np.float32:
    w = _ONE + x
    e, f = _log_parts(w)
    lost = x - (w - _ONE)  # in 1 + x; nothing where x is large
    y = _log_joined(_S(e), f + lost * _power_of_two(np.int32(-e if e < np.int32(64) else np.int32(-64))))
    return x if w == _ONE else _log_ends(w, y)


@native_inlined
def _log1p_double(x: float) -> float:
    w = 1.0 + x
    e, f = _log_parts_double(w)
    lost = x - (w - 1.0)
    y = _log_joined_double(np.float64(e), f + lost * _power_of_two_double(np.int64(-e if e < 64 else -64)))
    return x if w == 1.0 else _log_ends_double(w, y)


log = by_dtype(_log, log_double, "The natural logarithm of a number.")
log1p = by_dtype(_log1p, _log1p_double, "log(1 + x) of a number, exact near 0.")


@native_inlined
def logaddexp(x: np.float32, y: np.float32) -> np.float32:
    """ln(eˣ + eʸ), of numbers of one width.

    >>> float(logaddexp(np.float64(1000.0), np.float64(1000.0)))
    1000.6931471805599
    """
    larger = x if x >= y else y
    z = larger + log1p(exp(-abs(x - y)))
    return larger if (x == y) & (abs(x) == np.inf) else z  # where x − y is nan


# ------------------------------------------------ sigmoid and tanh


@native_inlined
def _sigmoid(x: np.float32) -> np.float32:
    return _ONE / (_ONE + _exp(-x))


@native_inlined
def _sigmoid_double(x: float) -> float:
    return 1.0 / (1.0 + exp_double(-x))


_TANH_END = _S(9.0)  # from here on tanh x rounds to 1
_TANH_P = (_S(1.0), _S(0.13381025), _S(0.003495588), _S(2.060908e-05), _S(1.33546605e-08))
_TANH_Q = (_S(1.0), _S(0.46714342), _S(0.025876982), _S(0.00032856344), _S(7.7765577e-07))


@native_inlined
def _tanh(x: np.float32) -> np.float32:
    x = _TANH_END if x > _TANH_END else x
    x = -_TANH_END if x < -_TANH_END else x
    u, p, q = x * x, _TANH_P, _TANH_Q
    above = p[0] + u * (p[1] + u * (p[2] + u * (p[3] + u * p[4])))
    below = q[0] + u * (q[1] + u * (q[2] + u * (q[3] + u * q[4])))
    y = x * above / below
    y = _ONE if y > _ONE or x == _TANH_END else y
    return -_ONE if y < -_ONE or x == -_TANH_END else y


@native_inlined
def _tanh_double(x: float) -> float:
    d = _expm1_double(-2.0 * abs(x))
    y = -d / (2.0 + d)
    return -y if x < 0.0 else y


sigmoid = by_dtype(_sigmoid, _sigmoid_double, "1/(1 + e⁻ˣ) of a number.")
tanh = by_dtype(_tanh, _tanh_double, "The hyperbolic tangent of a number.")


# ------------------------------------------------ erf

_ERF_END = _S(3.92)  # from here on erf x rounds to 1
_ERF_P = (_S(1.1283791), _S(0.19040725), _S(0.052748833), _S(0.0037656522), _S(0.00028488386), _S(2.0500856e-06))
_ERF_Q = (_S(1.0), _S(0.50207675), _S(0.11410944), _S(0.0149692865), _S(0.0011625447), _S(3.809176e-05))


@native_inlined
def _erf(x: np.float32) -> np.float32:
    x = _ERF_END if x > _ERF_END else x
    x = -_ERF_END if x < -_ERF_END else x
    u, p, q = x * x, _ERF_P, _ERF_Q
    above = p[0] + u * (p[1] + u * (p[2] + u * (p[3] + u * (p[4] + u * p[5]))))
    below = q[0] + u * (q[1] + u * (q[2] + u * (q[3] + u * (q[4] + u * q[5]))))
    y = x * above / below
    y = _ONE if y > _ONE or x == _ERF_END else y
    return -_ONE if y < -_ONE or x == -_ERF_END else y


@native_inlined
def _erf_double(x: float) -> float:
    return math.erf(x)


erf = by_dtype(_erf, _erf_double, "2/√π ∫₀ˣ e^(−t²) dt of a number.")
