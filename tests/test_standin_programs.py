"""Short programs on the stand-in device: the CPU's numbers, and everything they return is on the device."""

import numpy as np
import pytest

import metagrad
from metagrad import func, nn
from metagrad.nn.utils import parametrizations, prune
from tests.standin import Strict, install

PROGRAMS = {}


@pytest.fixture(autouse=True)
def fake_gpu(monkeypatch):
    install(monkeypatch)


def program(run):
    PROGRAMS[run.__name__] = run
    return run


def numbers(*shape, device, seed=0):
    drawn = np.random.default_rng(seed + sum(shape)).normal(size=shape).astype(np.float32)
    return metagrad.from_numpy(drawn).to(device)


def seeded(make, device):
    metagrad.manual_seed(0)
    return make().to(device)


@program
def masks_of_a_transformer(device):
    model = seeded(lambda: nn.Transformer(16, 2, 1, 1, 32, dropout=0.0, batch_first=True), device)
    source, target = numbers(2, 5, 16, device=device), numbers(2, 4, 16, device=device)
    causal = model.generate_square_subsequent_mask(4, device=device)
    padding = metagrad.tensor([[False] * 5, [False] * 3 + [True] * 2], device=device)
    y = model(source, target, tgt_mask=causal, src_key_padding_mask=padding, memory_key_padding_mask=padding)
    return [y.detach(), model(source, target, tgt_mask=causal == -float("inf"), tgt_is_causal=True).detach()]


@program
def derivatives_of_functions(device):
    w, x = numbers(4, 3, device=device), numbers(5, 4, device=device)

    def loss(w, row):
        return metagrad.tanh(row @ w).sum()

    return [
        func.jacrev(lambda w: metagrad.tanh(x @ w).sum(1))(w),
        func.jacfwd(lambda w: metagrad.tanh(x @ w).sum(1))(w),
        func.hessian(loss)(w, x[0]),
        func.jvp(lambda w: loss(w, x), (w,), (w,))[1],
        func.vmap(func.grad(loss), in_dims=(None, 0))(w, x),
    ]


@program
def indices_of_the_cpu(device):
    x, rows = numbers(4, 3, device=device), metagrad.tensor([0, 2])
    y = x.index_put((rows,), x[rows] * 2).index_put_((rows, rows), metagrad.ones(2, device=device), accumulate=True)
    return [x[rows], y, metagrad.tensor(3, device=device).nonzero()]


@program
def draws_from_weights(device):
    weights = metagrad.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], device=device)
    return [metagrad.multinomial(weights, 1), metagrad.multinomial(weights, 4, replacement=True)]


@program
def parts_of_layers(device):
    layer = seeded(lambda: nn.Linear(3, 3), device)
    parametrizations.orthogonal(layer, orthogonal_map="cayley")
    pruned = prune.random_structured(seeded(lambda: nn.Linear(3, 4), device), "weight", amount=2, dim=0)
    return [layer.weight.detach(), pruned.weight_mask.sum()]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program(name):
    expected, found = PROGRAMS[name]("cpu"), PROGRAMS[name]("cuda")
    assert len(expected) == len(found)
    for i, (ours, theirs) in enumerate(zip(found, expected)):
        assert isinstance(ours.array, Strict), f"result {i} is not on the device"
        assert ours.dtype is theirs.dtype
        np.testing.assert_allclose(ours.cpu().numpy(), theirs.numpy(), 1e-4, 1e-5, err_msg=f"result {i}")
