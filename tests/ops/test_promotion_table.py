"""The dtype of what two operands make is PyTorch's, for all pairs of dtypes and kinds of operand; so is what is refused."""

import warnings

import pytest

import metagrad

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()
NUMBERS = {"bool": True, "int": 2, "float": 1.5, "complex": 1 + 1j}
TENSORS = [(kind, dtype) for dtype in DTYPES for kind in ("vector", "scalar")]
OPERATIONS = {
    "add": lambda m, x, y: x + y,
    "reflected add": lambda m, x, y: y + x,
    "subtract": lambda m, x, y: x - y,
    "multiply": lambda m, x, y: x * y,
    "divide": lambda m, x, y: x / y,
    "reflected divide": lambda m, x, y: y / x,
    "floor divide": lambda m, x, y: x // y,
    "reflected floor divide": lambda m, x, y: y // x,
    "divide, cut": lambda m, x, y: m.div(x, y, rounding_mode="trunc"),
    "remainder": lambda m, x, y: x % y,
    "fmod": lambda m, x, y: m.fmod(x, y),
    "power": lambda m, x, y: x**y,
    "reflected power": lambda m, x, y: y**x,
    "float power": lambda m, x, y: m.float_power(x, y),
    "where": lambda m, x, y: m.where(m.tensor(True), x, y),
    "cat": lambda m, x, y: m.cat([x.reshape(-1), y.reshape(-1)]),
    "stack": lambda m, x, y: m.stack([x, y]),
    "maximum": lambda m, x, y: m.maximum(x, y),
    "fmax": lambda m, x, y: m.fmax(x, y),
    "equal": lambda m, x, y: x == y,
    "less": lambda m, x, y: x < y,
    "and": lambda m, x, y: x & y,
    "shift": lambda m, x, y: x << y,
    "atan2": lambda m, x, y: m.atan2(x, y),
    "copysign": lambda m, x, y: m.copysign(x, y),
    "hypot": lambda m, x, y: m.hypot(x, y),
    "logaddexp": lambda m, x, y: m.logaddexp(x, y),
    "outer": lambda m, x, y: m.outer(x, y),
    "add in place": lambda m, x, y: x.add_(y),
    "subtract in place": lambda m, x, y: x.sub_(y),
    "multiply in place": lambda m, x, y: x.mul_(y),
    "divide in place": lambda m, x, y: x.div_(y),
    "floor divide in place": lambda m, x, y: x.floor_divide_(y),
    "power in place": lambda m, x, y: x.pow_(y),
    "lerp": lambda m, x, y: m.lerp(x, x, y),
    "lerp in place": lambda m, x, y: x.lerp_(x.clone(), y),
    "masked_fill": lambda m, x, y: x.masked_fill(m.tensor(True), y),
    "nextafter": lambda m, x, y: m.nextafter(x, y),
    "heaviside": lambda m, x, y: m.heaviside(x, y),
    "xlogy": lambda m, x, y: m.xlogy(x, y),
    "gcd": lambda m, x, y: m.gcd(x, y),
    "result_type": lambda m, x, y: m.result_type(x, y),
}


def operand(module, kind, dtype):
    """Ones of a dtype, with a dimension or without; or a Python number."""
    if kind == "number":
        return NUMBERS[dtype]
    return module.ones(2 if kind == "vector" else (), dtype=getattr(module, dtype))


def outcome(module, operation, first, second):
    """The dtype of the result, or "refused"."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, of complex32
            result = OPERATIONS[operation](module, operand(module, *first), operand(module, *second))
    except (RuntimeError, TypeError, AttributeError):  # NotImplementedError is a RuntimeError
        return "refused"
    return str(getattr(result, "dtype", result)).split(".")[-1]


def makes_complex_halves(first, second):
    """float16 that decides the width, with a complex number of lower rank: complex32, which there is not in NumPy."""
    ranks = {"vector": 0, "scalar": 1, "number": 2}
    low, high = sorted([first, second], key=lambda x: -ranks[x[0]])
    return high[1] == "float16" and low[1].startswith("complex") and high[0] != low[0]


@pytest.mark.oracle
@pytest.mark.parametrize("operation", OPERATIONS)
def test_dtypes_of_results(operation, torch):
    wrong = []
    for first in TENSORS:
        for second in [*TENSORS, *(("number", name) for name in NUMBERS)]:
            if makes_complex_halves(first, second):
                continue
            expected, got = (outcome(m, operation, first, second) for m in (torch, metagrad))
            if got != expected:
                wrong.append(f"{first} {second}: {got}, expected {expected}")
    assert not wrong, "\n".join(wrong)


def test_half_beside_complex_is_complex64():
    """PyTorch makes complex32 of it, in which it cannot divide."""
    for number in (1j, metagrad.tensor(1j)):
        assert (metagrad.ones(2, dtype=metagrad.float16) * number).dtype is metagrad.complex64
