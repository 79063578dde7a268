"""SGD and Adam by compiled loops equal the formulas in NumPy."""

import itertools

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.kernels.compiled import choice
from metagrad.kernels.compiled import optimizers as loops

THRESHOLDS = ("OPTIMIZER_LOOP_WORTH",)
SGD = [
    ("SGD", {"lr": 0.1, "momentum": m, "dampening": d, "weight_decay": w, "nesterov": n, "maximize": up})
    for m, d, w, n, up in itertools.product([0, 0.9], [0, 0.3], [0, 0.1], [False, True], [False, True])
    if not (n and (not m or d))
]
ADAM = [(name, {"lr": 0.1, "weight_decay": w}) for name in ("Adam", "AdamW") for w in (0, 0.1)]


def trained(name, settings, dtype, shape):
    rng = np.random.default_rng(0)
    p = metagrad.tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True)
    optimizer = getattr(metagrad.optim, name)([p], **settings)
    for _ in range(5):
        p.grad = metagrad.tensor(rng.standard_normal(shape).astype(dtype))
        optimizer.step()
    return [p.detach().numpy(), *(v.numpy() for v in optimizer.state[p].values() if v is not None)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1,), (7, 5), (300_001,), (0,)], ids=str)
@pytest.mark.parametrize(("name", "settings"), SGD + ADAM, ids=str)
def test_loops_equal_the_formulas(name, settings, shape, dtype, both):
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-10, "atol": 1e-12}
    found, expected = both(lambda: trained(name, settings, dtype, shape))
    for ours, numpys in zip(found, expected, strict=True):
        assert ours.dtype == numpys.dtype
        np.testing.assert_allclose(ours, numpys, **close)


def test_steps_by_hand_as_python_and_compiled():
    for loop in (loops.sgd, loops.sgd_with_momentum):
        for function in (loop, getattr(loop, "function", loop), getattr(loop, "py_func", loop)):
            p, g, b = np.array([1.0, 2.0]), np.array([0.5, -1.0]), np.array([1.0, 0.0])
            momentum = (b,) if loop is loops.sgd_with_momentum else ()
            function(p, g, *momentum, np.array([0.5, 1.0, 0.0, 0.5, 1.0, 0.0]))
            assert p.tolist() == ([0.5, 2.5] if momentum else [0.75, 2.5])
            assert not momentum or b.tolist() == [1.0, -1.0]


def test_a_parameter_that_is_infinite_stays_so_without_decay(both):
    def step():
        p = metagrad.tensor([np.inf, 1.0], requires_grad=True)
        optimizer = metagrad.optim.SGD([p], lr=0.5, momentum=0.9)
        p.grad = metagrad.tensor([1.0, 2.0])
        optimizer.step()
        return p.tolist()

    assert both(step) == ([np.inf, 0.0], [np.inf, 0.0])


def test_small_parameters_are_not_worth_compiling_for():
    assert not choice.use_compiled(np.zeros(100, np.float32), tuning.OPTIMIZER_LOOP_WORTH)
