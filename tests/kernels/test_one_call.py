"""Large ops that are one ufunc, chunk by chunk, give what the ufunc gives at once, into fresh memory and in place."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning

RNG = np.random.default_rng(0)
OPS = {
    "add": (metagrad.add, np.add), "sub": (metagrad.sub, np.subtract), "mul": (metagrad.mul, np.multiply),
    "div": (metagrad.div, np.divide), "maximum": (metagrad.maximum, np.maximum), "minimum": (metagrad.minimum, np.minimum),
    "fmax": (metagrad.fmax, np.fmax),
}  # fmt: skip
OF_ONE = {
    "sqrt": np.sqrt, "exp": np.exp, "abs": np.abs, "neg": np.negative, "log2": np.log2, "floor": np.floor, "trunc": np.trunc,
}  # fmt: skip


@pytest.fixture(autouse=True, params=[1, 1 << 40], ids=["compiled", "NumPy"])
def small_arrays_are_large(monkeypatch, request):
    """Every array of some elements is cut up, and computed by compiled loops or by NumPy's."""
    monkeypatch.setattr(tuning, "COMPILED_WORTH", request.param)
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 4)
    monkeypatch.setattr(tuning, "POINTWISE_CHUNK_READ_ONCE", 7)


def numbers(shape, dtype):
    """Numbers of both signs, zeros, and what is not finite."""
    x = RNG.standard_normal(shape).astype(dtype)
    if x.size > 9:
        x.reshape(-1)[:6] = np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
@pytest.mark.parametrize("name", list(OPS))
def test_of_two(threads, name, dtype):
    op, ufunc = OPS[name]
    x, y = numbers((5, 9), "float32"), numbers((5, 9), "float32")[::-1].copy()
    if dtype == "int32":
        x, y = (np.where(np.isfinite(a) & (np.abs(a) < 1e9), a * 9, 7).astype(dtype) for a in (x, y))
        y[y == 0] = 1
    with np.errstate(over="ignore"):
        x, y = x.astype(dtype), y.astype(dtype)
    single = {"dtype": np.float32} if dtype == "float16" else {}
    with np.errstate(all="ignore"):
        pairs = [
            (x, y),
            (x, y[0]),
            (y[0], x),
            (x, y[:1]),
            (x, y[0, 3]),
            (x[:, ::2], y[:, ::2]),
            (x, np.asfortranarray(y)),
            (x, y[:, :1]),
            (y[:, :1], x),
            (x[:, None], y),
            (x.T, y[0, :5]),
        ]
        for a, b in pairs:
            found = op(*(metagrad.from_numpy(np.asarray(v)) for v in (a, b))).numpy()
            expected = ufunc(a, b, **single)
            np.testing.assert_array_equal(found, expected.astype(found.dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(OF_ONE))
def test_of_one(threads, name, dtype):
    x = numbers((5, 9), dtype)
    with np.errstate(all="ignore"):
        expected = OF_ONE[name](x)
    near = {"rtol": 2 * np.finfo(dtype).eps if name == "exp" else 0}  # a compiled exponential is one of our own
    for given in (x, np.asfortranarray(x)):
        np.testing.assert_allclose(getattr(metagrad, name)(metagrad.from_numpy(given)).numpy(), expected, **near)
    a = metagrad.from_numpy(x.copy())
    memory = a.data_ptr()
    getattr(a, f"{name}_")()
    assert a.data_ptr() == memory
    np.testing.assert_allclose(a.numpy(), expected, **near)


def test_in_place_and_with_numbers():
    x, y = RNG.standard_normal((2, 5, 9)).astype(np.float32)
    a = metagrad.from_numpy(x.copy())
    memory = a.data_ptr()
    a.add_(1.5).mul_(metagrad.from_numpy(y)).sub_(metagrad.from_numpy(y[0])).div_(2)
    assert a.data_ptr() == memory
    expected = ((x + np.float32(1.5)) * y - y[0]) / np.float32(2)
    np.testing.assert_array_equal(a.numpy(), expected)
    assert (a + metagrad.ones(5, 9, dtype=metagrad.float64)).dtype == metagrad.float64
    assert (a + 1j).dtype == metagrad.complex64


@pytest.mark.parametrize("dtype", ["bool", "int64", "uint8"])
def test_bits(threads, dtype):
    """With a number, too, which is of the tensor's dtype."""
    x = RNG.integers(0, 2 if dtype == "bool" else 99, (5, 9)).astype(dtype)
    number, by = dtype == "bool" or 5, 2
    for given in (x, np.asfortranarray(x), x[:, ::2]):
        a = metagrad.from_numpy(given)
        np.testing.assert_array_equal((~a).numpy(), ~given)
        for found, expected in [(a & number, given & number), (a | number, given | number), (a ^ a, given ^ given)]:
            np.testing.assert_array_equal(found.numpy(), expected)
            assert found.numpy().dtype == dtype
        if dtype != "bool":
            np.testing.assert_array_equal((a << by).numpy(), given << np.asarray(by, dtype))


@pytest.mark.parametrize("first", range(0, 17, 3))
def test_alone_from_any_place_in_a_line_of_the_cache(monkeypatch, first):
    monkeypatch.setattr(tuning, "SPREAD_LEAST", 1 << 40)
    x = np.ones(600, np.float32)
    a = metagrad.from_numpy(x)[first : first + 500]
    a.mul_(2.0).add_(a)
    assert x.tolist() == [1.0] * first + [4.0] * 500 + [1.0] * (100 - first)


@pytest.mark.parametrize("name", [*OPS, "sqrt", "exp", "abs"])
def test_gradients_are_those_of_small_arrays(monkeypatch, name):
    x, y = RNG.random((2, 5, 9)) + 0.5

    def gradients():
        a, b = metagrad.tensor(x, requires_grad=True), metagrad.tensor(y, requires_grad=True)
        z = OPS[name][0](a, b) if name in OPS else getattr(a * b, name)()
        (z * z).sum().backward()
        return a.grad.numpy(), b.grad.numpy()

    found = gradients()
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 1 << 18)
    for here, there in zip(found, gradients(), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-12)


def test_tangents_pass(monkeypatch):
    x, v = metagrad.tensor(RNG.random((5, 9))), metagrad.tensor(RNG.random((5, 9)))
    _, found = metagrad.func.jvp(lambda a: (a * a).exp(), (x,), (v,))
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 1 << 18)
    np.testing.assert_allclose(found.numpy(), (2 * x * v * (x * x).exp()).numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_a_column_keeps_its_gradient(monkeypatch, name):
    x, c = RNG.random((5, 9)) + 0.5, RNG.random((5, 1)) + 0.5

    def gradients():
        a, b = metagrad.tensor(x, requires_grad=True), metagrad.tensor(c, requires_grad=True)
        (OPS[name][0](a, b) ** 2).sum().backward()
        return a.grad.numpy(), b.grad.numpy()

    found = gradients()
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 1 << 18)
    for here, there in zip(found, gradients(), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8"])
def test_integers_wrap_round_as_numpys_do(dtype):
    """At the ends of their range, beside numbers that float64 does not have, and with gaps."""
    ends = np.iinfo(dtype)
    x = RNG.integers(ends.min, ends.max, (5, 9), dtype, endpoint=True)
    x[0, :4] = ends.min, ends.max, 0, 1
    y = x[::-1].copy()
    for a, b in [(x, y), (x, y[:1]), (x[:, ::2], y[:, ::2]), (x, np.array(ends.max)), (x.T.copy().T, y)]:
        of_two = {
            "add": np.add,
            "mul": np.multiply,
            "maximum": np.maximum,
            "bitwise_and": np.bitwise_and,
            "eq": np.equal,
        }
        for name, ufunc in of_two.items():
            found = getattr(metagrad, name)(metagrad.from_numpy(a), metagrad.from_numpy(b)).numpy()
            np.testing.assert_array_equal(found, ufunc(a, b.astype(dtype)))
    t = metagrad.from_numpy(x)
    np.testing.assert_array_equal((~t).numpy(), ~x)
    np.testing.assert_array_equal((-t).numpy(), np.negative(x))
    np.testing.assert_array_equal(t.clamp(3, 100).numpy(), np.clip(x, 3, 100))
    np.testing.assert_array_equal(t.sign().numpy(), np.sign(x))
    np.testing.assert_array_equal((t + 7).numpy(), x + x.dtype.type(7))


@pytest.mark.parametrize("name", ["add", "mul", "gt", "eq"])
def test_halves_are_computed_with_in_float32(name):
    with np.errstate(over="ignore"):
        x, y = (numbers((5, 9), "float32").astype("float16") for _ in range(2))
    ufunc = {"add": np.add, "mul": np.multiply, "gt": np.greater, "eq": np.equal}[name]
    with np.errstate(all="ignore"):
        for a, b in [(x, y), (x, y[0]), (x, y[:, :1]), (x, np.full((), 0.1, np.float16))]:
            found = getattr(metagrad, name)(metagrad.from_numpy(a), metagrad.from_numpy(np.asarray(b))).numpy()
            np.testing.assert_array_equal(found, ufunc(a, b))


@pytest.mark.parametrize("value", [3, -1, 2**60 + 1, True])
def test_filled_with_an_integer(value):
    found = metagrad.full((5, 9), value, dtype=metagrad.int64)
    assert found.tolist() == [[int(value)] * 9] * 5
    assert metagrad.zeros(5, 9, dtype=metagrad.int64).fill_(value).tolist() == found.tolist()


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "maximum", "atan2", "copysign", "hypot"])
def test_gradients_of_a_row_and_a_column(monkeypatch, name):
    """Neither has the shape of the other: their products with the gradient are computed in parts, which nobody sees."""
    row, column = RNG.random((1, 9)) + 0.5, RNG.random((5, 1)) + 0.5
    g = RNG.random((5, 9))

    def gradients():
        a, b = metagrad.tensor(row, requires_grad=True), metagrad.tensor(column, requires_grad=True)
        getattr(metagrad, name)(a, b).backward(metagrad.tensor(g))
        c, d = metagrad.tensor(row, requires_grad=True), metagrad.tensor(column, requires_grad=True)
        getattr(metagrad, name)(c, d).sum().backward()
        assert all(type(x.grad.array) is np.ndarray for x in (a, b, c, d))
        return [x.grad.numpy() for x in (a, b, c, d)]

    found = gradients()
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 1 << 18)
    for here, there in zip(found, gradients(), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-12)
