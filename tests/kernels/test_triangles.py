"""Triangles of large matrices are NumPy's."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.kernels.triangles import triangle

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(tuning, "TRIANGLE_ROWS", 3)
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 1)


@pytest.mark.parametrize("shape", [(1, 1), (7, 4), (4, 7), (9, 9), (2, 3, 5, 6), (0, 4), (4, 0)])
def test_they_are_numpys(threads, shape):
    x = RNG.standard_normal(shape)
    for diagonal in range(-10, 11):
        np.testing.assert_array_equal(triangle(x, True, diagonal), np.tril(x, diagonal))
        np.testing.assert_array_equal(triangle(x, False, diagonal), np.triu(x, diagonal))


@pytest.mark.parametrize("dtype", ["float16", "int64", "bool", "complex64"])
def test_other_dtypes_and_what_is_not_finite(dtype):
    x = (RNG.standard_normal((8, 8)) * 9).astype(dtype)
    if x.dtype.kind in "fc":
        x[:] = np.nan
    np.testing.assert_array_equal(triangle(x, True, -1), np.tril(x, -1))
    assert triangle(x, False, 1).dtype == x.dtype and not triangle(x, False, 1)[3, :4].any()


@pytest.mark.parametrize("name", ["tril", "triu"])
def test_gradients(name):
    function = getattr(metagrad, name)
    x = metagrad.tensor(RNG.standard_normal((2, 4, 5)), requires_grad=True)
    for diagonal in (-1, 0, 2):
        assert metagrad.autograd.gradcheck(lambda x, d=diagonal: function(x, d) ** 2, (x,))
        assert metagrad.autograd.gradgradcheck(lambda x, d=diagonal: function(x, d) ** 3, (x,))
    y = function(metagrad.ones(3, 3, requires_grad=True) * 2)
    (grad,) = metagrad.autograd.grad(y.sum(), y)
    assert grad.tolist() == [[1.0] * 3] * 3


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["tril", "triu"])
def test_as_pytorch(torch, name):
    a = RNG.standard_normal((5, 6, 4)).astype(np.float32)
    for diagonal in (-2, 0, 1):
        found = []
        for library in (metagrad, torch):
            x = library.tensor(a.transpose(2, 0, 1), requires_grad=True)
            y = getattr(library, name)(x, diagonal)
            (y * y).sum().backward()
            found.append((y.detach().numpy(), x.grad.numpy()))
        for here, there in zip(*found, strict=True):
            assert here.strides == there.strides
            np.testing.assert_array_equal(here, there)
