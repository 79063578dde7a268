"""Distributions by logits far from 0, where σ rounds to 0 or 1: the values are those of the formulas, not of a clamped σ."""

import math

import numpy as np
import pytest

import metagrad as mg

D = mg.distributions
LOGITS = [-100.0, -30.0, -3.0, -0.002, 0.0, 0.3, 3.0, 30.0, 100.0]


def _leaf(values, dtype=mg.float32):
    return mg.tensor(values, dtype=dtype, requires_grad=True)


def _grad_of_divergence(t, s):
    """d KL(σ(t), σ(s)) / dt = σ'(t) (t - s), and / ds = σ(s) - σ(t)."""
    sigma = [1 / (1 + np.exp(-x)) for x in (t, s)]
    return np.exp(-np.abs(t)) / (1 + np.exp(-np.abs(t))) ** 2 * (t - s), sigma[1] - sigma[0]


@pytest.mark.parametrize("other", [0.0, -2.0])
def test_divergence_of_bernoullis_is_exact_where_sigma_is_rounded(other):
    t = np.array(LOGITS)
    for swapped in (False, True):
        own, s = _leaf(LOGITS), _leaf([other] * len(LOGITS))
        p, q = (D.Bernoulli(logits=x) for x in ((s, own) if swapped else (own, s)))
        found = D.kl_divergence(p, q)
        a, b = (np.full_like(t, other), t) if swapped else (t, np.full_like(t, other))
        chances = 1 / (1 + np.exp(-a)), 1 / (1 + np.exp(a))
        logs = [-np.logaddexp(0, -x) + np.logaddexp(0, -y) for x, y in ((a, b), (-a, -b))]
        np.testing.assert_allclose(found.detach(), chances[0] * logs[0] + chances[1] * logs[1], rtol=1e-5, atol=1e-6)
        found.sum().backward()
        first, second = _grad_of_divergence(a, b)
        np.testing.assert_allclose((s if swapped else own).grad, first, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose((own if swapped else s).grad, second, rtol=1e-4, atol=1e-7)


def test_divergence_of_bernoullis_of_certain_outcomes():
    p, q = _leaf([0.0, 1.0, 0.0]), mg.tensor([0.5, 0.5, 0.0])
    found = D.kl_divergence(D.Bernoulli(p), D.Bernoulli(q))
    np.testing.assert_allclose(found.detach(), [np.log(2), np.log(2), 0], rtol=1e-6)
    assert D.kl_divergence(D.Bernoulli(0.5), D.Bernoulli(0.0)).item() == np.inf
    found.sum().backward()
    assert np.isfinite(p.grad.numpy()).all()


def _moments(t):
    """log of the area, mean, variance and entropy of the density ∝ eᵗˣ on [0, 1], from 200 points of Gauss and Legendre."""
    x, w = np.polynomial.legendre.leggauss(200)
    x, w = (x + 1) / 2, w / 2
    area = max(t, 0) + np.log((w * np.exp(t * x - max(t, 0))).sum())
    density = w * np.exp(t * x - area)
    mean = (density * x).sum()
    return area, mean, (density * (x - mean) ** 2).sum(), area - t * mean


@pytest.mark.parametrize("t", LOGITS)
def test_continuous_bernoulli_is_the_truncated_exponential(t):
    logits = _leaf(t, mg.float64)
    d = D.ContinuousBernoulli(logits=logits)
    area, mean, variance, entropy = _moments(t)
    found = [d.mean, d.variance, d.entropy(), d.log_prob(mg.tensor(0.3, dtype=mg.float64))]
    np.testing.assert_allclose(
        [f.item() for f in found], [mean, variance, entropy, 0.3 * t - area], rtol=1e-9, atol=1e-12
    )
    slopes = [mg.autograd.grad(f, logits, retain_graph=True)[0].item() for f in (found[0], found[2], found[3])]
    np.testing.assert_allclose(slopes, [variance, -t * variance, 0.3 - mean], rtol=1e-6, atol=1e-9)
    u = mg.tensor([0.0, 0.1, 0.5, 0.9, 1.0], dtype=mg.float64)
    np.testing.assert_allclose(d.cdf(d.icdf(u)).detach(), u, rtol=1e-9, atol=1e-12)
    step = 1e-5
    density = (d.cdf(mg.tensor(0.3 + step, dtype=mg.float64)) - d.cdf(mg.tensor(0.3 - step, dtype=mg.float64))) / (
        2 * step
    )
    np.testing.assert_allclose(density.item(), found[3].exp().item(), rtol=1e-4, atol=1e-9)


def test_divergences_of_continuous_bernoullis_are_not_negative():
    for t in LOGITS:
        p, q = D.ContinuousBernoulli(logits=mg.tensor(t)), D.ContinuousBernoulli(logits=mg.tensor(0.0))
        area, mean, _, entropy = _moments(t)
        np.testing.assert_allclose(D.kl_divergence(p, q).item(), -entropy, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(D.kl_divergence(q, p).item(), area - t / 2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("logits", [0.0, 1e-10, 1e-7, 1e-4, 0.01, 0.03, -0.02])
def test_nearly_even_densities(kind, logits):
    """The quantiles are u + t u (1 − u) / 2 + t² u (1 − u) (1 − 2u) / 6 + …, and their derivatives finite."""
    t = mg.tensor(logits, dtype=getattr(mg, kind), requires_grad=True)
    density, u = mg.distributions.ContinuousBernoulli(logits=t), np.linspace(0.05, 0.95, 7)
    x = density.icdf(mg.tensor(u, dtype=t.dtype))
    (slope,) = mg.autograd.grad(x.sum(), t, retain_graph=True)
    curve = u * (1 - u) * (1 - 2 * u)
    np.testing.assert_allclose(x.detach().numpy(), u + logits * u * (1 - u) / 2 + logits**2 * curve / 6, atol=2e-6)
    np.testing.assert_allclose(slope.item(), (u * (1 - u) / 2 + logits * curve / 3).sum(), atol=2e-4)
    np.testing.assert_allclose(density.cdf(x).detach().numpy(), u, atol=2e-7)
    np.testing.assert_allclose(density.variance.item(), 1 / 12 - logits**2 / 240, atol=1e-7)


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize("bounds", [(0.6, 1e4), (8.0, 1000.0), (2.0, math.inf), (-math.inf, -2.0)])
def test_normal_numbers_between_bounds_far_apart(bounds):
    """Means of the tails: the density at the bound over the share beyond it."""
    a, b = bounds
    mg.manual_seed(0)
    x = mg.nn.init.trunc_normal_(mg.empty(20_000, dtype=mg.float64), 0.0, 1.0, a, b)
    bound = a if a > 0 else -b
    expected = math.exp(-(bound**2) / 2) / math.sqrt(2 * math.pi) / (math.erfc(bound / math.sqrt(2)) / 2)
    assert ((x >= a) & (x <= b)).all()
    assert abs(x.abs().mean().item() - expected) < 0.02


def test_gradients_of_samples_of_large_concentrations():
    """Where the series would be too long, what takes their place goes on as they end; and no number makes them endless."""
    from metagrad.distributions.implicit import gamma_slope, share_slope

    a = np.array([99_999.0, 100_001.0])
    for z in (-3, 0.5, 4):
        below, above = gamma_slope(a, a + z * np.sqrt(a))
        assert abs(below - 1 - z / 632.5) < 1e-3 and abs(above - below) < 1e-7
    a, x = np.array([2e6, 3e6]), np.array([0.4002, 0.5998])
    np.testing.assert_allclose(share_slope(a.astype(np.float32), x.astype(np.float32)), share_slope(a, x), rtol=1e-4)
    for number in (math.nan, math.inf, 1e12, 1e30):
        concentration = _leaf([[number, 1e30], [2.0, 3.0]])
        for one in (D.Gamma(concentration, 1.0, validate_args=False), D.Dirichlet(concentration, validate_args=False)):
            concentration.grad = None
            one.rsample()[:, 0].sum().backward()
            assert concentration.grad[1].isfinite().all() and concentration.grad[0, 0].isfinite() == (number < math.inf)
