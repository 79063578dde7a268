"""Cosines of rows by compiled loops are those of ordinary ops, and so are their derivatives."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.kernels.compiled import choice
from metagrad.nn import functional as F
from metagrad.nn.functional.distance import plain_cosine
from metagrad.nn.functional.layer_norm import Directions

RNG = np.random.default_rng(0)
THRESHOLDS = ("COMPILED_WORTH", "ROWS_WORTH_THREADS")


def pair(shape, dtype):
    """Rows of zeros, of tiny numbers, of large ones, and one that is not finite, among others."""
    x, y = (RNG.standard_normal(shape).astype(dtype) for _ in range(2))
    rows = x.reshape(-1, shape[-1])
    if len(rows) > 4:
        rows[0], rows[1], rows[2] = 0, rows[1] * 1e-12, rows[2] * 1e25
        y.reshape(rows.shape)[3, 0] = np.inf
    return x, y


def value_and_gradients(lib, x, y, **settings):
    x, y = (lib.tensor(a, requires_grad=True) for a in (x, y))
    z = lib.nn.functional.cosine_similarity(x, y, -1, **settings)
    z.backward(lib.tensor(np.cos(np.arange(z.numel())).reshape(tuple(z.shape)).astype(x.detach().numpy().dtype)))
    return [z.detach().numpy(), x.grad.numpy(), y.grad.numpy()]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(7, 33), (1, 1), (2, 3, 40), (9, 5)])
def test_values_and_gradients(both, shape, dtype, threads):
    x, y = pair(shape, dtype)
    for eps in (1e-8, 0.5):
        found, expected = both(lambda eps=eps: value_and_gradients(metagrad, x, y, eps=eps))
        for a, b in zip(found, expected, strict=True):
            scale = 1 + np.nan_to_num(np.abs(b), posinf=0)
            np.testing.assert_allclose(a / scale, b / scale, atol=2e-5 if dtype == "float32" else 1e-10, rtol=0)


@pytest.mark.oracle
def test_as_pytorch(both, torch):
    x, y = pair((8, 64), "float64")
    expected = value_and_gradients(torch, x, y)
    for found in both(lambda: value_and_gradients(metagrad, x, y)):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_derivatives(both):
    x, y = (metagrad.tensor(RNG.standard_normal((3, 4)), requires_grad=True) for _ in range(2))

    def function(x, y):
        return metagrad.nn.functional.cosine_similarity(x, y, -1)

    checks = (metagrad.autograd.gradcheck, metagrad.autograd.gradgradcheck)
    assert all(both(lambda: all(check(function, (x, y)) for check in checks)))


def test_one_gradient_alone_and_repeated_rows(both):
    x, y = RNG.standard_normal((6, 20)), RNG.standard_normal((1, 20))

    def run():
        leaf = metagrad.tensor(x, requires_grad=True)
        metagrad.nn.functional.cosine_similarity(leaf, metagrad.tensor(y)).sum().backward()
        return leaf.grad.numpy()

    np.testing.assert_allclose(*both(run), rtol=1e-10, atol=1e-12)


def test_what_is_written_to_a_result_does_not_reach_its_gradient():
    found = []
    for compute in (lambda x, y: F.cosine_similarity(x, y, -1), lambda x, y: plain_cosine(x, y, 1e-8, -1)):
        rng = np.random.default_rng(0)
        x, y = (
            metagrad.tensor(rng.standard_normal((2000, 128)).astype(np.float32), requires_grad=True) for _ in range(2)
        )
        c = compute(x, y)
        c.mul_(3.0)
        (c * metagrad.arange(2000).cos()).sum().backward()
        found.append((x.grad.numpy(), y.grad.numpy()))
    for here, there in zip(*found, strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-4, atol=1e-6)


@pytest.fixture
def directions(monkeypatch):
    """``normalize`` by NumPy's rows, however few there are."""
    monkeypatch.setattr(tuning, "ROWS_WORTH_THREADS", 1)
    monkeypatch.setattr(choice, "available", lambda: False)


def normalized(lib, x, eps):
    leaf = lib.tensor(x, requires_grad=True)
    y = lib.nn.functional.normalize(leaf, dim=-1, eps=eps)
    y.backward(lib.tensor(np.cos(np.arange(x.size)).reshape(x.shape).astype(x.dtype)))
    return y.detach().numpy(), leaf.grad.numpy()


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(7, 33), (1, 1), (2, 3, 40)])
def test_directions_are_pytorchs(directions, torch, threads, shape, dtype):
    x, _ = pair(shape, dtype)
    for eps in (1e-12, 0.5):
        for found, expected in zip(normalized(metagrad, x, eps), normalized(torch, x, eps), strict=True):
            scale = 1 + np.nan_to_num(np.abs(expected), posinf=0)
            np.testing.assert_allclose(found / scale, expected / scale, atol=1e-5 if dtype == "float32" else 1e-12)


def test_derivatives_of_directions(directions):
    x = metagrad.tensor(RNG.standard_normal((3, 4)), requires_grad=True)
    for eps in (1e-12, 2.0):
        for check in (metagrad.autograd.gradcheck, metagrad.autograd.gradgradcheck):
            assert check(lambda x, eps=eps: F.normalize(x, dim=1, eps=eps), (x,))
    y = F.normalize(x)
    assert isinstance(y._grad_fn, Directions)
    y.mul_(2).sum().backward()  # the gradient needs the input alone
    expected = metagrad.autograd.grad((x / x.norm(dim=1, keepdim=True) * 2).sum(), x)[0]
    np.testing.assert_allclose(x.grad.numpy(), expected.numpy(), atol=1e-12)


def test_a_row_of_nan_changes_no_other(directions):
    x, y = (RNG.standard_normal((300, 64)).astype("f") for _ in range(2))
    before = F.cosine_similarity(metagrad.tensor(x), metagrad.tensor(y), dim=-1).numpy()
    x[299, 0] = np.nan
    after = F.cosine_similarity(metagrad.tensor(x), metagrad.tensor(y), dim=-1).numpy()
    np.testing.assert_array_equal(after[:299], before[:299])
    assert np.isnan(after[299])
