"""A formula written down with samples computes what it computed with arrays."""

import numpy as np
import pytest

from metagrad.kernels.fusion import Formula, NotPointwise, Tape

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 3)).astype(np.float32)
X[3], X[4] = np.nan, 0


def computed(function, *arrays, repeated=(), owns=False):
    """What a noted function gives for all rows, and how many buffers and steps it took; owns: its memory may be a buffer."""
    tape = Tape(repeated)
    found = function(*[tape.sample(a[:2]) for a in arrays], *repeated)
    number = tape.number(found)
    formula = Formula(tape, {*range(len(arrays)), number}, [number] if owns else ())
    out = np.empty((len(arrays[0]), *found.shape[1:]), found.dtype)
    buffers = [np.empty_like(out, dtype=dtype) for dtype in formula.buffers]
    formula.compute(dict(enumerate(arrays)) | {number: out}, buffers)
    return out, len(buffers), len(formula.steps)


FORMULAS = {
    "one step": lambda x: np.exp(x),
    "sigmoid": lambda x: 1 / (np.exp(-x) + 1),
    "powers": lambda x: x**2 + x**0.5 - 2**x,
    "a value read twice": lambda x: (x + 1) * (x - 1) + (x + 1),
    "a mask": lambda x: ~(x <= 0),
    "clip": lambda x: np.clip(x, -0.5, 0.5) * 2,
    "where": lambda x: np.where(x > 0, x, -x * 0.1),
    "where with zero": lambda x: np.where(x > 0, x, 0.0),
    "where with zero first": lambda x: np.where(x > 0, 0.0, x),
    "where of numbers": lambda x: np.where(x > 0, 1.0, 0.0),
    "where of complex numbers": lambda x: np.where(x > 0, x * 1j, x),
    "where of bools": lambda x: np.where(x > 0, x < 1, x > -1),
    "conversion": lambda x: (x * 3).astype(np.int32) + 1,
    "no conversion": lambda x: (x * 3).astype(np.float32, copy=False) + 1,
    "keywords": lambda x: np.add(x, 1, dtype=np.float64) * 2,
}


@pytest.mark.parametrize("owns", [False, True])
@pytest.mark.parametrize("name", FORMULAS)
def test_the_same_as_on_arrays(name, owns):
    with np.errstate(all="ignore"):
        expected = FORMULAS[name](X)
        found, _, _ = computed(FORMULAS[name], X, owns=owns)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_arrays_that_are_repeated():
    row = np.array([1, 2, 3], np.float32)
    found, _, _ = computed(lambda x, r: x * r + r, X, repeated=[row])
    np.testing.assert_array_equal(found, X * row + row)


def test_the_result_is_a_buffer_until_it_is_computed():
    assert computed(FORMULAS["sigmoid"], X, owns=True)[1] == 0
    found, buffers, _ = computed(
        lambda x: np.where(x > 0, x * 2, x - 1), X, owns=True
    )  # a choice writes before it has read all
    np.testing.assert_array_equal(found, np.where(X > 0, X * 2, X - 1))
    assert buffers == 3
    found, buffers, _ = computed(lambda x: (np.exp(x) + 1) * (np.exp(x) - 1) > x, X, owns=True)  # of another dtype
    assert buffers == 2


def test_a_buffer_is_taken_again():
    _, buffers, steps = computed(lambda x: np.tanh(np.exp(np.negative(np.sqrt(x * x)))), X)
    assert (buffers, steps) == (1, 5)


def test_steps_that_nobody_wants_are_left_out():
    def formula(x):
        np.exp(x)
        return x + 1

    assert computed(formula, X)[2] == 1


@pytest.mark.parametrize("formula", [
    lambda x: x - x.mean(), lambda x: x - np.max(x), lambda x: x if x[0, 0] > 0 else -x,
    lambda x: x + np.zeros(x.shape), lambda x: np.zeros_like(x) + x, lambda x: np.divmod(x, 2)[0] + x,
    lambda x: np.add(x, 1, out=np.empty((2, 3), np.float32)), lambda x: x.reshape(-1) + 1, lambda x: sum(x),
    lambda x: x + float(x.item(0)),
])  # fmt: skip
def test_what_is_no_elementwise_formula(formula):
    with pytest.raises(NotPointwise):
        computed(formula, X)
