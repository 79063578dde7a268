"""Large pointwise ops that are done again take the plan of the first time: with other numbers, kinds and memory another one."""

import gc
import weakref

import numpy as np
import pytest

import metagrad
from metagrad.kernels import chunked_formula, fused_loops, tuning
from metagrad.kernels.compiled import choice
from metagrad.nn import functional as F

RNG = np.random.default_rng(0)
SHAPE = (6, 50)
FUNCTIONS = {
    "clamp": lambda lib, x, n: x.clamp(-n, n),
    "clamp from below": lambda lib, x, n: x.clamp(min=n),
    "where": lambda lib, x, n: lib.where(x > n, x, n),
    "hardsigmoid": lambda lib, x, n: lib.nn.functional.hardsigmoid(x * n),
    "hardshrink": lambda lib, x, n: lib.nn.functional.hardshrink(x, n),
    "threshold": lambda lib, x, n: lib.nn.functional.threshold(x, n, -n),
    "row": lambda lib, x, n: lib.nn.functional.softplus(x[:1] * n) + x,
    "twice the same": lambda lib, x, n: lib.maximum(x, x),
    "lerp": lambda lib, x, n: lib.lerp(x, x * 2, n),
    "atan2": lambda lib, x, n: lib.atan2(x, x + n),
    "pow": lambda lib, x, n: (x * x + 1) ** n,
    "zeros": lambda lib, x, n: x * 0.0 + x * -0.0,
}


@pytest.fixture(autouse=True, params=["loops", "NumPy"])
def plans(request, monkeypatch):
    """The file that keeps plans: of compiled loops, or of chunks."""
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 1)
    monkeypatch.setattr(tuning, "COMPILED_WORTH", 1)
    if request.param == "loops":
        pytest.importorskip("numba")
        file = fused_loops
    else:
        file = chunked_formula
        monkeypatch.setattr(choice, "available", lambda: False)
        monkeypatch.setattr(chunked_formula, "available", lambda: False)
    monkeypatch.setattr(file, "_plans", {})
    return file


def value_and_gradient(lib, function, x, number, needs):
    leaf = lib.tensor(x, requires_grad=needs)
    y = function(lib, leaf, number)
    if not needs:
        return [y.numpy()]
    y.backward(lib.tensor(np.cos(np.arange(y.numel(), dtype=x.dtype)).reshape(tuple(y.shape))))
    return [y.detach().numpy(), leaf.grad.numpy()]


@pytest.mark.oracle
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_the_second_time_gives_what_the_first_does(torch, name):
    for _ in range(2):
        for number in (0.5, 2.0, 1.0):
            for dtype in ("float32", "float64"):
                for needs in (True, False):
                    x = RNG.standard_normal(SHAPE).astype(dtype)
                    found, expected = (
                        value_and_gradient(lib, FUNCTIONS[name], x, number, needs) for lib in (metagrad, torch)
                    )
                    for a, b in zip(found, expected, strict=True):
                        assert a.dtype == b.dtype
                        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_plan_made_in_place_does_not_write_into_other_inputs(plans):
    x, y = (metagrad.tensor(RNG.standard_normal(SHAPE).astype(np.float32)) for _ in range(2))
    before, expected = y.numpy().copy(), np.clip(y.numpy(), -0.5, 0.5)
    x.clamp_(-0.5, 0.5)
    assert plans._plans
    z = y.clamp(-0.5, 0.5)
    assert np.array_equal(y.numpy(), before) and np.array_equal(z.numpy(), expected)
    out = metagrad.empty(SHAPE)
    metagrad.clamp(y, -0.5, 0.5, out=out)
    assert np.array_equal(out.numpy(), expected) and np.array_equal(y.numpy(), before)
    assert np.array_equal(y.clamp_(-0.5, 0.5).numpy(), expected) and np.array_equal(z.numpy(), expected)


def test_a_plan_whose_result_was_a_buffer_is_none_for_an_op_in_place():
    x = metagrad.tensor(RNG.standard_normal(SHAPE).astype(np.float32))
    expected = F.silu(x).numpy().copy()
    found = F.silu(x * 1, inplace=True)
    assert np.array_equal(found.numpy(), expected) and np.array_equal(F.silu(x).numpy(), expected)


def test_a_plan_keeps_none_of_its_arrays(plans):
    x, row = (metagrad.tensor(RNG.standard_normal(s).astype(np.float32)) for s in (SHAPE, SHAPE[1:]))
    arrays = [weakref.ref(a.array) for a in (x, row)]
    metagrad.lerp(x, row, 0.3)
    assert plans._plans
    del x, row
    gc.collect()
    assert [a() for a in arrays] == [None, None]


def test_plans_are_found_again_and_zeros_keep_their_sign(plans):
    x = metagrad.tensor(RNG.standard_normal(SHAPE).astype(np.float32))
    x.clamp(-0.25, 0.25)
    count = len(plans._plans)
    x.clamp(-0.25, 0.25)
    assert count == len(plans._plans) > 0
    for zero in (0.0, -0.0, 0.0):
        assert np.signbit(F.threshold(x, 9.0, zero).numpy()).all() == np.signbit(zero)
    assert np.isnan(F.threshold(x, 9.0, float("nan")).numpy()).all()


def test_they_do_not_grow_without_bound(monkeypatch, plans):
    monkeypatch.setattr(plans, "MOST_PLANS", 3)
    x = metagrad.tensor(RNG.standard_normal(SHAPE).astype(np.float32))
    for n in range(1, 9):
        assert np.array_equal(x.clamp(-n / 8, n / 8).numpy(), np.clip(x.numpy(), np.float32(-n / 8), np.float32(n / 8)))
        assert len(plans._plans) <= 3


IN_PLACE = [
    "relu",
    "relu6",
    "hardtanh",
    "leaky_relu",
    "elu",
    "celu",
    "selu",
    "silu",
    "mish",
    "hardsigmoid",
    "hardswish",
    "threshold",
]


@pytest.mark.oracle
@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize("needs", [False, True])
def test_activations_in_place(torch, name, needs):
    settings = (0.25, -1.5) if name == "threshold" else ()
    x = RNG.standard_normal(SHAPE).astype(np.float32)
    results = []
    for lib in (metagrad, torch):
        leaf = lib.tensor(x, requires_grad=needs)
        t = leaf * 1
        y = getattr(lib.nn.functional, name)(t, *settings, inplace=True)
        assert y is t
        if needs:
            (y * y).sum().backward()
        results.append([y.detach().numpy()] + ([leaf.grad.numpy()] if needs else []))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
