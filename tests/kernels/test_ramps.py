"""Numbers at equal distances are the same, bit for bit, in one call of NumPy's, in chunks, and by a compiled loop."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import ramps, tuning

GIVEN = [(0, 1), (3, -2), (0.5, 0.1), (-1e-3, 1e7), (7, 0.3), (2**40, 3), (0.1, 1)]


@pytest.fixture(params=[True, False], ids=["compiled", "NumPy"])
def large(monkeypatch, request):
    """Few elements are many, in chunks of seven."""
    monkeypatch.setattr(tuning, "RAMP_LARGE", 1)
    monkeypatch.setattr(tuning, "RAMP_CHUNK", 7)
    if not request.param:
        monkeypatch.setattr(ramps, "are_there_loops", lambda: False)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "int32"])
@pytest.mark.parametrize(("first", "by"), GIVEN)
def test_bit_for_bit(large, threads, first, by, dtype):
    for count in (0, 1, 6, 7, 100, 1001):
        with np.errstate(over="ignore", invalid="ignore"):
            expected = (np.arange(count) * by + first).astype(dtype)
            found = ramps.ramp(count, by, first, np.dtype(dtype))
        assert found.dtype == expected.dtype
        if not dtype.startswith("int") or (np.abs(np.arange(count) * by + first) < 2**31).all():
            np.testing.assert_array_equal(found, expected)


def test_what_int64_does_not_have_stays_numpys(large):
    assert ramps.ramp(3, 2**61, 2**60, np.dtype(np.int64)).tolist() == [2**60, 2**60 + 2**61, 2**60 + 2**62]


def test_functions_give_the_same(large):
    assert metagrad.arange(20).tolist() == list(range(20))
    assert metagrad.arange(20, 3, -4).tolist() == [20, 16, 12, 8, 4]
    assert metagrad.arange(0.0, 1.0, 0.25).tolist() == [0, 0.25, 0.5, 0.75]
    assert metagrad.linspace(-1, 1, 101)[-1] == 1 and metagrad.linspace(3, 3, 4).tolist() == [3, 3, 3, 3]
    assert metagrad.linspace(0, 1, 1).tolist() == [0] and metagrad.linspace(0, 1, 0).shape == (0,)
    for kind, name in ((metagrad.float32, "float32"), (metagrad.float64, "float64"), (metagrad.int64, "int64")):
        found = metagrad.linspace(-3, 11, 237, dtype=kind).numpy()
        # each number is a product and a sum in its own dtype
        near = 0 if name == "int64" else 11 * np.finfo(name).eps
        np.testing.assert_allclose(found, np.linspace(-3, 11, 237).astype(name), rtol=0, atol=near)


def test_nan_is_found_in_large_ones():
    x = np.ones((300, 300), np.float32)
    x[3, 4] = x[299, 299] = np.nan
    for given in (x, x.T, x[:, ::2], x[:0]):
        np.testing.assert_array_equal(metagrad.isnan(metagrad.from_numpy(given)).numpy(), np.isnan(given))
        np.testing.assert_array_equal(metagrad.nansum(metagrad.from_numpy(given), 0).numpy(), np.nansum(given, 0))


def test_nansum_of_large_ones_and_its_gradient():
    x = np.random.default_rng(0).random((600, 500)).astype(np.float32)
    for spoiled in ((), (np.nan,), (np.inf,), (np.inf, -np.inf), (np.inf, -np.inf, np.nan)):
        given = x.copy()
        given[7, : len(spoiled)] = spoiled
        for dim in (None, 0, 1):
            a = metagrad.tensor(given, requires_grad=True)
            y = metagrad.nansum(a, dim)
            y.sum().backward()
            with np.errstate(invalid="ignore"):
                np.testing.assert_allclose(y.detach().numpy(), np.nansum(given.astype(np.float64), dim), rtol=1e-5)
            np.testing.assert_array_equal(a.grad.numpy(), ~np.isnan(given))
