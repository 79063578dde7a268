"""Every call of the table of ops on the stand-in array: the numbers and gradients of NumPy, and none of it leaves the device."""

import pytest
from tests.devices.device_calls import CALLS
from tests.devices.standin import install
from tests.devices.standin_calls import assert_same


@pytest.fixture(autouse=True)
def fake_gpu(monkeypatch):
    install(monkeypatch)
    monkeypatch.setattr("metagrad.kernels.libraries._LOOKS", True)  # all errors are raised


@pytest.mark.parametrize(("row", "call", "dtype"), CALLS)
def test_an_op_of_the_table(row, call, dtype):
    found, expected = assert_same(row, call, dtype)
    assert str(found).replace(".cuda.", ".") == str(expected)  # type() says where a tensor is
