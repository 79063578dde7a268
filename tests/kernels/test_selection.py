"""Choosing by bits gives what np.where gives."""

import numpy as np
import pytest

from metagrad.kernels.selection import select

RNG = np.random.default_rng(0)
C = RNG.random((40, 50)) < 0.5
DTYPES = ["bool", "int8", "uint8", "int16", "int64", "float16", "float32", "float64", "complex64", "complex128"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "others", [("array", "array"), ("array", "zero"), ("zero", "array"), ("array", "one"), ("one", "zero")]
)
def test_it_is_where(dtype, others):
    arrays = [(RNG.standard_normal(C.shape) * 9).astype(dtype) for _ in range(2)]
    if arrays[0].dtype.kind == "f":
        arrays[0][:2], arrays[1][1:3] = np.nan, -np.inf
    kind = arrays[0].dtype.type
    x, y = ({"array": a, "zero": kind(0), "one": kind(1)}[other] for a, other in zip(arrays, others, strict=True))
    found, expected = select(C, x, y), np.where(C, x, y)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_numbers_of_python_and_other_shapes():
    x = RNG.standard_normal(C.shape).astype(np.float32)
    for a, b in [(x, 0.0), (0, x), (x, 2), (1.5, 0.0), (x[0], x), (x, x.astype(np.float64)), (x.T[:40, :1], x)]:
        found, expected = select(C, a, b), np.where(C, a, b)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_minus_zero_is_not_zero():
    x = np.ones(C.shape, np.float32)
    found = select(C, x, np.float32(-0.0))
    assert np.signbit(found[~C]).all()
