"""SGD and Adam by BLAS's y ← a x + b y: what the formulas give, but for rounding."""

import itertools

import numpy as np
import pytest

import metagrad
from metagrad.kernels import threads, tuning, weighted_sum
from metagrad.optim import together

SGD = [
    ("SGD", {"lr": 0.1, "momentum": m, "dampening": d, "weight_decay": w, "nesterov": n, "maximize": up})
    for m, d, w, n, up in itertools.product([0, 0.9], [0, 0.3, 1.0], [0, 0.1], [False, True], [False, True])
    if not (n and (not m or d))
]
ADAM = [
    (name, {"lr": 0.1, "weight_decay": w, "maximize": up, "amsgrad": largest, "betas": betas})
    for name, w, up, largest, betas in itertools.product(
        ["Adam", "AdamW"], [0, 0.1], [False, True], [False, True], [(0.9, 0.999), (0.0, 0.5)]
    )
]
needed = pytest.mark.skipif(not weighted_sum.has_weighted_sum("f"), reason="NumPy has another BLAS here")


@pytest.fixture
def by_formula(monkeypatch):
    """A function that computes with the formulas: neither by BLAS nor by compiled loops."""

    def compute(make):
        with monkeypatch.context() as patch:
            patch.setattr(tuning, "OPTIMIZER_BLAS_WORTH", 1 << 60)
            return make()

    monkeypatch.setattr(tuning, "OPTIMIZER_LOOP_WORTH", 1 << 60)
    monkeypatch.setattr(tuning, "OPTIMIZER_BLAS_WORTH", 1)
    return compute


def trained(name, settings, dtype, shapes, gradient=None):
    rng = np.random.default_rng(0)
    params = [metagrad.tensor(rng.standard_normal(s).astype(dtype), requires_grad=True) for s in shapes]
    optimizer = getattr(metagrad.optim, name)(params, **settings)
    for _ in range(5):
        for p in params:
            g = rng.standard_normal(p.shape).astype(dtype)
            if gradient is not None:
                g[..., 0] = gradient
            p.grad = metagrad.tensor(g)
        optimizer.step()
    found = [p.detach().numpy() for p in params]
    return found + [v.numpy() for p in params for v in optimizer.state[p].values() if v is not None]


@needed
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "settings"), SGD + ADAM, ids=str)
def test_few_passes_give_what_the_formulas_give(name, settings, dtype, by_formula):
    shapes = [(70, 70), (1,), (0,), (3, 5, 7), (300_001,)] if settings["maximize"] else [(5000,), (31,)]
    found = trained(name, settings, dtype, shapes)
    expected = by_formula(lambda: trained(name, settings, dtype, shapes))
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype
        at_most = 3e-6 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(ours, theirs, rtol=at_most, atol=at_most)


@needed
@pytest.mark.parametrize("gradient", [np.nan, np.inf, 0.0, 1e-30, 1e30])
@pytest.mark.parametrize("lr", [0.1, 0.0])
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_gradients_that_are_no_ordinary_numbers(name, lr, gradient, by_formula):
    found = trained(name, {"lr": lr}, "float32", [(40, 40)], gradient)
    expected = by_formula(lambda: trained(name, {"lr": lr}, "float32", [(40, 40)], gradient))
    first = slice(1 if gradient == np.inf else None)  # of inf the mean stays inf, where the formula's is inf - inf
    for ours, theirs in zip(found[first], expected[first], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@needed
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_the_number_of_threads_changes_no_bit(name, by_formula):
    count, found = metagrad.get_num_threads(), []
    try:
        for threads_ in (1, 2, 3):
            metagrad.set_num_threads(threads_)
            found.append(trained(name, {"lr": 0.1}, "float32", [(1_100_003,), (300_001,)]))
    finally:
        metagrad.set_num_threads(count)
    for several in zip(*found, strict=True):
        assert all(np.array_equal(several[0], a) for a in several[1:])


@needed
def test_which_arrays_blas_takes(monkeypatch):
    monkeypatch.setattr(tuning, "OPTIMIZER_BLAS_WORTH", 4)
    fixed = np.ones(4)
    fixed.flags.writeable = False
    assert together.are_for_blas([np.ones(4), fixed, None])
    assert not together.are_for_blas([np.ones(4), np.ones(4), fixed])
    assert not together.are_for_blas([np.ones(4), np.ones(4, np.float32)])
    assert not together.are_for_blas([np.ones(3), np.ones(3)])
    assert not together.are_for_blas([np.ones(4, np.float16), np.ones(4, np.float16)])


def test_another_blas_is_left_alone(monkeypatch):
    class Other:
        internal_api = "mkl"

    class Wrong:
        internal_api, dynlib = "openblas", type("", (), {"cblas_saxpby": staticmethod(lambda *args: None)})

    monkeypatch.setattr(weighted_sum, "blas_libraries", lambda: (Other(), Wrong()))
    assert weighted_sum._routine.__wrapped__("f") is None
    assert not weighted_sum.has_weighted_sum("e") and threads.can_hold_blas() in (False, True)


@needed
@pytest.mark.parametrize("settings", [{}, {"momentum": 0.5, "nesterov": True}, {"momentum": 0.5}], ids=str)
def test_a_decay_below_a_numbers_last_digit_is_kept_on_average(settings, by_formula):
    """Of a factor 1 - 1e-8 nothing would be left in float32."""

    def drift():
        p = metagrad.tensor(np.random.default_rng(0).uniform(1, 2, 1 << 20).astype(np.float32), requires_grad=True)
        before = p.detach().numpy().astype(np.float64)
        optimizer = metagrad.optim.SGD([p], lr=1e-3, weight_decay=1e-5, **settings)
        g = metagrad.tensor(np.random.default_rng(1).uniform(-1, 1, 1 << 20).astype(np.float32))
        for _ in range(20):
            p.grad = g
            optimizer.step()
        steps = 0.0 if not settings else 0.5
        weights = [sum(steps**k for k in range(i + 1)) for i in range(20)]
        if settings.get("nesterov"):
            weights = [1 + steps * w for w in weights]
        return (p.detach().numpy() - before + 1e-3 * sum(weights) * g.numpy().astype(np.float64)).mean()

    assert drift() == pytest.approx(by_formula(drift), rel=0.02) and drift() < -1e-7
