"""The adaptive softmax against PyTorch's, and against its own definition."""

import numpy as np
import pytest

import metagrad
from metagrad import nn

pytestmark = pytest.mark.filterwarnings(
    "ignore:Initializing zero-element tensors"
)  # narrow clusters have no projection


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("head_bias", [False, True])
@pytest.mark.parametrize("batched", [False, True])
def test_values_and_gradients_equal_pytorchs(torch, dtype, head_bias, batched):
    rng = np.random.default_rng(3)
    layers = [
        lib.nn.AdaptiveLogSoftmaxWithLoss(
            16, 50, [5, 20, 30], div_value=2.0, head_bias=head_bias, dtype=getattr(lib, dtype)
        )
        for lib in (torch, metagrad)
    ]
    layers[1].load_state_dict({k: metagrad.tensor(v.numpy()) for k, v in layers[0].state_dict().items()})
    assert repr(layers[1]) == repr(layers[0])
    x, y = rng.normal(size=(7, 16)).astype(dtype), np.array([0, 4, 5, 19, 20, 49, 3])
    if not batched:
        x, y = x[0], np.array(49)
    found = []
    for lib, layer in zip((torch, metagrad), layers, strict=True):
        given = lib.tensor(x, requires_grad=True)
        output, loss = layer(given, lib.tensor(y))
        loss.backward()
        rows = given if batched else given.unsqueeze(0)
        grads = [given.grad, *[p.grad for p in layer.parameters()]]
        found.append([output, loss, layer.log_prob(rows), layer.predict(rows), *grads])
    for ours, theirs in zip(found[1], found[0], strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert ours.shape == tuple(theirs.shape)
            tolerance = 1e-9 if dtype == "float64" else 1e-4
            np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def test_it_is_a_distribution():
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 40, [10, 20], dtype=metagrad.float64)
    x = metagrad.randn(5, 8, dtype=metagrad.float64)
    log = layer.log_prob(x)
    assert metagrad.allclose(log.exp().sum(1), metagrad.ones(5, dtype=metagrad.float64))
    y = metagrad.tensor([0, 9, 10, 19, 39])
    assert metagrad.allclose(layer(x, y).output, log.gather(1, y.unsqueeze(1)).squeeze(1))
    assert metagrad.autograd.gradcheck(lambda x: layer(x, y).loss, (x.requires_grad_(),))


@pytest.mark.parametrize(
    ("cutoffs", "n"), [([], 10), ([5, 3], 10), ([3, 3], 10), ([0, 3], 10), ([3, 10], 10), ([1.5], 10)]
)
def test_cutoffs_are_checked(cutoffs, n):
    with pytest.raises(ValueError, match="cutoffs should be"):
        nn.AdaptiveLogSoftmaxWithLoss(4, n, cutoffs)


def test_inputs_are_checked():
    layer = nn.AdaptiveLogSoftmaxWithLoss(4, 10, [3])
    with pytest.raises(RuntimeError, match=r"\[0, 9\].*\[2, 10\]"):
        layer(metagrad.zeros(2, 4), metagrad.tensor([2, 10]))
    with pytest.raises(RuntimeError, match="same size in the batch dimension"):
        layer(metagrad.zeros(2, 4), metagrad.tensor([2, 1, 1]))
