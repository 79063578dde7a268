"""Sums of many halves: added up in float32, as PyTorch does it, for in float16 1 + 2048 is 2048 again."""

import numpy as np
import pytest

import metagrad as mg

X = (np.random.default_rng(0).uniform(0.1, 0.6, (70_000, 3))).astype(np.float16)
WIDE = X.astype(np.float64)
REDUCTIONS = {
    "sum over rows": (lambda x: x.sum(0), WIDE.sum(0)),
    "mean": (lambda x: x.mean(), WIDE.mean()),
    "mean over rows": (lambda x: x.mean(0), WIDE.mean(0)),
    "var": (lambda x: x.var(), WIDE.var(ddof=1)),
    "std over rows": (lambda x: x.std(0), WIDE.std(0, ddof=1)),
    "var_mean": (lambda x: mg.var_mean(x, 0)[1], WIDE.mean(0)),
    "nansum": (lambda x: x.nansum(0), WIDE.sum(0)),
    "nanmean": (lambda x: x.nanmean(0), WIDE.mean(0)),
    "norm": (lambda x: x.norm(dim=0), np.sqrt((WIDE**2).sum(0))),
    "linalg.norm": (lambda x: mg.linalg.norm(x, dim=0), np.sqrt((WIDE**2).sum(0))),
    "logsumexp": (lambda x: x.logsumexp(0), np.log(np.exp(WIDE).sum(0))),
    "log_softmax": (lambda x: x.log_softmax(0)[-1], WIDE[-1] - np.log(np.exp(WIDE).sum(0))),
    "cumsum": (lambda x: x.cumsum(0)[-1], WIDE.sum(0)),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name):
    function, expected = REDUCTIONS[name]
    found = function(mg.tensor(X))
    assert found.dtype is mg.float16
    np.testing.assert_allclose(found.numpy().astype(float), expected, rtol=2e-3)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["sum", "mean", "var", "norm", "logsumexp"])
def test_gradients(torch, name):
    found = []
    for lib in (torch, mg):
        weight = lib.ones(3, dtype=lib.float16, requires_grad=True)
        y = lib.from_numpy(X.copy()) * weight
        getattr(y, name)(dim=0).sum().backward()
        found.append(weight.grad.numpy().astype(float))
    np.testing.assert_allclose(found[1], found[0], rtol=2e-2)
