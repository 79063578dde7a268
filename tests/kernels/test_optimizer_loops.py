"""SGD and Adam by compiled loops equal the formulas in NumPy."""

import itertools

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.kernels.chunks import spread_several
from metagrad.kernels.compiled import choice
from metagrad.kernels.compiled import optimizers as loops
from metagrad.kernels.compiled import several as several_text
from metagrad.kernels.compiled.several import group_of

THRESHOLDS = ("OPTIMIZER_LOOP_WORTH",)
SGD = [
    ("SGD", {"lr": 0.1, "momentum": m, "dampening": d, "weight_decay": w, "nesterov": n, "maximize": up})
    for m, d, w, n, up in itertools.product([0, 0.9], [0, 0.3], [0, 0.1], [False, True], [False, True])
    if not (n and (not m or d))
]
ADAM = [
    (name, {"lr": 0.1, "weight_decay": w, "maximize": up})
    for name, w, up in itertools.product(["Adam", "AdamW"], [0, 0.1], [False, True])
]


@pytest.fixture(autouse=True)
def without_blas(monkeypatch):
    """Formulas are computed by NumPy, for BLAS rounds otherwise."""
    monkeypatch.setattr(tuning, "OPTIMIZER_BLAS_WORTH", 1 << 60)


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
    found, expected = both(lambda: trained(name, settings, dtype, shape))
    for ours, numpys in zip(found, expected, strict=True):
        assert ours.dtype == numpys.dtype
        np.testing.assert_array_equal(ours, numpys)


@pytest.mark.parametrize("how", ["Python", "compiled"])
@pytest.mark.parametrize("has_momentum", [False, True])
def test_steps_by_hand_of_several_parameters(has_momentum, how):
    loop = loops.sgd_with_momentum if has_momentum else loops.sgd
    numbers = [0.5, 1.0, 0.0, *([0.5, 1.0, 0.0] if has_momentum else [])]
    several = []
    for size in (2, 0, 1, 5):
        p, g, b = np.full(size, 2.0), np.full(size, -1.0), np.full(size, 4.0)
        several.append((p, g, b) if has_momentum else (p, g))
    if how == "Python":
        for arrays in several:
            loop.function(*arrays, *numbers)
    else:
        pytest.importorskip("numba")
        spread_several(loop, [group_of(arrays) for arrays in several], numbers, "d")
    for p, g, *b in several:
        assert set(p) <= ({1.5} if has_momentum else {2.5}) and set(g) <= {-1.0}
        assert not b or set(b[0]) <= {1.0}


def test_an_entry_for_several_groups_reads_as_it_is_described():
    printed = several_text.printed(2, 1, "f")
    assert printed in several_text.__doc__


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_many_parameters_of_many_kinds(name, threads, both):
    """Sizes that are copied together, that are not, that threads share, and arrays that no loop takes."""
    shapes = [(3,)] * 5 + [(70, 70), (), (0,), (200_000,), (5, 3)]
    dtypes = ["float32", "float32", "float64"]

    def train():
        rng = np.random.default_rng(0)
        params = [metagrad.tensor(rng.standard_normal(s).astype(dtypes[i % 3])) for i, s in enumerate(shapes)]
        params[-1] = metagrad.tensor(np.asfortranarray(params[-1].numpy()))
        optimizer = getattr(metagrad.optim, name)([p.requires_grad_() for p in params], lr=0.1, weight_decay=0.1)
        for n in range(3):
            for i, p in enumerate(params):
                values = rng.standard_normal(p.shape).astype(p.array.dtype)
                p.grad = None if (n, i) == (0, 5) else metagrad.tensor(values)
            optimizer.step()
        return [p.array for p in params] + [v.array for p in params for v in optimizer.state[p].values()]

    found, expected = both(train)
    for ours, numpys in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, numpys)


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
