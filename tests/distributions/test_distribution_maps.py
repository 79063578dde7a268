"""Transforms and their inverses, constraints, divergences of different kinds, distributions of one's own."""

import copy
import itertools
import math
import pickle

import numpy as np
import pytest

import metagrad as mg
from metagrad.distributions import constraints, transforms
from metagrad.distributions.utils import broadcast_all, lazy_property

ROW = [0.2, 0.3, 0.5]

MAPS = {
    "abs": lambda t, lib, **o: t.AbsTransform(**o),
    "affine": lambda t, lib, **o: t.AffineTransform(1.0, lib.tensor([2.0, -3.0, 1.0], dtype=lib.float64), **o),
    "affine of vectors": lambda t, lib, **o: t.AffineTransform(
        1.0, lib.tensor([2.0, 3.0, 1.0], dtype=lib.float64), event_dim=1, **o
    ),
    "exp": lambda t, lib, **o: t.ExpTransform(**o),
    "power": lambda t, lib, **o: t.PowerTransform(lib.tensor([2.0, -1.0, 0.5], dtype=lib.float64), **o),
    "sigmoid": lambda t, lib, **o: t.SigmoidTransform(**o),
    "softplus": lambda t, lib, **o: t.SoftplusTransform(**o),
    "tanh": lambda t, lib, **o: t.TanhTransform(**o),
    "softmax": lambda t, lib, **o: t.SoftmaxTransform(**o),
    "sticks": lambda t, lib, **o: t.StickBreakingTransform(**o),
    "correlation": lambda t, lib, **o: t.CorrCholeskyTransform(**o),
    "composed": lambda t, lib, **o: t.ComposeTransform([t.AffineTransform(1.0, 2.0), t.StickBreakingTransform()], **o),
    "identity": lambda t, lib, **o: t.ComposeTransform([], **o),
    "independent": lambda t, lib, **o: t.IndependentTransform(t.ExpTransform(), 1, **o),
    "reshaped": lambda t, lib, **o: t.ReshapeTransform((3,), (3, 1), **o),
    "cat": lambda t, lib, **o: t.CatTransform([t.ExpTransform(), t.AffineTransform(1.0, 2.0)], -1, [1, 2], **o),
    "stack": lambda t, lib, **o: t.StackTransform([t.ExpTransform(), t.TanhTransform(), t.AbsTransform()], -1, **o),
    "cdf": lambda t, lib, **o: t.CumulativeDistributionTransform(lib.distributions.Normal(0.0, 1.0), **o),
}


def shown(lib, name):
    """Everything a map says of itself, and does."""
    t = MAPS[name](lib.distributions.transforms, lib)
    x = lib.tensor([ROW, ROW[::-1]], dtype=lib.float64)
    seen = {}

    def see(what, ask):
        try:
            value = ask()
        except (NotImplementedError, ValueError, RuntimeError):  # PyTorch has no sign, no determinant here either
            value = None
        seen[what] = value.detach().numpy() if hasattr(value, "detach") else value

    def see_both(side, one):
        see(side + "bijective", lambda: one.bijective)
        see(side + "sign", lambda: one.sign)
        see(side + "dimensions", lambda: (one.domain.event_dim, one.codomain.event_dim))
        see(side + "sets", lambda: repr((one.domain, one.codomain)).replace("metagrad", "torch"))
        see(side + "name", lambda: repr(one))
        see(side + "shapes", lambda: (tuple(one.forward_shape((4, 3))), tuple(one.inverse_shape((5, 3)))))

    see_both("", t)
    see_both("inverse ", t.inv)
    y = t(x)
    see("values", lambda: y)
    see("back", lambda: t.inv(y))
    see("determinant", lambda: t.log_abs_det_jacobian(x, y))
    see("its inverse's", lambda: t.inv.log_abs_det_jacobian(y, x))
    return seen


@pytest.mark.oracle
@pytest.mark.parametrize("name", MAPS)
def test_maps_are_pytorchs(torch, name):
    expected, found = shown(torch, name), shown(mg, name)
    for what, value in expected.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(found[what], value, rtol=1e-9, atol=1e-12, err_msg=what)
        else:
            assert found[what] == value, what


@pytest.mark.parametrize("name", MAPS)
def test_the_inverse_of_the_inverse_is_the_map_itself(name):
    t = MAPS[name](transforms, mg, cache_size=1)
    back = t.inv
    assert back is t.inv and back.inv is t and t.inv.inv is t
    x = mg.tensor([ROW], dtype=mg.float64)
    y = t(x)
    assert t(x) is y and back(y) is x, "the pair is remembered, from both sides"
    assert t.with_cache(1) is t and t.with_cache(0) is not t
    for twin in (copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
        assert twin.inv.inv is twin
        np.testing.assert_array_equal(twin(x).numpy(), y.numpy())


def test_an_inverse_keeps_its_map_alive():
    back = transforms.AffineTransform(0.0, 2.0).inv
    assert back.inv(mg.tensor(1.0)) == 2
    back = transforms.ComposeTransform([transforms.ExpTransform(), transforms.AffineTransform(0.0, 2.0)]).inv
    assert back.inv(mg.tensor(0.0)) == 2


def test_the_identity_equals_its_inverse():
    identity = transforms.identity_transform
    assert identity.inv == identity and identity == identity.inv
    assert transforms.ExpTransform() == transforms.ExpTransform() != transforms.ExpTransform().inv
    assert transforms.PowerTransform(2.0) == transforms.PowerTransform(2.0) != transforms.PowerTransform(3.0)


def test_bad_maps_and_shapes_are_refused():
    with pytest.raises(ValueError, match="cache_size must be 0 or 1"):
        transforms.ExpTransform(cache_size=2)
    with pytest.raises(ValueError, match="Too few dimensions"):
        transforms.StickBreakingTransform().forward_shape(())
    with pytest.raises(AssertionError, match="must equal len"):
        transforms.StackTransform([transforms.ExpTransform()], 0)(mg.zeros(2))
    with pytest.raises(NotImplementedError):
        _ = constraints.dependent.event_dim


ONE_NUMBER = {
    "Beta": {"concentration1": [0.5, 2.0], "concentration0": [1.5, 3.0]},
    "ContinuousBernoulli": {"probs": [0.2, 0.7]},
    "Exponential": {"rate": [0.5, 3.0]},
    "Gamma": {"concentration": [1.5, 4.0], "rate": [2.0, 0.5]},
    "Gumbel": {"loc": [0.0, 1.0], "scale": [3.0, 2.0]},
    "Laplace": {"loc": [0.0, 1.0], "scale": [3.0, 2.0]},
    "Normal": {"loc": [0.0, 1.0], "scale": [1.0, 2.0]},
    "Pareto": {"scale": [0.1, 2.0], "alpha": [2.5, 1.5]},
    "Uniform": {"low": [0.2, 0.3], "high": [0.5, 0.9]},
    "Cauchy": {"loc": [0.0, 1.0], "scale": [1.0, 2.0]},
    "HalfCauchy": {"scale": [1.0, 2.0]},
    "InverseGamma": {"concentration": [1.5, 4.0], "rate": [2.0, 0.5]},
    "Wishart": {"df": [3.0, 4.0], "scale_tril": [[2.0, 0.0], [0.5, 1.0]]},
    "MultivariateNormal": {"loc": [0.0, 1.0], "scale_tril": [[2.0, 0.0], [0.5, 1.0]]},
    "LowRankMultivariateNormal": {"loc": [1.0, 1.0], "cov_factor": [[2.0], [0.5]], "cov_diag": [1.0, 2.0]},
    "Poisson": {"rate": [0.5, 2.0]},
    "Bernoulli": {"probs": [0.2, 0.9]},
}


def divergence(lib, p, q):
    def made(name, shift):
        values = {k: lib.tensor(v, dtype=lib.float64) for k, v in ONE_NUMBER[name].items()}
        return getattr(lib.distributions, name)(**values).expand(
            (2,) if name[-6:] != "Normal" or name == "Normal" else ()
        )

    try:
        return lib.distributions.kl_divergence(made(p, 0), made(q, 1)).detach().numpy()
    except NotImplementedError:
        return None


@pytest.mark.oracle
def test_divergences_of_all_pairs_are_pytorchs(torch):
    known = 0
    for p, q in itertools.product(ONE_NUMBER, repeat=2):
        expected, found = divergence(torch, p, q), divergence(mg, p, q)
        assert expected is None or found is not None, (p, q)
        if expected is not None:
            known += 1
            np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), 1e-9, 1e-12, err_msg=f"{p} {q}")
    assert known >= 80


def test_a_divergence_of_kinds_is_the_mean_of_the_difference_of_logarithms():
    mg.manual_seed(0)
    p, q = mg.distributions.Gamma(2.0, 3.0), mg.distributions.Gumbel(0.5, 0.8)
    x = p.sample((200_000,))
    mean = (p.log_prob(x) - q.log_prob(x)).mean()
    assert abs(mg.distributions.kl_divergence(p, q) - mean) < 0.01
    assert mg.distributions.kl_divergence(q, p) == math.inf


class Triangle(mg.distributions.Distribution):
    """A distribution as programs write them."""

    arg_constraints = {"peak": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, peak, validate_args=None):
        (self.peak,) = broadcast_all(peak)
        super().__init__(self.peak.size(), mg.Size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(Triangle, _instance)
        new.peak = self.peak.expand(batch_shape)
        super(Triangle, new).__init__(mg.Size(batch_shape), mg.Size(), validate_args=False)
        new._validate_args = self._validate_args
        return new

    def rsample(self, sample_shape=()):
        return mg.rand(self._extended_shape(sample_shape)) * self.peak

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return -value * self.peak

    @lazy_property
    def twice(self):
        return self.peak * 2


def test_a_distribution_of_ones_own():
    d = Triangle(mg.tensor([1.0, 2.0]))
    assert repr(d) == "Triangle(peak: metagrad.Size([2]))"
    assert d.expand((3, 2)).sample((4,)).shape == (4, 3, 2)
    assert d.twice is d.twice and d.twice.tolist() == [2, 4]
    with pytest.raises(ValueError, match="Expected parameter peak"):
        Triangle(mg.tensor([-1.0]))
    with pytest.raises(ValueError, match="within the support"):
        d.log_prob(mg.tensor(2.0))

    class WithMore(Triangle):
        def __init__(self, peak, more):
            super().__init__(peak)

    with pytest.raises(NotImplementedError, match="must also define a custom .expand"):
        WithMore(mg.tensor(1.0), 2).expand((2,))


def test_a_temperature_is_not_expanded():
    d = mg.distributions.RelaxedOneHotCategorical(mg.tensor(0.5), mg.tensor([0.1, 0.9])).expand((2, 1))
    assert d.sample((3,)).shape == (3, 2, 1, 2) and d.temperature.shape == ()
    assert isinstance(mg.distributions.HalfCauchy(1.0).expand((2,)), mg.distributions.HalfCauchy)
    assert not isinstance(mg.distributions.HalfCauchy(1.0), mg.distributions.HalfNormal)


def test_parameters_are_numbers_and_tensors():
    for bad in ([1.0, 2.0], "a", None):
        with pytest.raises(ValueError, match="Input arguments must all be instances of Number"):
            mg.distributions.Normal(bad, 1.0)
    for make, match in (
        (lambda: mg.distributions.Geometric(0.0), "positive"),
        (lambda: mg.distributions.Uniform(1.0, 0.0), "Expected parameter low"),
        (lambda: mg.distributions.Binomial(-1, 0.5), "Expected parameter total_count"),
        (lambda: mg.distributions.Exponential(1.0).cdf(mg.tensor(-1.0)), "within the support"),
    ):
        with pytest.raises(ValueError, match=match):
            make()


def test_nothing_taken_together_leaves_the_support_as_it_is():
    d = mg.distributions.Independent(mg.distributions.Normal(mg.zeros(2), 1.0), 0)
    assert d.support is constraints.real


def test_a_softmax_maps_vectors():
    t = transforms.SoftmaxTransform()
    assert t.forward_shape((2, 3)) == t.inverse_shape((2, 3)) == (2, 3)
    with pytest.raises(ValueError, match="Too few dimensions on input"):
        t.forward_shape(())
