"""Random numbers of a GPU are drawn there, from a generator of its own, whose state can be saved."""

import numpy as np
import pytest
from tests.devices.standin import Strict, counting, install

import metagrad
from metagrad import nn
from metagrad.ops.create import random


@pytest.fixture(autouse=True)
def fake_gpu(monkeypatch):
    install(monkeypatch)


def gpu(**settings):
    return {"device": "cuda", **settings}


DRAWS = {
    "rand": lambda **k: metagrad.rand(2, 3, **gpu(**k)),
    "randn": lambda **k: metagrad.randn(2, 3, **gpu(**k)),
    "randint": lambda **k: metagrad.randint(0, 100, (2, 3), **gpu(**k)),
    "randperm": lambda **k: metagrad.randperm(9, **gpu(**k)),
    "normal": lambda **k: metagrad.normal(1.0, 2.0, (2, 3), **gpu(**k)),
    "normal of tensors": lambda **k: metagrad.normal(metagrad.zeros(2, 3, device="cuda"), 1.0, **k),
    "rand_like": lambda **k: metagrad.rand_like(metagrad.zeros(2, 3, device="cuda"), **k),
    "randn_like": lambda **k: metagrad.randn_like(metagrad.zeros(2, 3, device="cuda"), **k),
    "randint_like": lambda **k: metagrad.randint_like(metagrad.zeros(2, 3, device="cuda"), 100, **k),
    "bernoulli": lambda **k: metagrad.bernoulli(metagrad.full((4, 9), 0.5, device="cuda"), **k),
    **{
        name: lambda name=name, **k: getattr(metagrad.zeros(4, 9, device="cuda"), name)(**k)
        for name in ("uniform_", "normal_", "log_normal_", "cauchy_", "exponential_", "random_", "bernoulli_")
    },
    "geometric_": lambda **k: metagrad.zeros(4, 9, device="cuda").geometric_(0.3, **k),
    "complex": lambda **k: metagrad.randn(2, 3, dtype=metagrad.complex64, **gpu(**k)),
    "half": lambda **k: metagrad.rand(2, 3, dtype=metagrad.float16, **gpu(**k)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_numbers_are_drawn_on_the_device(name):
    metagrad.manual_seed(1)
    before = metagrad.get_rng_state().tolist()
    with counting() as waits:
        first, second = DRAWS[name](), DRAWS[name]()
    assert isinstance(first.array, Strict) and not waits
    assert metagrad.get_rng_state().tolist() == before, "the CPU's stream moved"
    assert first.tolist() != second.tolist()
    metagrad.manual_seed(1)
    assert DRAWS[name]().tolist() == first.tolist()
    generator = metagrad.Generator("cuda").manual_seed(1)
    assert DRAWS[name](generator=generator).tolist() == first.tolist()


def test_the_cpus_streams_stay_as_they_are():
    metagrad.manual_seed(5)
    expected = metagrad.rand(3).tolist()
    metagrad.manual_seed(5)
    metagrad.rand(4, device="cuda")
    assert metagrad.rand(3).tolist() == expected


def test_a_generator_belongs_to_a_kind_of_device():
    with pytest.raises(RuntimeError, match="Expected a 'cuda' device type for generator but found 'cpu'"):
        metagrad.rand(2, device="cuda", generator=metagrad.Generator())
    with pytest.raises(RuntimeError, match="Expected a 'cpu' device type for generator but found 'cuda'"):
        metagrad.rand(2, generator=metagrad.Generator("cuda"))


def test_states():
    generator = metagrad.Generator("cuda").manual_seed(3)
    metagrad.rand(5, device="cuda", generator=generator)
    state = generator.get_state()
    assert state.dtype is metagrad.uint8 and state.shape == (16,) and not state.is_cuda
    expected = metagrad.randn(4, device="cuda", generator=generator).tolist()
    again = metagrad.Generator("cuda").set_state(state)
    assert again.initial_seed() == 3 and metagrad.randn(4, device="cuda", generator=again).tolist() == expected
    clone = metagrad.Generator("cuda").set_state(state).clone_state()
    assert metagrad.randn(4, device="cuda", generator=clone).tolist() == expected
    for wrong in (state[:8], metagrad.get_rng_state()):
        with pytest.raises(RuntimeError, match="16 bytes"):
            generator.set_state(wrong)


def test_the_states_of_all_devices():
    metagrad.manual_seed(2)
    metagrad.rand(3, device="cuda")
    states = random.get_all_states()
    assert [*states] == ["cpu", "cuda:0"]
    expected = [metagrad.rand(3, device=d).tolist() for d in ("cpu", "cuda")]
    random.set_all_states(states)
    assert [metagrad.rand(3, device=d).tolist() for d in ("cpu", "cuda")] == expected
    random.set_all_states(states)
    with metagrad.random.fork_rng():
        metagrad.rand(9, device="cuda")
    assert metagrad.rand(3, device="cuda").tolist() == expected[1]


@pytest.mark.parametrize(
    "layer", [nn.Dropout(0.5), nn.Dropout2d(0.5), nn.AlphaDropout(0.5), nn.VariationalDropout(0.5)]
)
def test_dropout_is_drawn_on_the_device(layer):
    shape = (3, 4, 5, 5) if "2d" in type(layer).__name__ else (30, 8, 40)
    x = metagrad.ones(*shape, device="cuda")
    before = metagrad.get_rng_state().tolist()
    with counting() as waits:
        y = layer(x)
    assert isinstance(y.array, Strict) and not waits and metagrad.get_rng_state().tolist() == before
    assert 0.3 < float((y == y.max()).float().mean()) < 0.7


def test_what_is_computed_again_draws_the_same():
    x = metagrad.ones(40, device="cuda").requires_grad_()
    y = metagrad.utils.checkpoint.checkpoint(lambda x: nn.functional.dropout(x, 0.5), x, use_reentrant=False)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.cpu().numpy(), y.detach().cpu().numpy())


def test_attention_drops_on_the_device():
    q = metagrad.randn(2, 3, 4, 8, device="cuda").requires_grad_()
    y = nn.functional.scaled_dot_product_attention(q, q, q, dropout_p=0.5)
    y.sum().backward()
    assert isinstance(q.grad.array, Strict) and bool(q.grad.isfinite().all())
