"""A call of the table of ops on the stand-in array beside the same call on NumPy's."""

import numpy as np
import pytest
from tests.devices.device_calls import run
from tests.devices.standin import Strict


def assert_equal(found, expected, what):
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert (a is None) == (b is None)
        if a is not None:
            assert isinstance(a, Strict), f"a {what} left the device"
            assert a.dtype == b.dtype and a.shape == b.shape
            within = 1e-4 if a.dtype.itemsize <= 4 else 1e-9
            np.testing.assert_allclose(a._hidden, b, rtol=within, atol=within, err_msg=what)


def assert_same(row, call, dtype):
    """Results and gradients are NumPy's, or errors of one kind are raised; what else is returned, of both, None after errors."""
    try:
        expected = run(row, call, dtype, np.array)
    except (TypeError, RuntimeError, ValueError, IndexError) as error:
        with pytest.raises(type(error)):
            run(row, call, dtype, Strict)
        return None, None
    found = run(row, call, dtype, Strict)
    assert_equal(found[0], expected[0], "result")
    assert_equal(found[1], expected[1], "gradient")
    return found[2], expected[2]
