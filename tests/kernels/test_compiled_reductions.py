"""The compiled sums, products, running sums and steps of Adam give what NumPy's give."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning

RNG = np.random.default_rng(0)
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
THRESHOLDS = (
    "COMPILED_WORTH", "REDUCTION_LARGE", "REDUCTION_CHUNK", "SCAN_ROWS", "OPTIMIZER_LOOP_WORTH",
)  # fmt: skip


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    """Columns are cut up, too, and rows into strips."""
    monkeypatch.setattr(tuning, "REDUCTION_ROWS", 40)
    monkeypatch.setattr(tuning, "REDUCTION_STRIP", 64)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (7, 3), (33, 65), (90, 20), (4, 4100), (2, 3, 4, 50)])
@pytest.mark.parametrize("name", ["sum", "mean", "prod", "amax", "amin", "norm"])
def test_reductions(both, threads, name, shape, dtype):
    x = (RNG.random(shape) + 0.5).astype(dtype) ** 0.1

    def run():
        found = []
        for dim in range(len(shape)):
            a = metagrad.tensor(x, requires_grad=True)
            y = getattr(a, name)(dim=dim)
            (y * y).sum().backward()
            strided = getattr(metagrad.from_numpy(np.asfortranarray(x)), name)(dim=dim)
            found += [y.detach().numpy(), strided.numpy(), a.grad.numpy()]
        return [*found, *([] if name in ("amax", "amin") else [getattr(metagrad.from_numpy(x), name)().numpy()])]

    for found, expected in zip(*both(run), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=20 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["bool", "int64", "int32", "int8", "uint8"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 4999), (7, 3), (33, 65), (90, 20), (2, 3, 4, 51)])
def test_integers_add_up_in_int64(both, threads, shape, dtype):
    low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    x = RNG.integers(low, high, shape, np.int64 if dtype == "bool" else dtype, endpoint=True).astype(dtype)
    dims = [None, *range(x.ndim), (0, x.ndim - 1)]

    def run():
        a, strided = metagrad.from_numpy(x), metagrad.from_numpy(np.asfortranarray(x))
        return [(v.sum(d), v.count_nonzero(d)) for v in (a, strided) for d in dims]

    expected = [(x.sum(d, dtype=np.int64), np.count_nonzero(x, d)) for d in dims] * 2
    for found in both(run):
        for (total, count), (wanted, number) in zip(found, expected, strict=True):
            assert total.dtype == count.dtype == metagrad.int64
            np.testing.assert_array_equal(total.numpy(), wanted)
            np.testing.assert_array_equal(count.numpy(), number)


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8", "int16"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 4999), (33, 65), (2, 3, 4, 51)])
def test_extremes_of_integers(both, threads, shape, dtype):
    x = RNG.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    dims = [*range(x.ndim), (0, x.ndim - 1)]

    def run():
        a, strided = metagrad.from_numpy(x), metagrad.from_numpy(np.asfortranarray(x))
        return [(v.amax(d).numpy(), v.amin(d).numpy(), v.max().numpy()) for v in (a, strided) for d in dims]

    for found in both(run):
        for each, d in zip(found, dims * 2, strict=True):
            for value, wanted in zip(each, (x.max(d), x.min(d), x.max()), strict=True):
                assert value.dtype == dtype
                np.testing.assert_array_equal(value, wanted)


def test_nonzero_floats_are_counted(both):
    x = RNG.standard_normal((9, 70)).astype(np.float32)
    x[0, 3], x[1, 4], x[2, 5], x[3, 6:], x[4] = np.nan, np.inf, 1e-45, 0.0, -0.0
    for found in both(lambda: metagrad.from_numpy(x).count_nonzero(1)):
        assert found.tolist() == [70, 70, 70, 6, 0, 70, 70, 70, 70]


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("dims", [(0, 2), (0, 2, 3), (1, 3), (0, 3), (0, 1, 2), (3,), (1,), (0, 1, 2, 3)])
def test_dimensions_apart(both, threads, dims, dtype):
    x = (RNG.random((3, 4, 5, 33)) + 0.5).astype(dtype)
    x[1, 2] += 100  # far from the mean of others

    def run():
        a = metagrad.from_numpy(x)
        turned = metagrad.from_numpy(np.asfortranarray(x))
        names = ("sum", "mean", "amax", "amin", "var", "std")
        return [
            getattr(v, name)(dim=dims, keepdim=keep).numpy()
            for name in names
            for v in (a, turned)
            for keep in (False, True)
        ]

    for found, expected in zip(*both(run), strict=True):
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=20 * TOLERANCE[dtype])
    np.testing.assert_allclose(
        metagrad.from_numpy(x).var(dim=dims).numpy(), x.astype(float).var(dims, ddof=1), rtol=1e-4
    )


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("name", ["amax", "amin"])
def test_extremes_by_bits(both, name, dtype):
    x = RNG.standard_normal((9, 70)).astype(dtype)
    x[0, 3], x[1, 4], x[2, 5], x[3, 6], x[4], x[5], x[6, 1:] = np.nan, -np.nan, np.inf, -np.inf, np.inf, -np.inf, -0.0
    x[7], x[8] = np.abs(x[7]), -np.abs(x[8])
    found, expected = both(lambda: getattr(metagrad.from_numpy(x), name)(dim=1).numpy())
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("name", ["amax", "amin"])
def test_extremes_of_all_by_bits(both, name, dtype):
    x = RNG.standard_normal((7, 331)).astype(dtype)  # no number of parts divides them
    near, nan = np.abs(x) * np.finfo(dtype).tiny, x.copy()
    nan[6, 330] = -np.nan
    for some in (
        x,
        -np.abs(x),
        np.abs(x),
        near,
        -near,
        np.full_like(x, -np.inf),
        x * 0,
        -np.abs(x) * 0,
        nan,
        nan * np.inf,
    ):
        found, expected = both(lambda some=some: getattr(metagrad.from_numpy(some), name)().numpy())
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["sum", "prod", "cumsum"])
def test_reductions_of_what_is_not_finite_and_of_nothing(both, name):
    x = RNG.random((9, 50)).astype(np.float32)
    x[0, 3], x[1, 4], x[2, 5], x[3, :2] = np.nan, np.inf, -np.inf, (np.inf, -np.inf)
    x[4, 2:4] = 0.0, np.inf
    with np.errstate(all="ignore"):
        found, expected = both(lambda: getattr(metagrad.from_numpy(x), name)(dim=1).numpy())
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for shape in ((0, 5), (5, 0)):
        found, expected = both(lambda shape=shape: getattr(metagrad.zeros(shape), name)(dim=1).numpy())
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("optimizer", ["Adam", "AdamW"])
@pytest.mark.parametrize("settings", [
    {}, {"lr": 0.1, "betas": (0.5, 0.8), "eps": 1e-3}, {"weight_decay": 0.1}, {"maximize": True}, {"amsgrad": True},
])  # fmt: skip
def test_adam(both, optimizer, settings, dtype):
    start, gradients = RNG.standard_normal((3, 67)).astype(dtype), RNG.standard_normal((4, 3, 67)).astype(dtype)
    gradients[1] = 0

    def run():
        parameters = [metagrad.tensor(start, requires_grad=True), metagrad.tensor(start.T, requires_grad=True)]
        steps = getattr(metagrad.optim, optimizer)(parameters, **settings)
        for g in gradients:
            for p in parameters:
                p.grad = metagrad.from_numpy(np.ascontiguousarray(g if p.shape == g.shape else g.T))
            steps.step()
        return [a.detach().numpy() for p in parameters for a in (p, *steps.state[p].values())]

    for found, expected in zip(*both(run), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
