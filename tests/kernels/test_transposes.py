"""Copies into another order, strip by strip, without Numba or with it."""

import numpy as np
import pytest

from metagrad.kernels import copying, tuning


@pytest.mark.parametrize(
    "dtypes", [("f", "f"), ("f", "d"), ("d", "e"), ("q", "i"), ("?", "f"), ("F", "F")], ids="".join
)
@pytest.mark.parametrize(
    "turn",
    [
        lambda a: a.T, lambda a: a[:, ::-1].T, lambda a: a[::2].T, lambda a: a[:, 1:].T, lambda a: a.reshape(8, 32, 300).T,
        lambda a: a.reshape(4, 64, 30, 10).transpose(0, 2, 3, 1), lambda a: np.broadcast_to(a.T, (2, 300, 256)),
        lambda a: np.broadcast_to(a[:, :1].T, (300, 256)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("powers", [1 << 10, 1200])  # bytes between rows, of which a few or more are copied at a time
def test_elements_that_lie_across(monkeypatch, threads, dtypes, turn, powers):
    for name, number in {
        "POINTWISE_LARGE": 1,
        "POINTWISE_CHUNK_READ_ONCE": 20_000,
        "STRIP_OF_POWERS_STEP": powers,
    }.items():
        monkeypatch.setattr(tuning, name, number)
    x = turn((np.random.default_rng(0).integers(0, 100, (256, 300))).astype(dtypes[0]))
    y = np.zeros(x.shape, dtypes[1])
    copying.assign(y, x)
    np.testing.assert_array_equal(y, x.astype(dtypes[1]))
