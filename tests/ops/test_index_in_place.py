"""Ops at indices in place: the same numbers as out of place, in the tensor's own memory, and nothing half done."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning

RNG = np.random.default_rng(0)
V = RNG.standard_normal((6, 8)).astype(np.float32)
ROWS, WITHIN = RNG.integers(0, 6, 6), RNG.integers(0, 8, (6, 8))
CALLS = {
    "scatter": lambda library: (1, library.tensor(WITHIN), 2.5),
    "scatter_add": lambda library: (1, library.tensor(WITHIN), library.tensor(V)),
    "index_add": lambda library: (0, library.tensor(ROWS), library.tensor(V)),
    "index_copy": lambda library: (0, library.tensor(np.array([3, 1, 0, 2, 5, 4])), library.tensor(V)),
    "index_fill": lambda library: (1, library.tensor(np.array([1, 7])), -1.0),
}


@pytest.fixture(autouse=True)
def all_are_large(monkeypatch):
    for name in ("POINTWISE_LARGE", "GATHER_LARGE", "PICK_LARGE", "PICK_INDICES", "MASK_LARGE"):
        monkeypatch.setattr(tuning, name, 1)


@pytest.mark.parametrize("name", CALLS)
def test_in_place_is_out_of_place(name):
    x = RNG.standard_normal((6, 8)).astype(np.float32)
    for y in (metagrad.tensor(x), metagrad.tensor(x.T.copy()).T, metagrad.tensor(np.repeat(x, 2, 1))[:, ::2]):
        memory, expected = y.array, getattr(y, name)(*CALLS[name](metagrad))
        version = y._version
        assert getattr(y, f"{name}_")(*CALLS[name](metagrad)) is y
        assert y.array is memory and y._version == version + 1
        np.testing.assert_array_equal(y.numpy(), expected.numpy())


@pytest.mark.oracle
@pytest.mark.parametrize("name", CALLS)
def test_gradients_as_pytorch(torch, name):
    found = []
    for library in (metagrad, torch):
        x = library.ones(6, 8, requires_grad=True)
        *at, v = CALLS[name](library)
        v = v.clone().requires_grad_() if hasattr(v, "clone") else v
        y = x * 2
        getattr(y, f"{name}_")(*at, v)
        (y * y).sum().backward()
        found.append([y.detach().numpy(), x.grad.numpy(), *([v.grad.numpy()] if hasattr(v, "grad") else [])])
    for here, there in zip(*found, strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-5, atol=1e-6)


def test_values_that_are_to_be_learned_are_recorded_by_name():
    x, v = metagrad.zeros(6, 8), metagrad.tensor(V, requires_grad=True)
    x.index_add_(0, metagrad.tensor(ROWS), source=v)
    x.sum().backward()
    assert v.grad.tolist() == np.ones((6, 8)).tolist()


def test_nothing_is_written_where_it_is_refused():
    x = metagrad.zeros(6, 8)
    wrong = metagrad.tensor([0, 1, 2, 3, 4, 6])
    for call in (
        lambda: x.index_add_(0, wrong, metagrad.tensor(V)),
        lambda: x.index_copy_(0, wrong, metagrad.tensor(V)),
        lambda: x.index_fill_(0, wrong, 1.0),
        lambda: x.scatter_(1, metagrad.tensor(WITHIN + 1), 1.0),
        lambda: x.scatter_add_(1, metagrad.tensor(WITHIN - 1), metagrad.tensor(V)),
    ):
        with pytest.raises((IndexError, RuntimeError)):
            call()
    assert not x.any() and x._version == 0


def test_an_index_that_is_written_over():
    x = metagrad.tensor([3, 2, 1, 0])
    assert x.clone().scatter_(0, x, metagrad.tensor([5, 6, 7, 8])).tolist() == [8, 7, 6, 5]
    y = metagrad.tensor([3, 2, 1, 0])
    try:
        y.scatter_(0, y, metagrad.tensor([5, 6, 7, 8]))
    except RuntimeError:
        assert y.tolist() == [3, 2, 1, 0]
    else:
        assert y.tolist() == [8, 7, 6, 5]
    z = metagrad.arange(6.0)
    part = z[:3]
    part.index_add_(0, metagrad.tensor([0, 0, 2]), z[3:])
    assert z.tolist() == [7.0, 1.0, 7.0, 3.0, 4.0, 5.0]
