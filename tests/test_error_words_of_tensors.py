"""What errors say of how a tensor is made, seen and shared: words that tests of PyTorch programs match."""

import re

import numpy as np
import pytest

import metagrad as mg
from tests.test_error_words_of_ops import compare, said


def cases(lib):
    t, ones = lib.tensor, lib.ones
    fields = np.zeros(3, dtype=[("a", "i4"), ("b", "i2")])
    return {
        "an endless range": (lambda: lib.arange(-1.7e308, 1.7e308, 1e307), "invalid size, possible overflow?"),
        "a range that is too long": (lambda: lib.arange(1e30), "invalid size, possible overflow?"),
        "a field of an array": (lambda: lib.from_numpy(fields["a"]), "strides not a multiple of the element byte size"),
        "more elements than there are": (lambda: t([5, 6]) in t([5, 6, 7]), "must match the size of tensor"),
        "weights of another dtype": (
            lambda: lib.histogram(ones(2), 2, weight=ones(2).double()),
            r"should have the same dtype, but got input\(float\), and weight\(double\)",
        ),
        "segments along": (
            lambda: lib.segment_reduce(ones(3), "sum", lengths=t([3]), axis=1),
            r"Dimension out of range \(expected to be in range of \[-1, 0\], but got 1\)",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", cases(mg))
def test_an_error_holds_the_words_that_programs_look_for(name):
    call, words = cases(mg)[name]
    assert re.search(words, str(said(call)))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_the_words_and_kinds_are_pytorchs(torch):
    compare(cases, torch)
