"""The kernels that Numba compiles give what NumPy's give."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import compiled, tuning

F = metagrad.nn.functional
RNG = np.random.default_rng(0)


@pytest.fixture
def both(monkeypatch):
    """A function that runs another with NumPy's kernels, then with the compiled ones."""
    pytest.importorskip("numba")
    monkeypatch.setattr(tuning, "COMPILED_WORTH", 1)

    def run(function):
        with monkeypatch.context() as patch:
            patch.setattr(compiled, "_compiled", lambda: None)
            expected = function()
        assert compiled.kernels(np.ones(3, np.float32)) is not None
        return function(), expected

    return run


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 33), (400, 512)])
@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm(both, dtype, shape, affine):
    x, g = RNG.standard_normal(shape).astype(dtype), RNG.standard_normal(shape).astype(dtype)
    weights = [RNG.standard_normal(shape[-1]).astype(dtype) for _ in range(2)]

    def run():
        a = metagrad.tensor(x, requires_grad=True)
        w, b = (metagrad.tensor(v, requires_grad=True) if affine else None for v in weights)
        z = F.layer_norm(a, shape[-1:], w, b)
        z.backward(metagrad.tensor(g))
        return [z.detach().numpy(), a.grad.numpy(), *([w.grad.numpy(), b.grad.numpy()] if affine else [])]

    for found, expected in zip(*both(run), strict=True):
        assert found.dtype == expected.dtype
        tolerance = 1e-4 if dtype == "float32" else 1e-11
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_layer_norm_without_gradient_and_of_what_is_not_finite(both):
    x = RNG.standard_normal((4, 6)).astype(np.float32)
    x[1, 2], x[2, 3] = np.nan, np.inf

    def run():
        with metagrad.no_grad():
            return F.layer_norm(metagrad.tensor(x), (6,)).numpy()

    found, expected = both(run)
    assert np.isnan(found[1:3]).all()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("settings", [
    {"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}, {"kernel_size": (2, 3), "stride": (1, 2)},
    {"kernel_size": 3, "stride": 1, "dilation": 2}, {"kernel_size": 3, "stride": 2, "ceil_mode": True, "padding": (0, 1)},
])  # fmt: skip
def test_the_gradient_of_max_pooling(both, dtype, settings):
    x = RNG.integers(0, 5, (3, 4, 11, 12)).astype(dtype)  # with equals

    def run():
        a = metagrad.tensor(x, requires_grad=True)
        y = F.max_pool2d(a, **settings)
        (first,) = metagrad.autograd.grad((y * y * y).sum(), a, create_graph=True)
        first.sum().backward()
        return [y.detach().numpy(), first.detach().numpy(), a.grad.numpy()]

    for found, expected in zip(*both(run), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_other_arrays_are_left_to_numpy(monkeypatch):
    monkeypatch.setattr(compiled, "_compiled", lambda: "compiled")
    large = tuning.COMPILED_WORTH
    assert compiled.kernels(np.ones(large, np.float32)) == "compiled"
    assert compiled.kernels(np.ones(large - 1, np.float32)) is None
    assert compiled.kernels(np.ones(large, np.float16)) is None
    assert compiled.kernels([1.0]) is None


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("METAGRAD_NUMBA", "0")
    assert compiled._compiled.__wrapped__() is None
