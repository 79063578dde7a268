"""A large pointwise result is computed straight into ``out``, where that changes nothing but the time."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning

N = 3000


@pytest.fixture(autouse=True)
def small_arrays_are_large(monkeypatch):
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 1000)
    monkeypatch.setattr(tuning, "COMPILED_WORTH", 1000)


def numbers(*shape, seed=0):
    return metagrad.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


FUNCTIONS = {
    "exp": lambda x, y, **out: metagrad.exp(x, **out),
    "add": lambda x, y, **out: metagrad.add(x, y, **out),
    "add, alpha": lambda x, y, **out: metagrad.add(x, y, alpha=3, **out),
    "multiply by a number": lambda x, y, **out: metagrad.mul(x, 2.5, **out),
    "clamp": lambda x, y, **out: metagrad.clamp(x, -0.5, 0.5, **out),
    "addcmul": lambda x, y, **out: metagrad.addcmul(x, y, y, value=2, **out),
    "lerp": lambda x, y, **out: metagrad.lerp(x, y, 0.3, **out),
    "sigmoid": lambda x, y, **out: metagrad.sigmoid(x, **out),
    "where": lambda x, y, **out: metagrad.where(x > 0, x, y, **out),
    "fmod": lambda x, y, **out: metagrad.fmod(x, y, **out),
    "logit": lambda x, y, **out: metagrad.logit(x, 0.1, **out),
    "softmax": lambda x, y, **out: metagrad.softmax(x, 0, **out),
    "equal": lambda x, y, **out: metagrad.eq(x, y, **out),
    "a row": lambda x, y, **out: metagrad.sub(x, y[:1], **out),
    "a column": lambda x, y, **out: metagrad.mul(x, y[:, :1], **out),
    "transposed": lambda x, y, **out: metagrad.add(x.t(), y.t(), **out),
    "one transposed": lambda x, y, **out: metagrad.add(x, y.t(), **out),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_values_are_those_without_out(name):
    x, y = numbers(60, 60), numbers(60, 60, seed=1)
    expected = FUNCTIONS[name](x, y)
    out = metagrad.full((60, 60), 7, dtype=expected.dtype)
    memory, version = out.array, out._version
    assert FUNCTIONS[name](x, y, out=out) is out
    assert out.array is memory and out._version == version + 1
    np.testing.assert_array_equal(out.numpy(), expected.numpy())


@pytest.mark.parametrize(
    "name", sorted(n for n in FUNCTIONS if "transposed" not in n and n not in ("a row", "a column"))
)
@pytest.mark.parametrize("place", [0, 1])
def test_out_may_be_an_argument(name, place):
    x, y = numbers(60, 60), numbers(60, 60, seed=1)
    expected = FUNCTIONS[name](x, y)
    if not expected.dtype.is_floating_point:
        return
    out = (x, y)[place]
    np.testing.assert_array_equal(FUNCTIONS[name](x, y, out=out).numpy(), expected.numpy())


@pytest.mark.parametrize("dtype", ["float64", "float16"])
@pytest.mark.parametrize("name", ["exp", "add", "lerp"])
def test_out_of_another_dtype(name, dtype):
    x, y = numbers(60, 60), numbers(60, 60, seed=1)
    out = metagrad.empty(60, 60, dtype=getattr(metagrad, dtype))
    FUNCTIONS[name](x, y, out=out)
    np.testing.assert_array_equal(out.numpy(), FUNCTIONS[name](x, y).numpy().astype(dtype))


def test_out_that_is_a_view_or_has_gaps():
    x = numbers(N)
    base = metagrad.zeros(2, N)
    metagrad.exp(x, out=base[1])
    wide = metagrad.zeros(N, 2)
    metagrad.exp(x, out=wide[:, 1])
    for found in (base[1], wide[:, 1]):
        np.testing.assert_array_equal(found.numpy(), metagrad.exp(x).numpy())
    assert not base[0].any() and not wide[:, 0].any()


def test_nothing_is_made_beside_out(monkeypatch):
    """The op's own memory is that of out: no values are copied."""
    from metagrad.ops import out as storing

    monkeypatch.setattr(storing, "assign", lambda *_: pytest.fail("a copy"))
    x, out = numbers(N), metagrad.empty(N)
    for name in ("exp", "add", "add, alpha", "clamp", "addcmul", "sigmoid", "fmod"):
        FUNCTIONS[name](x, x, out=out)


def test_an_op_after_a_failed_one_has_its_own_memory():
    x, out = numbers(N), metagrad.zeros(N)
    with pytest.raises(RuntimeError):
        metagrad.add(x, numbers(N + 1), out=out)
    metagrad.exp(x)
    assert not out.any()


def test_a_longer_operand_is_refused_in_place():
    x = numbers(N)
    before = x.clone()
    for longer in (numbers(N + 1), numbers(2, N)):
        with pytest.raises(RuntimeError):
            x.add_(longer)
    assert x.equal(before)


@pytest.mark.parametrize("name", ["floor", "ceil", "round", "trunc", "frac", "sign", "square", "nan_to_num"])
def test_the_values_of_ops_in_place(name):
    x = numbers(60, 60) * 3
    x[0, :4] = metagrad.tensor([float("nan"), float("inf"), -float("inf"), -0.0])
    expected, memory = getattr(x, name)(), x.array
    assert getattr(x, f"{name}_")() is x
    assert x.array is memory
    np.testing.assert_array_equal(x.numpy(), expected.numpy())
    leaf = numbers(60, 60).requires_grad_()
    getattr(leaf * 2, f"{name}_")().sum().backward()  # what is recorded is not written over
    other = numbers(60, 60).requires_grad_()
    getattr(other * 2, name)().sum().backward()
    np.testing.assert_array_equal(leaf.grad.numpy(), other.grad.numpy())
