"""Numbers combined at repeated indices, by rows, along a line and element by element: what ``ufunc.at`` gives, bit for bit."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.kernels.combining import combine_elements, combine_rows

RNG = np.random.default_rng(0)
UFUNCS = [np.add, np.multiply, np.maximum, np.minimum]
SHAPES = [(1, 7, 300), (1, 90, 20), (1, 300, 100), (3, 7, 300), (300, 7, 1), (4, 5, 6), (1, 5, 6), (2, 9, 1)]
COUNTS = [1, 30, 400]


def boxes(shape, count, dtype):
    outer, extent, inner = shape
    y, x = (RNG.standard_normal((outer, n, inner)).astype(dtype) for n in (extent, count))
    x.reshape(-1)[::17] = np.nan
    return y, x, RNG.integers(0, extent, count)


@pytest.mark.parametrize("ufunc", UFUNCS)
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_rows_and_elements(monkeypatch, shape, count, ufunc):
    y, x, numbers = boxes(shape, count, np.float32)
    expected, by_element, by_chunk = y.copy(), y.copy(), y.copy()
    for o in range(len(y)):
        for n, number in enumerate(numbers):
            expected[o, number] = ufunc(expected[o, number], x[o, n])
    combine_rows(ufunc, y, numbers, x)
    every = np.broadcast_to(numbers[:, None], x.shape)
    combine_elements(ufunc, by_element, every, x)
    monkeypatch.setattr(tuning, "GATHER_CHUNK", 50)
    combine_elements(ufunc, by_chunk, every, x)
    for found in (y, by_element, by_chunk):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("ufunc", UFUNCS)
def test_rows_that_are_named_once(monkeypatch, ufunc):
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 1)
    y, x, _ = boxes((1, 90, 120), 40, np.float32)
    numbers = RNG.permutation(90)[:40]
    expected = y.copy()
    expected[0, numbers] = ufunc(y[0, numbers], x[0])
    combine_rows(ufunc, y, numbers, x)
    np.testing.assert_array_equal(y, expected)
    numbers[1] = numbers[0]  # twice, one after the other
    expected[0, numbers[0]] = ufunc(ufunc(y[0, numbers[0]], x[0, 0]), x[0, 1])
    combine_rows(ufunc, y, numbers[:2], x[:, :2])
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("like", ["by columns", "repeated"])
def test_rows_that_are_named_once_are_all_taken_however_they_lie(monkeypatch, like):
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 1)
    terms = (
        np.asfortranarray(RNG.random((900, 400)))
        if like == "by columns"
        else np.broadcast_to(RNG.random(400), (900, 400))
    )
    y, numbers = np.zeros((1, 910, 400)), RNG.permutation(910)[:900]
    combine_rows(np.maximum, y, numbers, terms[None])
    np.testing.assert_array_equal(y[0, numbers], terms)


def test_elements_each_with_its_own_number():
    shape, count = (3, 8, 5), 40
    y, x, _ = boxes(shape, count, np.float64)
    numbers = RNG.integers(0, 8, (3, count, 5))
    expected = y.copy()
    np.add.at(expected, (np.arange(3)[:, None, None], numbers, np.arange(5)), x)
    combine_elements(np.add, y, numbers, x)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "float16", "int32"])
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_the_ops_at_an_index_of_one_dimension(monkeypatch, dim, dtype):
    shape = [4, 6, 5]
    x, index = (RNG.standard_normal(shape) * 9).astype(dtype), RNG.integers(0, shape[dim], 11)
    shape[dim] = 11
    v = (RNG.standard_normal(shape) * 9).astype(dtype)

    def run():
        t, i, s = (metagrad.tensor(a) for a in (x, index, v))
        found = [t.index_add(dim, i, s), t.index_put((*[slice(None)] * dim, i), s, accumulate=True)] if dim == 0 else []
        found += [t.index_add(dim, i, s)]
        found += [t.index_reduce(dim, i, s, how) for how in ("prod", "amax", "amin", "mean")]
        found += [t.index_reduce(dim, i, s, how, include_self=False) for how in ("prod", "amax", "amin", "mean")]
        return [a.numpy() for a in found]

    for name in ("GATHER_LARGE", "PICK_LARGE", "PICK_INDICES"):
        monkeypatch.setattr(tuning, name, 1 << 40)
    expected = run()
    for name in ("GATHER_LARGE", "PICK_LARGE", "PICK_INDICES"):
        monkeypatch.setattr(tuning, name, 1)
    for row, line in ((1, 1), (1 << 40, 1), (1 << 40, 1 << 40)):
        monkeypatch.setattr(tuning, "COMBINED_ROW", row)
        monkeypatch.setattr(tuning, "COMBINED_LINE", line)
        for here, there in zip(run(), expected, strict=True):
            assert here.dtype == there.dtype
            np.testing.assert_allclose(here, there, rtol=1e-5 if dtype != "float16" else 1e-3)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("how", ["sum", "prod", "amax", "amin", "mean"])
def test_scatter_reduce_and_its_gradient(monkeypatch, dim, how):
    x, index = RNG.standard_normal((6, 5)), RNG.integers(0, 5, (6, 5))
    v = RNG.standard_normal((6, 5))

    def run():
        t, s = (metagrad.tensor(a, requires_grad=True) for a in (x, v))
        y = t.scatter_reduce(dim, metagrad.tensor(index), s, how)
        (y * y).sum().backward()
        return [a.numpy() for a in (y.detach(), t.grad, s.grad)]

    monkeypatch.setattr(tuning, "GATHER_LARGE", 1 << 40)
    expected = run()
    monkeypatch.setattr(tuning, "GATHER_LARGE", 1)
    for here, there in zip(run(), expected, strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-12)
