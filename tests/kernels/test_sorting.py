"""The order of large arrays: the same as NumPy's stable sort of the elements themselves."""

import numpy as np
import pytest

from metagrad.kernels import sorting, tuning

N = tuning.SORT_LARGE


def cases():
    rng = np.random.default_rng(0)
    special = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 1.5, -1.5], np.float32)
    yield "floats with ties and nan", rng.choice(special, (70, 73)), 1
    numbers = rng.standard_normal((40, 700)).astype(np.float32)
    yield "long rows", numbers, 1
    yield "long rows, with ties", np.round(numbers * 20) / 20, 1
    yield "long rows, nearly all alike", np.where(numbers > 2, numbers, np.float32(0)), 1
    yield "long rows, infinite", np.where(np.abs(numbers) > 1.5, numbers * np.float32(np.inf), numbers), 1
    yield "long rows, some nan", np.where(np.abs(numbers) > 2.5, np.float32(np.nan), numbers), 1
    yield "long columns", numbers[:, :30].repeat(30, 0) + rng.standard_normal((1200, 30)).astype(np.float32), 0
    yield "columns", rng.standard_normal((101, 90)).astype(np.float32), 0
    yield "every second column, backwards", rng.standard_normal((64, 200)).astype(np.float32)[:, ::-2], 1
    yield "the middle one of three", rng.choice(special, (9, 50, 21)), 1
    yield "a long line", rng.integers(0, 50, 2 * tuning.SORT_CHUNK + 7).astype(np.float32), 0
    yield "rows of one", rng.standard_normal((N, 1)).astype(np.float32), 1
    yield "halves", rng.standard_normal((70, 90)).astype(np.float16), 1
    yield "doubles", rng.standard_normal((70, 90)), 1
    yield "int64", rng.integers(-40, 40, (70, 90)), 1
    yield "int64 of every size", rng.integers(-(2**62), 2**62, (70, 90)), 1
    yield "int64 near an end", rng.integers(2**62, 2**62 + 40, (70, 90)), 1
    for kind in ("int32", "uint8", "int8", "uint32", "uint64"):
        top = np.iinfo(kind).max if kind != "uint64" else 1 << 30
        yield kind, rng.integers(top - 100, top, (70, 90), kind), 1
    yield "bools", rng.integers(0, 2, (70, 90)).astype(bool), 1
    yield "small", rng.standard_normal((3, 4)).astype(np.float32), 1
    yield "none", np.zeros((0, 4), np.float32), 1


@pytest.mark.parametrize(("name", "x", "axis"), list(cases()), ids=lambda v: v if isinstance(v, str) else "")
def test_orders_are_those_of_a_stable_sort(name, x, axis):
    up = np.argsort(x, axis=axis, kind="stable")
    down = x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)
    assert np.array_equal(sorting.ascending(x, axis), up)
    assert np.array_equal(sorting.descending(x, axis), down)
    n = x.shape[axis]
    for k in {1, min(2, n), min(10, n), n // 2, n}:
        assert np.array_equal(sorting.extreme(x, axis, k, True), np.take(down, range(k), axis)), k
        assert np.array_equal(sorting.extreme(x, axis, k, False), np.take(up, range(k), axis)), k
        if x.size and k:
            assert np.array_equal(sorting.ranked(x, axis, k - 1), np.take(up, [k - 1], axis)), k


def lines():
    rng = np.random.default_rng(1)
    numbers = rng.standard_normal(5000).astype(np.float32)
    yield "floats", numbers
    yield "sorted", np.sort(numbers)
    yield "two numbers by turns", np.arange(5000.0) % 2
    yield "few nan", np.where(numbers > 3, np.float32(np.nan), numbers)
    yield "much nan", np.where(numbers > 0, np.float32(np.nan), numbers)
    yield "zeros of both signs", np.where(np.abs(numbers) < 0.01, np.copysign(np.float32(0), numbers), numbers)
    yield "infinities", np.where(np.abs(numbers) < 1, numbers, numbers * np.inf)
    yield "doubles", rng.standard_normal(5000)
    yield "halves", numbers.astype(np.float16)
    yield "integers", rng.integers(-(2**62), 2**62, 5000)
    yield "every second one, backwards", rng.standard_normal(10_000)[::-2]


@pytest.mark.parametrize(("name", "x"), list(lines()), ids=lambda v: v if isinstance(v, str) else "")
def test_ranks_in_a_long_line_are_found_near_those_of_a_sample(name, x, monkeypatch, threads):
    monkeypatch.setattr(tuning, "SORT_SAMPLE", 256)
    monkeypatch.setattr(tuning, "SORT_CHUNK", 1000)
    order = np.argsort(x, kind="stable")
    near = [sorting._near_rank(x, 0, rank) for rank in (0, 7, 900, 2499, 2500, 4600, 4999)]
    assert name not in ("floats", "sorted", "doubles", "integers") or all(near)
    for rank in (0, 7, 900, 2499, 2500, 4600, 4999):
        assert sorting.ranked(x, 0, rank).tolist() == [order[rank]]
        assert sorting.ranked(x[:, None], 0, rank).tolist() == [[order[rank]]]
    assert not sorting.ranked(x[None], 0, 0).any()


@pytest.mark.parametrize(("name", "x", "axis"), list(cases()), ids=lambda v: v if isinstance(v, str) else "")
def test_what_comes_most_often(name, x, axis, threads):
    lines = np.moveaxis(x, axis, -1)
    found = np.moveaxis(sorting.most_frequent(x, axis), axis, -1) if x.size else np.zeros((0, 1))
    for line, place in zip(lines.reshape(-1, lines.shape[-1]), found.reshape(-1), strict=True):
        values, counts = np.unique(line, return_counts=True, equal_nan=False)
        nan = np.flatnonzero(line != line)
        if counts.max() == 1 and nan.size:
            assert place == nan[0]
        else:
            assert place == np.flatnonzero(line == values[counts.argmax()])[-1]


THRESHOLDS = ("SORT_LARGE", "SPREAD_LEAST")


@pytest.mark.parametrize(("name", "x", "axis"), list(cases()), ids=lambda v: v if isinstance(v, str) else "")
def test_a_few_are_found_alike_by_a_loop_and_by_keys(name, x, axis, both, threads):
    for k in (0, 1, 3, 4, 16, 17):
        for largest in (True, False):
            if k <= x.shape[axis]:
                found, expected = both(lambda k=k, largest=largest: sorting.extreme(x, axis, k, largest))
                assert found.dtype == expected.dtype and np.array_equal(found, expected), (k, largest)
