"""What is said of a call that no function takes: too many arguments or too few, others than tensors, dtypes that it lacks."""

import re

import pytest
from tests.errors.test_error_words_of_ops import compare, said

import metagrad as mg


def cases(lib):
    t, x = lib.tensor, lib.ones(2, 3)
    whole, masks = t([1, 2]), t([True, False])
    return {
        "no operand": (lambda: lib.fmod(x), r"fmod\(\) received an invalid combination of arguments - got \(Tensor\)"),
        "no operands": (lambda: lib.mul(), r'mul\(\) missing 2 required positional argument: "input", "other"'),
        "no dimension": (lambda: lib.cumsum(x), r'cumsum\(\) missing 1 required positional arguments: "dim"'),
        "one too many": (lambda: lib.abs(x, 1), r"abs\(\) takes 1 positional argument but 2 were given"),
        "one too many of a method": (lambda: x.aminmax(1), r"aminmax\(\) takes 0 positional arguments but 1 was given"),
        "an unknown name": (lambda: lib.std(x, 0, nope=1), r"std\(\) received an invalid combination of arguments - got"),
        "a flag of another function": (lambda: lib.sum(x, 0, descending=1), r"got an unexpected keyword argument 'descending'"),
        "a flag": (lambda: lib.sum(x, 0, keepdim="a"), r"sum\(\): argument 'keepdim' must be bool, not str"),
        "None to add": (lambda: lib.add(x, None), r"add\(\): argument 'other' \(position 2\) must be Tensor, not NoneType"),
        "a text in place": (lambda: x.atan2_("a"), r"atan2_\(\): argument 'other' \(position 1\) must be Tensor, not str"),
        "a list to compare": (lambda: lib.eq(x, [1.0]), r"eq\(\) received an invalid combination of arguments - got"),
        "a number": (lambda: lib.maximum(x, 1), r"maximum\(\): argument 'other' \(position 2\) must be Tensor, not int"),
        "a text divided": (lambda: x // "a", "unsupported operand type"),
        "out of a number": (lambda: lib.exp(x, out=3), r"exp\(\): argument 'out' must be Tensor, not int"),
        "out of several": (lambda: lib.sum(x, 0, out=(x, x.long())), r"sum\(\): argument 'out' must be Tensor, not tuple"),
        "out of one": (lambda: lib.mode(x, 0, out=x), r"mode\(\): argument 'out' must be tuple of Tensors, not Tensor"),
        "out of too few": (lambda: lib.sort(x, 0, out=(x,)), "expected tuple of 2 elements but got 1"),
        "a floor of masks": (lambda: lib.floor(masks), "\"floor_vml_cpu\" not implemented for 'Bool'"),
        "a remainder of masks": (lambda: masks % masks, "\"remainder_cpu\" not implemented for 'Bool'"),
        "an extreme": (lambda: lib.amax(t([1j]), 0), "\"max_values_cpu\" not implemented for 'ComplexFloat'"),
        "bits": (lambda: lib.bitwise_not(x), "\"bitwise_not_cpu\" not implemented for 'Float'"),
        "an inner product": (lambda: whole @ t([1.0, 2.0]), "dot : expected both vectors to have same dtype, but found Long"),
        "shapes before dtypes": (lambda: x @ x.long(), r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\)"),
    }  # fmt: skip


@pytest.mark.parametrize("name", cases(mg))
def test_an_error_of_a_call_holds_the_words_that_programs_look_for(name):
    call, words = cases(mg)[name]
    assert re.search(words, str(said(call)))


@pytest.mark.oracle
def test_the_words_and_kinds_are_pytorchs(torch):
    compare(cases, torch)
