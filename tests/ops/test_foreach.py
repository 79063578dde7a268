"""The functions over several tensors at once."""

import numpy as np
import pytest

import metagrad as mg
from metagrad.compat import foreach

X = [[[0.3, 0.7], [0.2, 0.9]], [0.4, 0.6, 0.8], 0.5]
Y = [[[0.9, 0.2], [0.4, 0.3]], [0.7, 0.3, 0.2], 0.8]
OPERANDS = {
    "nothing": lambda lib, y: (),
    "a number": lambda lib, y: (0.5,),
    "numbers": lambda lib, y: ([0.5, 2.0, 3.0],),
    "a tensor": lambda lib, y: (lib.tensor(2.0, dtype=lib.float64),),
    "tensors": lambda lib, y: (y,),
    "tensors and a number": lambda lib, y: (y, 0.5),
    "tensors twice": lambda lib, y: (y, y),
    "tensors twice and numbers": lambda lib, y: (y, y, [0.5, 2.0, 3.0]),
    "tensors twice and a tensor": lambda lib, y: (y, y, lib.tensor([0.5, 2.0, 3.0], dtype=lib.float64)),
}


def done(lib, name, operands):
    x, y = ([lib.tensor(v, dtype=lib.float64) for v in values] for values in (X, Y))
    try:
        result = getattr(lib, name)(x, *OPERANDS[operands](lib, y))
    except (TypeError, RuntimeError, ValueError, AttributeError):
        return None
    return type(result), result is x, [t.numpy() for t in result], [t.numpy() for t in x]


@pytest.mark.oracle
@pytest.mark.parametrize("operands", OPERANDS)
def test_each_is_pytorchs(torch, operands):
    names = [name for name in dir(torch) if name.startswith("_foreach_")]
    assert set(names) <= foreach.NAMES
    compared = 0
    for name in names:
        expected, found = done(torch, name, operands), done(mg, name, operands)
        if expected is None or name == "_foreach_mm":
            continue
        compared += 1
        assert found is not None and found[:2] == expected[:2], name
        for a, b in zip(found[2] + found[3], expected[2] + expected[3], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, err_msg=name)
    assert compared


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8", "float16", "float32"])
@pytest.mark.parametrize("operand", [2, 1.5, [1, 2.5], "tensors"])
@pytest.mark.parametrize("name", ["maximum", "minimum", "clamp_min", "add", "mul", "div", "pow"])
def test_dtypes_are_pytorchs(torch, name, operand, dtype):
    def made(lib):
        x = [lib.tensor([1, 3]).to(getattr(lib, dtype)), lib.tensor([0, 2]).to(getattr(lib, dtype))]
        try:
            found = getattr(lib, f"_foreach_{name}")(x, x[::-1] if operand == "tensors" else operand)
        except RuntimeError:
            return None
        return [(str(t.dtype).split(".")[1], t.double().tolist()) for t in found]

    expected, found = made(torch), made(mg)
    if expected is not None and expected != found:
        assert [t[0] for t in found] == [t[0] for t in expected]
        np.testing.assert_allclose([t[1] for t in found], [t[1] for t in expected], rtol=1e-3)


def test_operands_go_by_name():
    x, one = [mg.tensor([1.0, 2.0])], [mg.ones(2)]
    assert mg._foreach_add(self=x, other=one, alpha=3)[0].tolist() == [4, 5]
    assert mg._foreach_addcmul(x, one, one, scalars=[2.0])[0].tolist() == [3, 4]
    assert mg._foreach_addcdiv(x, tensor1=one, tensor2=one, value=2.0)[0].tolist() == [3, 4]
    assert mg._foreach_maximum(x, scalar=1.5)[0].tolist() == [1.5, 2]


def test_gradients_go_through():
    x = [mg.tensor([1.0, 2.0], requires_grad=True), mg.tensor(3.0, requires_grad=True)]
    sum(t.sum() for t in mg._foreach_mul(x, [2.0, 5.0])).backward()
    assert [t.grad.tolist() for t in x] == [[2, 2], 5]


@pytest.mark.parametrize(
    ("call", "kind", "match"),
    [
        (lambda t: mg._foreach_add(t, [1.0]), RuntimeError, "same number of elements as scalar list"),
        (lambda t: mg._foreach_add(t, [t[0]]), RuntimeError, "same number of tensors, got 2 and 1"),
        (lambda t: mg._foreach_add(t, "a"), TypeError, "invalid combination"),
        (lambda t: mg._foreach_add(t, 1, alpha=2), TypeError, "alpha"),
        (lambda t: mg._foreach_sub(t, mg.ones(2)), TypeError, "invalid combination"),
        (lambda t: mg._foreach_lerp(t, 0.5, 0.5), TypeError, "invalid combination"),
        (lambda t: mg._foreach_addcmul(t, t, t, mg.tensor(2.0)), RuntimeError, "dimension 1. Got 0"),
        (lambda t: mg._foreach_norm([mg.tensor([1])]), RuntimeError, "floating point or complex"),
        (lambda t: mg._foreach_norm(t, ord="a"), TypeError, "must be Number"),
        (lambda t: mg._foreach_maximum_([mg.tensor([1])], 1.5), RuntimeError, "can't be cast"),
        (lambda t: mg._foreach_add(t, mg.ones(3)), RuntimeError, "0 dim"),
        (lambda t: mg._foreach_abs([]), RuntimeError, "at least one"),
        (lambda t: mg._foreach_abs(t[0]), TypeError, "list or tuple"),
        (lambda t: mg._foreach_add([1], 1), TypeError, "element 0"),
        (lambda t: mg._foreach_abs(t, 1), TypeError, "takes 0 operands"),
        (lambda t: mg._foreach_bogus(t), AttributeError, "_foreach_bogus"),
    ],
)
def test_what_does_not_fit_is_refused(call, kind, match):
    with pytest.raises(kind, match=match):
        call([mg.ones(2), mg.ones(3)])
