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
    for what in ("log_prob", "cdf", "icdf", "entropy", "mean", "variance", "stddev", "kl"):
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
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{'-'.join(c[1])}")
def test_numbers_are_pytorchs(torch, case):
    expected, found = outcomes(torch, *case), outcomes(mg, *case)
    assert "log_prob" in found and set(found) <= set(expected)
    for what, value in found.items():
        np.testing.assert_allclose(value, expected[what], rtol=1e-6, atol=1e-9, err_msg=str(what))


@pytest.mark.parametrize("case", [c for c in CASES if c[0] != "Cauchy"], ids=lambda c: f"{c[0]}-{'-'.join(c[1])}")
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
