"""Philox against the answers its authors publish, and the distributions made of it."""

import numpy as np
import pytest

from metagrad.base.device import CPU
from metagrad.kernels import philox
from metagrad.ops.create.device_stream import DeviceStream

stats = pytest.importorskip("scipy.stats", reason="needs SciPy (extra: scipy)")

# kat_vectors of Random123 for philox4x32 with 10 rounds: counter, key, answer.
ANSWERS = [
    ([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), ANSWERS)
def test_known_answers(counter, key, answer):
    found = philox.encrypted(tuple(np.uint64(c) for c in counter), key[0] | key[1] << 32)
    assert [int(w) for w in found] == answer


def test_any_part_of_a_stream_can_be_made_alone():
    whole = philox.words(7, 0, 400, np.zeros(0))
    for first, count in ((0, 400), (3, 17), (99, 4), (50, 1)):
        np.testing.assert_array_equal(philox.words(7, first, count, np.zeros(0)), whole[4 * first :][:count])
    assert whole.dtype == np.uint32 and len(np.unique(whole)) == 400
    high = philox.words(7, 2**32 + 5, 4, np.zeros(0))  # the counter has 64 bits
    assert not np.isin(high, philox.words(7, 5, 4, np.zeros(0))).any()


def stream(key=3):
    return DeviceStream(key, CPU)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_and_normal_numbers(dtype):
    u, x = stream().random((50, 1000), dtype), stream(4).standard_normal((50, 1000), dtype)
    assert u.dtype == x.dtype == dtype and u.shape == x.shape == (50, 1000)
    assert 0 <= u.min() and u.max() < 1 and np.isfinite(x).all()
    assert stats.kstest(u.ravel(), "uniform").pvalue > 0.01 and stats.kstest(x.ravel(), "norm").pvalue > 0.01
    assert abs(np.corrcoef(x.ravel()[:25_000], x.ravel()[25_000:])[0, 1]) < 0.02  # the two of a pair
    assert stream().standard_normal(7).shape == (7,) and stream().standard_normal(0).shape == (0,)


def test_other_distributions():
    s = stream()
    assert stats.kstest(s.exponential(2.0, 20_000), "expon", (0, 2.0)).pvalue > 0.01
    assert stats.kstest(s.standard_cauchy(20_000), "cauchy").pvalue > 0.01
    order = s.permutation(1000)
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    assert not np.array_equal(order, np.arange(1000))


@pytest.mark.parametrize(
    ("low", "high", "endpoint"), [(0, 6, False), (-3, 2, True), (-(2**63), 2**63 - 1, True), (0, 2**63, False)]
)
def test_integers(low, high, endpoint):
    found = stream().integers(low, high, 6000, np.int64, endpoint)
    assert found.dtype == np.int64 and low <= int(found.min()) and int(found.max()) < high + endpoint
    if high - low < 10:
        counts = np.unique(found, return_counts=True)[1]
        assert len(counts) == high - low + endpoint and stats.chisquare(counts).pvalue > 0.01
    else:
        assert int(found.max()) - int(found.min()) > (high - low) * 0.99


def test_a_stream_goes_on():
    a, b = stream(), stream()
    both = [a.random(5), a.standard_normal(3), a.integers(0, 9, 4)]
    assert a.position == 3 + 2 + 2
    for draw, expected in zip((lambda: b.random(5), lambda: b.standard_normal(3), lambda: b.integers(0, 9, 4)), both):
        np.testing.assert_array_equal(draw(), expected)
