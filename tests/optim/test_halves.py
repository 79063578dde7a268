"""Steps of float16 parameters: computed in float32, for the square of a gradient of 256 is infinite in float16."""

import numpy as np
import pytest

import metagrad as mg

OPTIMIZERS = {
    "SGD": [{"lr": 0.1}, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True}],
    "Adam": [{"lr": 0.1}, {"lr": 0.1, "amsgrad": True}],
    "AdamW": [{"lr": 0.1}],
    "NAdam": [{"lr": 0.1}],
    "RAdam": [{"lr": 0.1}],
    "Adamax": [{"lr": 0.1}],
    "RMSprop": [{"lr": 0.1}, {"lr": 0.1, "centered": True, "momentum": 0.9}],
    "Adadelta": [{}],
    "Adagrad": [{"lr": 0.1}],
    "ASGD": [{"lr": 0.1}],
    "Rprop": [{"lr": 0.1}],
}
CASES = [(name, settings) for name, all_settings in OPTIMIZERS.items() for settings in all_settings]


def steps(lib, name, settings, dtype, scale):
    """A parameter after four steps with gradients of about ``scale``."""
    rng = np.random.default_rng(0)
    p = lib.tensor(np.linspace(-1, 1, 5)).to(getattr(lib, dtype)).requires_grad_()
    optimizer = getattr(lib.optim, name)([p], **settings)
    for _ in range(4):
        p.grad = lib.tensor((scale * rng.uniform(0.5, 1, 5)).astype(np.float16)).to(p.dtype)
        optimizer.step()
    assert all(v.dtype is p.dtype for v in optimizer.state[p].values() if getattr(v, "ndim", 0))
    return np.array(p.tolist())


@pytest.mark.oracle
@pytest.mark.parametrize("scale", [1.0, 260.0])
@pytest.mark.parametrize(("name", "settings"), CASES)
def test_no_further_from_the_exact_steps_than_pytorch(torch, name, settings, scale):
    exact = steps(torch, name, settings, "float64", scale)
    theirs, ours = (steps(lib, name, settings, "float16", scale) for lib in (torch, mg))
    rounding = np.finfo(np.float16).eps * np.abs(exact).max()
    assert np.abs(ours - exact).max() <= np.abs(theirs - exact).max() + 2 * rounding


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_large_gradients_move_as_they_do_in_float64(name, settings):
    exact, found = (steps(mg, name, settings, dtype, 250.0) for dtype in ("float64", "float16"))
    np.testing.assert_allclose(found, exact, rtol=0.02, atol=0.02 if name != "Adagrad" else 0.2)


def test_large_parameters_take_their_steps_in_chunks_too():
    n = 200_000
    p = mg.zeros(n).half().requires_grad_()
    optimizer = mg.optim.Adam([p], lr=0.5)
    p.grad = mg.full((n,), 300.0).half()
    optimizer.step()
    assert p.detach().float().min().item() == p.detach().float().max().item() == -0.5
