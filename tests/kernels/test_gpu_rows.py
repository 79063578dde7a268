"""Kernels over rows for a GPU, run as C here, and optimizers' steps of many parameters at once."""

import numpy as np
import pytest
from tests.devices.c_kernels import can_compile, installed
from tests.devices.standin import Strict

import metagrad
from metagrad import nn, optim
from metagrad.autograd.variable import wrap
from metagrad.kernels import fused, fused_many, gpu_rows

pytestmark = pytest.mark.skipif(not can_compile(), reason="needs a C compiler with halves: gcc 12 or later")


@pytest.fixture(autouse=True)
def used(monkeypatch):
    """The stand-in with kernels: the names of those that ran."""
    caches = (fused._kernel, fused_many._kernel, gpu_rows._kernel)
    with installed(monkeypatch, (fused, fused_many, gpu_rows), caches) as names:
        yield names


def on_both(function, *arrays):
    """Results and gradients of a function, on the CPU and on the stand-in."""
    found = []
    for place in (np.array, lambda a: Strict(a.copy())):
        inputs = [wrap(place(a)).requires_grad_() for a in arrays]
        y = function(*inputs)
        y.backward(wrap(place(np.linspace(-1, 1, y.array.size, dtype=y.array.dtype).reshape(y.shape))))
        found.append([y.detach().array, *[x.grad.array for x in inputs]])
    return found


def assert_same(found, expected, dtype):
    within = 1e-5 if dtype == "float32" else 1e-12
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a.get(), b, rtol=within, atol=within)


SHAPES = [(1, 1), (3, 2), (2, 3, 70), (2, 700), (5,)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(used, name, shape, dtype):
    x = np.random.default_rng(0).normal(size=shape).astype(dtype) * 3
    expected, found = on_both(lambda x: getattr(metagrad, name)(x, -1), x)
    assert used == [name, f"{name}_backward"]
    assert_same(found, expected, dtype)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_numbers_without_end(used, name):
    x = np.array([[1.0, np.inf, 0.0], [-np.inf, 2.0, -np.inf], [-np.inf] * 3, [np.nan, 1.0, 2.0]])
    expected, found = on_both(lambda x: getattr(metagrad, name)(x, -1), x)
    assert_same(found[:1], expected[:1], "float64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 70), (2, 700)])
@pytest.mark.parametrize("parameters", [0, 1, 2])
def test_layer_norm(used, shape, parameters, dtype):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s).astype(dtype) for s in (shape, shape[-1:], shape[-1:])][: parameters + 1]
    expected, found = on_both(lambda x, *rest: nn.functional.layer_norm(x, shape[-1:], *rest), *arrays)
    assert used == ["layer_norm", "layer_norm_backward"]
    assert_same(found, expected, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 5), (4, 3, 6, 7)])
@pytest.mark.parametrize("parameters", [0, 1, 2])
def test_batch_norm(used, shape, parameters, dtype):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s).astype(dtype) for s in (shape, shape[1:2], shape[1:2])][: parameters + 1]
    moved = []

    def norm(x, *rest):
        running = [wrap(np.full(shape[1], n, dtype)).to(x.device) for n in (0.5, 2.0)]
        y = nn.functional.batch_norm(x, *running, *rest, training=True, momentum=0.3)
        moved.append([r.array for r in running])
        return y

    expected, found = on_both(norm, *arrays)
    assert used == ["channel_norm", "channel_norm_backward"]
    assert_same(found, expected, dtype)
    assert_same(moved[1], moved[0], dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy(used, reduction, weighted, dtype):
    x = np.random.default_rng(0).normal(size=(6, 40)).astype(dtype) * 3
    target, weight = np.array([0, 39, -100, 3, -100, 7]), np.linspace(0.5, 2, 40).astype(dtype)

    def loss(x):
        w = wrap(weight).to(x.device) if weighted else None
        return nn.functional.cross_entropy(x, wrap(target).to(x.device), w, reduction=reduction)

    expected, found = on_both(loss, x)
    assert used == ["cross_entropy", "cross_entropy_backward"]
    assert_same(found, expected, dtype)


def test_second_derivatives(used):
    def twice(x):
        y = nn.functional.layer_norm(metagrad.softmax(x, -1), (4,))
        y = nn.functional.batch_norm(y * x, None, None, training=True)
        y = y + nn.functional.cross_entropy(x, wrap(np.array([0, 3, 1])).to(x.device))
        (g,) = metagrad.autograd.grad((y**3).sum(), x, create_graph=True)
        return g

    expected, found = on_both(twice, np.random.default_rng(0).normal(size=(3, 4)))
    assert_same(found, expected, "float64")


OPTIMIZERS = {"SGD": {"momentum": 0.9}, "Adam": {"amsgrad": True}, "AdamW": {}, "RMSprop": {}}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_of_many_parameters_is_one_kernel(used, name):
    found = []
    for place in (np.array, lambda a: Strict(a.copy())):
        rng = np.random.default_rng(0)
        params = [nn.Parameter(wrap(place(rng.normal(size=shape)))) for shape in [(3,), (2, 700), (), (1, 1500), (0,)]]
        optimizer = getattr(optim, name)(params, lr=0.1, **OPTIMIZERS[name])
        for _ in range(3):
            for p in params:
                p.grad = wrap(place(rng.normal(size=p.shape)))
            optimizer.step()
        found.append([p.detach().array for p in params])
    assert set(used) == {"many"} and len(used) == 3
    assert_same(found[1], found[0], "float64")


def test_arrays_of_other_shapes_are_not_stepped_together(used):
    params = [nn.Parameter(metagrad.ones(n, device="cuda")) for n in (3, 4)]
    optimizer = optim.Adam(params, lr=0.1)
    for p in params:
        p.grad = metagrad.ones_like(p)
    optimizer.step()
    params[0].data = metagrad.ones(70, device="cuda")
    for p in params:
        p.grad = metagrad.ones_like(p)
    with pytest.raises(ValueError, match="shape"):
        optimizer.step()
    assert used == ["many"]


def test_labels_of_the_cpu_are_refused(used):
    with pytest.raises(RuntimeError, match="same device"):
        nn.functional.cross_entropy(metagrad.zeros(1, 3, device="cuda"), metagrad.tensor([0]))
    assert "cross_entropy" not in used


def test_a_norm_without_a_gradient_keeps_nothing(used):
    x = np.random.default_rng(0).normal(size=(3, 4))
    found = nn.functional.layer_norm(wrap(Strict(x)), (4,)).array
    assert used == ["layer_norm_alone"]
    np.testing.assert_allclose(found.get(), nn.functional.layer_norm(wrap(x), (4,)).array)
