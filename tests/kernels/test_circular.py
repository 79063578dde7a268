"""Sine and cosine of float64 numbers by compiled loops, against the C library's in a wider dtype."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.kernels.compiled import circular, compiler

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small_arrays_are_large(monkeypatch):
    for name in ("COMPILED_WORTH", "POINTWISE_LARGE", "SPREAD_LEAST"):
        monkeypatch.setattr(tuning, name, 1)


def angles(count):
    """Angles of many sizes, and what is nearest to multiples of a quarter turn."""
    sizes = [RNG.standard_normal(count) * scale for scale in (1e-8, 1, 30, 1e4, 5e5)]
    quarters = np.arange(-count, count) * (np.pi / 2)
    return np.concatenate([*sizes, quarters, np.nextafter(quarters, 0)])


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 60, reason="no wider dtype to compare with")
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_the_stated_error(name):
    x = angles(20_000 if compiler.available() else 200)
    y = getattr(metagrad, name)(metagrad.from_numpy(x)).array
    expected = getattr(np, name)(x.astype(np.longdouble))
    size = np.abs(expected)
    assert (np.abs(y - expected) <= 3e-16 * size).all() and np.abs(y).max() <= 1
    if not compiler.available():
        some = np.array([getattr(circular, name)(v) for v in x])
        assert (np.abs(some - expected) <= 3e-16 * size).all()


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_large_angles_and_others(name):
    x = angles(1000)
    x[[7, 3000, 3001, 5000, 5001, 5002]] = 1e300, np.inf, np.nan, -0.0, -1.6e6, 1e22
    with np.errstate(invalid="ignore"):
        expected = getattr(np, name)(x)
    y = getattr(metagrad, name)(metagrad.from_numpy(x)).array
    np.testing.assert_allclose(y, expected, rtol=5e-16, atol=0)
    np.testing.assert_array_equal(np.signbit(y), np.signbit(expected))


def test_both_in_one_formula():
    x = metagrad.from_numpy(angles(1000)).requires_grad_()
    (metagrad.sin(x) * metagrad.cos(x)).sum().backward()
    np.testing.assert_allclose(x.grad.array, np.cos(2 * x.detach().array), atol=5e-16 * 1e6)
    y = metagrad.linspace(-9, 9, 1000, dtype=metagrad.float64, requires_grad=True)
    metagrad.sinc(y).sum().backward()
    a = np.pi * y.detach().array
    np.testing.assert_allclose(y.grad.array, (np.cos(a) - np.sin(a) / a) / y.detach().array, rtol=1e-12, atol=1e-14)
