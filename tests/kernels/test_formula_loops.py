"""Formulas printed as compiled loops give what NumPy gives, on any number of threads, in place and broadcast."""

import threading

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.kernels.compiled import atomic, choice, pointwise

pytest.importorskip("numba")

from metagrad.kernels import fused_loops, one_call
from metagrad.kernels.chunks import spread
from metagrad.kernels.compiled.expressions import CURVES, EXPRESSIONS, SINGLE

RNG = np.random.default_rng(0)
F = metagrad.nn.functional


@pytest.fixture(autouse=True)
def small_arrays_are_large(monkeypatch):
    """Arrays of some elements take the loops, in several parts."""
    for name in ("COMPILED_WORTH", "POINTWISE_LARGE", "SPREAD_LEAST"):
        monkeypatch.setattr(tuning, name, 1)


def numbers(shape, dtype="float32"):
    """Numbers of both signs, halves, zeros, and what is not finite."""
    x = RNG.standard_normal(shape).astype(dtype) * 3
    x.reshape(-1)[:10] = np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, 0.5, 1.5, -0.5, -2.5
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(EXPRESSIONS["f"]))
def test_every_expression_of_floats(name, dtype):
    ufunc = np._core.umath.clip if name == "clip" else getattr(np, name)
    inputs = [numbers((9, 20), dtype) for _ in range(ufunc.nin)]
    inputs = [np.roll(x, 3 * i) for i, x in enumerate(inputs)]
    with np.errstate(all="ignore"):
        expected = ufunc(*inputs)
    found = np.empty_like(expected)
    assert one_call.by_loop(ufunc, inputs, found)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found[found == 0]), np.signbit(expected[found == 0]))


@pytest.mark.parametrize("name", sorted(SINGLE))
def test_every_expression_of_single_floats(name):
    x, y = numbers((9, 20)), np.roll(numbers((9, 20)), 3)
    x.reshape(-1)[60:64], y.reshape(-1)[60:64] = (1e9, 3e38, 12, -12), (0.3, 1e-38, 3, 3)  # large quotients, whole ones
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x, y)
    found = np.empty_like(x)
    assert one_call.by_loop(getattr(np, name), (x, y), found)
    np.testing.assert_allclose(found, expected, rtol=2e-7 if name == "hypot" else 0)
    np.testing.assert_array_equal(np.signbit(found[found == 0]), np.signbit(expected[found == 0]))


@pytest.mark.parametrize(("name", "dtype"), [(name, kind) for kind, names in CURVES.items() for name in names])
def test_every_expression_near_numpys(name, dtype):
    ufunc = getattr(np, name)
    inputs = [np.roll(numbers((9, 20), dtype), 3 * i) for i in range(ufunc.nin)]
    inputs[0].reshape(-1)[60:70] = 88.0, -88.0, 700.0, -700.0, 1e-30, -1e-30, 1.0, -1.0, np.inf, -np.inf
    inputs[-1].reshape(-1)[68:70] = np.inf, -np.inf
    with np.errstate(all="ignore"):
        expected = ufunc(*[x.astype(np.longdouble) for x in inputs]).astype(dtype)
    found = np.empty_like(inputs[0])
    assert one_call.by_loop(ufunc, inputs, found)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(
        found, expected, rtol=3 * eps, atol=3 * eps if name == "logaddexp" else np.finfo(dtype).tiny
    )
    np.testing.assert_array_equal(np.signbit(found[found == 0]), np.signbit(expected[found == 0]))


def test_arrays_that_broadcast(threads):
    x = numbers((3, 4, 50))
    others = [x[0], x[0, 0], x[:, :, :1].copy(), x[:, :1, :1].copy(), x[:1], x[0, 0, 7:8], x[0, 0, 7].reshape(())]
    with np.errstate(all="ignore"):
        for other in others:
            for pair in ((x, other), (other, x)):
                found = np.empty_like(x)
                assert one_call.by_loop(np.subtract, pair, found)
                np.testing.assert_array_equal(found, np.subtract(*pair))
        found = np.empty((4, 50), x.dtype)
        assert one_call.by_loop(np.multiply, (x[0, :, :1].copy(), x[1, 1]), found)  # a column and a row
        np.testing.assert_array_equal(found, x[0, :, :1] * x[1, 1])
        assert not one_call.by_loop(np.add, (x, x[:1, :, :1].copy()), np.empty_like(x))  # neither row nor column
        assert not one_call.by_loop(np.add, (x[0], x[0][:, ::-1]), np.empty_like(x[0]))
        turned = np.empty_like(x.T)
        assert one_call.by_loop(np.add, (x.T, x.T), turned)
        np.testing.assert_array_equal(turned, x.T + x.T)


def test_in_place(threads):
    x, y = RNG.standard_normal((2, 30, 40))
    z = x.copy()
    for ufunc, other in ((np.add, y), (np.multiply, y[0]), (np.subtract, y[:, :1].copy()), (np.divide, np.array(1.5))):
        expected = ufunc(z, other)
        assert one_call.by_loop(ufunc, (z, other), z)
        np.testing.assert_array_equal(z, expected)
    assert one_call.by_loop(np.add, (z, z), z)
    np.testing.assert_array_equal(z, expected + expected)
    first = z[0]  # it lies where z begins, but is another array
    expected = z[1:] + first
    assert one_call.by_loop(np.add, (z[1:], first), z[1:])
    np.testing.assert_array_equal(z[1:], expected)


FORMULAS = {
    "addcmul": lambda x, y: metagrad.addcmul(x, y, y, value=0.5), "lerp": lambda x, y: metagrad.lerp(x, y, 0.3),
    "lerp, weights": lambda x, y: metagrad.lerp(x, y, y), "hardsigmoid": lambda x, y: F.hardsigmoid(x * y),
    "softshrink": lambda x, y: F.softshrink(x), "clamp": lambda x, y: metagrad.clamp(x, y, y + 1),
    "where": lambda x, y: metagrad.where(x > 0, x, y), "maximum": lambda x, y: metagrad.maximum(x, y),
    "alpha": lambda x, y: metagrad.add(x, y, alpha=2.5), "cube": lambda x, y: x**3 - y**2,
    "addcdiv": lambda x, y: metagrad.addcdiv(x, y, y * y + 1, value=0.5), "frac": lambda x, y: (x * 3).frac() * y,
    "subtract alpha of a row": lambda x, y: metagrad.sub(x, y[0], alpha=2.5), "row + column": lambda x, y: x[:1] + y[:, :1],
    "row * column": lambda x, y: x[0] * y[:, :1], "remainder": lambda x, y: metagrad.remainder(x, y),
    "hypot": lambda x, y: metagrad.hypot(x, y), "logaddexp": lambda x, y: metagrad.logaddexp(x, y),
    "nan_to_num": lambda x, y: (x / (y > 0)).nan_to_num(0.0, 1.0, -1.0) * x, "copysign": lambda x, y: metagrad.copysign(x, y),
    "a row": lambda x, y: metagrad.where(x > y[0], x * y[0], 0.0), "abs": lambda x, y: (x - y).abs(),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(FORMULAS))
def test_formulas_and_their_gradients(monkeypatch, name, dtype):
    x, y = RNG.standard_normal((2, 30, 40)).astype(dtype)

    def run():
        a, b = (metagrad.tensor(v, requires_grad=True) for v in (x, y))
        z = FORMULAS[name](a, b)
        (z * z).sum().backward()
        return [v.numpy() for v in (z.detach(), a.grad, b.grad) if v is not None]

    found = run()
    monkeypatch.setattr(choice, "available", lambda: False)
    tolerance = {"float32": 1e-5, "float64": 1e-10}[dtype]
    for here, there in zip(found, run(), strict=True):
        assert here.dtype == there.dtype
        np.testing.assert_allclose(here, there, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_comparisons(threads, name):
    x, y = numbers((30, 40)), np.roll(numbers((30, 40)), 1)
    ufunc = {
        "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal
    }[name]  # fmt: skip
    a, b = metagrad.from_numpy(x), metagrad.from_numpy(y)
    for other, number in ((b, y), (0.1, np.float32(0.1)), (1, 1), (metagrad.tensor(0.5), 0.5), (b[0], y[0])):
        np.testing.assert_array_equal(getattr(metagrad, name)(a, other).numpy(), ufunc(x, number))
    np.testing.assert_array_equal(getattr(metagrad, name)(a.T, b.T).numpy(), ufunc(x.T, y.T))


def test_what_has_no_expression_is_left_to_numpy():
    x = metagrad.tensor(RNG.standard_normal(100))
    np.testing.assert_allclose((x.arctan() * 2).numpy(), np.arctan(x.numpy()) * 2)
    assert not one_call.by_loop(np.arctan, (x.numpy(),), np.empty(100))
    assert not one_call.by_loop(np.add, (np.ones(9, np.complex64),) * 2, np.empty(9, np.complex64))


def test_several_callers_each_get_their_own():
    wrong = []

    def caller(number):
        x = np.full(5000, float(number))
        y = np.empty_like(x)
        for _ in range(50):
            spread(pointwise.leaky_relu, [x, y], numbers=[2.0])
            if not (y == number).all():
                wrong.append(number)

    callers = [threading.Thread(target=caller, args=(i,)) for i in range(1, 9)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(timeout=60)
    assert not wrong


@pytest.mark.parametrize("name", ["fmod", "remainder", "floor_divide"])
@pytest.mark.parametrize("shape", [(5000,), (3, 2100)])
def test_remainders_where_few_quotients_are_large(name, shape):
    """Whole blocks of ordinary numbers, and blocks in which a number or two need the exact function."""
    x, y = RNG.standard_normal(shape).astype(np.float32) * 50, RNG.standard_normal(shape[-1:]).astype(np.float32)
    x.reshape(-1)[[1500, -1]] = 3e38, np.inf
    y[[7, 40, 2050]] = 1e-30, 0, np.inf
    with np.errstate(all="ignore"):
        rest = np.fmod(x, y)
        expected = {
            "fmod": rest,
            "remainder": np.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest),
            "floor_divide": np.where(y == 0, x / y, np.floor_divide(x, y)),
        }[name]
    found = getattr(metagrad, name)(*map(metagrad.from_numpy, (x, y))).numpy()
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found[found == 0]), np.signbit(expected[found == 0]))
    if x.shape == y.shape:  # in place, where what is read is written over
        z = metagrad.from_numpy(x.copy())
        np.testing.assert_array_equal(getattr(z, f"{name}_")(metagrad.from_numpy(y)).numpy(), found)


def test_what_waits_for_memory_takes_256_bits():
    import numba

    step = atomic.narrow.compiled()

    def negative(x, y):
        step()
        for i in range(len(x)):
            y[i] = -x[i]

    made = numba.njit("void(float32[::1], float32[::1])")(negative)
    assert '"prefer-vector-width"="256"' in made.inspect_llvm(made.signatures[0])
    assert pointwise.relu.streams and not pointwise.gelu.streams


OF_HALVES = {
    "tanh": lambda x, y: x.tanh(), "division": lambda x, y: x / y, "of a number": lambda x, y: 3 / x,
    "clamp": lambda x, y: x.clamp(-0.6, 0.9), "factor that float16 has not": lambda x, y: x * 1e-3 * 7e4,
    "tensor's factor": lambda x, y: x * y[0, 0],
    "relu": lambda x, y: x.relu(), "nan": lambda x, y: x.nan_to_num(), "where": lambda x, y: metagrad.where(x > 0.3, x, y),
    "power": lambda x, y: x**3, "rsqrt": lambda x, y: x.abs().rsqrt(), "row": lambda x, y: x + y[0], "none": lambda x, y: x.round(),
    "remainder": lambda x, y: metagrad.remainder(x, 0.7), "truncated": lambda x, y: metagrad.div(x, y, rounding_mode="trunc"),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", OF_HALVES)
def test_halves_are_what_numpy_makes_of_them(monkeypatch, threads, name, dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 2)  # more than a number
    values = [np.roll(numbers((30, 70)), 7 * i) for i in range(3)]
    values[0][3, :4] = 6e4, -6e4, 1e-7, 6e-5

    def run():
        x, y, g = (metagrad.from_numpy(v.copy()).to(getattr(metagrad, dtype)) for v in values)
        x.requires_grad_(), y.requires_grad_()
        z = OF_HALVES[name](x, y)
        z.backward(g)
        return [t if t is None else (t.dtype, t.float().numpy()) for t in (z.detach(), x.grad, y.grad)]

    once, again = run(), run()  # by a plan, the second time
    with monkeypatch.context() as patch:
        patch.setattr(choice, "available", lambda: False)
        expected = run()
    for found in (once, again):
        for (kind, a), (wanted, b) in (pair for pair in zip(found, expected, strict=True) if pair[1] is not None):
            assert kind == wanted
            np.testing.assert_array_equal(a, b)


def test_loops_take_halves(monkeypatch):
    pytest.importorskip("ml_dtypes")
    x = metagrad.from_numpy(numbers((30, 70))).to(metagrad.bfloat16)
    taken = []
    perform = fused_loops.perform_formula
    monkeypatch.setattr(fused_loops, "perform_formula", lambda *given: taken.append(given[1]) or perform(*given))
    for some in (x, x.half()):
        some.requires_grad_().rsqrt().backward(some.detach())
    assert [{a.dtype.name for a in arrays} for arrays in taken] == [{"bfloat16"}] * 2 + [{"float16"}] * 2
