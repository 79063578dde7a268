"""Positions among sorted numbers: by loops and as NumPy finds them, all the same."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.kernels.searching import Weights, positions

RNG = np.random.default_rng(0)
THRESHOLDS = ("SEARCH_LARGE", "COMPILED_WORTH")
LENGTHS = (0, 1, 2, 3, 4, 5, 7, 8, 100)


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "float16", "uint8"])
def test_positions_are_numpys(both, threads, monkeypatch, dtype, right):
    monkeypatch.setattr(tuning, "SEARCH_CHUNK", 100)
    values = np.abs(RNG.standard_normal((3, 250)) * 60).astype(dtype)
    for n in LENGTHS:
        edges = np.sort(np.abs(RNG.standard_normal(n) * 50).astype(dtype))
        values[0, :n] = edges  # equal ones
        if values.dtype.kind == "f":
            values[1, :3] = np.nan, np.inf, -np.inf
            edges[-2:] = np.nan if n > 4 else edges[-2:]
        expected = np.searchsorted(edges, values, "right" if right else "left")
        for found in both(lambda edges=edges: positions(edges, values, right)):
            assert found.dtype == np.int64
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("right", [False, True])
def test_positions_in_rows(both, threads, right):
    edges, values = np.sort(RNG.standard_normal((4, 3, 9))), RNG.standard_normal((4, 3, 20))
    side = "right" if right else "left"
    expected = [
        [np.searchsorted(*pair, side) for pair in zip(*some, strict=True)] for some in zip(edges, values, strict=True)
    ]
    for found in both(lambda: positions(edges, values, right)):
        np.testing.assert_array_equal(found, expected)
    for shape in ((0, 9), (4, 0)):
        for found in both(lambda shape=shape: positions(np.zeros(shape), np.zeros((shape[0], 3)), right)):
            assert found.shape == (shape[0], 3) and not found.any()


def test_by_hand(both):
    line = metagrad.tensor([1.0, 2.0, 2.0, 5.0])

    def run():
        x = metagrad.tensor([[0.0, 2.0], [2.5, 9.0]])
        results = (
            metagrad.searchsorted(line, x),
            metagrad.searchsorted(line, x, right=True),
            metagrad.bucketize(x, line),
        )
        return [r.tolist() for r in results]

    for found in both(run):
        assert found == [[[0, 1], [3, 4]], [[0, 3], [3, 4]], [[0, 1], [3, 4]]]


def test_a_value_without_dimensions_has_one_position():
    line = metagrad.tensor([1.0, 2.0])
    for found in (metagrad.searchsorted(line, metagrad.tensor(1.5)), metagrad.bucketize(1.5, line)):
        assert found.shape == () and found.item() == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (2, 64), (4, 65), (1, 1000), (5, 128)])
def test_places_by_weight(both, threads, dtype, shape):
    rows = RNG.random(shape).astype(dtype)
    rows[:, 1::3] = 0
    shares = RNG.random((shape[0], 50))
    shares[:, 0], shares[:, 1] = 0, np.nextafter(1, 0)
    ends = rows.astype(np.float64).cumsum(1)
    shares[:, 2] = ends[:, 0] / ends[:, -1]  # at an end, or as near as a number comes
    expected = [np.searchsorted(e, s * e[-1], "right") for e, s in zip(ends, shares, strict=True)]
    for weights in both(lambda: Weights(rows)):
        np.testing.assert_allclose(weights.totals, ends[:, -1], rtol=1e-12)
        np.testing.assert_array_equal(weights.places(shares), np.minimum(expected, shape[1] - 1))


def test_totals_of_no_weights(both):
    rows = np.array([[1.0, -1.0], [0.0, 0.0], [np.inf, 1.0], [np.nan, 1.0], [-1.0, np.nan]])
    for weights in both(lambda: Weights(rows)):
        np.testing.assert_array_equal(weights.totals, [np.nan, 0, np.inf, np.nan, np.nan])
