"""Second derivatives of functions that write in place: of forward mode, of backward mode, and one of the other."""

import pytest

import metagrad
from metagrad import func
from metagrad.nn import functional as F

X = metagrad.tensor([2.0, 3.0, 0.5], dtype=metagrad.float64)


def squared(x):
    return ((x * x).square_() * x.sum()).sum()


def squared_apart(x):
    return ((x * x).square() * x.sum()).sum()


def raised(x):
    return ((x * x).pow_(2) * x.sum()).sum()


def multiplied(x):
    z = x * x
    return (z.mul_(z.sum()) * x).sum()


def multiplied_apart(x):
    z = x * x
    return (z * z.sum() * x).sum()


def a_part_multiplied(x):
    z = x.clone()
    z[1:].mul_(x[0])
    return z.sum()


def a_part_multiplied_apart(x):
    return x[0] + (x[1:] * x[0]).sum()


def activated(x):
    return (F.silu(x * x, inplace=True) * x.sum()).sum()


def activated_apart(x):
    return (F.silu(x * x) * x.sum()).sum()


PAIRS = [
    (squared, squared_apart), (raised, squared_apart), (multiplied, multiplied_apart),
    (a_part_multiplied, a_part_multiplied_apart), (activated, activated_apart),
]  # fmt: skip


@pytest.mark.parametrize(("written", "apart"), PAIRS)
def test_hessians(written, apart):
    wanted = func.jacrev(func.jacrev(apart))(X)
    assert metagrad.allclose(wanted, wanted.mT)
    for hessian in (func.hessian(written), func.jacrev(func.jacrev(written)), func.jacrev(func.jacfwd(written))):
        assert metagrad.allclose(hessian(X), wanted)


def test_the_hessian_of_a_square_is_known():
    assert metagrad.allclose(func.hessian(squared)(X).diagonal(), metagrad.tensor([328.0, 810.0, 17.5]).double())
