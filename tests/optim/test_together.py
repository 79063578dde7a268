"""Parameters stepped together end where each of them would have ended by itself."""

import numpy as np
import pytest

import metagrad
from metagrad import optim

SETTINGS = [
    ("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}), ("Adam", {}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1}), ("AdamW", {"maximize": True}), ("NAdam", {}), ("RAdam", {}),
    ("Adamax", {}), ("Adagrad", {}), ("Adadelta", {}), ("RMSprop", {"momentum": 0.5, "centered": True}), ("Rprop", {}),
    ("ASGD", {}),
]  # fmt: skip
SHAPES = [(), (1,), (5,), (3, 4), (0,), (2, 3, 2), (70, 70), (5,), (7,)]


def parameters(dtypes=("float32",)):
    rng = np.random.default_rng(0)
    arrays = [np.asarray(rng.standard_normal(s), dtypes[i % len(dtypes)]) for i, s in enumerate(SHAPES)]
    return [metagrad.tensor(np.asarray(a, order="CF"[i % 2]), requires_grad=True) for i, a in enumerate(arrays)]


def steps(params, optimizers, absent=()):
    """Three steps; the parameters ``absent`` have no gradient in the first of them, and are one step behind from then on."""
    rng = np.random.default_rng(1)
    for n in range(3):
        for i, p in enumerate(params):
            values = np.asarray(rng.standard_normal(p.shape), p.array.dtype)
            p.grad = None if n == 0 and i in absent else metagrad.tensor(np.asarray(values, order="FC"[i % 2]))
        for optimizer in optimizers:
            optimizer.step()


@pytest.mark.parametrize("dtypes", [("float32",), ("float64", "float32", "float16", "complex64")], ids=str)
@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_many_parameters_go_where_each_goes_by_itself(name, settings, dtypes):
    if name == "Rprop" and len(dtypes) > 1:
        dtypes = ("float64", "float32")
    together, apart = parameters(dtypes), parameters(dtypes)
    one = getattr(optim, name)(together, **settings)
    each = [getattr(optim, name)([p], **settings) for p in apart]
    versions = [p._version for p in together]
    steps(together, [one], absent=(2, 7))
    steps(apart, each, absent=(2, 7))
    for p, q, optimizer in zip(together, apart, each, strict=True):
        assert np.array_equal(p.array, q.array, equal_nan=True)
        for key, value in optimizer.state[q].items():
            assert np.array_equal(one.state[p][key].array, value.array, equal_nan=True), key
    assert all(p._version > v for p, v in zip(together, versions, strict=True))


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_parameters_that_share_memory_take_both_steps(name):
    found = []
    for group in (True, False):
        memory = np.arange(6, dtype=np.float32)
        params = [metagrad.from_numpy(memory[i:]).requires_grad_() for i in (0, 0, 1, 2, 3)]
        for p in params:
            p.grad = metagrad.ones_like(p.detach())
        make = getattr(optim, name)
        for optimizer in [make(params, lr=0.5)] if group else [make([p], lr=0.5) for p in params]:
            optimizer.step()
        found.append(memory.tolist())
    assert found[0] == found[1] and found[0][5] == 2.5


def test_a_subclass_with_an_update_of_its_own_is_asked():
    class Bounded(optim.SGD):
        def update(self, param, grad, group):
            super().update(param, grad, group)
            param.clamp_(-1, 1)

    params = [metagrad.full((2,), 3.0, requires_grad=True) for _ in range(6)]
    for p in params:
        p.grad = metagrad.ones(2)
    Bounded(params, lr=0.5).step()
    assert [p.tolist() for p in params] == [[1.0, 1.0]] * 6
