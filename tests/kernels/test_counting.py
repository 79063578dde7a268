"""Counts, repeated numbers and membership: by loops and as NumPy finds them, all the same."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning

RNG = np.random.default_rng(0)
THRESHOLDS = ("SEARCH_LARGE", "SPREAD_LEAST", "MASK_LARGE", "PICK_LARGE")


def _same(both, function):
    found, expected = both(function)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    return [a.numpy() for a in found]


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "uint8", "int8"])
def test_bincount(both, threads, dtype):
    x = RNG.integers(0, 40, 1001).astype(dtype)
    counted = _same(both, lambda: [metagrad.bincount(metagrad.from_numpy(x), minlength=n) for n in (0, 100, 5000)])
    np.testing.assert_array_equal(counted[0], [(x == n).sum() for n in range(x.max() + 1)])
    assert [len(c) for c in counted[1:]] == [100, 5000]
    with pytest.raises(RuntimeError, match="non-negative"):
        metagrad.bincount(metagrad.tensor([1] * 500 + [-1]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bins", [1, 7, 100])
def test_histograms(both, threads, dtype, bins):
    x = RNG.standard_normal(2003).astype(dtype)
    x[:4] = np.nan, np.inf, -np.inf, -0.0
    x[10:20] = np.linspace(-1, 1, 10)  # on the edges
    x[20:121] = np.linspace(-1, 1, 101).astype(dtype)
    inside = x[4:] if bins == 7 else x[3:]

    def run():
        t, u = metagrad.from_numpy(x), metagrad.from_numpy(inside)
        some = metagrad.histogram(t, bins, range=(-1.0, 1.0)), metagrad.histogram(u, bins)
        return [metagrad.histc(t, bins, -1, 1), metagrad.histc(u, bins), *(a for pair in some for a in pair)]

    found = _same(both, run)
    assert found[0].sum() == found[2].sum() == (np.abs(x) <= 1).sum()
    assert found[1].sum() == len(inside)
    expected = np.histogram(x[np.abs(x) <= 1], found[3])[0]
    np.testing.assert_array_equal(found[2], expected)


def test_a_histogram_of_one_number_or_beyond_all_numbers(both):
    def run():
        same, wide = metagrad.full((50,), 3.0), metagrad.tensor([-3e38, 3e38] * 30)
        return [*metagrad.histogram(same, 4), metagrad.histc(same, 4), metagrad.histogram(wide, 2)[0]]

    found = _same(both, run)
    assert found[0].tolist() == found[2].tolist() == [0, 0, 50, 0]
    assert found[3].tolist() == [30, 30]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "uint8"])
def test_isin(both, threads, dtype):
    x, few = (RNG.integers(0, 100, 999) - (dtype != "uint8") * 50).astype(dtype), np.array([3, 77, 3, 0], dtype)
    wide = np.array([-(2**31), 2**31 - 1, 5]).astype(dtype)
    if dtype.startswith("float"):
        x[:3] = few[:1] = np.nan
        x[5] = -0.0

    def run():
        t = metagrad.from_numpy(x).reshape(3, 333)
        results = [metagrad.isin(t, metagrad.from_numpy(n)) for n in (few, wide, few[:0], few[1:2])]
        return [*results, metagrad.isin(t, metagrad.from_numpy(few), invert=True)]

    found = _same(both, run)
    np.testing.assert_array_equal(found[0], np.isin(x, few).reshape(3, 333))
    np.testing.assert_array_equal(found[1], np.isin(x, wide).reshape(3, 333))
    assert not found[2].any() and (found[4] != found[0]).all()


def test_isin_of_the_extremes(both):
    ends = np.iinfo(np.int64)
    x = np.array([ends.min, ends.max, 0, -1] * 100)
    tests = [np.array(n) for n in ([ends.max], [ends.min, ends.min + 1], [ends.min, ends.max], [-1])]
    found = _same(both, lambda: [metagrad.isin(metagrad.from_numpy(x), metagrad.from_numpy(n)) for n in tests])
    for result, numbers in zip(found, tests, strict=True):
        np.testing.assert_array_equal(result, np.isin(x, numbers))


def test_repeat_interleave(both, threads):
    x, times = RNG.standard_normal((300, 2)), RNG.integers(0, 4, 300)

    def run():
        t, n = metagrad.from_numpy(x), metagrad.from_numpy(times)
        zeros = metagrad.zeros(300, dtype=metagrad.int64)
        return [
            t.repeat_interleave(3), t.repeat_interleave(n, 0), n.repeat_interleave(2), metagrad.repeat_interleave(n),
            t.repeat_interleave(zeros, 0), t.repeat_interleave(metagrad.tensor([2]), 1),
        ]  # fmt: skip

    found = _same(both, run)
    expected = [
        np.repeat(x, 3), np.repeat(x, times, 0), np.repeat(times, 2), np.repeat(np.arange(300), times),
        x[:0], np.repeat(x, 2, 1),
    ]  # fmt: skip
    for result, numbers in zip(found, expected, strict=True):
        np.testing.assert_array_equal(result, numbers)


@pytest.mark.parametrize("offset", [-70, -41, -40, -3, 0, 2, 29, 30, 31, 70])
def test_indices_of_triangles(both, threads, offset):
    shapes = (40, 30), (30, 40), (0, 3), (3, 0), (1, 1)
    for m, n in shapes:
        found = _same(both, lambda m=m, n=n: [f(m, n, offset) for f in (metagrad.tril_indices, metagrad.triu_indices)])
        np.testing.assert_array_equal(found[0], np.stack(np.tril_indices(m, offset, n)))
        np.testing.assert_array_equal(found[1], np.stack(np.triu_indices(m, offset, n)))
    assert metagrad.tril_indices(40, 30, offset, dtype=metagrad.int32).dtype == metagrad.int32


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool"])
def test_runs(both, threads, monkeypatch, n, dtype):
    monkeypatch.setattr(tuning, "SEARCH_CHUNK", 64)
    x = np.repeat(RNG.integers(0, 3, n), RNG.integers(1, 4, n))[:n].astype(dtype)
    if n == 1000 and dtype == "float32":
        x[100:103] = np.nan

    def run():
        t = metagrad.from_numpy(x)
        return [
            metagrad.unique_consecutive(t),
            *metagrad.unique_consecutive(t, True, True),
            *metagrad.unique(t, True, True, True),
        ]

    values, again, inverse, counts, some, where, often = _same(both, run)
    np.testing.assert_array_equal(values, again)
    np.testing.assert_array_equal(np.repeat(values, counts), x)
    np.testing.assert_array_equal(values[inverse], x)
    np.testing.assert_array_equal(some[where], x)
    assert counts.sum() == often.sum() == n
    assert n == 0 or (np.diff(inverse) <= 1).all() and inverse[-1] == len(values) - 1


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int16, np.int8, np.uint8])
@pytest.mark.parametrize("ends", [(0, 100), (-50, 60), (0, 3000), (-(2**40), 2**40), (2**62, 2**62 + 500)])
def test_different_integers(dtype, ends):
    if ends[0] < np.iinfo(dtype).min or ends[1] > np.iinfo(dtype).max:
        pytest.skip("the dtype has no such numbers")
    a = np.random.default_rng(0).integers(*ends, (100, 90)).astype(dtype)
    expected = np.unique(a, return_inverse=True, return_counts=True)
    found = metagrad.unique(metagrad.from_numpy(a), return_inverse=True, return_counts=True)
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_array_equal(x.numpy().reshape(-1), y.reshape(-1))
    assert found[0].numpy().dtype == dtype and found[1].shape == a.shape and found[2].dtype is metagrad.int64
    values, counts = metagrad.unique(metagrad.from_numpy(a), return_counts=True)
    np.testing.assert_array_equal(values.numpy(), expected[0])
    np.testing.assert_array_equal(counts.numpy(), expected[2])


def test_different_integers_as_far_apart_as_may_be():
    a = np.array([2**63 - 1, -(2**63)] * 3000)
    assert metagrad.unique(metagrad.from_numpy(a)).tolist() == [-(2**63), 2**63 - 1]
