"""Elements taken, put and added at whole numbers and masks: by loops, in one line, and as NumPy's indices do it, all the same."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import masks, tuning

RNG = np.random.default_rng(0)
THRESHOLDS = ("COMPILED_WORTH", "GATHER_LARGE", "MASK_LARGE", "PICK_LARGE", "PICK_INDICES")
DTYPES = ["float32", "float64", "float16", "int64", "int32", "int8", "bool", "complex64", "complex128"]
ALL = slice(None)


def whole(high, *shape):
    """Indices from either end, with repetitions."""
    return RNG.integers(-high, high, shape)


X = RNG.standard_normal((5, 6, 7)) * 9
INDICES = {
    "rows": whole(5, 12),
    "one axis": (ALL, whole(6, 9)),
    "the last axis": (ALL, ALL, whole(7, 9)),
    "two axes": (whole(5, 8), whole(6, 8)),
    "the last two axes": (ALL, whole(6, 8), whole(7, 8)),
    "three axes": (whole(5, 30), whole(6, 30), whole(7, 30)),
    "a grid": (whole(5, 4, 1), whole(6, 3)),
    "an index of two dimensions": whole(5, 3, 4),
    "of int32": whole(5, 12).astype(np.int32),
    "that lies otherwise": whole(5, 6, 4).T,
    "apart from each other": (whole(5, 4), ALL, whole(7, 4)),
    "a slice": (slice(1, 4), whole(6, 9)),
    "nothing": np.zeros(0, np.int64),
    "a mask": X > 2,
    "a mask of rows": np.array([True, False, True, True, False]),
    "a mask of nothing": np.zeros(X.shape, bool),
    "a mask that lies otherwise": np.asfortranarray(X > 0),
}


@pytest.fixture
def three_ways(monkeypatch, both):
    """A function that runs another with NumPy's indices, then in one line, then compiled."""
    monkeypatch.setattr(tuning, "MASK_BLOCK", 16)

    def run(function):
        with monkeypatch.context() as patch:
            for name in THRESHOLDS:
                patch.setattr(tuning, name, 1 << 40)
            expected = function()
        return [expected, *both(function)]

    return run


def in_tensors(library, index):
    parts = index if isinstance(index, tuple) else (index,)
    return tuple([p if isinstance(p, slice) else library.tensor(p) for p in parts])


def same(found, expected):
    for here, there in zip(found, expected, strict=True):
        assert (here.dtype, here.shape, here.strides) == (there.dtype, there.shape, there.strides)
        np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", INDICES)
def test_taken_and_put(three_ways, name, dtype):
    x, index = X.astype(dtype), INDICES[name]
    values = (RNG.standard_normal(x[index].shape) * 9).astype(dtype)

    def run():
        at = in_tensors(metagrad, index)
        results = [metagrad.from_numpy(x)[at], metagrad.from_numpy(x)[::2, :, 1:][at]] if name == "a slice" else []
        for value in (values, values.reshape(-1)[:1].reshape(()) if values.size else 1):
            y = metagrad.from_numpy(x.copy())
            y[at] = metagrad.tensor(value) if isinstance(value, np.ndarray) else value
            results.append(y)
        return [r.numpy() for r in (metagrad.from_numpy(x)[at], *results)]

    expected, *others = three_ways(run)
    np.testing.assert_array_equal(expected[0], x[index])
    for found in others:
        same(found, expected)


def derivatives(library, index, x, v):
    """What is taken, put, and added, and the gradients of all that goes in."""
    at = in_tensors(library, index)
    x, v = (library.tensor(a, requires_grad=True) for a in (x, v))
    y = x * 1
    y[at] = v * v
    added = library.index_put(x, at, v, accumulate=True) if not any(isinstance(i, slice) for i in at) else x
    ((x[at] ** 2 * v).sum() + (y**3).sum() + (added**3).sum()).backward()
    return [a.detach().numpy() for a in (x[at], y, added, x.grad, v.grad)]


@pytest.mark.oracle
@pytest.mark.parametrize("name", [n for n in INDICES if n != "a mask that lies otherwise"])
def test_gradients_as_pytorch(three_ways, torch, name):
    index, distinct = INDICES[name], "mask" in name
    v = (
        RNG.standard_normal(X[index].shape) if distinct else np.ones(X[index].shape)
    )  # which of two values stays is not defined
    for found in three_ways(lambda: derivatives(metagrad, index, X, v)):
        for here, there in zip(found[:4], derivatives(torch, index, X, v)[:4], strict=True):
            np.testing.assert_allclose(here, there, rtol=1e-12, atol=1e-12)


SMALL = RNG.standard_normal((3, 2, 2))
FEW = {
    "rows": (whole(3, 4),), "one axis": (ALL, whole(2, 3)), "two axes": (whole(3, 4), whole(2, 4)),
    "three axes": (whole(3, 4), whole(2, 4), whole(2, 4)), "a mask": (SMALL > 0,),
}  # fmt: skip


@pytest.mark.parametrize("name", FEW)
def test_gradients_by_finite_differences(three_ways, name):
    at = in_tensors(metagrad, FEW[name])

    def run():
        x, v = (metagrad.tensor(a, requires_grad=True) for a in (SMALL, np.ones(SMALL[FEW[name]].shape)))
        assert metagrad.autograd.gradcheck(lambda x: x[at] ** 2, (x,))
        if name != "one axis":
            assert metagrad.autograd.gradcheck(lambda x, v: metagrad.index_put(x, at, v, accumulate=True) ** 2, (x, v))
        assert metagrad.autograd.gradgradcheck(lambda x: x[at] ** 3, (x,))

    three_ways(run)


def test_of_an_element_named_twice_the_last_stays(three_ways, threads):
    numbers, rows = RNG.integers(0, 50, 2000), RNG.integers(0, 5, 300)

    def run():
        y, z = metagrad.zeros(50), metagrad.zeros(5, 8)
        y[metagrad.from_numpy(numbers)] = metagrad.arange(2000.0)
        z[metagrad.from_numpy(rows)] = metagrad.arange(2400.0).reshape(300, 8)
        return [
            y.numpy(),
            z.numpy(),
            z.index_copy(0, metagrad.tensor([1, 1]), metagrad.arange(16.0).reshape(2, 8)).numpy(),
        ]

    expected, *others = three_ways(run)
    for found in others:
        same(found, expected)


def test_sums_have_the_same_bits_with_any_number_of_threads(both):
    index, v = RNG.integers(0, 40, 5000), RNG.standard_normal((5000, 6)).astype(np.float32)

    def run():
        return [
            metagrad.zeros(40, 6).index_add(0, metagrad.from_numpy(index), metagrad.from_numpy(v)).numpy(),
            metagrad.zeros(40).index_put((metagrad.from_numpy(index),), metagrad.from_numpy(v[:, 0]), True).numpy(),
        ]

    found = []
    before = metagrad.get_num_threads()
    for count in (1, 2, 3):
        metagrad.set_num_threads(count)
        found.append(both(run)[0])
    metagrad.set_num_threads(before)
    for other in found[1:]:
        same(other, found[0])


@pytest.mark.parametrize("wrong", [5, -6, 1 << 40])
def test_nothing_is_written_where_an_index_is_out_of_range(three_ways, wrong):
    index = metagrad.tensor([0, 1, wrong] * 5)

    def run():
        x = metagrad.zeros(5, 6)
        others = metagrad.tensor([0, 1, 2] * 5)
        for at in ((index,), (index, others), (others, index * 6 // 5)):
            for write in (False, True):
                with pytest.raises(IndexError):
                    x.__setitem__(at, 1.0) if write else x[at]
                with pytest.raises(IndexError):
                    x.index_put_(at, metagrad.tensor(1.0), accumulate=write)
        with pytest.raises(IndexError):
            x.take(index + (30 if wrong > 0 else -30))
        assert not x.any()

    three_ways(run)


def test_an_array_written_into_itself(three_ways):
    def run():
        x = metagrad.arange(40)
        x[x.flip(0)] = x
        y = metagrad.arange(40.0)
        y[metagrad.arange(39)] = y[1:]
        z = metagrad.arange(40.0)
        z[z > 3] = z[:36]
        return [a.numpy() for a in (x, y, z)]

    expected, *others = three_ways(run)
    for found in others:
        same(found, expected)
    assert expected[1].tolist() == [*range(1, 40), 39] and expected[2].tolist() == [0, 1, 2, 3, *range(36)]


@pytest.mark.parametrize("shape", [(100,), (9, 11), (3, 5, 7), (4, 1, 9), (1, 1), (0, 3), (70, 2)])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_nonzero(three_ways, threads, shape, share):
    x = (RNG.random(shape) < share) * RNG.integers(1, 9, shape)
    for found in three_ways(lambda: masks.nonzero(x)):
        assert [i.tolist() for i in found] == [i.tolist() for i in np.nonzero(x)]
    for kind in (bool, np.float32, np.float16, np.complex64):
        for found in three_ways(lambda kind=kind: metagrad.from_numpy(x.astype(kind)).nonzero().numpy()):
            assert found.tolist() == np.argwhere(x).tolist() and found.shape == (np.count_nonzero(x), x.ndim)
            assert found.dtype == np.int64 and all(i.flags.c_contiguous for i in found.T)  # as PyTorch's lie


def test_scatter_takes_the_last_value(three_ways, threads):
    index, v = RNG.integers(0, 6, (6, 40)), RNG.standard_normal((6, 40)).astype(np.float32)

    def run():
        i, source = metagrad.from_numpy(index), metagrad.from_numpy(v)
        results = [metagrad.zeros(6, 9).scatter(1, i, source), metagrad.zeros(9, 40).scatter(0, i, source)]
        results += [metagrad.zeros(6, 9).scatter(1, i, 2.5), metagrad.zeros(6, 9).scatter(1, i[:3, :5], source)]
        results += [
            metagrad.zeros(6, 9).int().scatter(1, i, 7),
            metagrad.zeros(6, 9).half().scatter(1, i, source.half()),
        ]
        return [r.numpy() for r in results]

    expected, *others = three_ways(run)
    assert expected[0][2, index[2, -1]] == v[2, -1]
    for found in others:
        same(found, expected)
