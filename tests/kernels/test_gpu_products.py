"""Products by cuBLAS: what it is told of the memory must be so. Its place is taken by a product of what lies at those addresses."""

import ctypes

import numpy as np
import pytest
from tests.devices.standin import FakeCupy, Strict, install

from metagrad.kernels import gpu_matmul
from metagrad.kernels.matmul import product


def columns(address, by_columns, rows, width, line, kind):
    """The matrix (rows, width) that cuBLAS reads column after column; where it is transposed, the one that lies there is."""
    lying = (width, rows) if by_columns else (rows, width)
    size = (lying[1] - 1) * line + lying[0]
    memory = np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(kind)), (size,))
    found = np.lib.stride_tricks.as_strided(memory, lying, (memory.itemsize, line * memory.itemsize))
    return found.T if by_columns else found


class Cublas:
    """The two functions, for both dtypes; how often they were called."""

    def __init__(self):
        self.calls = []

    def many(self, kind, handle, ta, tb, m, n, k, one, a, la, sa, b, lb, sb, zero, c, lc, sc, count):
        self.calls.append(count)
        size = ctypes.sizeof(kind)
        for i in range(count):
            x = columns(a + i * sa * size, ta, m, k, la, kind)
            y = columns(b + i * sb * size, tb, k, n, lb, kind)
            columns(c + i * sc * size, 0, m, n, lc, kind)[...] = x @ y

    def __getattr__(self, name):
        kind = {"s": ctypes.c_float, "d": ctypes.c_double}[name[0]]
        if name.endswith("StridedBatched"):
            return lambda *args: self.many(kind, *args)

        def one(handle, ta, tb, m, n, k, alpha, a, la, b, lb, beta, c, lc):
            self.many(kind, handle, ta, tb, m, n, k, alpha, a, la, 0, b, lb, 0, beta, c, lc, 0, 1)

        return one


@pytest.fixture(autouse=True)
def cublas(monkeypatch):
    install(monkeypatch)
    monkeypatch.setattr(gpu_matmul, "cupy", lambda: FakeCupy)
    device = type("device", (), {"get_cublas_handle": staticmethod(lambda: 0)})
    monkeypatch.setattr(FakeCupy.cuda, "device", device, raising=False)
    fake = Cublas()
    monkeypatch.setattr(FakeCupy.cuda, "cublas", fake, raising=False)
    gpu_matmul._cublas.cache_clear()
    yield fake
    gpu_matmul._cublas.cache_clear()


def numbers(*shape, dtype="float64"):
    return np.random.default_rng(len(shape)).normal(size=shape).astype(dtype)


LAYOUTS = {
    "in order": lambda rows, columns: numbers(rows, columns),
    "transposed": lambda rows, columns: numbers(columns, rows).T,
    "with gaps": lambda rows, columns: numbers(rows, columns + 3)[:, 1 : columns + 1],
    "transposed with gaps": lambda rows, columns: numbers(columns, rows + 2)[:, :rows].T,
    "every other": lambda rows, columns: numbers(rows, 2 * columns)[:, ::2],
    "reversed": lambda rows, columns: numbers(rows, columns)[::-1],
    "repeated": lambda rows, columns: np.broadcast_to(numbers(1, columns), (rows, columns)),
}


@pytest.mark.parametrize("second", LAYOUTS)
@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("sizes", [(3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 1)])
def test_two_matrices(cublas, first, second, sizes):
    m, k, n = sizes
    a, b = LAYOUTS[first](m, k), LAYOUTS[second](k, n)
    found = product(Strict(a), Strict(b))
    np.testing.assert_allclose(found.get(), a @ b, rtol=1e-13)
    assert cublas.calls == [1]


def heads(x):
    """(B, T, H, F) as (B, H, T, F), as attention has them."""
    return x.transpose(0, 2, 1, 3)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (numbers(2, 3, 4), numbers(2, 4, 5)),
        (numbers(2, 3, 4), numbers(2, 5, 4).swapaxes(1, 2)),
        (numbers(6, 2, 3, 4), numbers(2, 4, 5)),
        (numbers(6, 1, 3, 4), numbers(2, 4, 5)),
        (numbers(2, 3, 4), numbers(4, 5)),
        (numbers(3, 4), numbers(2, 4, 5)),
        (heads(numbers(2, 5, 3, 4)), heads(numbers(2, 5, 3, 4)).swapaxes(2, 3)),
        (heads(numbers(1, 5, 3, 4)), heads(numbers(1, 5, 3, 4)).swapaxes(2, 3)),
        (numbers(4, 3, 4)[::2], numbers(2, 4, 5)[::-1]),
        (np.broadcast_to(numbers(3, 4), (2, 3, 4)), numbers(2, 4, 5, dtype="float64")),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_matrices(cublas, a, b, dtype):
    a, b = a.astype(dtype), b.astype(dtype)
    found = product(Strict(a), Strict(b))
    assert found.shape == (a @ b).shape and found.dtype == dtype
    np.testing.assert_allclose(found.get(), a @ b, rtol=1e-5 if dtype == "float32" else 1e-13, atol=1e-6)
    assert len(cublas.calls) == 1


def test_others_are_not_asked_of_cublas(cublas):
    for a, b in [
        (numbers(2, 3) > 0, numbers(3, 2) > 0),
        (numbers(0, 3), numbers(3, 2)),
        (numbers(2, 3).astype(complex),) * 2,
    ]:
        assert gpu_matmul.product(Strict(a), Strict(b)) is None
    assert cublas.calls == []
