"""Naming devices, and what is said where there is no GPU."""

import pytest

import metagrad


def test_devices_compare_by_name_and_number():
    assert metagrad.device("cuda:1") == metagrad.device("cuda", 1) != metagrad.device("cpu")
    assert metagrad.zeros(1).device == metagrad.device("cpu")
    assert str(metagrad.device("cuda:1")) == "cuda:1" and repr(metagrad.device("cpu")) == "device(type='cpu')"


def test_a_device_that_is_not_there_is_named():
    if metagrad.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(RuntimeError, match="CuPy"):
        metagrad.zeros(2).to("cuda")
    with pytest.raises(RuntimeError, match="cuda:0"):
        metagrad.cuda.get_device("cuda:0")
    with pytest.raises(RuntimeError, match="Expected one of cpu, cuda, .* device type at start of device string: gpu"):
        metagrad.zeros(2).to("gpu")


@pytest.mark.parametrize("given", [lambda: metagrad.zeros(2), lambda: metagrad.nn.Linear(1, 1)])
def test_cuda_moves_to_a_gpu_and_nowhere_else(given):
    for place in ("cpu", metagrad.device("meta")):
        with pytest.raises(RuntimeError, match="^Invalid device, must be cuda device"):
            given().cuda(place)
