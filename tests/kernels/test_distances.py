"""Distances of all pairs of points: by products, pair by pair, compiled or not, as from the differences in float64."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning

RNG = np.random.default_rng(0)
THRESHOLDS = ("DISTANCES_LOOP", "DISTANCES_LARGE")
POINTS = {
    "scattered": (RNG.standard_normal((13, 5)), RNG.standard_normal((9, 5))),
    "far from 0": (RNG.standard_normal((13, 5)) + 1000, RNG.standard_normal((9, 5)) + 1000),
    "in two heaps": (
        np.repeat([[0.0] * 3, [5.0] * 3], 6, 0) + RNG.standard_normal((12, 3)) * 1e-3,
        np.full((4, 3), 5.0),
    ),
    "the same": (np.ones((6, 4)), np.ones((5, 4))),
    "huge": (RNG.standard_normal((6, 4)) * 1e25, RNG.standard_normal((5, 4)) * 1e10),
    "tiny": (RNG.standard_normal((6, 4)) * 1e-12, RNG.standard_normal((5, 4)) * 1e-12),
    "one": (RNG.standard_normal((1, 1)), RNG.standard_normal((1, 1))),
}


def exact(x, y, p):
    """In float64."""
    difference = x.astype(np.float64)[:, None] - y.astype(np.float64)
    if p == 2:
        return np.sqrt((difference**2).sum(-1))
    return np.abs(difference).sum(-1) if p == 1 else np.abs(difference).max(-1)


@pytest.mark.parametrize("p", [1, 2, np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", POINTS)
def test_no_digits_are_lost(both, threads, monkeypatch, name, dtype, p):
    monkeypatch.setattr(tuning, "DISTANCES_CHUNK", 20)
    x, y = (a.astype(dtype) for a in POINTS[name])
    expected = exact(x, y, p)
    for found in both(lambda: metagrad.cdist(metagrad.from_numpy(x), metagrad.from_numpy(y), p).numpy()):
        assert found.dtype == dtype
        fits = expected < 1e18 if dtype == "float32" else True  # beyond, squares are infinite in float32, as in PyTorch
        np.testing.assert_allclose(found[fits], expected[fits], rtol=4e-6 if dtype == "float32" else 1e-13)


@pytest.mark.parametrize("p", [1, 2, np.inf])
def test_what_is_not_finite(both, p):
    x, y = RNG.standard_normal((6, 4)), RNG.standard_normal((5, 4))
    x[0, 1], x[1, 2], y[3, 0] = np.inf, np.nan, -np.inf
    for found in both(lambda: metagrad.cdist(metagrad.from_numpy(x), metagrad.from_numpy(y), p).numpy()):
        np.testing.assert_allclose(found, exact(x, y, p))


@pytest.mark.parametrize("p", [1, 2, np.inf])
@pytest.mark.parametrize("name", ["scattered", "in two heaps", "one"])
def test_gradients_by_finite_differences(both, name, p):
    x, y = POINTS[name]
    y = y + 0.01 * RNG.standard_normal(y.shape)

    def run():
        a, b = (metagrad.tensor(v[:4] * (1 if name == "scattered" else 10), requires_grad=True) for v in (x, y))
        assert metagrad.autograd.gradcheck(lambda a, b: metagrad.cdist(a, b, p) ** 2, (a, b))
        assert metagrad.autograd.gradcheck(lambda a: metagrad.pdist(a, p) ** 2, (a,)) if len(x) > 1 else True
        if name == "scattered":
            assert metagrad.autograd.gradgradcheck(lambda a, b: metagrad.cdist(a, b, p) ** 3, (a, b))
            assert metagrad.autograd.gradgradcheck(lambda a: metagrad.pdist(a, p) ** 3, (a,))

    both(run)


def results(library, x, y, p):
    x, y = (library.tensor(a, requires_grad=True) for a in (x, y))
    d, e = library.cdist(x, y, p), library.nn.functional.pdist(x, p)
    ((d * d * d).sum() + (e * library.arange(len(e))).sum()).backward()
    return [a.detach().numpy() for a in (d, e, x.grad, y.grad)]


@pytest.mark.oracle
@pytest.mark.parametrize("p", [1, 2, np.inf])
@pytest.mark.parametrize("name", ["scattered", "far from 0", "the same"])
def test_as_pytorch(both, torch, name, p):
    x, y = POINTS[name]
    for found in both(lambda: results(metagrad, x, y, p)):
        for here, there in zip(found, results(torch, x, y, p), strict=True):
            assert here.shape == there.shape
            np.testing.assert_allclose(here, there, rtol=1e-9, atol=1e-9)


def test_by_hand(both):
    def run():
        x = metagrad.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]], requires_grad=True)
        d = metagrad.cdist(x, x)
        d.sum().backward()
        return d.tolist(), metagrad.pdist(x).tolist(), metagrad.pdist(x, 1).tolist(), x.grad.tolist()

    for d, e, f, grad in both(run):
        assert d == [[0, 5, 0], [5, 0, 5], [0, 5, 0]] and e == [5, 0, 5] and f == [7, 0, 7]
        np.testing.assert_allclose(grad, [[-1.2, -1.6], [2.4, 3.2], [-1.2, -1.6]], rtol=1e-6)


def test_stacks_of_points(both, monkeypatch):
    from metagrad.ops.reduce import distances

    monkeypatch.setattr(distances, "_ALONE", 1)
    x, y = RNG.standard_normal((3, 6, 4)), RNG.standard_normal((3, 5, 4))
    expected = np.stack([exact(a, b, 2) for a, b in zip(x, y, strict=True)])
    for found in both(lambda: metagrad.cdist(metagrad.from_numpy(x), metagrad.from_numpy(y)).numpy()):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    turned = metagrad.from_numpy(x.swapaxes(1, 2)[:, :, :4])
    for found in both(lambda: metagrad.cdist(turned, metagrad.from_numpy(y)).numpy()):
        np.testing.assert_allclose(found[1], exact(x[1].T[:, :4], y[1], 2), rtol=1e-12)
