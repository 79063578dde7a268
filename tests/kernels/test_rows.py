"""Work on rows and folds cut up on threads give what NumPy gives in one piece."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import reducing, rows

SHAPES = [(700, 512), (3, 500, 300), (2, 400000), (900, 3, 200), (1, 300000)]


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = metagrad.get_num_threads()
    metagrad.set_num_threads(request.param)
    yield request.param
    metagrad.set_num_threads(before)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ufunc", [np.add, np.maximum, np.minimum, np.multiply])
def test_folds_equal_numpys(threads, ufunc, shape):
    x = np.random.default_rng(0).uniform(0.99, 1.01, shape)
    axes = [(0,), (len(shape) - 1,), tuple(range(len(shape))), (0, 1), (0, len(shape) - 1)]
    for axis in axes:
        for keepdims in (True, False):
            found = reducing.reduce(ufunc, x, axis, keepdims)
            expected = ufunc.reduce(x, axis=axis, keepdims=keepdims)
            assert found.shape == expected.shape and found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_folds_keep_nan_and_strided_arrays(threads):
    x = np.ones((800, 600))
    x[700, 3] = np.nan
    assert np.isnan(reducing.reduce(np.maximum, x, (0, 1), False))
    assert reducing.reduce(np.add, x[::2, ::2], (0, 1), False) == 400 * 300
    assert reducing.reduce(np.add, x.T[:, :700], (0, 1), False) == 600 * 700


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_equal_the_formulas(threads, shape):
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal(shape), rng.standard_normal(shape)
    e = np.exp(x - x.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    np.testing.assert_allclose(rows.softmax(x), p, rtol=1e-12)
    np.testing.assert_allclose(rows.log_softmax(x), np.log(p), rtol=1e-12, atol=1e-12)
    expected = p * (g - (g * p).sum(-1, keepdims=True))
    np.testing.assert_allclose(rows.softmax_backward(g, p), expected, rtol=1e-8, atol=1e-12)
    expected = g - p * g.sum(-1, keepdims=True)
    np.testing.assert_allclose(rows.log_softmax_backward(g, np.log(p)), expected, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(rows.squares_of_rows(x)[..., 0], x.var(-1) * shape[-1], rtol=1e-9, atol=1e-12)


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
        pieces = [op(part) for part in x.split(100)] if y.shape[0] == 600 else None
        expected = metagrad.cat(pieces) if pieces else sum(part.sum(0) for part in x.split(100))
        assert metagrad.allclose(y, expected)
        w = weights if y.ndim == 2 else weights.reshape(-1)[: y.numel()]
        (a,), (b,) = (metagrad.autograd.grad((t * w).sum(), x) for t in (y, expected))
        assert metagrad.allclose(a, b)
