"""Gates over chunks give what the formula gives, along every dimension."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import gates, tuning
from metagrad.kernels.compiled import choice

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "axis"), [((64, 6), 1), ((6, 64), 0), ((3, 4, 50), 1), ((40, 2, 3), 1), ((2,), 0)])
def test_value_and_gradient(monkeypatch, shape, axis, dtype):
    monkeypatch.setattr(choice, "available", lambda: False)
    monkeypatch.setattr(tuning, "GATES_LARGE", 1)
    monkeypatch.setattr(tuning, "ROWS_CHUNK", 16)
    monkeypatch.setattr(tuning, "ROWS_WORTH_THREADS", 1)
    x = (RNG.standard_normal(shape) * 40).astype(dtype)
    assert gates.fits(x)
    leaf = metagrad.tensor(x, requires_grad=True)
    y = metagrad.nn.functional.glu(leaf, axis)
    g = RNG.standard_normal(y.shape).astype(dtype)
    y.backward(metagrad.tensor(g))
    a, b = np.split(x.astype(np.float64), 2, axis)
    s = 1 / (1 + np.exp(-b))
    near = {"rtol": 2e-5 if dtype == "float32" else 1e-12, "atol": 2e-5 if dtype == "float32" else 1e-14}
    np.testing.assert_allclose(y.detach().numpy(), a * s, **near)
    np.testing.assert_allclose(leaf.grad.numpy(), np.concatenate([g * s, g * a * s * (1 - s)], axis), **near)
    assert y.dtype == leaf.grad.dtype == leaf.dtype
