"""exp, log, tanh and their kind, as compiled loops use them, against the C library's in a wider dtype."""

import math

import numpy as np
import pytest

from metagrad.kernels.compiled import compiler, transcendental
from metagrad.kernels.compiled.compiler import native

RNG = np.random.default_rng(0)
EXPECTED = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "erf": np.vectorize(math.erf, otypes=[np.float64]),
}  # fmt: skip
LARGEST = {
    "exp": (1e-7, 2e-16), "exp2": (1e-7, 2e-16), "expm1": (2e-7, 3e-16), "log": (1e-7, 2e-16), "log1p": (1.5e-7, 3e-16),
    "sigmoid": (2e-7, 3e-16), "tanh": (3e-7, 4e-16), "erf": (4e-7, 5e-16),
}  # fmt: skip
SPECIAL = [
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    1.0,
    -1.0,
    88.72,
    88.73,
    -87.4,
    -103.9,
    709.7,
    709.8,
    1e-30,
    -1e-30,
    2.0**-24,
]


def samples(dtype, count):
    """Numbers of any bits, ordinary ones, and the special ones with the ends of the dtype's range."""
    info, kind = np.finfo(dtype), np.dtype(f"u{np.dtype(dtype).itemsize}")
    any_bits = RNG.integers(0, np.iinfo(kind).max, count, dtype=kind, endpoint=True).view(dtype)
    ends = [info.max, info.min, info.tiny, info.smallest_subnormal, info.eps]
    ordinary = [(RNG.standard_normal(count) * scale).astype(dtype) for scale in (1e-3, 1, 30)]
    return np.concatenate([any_bits, *ordinary, np.array(SPECIAL + ends, dtype)])


def over(name, x):
    """The function of every element, in a loop."""
    function = getattr(transcendental, name)

    def loop(x, y):
        for i in range(x.size):
            y[i] = function(x[i])

    y = np.empty_like(x)
    if not compiler.available():
        loop(x, y)
        return y
    names = {
        "function": function.compiled() if hasattr(function, "compiled") else function
    }  # so it is once called by another
    code = "def loop(x, y):\n for i in range(x.size):\n  y[i] = function(x[i])"
    exec(code, names)
    import numba

    numba.njit(fastmath={"contract"}, error_model="numpy")(names["loop"])(x, y)
    return y


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", EXPECTED)
def test_the_stated_errors_hold_over_the_whole_range(name, dtype):
    x = samples(dtype, 100_000 if compiler.available() else 300)
    wide = np.longdouble if name != "erf" else np.float64
    with np.errstate(all="ignore"):
        y, expected = over(name, x), EXPECTED[name](x.astype(wide))
        rounded = expected.astype(dtype)
    info = np.finfo(dtype)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(y), np.isinf(rounded))
    normal = np.isfinite(rounded) & (np.abs(rounded) >= info.tiny)
    error = np.abs((y[normal] - expected[normal]) / expected[normal])
    largest = LARGEST[name][dtype == "float64"]
    assert error.max() <= largest, x[normal][error.argmax()]
    small = np.isfinite(rounded) & ~normal
    assert np.abs(y[small] - rounded[small]).max(initial=0) <= info.tiny


@pytest.mark.parametrize("name", ["tanh", "erf"])
def test_no_result_is_beyond_one(name):
    with np.errstate(all="ignore"):
        y = over(name, np.linspace(-12, 12, 30_001 if compiler.available() else 301, dtype=np.float32))
    assert np.abs(y).max() == 1


def test_a_marked_function_may_call_them():
    softplus = native(_softplus)
    assert softplus(np.float64(0.0)) == pytest.approx(np.log(2), rel=1e-15)


def _softplus(x):
    return log1p(exp(x))


log1p, exp = transcendental.log1p, transcendental.exp
