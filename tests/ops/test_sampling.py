"""Random tensors: their distributions, their arguments, and that a generator decides what is drawn."""

import numpy as np
import pytest

import metagrad

COUNT = 40_000
CDFS = {
    "cauchy_": ((1.0, 2.0), lambda x: 0.5 + np.arctan((x - 1) / 2) / np.pi),
    "exponential_": ((2.0,), lambda x: 1 - np.exp(-2 * x)),
    "uniform_": ((-1.0, 3.0), lambda x: (x + 1) / 4),
}


def farthest(sample, cdf):
    """The Kolmogorov-Smirnov distance between a sample and a distribution."""
    x = np.sort(sample)
    steps = np.arange(1, len(x) + 1) / len(x)
    return np.abs(cdf(x) - steps).max()


@pytest.fixture(autouse=True)
def seeded():
    metagrad.manual_seed(7)


@pytest.mark.parametrize("name", CDFS)
def test_continuous_distributions(name):
    parameters, cdf = CDFS[name]
    x = getattr(metagrad.empty(COUNT, dtype=metagrad.float64), name)(*parameters)
    assert farthest(x.numpy(), cdf) < 1.95 / COUNT**0.5  # passed by all but 1 in 1000 right ones


def test_log_normal():
    logs = metagrad.empty(COUNT).log_normal_(0.5, 0.25).log()
    assert abs(logs.mean().item() - 0.5) < 0.01 and abs(logs.std().item() - 0.25) < 0.01


def test_geometric():
    x = metagrad.empty(COUNT).geometric_(0.3)
    shares = [(x == k).float().mean().item() for k in (0, 1, 2, 3)]
    np.testing.assert_allclose(shares, [0, 0.3, 0.21, 0.147], atol=0.01)
    assert metagrad.empty(9, dtype=metagrad.int64).geometric_(0.5).min() >= 1


def test_poisson_and_binomial():
    rate = metagrad.tensor([0.0, 0.5, 40.0]).expand(COUNT, 3)
    x = metagrad.poisson(rate)
    np.testing.assert_allclose(x.mean(0).tolist(), [0, 0.5, 40], atol=0.2)
    np.testing.assert_allclose(x.var(0).tolist(), [0, 0.5, 40], rtol=0.05)
    trials, chance = metagrad.full((COUNT, 1), 10.0), metagrad.tensor([0.0, 0.3, 1.0])
    y = metagrad.binomial(trials, chance)
    np.testing.assert_allclose(y.mean(0).tolist(), [0, 3, 10], atol=0.05)
    np.testing.assert_allclose(y.var(0).tolist(), [0, 2.1, 0], atol=0.1)


def test_random():
    for kind, top in ((metagrad.int8, 127), (metagrad.bool, 1), (metagrad.float16, 2047), (metagrad.uint8, 255)):
        x = metagrad.empty(20_000, dtype=kind).random_()
        assert x.int().min() == 0 and top - x.int().max() <= top // 50
    assert set(metagrad.empty(99).random_(3).tolist()) == {0.0, 1.0, 2.0}
    assert set(metagrad.empty(99).random_(-2, 1).tolist()) == {-2.0, -1.0, 0.0}
    assert metagrad.empty(2000, dtype=metagrad.int64).random_().max() > 2**61
    assert metagrad.empty(2000, dtype=metagrad.uint64).random_().numpy().max() > 2**62


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("cauchy_", (0, 0)), ("log_normal_", (0, 0)), ("geometric_", (0.0,)), ("geometric_", (1.0,)), ("exponential_", (0,)),
        ("uniform_", (2, 1)), ("normal_", (0, -1)), ("bernoulli_", (2.0,)), ("random_", (3, 3)),
    ],
)  # fmt: skip
def test_bad_parameters(name, arguments):
    with pytest.raises(RuntimeError, match="expects"):
        getattr(metagrad.zeros(3), name)(*arguments)


def test_bad_dtypes():
    whole = metagrad.zeros(3, dtype=metagrad.int64)
    for name in ("cauchy_", "log_normal_", "exponential_", "uniform_", "normal_"):
        with pytest.raises(RuntimeError, match="floating"):
            getattr(whole, name)()
    with pytest.raises(RuntimeError, match="floating"):
        metagrad.poisson(whole)
    with pytest.raises(ValueError, match="floating"):
        metagrad.binomial(whole, metagrad.zeros(3))
    with pytest.raises(RuntimeError, match="bounds"):
        metagrad.zeros(3, dtype=metagrad.uint8).random_(0, 300)
    with pytest.raises(RuntimeError, match="non-negative"):
        metagrad.poisson(metagrad.tensor([-1.0]))


DRAWS = {
    "rand": lambda g: metagrad.rand(4, generator=g),
    "rand complex": lambda g: metagrad.rand(4, generator=g, dtype=metagrad.complex64).real,
    "randn": lambda g: metagrad.randn(4, generator=g),
    "randint": lambda g: metagrad.randint(0, 10**6, (4,), generator=g),
    "randint by name": lambda g: metagrad.randint(high=10**6, size=(4,), generator=g),
    "randperm": lambda g: metagrad.randperm(40, generator=g),
    "rand_like": lambda g: metagrad.rand_like(metagrad.zeros(4), generator=g),
    "randint_like": lambda g: metagrad.randint_like(metagrad.zeros(4), high=10**6, generator=g),
    "normal": lambda g: metagrad.normal(metagrad.zeros(4), metagrad.ones(4), generator=g),
    "normal of a size": lambda g: metagrad.normal(2.0, 3.0, (4,), generator=g),
    "bernoulli": lambda g: metagrad.full((80,), 0.5).bernoulli(generator=g),
    "multinomial": lambda g: metagrad.ones(40).multinomial(20, generator=g),
    "poisson": lambda g: metagrad.poisson(metagrad.full((40,), 9.0), generator=g),
    "binomial": lambda g: metagrad.binomial(metagrad.full((40,), 9.0), metagrad.tensor(0.5), generator=g),
    **{f"{name}_": lambda g, name=name: getattr(metagrad.zeros(40), f"{name}_")(generator=g) for name in (
        "uniform", "normal", "log_normal", "cauchy", "exponential", "bernoulli", "random")},
    "geometric_": lambda g: metagrad.zeros(40).geometric_(0.1, generator=g),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
def test_the_generator_decides(name):
    draw, g = DRAWS[name], metagrad.Generator()
    first, second = draw(g.manual_seed(1)).tolist(), draw(g).tolist()
    assert first == draw(g.manual_seed(1)).tolist() != second
    fork = g.clone_state()
    assert draw(fork).tolist() == draw(g).tolist() == second
    before = metagrad.get_rng_state()
    draw(g)
    assert (before == metagrad.get_rng_state()).all(), "the default generator is left alone"


def test_uniform_by_pytorchs_name():
    x = metagrad.zeros(9).uniform_(**{"from": 2}, to=3)
    assert x.min() >= 2
    with pytest.raises(TypeError, match="keyword"):
        x.uniform_(form=2)


def test_both_parts_of_complex_numbers_are_scaled_and_moved():
    x = metagrad.zeros(9999, dtype=metagrad.complex64).uniform_(-1, 1)
    for part in (x.real, x.imag):
        assert -1 <= part.min() < -0.99 and 0.99 < part.max() <= 1
    x.normal_(3, 2)
    for part in (x.real, x.imag):
        assert abs(part.mean() - 3) < 0.1 and abs(part.std() - 2**0.5) < 0.1
    weight = metagrad.nn.Linear(4, 100, dtype=metagrad.complex64).weight
    assert weight.imag.min() < -0.45 and weight.real.min() < -0.45
    with pytest.raises(NotImplementedError, match="orthogonal_"):
        metagrad.nn.init.orthogonal_(metagrad.zeros(2, 2, dtype=metagrad.complex64))


def test_samples_have_no_slope():
    rate = metagrad.full((3,), 2.0, requires_grad=True)
    total = metagrad.poisson(rate) + metagrad.normal(rate, 1.0) + metagrad.binomial(rate, metagrad.tensor(0.5))
    assert total.requires_grad
    total.sum().backward()
    assert rate.grad.tolist() == [0, 0, 0]
    x = metagrad.ones(2, requires_grad=True)
    y = (x * 2).log_normal_()
    (y + x).sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_forms_of_randint_and_normal():
    assert metagrad.randint(3, (2,), dtype=metagrad.float32).dtype is metagrad.float32
    assert metagrad.randint(3, size=(2,)).max() < 3 and metagrad.randint(2**40, size=(9,)).max() > 3
    for bad in (lambda: metagrad.randint(3, 2), lambda: metagrad.randint(3.5, (2,)), lambda: metagrad.normal(0.0, 1.0)):
        with pytest.raises(TypeError, match="randint|normal"):
            bad()
    assert metagrad.normal(metagrad.zeros(2, 1), metagrad.ones(3)).shape == (2, 3)
    assert metagrad.normal(0.5, metagrad.ones(3, dtype=metagrad.float64)).dtype is metagrad.float64
    assert metagrad.normal(metagrad.ones(2)).shape == (2,)
    with pytest.raises(RuntimeError, match="std"):
        metagrad.normal(metagrad.zeros(2), -1.0)
    assert metagrad.Generator("cpu").device == metagrad.device("cpu")


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_categories_of_weight_0_are_drawn_last(lib):
    lib = pytest.importorskip(lib)
    drawn = lib.multinomial(lib.tensor([0.0, 2.0, 0.0, 1.0]), 4).tolist()
    assert set(drawn[:2]) == {1, 3} and set(drawn[2:]) == {0, 2}
    with pytest.raises(
        RuntimeError, match=r"cannot sample n_sample > prob_dist.size\(-1\) samples without replacement"
    ):
        lib.multinomial(lib.ones(2), 3)
