"""Large arrays beside a row whose elements have gaps between them, or share one place: the loops read numbers side by side."""

import numpy as np
import pytest

import metagrad

N = 600
ROWS = {
    "a column": lambda: np.random.default_rng(1).normal(size=(N, 3)).astype("f")[:, 0],
    "every other": lambda: np.random.default_rng(1).normal(size=2 * N).astype("f")[::2],
    "one number": lambda: np.broadcast_to(np.float32(0.7), (N,)),
}
OPS = {
    "mul": lambda x, r: x * r,
    "div": lambda x, r: x / r,
    "maximum": metagrad.maximum,
    "hypot": metagrad.hypot,
    "fmod": metagrad.fmod,
    "logaddexp": metagrad.logaddexp,
    "clamp": lambda x, r: x.clamp(max=r),
    "where": lambda x, r: metagrad.where(x > 0, x, r),
    "addcdiv": lambda x, r: metagrad.addcdiv(x, x, r),
    "prelu": lambda x, r: metagrad.nn.functional.prelu(x, r),
}


def tensor(row):
    """As ``from_numpy`` makes it: with the same gaps."""
    if row.strides == (0,):
        return metagrad.tensor(row[:1].copy()).expand(N)
    return metagrad.tensor(row.base.copy())[:, 0] if row.base.ndim == 2 else metagrad.from_numpy(row)


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("kind", ROWS)
def test_results_and_gradients(kind, name):
    row = ROWS[kind]()
    x = np.random.default_rng(0).normal(size=(700, N)).astype("f")
    weights = metagrad.from_numpy(np.random.default_rng(2).normal(size=(700, N)).astype("f"))
    found = []
    for r in (tensor(row), metagrad.tensor(row.copy())):
        a = metagrad.tensor(x).requires_grad_()
        y = OPS[name](a, r)
        (y * weights).sum().backward()
        found.append((y.detach().numpy(), a.grad.numpy()))
    for one, two in zip(*found):
        np.testing.assert_array_equal(one, two)
