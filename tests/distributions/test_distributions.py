"""Distributions against PyTorch's: densities, moments, entropies, divergences, their gradients; samples by their moments."""

import numpy as np
import pytest

import metagrad as mg

A, B = [0.3, 1.5, 2.5], [0.7, 1.2, 3.0]
P, Q = [0.2, 0.5, 0.9], [0.6, 0.1, 0.7]
ROWS = [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]
# name, parameters, other parameters of the same kind, values
CASES = [
    ("Normal", {"loc": [-1.0, 0.0, 2.0], "scale": A}, {"loc": A, "scale": B}, [0.1, -2.0, 3.0]),
    ("LogNormal", {"loc": [-1.0, 0.0, 0.5], "scale": A}, {"loc": A, "scale": B}, [0.1, 2.0, 3.0]),
    ("HalfNormal", {"scale": A}, None, [0.1, 2.0, 3.0]),
    ("Laplace", {"loc": [-1.0, 0.0, 2.0], "scale": A}, {"loc": A, "scale": B}, [0.1, -2.0, 3.0]),
    ("Cauchy", {"loc": [-1.0, 0.0, 2.0], "scale": A}, None, [0.1, -2.0, 3.0]),
    ("Gumbel", {"loc": [-1.0, 0.0, 2.0], "scale": A}, None, [0.1, -2.0, 3.0]),
    ("Uniform", {"low": [-1.0, 0.0, 2.0], "high": [1.0, 3.0, 4.0]},
     {"low": [-2.0, -1.0, 0.0], "high": [2.0, 5.0, 9.0]}, [0.1, 2.0, 3.0]),
    ("Exponential", {"rate": A}, {"rate": B}, [0.1, 2.0, 3.0]),
    ("Gamma", {"concentration": A, "rate": B}, {"concentration": B, "rate": A}, [0.1, 2.0, 3.0]),
    ("Chi2", {"df": A}, None, [0.1, 2.0, 3.0]),
    ("Beta", {"concentration1": A, "concentration0": B}, {"concentration1": B, "concentration0": A}, [0.1, 0.5, 0.9]),
    ("Dirichlet", {"concentration": [A, B]}, {"concentration": [B, A]}, ROWS),
    ("StudentT", {"df": [3.0, 4.5, 9.0], "loc": A, "scale": B}, None, [0.1, -2.0, 3.0]),
    ("Bernoulli", {"probs": P}, {"probs": Q}, [0.0, 1.0, 1.0]),
    ("Bernoulli", {"logits": [-1.0, 0.0, 3.0]}, {"logits": [0.5, 2.0, 0.0]}, [0.0, 1.0, 1.0]),
    ("Geometric", {"probs": P}, None, [0.0, 1.0, 4.0]),
    ("Binomial", {"total_count": 5, "probs": P}, None, [0.0, 3.0, 5.0]),
    ("Poisson", {"rate": A}, {"rate": B}, [0.0, 2.0, 3.0]),
    ("Categorical", {"probs": ROWS}, {"probs": ROWS[::-1]}, [2, 0]),
    ("Categorical", {"logits": ROWS}, {"logits": ROWS[::-1]}, [2, 0]),
    ("OneHotCategorical", {"logits": ROWS}, None, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
    ("MultivariateNormal", {"loc": [1.0, 2.0], "covariance_matrix": [[2.0, 0.5], [0.5, 1.0]]},
     {"loc": [0.0, 1.0], "covariance_matrix": [[1.0, -0.2], [-0.2, 3.0]]}, [[0.3, 0.4], [2.0, 1.0]]),
    ("LowRankMultivariateNormal", {"loc": [1.0, 2.0, 0.0], "cov_factor": [[1.0], [0.5], [-0.3]], "cov_diag": A}, None, [A, B]),
    ("HalfCauchy", {"scale": A}, None, [0.1, 2.0, 3.0]),
    ("InverseGamma", {"concentration": [2.5, 3.5, 4.0], "rate": B}, None, [0.1, 2.0, 3.0]),
    ("FisherSnedecor", {"df1": [2.5, 3.5, 4.0], "df2": [4.5, 5.0, 9.0]}, None, [0.1, 2.0, 3.0]),
    ("Weibull", {"scale": A, "concentration": B}, None, [0.1, 2.0, 3.0]),
    ("Pareto", {"scale": A, "alpha": [2.5, 3.0, 4.0]}, None, [0.4, 2.0, 3.0]),
    ("Kumaraswamy", {"concentration1": A, "concentration0": B}, None, [0.1, 0.5, 0.9]),
    ("VonMises", {"loc": [-1.0, 0.0, 2.0], "concentration": B}, None, [0.1, -2.0, 3.0]),
    ("ContinuousBernoulli", {"probs": P}, None, [0.1, 0.5, 0.9]),
    ("ContinuousBernoulli", {"logits": [-1.0, 0.001, 3.0]}, None, [0.1, 0.5, 0.9]),
    ("NegativeBinomial", {"total_count": 5, "probs": P}, None, [0.0, 3.0, 15.0]),
    ("NegativeBinomial", {"total_count": 5, "logits": [-1.0, 0.0, 0.5]}, None, [0.0, 3.0, 5.0]),
    ("Multinomial", {"total_count": 5, "probs": ROWS}, None, [[1.0, 4.0, 0.0], [2.0, 2.0, 1.0]]),
    ("OneHotCategoricalStraightThrough", {"probs": ROWS}, None, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
    ("RelaxedBernoulli", {"temperature": [0.7], "probs": P}, None, [0.1, 0.5, 0.9]),
    ("RelaxedOneHotCategorical", {"temperature": [0.7], "logits": ROWS}, None, ROWS),
    ("LogisticNormal", {"loc": [1.0, 2.0], "scale": [0.5, 1.0]}, None, ROWS),
    ("Wishart", {"df": [4.5], "covariance_matrix": [[2.0, 0.5], [0.5, 1.0]]}, None, [[[3.0, 0.2], [0.2, 2.0]]]),
    ("LKJCholesky", {"dim": 3, "concentration": [0.7, 2.0]}, None,
     [[[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.6, 0.8]]] * 2),
]  # fmt: skip


def leaves(lib, parameters):
    return {
        k: v if isinstance(v, int) else lib.tensor(v, dtype=lib.float64, requires_grad=True)
        for k, v in parameters.items()
    }


def value_of(lib, value):
    return lib.tensor(value) if isinstance(value[0], int) else lib.tensor(value, dtype=lib.float64)


def outcomes(lib, name, parameters, others, value):
    """Every number the distribution gives, with the gradients of its sum."""
    found = {}
    for what in ("log_prob", "cdf", "icdf", "entropy", "mean", "mode", "variance", "stddev", "kl"):
        own, other = leaves(lib, parameters), leaves(lib, others) if others else None
        d = getattr(lib.distributions, name)(**own)
        try:
            if what == "kl":
                if other is None:
                    continue
                y = lib.distributions.kl_divergence(d, getattr(lib.distributions, name)(**other))
            elif what == "icdf":
                y = d.icdf(lib.tensor([0.2, 0.5, 0.9], dtype=lib.float64))
            elif what in ("log_prob", "cdf"):
                y = getattr(d, what)(value_of(lib, value))
            else:
                y = getattr(d, what)
                y = y() if callable(y) else y
        except NotImplementedError:
            continue
        found[what] = y.detach().numpy()
        if y.requires_grad:
            try:
                y.sum().backward()
            except (
                NotImplementedError
            ):  # PyTorch's own: the incomplete gamma function has no gradient for its first argument
                continue
            for key, leaf in own.items():
                if not isinstance(leaf, int) and leaf.grad is not None:
                    found[what, key] = leaf.grad.numpy()
    shape = getattr(lib.distributions, name)(**leaves(lib, parameters))
    found["shapes"] = np.array([len(shape.batch_shape), len(shape.event_shape), *shape.sample((2, 4)).shape])
    return found


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Singular sample")
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{'-'.join(c[1])}")
def test_numbers_are_pytorchs(torch, case):
    expected, found = outcomes(torch, *case), outcomes(mg, *case)
    assert "log_prob" in found and set(found) <= set(expected)
    if case[0] == "Kumaraswamy":
        found = {
            what: value for what, value in found.items() if "mode" not in what
        }  # PyTorch's takes the logarithm of a negative number where there is one
    # Within its lims the cdf of PyTorch's ContinuousBernoulli is that of the uniform distribution.
    if case[0] == "ContinuousBernoulli":
        found = {what: value for what, value in found.items() if "cdf" not in str(what)}
    for what, value in found.items():
        np.testing.assert_allclose(value, expected[what], rtol=1e-6, atol=1e-9, err_msg=str(what))


WITHOUT_MOMENTS = {
    "Cauchy", "HalfCauchy", "LKJCholesky", "LogisticNormal", "RelaxedBernoulli", "RelaxedOneHotCategorical", "VonMises",
}  # fmt: skip


@pytest.mark.parametrize(
    "case", [c for c in CASES if c[0] not in WITHOUT_MOMENTS], ids=lambda c: f"{c[0]}-{'-'.join(c[1])}"
)
def test_samples_have_the_moments(case):
    mg.manual_seed(0)
    d = getattr(mg.distributions, case[0])(**leaves(mg, case[1]))
    drawn = d.sample((20000,))
    assert not drawn.requires_grad
    if case[0] == "Categorical":
        shares = mg.nn.functional.one_hot(drawn, 3).double().mean(0)
        np.testing.assert_allclose(shares.numpy(), d.probs.detach().numpy(), atol=0.02)
        return
    mean, deviation = d.mean.detach().numpy(), d.stddev.detach().numpy()
    if case[0] == "LogNormal":
        drawn, mean, deviation = drawn.log(), d.loc.detach().numpy(), d.scale.detach().numpy()
    assert (np.abs(drawn.double().mean(0).numpy() - mean) < 5 * deviation / 20000**0.5).all()


def test_samples_without_moments():
    mg.manual_seed(0)
    D, n = mg.distributions, 20000
    p = mg.tensor(P, dtype=mg.float64)
    near_one = (D.RelaxedBernoulli(mg.tensor(0.5), p).sample((n,)) > 0.5).double().mean(0)
    np.testing.assert_allclose(near_one.numpy(), P, atol=0.02)
    corners = D.RelaxedOneHotCategorical(mg.tensor(0.5), mg.tensor(ROWS)).sample((n,)).argmax(-1)
    np.testing.assert_allclose(mg.nn.functional.one_hot(corners, 3).double().mean(0).numpy(), ROWS, atol=0.02)
    angles = D.VonMises(mg.tensor(3.0), mg.tensor(2.0)).sample((n,))
    resultant = (angles - 3.0).cos().mean().item(), (angles - 3.0).sin().mean().item()
    np.testing.assert_allclose(resultant, [mg.special.i1(mg.tensor(2.0)) / mg.special.i0(mg.tensor(2.0)), 0], atol=0.02)
    assert bool((angles.abs() <= np.pi).all())
    for d in (D.Cauchy(1.0, 2.0), D.HalfCauchy(2.0)):
        np.testing.assert_allclose(d.cdf(d.sample((n,))).sort().values[:: n // 10], np.arange(10) / 10, atol=0.02)
    factors = D.LKJCholesky(3, 1.5).sample((n,))
    assert bool(D.constraints.corr_cholesky.check(factors).all())
    correlations = (factors @ factors.mT)[:, [1, 2, 2], [0, 0, 1]]  # each (r + 1) / 2 is Beta(2, 2), of variance 1/20
    np.testing.assert_allclose(correlations.mean(0).numpy(), 0, atol=0.02)
    np.testing.assert_allclose(correlations.var(0).numpy(), 4 / (4 * (2 * 2 + 1)), atol=0.01)
    simplex = D.LogisticNormal(mg.zeros(2), mg.ones(2)).sample((n,))
    np.testing.assert_allclose(D.StickBreakingTransform().inv(simplex).mean(0).numpy(), [0, 0], atol=0.03)


@pytest.mark.oracle
def test_the_generalized_pareto_distribution(torch):
    found = []
    for lib in (torch, mg):  # in float32, which is the only dtype that PyTorch's can do
        own = [lib.tensor(v, requires_grad=True) for v in (A, B, [0.2, 0.0, -0.4])]
        d, x = lib.distributions.GeneralizedPareto(*own), lib.tensor([0.4, 2.0, 3.0])
        values = [d.log_prob(x), d.cdf(x), d.icdf(lib.tensor(P)), d.mean, d.mode, d.variance, d.entropy()]
        for y in values:
            if y.requires_grad:
                y.sum().backward(retain_graph=True)
        found.append([*values, *(p.grad for p in own)])
    for expected, value in zip(*found, strict=True):
        np.testing.assert_allclose(value.detach().numpy(), expected.detach().numpy(), rtol=1e-4)
    mg.manual_seed(0)
    d = mg.distributions.GeneralizedPareto(0.0, 1.0, mg.tensor([0.2, 0.0, -0.4]))
    np.testing.assert_allclose(d.sample((100_000,)).mean(0).numpy(), d.mean.numpy(), rtol=0.03)


@pytest.mark.oracle
def test_gradients_of_gamma_samples_are_the_implicit_ones(torch):
    from metagrad.distributions.implicit import gamma_slope

    random = np.random.default_rng(0)
    a = 10 ** random.uniform(-2, 3, 3000)
    x = np.maximum(random.standard_gamma(a), 1e-300)
    expected = torch._standard_gamma_grad(torch.tensor(a), torch.tensor(x)).numpy()
    within = np.isfinite(expected) & (x > 1e-250)
    # PyTorch's own approximation is good to three digits; exact values come from differences of the incomplete gamma function.
    np.testing.assert_allclose(gamma_slope(a, x)[within], expected[within], rtol=5e-3, atol=1e-290)


def test_gradients_of_gamma_samples_against_finite_differences():
    special = pytest.importorskip("scipy.special")
    from metagrad.distributions.implicit import gamma_slope

    a, x = np.array([0.3, 1.0, 4.5, 40.0]), np.array([0.2, 1.7, 3.0, 44.0])
    probability = special.gammainc(a, x)
    h = 1e-5 * a
    moved = (special.gammaincinv(a + h, probability) - special.gammaincinv(a - h, probability)) / (2 * h)
    np.testing.assert_allclose(gamma_slope(a, x), moved, rtol=1e-6)


@pytest.mark.oracle
def test_gradients_of_shares_are_the_implicit_ones(torch):
    from metagrad.distributions.implicit import share_slope

    random = np.random.default_rng(0)
    a = 10 ** random.uniform(-1, 2, (1000, 3))
    x = random.standard_gamma(a)
    x = np.clip(x / x.sum(-1, keepdims=True), 1e-4, 1 - 1e-4)
    total = np.broadcast_to(a.sum(-1, keepdims=True), a.shape).copy()
    expected = torch._dirichlet_grad(torch.tensor(x), torch.tensor(a), torch.tensor(total)).numpy()
    np.testing.assert_allclose(share_slope(a, x), expected, rtol=5e-3, atol=1e-6)


def test_gradients_of_shares_against_finite_differences():
    special = pytest.importorskip("scipy.special")
    from metagrad.distributions.implicit import share_slope

    a = np.array([0.3, 1.0, 4.5, 40.0, 0.05, 1e3])
    b = np.array([2.0, 1.0, 0.6, 7.0, 0.05, 2.0])
    x = np.array([0.02, 0.7, 0.995, 0.8, 0.4, 0.9985])
    probability, h = special.betainc(a, b, x), 1e-4 * a
    moved = (special.betaincinv(a + h, b, probability) - special.betaincinv(a - h, b, probability)) / (2 * h)
    found = share_slope(np.stack([a, b], -1), np.stack([x, 1 - x], -1))[:, 0] * (1 - x)
    np.testing.assert_allclose(found, moved, rtol=1e-6)
    repeated = np.broadcast_to(np.array([0.3, 2.0]), (4, 2))
    assert np.ptp(share_slope(repeated, np.broadcast_to([0.02, 0.98], (4, 2)))[:, 0]) == 0
    assert share_slope(np.empty((0, 2)), np.empty((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("name", ["Gamma", "Beta", "Dirichlet", "StudentT", "InverseGamma", "FisherSnedecor"])
def test_samples_of_gamma_variables_have_the_gradient_of_the_mean(name):
    mg.manual_seed(0)
    own = leaves(mg, next(c[1] for c in CASES if c[0] == name))
    d = getattr(mg.distributions, name)(**own)
    weights = mg.arange(1.0, 4.0, dtype=mg.float64)
    (d.rsample((100_000,)).mean(0) * weights).sum().backward()
    found = {k: p.grad.clone() for k, p in own.items()}
    expected = leaves(mg, next(c[1] for c in CASES if c[0] == name))
    (getattr(mg.distributions, name)(**expected).mean * weights).sum().backward()
    for key, p in expected.items():
        want = np.zeros(p.shape) if p.grad is None else p.grad.numpy()
        np.testing.assert_allclose(found[key].numpy(), want, rtol=0.1, atol=0.12, err_msg=key)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Singular sample")
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{'-'.join(c[1])}")
def test_expanded_distributions(torch, case):
    results = []
    for lib in (torch, mg):
        own = {k: v if isinstance(v, int) else lib.tensor(v, dtype=lib.float64) for k, v in case[1].items()}
        d = getattr(lib.distributions, case[0])(**own)
        wide = d.expand((2, *d.batch_shape))
        assert isinstance(wide, type(d)) and tuple(wide.event_shape) == tuple(d.event_shape)
        assert tuple(wide.sample((3,)).shape) == (3, 2, *d.batch_shape, *d.event_shape)
        results.append(wide.log_prob(value_of(lib, case[3])).numpy())
    np.testing.assert_allclose(results[1], results[0], rtol=1e-6)


@pytest.mark.parametrize("name", ["Normal", "Laplace", "Gumbel", "Uniform", "Exponential", "MultivariateNormal"])
def test_rsample_reaches_the_parameters(name):
    _, parameters, *_ = next(c for c in CASES if c[0] == name)
    own = leaves(mg, parameters)
    d = getattr(mg.distributions, name)(**own)
    assert d.has_rsample
    d.rsample((3,)).sum().backward()
    assert all(p.grad is not None for p in own.values())


@pytest.mark.oracle
def test_combined_distributions_are_pytorchs(torch):
    def numbers(lib):
        D, t = lib.distributions, lambda v: lib.tensor(v, dtype=lib.float64)
        normal = D.Normal(t(ROWS), t(ROWS))
        independent = D.Independent(normal, 1)
        squashed = D.TransformedDistribution(normal, [D.AffineTransform(t(0.5), t(2.0)), D.TanhTransform()])
        mixture = D.MixtureSameFamily(D.Categorical(t(ROWS)), normal)
        return [
            independent.log_prob(t(ROWS)), independent.entropy(), squashed.log_prob(t(ROWS)), mixture.log_prob(t([0.1, 0.7])),
            mixture.mean, mixture.variance, D.kl_divergence(independent, D.Independent(D.Normal(t(ROWS[::-1]), 1.0), 1)),
        ]  # fmt: skip

    for found, expected in zip(numbers(mg), numbers(torch)):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-9)


@pytest.mark.oracle
@pytest.mark.parametrize("name, parameters", [
    ("Normal", {"loc": 0.0, "scale": -1.0}), ("Uniform", {"low": 1.0, "high": 0.0}), ("Bernoulli", {"probs": 1.5}),
    ("Bernoulli", {}), ("Categorical", {"logits": 1.0}), ("Gamma", {"concentration": 0.0, "rate": 1.0}),
])  # fmt: skip
def test_bad_parameters_are_value_errors_in_both(torch, name, parameters):
    for lib in (torch, mg):
        # Libraries that other tests import switch it off.
        lib.distributions.Distribution.set_default_validate_args(True)
        given = {k: lib.tensor(v) for k, v in parameters.items()}
        with pytest.raises(ValueError):
            getattr(lib.distributions, name)(**given)


@pytest.mark.oracle
def test_text_is_pytorchs(torch):
    for make in (
        lambda D, lib: D.Normal(0.0, 1.0),
        lambda D, lib: D.Categorical(logits=lib.zeros(2, 3)),
        lambda D, lib: D.Bernoulli(lib.tensor([0.5, 0.5])),
        lambda D, lib: D.Independent(D.Normal(lib.zeros(2), 1.0), 1),
    ):
        assert repr(make(mg.distributions, mg)).replace("metagrad.", "torch.") == repr(make(torch.distributions, torch))


MISTAKES = [
    lambda D, t: D.Normal(0.0, -1.0),
    lambda D, t: D.Normal(t([0.0, 0.0]), t([1.0, -1.0])),
    lambda D, t: D.Bernoulli(t(1.5)),
    lambda D, t: D.Bernoulli(t(0.3)).log_prob(t(2.0)),
    lambda D, t: D.Normal(0.0, 1.0).log_prob(t(float("nan"))),
    lambda D, t: D.Normal(t([0.0, 0.0, 0.0]), 1.0).log_prob(t([0.0, 0.0])),
    lambda D, t: D.Normal(0.0, 1.0).log_prob(0.0),
    lambda D, t: D.Poisson(t(-1.0)),
    lambda D, t: D.Bernoulli(),
    lambda D, t: D.Bernoulli(t(0.5), t(0.5)),
    lambda D, t: D.Uniform(1.0, 0.0),
    lambda D, t: D.Uniform(0.0, 1.0).log_prob(t(2.0)),
    lambda D, t: D.Categorical(t([[0.5, -0.5]])),
    lambda D, t: D.Categorical(t(1.0)),
    lambda D, t: D.Categorical(t([0.5, 0.5])).log_prob(t(2)),
    lambda D, t: D.Dirichlet(t([1.0, 1.0])).log_prob(t([0.3, 0.3])),
    lambda D, t: D.Gamma(t(-1.0), t(1.0)),
    lambda D, t: D.HalfNormal(-1.0),
    lambda D, t: D.MultivariateNormal(t([0.0, 0.0]), t([[1.0, 2.0], [2.0, 1.0]])),
    lambda D, t: D.Independent(D.Normal(t([0.0]), 1.0), 2),
    lambda D, t: D.MixtureSameFamily(D.Categorical(t([1.0, 1.0])), D.Normal(t([0.0]), 1.0)),
]


@pytest.mark.oracle
@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_mistakes_are_refused_as_pytorch_refuses_them(torch, number):
    messages = []
    for lib in (torch, mg):
        lib.distributions.Distribution.set_default_validate_args(True)
        with pytest.raises(ValueError) as caught:
            MISTAKES[number](lib.distributions, lib.tensor)
        messages.append(str(caught.value).split(" (Tensor")[0])
    if messages[0].startswith("Expected"):
        assert messages[1].startswith(messages[0].split(" of distribution")[0].split(" <=")[0])


def test_checks_can_be_switched_off():
    D = mg.distributions
    D.Normal(0.0, -1.0, validate_args=False).log_prob(0.0)
    D.Distribution.set_default_validate_args(False)
    try:
        D.Normal(0.0, -1.0)
    finally:
        D.Distribution.set_default_validate_args(True)


MAPS = {
    "AbsTransform": lambda D, lib: D.AbsTransform(),
    "AffineTransform": lambda D, lib: D.AffineTransform(1.0, lib.tensor([2.0, -3.0, 0.5], dtype=lib.float64)),
    "Affine of vectors": lambda D, lib: D.AffineTransform(
        1.0, lib.tensor([2.0, -3.0, 0.5], dtype=lib.float64), event_dim=1
    ),
    "ExpTransform": lambda D, lib: D.ExpTransform(),
    "PowerTransform": lambda D, lib: D.ComposeTransform([D.ExpTransform(), D.PowerTransform(2.5)]),
    "SigmoidTransform": lambda D, lib: D.SigmoidTransform(),
    "SoftplusTransform": lambda D, lib: D.SoftplusTransform(),
    "TanhTransform": lambda D, lib: D.TanhTransform(cache_size=1),
    "Normal's cdf": lambda D, lib: D.CumulativeDistributionTransform(D.Normal(0.5, 2.0)),
    "IndependentTransform": lambda D, lib: D.IndependentTransform(D.ExpTransform(), 1),
    "ReshapeTransform": lambda D, lib: D.ReshapeTransform((3,), (3, 1)),
    "SoftmaxTransform": lambda D, lib: D.SoftmaxTransform(),
    "StickBreakingTransform": lambda D, lib: D.StickBreakingTransform(),
    "CorrCholeskyTransform": lambda D, lib: D.CorrCholeskyTransform(),
    "CatTransform": lambda D, lib: D.CatTransform([D.ExpTransform(), D.TanhTransform()], dim=-1, lengths=[1, 2]),
    "StackTransform": lambda D, lib: D.StackTransform([D.ExpTransform(), D.TanhTransform()], dim=0),
    "inverse": lambda D, lib: D.ComposeTransform([D.ExpTransform(), D.AffineTransform(0.0, 2.0), D.ExpTransform().inv]),
    "to a vector": lambda D, lib: D.ComposeTransform([D.TanhTransform(), D.StickBreakingTransform()]),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", MAPS)
def test_maps_and_their_slopes(torch, name):
    results = []
    for lib in (torch, mg):
        f = MAPS[name](lib.distributions, lib)
        x = lib.tensor([[0.3, -1.2, 0.8], [-0.5, 0.1, 1.4]], dtype=lib.float64)
        y = f(x)
        found = [y, f.inv(y), tuple(f.forward_shape(tuple(x.shape))), tuple(f.inverse_shape(tuple(y.shape)))]
        found += [f.domain.event_dim, f.codomain.event_dim, f.bijective, tuple(f.codomain.check(y).shape)]
        try:
            found.append(f.log_abs_det_jacobian(x, y))
        except NotImplementedError:
            pass
        results.append(found)
    for expected, found in zip(*results, strict=True):
        if hasattr(expected, "numpy"):
            np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6, atol=1e-9)
        else:
            assert found == expected


CONSTRAINTS = {
    "real": (3,), "positive": (3,), "nonnegative": (3,), "unit_interval": (3,), "simplex": (3,), "real_vector": (3,),
    "lower_cholesky": (3, 3), "positive_definite": (3, 3), "corr_cholesky": (3,),
}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_maps_into_a_constraint(torch, registry, name):
    results, numbers = [], np.random.default_rng(0).normal(size=CONSTRAINTS[name])
    if registry == "biject_to" and name in ("lower_cholesky", "positive_definite"):
        for lib in (torch, mg):
            with pytest.raises(NotImplementedError, match="Cannot transform"):
                lib.distributions.biject_to(getattr(lib.distributions.constraints, name))
        return
    for lib in (torch, mg):
        D = lib.distributions
        constraint = getattr(D.constraints, name)
        y = getattr(D, registry)(constraint)(lib.tensor(numbers))
        assert bool(constraint.check(y).all())
        results.append(y.numpy())
    np.testing.assert_allclose(results[1], results[0], rtol=1e-9)


def test_a_map_of_ones_own():
    D = mg.distributions

    class Cube(D.Transform):
        domain = codomain = D.constraints.real
        bijective, sign = True, 1

        def _call(self, x):
            return x**3

        def _inverse(self, y):
            return y.sign() * y.abs() ** (1 / 3)

        def log_abs_det_jacobian(self, x, y):
            return (3 * x**2).log()

    d = D.TransformedDistribution(D.Normal(mg.zeros(2, dtype=mg.float64), 1.0), [Cube(), D.AffineTransform(1.0, 2.0)])
    x = mg.tensor([0.5, -1.5], dtype=mg.float64)
    expected = D.Normal(0.0, 1.0).log_prob(x) - (6 * x**2).log()
    np.testing.assert_allclose(d.log_prob(1 + 2 * x**3).numpy(), expected.numpy(), rtol=1e-6)
    np.testing.assert_allclose(d.cdf(1 + 2 * x**3).numpy(), D.Normal(0.0, 1.0).cdf(x).numpy(), rtol=1e-6)


@pytest.mark.oracle
def test_they_are_of_the_kinds_they_are_in_pytorch(torch):
    for name in mg.distributions.__all__:
        there, here = getattr(torch.distributions, name), getattr(mg.distributions, name)
        if isinstance(there, type) and name not in ("Gumbel", "InverseGamma"):  # in closed form
            own = set(mg.distributions.__all__)
            assert {c.__name__ for c in there.__mro__} & own <= {c.__name__ for c in here.__mro__}, name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_of_beta_and_dirichlet_are_strictly_between_0_and_1(dtype):
    mg.manual_seed(0)
    kind = getattr(mg, dtype)
    small, large = mg.tensor(1e-3, dtype=kind), mg.tensor(1e4, dtype=kind)
    for d in (
        mg.distributions.Beta(small, small),
        mg.distributions.Beta(large, small),
        mg.distributions.Dirichlet(mg.stack([small, small, large])),
    ):
        samples = d.sample((2000,))
        assert samples.dtype is kind and bool(((samples > 0) & (samples < 1)).all())
        assert bool(d.log_prob(samples).isfinite().all())


def test_what_was_computed_is_kept_and_printed():
    logits = mg.zeros(2)
    for kind in (mg.distributions.Bernoulli, mg.distributions.Categorical):
        d = kind(logits=logits)
        assert str(d).replace("metagrad.", "") == f"{kind.__name__}(logits: Size([2]))"
        assert d.probs is d.probs
        assert str(d).replace("metagrad.", "") == f"{kind.__name__}(probs: Size([2]), logits: Size([2]))"


@pytest.mark.oracle
def test_pytorch_prints_what_was_computed(torch):
    for name in ("Bernoulli", "Categorical", "Geometric"):
        ours, theirs = (getattr(lib.distributions, name)(probs=lib.tensor([0.25, 0.75])) for lib in (mg, torch))
        for _ in range(2):
            assert str(ours).replace("metagrad.", "torch.") == str(theirs)
            assert tuple(ours.logits.shape) == tuple(theirs.logits.shape)


def _pairs(d, like):
    def t(*values):
        return like(values)

    return [
        (d.Bernoulli(t(0.3, 0.6)), d.Bernoulli(t(0.6, 0.1))),
        (d.Beta(t(2.0, 0.5), t(3.0, 1.0)), d.Beta(t(1.0, 2.0), t(3.0, 3.0))),
        (d.ContinuousBernoulli(t(0.3, 0.5)), d.ContinuousBernoulli(t(0.4, 0.4))),
        (d.Dirichlet(t(2.0, 3.0)), d.Dirichlet(t(1.0, 5.0))),
        (d.Exponential(t(2.0)), d.Exponential(t(3.0))),
        (d.Gamma(t(2.0), t(3.0)), d.Gamma(t(1.0), t(0.5))),
        (d.Normal(t(1.0), t(2.0)), d.Normal(t(0.0), t(3.0))),
        (d.Poisson(t(3.0)), d.Poisson(t(4.0))),
        (d.Wishart(t(3.0), like([[2.0, 0.5], [0.5, 1.0]])), d.Wishart(t(4.0), like([[1.5, 0.0], [0.0, 1.5]]))),
    ]


@pytest.mark.parametrize("i", range(9))
def test_divergences_of_log_normalizers_follow_from_their_normalizers(i):
    from metagrad.distributions.log_normalizers import bregman

    p, q = _pairs(mg.distributions, lambda values: mg.tensor(values, dtype=mg.float64))[i]
    np.testing.assert_allclose(bregman(p, q).detach(), mg.distributions.kl_divergence(p, q), rtol=1e-7, atol=1e-12)
    if not isinstance(p, (mg.distributions.Beta, mg.distributions.Dirichlet, mg.distributions.Poisson)):
        entropy = mg.distributions.ExponentialFamily.entropy(p)
        np.testing.assert_allclose(entropy.detach(), p.entropy(), rtol=1e-7)


@pytest.mark.oracle
@pytest.mark.parametrize("i", range(9))
def test_natural_parameters_are_pytorchs(torch, i):
    ours = _pairs(mg.distributions, lambda values: mg.tensor(values, dtype=mg.float64))[i][0]
    theirs = _pairs(torch.distributions, lambda values: torch.tensor(values, dtype=torch.float64))[i][0]
    expected = theirs._natural_params
    expected = expected if isinstance(expected, tuple) else (expected,)
    for x, y in zip(ours._natural_params, expected, strict=True):
        np.testing.assert_allclose(x, y.numpy(), atol=1e-12)
    if i != 8:  # of Wishart's PyTorch adds up what lies in one batch
        np.testing.assert_allclose(
            ours._log_normalizer(*ours._natural_params), theirs._log_normalizer(*expected), rtol=1e-6
        )


def test_a_family_of_ones_own_has_an_entropy_and_divergences():
    class Decay(mg.distributions.ExponentialFamily):
        arg_constraints = {"rate": mg.distributions.constraints.positive}
        support = mg.distributions.constraints.nonnegative
        _mean_carrier_measure = 0

        def __init__(self, rate):
            self.rate = rate
            super().__init__(rate.shape)

        @property
        def _natural_params(self):
            return (-self.rate,)

        def _log_normalizer(self, x):
            return -(-x).log()

    p, q = Decay(mg.tensor([1.0, 2.0])), Decay(mg.tensor([2.0, 2.0]))
    kl = mg.distributions.kl_divergence
    exponential = [mg.distributions.Exponential(d.rate) for d in (p, q)]
    np.testing.assert_allclose(p.entropy().detach(), exponential[0].entropy())
    np.testing.assert_allclose(kl(p, q).detach(), kl(*exponential), atol=1e-7)
    with pytest.raises(NotImplementedError, match="different exponential families cannot be computed"):
        kl(p, mg.distributions.Poisson(1.0))


def test_classes_say_what_their_support_is_before_there_is_a_distribution():
    found = {
        name: (getattr(mg.distributions, name).support.event_dim, getattr(mg.distributions, name).support.is_discrete)
        for name in ("Uniform", "Binomial", "Categorical", "Pareto", "GeneralizedPareto", "Multinomial")
    }
    assert found == {
        "Uniform": (0, False), "Binomial": (0, True), "Categorical": (0, True), "Pareto": (0, False),
        "GeneralizedPareto": (0, False), "Multinomial": (1, True),
    }  # fmt: skip
    assert not mg.distributions.TransformedDistribution.support.is_discrete
    for kind in (mg.distributions.Independent, mg.distributions.MixtureSameFamily):
        with pytest.raises(NotImplementedError, match="cannot be determined statically"):
            kind.support.event_dim


def test_slopes_of_dirichlet_samples_are_those_of_the_quantiles_of_beta():
    special = pytest.importorskip("scipy.special")
    from metagrad.compat.inner_names import _beta_slope

    a, b, x = np.meshgrid([0.3, 1.0, 2.5, 30.0], [0.4, 1.0, 6.0, 25.0], [0.02, 0.3, 0.5, 0.7, 0.95])
    share, h = special.betainc(a, b, x), 1e-5
    expected = (special.betaincinv(a + h, b, share) - special.betaincinv(a - h, b, share)) / (2 * h)
    known = (share > 1e-6) & (share < 1 - 1e-6)  # beyond, the quantile is not known well enough
    assert known.sum() > 50
    np.testing.assert_allclose(_beta_slope(x, a, b)[known], expected[known], rtol=2e-4)


@pytest.mark.oracle
def test_gradients_of_dirichlet_samples_are_pytorchs(torch):
    from torch.distributions.dirichlet import _Dirichlet_backward as theirs

    from metagrad.compat.inner_names import _Dirichlet_backward

    x, concentration, slopes = np.array([[0.2, 0.3, 0.5]]), np.array([[0.8, 1.5, 2.0]]), np.array([[1.0, -2.0, 0.5]])
    found = _Dirichlet_backward(*map(mg.tensor, (x, concentration, slopes)))
    np.testing.assert_allclose(found, theirs(*map(torch.tensor, (x, concentration, slopes))), rtol=2e-2, atol=2e-3)


def test_a_batch_of_none_has_samples():
    assert mg.distributions.Multinomial(5, mg.tensor([0.2, 0.8])).expand((0,)).sample((3,)).shape == (3, 0, 2)
    assert mg.multinomial(mg.ones(0, 3), 2, replacement=True).shape == (0, 2)


def test_relaxed_distributions_check_nothing_if_told():
    relaxed = mg.distributions.RelaxedOneHotCategorical(mg.tensor(0.5), mg.tensor([0.2, 0.8]), validate_args=False)
    assert relaxed.log_prob(-mg.ones(2)).isnan()


def test_maps_remember_one_value_or_none():
    with pytest.raises(ValueError, match="cache_size must be 0 or 1"):
        mg.distributions.ExpTransform().with_cache(5)


def test_a_normal_distribution_may_find_its_factor_later():
    D = mg.distributions

    class Later(D.MultivariateNormal):
        def __init__(self, loc, covariance):
            D.Distribution.__init__(self, covariance.shape[:-2], loc.shape, validate_args=False)
            self.loc, self.covariance = loc.expand(covariance.shape[:-1]), covariance

        @property
        def _unbroadcasted_scale_tril(self):
            return mg.linalg.cholesky(self.covariance)

    covariance = mg.tensor([[2.0, 0.5], [0.5, 1.0]]).expand(3, 2, 2)
    x = mg.tensor([0.3, -1.0])
    assert Later(mg.ones(2), covariance).log_prob(x).equal(D.MultivariateNormal(mg.ones(2), covariance).log_prob(x))
    usual = D.MultivariateNormal(mg.ones(3, 2), covariance[0])
    assert usual.scale_tril.shape == (3, 2, 2) and usual._unbroadcasted_scale_tril.shape == (2, 2)
    wide = D.MultivariateNormal(mg.ones(2), mg.eye(2)).expand((2,)).expand((4, 2))
    assert wide.scale_tril.shape == (4, 2, 2, 2) and wide.log_prob(x).shape == (4, 2)


def test_a_normal_vector_that_is_shown_as_a_matrix_has_the_density_of_the_vector():
    class Matrix(mg.distributions.MultivariateNormal):
        @property
        def event_shape(self):
            return mg.Size((2, 3))

    shown, vector = (kind(mg.zeros(6), mg.eye(6)) for kind in (Matrix, mg.distributions.MultivariateNormal))
    assert shown.log_prob(mg.zeros(6)).item() == vector.log_prob(mg.zeros(6)).item() == pytest.approx(-5.513631)
    assert shown.entropy().item() == vector.entropy().item() == pytest.approx(8.513631)


def test_batches_of_weights_and_of_components_fit_each_other():
    weights = mg.distributions.Categorical(mg.ones(3, 2))
    normal = mg.distributions.Normal(mg.zeros(4, 2), 1.0)
    with pytest.raises(ValueError, match="is not compatible with `component_distribution.batch_shape`"):
        mg.distributions.MixtureSameFamily(weights, normal)
    shared = mg.distributions.Categorical(mg.ones(2))
    assert mg.distributions.MixtureSameFamily(shared, normal).batch_shape == (4,)


def test_formulas_between_which_there_is_no_choice_are_warned_of(monkeypatch):
    from metagrad.distributions import divergence

    monkeypatch.setattr(divergence, "_FORMULAS", dict(divergence._FORMULAS))

    class Left(mg.distributions.Normal):
        pass

    class Right(mg.distributions.Normal):
        pass

    mg.distributions.register_kl(Left, mg.distributions.Normal)(lambda p, q: "left")
    assert mg.distributions.kl_divergence(Left(0.0, 1.0), Right(0.0, 1.0)) == "left"  # the only one for a subclass
    mg.distributions.register_kl(mg.distributions.Normal, Right)(lambda p, q: "right")
    with pytest.warns(
        RuntimeWarning, match=r"Ambiguous kl_divergence\(Left, Right\). Please register_kl\(Left, Right\)"
    ):
        assert mg.distributions.kl_divergence(Left(0.0, 1.0), Right(0.0, 1.0)) == "left"
