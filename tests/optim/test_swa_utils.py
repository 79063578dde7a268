"""Averaged models, the schedule towards them, and their batch norms' statistics: against PyTorch, and by hand."""

import numpy as np
import pytest

import metagrad
from metagrad import nn, optim
from metagrad.optim import swa_utils

AVERAGES = [
    lambda of: {},
    lambda of: {"avg_fn": of.get_ema_avg_fn(0.9)},
    lambda of: {"multi_avg_fn": of.get_ema_multi_avg_fn(0.9)},
    lambda of: {"avg_fn": of.get_swa_avg_fn()},
    lambda of: {"multi_avg_fn": of.get_swa_multi_avg_fn()},
    lambda of: {"multi_avg_fn": of.get_ema_multi_avg_fn(), "use_buffers": True},
    lambda of: {"use_buffers": True},
    lambda of: {"avg_fn": lambda a, p, n: a * 0 + p * n.item()},
]


def model_of(library):
    model = library.nn.Sequential(library.nn.Linear(3, 2), library.nn.Linear(2, 1, bias=False)).double()
    model.register_buffer("mean", library.zeros(2, dtype=library.float64))
    return model


@pytest.mark.oracle
@pytest.mark.parametrize("settings", AVERAGES)
def test_averages_of_five_models_equal_pytorchs(settings):
    torch, found = pytest.importorskip("torch"), []
    for library in (metagrad, torch):
        of = library.optim.swa_utils
        model = model_of(library)
        averaged, rng = of.AveragedModel(model, **settings(of)), np.random.default_rng(0)
        for _ in range(5):
            with library.no_grad():
                for t in (*model.parameters(), *model.buffers()):
                    t.copy_(library.tensor(rng.standard_normal(tuple(t.shape))))
            averaged.update_parameters(model)
        found.append({name: value.numpy() for name, value in averaged.state_dict().items()})
        assert averaged(library.ones(1, 3, dtype=library.float64)).shape == (1, 1)
    assert list(found[0]) == list(found[1])
    for name, value in found[0].items():
        np.testing.assert_allclose(value, found[1][name], rtol=2e-6)  # PyTorch weighs in float32
        assert value.dtype == found[1][name].dtype


@pytest.mark.oracle
@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize(("epochs", "after"), [(10, 0), (3, 5), (0, 0)])
def test_swalr_equals_pytorch(strategy, epochs, after):
    torch, found = pytest.importorskip("torch"), []
    for library in (metagrad, torch):
        p, q = (library.zeros(1, requires_grad=True) for _ in range(2))
        optimizer = library.optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.05}], lr=0.1)
        first = library.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        scheduler = library.optim.swa_utils.SWALR(optimizer, [0.5, 0.01], epochs, strategy)
        found.append([])
        for epoch in range(50):
            found[-1].append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
            (first if epoch < after else scheduler).step()
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_swalr_resumes():
    def made():
        optimizer = optim.SGD([metagrad.zeros(1, requires_grad=True)], lr=1.0)
        return optimizer, swa_utils.SWALR(optimizer, 0.1, 6)

    found = []
    for reload in (False, True):
        optimizer, scheduler = made()
        for epoch in range(8):
            optimizer.step()
            scheduler.step()
            if reload and epoch == 2:
                saved = optimizer.state_dict(), scheduler.state_dict()
                optimizer, scheduler = made()
                optimizer.load_state_dict(saved[0])
                scheduler.load_state_dict(saved[1])
            found.append(scheduler.get_last_lr()[0])
    assert found[:8] == found[8:] and found[-1] == pytest.approx(0.1)


class BatchNorm(nn.Module):
    """The part of a batch norm that its statistics need, to see what is done to it."""

    def __init__(self):
        super().__init__()
        self.momentum, self.seen, self.resets = 0.1, [], 0

    def reset_running_stats(self):
        self.resets += 1

    def forward(self, x):
        self.seen.append((self.momentum, self.training, metagrad.is_grad_enabled(), x.tolist()))
        return x


@pytest.mark.parametrize("batch", [lambda x: x, lambda x: (x, 1), lambda x: [x]])
@pytest.mark.parametrize("training", [False, True])
def test_batch_norms_see_all_batches_once(batch, training):
    model = nn.Sequential(BatchNorm()).train(training)
    swa_utils.update_bn([batch(metagrad.ones(2)), batch(metagrad.zeros(1))], model)
    norm = model[0]
    assert norm.seen == [(None, True, False, [1.0, 1.0]), (None, True, False, [0.0])]
    assert norm.momentum == 0.1 and norm.resets == 1 and model.training is training


def test_a_model_without_batch_norms_is_not_run():
    swa_utils.update_bn(iter(lambda: pytest.fail("read"), 0), nn.Linear(1, 1))


def test_bad_arguments_are_refused():
    model = nn.Linear(1, 1)
    with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn"):
        swa_utils.AveragedModel(model, avg_fn=swa_utils.get_swa_avg_fn(), multi_avg_fn=swa_utils.get_swa_multi_avg_fn())
    for make in (swa_utils.get_ema_avg_fn, swa_utils.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match="Invalid decay value 1.5"):
            make(1.5)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    with pytest.raises(ValueError, match="instead got exp"):
        swa_utils.SWALR(optimizer, 0.1, anneal_strategy="exp")
    with pytest.raises(ValueError, match="got -1"):
        swa_utils.SWALR(optimizer, 0.1, -1)
