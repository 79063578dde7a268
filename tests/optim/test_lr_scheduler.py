"""Schedules for the learning rate: against PyTorch over 50 epochs, by hand, and what they warn of and refuse."""

import functools
import warnings

import numpy as np
import pytest

import metagrad
from metagrad import optim
from metagrad.optim import lr_scheduler

SCHEDULES = [
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.95**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 0.95**epoch, lambda epoch: 1 / (1 + epoch)]}),
    ("StepLR", {"step_size": 3}),
    ("StepLR", {"step_size": 4, "gamma": 0.7}),
    ("MultiStepLR", {"milestones": [3, 7, 7, 30]}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 9}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.9, "end_factor": 0.1, "total_iters": 30}),
    ("LinearLR", {"start_factor": 0.5, "total_iters": 0}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("CosineAnnealingLR", {"T_max": 7}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 60}),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: 0.9 + 0.1 * (epoch % 2)}),
    ("MultiplicativeLR", {"lr_lambda": [lambda epoch: 0.95, lambda epoch: 1 / epoch]}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 30, "power": 2.5}),
    ("CosineAnnealingWarmRestarts", {"T_0": 7}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.01}),
]
ONE_CYCLE = [
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 50}),
    ("OneCycleLR", {"max_lr": [0.5, 0.2], "epochs": 10, "steps_per_epoch": 6, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 50, "three_phase": True, "div_factor": 10.0}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 50, "cycle_momentum": False, "pct_start": 0.0}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 55, "base_momentum": [0.1, 0.2], "max_momentum": 0.8,
                    "final_div_factor": 10.0, "pct_start": 0.45}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 7}),
    ("CyclicLR", {"base_lr": [0.01, 0.02], "max_lr": [0.2, 0.3], "step_size_up": 5, "step_size_down": 3, "mode": "triangular2"}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 6, "mode": "exp_range", "gamma": 0.95,
                  "base_momentum": 0.5, "max_momentum": 0.7}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 6, "scale_fn": lambda x: 1 / (1 + x),
                  "scale_mode": "iterations", "cycle_momentum": False}),
]  # fmt: skip


def two_groups(library, kind="SGD", lr=0.1):
    p, q = (library.zeros(1, requires_grad=True) for _ in range(2))
    optimizer = getattr(library.optim, kind)([{"params": [p]}, {"params": [q], "lr": lr / 2}], lr=lr)
    p.grad, q.grad = library.zeros(1), library.zeros(1)
    return optimizer


def one_group(lr=1.0):
    return optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=lr)


def settings_of(optimizer):
    """The settings a schedule may change."""
    return [(g["lr"], g["momentum"] if "momentum" in g else g["betas"][0]) for g in optimizer.param_groups]


def rates(library, name, settings, kind="SGD", reload=False):
    """The groups' settings in 50 epochs; with ``reload`` new objects take over in the middle."""
    optimizer = two_groups(library, kind)
    scheduler = getattr(library.optim.lr_scheduler, name)(optimizer, **settings)
    found = []
    for epoch in range(50):
        assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        found.append(settings_of(optimizer))
        optimizer.step()
        scheduler.step()
        if reload and epoch == 20:
            saved, saved_optimizer = scheduler.state_dict(), optimizer.state_dict()
            optimizer = two_groups(library, kind)
            scheduler = getattr(library.optim.lr_scheduler, name)(optimizer, **settings)
            optimizer.load_state_dict(saved_optimizer)
            scheduler.load_state_dict(saved)
    return np.array(found), scheduler


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize(("name", "settings"), SCHEDULES + ONE_CYCLE)
def test_fifty_epochs_equal_pytorch(name, settings, kind):
    torch = pytest.importorskip("torch")
    (ours, scheduler), (theirs, reference) = (rates(library, name, settings, kind) for library in (metagrad, torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert scheduler.state_dict().keys() == reference.state_dict().keys()


@pytest.mark.parametrize(("name", "settings"), SCHEDULES + ONE_CYCLE)
def test_schedules_resume(name, settings):
    whole, resumed = (rates(metagrad, name, settings, reload=reload)[0] for reload in (False, True))
    assert np.array_equal(whole, resumed)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "settings"), SCHEDULES)
def test_going_on_from_a_last_epoch_equals_pytorch(name, settings):
    torch, found = pytest.importorskip("torch"), []
    for library in (metagrad, torch):
        optimizer = two_groups(library)
        for group in optimizer.param_groups:
            group["initial_lr"], group["lr"] = group["lr"], group["lr"] * 0.7
        scheduler = getattr(library.optim.lr_scheduler, name)(optimizer, **settings, last_epoch=2)
        found.append([scheduler.get_last_lr()])
        for _ in range(10):
            optimizer.step()
            scheduler.step()
            found[-1].append(scheduler.get_last_lr())
    np.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        s
        for s in SCHEDULES
        if s[1].get("total_iters") != 0 and s[0] not in ("CosineAnnealingWarmRestarts", "MultiplicativeLR")
    ],
)
def test_a_step_to_an_epoch_equals_pytorch(name, settings):
    torch, found = pytest.importorskip("torch"), []
    for library in (metagrad, torch):
        optimizer = two_groups(library)
        scheduler = getattr(library.optim.lr_scheduler, name)(optimizer, **settings)
        optimizer.step()
        found.append([])
        for epoch in (3, 10, 4, 40):
            with pytest.warns(UserWarning, match="epoch parameter"):
                scheduler.step(epoch)
            found[-1].append(scheduler.get_last_lr())
    np.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.oracle
def test_chained_schedules_equal_pytorch():
    torch, found = pytest.importorskip("torch"), []
    for library in (metagrad, torch):
        optimizer, of = two_groups(library), library.optim.lr_scheduler
        chain = [of.LinearLR(optimizer), of.CosineAnnealingLR(optimizer, 20), of.ExponentialLR(optimizer, 0.95)]
        found.append([])
        for _ in range(50):
            optimizer.step()
            for scheduler in chain:
                scheduler.step()
            found[-1].append(settings_of(optimizer))
        assert [scheduler.base_lrs for scheduler in chain] == [[0.1, 0.05]] * 3
    np.testing.assert_allclose(*found, rtol=1e-12)


PLATEAU = [
    {},
    {"mode": "max", "patience": 2, "cooldown": 1, "factor": 0.5, "min_lr": 1e-3},
    {"mode": "max", "threshold_mode": "abs", "threshold": 0.05, "patience": 2, "factor": 0.5},
    {"threshold_mode": "abs", "threshold": 0.05, "patience": 0, "cooldown": 3, "factor": 0.5, "min_lr": [1e-3, 1e-2]},
    {"patience": 1, "factor": 0.5, "eps": 0.02},
]


@pytest.mark.oracle
@pytest.mark.parametrize("settings", PLATEAU)
@pytest.mark.parametrize("sign", [1, -1])
def test_reduce_on_plateau_equals_pytorch(settings, sign):
    torch, found, metrics = pytest.importorskip("torch"), [], sign * np.random.default_rng(0).random(60)
    for library in (metagrad, torch):
        optimizer = two_groups(library)
        scheduler = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
        states = []
        for metric in metrics:
            scheduler.step(library.tensor(metric))
            state = scheduler.state_dict()
            states.append([*scheduler.get_last_lr(), state["best"], state["num_bad_epochs"], state["cooldown_counter"]])
        found.append(states)
        assert len({row[0] for row in states}) > 1
        keys = state.keys()
        if library is metagrad:
            ours = keys
    np.testing.assert_allclose(*found, rtol=1e-12)
    assert ours == keys


def followed(scheduler, epochs=7):
    """The rates of an optimizer's only group."""
    found = []
    for _ in range(epochs):
        found.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()
    return found


BY_HAND = [
    (lambda o: lr_scheduler.LambdaLR(o, lambda t: 10 - t), [10, 9, 8, 7, 6, 5, 4]),
    (lambda o: lr_scheduler.StepLR(o, 3, gamma=0.5), [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
    (lambda o: lr_scheduler.StepLR(o, 2), [1, 1, 0.1, 0.1, 0.01, 0.01, 0.001]),
    (lambda o: lr_scheduler.MultiStepLR(o, [2, 4, 4]), [1, 1, 0.1, 0.1, 0.001, 0.001, 0.001]),
    (lambda o: lr_scheduler.ConstantLR(o), [1 / 3] * 5 + [1, 1]),
    (lambda o: lr_scheduler.ConstantLR(o, 0, 3), [0, 0, 0, 1, 1, 1, 1]),  # from 0, too, there is a way back
    (lambda o: lr_scheduler.LinearLR(o, 0.2, 1.0, 4), [0.2, 0.4, 0.6, 0.8, 1, 1, 1]),
    (lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, 2), [1, 0.5, 0, 0, 0, 0, 0]),
    (lambda o: lr_scheduler.ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625]),
    (lambda o: lr_scheduler.CosineAnnealingLR(o, 3), [1, 0.75, 0.25, 0, 0.25, 0.75, 1]),
    (lambda o: lr_scheduler.CosineAnnealingLR(o, 3, 0.2), [1, 0.8, 0.4, 0.2, 0.4, 0.8, 1]),
    (
        lambda o: lr_scheduler.OneCycleLR(o, 2.0, 7, pct_start=3 / 7, anneal_strategy="linear", div_factor=4.0),
        [0.5, 1.25, 2, 1.5000125, 1.000025, 0.5000375, 0.00005],
    ),
    # A way up of no length: the first batch is at the top.
    (lambda o: lr_scheduler.OneCycleLR(o, 2.0, 5, pct_start=0.2, anneal_strategy="linear"), [2, 1.500002, 1.000004]),
]


@pytest.mark.parametrize(("make", "expected"), BY_HAND)
def test_rates_by_hand(make, expected):
    assert followed(make(one_group()), len(expected)) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_one_cycle_turns_the_momentum_the_other_way():
    optimizer = optim.Adam([metagrad.zeros(1, requires_grad=True)], betas=(0.9, 0.99))
    scheduler = lr_scheduler.OneCycleLR(optimizer, 1.0, 5, pct_start=0.6, anneal_strategy="linear")
    found = []
    for _ in range(5):
        found.append(tuple(round(beta, 6) for beta in optimizer.param_groups[0]["betas"]))
        optimizer.step()
        scheduler.step()
    assert found == [(0.95, 0.99), (0.9, 0.99), (0.85, 0.99), (0.9, 0.99), (0.95, 0.99)]
    with pytest.raises(ValueError, match="Tried to step 6 times. The specified number of total steps is 5"):
        scheduler.step()


def test_plateau_by_hand():
    optimizer = one_group()
    scheduler, found = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=1, min_lr=0.2), []
    for loss in (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5):
        scheduler.step(loss)
        found.append(optimizer.param_groups[0]["lr"])
    assert found == [1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2]
    assert isinstance(scheduler, lr_scheduler.LRScheduler) and scheduler.best == 0.5


def test_plateau_after_a_group_was_added():
    for min_lr, lowered in ((0.1, [0.5, 0.5]), ([0.1], None)):
        optimizer = one_group()
        scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0, min_lr=min_lr)
        optimizer.add_param_group({"params": [metagrad.zeros(1, requires_grad=True)]})
        scheduler.step(1.0)
        if lowered:
            scheduler.step(1.0)
            assert [group["lr"] for group in optimizer.param_groups] == lowered
        else:
            with pytest.raises(RuntimeError, match="2 parameter groups now, but there are 1 min_lrs"):
                scheduler.step(1.0)


@pytest.mark.parametrize(
    "make",
    [functools.partial(lr_scheduler.StepLR, step_size=1, gamma=0.5),
     functools.partial(lr_scheduler.ReduceLROnPlateau, factor=0.5, patience=-1)],
)  # fmt: skip
def test_a_rate_that_is_a_tensor_stays_that_tensor(make):
    rate = metagrad.tensor(1.0)
    optimizer = one_group(rate)
    scheduler = make(optimizer)
    first = scheduler.get_last_lr()
    optimizer.step()
    scheduler.step(*([1.0] if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau) else []))
    assert optimizer.param_groups[0]["lr"] is rate and rate.item() == 0.5
    assert first[0].item() == 1.0 and scheduler.get_last_lr()[0] is not rate


def test_the_state_of_functions_is_the_programs_and_of_objects_is_saved():
    class Warmup:
        def __init__(self, epochs):
            self.epochs = epochs

        def __call__(self, epoch):
            return min(1.0, epoch / self.epochs)

    saved = lr_scheduler.LambdaLR(two_groups(metagrad), [Warmup(4), lambda epoch: 1.0]).state_dict()
    assert saved["lr_lambdas"] == [{"epochs": 4}, None]
    scheduler = lr_scheduler.LambdaLR(two_groups(metagrad), [Warmup(9), lambda epoch: 2.0])
    scheduler.load_state_dict(saved)
    assert scheduler.lr_lambdas[0].epochs == 4 and scheduler.lr_lambdas[1](0) == 2.0
    assert saved["lr_lambdas"] == [{"epochs": 4}, None]
    with pytest.raises(ValueError, match="2 lr_lambdas, this one 1"):
        lr_scheduler.LambdaLR(one_group(), Warmup(1)).load_state_dict(saved)


# ------------------------------------------------ warnings and errors


def test_stepping_before_the_optimizer_is_warned_of_once():
    scheduler = lr_scheduler.StepLR(one_group(), 1)
    with pytest.warns(UserWarning, match="how-to-adjust-learning-rate") as caught:
        scheduler.step()
        scheduler.step()
    assert len(caught) == 1 and caught[0].filename == __file__


def test_steps_before_the_schedule_was_made_do_not_count():
    optimizer = one_group()
    optimizer.step()
    scheduler = lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match="how-to-adjust-learning-rate"):
        scheduler.step()


def test_the_right_order_is_not_warned_of():
    optimizer = one_group()
    schedulers = [lr_scheduler.StepLR(optimizer, 1), lr_scheduler.ExponentialLR(optimizer, 0.5)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


def test_asking_for_the_next_rate_is_warned_of():
    scheduler = lr_scheduler.ExponentialLR(one_group(), 0.5)
    with pytest.warns(UserWarning, match="please use `get_last_lr") as caught:
        assert scheduler.get_lr() == [0.5]
    assert caught[0].filename == __file__ and scheduler.get_last_lr() == [1.0]


BAD = [
    (lambda o: lr_scheduler.StepLR("o", 1), TypeError, "str is not an Optimizer"),
    (lambda o: lr_scheduler.ReduceLROnPlateau("o"), TypeError, "str is not an Optimizer"),
    (lambda o: lr_scheduler.OneCycleLR("o", 1.0, 5), TypeError, "str is not an Optimizer"),
    (lambda o: lr_scheduler.LambdaLR("o", len), TypeError, "str is not an Optimizer"),
    (lambda o: lr_scheduler.StepLR(o, 1, last_epoch=3), KeyError, r"not specified in param_groups\[0\]"),
    (lambda o: lr_scheduler.StepLR(o, 0), ValueError, "step_size must be at least 1, got 0"),
    (lambda o: lr_scheduler.LambdaLR(o, [len, len]), ValueError, "Expected 1 lr_lambdas, but got 2"),
    (lambda o: lr_scheduler.ConstantLR(o, 1.5), ValueError, "between 0 and 1, got 1.5"),
    (lambda o: lr_scheduler.LinearLR(o, 0.0), ValueError, "greater than 0 .* got 0.0"),
    (lambda o: lr_scheduler.LinearLR(o, 0.5, 1.5), ValueError, "between 0 and 1, got 1.5"),
    (lambda o: lr_scheduler.CosineAnnealingLR(o, 0), ValueError, "must be > 0, got 0"),
    (lambda o: lr_scheduler.ReduceLROnPlateau(o, "best"), ValueError, "mode best is unknown!"),
    (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1.0), ValueError, "Factor should be < 1.0"),
    (lambda o: lr_scheduler.ReduceLROnPlateau(o, threshold_mode="up"), ValueError, "threshold mode up is unknown!"),
    (lambda o: lr_scheduler.ReduceLROnPlateau(o, min_lr=[0, 0]), ValueError, "expected 1 min_lrs, got 2"),
    (lambda o: lr_scheduler.OneCycleLR(o, 1.0), ValueError, "either total_steps OR"),
    (lambda o: lr_scheduler.OneCycleLR(o, 1.0, epochs=3), ValueError, "either total_steps OR"),
    (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 0), ValueError, "positive integer total_steps, but got 0"),
    (lambda o: lr_scheduler.OneCycleLR(o, 1.0, epochs=3, steps_per_epoch=2.5), ValueError, "positive integer steps"),
    (
        lambda o: lr_scheduler.OneCycleLR(o, 1.0, 5, pct_start=1),
        ValueError,
        "float between 0 and 1 pct_start, but got 1",
    ),
    (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 5, anneal_strategy="up"), ValueError, "instead got up"),
    (lambda o: lr_scheduler.OneCycleLR(o, [1.0, 2.0], 5), ValueError, "max_lr has 2 values, param_groups has 1"),
    (
        lambda o: lr_scheduler.OneCycleLR(optim.Optimizer([metagrad.zeros(1)], {"lr": 1.0}), 1.0, 5),
        ValueError,
        "must support momentum or beta1",
    ),
]


@pytest.mark.parametrize(("make", "error", "message"), BAD)
def test_bad_arguments_are_refused_and_leave_the_optimizer_alone(make, error, message):
    optimizer = one_group()
    before = repr(optimizer)
    with pytest.raises(error, match=message):
        make(optimizer)
    assert repr(optimizer) == before


def test_a_step_put_in_the_place_of_the_optimizers_is_noticed():
    import types

    optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 3)
    step = optimizer.step
    optimizer.step = types.MethodType(lambda self, *args: step(*args), optimizer)
    optimizer.step()
    with pytest.warns(UserWarning, match=r"`optimizer.step\(\)` has been overridden"):
        scheduler.step()
    scheduler.step()  # said once
