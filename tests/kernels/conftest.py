"""What several tests of kernels ask for."""

import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.kernels.compiled import choice


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    """So many threads."""
    before = metagrad.get_num_threads()
    metagrad.set_num_threads(request.param)
    yield request.param
    metagrad.set_num_threads(before)


@pytest.fixture
def both(monkeypatch, request):
    """A function that runs another with NumPy's kernels, then with the compiled ones.

    The module's ``THRESHOLDS`` are the names of those in ``tuning`` that would keep small arrays from the compiled ones.
    """
    pytest.importorskip("numba")
    for threshold in request.module.THRESHOLDS:
        monkeypatch.setattr(tuning, threshold, 1)

    def run(function):
        with monkeypatch.context() as patch:
            patch.setattr(choice, "available", lambda: False)
            expected = function()
        return function(), expected

    return run
