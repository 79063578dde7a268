"""The twins of slow ufuncs give what the ufuncs give, bit for bit, at every pair of numbers."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import chunked_formula, fusion, tuning
from metagrad.kernels.compiled import choice
from metagrad.kernels.quicker import exponential, quickest, remainder

RNG = np.random.default_rng(0)
ENDS = np.array([0, -0.0, 1, -1, 0.3, -0.3, 2, -4, 1e-45, 3e38, np.inf, -np.inf, np.nan, 2**30, 2**24 + 2], np.float32)
SLOW = [np.fmod, np.floor_divide, np.maximum, np.minimum, np.copysign]


def bits(x):
    """The bits of all numbers, one nan being like another and 0 like −0 only where they are nothing else."""
    return np.where(np.isnan(x), np.float32(np.nan), x).view(np.int32)


def pairs(count):
    scales = 10.0 ** RNG.uniform(-6, 6, (2, count))
    x, y = (RNG.standard_normal((2, count)) * scales).astype(np.float32)
    whole = RNG.integers(-50, 50, (2, count)).astype(np.float32)
    any_bits = RNG.integers(0, 2**32, (2, count), dtype=np.uint32).view(np.float32)
    near = (RNG.standard_normal((2, count))).astype(np.float32)
    multiples = np.stack([whole[0] * near[1], near[1]])
    ends = np.stack([a.reshape(-1) for a in np.meshgrid(ENDS, ENDS)])
    return np.concatenate([np.stack([x, y]), whole, any_bits, near, multiples, ends], axis=1)


@pytest.mark.parametrize("block", [1 << 16, 64, 1])
def test_remainder_of_two_arrays(monkeypatch, block):
    monkeypatch.setattr(tuning, "REMAINDER_BLOCK", block)
    x, y = pairs(3000 if block == 1 else 30_000)
    with np.errstate(all="ignore"):
        for divisor in (y, np.float32(0.3), np.float32(-2)):
            z = np.fmod(x, divisor)
            expected = np.where((z != 0) & ((z < 0) != (divisor < 0)), z + divisor, z)
            np.testing.assert_array_equal(bits(remainder(x, divisor)), bits(expected))


@pytest.mark.parametrize("block", [1 << 16, 64, 1])
@pytest.mark.parametrize("ufunc", [np.fmod, np.floor_divide, np.copysign])
def test_of_two_arrays(monkeypatch, ufunc, block):
    monkeypatch.setattr(tuning, "REMAINDER_BLOCK", block)
    x, y = pairs(3000 if block == 1 else 30_000)
    with np.errstate(all="ignore"):
        expected = ufunc(x, y)
        found = np.empty_like(x)
        quickest(ufunc)(x, y, out=found)
        np.testing.assert_array_equal(bits(found), bits(expected))
        quickest(ufunc)(x, y, out=x)  # in place
    np.testing.assert_array_equal(bits(x), bits(expected))


@pytest.mark.parametrize("ufunc", SLOW)
@pytest.mark.parametrize("number", [0.3, -0.3, 2, 0, np.inf, -np.inf, np.nan, 1e-45])
def test_of_an_array_and_a_number(ufunc, number):
    x = pairs(2000)[0]
    with np.errstate(all="ignore"):
        expected, found = ufunc(x, np.float32(number)), np.empty_like(x)
        quickest(ufunc)(x, number, out=found)
    if ufunc in (np.maximum, np.minimum):
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_array_equal(bits(found), bits(expected))


@pytest.mark.parametrize("ufunc", SLOW)
def test_of_rows_and_of_other_dtypes(ufunc):
    x, row = RNG.standard_normal((300, 50)).astype(np.float32), RNG.random(50).astype(np.float32) + 0.1
    for a, b in ((x, row), (row, x), (x.astype(np.float64), row), (x.astype(np.float16), np.float16(0.5))):
        expected = ufunc(a, b)
        found = np.empty_like(expected)
        quickest(ufunc)(a, b, out=found)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("block", [1 << 16, 64, 1])
@pytest.mark.parametrize("ufunc", [np.hypot, np.logaddexp, np.logaddexp2])
def test_lengths_and_sums_of_exponentials(monkeypatch, ufunc, block):
    monkeypatch.setattr(tuning, "REMAINDER_BLOCK", block)
    x, y = pairs(3000)
    x[:200], y[:200] = RNG.standard_normal((2, 200)) * 20  # in small blocks nothing is infinite, or nan
    with np.errstate(all="ignore"):
        exact = ufunc(x.astype(np.float64), y.astype(np.float64))
        found = np.empty_like(x)
        quickest(ufunc)(x, y, out=found)
        least = 1e-45 if ufunc is np.hypot else 4e-7
        np.testing.assert_allclose(found, exact.astype(np.float32), rtol=3e-7, atol=least)
        other = np.empty_like(x)
        quickest(ufunc)(x, 0.25, out=other)
        np.testing.assert_allclose(other, ufunc(x, np.float32(0.25)), rtol=3e-7, atol=3e-7)
        quickest(ufunc)(x, y, out=y)  # in place
    np.testing.assert_array_equal(y, found)


@pytest.mark.parametrize("factor", [1.0, -1.0, -0.5])
def test_exponentials_are_as_near_as_their_argument(factor):
    x = np.linspace(-80, 80, 100_001, dtype=np.float32)
    exact = np.exp(x.astype(np.float64) * factor)
    with np.errstate(all="ignore"):
        found, into = exponential(x, factor), np.empty_like(x)
        assert exponential(x, factor, out=into) is into
    np.testing.assert_array_equal(into, found)
    assert (np.abs(found / exact - 1) <= 2e-7 + 8e-8 * np.abs(x * factor)).all()
    np.testing.assert_allclose(exponential(x.astype(np.float64), factor), exact, rtol=1e-14)
    ends = np.array([np.nan, np.inf, -np.inf, 0, -0.0], np.float32)
    np.testing.assert_array_equal(exponential(ends), np.exp(ends))


@pytest.mark.parametrize("name", ["fmod", "remainder", "floor_divide"])
def test_the_ops_on_large_tensors(monkeypatch, name):
    x, y = pairs(5000)
    op, small = getattr(metagrad, name), []
    for other in (metagrad.from_numpy(y), 0.3, metagrad.from_numpy(y[:1])):
        small.append(op(metagrad.from_numpy(x), other).numpy())
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 1)
    for other, expected in zip((metagrad.from_numpy(y), 0.3, metagrad.from_numpy(y[:1])), small, strict=True):
        np.testing.assert_array_equal(bits(op(metagrad.from_numpy(x), other).numpy()), bits(expected))


@pytest.mark.parametrize("name", "fmod remainder floor_divide hypot logaddexp logaddexp2 copysign lerp add".split())
def test_what_numpy_is_slow_at_is_noted_from_fewer_elements_on(monkeypatch, name):
    for file in (choice, fusion):
        monkeypatch.setattr(file, "available", lambda: False)
    taken, compute = [], chunked_formula.compute
    monkeypatch.setattr(chunked_formula, "compute", lambda *given: taken.append(1) or compute(*given))
    halves, settings = name == "add", [0.3] if name == "lerp" else []
    x, y = (metagrad.from_numpy(RNG.random((130, 140)).astype("e" if halves else "f")) for _ in range(2))
    op = (lambda a, b: (a + b).relu()) if halves else getattr(metagrad, name)
    found, few = op(x, y, *settings), op(x[:9], y[:9], *settings)
    assert taken == [1]
    np.testing.assert_allclose(found.numpy()[:9], few.numpy(), rtol=5e-7)
    for a, b in ((x[:1], y), (x, y[:1])):
        np.testing.assert_allclose(op(a, b, *settings).numpy()[:9], op(a[:9], b[:9], *settings).numpy(), rtol=5e-7)
    assert taken == [1] * 3


def test_of_a_file_in_memory_and_an_array_the_larger_is_found(tmp_path):
    x = np.random.default_rng(0).standard_normal(600_000).astype(np.float32)
    y = np.memmap(tmp_path / "numbers", np.float32, "w+", shape=x.shape)
    assert (metagrad.maximum(metagrad.from_numpy(x), metagrad.from_numpy(y)).array == np.maximum(x, 0)).all()


@pytest.mark.parametrize("ufunc", [np.logical_and, np.logical_or, np.logical_xor])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, bool, np.int64])
def test_truths(ufunc, dtype):
    values = np.array([0.0, -0.0, 1.0, np.nan, np.inf, -1e-40] if np.dtype(dtype).kind == "f" else [0, 1, 1, 0])
    with np.errstate(all="ignore"):
        x, y = (a.astype(dtype) for a in np.meshgrid(values, values))
    found = np.empty(x.shape, bool)
    quickest(ufunc)(x, y, out=found)
    np.testing.assert_array_equal(found, ufunc(x, y))
    quickest(ufunc)(x, y[:1], out=found)
    np.testing.assert_array_equal(found, ufunc(x, y[:1]))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("settings", [{}, {"nan": 0.5}, {"nan": -1.0, "posinf": 2.0, "neginf": -0.0}])
def test_numbers_for_nan_in_chunks(monkeypatch, dtype, settings):
    """Chunks of finite numbers stay as they are; noted down once, and done again by plan."""
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 4)
    monkeypatch.setattr(fusion, "available", lambda: False)
    monkeypatch.setattr(choice, "available", lambda: False)
    for ends in ((), (np.nan, np.inf, -np.inf, -0.0), (np.inf,), (np.nan,)):
        x = RNG.standard_normal((5, 9)).astype(dtype)
        x.reshape(-1)[: len(ends)] = ends
        expected = np.nan_to_num(x, **settings)
        assert metagrad.nan_to_num(metagrad.from_numpy(x), **settings).numpy().tobytes() == expected.tobytes()
        a = metagrad.tensor(x, requires_grad=True)
        a.nan_to_num(**settings).sum().backward()
        np.testing.assert_array_equal(a.grad.numpy(), np.isfinite(x))
