"""Pruning against PyTorch's."""

import importlib

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.nn.utils import prune

torch = pytest.importorskip("torch")
importlib.import_module("torch.nn.utils.prune")
pytestmark = pytest.mark.oracle


def pair():
    theirs, ours = torch.nn.Conv2d(4, 6, 3), nn.Conv2d(4, 6, 3)
    ours.load_state_dict({k: metagrad.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return ours, theirs


def same(ours, theirs):
    found, expected = ours.state_dict(), theirs.state_dict()
    assert list(found) == list(expected)
    for k, v in expected.items():
        np.testing.assert_array_equal(found[k].numpy(), v.numpy())
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 5)).astype(np.float32)
    y, z = ours(metagrad.tensor(x)), theirs(torch.tensor(x))
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-3, atol=1e-4)
    y.sum().backward(), z.sum().backward()
    for (name, p), (other, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == other
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-3, atol=1e-3)


STEPS = [
    lambda p, m, lib: p.l1_unstructured(m, "weight", 0.3),
    lambda p, m, lib: p.ln_structured(m, "weight", 2, n=2, dim=0),
    lambda p, m, lib: p.ln_structured(m, "weight", 1, n=1, dim=1),
    lambda p, m, lib: p.identity(m, "weight"),
    lambda p, m, lib: p.custom_from_mask(m, "bias", lib.tensor([1.0, 0, 1, 1, 0, 1])),
    lambda p, m, lib: p.l1_unstructured(m, "weight", 20),
    lambda p, m, lib: p.global_unstructured([(m, "weight"), (m, "bias")], p.L1Unstructured, amount=0.5),
]


@pytest.mark.parametrize("first", range(len(STEPS)))
@pytest.mark.parametrize("second", [*range(len(STEPS)), None])
def test_one_step_after_another(first, second):
    ours, theirs = pair()
    for n in (first, second):
        if n is not None:
            STEPS[n](prune, ours, metagrad), STEPS[n](torch.nn.utils.prune, theirs, torch)
    same(ours, theirs)
    assert prune.is_pruned(ours)
    for name in ("weight", "bias"):
        if name + "_orig" in ours.state_dict():
            prune.remove(ours, name), torch.nn.utils.prune.remove(theirs, name)
    ours.zero_grad(), theirs.zero_grad()
    same(ours, theirs)
    assert not prune.is_pruned(ours)


def test_random_ones_remove_the_right_number():
    layer = nn.Linear(10, 8)
    prune.random_unstructured(layer, "weight", 0.25)
    assert (layer.weight_mask == 0).sum() == 20
    prune.random_structured(layer, "weight", 2, dim=0)
    assert ((layer.weight_mask.sum(1) == 0).sum()) >= 2


def test_errors():
    layer = nn.Linear(3, 2)
    with pytest.raises(ValueError, match="range"):
        prune.l1_unstructured(layer, "weight", 1.5)
    with pytest.raises(ValueError, match="smaller"):
        prune.l1_unstructured(layer, "weight", 100)
    with pytest.raises(TypeError, match="amount"):
        prune.l1_unstructured(layer, "weight", "many")
    with pytest.raises(ValueError, match="has to be pruned"):
        prune.remove(layer, "weight")
    with pytest.raises(ValueError, match="multidimensional"):
        prune.random_structured(layer, "bias", 1, dim=0)
    with pytest.raises(AttributeError, match="nothing"):
        prune.identity(layer, "nothing")


@pytest.mark.parametrize(("amount", "size", "found"), [(3, 10, 3), (0.25, 10, 2), (0, 4, 0), (1.0, 4, 4)])
def test_amounts_are_counts_or_shares(amount, size, found):
    prune._validate_pruning_amount_init(amount)
    prune._validate_pruning_amount(amount, size)
    assert prune._compute_nparams_toprune(amount, size) == found


def test_a_rule_without_a_mask_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        prune.BasePruningMethod()
