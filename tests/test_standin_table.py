"""Every call of the table of ops on the stand-in array: the numbers and gradients of NumPy, and none of it leaves the device."""

import numpy as np
import pytest

from tests.device_calls import CALLS, run
from tests.standin import Strict, install


@pytest.fixture(autouse=True)
def fake_gpu(monkeypatch):
    install(monkeypatch)
    monkeypatch.setattr("metagrad.kernels.libraries._LOOKS", True)  # all errors are raised


def assert_equal(found, expected, what):
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert (a is None) == (b is None)
        if a is not None:
            assert isinstance(a, Strict), f"a {what} left the device"
            assert a.dtype == b.dtype and a.shape == b.shape
            within = 1e-4 if a.dtype.itemsize <= 4 else 1e-9
            np.testing.assert_allclose(a._hidden, b, rtol=within, atol=within, err_msg=what)


@pytest.mark.parametrize(("row", "call", "dtype"), CALLS)
def test_an_op_of_the_table(row, call, dtype):
    try:
        expected = run(row, call, dtype, np.array)
    except (TypeError, RuntimeError, ValueError, IndexError) as error:
        with pytest.raises(type(error)):
            run(row, call, dtype, Strict)
        return
    found = run(row, call, dtype, Strict)
    assert_equal(found[0], expected[0], "result")
    assert_equal(found[1], expected[1], "gradient")
    assert str(found[2]) == str(expected[2])
