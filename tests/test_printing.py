"""Tensors print as PyTorch's do, to the character."""

import importlib
import math

import numpy as np
import pytest

import metagrad
from metagrad.autograd.variable import wrap
from metagrad.nn.parameter import Buffer
from tests.devices.standin import FakeCupy, Strict

NAN, INF = math.nan, math.inf
DTYPES = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64 complex64 complex128".split()
SHAPES = [
    (), (1,), (2,), (7,), (8,), (20,), (40,), (1, 1), (2, 3), (3, 12), (2, 2, 2), (1, 2, 1, 3), (0,), (0, 3), (2, 0, 4),
    (1001,), (2, 700), (300, 4), (7, 7, 30), (8, 3, 50), (2, 2, 2, 200), (600, 1, 2), (1500, 1),
]  # fmt: skip
OPTIONS = [
    {}, {"precision": 2}, {"precision": 8}, {"precision": 0}, {"threshold": 5}, {"threshold": INF}, {"linewidth": 200},
    {"threshold": 10, "edgeitems": 1}, {"threshold": 3, "edgeitems": 0}, {"threshold": 4, "edgeitems": 5},
    {"linewidth": 40}, {"linewidth": 20}, {"linewidth": 8}, {"linewidth": 0}, {"sci_mode": True}, {"sci_mode": False},
    {"profile": "short"}, {"profile": "full"}, {"profile": "default"}, {"profile": "short", "precision": 6},
    {"precision": 3, "sci_mode": True, "threshold": 2, "linewidth": 30},
]  # fmt: skip


def reset(framework):
    framework.set_printoptions(profile="default")
    framework.set_default_dtype(framework.float32)


@pytest.fixture(autouse=True)
def options_as_they_were():
    yield
    reset(metagrad)


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    yield torch
    reset(torch)


def assert_prints_alike(torch, make, options=None, default="float32"):
    """``make(framework)`` prints the same in both, but for the name before a dtype's."""
    texts = []
    for framework in (metagrad, torch):
        framework.set_printoptions(profile="default")
        framework.set_printoptions(**(options or {}))
        framework.set_default_dtype(getattr(framework, default))
        thing = make(framework)
        texts.append((repr(thing).replace("metagrad.", "torch."), str(thing).replace("metagrad.", "torch.")))
    assert texts[0] == texts[1]


# ------------------------------------------------ random numbers of every kind


def random_reals(rng, shape):
    """Numbers of one of many distributions of size, some of them zero, whole or not finite."""
    x = rng.standard_normal(shape)
    match int(rng.integers(8)):
        case 0:
            x = x * 10.0 ** rng.integers(-12, 12)
        case 1:
            x = x * 10.0 ** rng.integers(-8, 8, shape)
        case 2:
            x = np.round(x * 10.0 ** rng.integers(0, 10))
        case 3:
            x = x * 10.0 ** rng.integers(-3, 4)
        case 4:
            x = np.round(x * 10) * rng.choice([1, 0.5, 0.1])
        case 5:
            x = np.where(rng.random(shape) < 0.5, 0, x) * rng.choice([1, -1, 1e-5, 1e5])
        case 6:
            x = np.where(rng.random(shape) < 0.3, -0.0, x)
        case 7:
            x = np.exp(x * rng.integers(1, 200))
    if rng.random() < 0.25:
        x = np.where(rng.random(shape) < rng.choice([0.1, 0.5, 1]), rng.choice([NAN, INF, -INF], shape), x)
    return np.asarray(x)


def random_numbers(rng, dtype, shape):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.asarray(rng.random(shape) < 0.5)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        high = min(limits.max, 10 ** int(rng.integers(0, 19)))
        return np.asarray(rng.integers(max(limits.min, -high), high, shape, dtype))
    with np.errstate(all="ignore"):  # float16 overflows to inf, which is welcome
        numbers = np.empty(shape, dtype)
        numbers.real = random_reals(rng, shape)
        if dtype.kind == "c":
            numbers.imag = random_reals(rng, shape)
    return numbers


def random_tensor(framework, array, wish):
    x = framework.tensor(array)
    if wish == "transposed" and x.ndim > 1:
        return x.transpose(0, 1)
    if wish in ("leaf", "node") and array.dtype.kind in "fc":
        x.requires_grad_()
        return x if wish == "leaf" else x.clone()
    return x


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(len(OPTIONS)))
def test_random_tensors_print_as_pytorchs(torch, dtype, seed):
    rng = np.random.default_rng([seed, DTYPES.index(dtype)])
    for shape in SHAPES:
        array = random_numbers(rng, dtype, shape)
        wish = str(rng.choice(["plain", "leaf", "node", "transposed"]))
        default = str(rng.choice(["float32", "float64"], p=[0.9, 0.1]))
        assert_prints_alike(torch, lambda m, a=array, w=wish: random_tensor(m, a, w), OPTIONS[seed], default)


# ------------------------------------------------ numbers on the edge of a rule

FLOATS = {
    "ratio of a thousand": [1.0, 1000.0], "above": [1.0, 1001.0], "fractions": [0.1, 100.0], "fractions above": [0.1, 100.1],
    "a hundredth and ten": [0.01, 10.0], "1e8": [1e8], "above 1e8": [100000001.0], "fraction above 1e8": [123456789.5],
    "1e-4": [1e-4], "below 1e-4": [0.99e-4], "one apart": [1e-4, 0.1], "smallest": [5e-324], "largest": [1.7e308, -1e-308],
    "zero": [0.0], "zeros": [0.0, -0.0], "minus zero": [-0.0, 1.5], "nan": [NAN], "nan and whole": [NAN, 1.0],
    "nan and zero": [NAN, 0.0], "inf and whole": [INF, 1.0], "inf and fraction": [-INF, 1.5], "no number": [NAN, INF, -INF],
    "inf and small": [-INF, NAN, 1e-5], "rounds up": [0.99999, 9.99996], "rounds to whole": [2.00001, 3.0], "one": [1.0],
    "widths": [-1.5, 22.25, -333.125], "e+100": [1e100, 1.0], "half": [0.5, 1.5, 2.5], "minus": [-1.0, -100.0],
    "e-100": [1e-100, -1e-99],
}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("sci_mode", [None, True, False])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", FLOATS)
def test_the_choice_of_notation(torch, name, dtype, sci_mode):
    with np.errstate(over="ignore"):
        array = np.array(FLOATS[name]).astype(dtype)
    for a in (array, array[0], np.stack([array, array])):
        assert_prints_alike(torch, lambda m, a=a: m.tensor(a), {"sci_mode": sci_mode})


COMPLEX = [
    [1 + 2j, 3.5 - 4j], [complex(NAN, 1)], [complex(1, NAN), complex(-0.0, -0.0)], [complex(1, -INF), complex(INF, 2.5)],
    [1e10 + 2j, 3e-5 - 4j], [1.5 + 1e-9j, -2.5 - 1e9j], [0j], [complex(0.5, -0.0)], [-1j, 100.25j], [1 + 1j, -1 - 1j] * 20,
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("values", COMPLEX, ids=str)
def test_complex_numbers(torch, values, dtype):
    for make in (lambda m: m.tensor(values, dtype=getattr(m, dtype)), lambda m: m.tensor(values[0])):
        for sci_mode in (None, True, False):
            assert_prints_alike(torch, make, {"sci_mode": sci_mode})


@pytest.mark.oracle
@pytest.mark.parametrize("default", ["float16", "float32", "float64"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (2,), (0,), (0, 3), (3, 0)], ids=str)
def test_a_dtype_is_named_unless_it_is_the_default(torch, shape, dtype, default):
    assert_prints_alike(torch, lambda m: m.zeros(shape, dtype=getattr(m, dtype)), default=default)


# ------------------------------------------------ what is said beside the numbers


@pytest.mark.oracle
@pytest.mark.parametrize("length", range(1, 30))
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_notes_break_the_line_where_pytorch_breaks_it(torch, dtype, length):
    def leaf(m):
        return m.ones(length, dtype=getattr(m, dtype), requires_grad=True)

    def empty(m):
        return m.zeros(length, 0, dtype=getattr(m, dtype))

    for make in (leaf, empty, lambda m: leaf(m).detach(), lambda m: leaf(m).tanh()):
        for linewidth in (80, 40, 33):
            assert_prints_alike(torch, make, {"linewidth": linewidth})


def own_function(framework, results):
    """A result of a function in the static style."""

    class Twice(framework.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return tuple(x * 2 for _ in range(results)) if results > 1 else x * 2

        @staticmethod
        def backward(ctx, *grads):
            return sum(grads) * 2

    return Twice.apply(framework.ones(2, requires_grad=True))


GRAPHS = {
    "product": lambda m: m.ones(2, requires_grad=True) * 2,
    "sum": lambda m: m.ones(2, requires_grad=True).sum(),
    "one of several": lambda m: m.ones(2, 2, requires_grad=True).unbind()[1],
    "in place": lambda m: m.ones(2, requires_grad=True).clone().mul_(2),
    "empty": lambda m: m.ones(0, 2, requires_grad=True).tanh(),
    "detached": lambda m: m.ones(2, requires_grad=True).tanh().detach(),
    "own function": lambda m: own_function(m, 1),
    "own function of two results": lambda m: own_function(m, 2),
    "parameter": lambda m: m.nn.Parameter(m.ones(2, 30)),
    "parameter of no dimension": lambda m: m.nn.Parameter(m.tensor(2.0)),
    "constant parameter": lambda m: m.nn.Parameter(m.ones(2), requires_grad=False),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", GRAPHS)
def test_the_graph(torch, name):
    assert_prints_alike(torch, GRAPHS[name])


@pytest.mark.oracle
def test_a_buffer_is_a_plain_tensor(torch):
    assert repr(Buffer(metagrad.ones(2))) == repr(torch.nn.Buffer(torch.ones(2)))


@pytest.mark.oracle
def test_a_subclass_prints_its_name(torch):
    class Mine(metagrad.Tensor):
        pass

    class TorchMine(torch.Tensor):
        pass

    TorchMine.__name__ = "Mine"
    values = np.ones((2, 40), np.float32)
    assert repr(Mine(values)) == repr(torch.tensor(values).as_subclass(TorchMine))


# ------------------------------------------------ the options' own behaviour


@pytest.mark.oracle
@pytest.mark.parametrize(
    "calls",
    [
        [{"precision": 2}, {"linewidth": 30}],
        [{"sci_mode": True}, {"precision": 2}],
        [{"threshold": 2, "edgeitems": 1}, {"profile": "default"}],
        [{"profile": "short"}, {"edgeitems": 1}, {}],
        [{"profile": "full", "threshold": 5}],
    ],
    ids=str,
)
def test_what_a_second_call_leaves_as_it_was(torch, calls):
    values = np.linspace(-3, 3, 1200).reshape(3, 400)

    def make(m):
        for options in calls:
            m.set_printoptions(**options)
        return m.tensor(values)

    assert_prints_alike(torch, make)


def test_a_tensor_of_threshold_elements_is_shown_whole():
    assert "..." not in repr(metagrad.zeros(1000)) and "..." in repr(metagrad.zeros(1001))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"profile": "long"}, "unknown profile 'long': expected one of default, short, full"),
        ({"precision": -1}, "precision is -1: expected an int that is not negative"),
        ({"precision": 1.5}, "precision is 1.5: expected an int"),
        ({"edgeitems": INF}, "edgeitems is inf: expected an int"),
        ({"linewidth": "80"}, "linewidth is '80': expected an int"),
        ({"threshold": NAN}, "threshold is nan: expected a number"),
    ],
    ids=str,
)
def test_a_wrong_option_changes_nothing(wrong, message):
    with pytest.raises(ValueError, match=message):
        metagrad.set_printoptions(**{"precision": 2, "sci_mode": True, **wrong})
    assert repr(metagrad.tensor([1 / 3])) == "tensor([0.3333])"


# ------------------------------------------------ format()


@pytest.mark.oracle
@pytest.mark.parametrize("spec", ["", ".3f", "10", ">10", "e", "d", "x"])
@pytest.mark.parametrize("value", [1.5, -0.0, 3, True, 1 + 2j, [1.5], [], NAN], ids=str)
def test_format_as_pytorch(torch, value, spec):
    def outcome(framework):
        try:
            return format(framework.tensor(value), spec)
        except (TypeError, ValueError) as e:
            return type(e)

    assert outcome(metagrad) == outcome(torch)


def test_only_one_number_is_formatted():
    with pytest.raises(
        TypeError, match=r"unsupported format string passed to Tensor.__format__: '.3f', for shape \(2, 1\)"
    ):
        f"{metagrad.ones(2, 1):.3f}"
    assert f"{metagrad.ones(2, 1)}" == "tensor([[1.],\n        [1.]])"
    assert f"{metagrad.tensor(2.0, requires_grad=True)}" == "2.0"
    assert f"{metagrad.nn.Parameter(metagrad.tensor(2.0)):.1f}" == "2.0"
    assert f"{metagrad.nn.Parameter(metagrad.tensor(2.0))}" == "Parameter containing:\ntensor(2., requires_grad=True)"


# ------------------------------------------------ outputs written out: no PyTorch needed

WRITTEN = {
    "whole": (lambda: metagrad.tensor([1.0, -20.0]), "tensor([  1., -20.])"),
    "fractions": (lambda: metagrad.tensor([1.5, -0.0, NAN, -INF]), "tensor([1.5000, -0.0000,    nan,   -inf])"),
    "scientific": (lambda: metagrad.tensor([1e9, 0.5]), "tensor([1.0000e+09, 5.0000e-01])"),
    "ints": (lambda: metagrad.tensor([[1, -100], [20, 3]]), "tensor([[   1, -100],\n        [  20,    3]])"),
    "bools": (lambda: metagrad.tensor([True, False]), "tensor([ True, False])"),
    "complex": (lambda: metagrad.tensor([1 + 2j, 3.5 - 0.25j]), "tensor([1.0000+2.0000j, 3.5000-0.2500j])"),
    "minus zero imaginary": (lambda: metagrad.tensor(complex(1, -0.0)), "tensor(1.-0.j)"),
    "0-d": (lambda: metagrad.tensor(2.5, requires_grad=True), "tensor(2.5000, requires_grad=True)"),
    "empty": (lambda: metagrad.tensor([]), "tensor([])"),
    "empty 2-d": (lambda: metagrad.zeros(0, 3, dtype=metagrad.int64), "tensor([], size=(0, 3), dtype=metagrad.int64)"),
    "dtype": (lambda: metagrad.ones(1, dtype=metagrad.float64), "tensor([1.], dtype=metagrad.float64)"),
    "graph": (lambda: metagrad.ones(1, requires_grad=True).tanh(), "tensor([0.7616], grad_fn=<TanhBackward0>)"),
    "summary": (lambda: metagrad.arange(1001), "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    "summary of rows": (
        lambda: metagrad.zeros(501, 2),
        "tensor([[0., 0.],\n        [0., 0.],\n        [0., 0.],\n        ...,\n        [0., 0.],\n        [0., 0.],\n"
        "        [0., 0.]])",
    ),
    "blocks": (
        lambda: metagrad.arange(4).reshape(2, 1, 2),
        "tensor([[[0, 1]],\n\n        [[2, 3]]])",
    ),
    "lines": (
        lambda: metagrad.full((10,), 0.25, requires_grad=True),
        "tensor([0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500,\n"
        "        0.2500], requires_grad=True)",
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_written_out(name):
    make, text = WRITTEN[name]
    assert repr(make()) == str(make()) == text


def test_a_tensor_elsewhere_names_its_device(monkeypatch):
    for module in ("metagrad.base.device", "metagrad.compat.cuda"):
        monkeypatch.setattr(importlib.import_module(module), "cupy", lambda: FakeCupy)
    x = wrap(Strict(np.arange(2000).reshape(2, 1000)))
    assert repr(x[:, 1]) == "tensor([   1, 1001], device='cuda:0')"
    assert repr(x[:, :0]) == "tensor([], device='cuda:0', size=(2, 0), dtype=metagrad.int64)"
    assert repr(x).startswith("tensor([[   0,    1,    2,  ...,  997,  998,  999],\n")
    assert f"{x[1, 1]:.1f}" == "1001.0"


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_limits_of_integers_are_printed_with_six_digits(lib):
    lib = pytest.importorskip(lib)
    assert repr(lib.iinfo(lib.int32)) == "iinfo(min=-2.14748e+09, max=2.14748e+09, dtype=int32)"
    assert repr(lib.iinfo(lib.int16)) == "iinfo(min=-32768, max=32767, dtype=int16)"
