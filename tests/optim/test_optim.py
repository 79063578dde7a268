"""Optimizers against PyTorch over many steps, and what they do where PyTorch is not installed."""

import itertools

import numpy as np
import pytest

import metagrad
from metagrad import optim

SGD_CASES = [
    ("SGD", {"lr": 0.01, "momentum": m, "dampening": d, "weight_decay": w, "nesterov": n, "maximize": up})
    for m, d, w, n, up in itertools.product([0, 0.9], [0, 0.3], [0, 0.1], [False, True], [False, True])
    if not (n and (not m or d))
]
ADAM_CASES = [
    (name, {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": w, "amsgrad": a, "maximize": up})
    for name, w, a, up in itertools.product(["Adam", "AdamW"], [0, 0.1], [False, True], [False, True])
]
START = np.random.default_rng(0).standard_normal((3, 4))


def trained(library, name, settings, dtype, reload):
    """Two parameter groups after 12 steps; with ``reload`` a new optimizer takes over in the middle."""
    p = library.tensor(START.astype(dtype), requires_grad=True)
    q = library.tensor(START[0].astype(dtype), requires_grad=True)

    def new():
        return getattr(library.optim, name)([{"params": [p]}, {"params": [q], "lr": 0.03}], **settings)

    optimizer, rng = new(), np.random.default_rng(1)
    for step in range(12):
        x = library.tensor(rng.standard_normal((4, 2)).astype(dtype))
        optimizer.zero_grad()
        (((p @ x) ** 2).sum() + q.sin().sum()).backward()
        optimizer.step()
        if reload and step == 5:
            state, optimizer = optimizer.state_dict(), new()
            optimizer.load_state_dict(state)
    return p, q, optimizer


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "settings"), SGD_CASES + ADAM_CASES)
def test_steps_equal_pytorch(name, settings, dtype):
    torch = pytest.importorskip("torch")
    close = {"rtol": 2e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-11, "atol": 1e-13}
    for reload in (False, True):
        *ours, optimizer = trained(metagrad, name, settings, dtype, reload)
        *theirs, reference = trained(torch, name, settings, dtype, reload)
        for a, b in zip(ours, theirs, strict=True):
            assert a.detach().numpy().dtype == b.detach().numpy().dtype
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), **close)
        state, expected = optimizer.state_dict(), reference.state_dict()
        assert [sorted(g) for g in state["param_groups"]] == [sorted(g) for g in expected["param_groups"]]
        assert {k: sorted(v) for k, v in state["state"].items()} == {k: sorted(v) for k, v in expected["state"].items()}


@pytest.mark.parametrize(("name", "settings"), SGD_CASES[-1:] + ADAM_CASES[-1:])
def test_a_saved_state_goes_on_bit_for_bit(name, settings):
    whole, resumed = (trained(metagrad, name, settings, "float32", reload)[:2] for reload in (False, True))
    for a, b in zip(whole, resumed, strict=True):
        assert a.equal(b)


def test_sgd_by_hand():
    p = metagrad.tensor([1.0, -2.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5, momentum=0.5, weight_decay=1.0)
    for expected in ([0.0, 0.0], [-0.5, 1.0]):  # g = 2 p after decay; then g = 0, and the momentum b = 0.5 (2, -4)
        optimizer.zero_grad()
        (p * p / 2).sum().backward()
        optimizer.step()
        assert p.tolist() == expected


def test_adam_first_step_has_the_length_of_the_learning_rate():
    p = metagrad.tensor([3.0, -5.0], requires_grad=True)
    optimizer = optim.Adam([p], lr=0.25)
    (p * metagrad.tensor([1e-3, 1e3])).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(p.tolist(), [2.75, -5.25], rtol=1e-5)


def test_parameters_are_updated_in_place_and_their_version_is_counted():
    p = metagrad.ones(2, requires_grad=True)
    view, memory = p.detach(), p.array
    y = (p * p).sum()
    p.grad = metagrad.ones(2)
    optim.SGD([p], lr=1.0).step()
    assert p.array is memory and view.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="overwritten"):
        y.backward()


def test_a_closure_is_called_with_gradients_on():
    p = metagrad.ones(1, requires_grad=True)
    optimizer = optim.SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with metagrad.no_grad():
        assert optimizer.step(closure).item() == 1.0
    np.testing.assert_allclose(p.item(), 0.8, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda p: optim.SGD([p], lr=-1), ValueError),
        (lambda p: optim.SGD([p], momentum=-1), ValueError),
        (lambda p: optim.SGD([p], nesterov=True), ValueError),
        (lambda p: optim.SGD([]), ValueError),
        (lambda p: optim.SGD(p), TypeError),
        (lambda p: optim.SGD([p, p]), ValueError),
        (lambda p: optim.SGD([{"params": [p]}, {"params": [p]}]), ValueError),
        (lambda p: optim.SGD([p * 2]), ValueError),
        (lambda p: optim.SGD(["p"]), TypeError),
        (lambda p: optim.SGD([{"params": {p}}]), TypeError),
        (lambda p: optim.Adam([p], betas=(1.0, 0.9)), ValueError),
        (lambda p: optim.Adam([p], eps=-1), ValueError),
        (lambda p: optim.Adam([p], capturable=True), NotImplementedError),
    ],
)
def test_bad_arguments_are_refused(make, error):
    with pytest.raises(error):
        make(metagrad.ones(1, requires_grad=True))


def test_a_state_of_other_groups_is_refused_before_anything_changes():
    p, q = (metagrad.ones(1, requires_grad=True) for _ in range(2))
    saved = optim.SGD([p, q], lr=0.1, momentum=0.9).state_dict()
    optimizer = optim.SGD([p], lr=0.2)
    with pytest.raises(ValueError, match="2 parameters there, 1 here"):
        optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["lr"] == 0.2


SCHEDULES = [
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.95**epoch}),
    ("StepLR", {"step_size": 3}),
    ("MultiStepLR", {"milestones": [3, 7, 7]}),
    ("ConstantLR", {}),
    ("LinearLR", {}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("CosineAnnealingLR", {"T_max": 7}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
]


def rates(library, name, settings, reload=False):
    def new(lr):
        optimizer = library.optim.SGD([library.zeros(1, requires_grad=True)], lr=lr)
        return optimizer, getattr(library.optim.lr_scheduler, name)(optimizer, **settings)

    optimizer, scheduler = new(0.1)
    found = []
    for epoch in range(50):
        found.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
        if reload and epoch == 20:
            saved, saved_optimizer = scheduler.state_dict(), optimizer.state_dict()
            optimizer, scheduler = new(0.1)
            scheduler.load_state_dict(saved)
            optimizer.load_state_dict(saved_optimizer)
    return found


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "settings"), SCHEDULES)
def test_schedules_equal_pytorch(name, settings):
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(rates(metagrad, name, settings), rates(torch, name, settings), rtol=1e-12)


@pytest.mark.parametrize(("name", "settings"), SCHEDULES)
def test_schedules_resume(name, settings):
    assert rates(metagrad, name, settings, reload=True) == rates(metagrad, name, settings)


@pytest.mark.oracle
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_reduce_on_plateau_equals_pytorch(mode, threshold_mode):
    torch = pytest.importorskip("torch")
    metrics, found = np.random.default_rng(0).random(60), []
    for library in (metagrad, torch):
        optimizer = library.optim.SGD([library.zeros(1, requires_grad=True)], lr=0.1)
        scheduler = library.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, mode, patience=2, cooldown=1, factor=0.5, min_lr=1e-3, threshold_mode=threshold_mode
        )
        found.append([])
        for metric in metrics:
            scheduler.step(metric)
            found[-1].append(optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(*found, rtol=1e-12)
    assert len(set(found[0])) > 3
