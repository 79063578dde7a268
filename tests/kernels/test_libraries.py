"""What CuPy lacks, made of what it has: on the stand-in array the same numbers as NumPy's own."""

import numpy as np
import pytest
from tests.devices.standin import Strict, install

from metagrad.kernels import libraries

RNG = np.random.default_rng(0)
INTEGERS = "int8 int16 int32 int64 uint8 uint64".split()
KINDS = [*INTEGERS, "bool", "float16", "float32", "float64", "complex64"]


@pytest.fixture(autouse=True)
def fake_gpu(monkeypatch):
    install(monkeypatch)


def numbers(shape, dtype):
    if dtype == "bool":
        return RNG.random(shape) < 0.5
    x = RNG.integers(-3 if dtype[0] != "u" else 0, 4, shape)
    return (x + 1j * RNG.integers(-3, 4, shape) if dtype[0] == "c" else x).astype(dtype)


@pytest.mark.parametrize("shape", [(7,), (1,), (0,), (3, 8), (2, 5, 3), (3, 0)])
@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum, np.logaddexp, np.add])
def test_accumulate(ufunc, shape):
    x = RNG.normal(size=shape)
    for axis in range(len(shape)):
        found = libraries.accumulate(ufunc, Strict(x.copy()), axis)
        np.testing.assert_allclose(found.get(), ufunc.accumulate(x, axis=axis), rtol=1e-12)
        assert not np.shares_memory(found.get(), x)


def test_accumulate_leaves_its_input_alone():
    x = Strict(np.array([3.0, 1.0]))
    libraries.accumulate(np.minimum, x, 0)[0] = 9.0
    assert x.get().tolist() == [3.0, 1.0]


@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("axis", [(0,), (1,), (0, 2), (0, 1, 2)])
def test_xor(axis, keepdims):
    x = RNG.integers(0, 2**60, (3, 5, 4)).astype(np.uint64)
    found = libraries.xor(Strict(x), axis, keepdims)
    np.testing.assert_array_equal(found.get(), np.bitwise_xor.reduce(x, axis=axis, keepdims=keepdims))


@pytest.mark.parametrize("name", ["largest", "smallest"])
def test_extremes(name):
    x = RNG.normal(size=(3, 4))
    np.testing.assert_array_equal(getattr(libraries, name)(Strict(x), 1).get(), getattr(libraries, name)(x, 1))


INDICES = {
    "one array": np.array([0, 2, 2, 1, 2]),
    "negative": np.array([-1, 2, 0, -3, -1]),
    "two arrays": (np.array([[0], [1]]), np.array([1, 1, 3])),
    "slice and array": (slice(1, None), np.array([3, 3, 0])),
    "mask": np.array([True, False, True]),
    "none": np.zeros(0, np.int64),
}


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.minimum])
@pytest.mark.parametrize("name", INDICES)
def test_at(ufunc, dtype, name):
    index, y = INDICES[name], numbers((3, 4), dtype)
    x = numbers(y[index].shape, dtype)
    found = Strict(y.copy())
    on_device = (
        tuple(Strict(i) if isinstance(i, np.ndarray) else i for i in index)
        if isinstance(index, tuple)
        else Strict(index)
    )
    libraries.at(ufunc, found, on_device, Strict(x))
    ufunc.at(y, index, x)
    assert found.dtype == y.dtype
    np.testing.assert_allclose(found.get(), y)


def test_at_with_a_number():
    y = Strict(np.zeros(3, np.int64))
    libraries.at(np.add, y, Strict(np.array([1, 1])), 1)
    assert y.get().tolist() == [0, 2, 0]


def test_indices_of_the_cpu_are_moved():
    x = Strict(np.arange(6).reshape(2, 3))
    there = libraries.beside((slice(None), np.array([2, 0])), x)
    assert isinstance(there[1], Strict) and x[there].get().tolist() == [[2, 0], [5, 3]]
    index = np.array([1])
    assert libraries.beside(index, np.zeros(2)) is index


def test_arrays_that_may_be_written_to():
    assert libraries.is_writable(Strict(np.ones(2))) and libraries.is_writable(np.ones(2))
    assert not libraries.is_writable(np.broadcast_to(1.0, 3))
