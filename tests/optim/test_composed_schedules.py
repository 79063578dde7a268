"""Schedules made of others, restarts at any epoch, Noam's: against PyTorch over 50 epochs, and by hand."""

import inspect

import numpy as np
import pytest
from tests.optim.test_lr_scheduler import one_group, two_groups

import metagrad
from metagrad import optim
from metagrad.optim import SGD, lr_scheduler

MADE = {
    "sequential": lambda o, of: of.SequentialLR(o, [of.ConstantLR(o, 0.1, 8), of.ExponentialLR(o, 0.9)], milestones=[8]),
    "warm-up": lambda o, of: of.SequentialLR(
        o, [of.LinearLR(o, 0.1, total_iters=5), of.CosineAnnealingLR(o, 20), of.StepLR(o, 4)], milestones=[5, 25]
    ),
    "at once": lambda o, of: of.SequentialLR(o, [of.ExponentialLR(o, 0.9), of.PolynomialLR(o, 9)], milestones=[1]),
    "restarting": lambda o, of: of.SequentialLR(
        o, [of.LinearLR(o, 0.1, total_iters=5), of.LambdaLR(o, lambda t: 1 / (1 + t))], milestones=[5]
    ),
    "chained": lambda o, of: of.ChainedScheduler([of.ConstantLR(o, 0.1, 8), of.ExponentialLR(o, 0.9)]),
    "chained three": lambda o, of: of.ChainedScheduler(
        [of.LinearLR(o), of.CosineAnnealingLR(o, 20), of.MultiplicativeLR(o, lambda t: 0.99)], optimizer=o
    ),
    "chained in a sequence": lambda o, of: of.SequentialLR(
        o, [of.ChainedScheduler([of.LinearLR(o), of.ExponentialLR(o, 0.9)]), of.StepLR(o, 3)], milestones=[9]
    ),
}  # fmt: skip


def rates(library, make, reload=False):
    optimizer = two_groups(library)
    scheduler, found = make(optimizer, library.optim.lr_scheduler), []
    for epoch in range(50):
        found.append([group["lr"] for group in optimizer.param_groups])
        assert scheduler.get_last_lr() == found[-1]
        optimizer.step()
        scheduler.step()
        if reload and epoch == 15:
            saved = scheduler.state_dict(), optimizer.state_dict()
            optimizer = two_groups(library)
            scheduler = make(optimizer, library.optim.lr_scheduler)
            optimizer.load_state_dict(saved[1])
            scheduler.load_state_dict(saved[0])
    return np.array(found), scheduler


@pytest.mark.oracle
@pytest.mark.filterwarnings(
    "ignore:.*lr_scheduler.step"
)  # the schedules of a chain in a sequence begin twice, as PyTorch's do
@pytest.mark.parametrize("name", MADE)
def test_fifty_epochs_equal_pytorch(name):
    torch = pytest.importorskip("torch")
    (ours, scheduler), (theirs, reference) = (rates(library, MADE[name]) for library in (metagrad, torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert scheduler.state_dict().keys() == reference.state_dict().keys()
    np.testing.assert_array_equal(ours, rates(metagrad, MADE[name], reload=True)[0])


@pytest.mark.oracle
@pytest.mark.parametrize("settings", [{"T_0": 4}, {"T_0": 3, "T_mult": 2}, {"T_0": 2, "T_mult": 3, "eta_min": 0.01}])
def test_restarts_at_any_epoch_equal_pytorchs(settings):
    torch, found = pytest.importorskip("torch"), []
    for library in (metagrad, torch):
        optimizer = two_groups(library)
        scheduler = library.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, **settings)
        found.append([])
        for epoch in (0.5, 2.9, 3, 7.25, None, None, 26, None, 1, 0):
            optimizer.step()
            scheduler.step(epoch)
            found[-1].append([*scheduler.get_last_lr(), scheduler.last_epoch, scheduler.T_cur, scheduler.T_i])
        with pytest.raises(ValueError, match="non-negative epoch"):
            scheduler.step(-1)
    np.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.oracle
def test_cyclic_rates_with_a_callable_object_are_saved():
    class Halving:
        def __init__(self, base):
            self.base = base

        def __call__(self, x):
            return self.base**x

    def made(base):
        return lr_scheduler.CyclicLR(one_group(), 0.1, 1.0, 2, scale_fn=Halving(base))

    saved = made(0.5).state_dict()
    assert saved["_scale_fn_custom"] == {"base": 0.5}
    again = made(0.1)
    again.load_state_dict(saved)
    assert again.scale_fn(2) == 0.25


def test_noam_by_hand():
    scheduler = lr_scheduler.NoamLR(one_group(2.0), d_model=16, warmup_steps=10)
    found = []
    for _ in range(50):
        found.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()
    expected = [2 * 16**-0.5 * min(n**-0.5, n * 10**-1.5) for n in range(1, 51)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert max(found) == found[9]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o, of: of.MultiplicativeLR(o, 0.5), TypeError, "should be a function, but got float"),
        (lambda o, of: of.CosineAnnealingWarmRestarts(o, 0), ValueError, "positive integer T_0, but got 0"),
        (lambda o, of: of.CosineAnnealingWarmRestarts(o, 1, 1.5), ValueError, "T_mult >= 1, but got 1.5"),
        (lambda o, of: of.CosineAnnealingWarmRestarts(o, 1, 1, "0"), ValueError, "eta_min"),
        (lambda o, of: of.CyclicLR(o, 0.1, 0.2, mode="square"), ValueError, "mode is invalid and scale_fn is None"),
        (lambda o, of: of.CyclicLR(optim.Rprop([metagrad.ones(1)]), 0.1, 0.2), ValueError, "Rprop has neither"),
        (lambda o, of: of.CyclicLR(o, [0.1, 0.1], 0.2), ValueError, "base_lr has 2 values, param_groups has 1"),
        (lambda o, of: of.SequentialLR(o, [], []), ValueError, "at least one scheduler"),
        (lambda o, of: of.SequentialLR(o, [of.StepLR(o, 1)], [1]), ValueError, "number of milestones to be equal to 1"),
        (lambda o, of: of.SequentialLR(o, [of.ReduceLROnPlateau(o)], []), ValueError, "ReduceLROnPlateau"),
        (lambda o, of: of.SequentialLR(o, [of.StepLR(one_group(), 1)], []), ValueError, "same optimizer"),
        (lambda o, of: of.ChainedScheduler([of.StepLR(o, 1), of.StepLR(one_group(), 1)]), ValueError, "index 1"),
        (lambda o, of: of.ChainedScheduler([3]), TypeError, "should have `optimizer`"),
        (lambda o, of: of.NoamLR(o, 0), ValueError, "at least 1, got 0 and 4000"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make(SGD([metagrad.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9), lr_scheduler)


@pytest.mark.oracle
@pytest.mark.parametrize("module", ["lr_scheduler", "swa_utils"])
def test_signatures_are_pytorchs(module):
    torch = pytest.importorskip("torch")
    ours, theirs = (getattr(library.optim, module) for library in (metagrad, torch))
    for name in theirs.__all__:
        a, b = (
            [(p.name, p.kind, p.default) for p in inspect.signature(getattr(side, name)).parameters.values()]
            for side in (ours, theirs)
        )
        assert a == b, name


def test_the_base_has_its_old_name_too():
    assert lr_scheduler._LRScheduler is lr_scheduler.LRScheduler
