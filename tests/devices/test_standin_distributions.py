"""Distributions whose parameters are on the stand-in device: samples and densities are there, too, and are the CPU's numbers."""

import numpy as np
import pytest
from tests.devices.standin import Strict, install

import metagrad
from metagrad import distributions as D
from metagrad.distributions import constraints, transforms


@pytest.fixture(autouse=True)
def fake_gpu(monkeypatch):
    install(monkeypatch)


def pair(*numbers, device):
    return metagrad.tensor(numbers, device=device)


def matrix(device):
    return metagrad.tensor([[1.0, 0.2], [0.2, 2.0]], device=device)


def standard(*shape, device):
    return D.Independent(D.Normal(metagrad.zeros(*shape, device=device), 1.0), len(shape))


# a distribution, made of parameters on a device, and an outcome
OF_PAIRS = {
    "Beta": [0.2, 0.4], "Cauchy": [0.2, 0.4], "FisherSnedecor": [0.2, 0.8], "Gamma": [0.2, 0.8], "Gumbel": [0.5, 0.8],
    "InverseGamma": [0.5, 0.8], "Kumaraswamy": [0.5, 0.8], "Laplace": [0.5, 0.8], "LogNormal": [0.5, 0.8],
    "LogisticNormal": [0.5, 0.2, 0.3], "Normal": [0.5, 0.2], "Pareto": [11.5, 12.2], "StudentT": [1.5, 2.2],
    "VonMises": [1.5, 2.2], "Weibull": [1.5, 2.2],
}  # fmt: skip
OF_ONE = {
    "Bernoulli": [1.0, 0.0], "Categorical": 1, "Chi2": [0.2, 0.4], "ContinuousBernoulli": [0.2, 0.4], "Dirichlet": [0.2, 0.8],
    "Exponential": [0.2, 0.8], "Geometric": [1.0, 3.0], "HalfCauchy": [0.5, 0.8], "HalfNormal": [0.5, 0.8],
    "OneHotCategorical": [1.0, 0.0], "OneHotCategoricalStraightThrough": [1.0, 0.0], "Poisson": [1.0, 2.0],
}  # fmt: skip
KINDS = {
    **{
        name: (lambda d, name=name: getattr(D, name)(pair(3.3, 5.6, device=d), pair(5.3, 6.6, device=d)), outcome)
        for name, outcome in OF_PAIRS.items()
    },
    **{name: (lambda d, name=name: getattr(D, name)(pair(0.3, 0.6, device=d)), x) for name, x in OF_ONE.items()},
    "Uniform": (lambda d: D.Uniform(pair(0.3, 0.6, device=d), 4.0), [1.5, 2.2]),
    "Binomial": (lambda d: D.Binomial(5, pair(0.3, 0.6, device=d)), [2.0, 4.0]),
    "NegativeBinomial": (lambda d: D.NegativeBinomial(3, pair(0.3, 0.6, device=d)), [2.0, 4.0]),
    "Multinomial": (lambda d: D.Multinomial(5, pair(0.3, 0.7, device=d)), [2.0, 3.0]),
    "GeneralizedPareto": (lambda d: D.GeneralizedPareto(pair(0.3, 0.6, device=d), 1.0, 0.2), [0.5, 0.8]),
    "RelaxedBernoulli": (lambda d: D.RelaxedBernoulli(0.5, pair(0.3, 0.6, device=d)), [0.4, 0.2]),
    "RelaxedOneHotCategorical": (lambda d: D.RelaxedOneHotCategorical(0.5, pair(0.3, 0.6, device=d)), [0.4, 0.6]),
    "LKJCholesky": (lambda d: D.LKJCholesky(2, pair(1.5, 2.0, device=d)), [[[1.0, 0.0], [0.6, 0.8]]] * 2),
    "LowRankMultivariateNormal": (
        lambda d: D.LowRankMultivariateNormal(pair(0.3, 0.6, device=d), matrix(d)[:, :1], pair(1.3, 0.6, device=d)),
        [0.5, 0.2],
    ),
    "MultivariateNormal": (lambda d: D.MultivariateNormal(pair(0.3, 0.6, device=d), matrix(d)), [0.5, 0.2]),
    "Wishart": (lambda d: D.Wishart(metagrad.tensor(3.0, device=d), matrix(d)), [[1.5, 0.2], [0.2, 1.0]]),
    "Wishart of a number": (lambda d: D.Wishart(3.0, matrix(d)), [[1.5, 0.2], [0.2, 1.0]]),
    "MixtureSameFamily": (
        lambda d: D.MixtureSameFamily(
            D.Categorical(pair(0.3, 0.6, device=d)), D.Normal(pair(0.3, 0.6, device=d), pair(1.3, 0.6, device=d))
        ),
        0.2,
    ),
    "Independent": (lambda d: standard(2, device=d), [0.5, 0.2]),
    "of powers": (
        lambda d: D.TransformedDistribution(
            D.Uniform(pair(0.3, 0.6, device=d), 6.0),
            [D.PowerTransform(metagrad.tensor(2.0)), D.AffineTransform(1.0, 2.0)],
        ),
        [9.0, 12.0],
    ),
    "of a broken stick": (
        lambda d: D.TransformedDistribution(standard(2, device=d), [D.StickBreakingTransform()]),
        [0.5, 0.2, 0.3],
    ),
    "of correlations": (
        lambda d: D.TransformedDistribution(standard(3, device=d), [D.CorrCholeskyTransform()]),
        [[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.6, 0.0, 0.8]],
    ),
    "of columns": (
        lambda d: D.TransformedDistribution(
            D.Normal(metagrad.zeros(2, 2, device=d), 1.0),
            [transforms.StackTransform([D.ExpTransform(), D.SigmoidTransform()], dim=1)],
        ),
        [[1.0, 0.5], [0.2, 0.3]],
    ),
}


def test_every_distribution_has_a_case():
    abstract = {"Distribution", "ExponentialFamily", "TransformedDistribution"}
    there = {n for n, c in vars(D).items() if isinstance(c, type) and issubclass(c, D.Distribution)}
    assert there - abstract <= {*KINDS}


def results(make, outcome, device):
    """What is known of a distribution without a draw, by name: where there is no such thing, the kind of error."""
    d, x = make(device), metagrad.tensor(outcome, device=device)
    asked = {name: lambda name=name: getattr(d, name) for name in ("mean", "variance", "mode", "stddev")}
    asked |= {
        "log_prob": lambda: d.log_prob(x), "cdf": lambda: d.cdf(x), "entropy": d.entropy, "perplexity": d.perplexity,
        "icdf": lambda: d.icdf(metagrad.full(d.batch_shape or (1,), 0.3, device=device)), "support": d.enumerate_support,
        "divergence": lambda: D.kl_divergence(d, make(device)), "wide": lambda: d.expand((3, *d.batch_shape)).log_prob(x),
    }  # fmt: skip
    found = {}
    for name, ask in asked.items():
        try:
            found[name] = ask()
        except (NotImplementedError, ValueError) as error:
            found[name] = type(error)
    return found


@pytest.mark.parametrize("name", KINDS)
def test_a_distribution(name):
    expected, found = results(*KINDS[name], "cpu"), results(*KINDS[name], "cuda")
    for what, ours in found.items():
        theirs = expected[what]
        if isinstance(theirs, type):
            assert ours is theirs, what
            continue
        assert isinstance(ours.array, Strict), f"{what} is not on the device"
        np.testing.assert_allclose(ours.detach().cpu().numpy(), theirs.detach().numpy(), 1e-4, 1e-5, err_msg=what)


@pytest.mark.parametrize("name", KINDS)
def test_samples(name):
    make, _ = KINDS[name]
    d = make("cuda")
    samples = [d.sample(), d.sample((3,)), d.expand((3, *d.batch_shape)).sample()]
    samples += [d.rsample((3, 2))] if d.has_rsample else []
    assert all(isinstance(s.array, Strict) for s in samples)
    assert [*samples[1].shape] == [3, *make("cpu").sample().shape]
    assert bool(d.support.check(samples[1]).all())
    assert isinstance(d.log_prob(samples[1]).array, Strict)


@pytest.mark.parametrize("name", ["Gamma", "Beta", "StudentT", "Normal", "Dirichlet", "Wishart of a number"])
def test_samples_bring_gradients_to_the_device(name):
    given = metagrad.tensor([3.3, 5.6], device="cuda", requires_grad=True)
    made = {
        "Dirichlet": lambda: D.Dirichlet(given),
        "Wishart of a number": lambda: D.Wishart(3.0, given.diag()),
    }.get(name, lambda: getattr(D, name)(given, 2.0))
    made().rsample((4,)).square().sum().backward()
    assert isinstance(given.grad.array, Strict) and bool(given.grad.isfinite().all())


def test_the_way_to_a_constraint():
    free = metagrad.zeros(3, device="cuda")
    for constraint in (constraints.positive, constraints.simplex, constraints.corr_cholesky, constraints.unit_interval):
        assert isinstance(D.transform_to(constraint)(free).array, Strict)
