"""Operators: what they do with an operand that is neither tensor nor number, and that a function says so."""

import operator

import pytest

import metagrad

BINARY = "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift".split()
COMPARISONS = "lt le gt ge eq ne".split()


class Stranger:
    """Something that knows how to deal with tensors, though they do not know it."""


for name in BINARY:
    setattr(Stranger, f"__r{name.rstrip('_')}__", lambda self, other: "reflected")
for name in COMPARISONS:
    setattr(Stranger, f"__{name}__", lambda self, other: "reflected")


@pytest.mark.parametrize("name", [*BINARY, *COMPARISONS])
def test_the_other_operand_is_asked(name):
    assert getattr(operator, name)(metagrad.tensor([1, 2]), Stranger()) == "reflected"


@pytest.mark.oracle
@pytest.mark.parametrize("name", [*BINARY, *COMPARISONS])
@pytest.mark.parametrize("other", [None, "text", [1, 2]], ids=str)
@pytest.mark.parametrize("swapped", [False, True])
def test_strange_operands_are_answered_as_by_pytorch(torch, name, other, swapped):
    def answer(lib):
        x = lib.tensor([1, 2])
        try:
            return str(getattr(operator, name)(*((other, x) if swapped else (x, other))))
        except TypeError:
            return TypeError

    assert answer(metagrad) == answer(torch)


def test_none_is_equal_to_no_tensor():
    assert operator.eq(metagrad.ones(2), None) is False
    assert operator.ne(metagrad.ones(2), None) is True


TENSORS_ONLY = """maximum minimum fmax fmin atan2 ldexp logaddexp logaddexp2 logical_and logical_or logical_xor heaviside lcm
    gcd isclose equal nextafter igamma igammac hypot polar complex""".split()
ONE_TENSOR = """remainder pow float_power bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift xlogy
    special.xlog1py special.zeta special.chebyshev_polynomial_t special.legendre_polynomial_p""".split()
TENSOR_FIRST = "fmod eq ne lt le gt ge copysign clamp_max clamp_min rsub max min".split()


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        *((n, where) for n in TENSORS_ONLY for where in ("first", "second", "both")),
        *((n, "both") for n in ONE_TENSOR),
        *((n, where) for n in TENSOR_FIRST for where in ("first", "both")),
    ],
)
def test_a_number_for_a_tensor_is_refused_as_by_pytorch(torch, name, numbers):
    for lib in (torch, metagrad):
        x = lib.tensor([1.0, 2.0])
        given = {"first": (2, x), "second": (x, 2), "both": (2, 3)}[numbers]
        with pytest.raises(TypeError, match="tensor" if lib is metagrad else "."):
            operator.attrgetter(name)(lib)(*given)
