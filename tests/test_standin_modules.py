"""Every module, every optimizer and a training step on the stand-in array: NumPy's numbers, and nothing leaves the device."""

import numpy as np
import pytest

import metagrad
from metagrad import nn, optim
from metagrad.autograd.variable import wrap
from tests.device_cases import MODULES, OPTIMIZERS, WITHOUT, module_and_inputs, names_of_modules, names_of_optimizers
from tests.ops.rows import flat
from tests.standin import Strict, install


@pytest.fixture(autouse=True)
def fake_gpu(monkeypatch):
    install(monkeypatch)


def test_every_module_and_optimizer_has_a_case():
    assert {*MODULES} | {*WITHOUT} == names_of_modules()
    assert {*OPTIMIZERS} == names_of_optimizers()


def forward_and_backward(name, place):
    """The results, and the gradients of inputs and parameters, as arrays of ``place``."""
    module, arrays = module_and_inputs(name)
    inputs = [wrap(place(a.copy())) for a in arrays]
    for x in inputs:
        x.requires_grad_(x.array.dtype.kind == "f")
    if not name.startswith("Lazy") and place is Strict:
        module.to("cuda")
    if name.startswith("Lazy"):
        module(*[wrap(a.copy()) for a in arrays])
        module.to("cuda" if place is Strict else "cpu")
    metagrad.manual_seed(5)
    results = [r for r in flat(module(*inputs)) if isinstance(r, metagrad.Tensor)]
    roots = [r for r in results if r.requires_grad]
    if roots:
        sum((r * r).sum() for r in roots).backward()
    leaves = [*[x for x in inputs if x.requires_grad], *module.parameters()]
    return results, [x.grad for x in leaves], [*module.buffers()]


@pytest.mark.parametrize("name", MODULES)
def test_a_module(name):
    expected, found = forward_and_backward(name, np.array), forward_and_backward(name, Strict)
    for what, ours, theirs in zip(("result", "gradient", "buffer"), found, expected):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            assert (a is None) == (b is None)
            if a is not None:
                assert isinstance(a.array, Strict), f"a {what} left the device"
                np.testing.assert_allclose(a.array._hidden, b.array, rtol=1e-6, atol=1e-9, err_msg=what)


def trained(name, place):
    metagrad.manual_seed(0)
    layer = nn.Linear(4, 3, bias=False)
    if place is Strict:
        layer.to("cuda")
    optimizer = getattr(optim, name)(layer.parameters(), **OPTIMIZERS[name])
    x, y = (wrap(place(a)) for a in (np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4), np.array([0, 2, 1, 0, 1])))

    def loss():
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(layer(x), y)
        value.backward()
        return value

    for _ in range(3):
        optimizer.step(loss)
    return layer.weight, optimizer.state_dict()["state"].get(0, {})


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer(name):
    expected, found = trained(name, np.array), trained(name, Strict)
    assert isinstance(found[0].array, Strict)
    np.testing.assert_allclose(found[0].array._hidden, expected[0].detach().numpy(), rtol=1e-5, atol=1e-7)
    for key, value in expected[1].items():
        if isinstance(value, metagrad.Tensor) and value.ndim:
            assert isinstance(found[1][key].array, Strict), f"{key} left the device"
            np.testing.assert_allclose(found[1][key].array._hidden, value.numpy(), rtol=1e-4, atol=1e-6)
