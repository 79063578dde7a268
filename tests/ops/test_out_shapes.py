"""``out=`` and shapes: an operand as ``out`` must have room, ranges fill what has as many places, and who warns of resizing."""

import warnings

import numpy as np
import pytest

import metagrad

TO_AN_OPERAND = {
    "add": lambda L, x, y: L.add(x, y, out=x),
    "mul": lambda L, x, y: L.mul(y, x, out=x),
    "where": lambda L, x, y: L.where(y > 1, x, y, out=x),
    "lerp": lambda L, x, y: L.lerp(y, x, 0.5, out=x),
    "addcmul": lambda L, x, y: L.addcmul(x, y, y, out=x),
    "maximum": lambda L, x, y: L.maximum(x, y, out=x),
    "clamp": lambda L, x, y: L.clamp(x, y, out=x),
    "eq": lambda L, x, y: L.eq(x, y, out=x),
    "zeta": lambda L, x, y: L.special.zeta(y, x, out=x),
}


@pytest.mark.parametrize("name", TO_AN_OPERAND)
def test_an_operand_takes_no_result_that_is_larger(name):
    x, y = metagrad.tensor([2.0]), metagrad.tensor([1.5, 2.0, 3.0])
    with pytest.raises(RuntimeError, match=r"output with shape \[1\] doesn't match the broadcast shape \[3\]"):
        TO_AN_OPERAND[name](metagrad, x, y)
    assert x.tolist() == [2]


@pytest.mark.oracle
@pytest.mark.parametrize("name", TO_AN_OPERAND)
def test_nor_in_pytorch(torch, name):
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        TO_AN_OPERAND[name](torch, torch.tensor([2.0]), torch.tensor([1.5, 2.0, 3.0]))


def test_an_operand_that_has_room_takes_the_result():
    x, y = metagrad.tensor([1.0, 2.0, 3.0]), metagrad.tensor([10.0])
    assert metagrad.add(y, x, out=x) is x and x.tolist() == [11, 12, 13]
    with pytest.warns(UserWarning, match="was resized"):
        assert metagrad.sum(x, 0, out=x).item() == 36  # one operand: it is a reduction that changes the shape


FILLED = {
    "arange": (lambda L, out: L.arange(4, out=out), [0, 1, 2, 3]),
    "linspace": (lambda L, out: L.linspace(0, 3, 4, out=out), [0, 1, 2, 3]),
    "logspace": (lambda L, out: L.logspace(0, 3, 4, out=out), [1, 10, 100, 1000]),
}


@pytest.mark.parametrize("name", FILLED)
def test_a_range_fills_what_has_as_many_places(name):
    fill, expected = FILLED[name]
    out = metagrad.empty(2, 2)
    assert fill(metagrad, out) is out and out.shape == (2, 2)
    np.testing.assert_allclose(out.flatten().numpy(), expected)
    turned = fill(metagrad, metagrad.empty(2, 2).t())
    np.testing.assert_allclose(turned.flatten().numpy(), expected)
    assert metagrad.zeros(4, out=metagrad.ones(2, 2)).shape == (4,)


@pytest.mark.oracle
@pytest.mark.parametrize("name", FILLED)
def test_as_in_pytorch(torch, name):
    for make in (lambda L: L.empty(2, 2), lambda L: L.empty(2, 2).t(), lambda L: L.empty(0)):
        found, expected = FILLED[name][0](metagrad, make(metagrad)), FILLED[name][0](torch, make(torch))
        assert found.shape == expected.shape
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5)


WARNS = {
    "arange": (True, lambda L, out: L.arange(4, out=out)),
    "mm": (True, lambda L, out: L.mm(L.ones(2, 2), L.ones(2, 2), out=out)),
    "linear": (True, lambda L, out: L.nn.functional.linear(L.ones(2, 2), L.ones(2, 2), out=out)),
    "threshold": (True, lambda L, out: L.threshold(L.ones(2, 2), 0.5, 3.0, out=out)),
    "linspace": (False, lambda L, out: L.linspace(0, 1, 4, out=out)),
    "addbmm": (False, lambda L, out: L.addbmm(L.ones(2, 2), L.ones(2, 2, 2), L.ones(2, 2, 2), out=out)),
    "bernoulli": (False, lambda L, out: L.bernoulli(L.ones(2, 2), out=out)),
    "normal": (False, lambda L, out: L.normal(1.0, 0.0, (2, 2), out=out)),
    "multinomial": (False, lambda L, out: L.multinomial(L.ones(1), 1, out=out.long())),
}


def outcome(lib, name):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = WARNS[name][1](lib, lib.empty(3))
    return found, bool(said)


@pytest.mark.parametrize("name", WARNS)
def test_who_warns_of_another_shape(name):
    assert outcome(metagrad, name)[1] is WARNS[name][0]


@pytest.mark.oracle
@pytest.mark.parametrize("name", WARNS)
def test_so_does_pytorch(torch, name):
    (found, warned), (expected, warns) = outcome(metagrad, name), outcome(torch, name)
    assert warned is warns and found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6)


def test_layers_functions_take_out():
    x, out = metagrad.tensor([[1.0, -2.0]]), metagrad.empty(1, 1)
    assert metagrad.nn.functional.linear(x, metagrad.tensor([[3.0, 1.0]]), metagrad.tensor([5.0]), out=out) is out
    assert out.tolist() == [[6]]
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        metagrad.nn.functional.linear(x, metagrad.ones(1, 2, requires_grad=True), out=out)
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype float"):
        metagrad.nn.functional.linear(x, metagrad.ones(1, 2), out=out.double())
    wide = metagrad.empty(1, 2, dtype=metagrad.float64)
    assert metagrad.threshold(x, 0, 7, out=wide).tolist() == [[1, 7]]


@pytest.mark.parametrize("name", ["fftfreq", "rfftfreq"])
def test_frequencies_are_no_integers(name):
    make = getattr(metagrad.fft, name)
    for given in ({"out": metagrad.empty(4, dtype=metagrad.int64)}, {"dtype": metagrad.bool}):
        with pytest.raises(RuntimeError, match=f"{name} requires a floating point or complex dtype"):
            make(4, **given)


COPIES = {
    "permute_copy": lambda L, x, **out: L.permute_copy(x, (1, 0), **out),
    "view_copy": lambda L, x, **out: L.view_copy(x, size=(3, 2), **out),
    "unbind_copy": lambda L, x, **out: L.unbind_copy(x, **out),
    "split_copy": lambda L, x, **out: L.split_copy(x, 1, **out),
    "split_with_sizes_copy": lambda L, x, **out: L.split_with_sizes_copy(x, [1, 1], **out),
    "t_copy": lambda L, x, **out: L.t_copy(x, **out),
}


def parts(found):
    return [part.tolist() for part in (found if isinstance(found, (tuple, list)) else [found])]


@pytest.mark.parametrize("name", COPIES)
def test_copies_of_views_take_out(name):
    x = metagrad.arange(6.0).reshape(2, 3)
    expected = COPIES[name](metagrad, x)
    several = isinstance(expected, tuple)
    out = [metagrad.empty_like(part) for part in (expected if several else [expected])]
    COPIES[name](metagrad, x, out=out if several else out[0])
    assert parts(out) == parts(expected)
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype float"):
        COPIES[name](metagrad, x, out=[o.double() for o in out] if several else out[0].double())


@pytest.mark.oracle
@pytest.mark.parametrize("name", COPIES)
def test_and_are_pytorchs(torch, name):
    found, expected = (COPIES[name](L, L.arange(6.0).reshape(2, 3)) for L in (metagrad, torch))
    assert parts(found) == parts(expected)


def test_in_place_there_is_no_out():
    x = metagrad.tensor([1.0, -2.0])
    with pytest.raises(TypeError, match=r"threshold_\(\) got an unexpected keyword argument 'out'"):
        metagrad.nn.functional.threshold_(x, 0, 7, out=x)
    assert metagrad.nn.functional.threshold_(x, 0, 7) is x and x.tolist() == [1, 7]
