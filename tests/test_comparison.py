"""Comparing tensors for tests: kinds of pairs, a program's own among them, messages, and random tensors to compare."""

import collections

import numpy as np
import pytest

import metagrad as mg
from metagrad.testing import comparison


def differences(actual, expected, **options):
    found = comparison.not_close_error_metas(actual, expected, pair_types=comparison.PLAIN_KINDS, **options)
    return [(e.type, e.msg.split("\n")[0], e.id) for e in found]


def test_all_differences_are_found():
    a, b = {"x": [1, True, None], "y": mg.ones(2)}, {"x": [2, False, 3], "y": mg.zeros(2)}
    assert differences(a, b) == [
        (AssertionError, "Scalars are not equal!", ("x", 0)),
        (AssertionError, "Booleans mismatch: True is not False", ("x", 1)),
        (AssertionError, "None mismatch: None is not 3", ("x", 2)),
        (AssertionError, "Tensor-likes are not close!", ("y",)),
    ]
    with pytest.raises(AssertionError, match=r"for item \['x'\]\[0\]$"):
        mg.testing.assert_close(a, b)


def test_large_whole_numbers_are_told_apart():
    with pytest.raises(AssertionError, match="Tensor-likes are not equal!\n\nMismatched elements: 1 / 1"):
        mg.testing.assert_close(mg.tensor([2**62]), mg.tensor([2**62 + 1]))


@pytest.mark.parametrize("given", ["rtol", "atol"])
def test_one_tolerance_alone(given):
    other = "atol" if given == "rtol" else "rtol"
    with pytest.raises(ValueError, match=f"must be either specified or omitted, but got no {other}"):
        mg.testing.assert_close(mg.ones(1), mg.ones(1), **{given: 0.1})


def test_layout_of_memory_only_where_it_is_asked_for():
    x = mg.ones(3, 2).t()
    mg.testing.assert_close(x, mg.ones(2, 3))
    with pytest.raises(AssertionError, match=r"'stride\(\)' do not match: \(1, 2\) != \(3, 1\)"):
        mg.testing.assert_close(x, mg.ones(2, 3), check_stride=True)


def test_arrays_are_compared_with_arrays():
    mg.testing.assert_close(np.ones(2), np.ones(2))
    with pytest.raises(AssertionError, match="'dtype' do not match"):
        mg.testing.assert_close(np.ones(2), np.ones(2, np.float32))
    with pytest.raises(TypeError, match="No comparison pair"):
        mg.testing.assert_close(np.ones(2), mg.ones(2, dtype=mg.float64))


def test_what_a_comparison_cannot_take_is_shown():
    with pytest.raises(
        RuntimeError, match=r"Comparing\n\nTensorLikePair\(\n    id=\(\),\n    actual=.*\n.*\n    rtol=-1,"
    ):
        mg.testing.assert_close(mg.ones(1), mg.ones(1), rtol=-1, atol=0)


class CounterPair(comparison.Pair):
    def __init__(self, actual, expected, **other):
        self._check_inputs_isinstance(actual, expected, cls=collections.Counter)
        super().__init__(actual, expected, **other)

    def compare(self):
        if self.actual.total() != self.expected.total():
            self._fail(AssertionError, f"{self.actual.total()} letters, not {self.expected.total()}")


def test_a_kind_of_pair_of_ones_own():
    kinds = {"pair_types": (CounterPair, comparison.ObjectPair), "mapping_types": ()}
    comparison.assert_equal([collections.Counter("ab"), "c"], [collections.Counter("cc"), "c"], **kinds)
    with pytest.raises(AssertionError, match=r"2 letters, not 1\n\nThe failure occurred for item \[0\]"):
        comparison.assert_equal([collections.Counter("ab")], [collections.Counter("c")], **kinds)
    with pytest.raises(AssertionError, match="c != d"):
        comparison.assert_equal("c", "d", **kinds)


def test_older_tolerances():
    with pytest.warns(FutureWarning, match="is deprecated"):
        mg.testing.assert_allclose(mg.tensor(1.0), mg.tensor(1.00005))
    assert comparison.default_tolerances(mg.float16, mg.float64) == (1e-3, 1e-5)


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(3, 3, "must be less than"), (5, 3, "must be less than"), (200, 300, r"only supports \[-128, 128\)")],
)
def test_bounds_of_random_integers(low, high, says):
    with pytest.raises(ValueError, match=says):
        mg.testing.make_tensor(3, dtype=mg.int8, low=low, high=high)


def test_random_tensors_without_zeros_and_with_gaps():
    make = mg.testing.make_tensor
    assert make(50, dtype=mg.int64, low=0, high=2, exclude_zero=True).tolist() == [1] * 50
    x = make(3, 2, dtype=mg.float32, noncontiguous=True)
    assert x.stride() == (4, 2) and not x.is_contiguous()
    assert make(1, dtype=mg.float32, noncontiguous=True).is_contiguous()
    z = make(200, dtype=mg.complex64, low=0, high=1)
    assert all(0 <= part.min().item() and part.max().item() < 1 for part in (z.real, z.imag))
    with pytest.warns(FutureWarning, match="full"):
        assert make(2, dtype=mg.float32, low=3, high=3).tolist() == [3.0, 3.0]
    with pytest.raises(ValueError, match="requires_grad"):
        make(2, dtype=mg.int8, requires_grad=True)
