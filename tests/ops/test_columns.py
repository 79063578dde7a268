"""Numbers for channels beside large arrays: in chunks, with a column of them, as in one piece."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.kernels.chunks import Cuts
from metagrad.kernels.compiled import choice

RNG = np.random.default_rng(0)
FUNCTIONS = {
    "prelu": lambda x, c, r: metagrad.nn.functional.prelu(x, c.reshape(-1)),
    "addcmul": lambda x, c, r: metagrad.addcmul(x, x, c),
    "a column twice": lambda x, c, r: metagrad.lerp(x, c, c),
    "a column and a row": lambda x, c, r: metagrad.lerp(x, c, r),
    "columns alone within": lambda x, c, r: metagrad.lerp(c, c * 2, x),
    "where": lambda x, c, r: metagrad.where(x > c, x, c),
    "remainder": lambda x, c, r: metagrad.remainder(x, c),
    "clamp": lambda x, c, r: metagrad.clamp(x, c, c + 1),
    "hypot": lambda x, c, r: metagrad.hypot(x, c),
    "atan2": lambda x, c, r: metagrad.atan2(c, x),
}


def results(function, arrays):
    leaves = [metagrad.tensor(a, requires_grad=True) for a in arrays]
    y = function(*leaves)
    y.backward(metagrad.tensor(np.cos(np.arange(y.numel())).reshape(y.shape).astype(arrays[0].dtype)))
    return [y.detach().numpy(), *[x.grad.numpy() for x in leaves if x.grad is not None]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_in_chunks(monkeypatch, name, dtype):
    monkeypatch.setattr(choice, "available", lambda: False)
    arrays = [RNG.standard_normal(s).astype(dtype) for s in ((4, 5, 6, 7), (1, 5, 1, 1), (7,))]
    expected = results(FUNCTIONS[name], arrays)
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 300)
    monkeypatch.setattr(tuning, "POINTWISE_CHUNK", 100)
    monkeypatch.setattr(tuning, "POINTWISE_ROW", 2)
    cuts = Cuts.of((4, 5, 6, 7), arrays[:2])
    assert (cuts.unit, cuts.columns) == (42, True) and Cuts.of((4, 5, 6, 7), arrays).unit == 7
    assert cuts.column(arrays[1]).reshape(4, 5)[1].tolist() == arrays[1].reshape(-1).tolist()
    for _ in range(2):
        for found, wanted in zip(results(FUNCTIONS[name], arrays), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-6)


def test_what_does_not_broadcast_to_a_shape_is_no_column():
    x = np.ones((3, 4, 200))
    for other in (np.ones((3, 1, 2)), np.ones((2, 3, 1, 1)), np.ones((3, 1, 200)), np.ones((1, 4, 1, 1, 1))):
        assert Cuts.of(x.shape, [x, other]) is None
