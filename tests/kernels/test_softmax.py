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
    np.testing.assert_allclose(kernel.log_softmax(x), np.log(p), rtol=1e-12, atol=1e-12)
    expected = p * (g - (g * p).sum(-1, keepdims=True))
    np.testing.assert_allclose(kernel.softmax_backward(g, p), expected, rtol=1e-8, atol=1e-12)
    expected = g - p * g.sum(-1, keepdims=True)
    np.testing.assert_allclose(kernel.log_softmax_backward(g, np.log(p)), expected, rtol=1e-8, atol=1e-9)


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
