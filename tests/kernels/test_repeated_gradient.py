"""The gradient of a sum is one number for all elements: large pointwise ops go backward by it without writing it out."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning

F = metagrad.nn.functional

OPS = {
    "square": lambda x, y: (x * x).sum(),
    "product": lambda x, y: (x * y).mean(),
    "difference": lambda x, y: (x - y).sum(),
    "negative": lambda x, y: (-x).sum(),
    "divided": lambda x, y: (x / 3.0).sum(),
    "quotient": lambda x, y: (x / (y * y + 1)).sum(),
    "row": lambda x, y: (x * y[:1]).sum(),
    "column": lambda x, y: (x + y[:, :1]).sum(),
    "exp": lambda x, y: x.exp().sum(),
    "relu": lambda x, y: x.relu().mean(),
    "tanh": lambda x, y: x.tanh().sum(),
    "where": lambda x, y: metagrad.where(x > 0, x, y).sum(),
    "floored": lambda x, y: x.floor().sum(),
    "transposed": lambda x, y: (x.t() * y.t()).sum(),
    "elu": lambda x, y: F.elu(x).sum(),
    "mse": lambda x, y: F.mse_loss(x, y),
    "smooth l1": lambda x, y: F.smooth_l1_loss(x, y, beta=0.5),
    "smooth l1, 1": lambda x, y: F.smooth_l1_loss(x, y),
    "huber": lambda x, y: F.huber_loss(x, y, delta=0.7),
}


def gradients(name, dtype):
    rng = np.random.default_rng(0)
    x, y = (metagrad.from_numpy(rng.standard_normal((70, 50)).astype(dtype)).requires_grad_() for _ in range(2))
    loss = OPS[name](x, y)
    loss.backward()
    return loss, x.grad, y.grad


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPS)
def test_the_gradient_is_that_of_small_arrays(name, dtype, monkeypatch):
    small = gradients(name, dtype)
    for threshold in ("POINTWISE_LARGE", "SPREAD_LARGE", "COMPILED_WORTH"):
        monkeypatch.setattr(tuning, threshold, 100)
    rtol = 1e-5 if dtype == "float32" else 1e-12
    for found, expected in zip(gradients(name, dtype), small, strict=True):
        assert (found is None) == (expected is None)
        if found is not None:
            assert found.shape == expected.shape and found.dtype == expected.dtype
            np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=rtol, atol=rtol / 10)


@pytest.mark.parametrize("name", ["mse", "smooth l1", "smooth l1, 1", "huber"])
@pytest.mark.parametrize("needs", [(True, False), (False, True), (True, True)])
def test_losses_have_first_and_second_derivatives(name, needs):
    rng = np.random.default_rng(1)
    x, y = (metagrad.from_numpy(rng.standard_normal((3, 4))).requires_grad_(need) for need in needs)
    assert metagrad.autograd.gradcheck(OPS[name], (x, y))
    assert metagrad.autograd.gradgradcheck(OPS[name], (x, y))


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_losses_are_pytorchs(torch, dtype, reduction):
    rng = np.random.default_rng(2)
    values = [rng.standard_normal((6, 7)).astype(np.float32) for _ in range(2)]
    results = []
    for library in (torch, metagrad):
        kind = getattr(library, dtype)
        x, y = (library.from_numpy(v).to(kind).requires_grad_() for v in values)
        f = library.nn.functional
        losses = [
            f.mse_loss(x, y, reduction=reduction), f.smooth_l1_loss(x, y, reduction=reduction, beta=0.5),
            f.smooth_l1_loss(x, y, reduction=reduction), f.huber_loss(x, y, reduction=reduction, delta=0.7),
        ]  # fmt: skip
        grads = [g for loss in losses for g in library.autograd.grad(loss.sum(), (x, y))]
        results.append([t.detach().to(library.float64).numpy() for t in (*losses, *grads)])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(
            ours, theirs, **({"rtol": 0.02, "atol": 0.02} if dtype == "bfloat16" else {"rtol": 2e-6, "atol": 1e-7})
        )
