"""Elementwise ops cut into pieces give what they give in one piece."""

import numpy as np
import pytest
from tests.ops.rows import flat, outcome
from tests.ops.table import ROWS
from tests.ops.test_table import function_of

import metagrad
from metagrad.ops import elementwise
from metagrad.ops.elementwise import Elementwise


def elementwise_names():
    """The public functions that apply an ``Elementwise`` op, by the name of the op."""
    return {op.__name__.lower() for op in Elementwise.__subclasses__()}


CALLS = [(row, i, call) for row in ROWS for i, call in enumerate(row.calls)]
ELEMENTWISE = [
    pytest.param(row, call, id=f"{row.name}-{i}")
    for row, i, call in CALLS
    if row.name.split(".")[-1].replace("_", "")
    in elementwise_names() | {"floor", "sign", "maximum", "clampmin", "rsub"}
]


@pytest.mark.parametrize("layout", ["plain", "strided"])
@pytest.mark.parametrize(("row", "call"), ELEMENTWISE)
def test_pieces_give_the_same(row, call, layout, monkeypatch):
    expected = outcome(metagrad, function_of(metagrad, row), call, "float64", layout)
    monkeypatch.setattr(elementwise, "LARGE", 3)
    monkeypatch.setattr(elementwise, "PIECE", 2)
    found = outcome(metagrad, function_of(metagrad, row), call, "float64", layout)
    assert found.error is expected.error
    for ours, theirs in zip(
        flat(found.values + found.gradients), flat(expected.values + expected.gradients), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_large_arrays_are_cut(monkeypatch):
    sizes = []
    forward = elementwise._forward
    monkeypatch.setattr(elementwise, "_forward", lambda *a: sizes.append(len(a[2].pieces)) or forward(*a))
    x = metagrad.ones(1000, 1000, requires_grad=True)
    y = (x * metagrad.ones(1000)).tanh()
    y.sum().backward()
    assert sizes == [16, 16]
    np.testing.assert_allclose(x.grad.numpy(), 1 - np.tanh(1.0) ** 2, rtol=1e-6)


def test_an_error_in_a_piece_is_raised(monkeypatch):
    monkeypatch.setattr(elementwise, "LARGE", 3)
    monkeypatch.setattr(elementwise, "PIECE", 2)

    class Failing(Elementwise):
        def forward(self, x):
            if x[0] > 5:
                raise FloatingPointError("here")
            return x

    with pytest.raises(FloatingPointError, match="here"):
        Failing.apply(metagrad.arange(10.0))
