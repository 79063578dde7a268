"""L-BFGS against PyTorch's: paths, numbers of evaluations, state, and where it stops."""

import numpy as np
import pytest

import metagrad
from metagrad import optim
from metagrad.optim.line_search import Point, strong_wolfe

SETTINGS = [
    {},
    {"lr": 0.5, "max_iter": 4},
    {"history_size": 2},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "max_iter": 3, "lr": 0.1},
    {"line_search_fn": "strong_wolfe", "lr": 30.0, "history_size": 3},
    {"line_search_fn": "strong_wolfe", "max_eval": 2},
    {"line_search_fn": "strong_wolfe", "tolerance_grad": 0.5},
    {"tolerance_change": 0.05, "lr": 0.1},
]
LOSSES = {
    "valley": lambda p, q: ((1 - p[:-1]) ** 2 + 5 * (p[1:] - p[:-1] ** 2) ** 2).sum() + (q - 1).pow(4).sum(),
    "waves": lambda p, q: (p.sin() + p * p / 10).sum() + (q * q + (q * 3).cos()).sum() + p[0] * q[0, 0],
}


def path(library, loss, settings, dtype, steps=4, reload=False):
    p = library.tensor(np.array([-0.5, 0.3, 0.8], dtype), requires_grad=True)
    q = library.tensor(np.array([[0.2, -0.4]], dtype), requires_grad=True)
    optimizer, found = library.optim.LBFGS([p, q], **settings), []

    def closure():
        optimizer.zero_grad()
        value = LOSSES[loss](p, q)
        value.backward()
        return value

    for step in range(steps):
        found.append(optimizer.step(closure).item())
        found += [*p.tolist(), *q.flatten().tolist()]
        if reload and step == 1:
            state, optimizer = optimizer.state_dict(), library.optim.LBFGS([p, q])
            optimizer.load_state_dict(state)
    return found, optimizer


@pytest.mark.oracle
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("loss", LOSSES)
def test_paths_and_evaluations_equal_pytorchs(loss, settings):
    torch = pytest.importorskip("torch")
    ours, mine = path(metagrad, loss, settings, np.float64)
    theirs, reference = path(torch, loss, settings, np.float64)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)
    (a,), (b,) = ([*o.state_dict()["state"].values()] for o in (mine, reference))
    assert (a["func_evals"], a["n_iter"]) == (b["func_evals"], b["n_iter"])
    assert {*a} == {*b} and len(a["old_dirs"]) == len(b["old_dirs"])
    assert mine.state_dict()["param_groups"] == reference.state_dict()["param_groups"]
    assert repr(mine) == repr(reference)


@pytest.mark.oracle
def test_float32_and_complex_parameters_equal_pytorch():
    torch = pytest.importorskip("torch")
    ours, theirs = (path(library, "waves", SETTINGS[3], np.float32)[0] for library in (metagrad, torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    found = []
    for library in (metagrad, torch):
        z = library.tensor(np.array([1 + 2j, -1j]), requires_grad=True)
        optimizer = library.optim.LBFGS([z], max_iter=5)

        def closure(z=z, optimizer=optimizer):
            optimizer.zero_grad()
            value = ((z - 1).abs() ** 2).sum() + (z.real**4).sum()
            value.backward()
            return value

        optimizer.step(closure)
        found.append(z.detach().numpy())
    np.testing.assert_allclose(*found, rtol=1e-8)


@pytest.mark.parametrize("settings", [SETTINGS[0], SETTINGS[3]])
def test_a_saved_state_goes_on_bit_for_bit(settings):
    assert (
        path(metagrad, "valley", settings, np.float64)[0]
        == path(metagrad, "valley", settings, np.float64, reload=True)[0]
    )


def test_a_state_of_pytorchs_goes_on_here():
    torch = pytest.importorskip("torch")
    expected, _ = path(torch, "valley", {}, np.float64, steps=3)
    start, reference = path(torch, "valley", {}, np.float64, steps=2)
    p = metagrad.tensor(start[-5:-2], dtype=metagrad.float64, requires_grad=True)
    q = metagrad.tensor([start[-2:]], dtype=metagrad.float64, requires_grad=True)
    optimizer = optim.LBFGS([p, q])
    optimizer.load_state_dict(reference.state_dict())

    def closure():
        optimizer.zero_grad()
        value = LOSSES["valley"](p, q)
        value.backward()
        return value

    optimizer.step(closure)
    np.testing.assert_allclose([*p.tolist(), *q.flatten().tolist()], expected[-5:], rtol=1e-8)


def test_it_needs_a_closure_and_one_known_search():
    p = metagrad.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="closure"):
        optim.LBFGS([p]).step()
    with pytest.raises(RuntimeError, match="only 'strong_wolfe'"):
        optim.LBFGS([p], line_search_fn="armijo").step(lambda: (p * p).sum())


def test_at_a_minimum_nothing_moves():
    p = metagrad.zeros(2, requires_grad=True)
    optimizer, calls = optim.LBFGS([p]), []

    def closure():
        calls.append(1)
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 0.0
    assert p.tolist() == [0.0, 0.0] and len(calls) == 1


@pytest.mark.parametrize("t", [1e-3, 0.3, 5.0, 40.0])
def test_a_search_ends_at_a_point_that_is_lower_and_flatter(t):
    def at(t):
        return Point(t, np.cos(t) + t * t / 50, None, -np.sin(t) + t / 25)

    start = Point(0.1, *at(0.1)[1:])
    start = start._replace(t=0.0)
    moved = lambda t: at(t + 0.1)._replace(t=t)  # noqa: E731
    found, evaluations = strong_wolfe(moved, start, t, 1.0, 25)
    assert found.loss <= start.loss + 1e-4 * found.t * start.slope
    assert abs(found.slope) <= 0.9 * abs(start.slope) and evaluations <= 26
