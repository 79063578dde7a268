"""Seeds that give PyTorch's numbers: written down here, and beside PyTorch itself."""

import pytest

import metagrad
from metagrad import nn
from metagrad.nn import functional as F
from metagrad.utils.data import DataLoader, RandomSampler, TensorDataset


@pytest.fixture(autouse=True)
def pytorchs_numbers():
    metagrad.random.use_numbers_of("pytorch")
    yield
    metagrad.random.use_numbers_of("metagrad")


def test_the_first_numbers_of_seed_0():
    metagrad.manual_seed(0)
    assert [round(x, 4) for x in metagrad.rand(3).tolist()] == [0.4963, 0.7682, 0.0885]
    metagrad.manual_seed(0)
    assert [round(x, 4) for x in metagrad.randn(3).tolist()] == [1.5410, -0.2934, -2.1788]
    metagrad.manual_seed(0)
    assert metagrad.randint(0, 10, (5,)).tolist() == [4, 9, 3, 0, 3]
    metagrad.manual_seed(0)
    assert metagrad.randperm(5).tolist() == [4, 0, 1, 3, 2]
    metagrad.manual_seed(0)
    assert [round(x, 4) for x in nn.Linear(2, 2).weight.flatten().tolist()] == [-0.0053, 0.3793, -0.5820, -0.5204]


def test_what_is_drawn_until_it_is_accepted():
    metagrad.manual_seed(0)
    assert metagrad.poisson(metagrad.full((5,), 3.0)).tolist() == [6, 3, 2, 3, 4]
    metagrad.manual_seed(0)
    assert metagrad.poisson(metagrad.full((5,), 30.0)).tolist() == [29, 32, 24, 31, 29]
    metagrad.manual_seed(0)
    assert metagrad.binomial(metagrad.full((5,), 100.0), metagrad.full((5,), 0.7)).tolist() == [71, 68, 75, 69, 71]
    metagrad.manual_seed(0)
    gammas = metagrad.distributions.Gamma(2.0, 3.0).sample((5,)).tolist()
    assert [round(x, 4) for x in [*gammas, metagrad.rand(1).item()]] == [1.5175, 0.4386, 0.2073, 0.1449, 0.3, 0.3971]
    assert metagrad.poisson(metagrad.zeros(0)).shape == (0,) and metagrad.poisson(metagrad.zeros(2)).tolist() == [0, 0]


def test_a_state_is_gone_on_from_in_the_middle_of_a_pair():
    generator = metagrad.Generator().manual_seed(2**40 + 3)
    metagrad.randn(3, generator=generator)
    state = generator.get_state()
    following = metagrad.randn(40, generator=generator)
    assert state.numel() == 5056
    assert (metagrad.randn(40, generator=metagrad.Generator().set_state(state)) == following).all()
    assert metagrad.Generator().set_state(state).initial_seed() == 2**40 + 3


def test_a_state_says_whose_numbers_it_is_of():
    state = metagrad.Generator().manual_seed(1).get_state()
    metagrad.random.use_numbers_of("metagrad")
    own = metagrad.Generator().manual_seed(1)
    assert own.get_state().numel() == 56
    first = metagrad.rand(2, generator=metagrad.Generator().manual_seed(1))
    pytorchs = metagrad.rand(2, generator=own.set_state(state))
    assert (first != pytorchs).all()
    assert [round(x, 4) for x in pytorchs.tolist()] == [0.7576, 0.2793]
    with pytest.raises(RuntimeError, match="56 or 5056 bytes"):
        own.set_state(state[:100])
    with pytest.raises(ValueError, match='"metagrad" or "pytorch"'):
        metagrad.random.use_numbers_of("numpy")


DRAWS = {
    "rand": lambda t: [t.rand(n) for n in (0, 1, 15, 16, 17, 100)],
    "randn": lambda t: [t.randn(n) for n in (0, 1, 2, 15, 16, 17, 100, 3)],
    "float64": lambda t: [t.rand(5, dtype=t.float64), t.randn(5, dtype=t.float64), t.randn(20, dtype=t.float64)],
    "complex": lambda t: [
        t.view_as_real(f(20, dtype=d)) for f in (t.rand, t.randn) for d in (t.complex64, t.complex128)
    ],
    "half": lambda t: [t.rand(20, dtype=t.float16), t.randn(32, dtype=t.float16), t.empty(9).half().uniform_(-1, 1)],
    "randint": lambda t: [t.randint(3, 17, (9,)), t.randint(2**31, (9,)), t.randint(-(2**62), 2**62, (9,))],
    "randperm": lambda t: [t.randperm(n) for n in (0, 1, 2, 10, 1000)],
    "random_": lambda t: [
        t.empty(9, dtype=d).random_() for d in (t.float32, t.float64, t.int8, t.uint8, t.int64, t.bool)
    ],
    "uniform_": lambda t: [t.empty(9).uniform_(-3, 2), t.empty(9).normal_(2, 3), t.empty(20).normal_(2, 3)],
    "normal": lambda t: [t.normal(t.arange(5.0), t.ones(5) * 2), t.normal(1.0, 2.0, (3, 3))],
    "bernoulli": lambda t: [t.bernoulli(t.full((50,), 0.3)), t.empty(50).bernoulli_(0.3), t.zeros(99).bernoulli(0.5)],
    "bernoulli of float64": lambda t: [t.bernoulli(t.full((50,), 0.3, dtype=t.float64))],
    "waiting": lambda t: [t.empty(9).exponential_(2), t.empty(9).geometric_(0.2), t.empty(9).cauchy_(1, 2)],
    "multinomial": lambda t: [
        t.multinomial(t.rand(3, 5), n, many) for n, many in ((1, False), (1, True), (4, False), (9, True))
    ],
    "dropout": lambda t: [t.nn.functional.dropout(t.ones(200), p) for p in (0.005, 0.3, 1.0, 0.5)],
    "dropout of channels": lambda t: [t.nn.functional.dropout2d(t.ones(5, 8, 2, 2), 0.3)],
    "alpha dropout": lambda t: [t.nn.functional.alpha_dropout(t.ones(50), 0.3)],
    "order in memory": lambda t: [
        t.zeros(8, 4).t().uniform_(),
        t.zeros(8, 4).t().bernoulli_(0.3),
        t.nn.functional.dropout(t.ones(8, 4, 3).permute(2, 0, 1), 0.4),
    ],
    "rrelu": lambda t: [t.nn.functional.rrelu(t.randn(50), training=True)],
    "gumbel": lambda t: [t.nn.functional.gumbel_softmax(t.zeros(3, 4))],
    "attention": lambda t: [
        t.nn.functional.scaled_dot_product_attention(t.randn(2, 3, 4, 8), *t.randn(2, 2, 3, 4, 8), dropout_p=0.4)
    ],
    "attention of other shapes": lambda t: [
        t.nn.functional.scaled_dot_product_attention(t.randn(*q, 4, 8), t.randn(*k, 6, 8), t.randn(*v, 6, 5), m, p)
        for q, k, v in (((), (), ()), ((3,), (3,), (3,)), ((2, 1, 3), (1, 3), (3,)), ((3,), (3,), (2, 3)))
        for m in (None, t.zeros(*q, 4, 6))
        for p in (0.3, 1.0)
    ],
    "Linear": lambda t: t.nn.Linear(3, 4).parameters(),
    "Conv2d": lambda t: t.nn.Conv2d(2, 4, 3, groups=2).parameters(),
    "LSTM": lambda t: t.nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2).parameters(),
    "Embedding": lambda t: t.nn.Embedding(5, 3, padding_idx=1).parameters(),
    "Transformer": lambda t: t.nn.Transformer(4, 2, 1, 1, 8, batch_first=True).parameters(),
    "LSTM with dropout": lambda t: [t.nn.LSTM(3, 4, 3, dropout=0.5)(t.randn(5, 2, 3))[0]],
    "encoder layer": lambda t: [t.nn.TransformerEncoderLayer(4, 2, 8)(t.randn(5, 2, 4))],
    "init": lambda t: [
        f(t.empty(6, 5))
        for f in (t.nn.init.xavier_normal_, t.nn.init.kaiming_uniform_, t.nn.init.orthogonal_, t.nn.init.trunc_normal_)
    ],
    "distributions": lambda t: [
        d.sample((9,))
        for d in (
            t.distributions.Normal(0.0, 1.0),
            t.distributions.Categorical(t.tensor([0.1, 0.5, 0.4])),
            t.distributions.Exponential(2.0),
            t.distributions.Cauchy(0.0, 1.0),
        )
    ],
    "in pairs": lambda t: [
        t.zeros(6, 6).t().normal_(2, 3),
        t.zeros(6, 12)[:, ::2].normal_(),
        t.randn_like(t.zeros(4, 5).t()),
        t.rand(2),
        t.rand_like(t.zeros(4, 5).t()),
        t.zeros(50).log_normal_(0.1, 0.2),
        t.zeros(3, 2).t().exponential_(),
        t.rand(2),
    ],
    "half tails": lambda t: [t.randn(n, dtype=d) for d in (t.float16, t.bfloat16) for n in (15, 17, 33, 40)],
    "int32": lambda t: [t.empty(9, dtype=t.int32).random_(), t.rand(2)],
    "accepted": lambda t: [
        t.poisson(t.tensor([0.0, 0.3, 3.0, 9.9, 10.0, 40.0, 1e4])),
        t.rand(1),
        t.binomial(t.tensor([0.0, 9.0, 9.0, 30.0, 60.0, 60.0, 1e4]), t.tensor([0.5, 0.0, 1.0, 0.3, 0.4, 0.7, 0.01])),
        t._standard_gamma(t.tensor([0.01, 0.5, 1.0, 2.5, 100.0])),
        t._sample_dirichlet(t.ones(3, 4)),
        t.rand(1),
    ],
    "distributions of gammas": lambda t: [
        d.sample((5,))
        for d in (
            t.distributions.Gamma(0.5, 2.0),
            t.distributions.Beta(0.5, 2.0),
            t.distributions.StudentT(3.0),
            t.distributions.Dirichlet(t.ones(3)),
            t.distributions.NegativeBinomial(5.0, t.tensor(0.3)),
            t.distributions.FisherSnedecor(2.0, 3.0),
            t.distributions.InverseGamma(2.0, 3.0),
            t.distributions.VonMises(1.0, 0.7),
            t.distributions.VonMises(1.0, 70.0),
            t.distributions.Kumaraswamy(t.tensor(0.7), t.tensor(2.0)),
            t.distributions.Binomial(9, t.tensor(0.3)),
            t.distributions.MixtureSameFamily(
                t.distributions.Categorical(t.ones(3)), t.distributions.Normal(t.arange(3.0), t.ones(3))
            ),
        )
    ],
    "orders": lambda t: [t.tensor(_orders(t))],
    "seed of a generator": lambda t: [t.tensor(t.Generator().initial_seed())],
    "state": lambda t: [t.randn(3), t.get_rng_state()],
}


def _orders(t):
    data = t.utils.data
    loader = data.DataLoader(data.TensorDataset(t.arange(20)), 3, shuffle=True)
    given = data.DataLoader(data.TensorDataset(t.arange(20)), 3, shuffle=True, generator=t.Generator().manual_seed(3))
    batches = [b for source in (loader, given) for _ in range(3) for (b,) in source]
    halves = data.random_split(range(20), [5, 15])
    drawn = data.RandomSampler(range(9), replacement=True, num_samples=40)
    return [int(i) for b in batches for i in b] + [*halves[0].indices, *drawn, *data.SubsetRandomSampler(range(9))]


DRAW_MASKS = ("bernoulli", "dropout", "order in memory", "attention", "encoder layer")


@pytest.mark.oracle
@pytest.mark.parametrize("name", DRAWS)
def test_numbers_are_pytorchs(torch, name, request):
    if any(word in name for word in DRAW_MASKS):
        request.getfixturevalue("pytorchs_masks")
    for seed in (0, 11, -1):
        for t in (torch, metagrad):
            t.manual_seed(seed)
        for ours, theirs in zip(DRAWS[name](metagrad), DRAWS[name](torch), strict=True):
            theirs = torch.tensor(theirs) if isinstance(theirs, list) else theirs.detach()
            ours = torch.tensor(ours.detach().tolist(), dtype=theirs.dtype).reshape(theirs.shape)
            torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=3e-6)


def _losses(t, epochs=2):
    """A training run, data and order and dropout from one seed."""
    t.manual_seed(5)
    model = t.nn.Sequential(t.nn.Linear(4, 8), t.nn.ReLU(), t.nn.Dropout(0.2), t.nn.Linear(8, 3))
    optimizer = t.optim.Adam(model.parameters(), 0.01)
    x, y = t.randn(64, 4), t.randint(3, (64,))
    losses = []
    for _ in range(epochs):
        for a, b in t.utils.data.DataLoader(t.utils.data.TensorDataset(x, y), 8, shuffle=True):
            optimizer.zero_grad()
            loss = t.nn.functional.cross_entropy(model(a), b)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


@pytest.mark.oracle
def test_a_whole_training_run_has_pytorchs_losses(pytorchs_masks):
    assert _losses(metagrad) == pytest.approx(_losses(pytorchs_masks), abs=1e-5)


@pytest.mark.oracle
def test_states_go_from_one_to_the_other(torch):
    theirs = torch.Generator().manual_seed(7)
    torch.randn(5, generator=theirs)
    ours = metagrad.Generator().set_state(metagrad.tensor(theirs.get_state().tolist(), dtype=metagrad.uint8))
    back = torch.Generator()
    back.set_state(torch.tensor(ours.get_state().tolist(), dtype=torch.uint8))
    expected = torch.randn(9, generator=theirs).tolist()
    assert metagrad.randn(9, generator=ours).tolist() == pytest.approx(expected, abs=1e-6)
    assert torch.randn(9, generator=back).tolist() == expected


def test_kept_shares_are_right():
    metagrad.manual_seed(0)
    for p in (0.003, 0.25, 0.9):
        kept = (F.dropout(metagrad.ones(200_000), p) != 0).double().mean().item()
        assert abs(kept - (1 - p)) < 4 * (p * (1 - p) / 200_000) ** 0.5


def test_a_sampler_draws_as_many_as_asked():
    assert len(list(RandomSampler(range(5), num_samples=12))) == 12
    assert len(list(DataLoader(TensorDataset(metagrad.arange(7)), 2, shuffle=True))) == 4


# ------------------------------------------------ beside PyTorch, to the bit


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("count", [1, 5, 16, 1001])
def test_weights_in_a_range_are_pytorchs_to_the_bit(count, dtype):
    torch = pytest.importorskip("torch")
    pytest.importorskip("ml_dtypes")
    for low, high in ((-0.14, 0.14), (2.0, 7.3), (0.001, 5.7), (0.0, 1.0)):
        ours, theirs = (
            module.empty(count, dtype=getattr(module, dtype)).uniform_(
                low, high, generator=module.Generator().manual_seed(7)
            )
            for module in (metagrad, torch)
        )
        assert ours.double().tolist() == theirs.double().tolist(), (low, high)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_few_normal_numbers_are_scaled_before_they_are_rounded(dtype):
    torch = pytest.importorskip("torch")
    pytest.importorskip("ml_dtypes")
    ours, theirs = (
        module.empty(15, dtype=getattr(module, dtype)).normal_(3.3, 0.7, generator=module.Generator().manual_seed(7))
        for module in (metagrad, torch)
    )
    assert ours.double().tolist() == theirs.double().tolist()


@pytest.mark.parametrize("numbers", ["metagrad", "pytorch"])
def test_half_precision_does_not_round_up_to_the_end_of_a_range(numbers):
    metagrad.random.use_numbers_of(numbers)
    for dtype in (metagrad.float16, metagrad.bfloat16):
        assert metagrad.empty(20000, dtype=dtype).uniform_(generator=metagrad.Generator().manual_seed(1)).max() < 1
