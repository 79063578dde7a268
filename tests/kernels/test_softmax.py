"""Work on rows cut up on threads gives what NumPy gives at once."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import softmax as kernel

SHAPES = [(700, 512), (3, 500, 300), (2, 400000), (900, 3, 200), (1, 300000)]


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_equal_the_formulas(threads, shape):
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal(shape), rng.standard_normal(shape)
    e = np.exp(x - x.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    np.testing.assert_allclose(kernel.softmax(x), p, rtol=1e-12)
    np.testing.assert_allclose(kernel.log_softmax(x)[0], np.log(p), rtol=1e-12, atol=1e-12)
    expected = p * (g - (g * p).sum(-1, keepdims=True))
    np.testing.assert_allclose(kernel.softmax_backward(g, p), expected, rtol=1e-8, atol=1e-12)
    expected = g - p * g.sum(-1, keepdims=True)
    for kept in ((), kernel.log_softmax(x, keep=True)[1]):
        np.testing.assert_allclose(kernel.log_softmax_backward(g, np.log(p), kept), expected, rtol=1e-8, atol=1e-9)


def test_large_ops_equal_small_ones():
    x = metagrad.randn(600, 500, dtype=metagrad.float64, requires_grad=True)
    weights = metagrad.randn(600, 500, dtype=metagrad.float64)
    for op in (
        lambda t: t.softmax(1),
        lambda t: t.log_softmax(1),
        lambda t: t.var(1),
        lambda t: t.std(1),
        lambda t: t.sum(0),
        lambda t: t.amax(1),
    ):
        y = op(x)
        parts = [op(some) for some in x.split(100)] if y.shape[0] == 600 else None
        expected = metagrad.cat(parts) if parts else sum(some.sum(0) for some in x.split(100))
        assert metagrad.allclose(y, expected)
        w = weights if y.ndim == 2 else weights.reshape(-1)[: y.numel()]
        (a,), (b,) = (metagrad.autograd.grad((t * w).sum(), x) for t in (y, expected))
        assert metagrad.allclose(a, b)


SCALES = [(0.1, 0), (1, 0), (1, 30), (1, -30), (1, 1000), (1, -1000), (10, 0), (30, 0), (200, 0), (1e-3, 39)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize(("scale", "shift"), SCALES, ids=str)
def test_rows_of_any_size_are_as_near_as_their_type_allows(scale, shift, odd, dtype):
    x = (np.random.default_rng(0).standard_normal((40, 30)) * scale + shift).astype(dtype)
    if odd:
        x[1], x[2, 3:], x[3, 1::2], x[4, 5] = 7, -np.inf, -np.inf, x[4].max() + 12  # alike, masked, and nearly sure
    wide = np.asarray(x, np.longdouble)
    wide = wide - wide.max(1, keepdims=True)
    exact = wide - np.log(np.exp(wide).sum(1, keepdims=True))
    eps, classes = np.finfo(dtype).eps, np.arange(40) % 3
    y, z, e, g = (np.empty_like(x) for _ in range(4))
    kernel._softmax(y, x)
    np.testing.assert_allclose(y, np.exp(exact), rtol=40 * eps, atol=eps**3)
    kernel._log_softmax(z, x)
    taken_off = kernel._exponentials(x, e) is None
    largest = 0 if taken_off else np.abs(x[np.isfinite(x)]).max()
    np.testing.assert_allclose(z, exact, rtol=4 * eps, atol=eps * (4 + largest))
    assert (z <= 0).all()
    loss, *kept = kernel.cross_entropy(x, classes)
    np.testing.assert_allclose(
        loss, -exact[np.arange(40), classes], rtol=4 * eps, atol=eps * (4 + (largest if dtype is np.float64 else 0))
    )
    kernel._cross_entropy_backward(g, x, classes, *kept, np.ones(40, dtype))
    np.testing.assert_allclose(g, np.exp(exact) - np.eye(30)[classes], rtol=40 * eps, atol=8 * eps)
    assert taken_off == (abs(shift) > 100 or scale > 20), "both ways are to be met here"


def test_rows_with_infinity_or_nan_are_nan():
    x = np.zeros((4, 30), np.float32)
    x[0, 4], x[1, 5], x[2] = np.nan, np.inf, -np.inf
    for function in (kernel._softmax, kernel._log_softmax):
        y = np.empty_like(x)
        with np.errstate(all="ignore"):
            function(y, x)
        assert np.isnan(y[[0, 2]]).all() and np.isnan(y[1, 5]) and np.isfinite(y[3]).all()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_many_short_rows_equal_few_of_them(name):
    rng = np.random.default_rng(0)
    x = np.where(np.tril(np.ones((8, 8), bool)), rng.standard_normal((64, 8, 8)) * 30, -np.inf)
    x, g = metagrad.tensor(x, requires_grad=True), metagrad.tensor(rng.standard_normal((64, 8, 8)))
    y, parts = getattr(x, name)(-1), [getattr(some, name)(-1) for some in x.split(8)]
    np.testing.assert_allclose(y.detach(), metagrad.cat(parts).detach(), rtol=1e-12, atol=1e-13)
    (found,), (expected,) = (metagrad.autograd.grad(z, x, g) for z in (y, metagrad.cat(parts)))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
