"""The compiled loops of running sums, products, extremes and ln Σ eˣ give what NumPy gives, and PyTorch."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import scans, tuning

RNG = np.random.default_rng(0)
TOLERANCE = {"float32": 3e-5, "float64": 1e-10}
THRESHOLDS = ("COMPILED_WORTH", "REDUCTION_LARGE")
NAMES = ("cumsum", "cumprod", "logcumsumexp", "cummax", "cummin")
SHAPES = [(1, 1), (7,), (500,), (33, 65), (4, 5, 6), (1, 300), (9, 2), (0, 5), (5, 0)]


@pytest.fixture(autouse=True)
def short_rows_are_long(monkeypatch):
    """Rows of some hundred numbers are cut up, too, and a few columns are many."""
    monkeypatch.setattr(tuning, "SCAN_CHUNK", 64)
    monkeypatch.setattr(tuning, "SCAN_COLUMNS", 5)


def numbers(shape, dtype):
    """Numbers of which some are not finite, and some rows begin so."""
    x = (RNG.standard_normal(shape) * 3).astype(dtype)
    if x.size > 100:
        flat = x.reshape(-1)
        flat[3::29], flat[5::37], flat[6::31] = np.nan, np.inf, -np.inf
        x[2:] = RNG.integers(-2, 3, x[2:].shape)  # with equals
    if shape == (33, 65):
        x[5, :3], x[6, :2], x[7, 0], x[8, 1] = -np.inf, (-np.inf, -1000), 1000, -1e5
    return x


def running(library, name, x, dim):
    """The values, and the indices if there are any."""
    found = getattr(library.from_numpy(x), name)(dim)
    return [a.numpy() for a in found] if isinstance(found, tuple) else [found.numpy()]


def agree(found, expected, dtype):
    for here, there in zip(found, expected, strict=True):
        assert here.dtype == there.dtype
        np.testing.assert_allclose(here, there, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_they_are_numpys(both, name, shape, dtype):
    x = numbers(shape, dtype)
    with np.errstate(all="ignore"):
        for dim in range(len(shape)):
            for given in (x, x[..., ::2], np.asfortranarray(x)):
                agree(*both(lambda given=given, dim=dim: running(metagrad, name, given, dim)), dtype)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_they_are_pytorchs(both, torch, name, shape, dtype):
    x = numbers(shape, dtype)
    for dim in range(len(shape)):
        found, _ = both(lambda dim=dim: running(metagrad, name, x, dim))
        agree(found, running(torch, name, x, dim), dtype)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("shape", SHAPES)
def test_running_sums_of_integers(both, threads, monkeypatch, shape, dtype):
    monkeypatch.setattr(tuning, "SCAN_BYTES", 1)
    x = RNG.integers(0, 2 if dtype == "bool" else 256, shape).astype(dtype)
    for axis in range(x.ndim):
        for found in both(lambda axis=axis: metagrad.from_numpy(x).cumsum(axis)):
            assert found.dtype == metagrad.int64
            np.testing.assert_array_equal(found.numpy(), x.cumsum(axis, dtype=np.int64))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32"])
@pytest.mark.parametrize("shape", [(700, 800), (800, 700), (3, 500, 200)])
def test_running_sums_in_a_small_integer_wrap(both, shape, dtype):
    x = RNG.integers(0, 100, shape).astype(dtype)
    for axis in range(x.ndim):
        for found in both(lambda axis=axis: metagrad.from_numpy(x).cumsum(axis, dtype=getattr(metagrad, dtype))):
            assert found.dtype == getattr(metagrad, dtype)
            np.testing.assert_array_equal(found.numpy(), x.cumsum(axis, dtype=dtype))


def test_by_hand(both):
    x = np.array([[2.0, 3.0, 3.0, 1.0]])
    wanted = {
        "cumsum": [2.0, 5.0, 8.0, 9.0], "cumprod": [2.0, 6.0, 18.0, 18.0], "cummax": [2.0, 3.0, 3.0, 3.0],
        "cummin": [2.0, 2.0, 2.0, 1.0], "logcumsumexp": np.log(np.cumsum(np.exp([2.0, 3.0, 3.0, 1.0]))),
    }  # fmt: skip
    for name, values in wanted.items():
        for found in both(lambda name=name: running(metagrad, name, x, 1)):
            np.testing.assert_allclose(found[0], [values])
    assert running(metagrad, "cummax", x, 1)[1].tolist() == [[0, 1, 2, 2]]


def test_a_product_may_leave_the_range_and_come_back(both):
    x = np.full((5, 3), 1e30, np.float32)
    x[:, 2] = 1e-30
    for found in both(lambda: [*running(metagrad, "cumprod", x, 1), *running(metagrad, "cumprod", x.T.copy(), 0)]):
        np.testing.assert_allclose(found[0], np.tile(np.array([1e30, np.inf, 1e30], np.float32), (5, 1)), rtol=1e-6)
        np.testing.assert_allclose(found[1], found[0].T)


@pytest.mark.parametrize("name", NAMES)
def test_gradients(both, name):
    x, w = RNG.standard_normal((6, 9)), RNG.standard_normal((6, 9))

    def run():
        leaf = metagrad.tensor(x, requires_grad=True)
        found = getattr(leaf, name)(1)
        ((found[0] if isinstance(found, tuple) else found) * metagrad.tensor(w)).sum().backward()
        return [leaf.grad.numpy()]

    agree(*both(run), "float64")


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_threads_changes_no_more_than_rounding(both, threads, name):
    x = numbers((2, 700), "float64")
    with np.errstate(all="ignore"):
        agree(*both(lambda: running(metagrad, name, x, 1)), "float64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_sums_from_the_end(axis, dtype):
    x = np.random.default_rng(0).standard_normal((3, 300, 400)).astype(dtype)
    expected = np.flip(np.cumsum(np.flip(x.astype(np.float64), axis), axis=axis), axis)
    tolerance = {"float32": 1e-4, "float64": 1e-11}[dtype]
    np.testing.assert_allclose(scans.running_sum_from_the_end(x, axis), expected, rtol=0, atol=tolerance)
    a, g = metagrad.tensor(x, requires_grad=True), metagrad.tensor(x)
    a.cumsum(axis).backward(g)
    np.testing.assert_allclose(a.grad.numpy(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("shape", [(100_000,), (100_000, 2), (20_000, 300), (3, 50_000), (2, 5_000, 7)])
def test_rounding_errors_of_running_sums_do_not_add_up(both, shape):
    dim = max(range(len(shape)), key=lambda d: shape[d])
    x = metagrad.full(shape, 0.1)
    steps = np.arange(1, shape[dim] + 1).reshape([-1 if d == dim else 1 for d in range(len(shape))])
    for found in both(lambda: x.cumsum(dim).numpy()):
        np.testing.assert_allclose(found, np.broadcast_to(np.float32(0.1).astype(np.float64) * steps, shape), rtol=3e-6)
