"""Losses and norms at the top of the namespace: numbers for reductions, and weights before running values."""

import numpy as np
import pytest

import metagrad


def calls(lib):
    x, y = lib.tensor([[0.3, 0.7], [0.1, -0.2]]), lib.tensor([[1.0, -1.0], [-1.0, 1.0]])
    images, two = lib.arange(12.0).reshape(1, 2, 6), lib.tensor([0.5, 2.0])
    log_q, labels = lib.zeros(3, 1, 3).log_softmax(2), lib.tensor([[1, 2]])
    return {
        "kl_div": lambda r: lib.kl_div(x, y.abs(), r),
        "kl_div of logarithms": lambda r: lib.kl_div(x, y, r, log_target=True),
        "hinge_embedding_loss": lambda r: lib.hinge_embedding_loss(x, y, 1.0, r),
        "margin_ranking_loss": lambda r: lib.margin_ranking_loss(x, y, y, 0.5, r),
        "cosine_embedding_loss": lambda r: lib.cosine_embedding_loss(x, y, lib.ones(2), 0.0, r),
        "triplet_margin_loss": lambda r: lib.triplet_margin_loss(x, y, x, 1.0, 2.0, 1e-6, False, r),
        "poisson_nll_loss": lambda r: lib.poisson_nll_loss(x, y.abs(), True, False, 1e-8, r),
        "binary_cross_entropy_with_logits": lambda r: lib.binary_cross_entropy_with_logits(x, y.abs(), None, None, r),
        "ctc_loss": lambda r: lib.ctc_loss(log_q, labels, lib.tensor([3]), lib.tensor([2]), 0, r),
        "no reduction": lambda r: lib.margin_ranking_loss(x, y, y, 0.5),
        "batch_norm": lambda r: lib.batch_norm(x, two, None, None, None, True, 0.1, 1e-5, False),
        "instance_norm": lambda r: lib.instance_norm(images, two, two, None, None, True, 0.1, 1e-5, False),
        "group_norm": lambda r: lib.group_norm(images, 2, two, two, 1e-5, False),
    }


@pytest.mark.parametrize("name", calls(metagrad))
def test_a_sum_and_a_mean_are_of_the_parts(name):
    call = calls(metagrad)[name]
    parts, mean, total = call(0), call(1), call(2)
    if total.ndim == 0:
        np.testing.assert_allclose(total.item(), parts.sum().item(), rtol=1e-6)
        assert mean.ndim == 0 and parts.ndim
    else:  # a norm, and what is not told a reduction
        assert parts.tolist() == total.tolist()


def test_the_numbers():
    x, y = metagrad.tensor([0.0, 2.0]), metagrad.tensor([1.0, -1.0])
    assert metagrad.margin_ranking_loss(x, y, y, 0.5, 0).tolist() == [1.5, 3.5]
    assert metagrad.margin_ranking_loss(x, y, y, 0.5, 2).item() == 5
    assert metagrad.hinge_embedding_loss(x, y, 1.0, reduction="mean").item() == 0
    with pytest.raises(ValueError, match="reduction must be 0, 1 or 2, got 3"):
        metagrad.kl_div(x, y, 3)
    with pytest.raises(TypeError, match="multiple values for argument 'target'"):
        metagrad.kl_div(x, y, target=y)
    with pytest.raises(TypeError, match="at most 4 positional arguments"):
        metagrad.kl_div(x, y, 0, 1, 2)


@pytest.mark.oracle
@pytest.mark.parametrize("name", calls(metagrad))
def test_they_are_pytorchs(torch, name):
    for reduction in (0, 1, 2):
        found, expected = calls(metagrad)[name](reduction), calls(torch)[name](reduction)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def calls_in_nn(lib):
    nn, x = lib._C._nn, lib.tensor([[1.0, 2.0, -1.0], [0.5, 0.25, 3.0]])
    y, labels, shares = x * 2 - 1, lib.tensor([0, 2]), x.sigmoid()
    return {
        "mse_loss": lambda *r: nn.mse_loss(x, y, *r),
        "l1_loss": lambda *r: nn.l1_loss(x, y, *r),
        "smooth_l1_loss": lambda *r: nn.smooth_l1_loss(x, y, *r),
        "huber_loss": lambda *r: nn.huber_loss(x, y, *r),
        "soft_margin_loss": lambda *r: nn.soft_margin_loss(x, y, *r),
        "multilabel_margin_loss": lambda *r: nn.multilabel_margin_loss(x, lib.tensor([[0, -1, 1], [0, 1, -1]]), *r),
        "nll_loss": lambda *r: nn.nll_loss(x, labels, None, *r),
        "nll_loss_nd": lambda *r: nn.nll_loss_nd(x, labels, None, *r),
        "cross_entropy_loss": lambda *r: nn.cross_entropy_loss(x, labels, None, *r),
        "binary_cross_entropy": lambda *r: nn.binary_cross_entropy(shares, shares, None, *r),
        "multi_margin_loss": lambda *r: nn.multi_margin_loss(x, labels, 1, 1.0, None, *r),
    }


@pytest.mark.parametrize("name", calls_in_nn(metagrad))
def test_the_inner_functions_sum_and_average_their_parts(name):
    call = calls_in_nn(metagrad)[name]
    assert call().tolist() == call(0).tolist() and call(0).ndim
    np.testing.assert_allclose(call(1).item(), call(0).mean().item(), rtol=1e-6)
    np.testing.assert_allclose(call(2).item(), call(0).sum().item(), rtol=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("name", calls_in_nn(metagrad))
def test_the_inner_functions_are_pytorchs(torch, name):
    for reduction in ((), (0,), (1,), (2,)):
        found, expected = calls_in_nn(metagrad)[name](*reduction), calls_in_nn(torch)[name](*reduction)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_settings_after_the_reduction():
    nn, x, y = metagrad._C._nn, metagrad.tensor([0.0, 4.0]), metagrad.tensor([1.0, 0.0])
    assert nn.smooth_l1_loss(x, y, 2, 2.0).item() == 0.25 + 3
    assert nn.huber_loss(input=x, target=y, reduction=0, delta=2.0).tolist() == [0.5, 6]
    assert nn.gelu(metagrad.zeros(1)).tolist() == [0]
