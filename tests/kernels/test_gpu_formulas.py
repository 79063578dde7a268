"""Formulas printed as kernels for a GPU: compiled as C here, their numbers must be NumPy's."""

import numpy as np
import pytest
from tests.devices.c_kernels import ElementwiseKernel, can_compile
from tests.devices.device_calls import CALLS
from tests.devices.device_cases import OPTIMIZERS, trained
from tests.devices.standin import FakeCupy, Strict, install
from tests.devices.standin_calls import assert_same

import metagrad
from metagrad.kernels import fused
from metagrad.kernels.cuda_text import EXPRESSIONS
from metagrad.kernels.fusion import Tape

pytestmark = pytest.mark.skipif(not can_compile(), reason="needs a C compiler with halves: gcc 12 or later")


@pytest.fixture(autouse=True)
def kernels(monkeypatch):
    """The stand-in with kernels: those that were made."""
    install(monkeypatch)
    monkeypatch.setattr(fused, "cupy", lambda: FakeCupy)
    monkeypatch.setattr(FakeCupy, "ElementwiseKernel", ElementwiseKernel, raising=False)
    monkeypatch.setattr("metagrad.kernels.libraries._LOOKS", True)
    monkeypatch.setattr("metagrad.ops.pointwise.fused._plans", {})
    monkeypatch.setattr(fused, "_known", {})
    monkeypatch.setattr(fused, "_last", {})
    fused._kernel.cache_clear()
    ElementwiseKernel.made.clear()
    yield ElementwiseKernel.made
    fused._kernel.cache_clear()


FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 7.25, -7.25, 1e-3, 1e4, np.inf, -np.inf, np.nan]
WHOLE = [0, 1, 2, 3, 7, 100, 127]
DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()


def operands(dtype):
    """All pairs of a dtype's special numbers."""
    kind = np.dtype(dtype).kind
    numbers = {"f": FLOATS, "b": [False, True], "u": WHOLE, "i": [*WHOLE, -1, -2, -3, -100, -127]}[kind]
    x, y = np.meshgrid(np.array(numbers, dtype), np.array(numbers, dtype))
    if kind == "i":
        x[0, -1] = np.iinfo(dtype).min  # beside 0, and
        x[y == -1] = np.where(x[y == -1] == 100, np.iinfo(dtype).min, x[y == -1])  # beside -1
    return x.ravel(), y.ravel()


def noted(dtype):
    """A tape with every ufunc that has an expression for this dtype, and the number of each result."""
    tape = Tape([])
    x, y = (tape.sample(np.ones(2, dtype)) for _ in range(2))
    found = {}
    with np.errstate(all="ignore"):
        for name in EXPRESSIONS[np.dtype(dtype).kind]:
            ufunc = np._core.umath.clip if name == "clip" else getattr(np, name)
            try:
                result = ufunc(*(x, y, y)[: ufunc.nin])
            except TypeError:
                continue  # not of this dtype
            if result.dtype.name in fused.TYPES:
                found[ufunc] = tape.number(result)
    return tape, found


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_expression(dtype):
    tape, found = noted(dtype)
    assert len(found) > (15 if dtype == "bool" else 25)
    x, y = operands(dtype)
    results = fused.compute(tape, {0: Strict(x), 1: Strict(y)}, list(found.values()))
    for ufunc, result in zip(found, results):
        expected = ufunc(*(x, y, y)[: ufunc.nin])
        assert result.dtype == expected.dtype, ufunc
        within = {"float16": 2e-3, "float32": 1e-6}.get(expected.dtype.name, 1e-14)
        np.testing.assert_allclose(result.get(), expected, rtol=within, atol=0, err_msg=ufunc.__name__)
        if expected.dtype.kind == "f" and ufunc.__name__ not in ("maximum", "minimum", "fmax", "fmin", "clip"):
            known = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(result.get())[known], np.signbit(expected)[known], str(ufunc))
    assert len(ElementwiseKernel.made) == 1


CONVERSIONS = [
    (of, to) for of in ("bool", "int8", "int64", "uint8", "float16", "float32", "float64") for to in DTYPES if to != of
]


@pytest.mark.parametrize("of", DTYPES)
def test_conversions_and_choices(of):
    x = np.array([0, 1, 0, 1] if of == "bool" else [0, 1, 2, 100], of)
    tape = Tape([])
    sample = tape.sample(np.ones(2, of))
    wanted = {to: sample.astype(to) for to in DTYPES if to != of}
    wanted["where"] = np.where(sample, sample, tape.sample(np.ones(2)))
    numbers = [tape.number(value) for value in wanted.values()]
    results = fused.compute(tape, {0: Strict(x), numbers[-1] - 1: Strict(np.full(4, 2.5))}, numbers)
    for to, result in zip(wanted, results):
        expected = np.where(x, x, np.full(4, 2.5)) if to == "where" else x.astype(to)
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result.get(), expected)


@pytest.mark.parametrize(("row", "call", "dtype"), [c for c in CALLS if c.values[2] in ("float16", "float32")])
def test_an_op_of_the_table(row, call, dtype):
    assert_same(row, call, dtype)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer(name):
    expected, found = trained(name, np.array), trained(name, Strict)
    np.testing.assert_allclose(found[0].array.get(), expected[0].detach().numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", "Adam AdamW SGD RMSprop Rprop Adadelta Adagrad Adamax NAdam RAdam ASGD".split())
def test_a_step_of_an_optimizer_is_one_kernel(name, kernels):
    momentum = {"momentum": 0.9} if name == "SGD" else {}
    p = metagrad.nn.Parameter(metagrad.ones(3, device="cuda"))
    optimizer = getattr(metagrad.optim, name)([p], lr=0.1, **momentum)
    for _ in range(3):
        p.grad = metagrad.ones(3, device="cuda")
        optimizer.step()
    assert len(kernels) == 1, [k.operation for k in kernels]


def test_an_activation_is_one_kernel_each_way(kernels):
    x = metagrad.randn(3, 4, device="cuda", requires_grad=True)
    for _ in range(2):
        metagrad.sigmoid(x * 1).sum().backward()
    assert len(kernels) == 2
    assert kernels[0].operation.splitlines()[:2] == ["float v1 = -x0;", "float v2 = expf(v1);"]


def test_a_number_is_an_argument(kernels):
    x = Strict(np.ones(3))

    def decay(p, rate):
        p *= 1 - rate
        p += rate

    for rate in (0.5, 0.25, 0.125):
        assert fused.in_place(decay, [x], [rate])
    assert len(kernels) == 1 and x.get().tolist() == [((0.5 + 0.5) * 0.75 + 0.25) * 0.875 + 0.125] * 3


def test_two_arrays_that_change_places():
    x, y = Strict(np.arange(3.0)), Strict(np.full(3, 7.0))

    def swap(x, y):
        before = x + 0
        x[...] = y
        y[...] = before

    assert fused.in_place(swap, [x, y], [])
    assert x.get().tolist() == [7.0] * 3 and y.get().tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "formula",
    [lambda x: x.sum(), lambda x: x[0], lambda x: np.nextafter(x, x) + 1, lambda x: np.add.accumulate(x),
     lambda x: x.__setitem__(x > 0, x), lambda x: x.__setitem__(..., 1.0), lambda x: np.sinc(x)],
)  # fmt: skip
def test_what_is_no_kernel_is_left_as_it_was(formula):
    x = Strict(np.arange(3.0))
    assert not fused.in_place(formula, [x], [])
    assert x.get().tolist() == [0.0, 1.0, 2.0]


class CompileException(Exception):
    """CuPy's, by its name."""


def test_a_text_that_does_not_compile_is_computed_step_by_step(monkeypatch):
    def refuse(*_):
        raise CompileException("identifier is undefined")

    monkeypatch.setattr(ElementwiseKernel, "__call__", refuse)
    x = metagrad.tensor([0.0, 1.0], device="cuda")
    with pytest.warns(UserWarning, match="step by step instead: identifier is undefined"):
        found = metagrad.sigmoid(x)
    assert found.tolist() == metagrad.sigmoid(x).tolist() == metagrad.sigmoid(x.cpu()).tolist()


def test_other_errors_are_raised(monkeypatch):
    def full(*_):
        raise MemoryError("full")

    monkeypatch.setattr(ElementwiseKernel, "__call__", full)
    with pytest.raises(MemoryError):
        metagrad.sigmoid(metagrad.tensor([0.0, 1.0], device="cuda"))


def test_fusion_can_be_switched_off(monkeypatch, kernels):
    monkeypatch.setattr("metagrad.kernels.libraries.MAKES_KERNELS", False)
    metagrad.sigmoid(metagrad.ones(3, device="cuda"))
    assert not kernels


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_a_recurrent_step_is_one_kernel_each_way(cell, kernels):
    found = []
    for device in ("cpu", "cuda"):
        metagrad.manual_seed(0)
        layer = getattr(metagrad.nn, cell)(3, 4, 2, bidirectional=True).double()
        x = metagrad.randn(5, 2, 3, dtype=metagrad.float64).to(device).requires_grad_()
        layer.to(device)
        y, _ = layer(x)
        (y * y).sum().backward()
        found.append([t.cpu().numpy() for t in (y.detach(), x.grad, *[p.grad for p in layer.parameters()])])
    for theirs, ours in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
    steps = [k for k in kernels if "tanh" in k.operation]
    assert len(steps) == 2 and steps[0].operation.count("exp(") == steps[1].operation.count("exp(") > 1


def test_zeros_of_both_signs_have_plans_of_their_own():
    x = Strict(np.array([-1.0, 2.0, 0.25], np.float32))
    for function in (metagrad.nan_to_num, metagrad.nn.functional.leaky_relu, metagrad.nn.functional.elu):
        for number in (0.0, -0.0, np.float32(0.0), np.float32(-0.0)):
            given = x if function is not metagrad.nan_to_num else Strict(np.array([np.nan, 1.0, 2.0], np.float32))
            found = function(metagrad.autograd.variable.wrap(given), float(number)).array.get()
            expected = function(metagrad.autograd.variable.wrap(given.get()), float(number)).array
            np.testing.assert_array_equal(np.signbit(found), np.signbit(expected), f"{function} {number!r}")
