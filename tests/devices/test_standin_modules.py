"""Every module, every optimizer and a training step on the stand-in array: NumPy's numbers, and nothing leaves the device."""

import numpy as np
import pytest
from tests.devices.device_cases import (
    MODELS,
    MODULES,
    OPTIMIZERS,
    WITHOUT,
    forward_and_backward,
    names_of_modules,
    names_of_optimizers,
    trained,
)
from tests.devices.standin import CpusNumbers, Strict, counting, install

import metagrad
from metagrad import nn, optim
from metagrad.autograd.variable import wrap
from metagrad.ops.create import random


@pytest.fixture(autouse=True)
def fake_gpu(monkeypatch):
    install(monkeypatch)
    monkeypatch.setitem(random._of_gpus, 0, CpusNumbers())  # so that both can be compared


def test_every_module_and_optimizer_has_a_case():
    assert {*MODULES} | {*WITHOUT} == names_of_modules()
    assert {*OPTIMIZERS} == names_of_optimizers()


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


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer(name):
    expected, found = trained(name, np.array), trained(name, Strict)
    assert isinstance(found[0].array, Strict)
    np.testing.assert_allclose(found[0].array._hidden, expected[0].detach().numpy(), rtol=1e-5, atol=1e-7)
    for key, value in expected[1].items():
        if isinstance(value, metagrad.Tensor) and value.ndim:
            assert isinstance(found[1][key].array, Strict), f"{key} left the device"
            np.testing.assert_allclose(found[1][key].array._hidden, value.numpy(), rtol=1e-4, atol=1e-6)


# ------------------------------------------------ waiting for the device


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "RMSprop", "Rprop", "Muon"])
@pytest.mark.parametrize("name", MODELS)
def test_a_training_step_waits_for_the_device_only_where_it_must(name, optimizer):
    make, expected = MODELS[name]
    network, forward, shape, below = make()
    network.to("cuda")
    rng = np.random.default_rng(0)
    x = rng.integers(1, below, shape) if below else rng.normal(size=shape).astype(np.float32)
    parameters = [p for p in network.parameters() if p.ndim == 2 or optimizer != "Muon"]
    steps = getattr(optim, optimizer)(parameters, lr=0.01)
    x = wrap(Strict(x))
    for _ in range(2):
        with counting() as waits:
            steps.zero_grad()
            scores = forward(x).flatten(0, -2)
            classes = wrap(Strict(rng.integers(0, scores.shape[-1], scores.shape[0])))
            loss = nn.functional.cross_entropy(scores, classes)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            steps.step()
    assert waits == expected
    assert np.isfinite(loss.item())


def test_a_mean_over_targets_of_which_none_counts():
    scores = wrap(Strict(np.ones((2, 3), np.float32))).requires_grad_()
    loss = nn.functional.cross_entropy(scores, wrap(Strict(np.full(2, -100))))
    loss.backward()
    assert np.isnan(loss.item()) and not scores.grad.array._hidden.any()


@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 0.5]])
def test_a_mean_over_targets_that_count(weight):
    scores, classes = np.random.default_rng(0).normal(size=(4, 3)), np.array([0, -100, 2, 1])
    found = []
    for place in (np.array, Strict):
        x = wrap(place(scores)).requires_grad_()
        loss = nn.functional.cross_entropy(
            x, wrap(place(classes)), None if weight is None else wrap(place(np.array(weight)))
        )
        loss.backward()
        found.append([loss.item(), x.grad.cpu().numpy()])
    np.testing.assert_allclose(found[1][0], found[0][0])
    np.testing.assert_allclose(found[1][1], found[0][1])


def test_values_are_looked_at_on_a_device_if_asked(monkeypatch):
    table = nn.Embedding(3, 2).to("cuda")
    tokens = wrap(Strict(np.array([5])))
    assert table(tokens).tolist() == table(wrap(Strict(np.array([2])))).tolist()  # wrapped around
    monkeypatch.setattr("metagrad.kernels.libraries._LOOKS", True)
    with pytest.raises(IndexError, match="out of range"):
        table(tokens)
