"""``differentiable=True``: a loss after the step has the gradients that PyTorch gives it, back through the step."""

import numpy as np
import pytest

import metagrad

SETTINGS = {
    "SGD": [{"lr": 0.1}, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, {"lr": 0.1, "maximize": True}],
    "Adam": [{}, {"weight_decay": 0.1, "amsgrad": True}],
    "AdamW": [{}, {"weight_decay": 0.1}],
    "Adamax": [{}], "NAdam": [{}, {"weight_decay": 0.1, "decoupled_weight_decay": True}], "RAdam": [{}, {"lr": 0.1}],
    "Adagrad": [{}, {"lr_decay": 0.1}], "Adadelta": [{"lr": 0.5}], "ASGD": [{}],
    "RMSprop": [{}, {"momentum": 0.9, "centered": True}], "Rprop": [{}],
}  # fmt: skip
CASES = [(name, settings) for name, several in SETTINGS.items() for settings in several]
RNG = np.random.default_rng(0)
P, G, W = (RNG.standard_normal(5) for _ in range(3))


def through_the_step(library, name, settings, steps=1):
    """The parameter after the step, and the gradients of a loss of it for the parameter before and for the gradient."""
    start = library.tensor(P, requires_grad=True)
    grad = library.tensor(G, requires_grad=True)
    p = start.clone()
    optimizer = getattr(library.optim, name)([p], differentiable=True, **settings)
    for i in range(steps):
        p.grad = grad * (i + 1)
        optimizer.step()
    (p * p * library.tensor(W)).sum().backward()
    return [p.detach().numpy(), start.grad.numpy(), grad.grad.numpy()]


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_gradients_through_a_step_equal_pytorchs(name, settings):
    if name == "SGD" and "momentum" in settings:
        pytest.skip("PyTorch detaches the first momentum; the test by differences below holds for it too")
    torch = pytest.importorskip("torch")
    expected, found = (through_the_step(library, name, settings) for library in (torch, metagrad))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_the_same_parameters_as_without(name, settings):
    plain = metagrad.tensor(P, requires_grad=True)
    optimizer = getattr(metagrad.optim, name)([plain], **settings)
    for i in range(3):
        plain.grad = metagrad.tensor(G * (i + 1))
        optimizer.step()
    found = through_the_step(metagrad, name, settings, steps=3)[0]
    np.testing.assert_allclose(found, plain.detach().numpy(), rtol=1e-9)


@pytest.mark.parametrize(("name", "settings"), [case for case in CASES if case[0] != "Rprop"])
def test_gradients_through_three_steps_equal_differences(name, settings):
    def loss(g):
        p = metagrad.tensor(P)
        optimizer = getattr(metagrad.optim, name)([p], **settings)
        for i in range(3):
            p.grad = metagrad.tensor(g * (i + 1))
            optimizer.step()
        return float((p * p * metagrad.tensor(W)).sum())

    found = through_the_step(metagrad, name, settings, steps=3)[2]
    eps = 1e-6
    for i in range(len(G)):
        step = eps * (np.arange(len(G)) == i)
        np.testing.assert_allclose(found[i], (loss(G + step) - loss(G - step)) / (2 * eps), rtol=1e-4, atol=1e-6)


def test_complex_parameters():
    torch = pytest.importorskip("torch")

    def run(library):
        start = library.tensor(P + 1j * G, requires_grad=True)
        p = start.clone()
        p.grad = library.tensor(G - 1j * W)
        library.optim.Adam([p], differentiable=True).step()
        (p * p.conj()).real.sum().backward()
        return start.grad.numpy()

    np.testing.assert_allclose(run(metagrad), run(torch), rtol=1e-6)


def test_a_learning_rate_that_learns():
    """The use of it: the gradient of the loss after a step with respect to what made the step."""
    scale = metagrad.tensor(0.1, requires_grad=True)
    p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    fast = p.clone()
    optimizer = metagrad.optim.SGD([fast], lr=1.0, differentiable=True)
    (g,) = metagrad.autograd.grad((fast * fast).sum(), fast, create_graph=True)
    fast.grad = g * scale
    optimizer.step()
    (fast * fast).sum().backward()
    # fast = p (1 − 2 s), its square sum 5 (1 − 2 s)²
    assert scale.grad.item() == pytest.approx(-20 * (1 - 0.2))
    np.testing.assert_allclose(p.grad.numpy(), 2 * np.array([1.0, 2.0]) * 0.64, rtol=1e-6)


def test_a_leaf_cannot_be_stepped_in_the_graph():
    p = metagrad.tensor([1.0], requires_grad=True)
    p.grad = metagrad.tensor([1.0])
    with pytest.raises(RuntimeError, match="leaf"):
        metagrad.optim.SGD([p], lr=0.1, differentiable=True).step()
