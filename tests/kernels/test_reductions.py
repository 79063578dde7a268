"""Large arrays folded by chunks on threads give what NumPy gives at once: values, indices, running sums."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import argmax, reductions, scans

SHAPES = [(700, 512), (3, 500, 300), (2, 400000), (400000, 2), (900, 3, 200), (1, 300000), (300007,)]
ORDERS = "CF"


def filled(shape, order, dtype=np.float64):
    return np.asarray(np.random.default_rng(0).uniform(0.99, 1.01, shape), dtype, order=order)


def axes_of(shape):
    n = len(shape)
    return {(0,), (n - 1,), tuple(range(n)), tuple(range(min(2, n))), (0, n - 1) if n > 1 else (0,)}


def variance(x, axis, keepdims):
    squares = reductions.sum_of_deviations(x, axis, reductions.sum(x, axis, True) / x.dtype.type(x.size))
    return reductions.dropped(squares, axis, keepdims)


FOLDS = {
    "sum": (reductions.sum, np.sum),
    "any": (
        lambda x, a, k: reductions.any(x > 1.00999, a, k),
        lambda x, axis, keepdims: (x > 1.00999).any(axis, keepdims=keepdims),
    ),
    "all": (lambda x, a, k: reductions.all(x, a, k), lambda x, axis, keepdims: (x != 0).all(axis, keepdims=keepdims)),
    "largest": (lambda x, a, k: reductions.dropped(reductions.largest(x, a), a, k), np.max),
    "smallest": (lambda x, a, k: reductions.dropped(reductions.smallest(x, a), a, k), np.min),
    "squares": (
        lambda x, a, k: reductions.dropped(reductions.sum_of_squares(x, a), a, k),
        lambda x, axis, keepdims: (x * x).sum(axis, keepdims=keepdims),
    ),
    "deviations": (
        variance,
        lambda x, axis, keepdims: ((x - x.sum(axis, keepdims=True) / x.size) ** 2).sum(axis, keepdims=keepdims),
    ),
    "exponentials": (
        lambda x, a, k: reductions.dropped(reductions.sum_of_exponentials(x, a, reductions.largest(x, a)), a, k),
        lambda x, axis, keepdims: np.exp(x - x.max(axis, keepdims=True)).sum(axis, keepdims=keepdims),
    ),
}  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FOLDS)
def test_folds_equal_numpys(threads, name, shape, order):
    x = filled(shape, order)
    ours, numpys = FOLDS[name]
    for axis in axes_of(shape):
        for keepdims in (True, False):
            found, expected = ours(x, axis, keepdims), numpys(x, axis=axis, keepdims=keepdims)
            assert found.shape == expected.shape and found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.complex64, np.int64, np.int32])
def test_sums_and_products_of_every_dtype(threads, dtype):
    x = (np.random.default_rng(0).integers(0, 2, (601, 700)) * 2 - 1).astype(dtype)
    for axis in ((0,), (1,), (0, 1)):
        np.testing.assert_array_equal(reductions.sum(x, axis, False), x.sum(axis))
        assert reductions.sum(x, axis, False).dtype == x.sum(axis).dtype
    for axis in (0, 1):
        np.testing.assert_array_equal(reductions.prod(x, axis, False), x.prod(axis))


@pytest.mark.parametrize("shape", SHAPES)
def test_products_equal_numpys(threads, shape):
    x = np.exp(filled(shape, "C") * 0.02 - 0.02)
    for axis in range(len(shape)):
        np.testing.assert_allclose(reductions.prod(x, axis, True), x.prod(axis, keepdims=True), rtol=1e-9)


@pytest.mark.parametrize("shape", [(300, 1027), (5000, 67), (2, 300001), (1, 5_000_003), (4200, 64)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128, np.uint8])
def test_products_of_rows_leave_nothing_out(threads, shape, dtype):
    x = np.random.default_rng(0).choice([1, 1 if dtype == np.uint8 else -1], shape).astype(dtype)
    x[:, :: shape[1] // 20], x[:, -1] = 2, 3
    with np.errstate(all="ignore"):
        for sign in (1, -1):
            a = x[::sign]
            np.testing.assert_array_equal(reductions.prod(a, 1, False), np.multiply.reduce(a, axis=1))
        if dtype != np.uint8:
            x[0, -1], x[-1, 3], x[-1, -2] = np.nan, 0, 2
            np.testing.assert_array_equal(reductions.prod(x, 1, False), np.multiply.reduce(x, axis=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_products_of_a_line_with_gaps(threads, dtype):
    x = np.ones(1_200_000, dtype)
    x[::400_000], x[1::2] = 3, 0
    assert reductions.prod(x[::2], 0, False) == 27
    assert metagrad.from_numpy(x)[::2].prod().item() == 27


def test_large_folds_keep_nan_infinity_and_strides(threads):
    x = np.ones((800, 600), np.float32)
    x[700, 3], x[5, 5] = np.nan, np.inf
    for axis in ((0,), (1,), (0, 1)):
        np.testing.assert_array_equal(reductions.dropped(reductions.largest(x, axis), axis, False), x.max(axis))
        np.testing.assert_array_equal(reductions.sum(x, axis, False), x.sum(axis))
    y = np.ones((1600, 1200), np.float32)
    assert reductions.sum(y[::2, ::2], (0, 1), False) == 800 * 600
    assert reductions.sum(y.T[:, :700], (0, 1), False) == 1200 * 700


def test_a_tall_sum_of_floats_is_near_the_true_one(threads):
    x = np.random.default_rng(0).uniform(0, 1, (1_000_000, 3)).astype(np.float32)
    for a, axis in ((x, (0,)), (np.ascontiguousarray(x.T), (1,)), (x.reshape(-1), (0,))):
        exact = a.astype(np.float64).sum(axis)
        np.testing.assert_allclose(reductions.sum(a, axis, False), exact, rtol=2e-6)


@pytest.mark.parametrize(
    "shape", [(300, 1023), (300, 1024), (70, 4001), (70, 4100), (5, 62500), (1, 300007), (70_000, 4)]
)
def test_sums_by_products_leave_nothing_out(shape):
    x = np.random.default_rng(0).integers(-9, 9, shape).astype(np.float32)  # whole numbers: the sums are exact
    for axis in ((0,), (1,), (0, 1)):
        assert np.array_equal(reductions._by_blas(x, axis), x.sum(axis, keepdims=True))
    x[-1, -1] = np.inf
    assert reductions._by_blas(x, (1,)).ravel().tolist() == x.sum(1).tolist()


@pytest.mark.parametrize("function", [np.argmax, np.argmin])
@pytest.mark.parametrize("shape", SHAPES)
def test_indices_are_those_of_the_first_of_equals_and_of_nans(threads, function, shape):
    x = np.random.default_rng(0).integers(0, 50, shape).astype(np.float32)
    with_nan = x.copy()
    with_nan.flat[:: x.size // 7] = np.nan
    for a in (x, with_nan):
        for axis in range(x.ndim):
            np.testing.assert_array_equal(argmax.index_of(function, a, axis), function(a, axis=axis, keepdims=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("shape", [*SHAPES, (3, 700, 301)])
def test_running_sums_equal_numpys(threads, shape, dtype):
    x = (np.random.default_rng(0).integers(0, 2, shape) * 2 - 1).astype(dtype)
    for axis in range(x.ndim):
        np.testing.assert_array_equal(scans.running_sum(x, axis), np.cumsum(x, axis))


def test_running_sums_are_infinite_and_nan_from_there_on(threads):
    x = np.ones((600, 501), np.float32)
    x[10, 100], x[20, 50], x[20, 450] = np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore"):  # as in every op's forward
        for axis in (0, 1):
            np.testing.assert_array_equal(scans.running_sum(x, axis), np.cumsum(x, axis))


def test_gradients_of_large_folds_equal_those_of_float64_formulas():
    x = metagrad.randn(600, 500, dtype=metagrad.float64, requires_grad=True)
    pairs = [
        (x.norm(dim=1), (x * x).sum(1).sqrt()),
        (x.logsumexp(0), x.exp().sum(0).log()),
        (x.var(0), ((x - x.mean(0)) ** 2).sum(0) / 599),
        (x.cumsum(1)[:, -1], x.sum(1)),
    ]
    for found, expected in pairs:
        assert metagrad.allclose(found, expected)
        (a,), (b,) = (metagrad.autograd.grad(y.sum(), x) for y in (found, expected))
        assert metagrad.allclose(a, b)


@pytest.mark.parametrize("n", [1000, 2000, 64, 2049])
@pytest.mark.parametrize("odd", [None, np.inf, -np.inf, np.nan])
def test_running_sums_of_rows(n, odd):
    x = np.random.default_rng(0).standard_normal((2**19 // n, n)).astype(np.float32)
    if odd is not None:
        x[3, n // 2] = odd
    with np.errstate(all="ignore"):  # as every op runs
        found = scans.running_sum(x, 1)
    np.testing.assert_allclose(found, np.cumsum(x.astype(np.float64), axis=1), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(
    "shape", [(2, 500, 600), (500, 2, 600), (500, 600, 2), (1, 8, 1, 40_000), (3, 2, 50_000), (90_000, 3, 1)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_few_elements(threads, shape, dtype):
    x = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    for axis in range(len(shape)):
        found = reductions.sum(x, (axis,), True)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, x.sum(axis=axis, keepdims=True), rtol=1e-4, atol=1e-3)
    if len(shape) > 3:
        np.testing.assert_allclose(reductions.sum(x, (1, 2), False), x.sum(axis=(1, 2)), rtol=1e-5, atol=1e-5)
