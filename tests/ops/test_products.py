"""prod and cumprod where products leave the range, vanish, or come back: values and gradients, of the second order too."""

import numpy as np
import pytest

import metagrad
from metagrad.autograd.gradcheck import gradcheck, gradgradcheck

INF, NAN = float("inf"), float("nan")
OPS = {
    "prod": lambda x: x.prod(),
    "prod of a dimension": lambda x: x.prod(0, keepdim=True),
    "cumprod": lambda x: x.cumprod(0),
}
NUMBERS = [
    [1e20, 0, 1e20, 1e20], [1e20, 1e-20, 1e20, 1e-20], [0, 0, 1e20], [1e-20, 1e20, 1e20, 0], [1e30, 1e30, 1e-30, 1e-30],
    [1e-30, 1e-30, 1e30], [1e20, 1e20, 0, 1e-20], [1e20, 0, 1e20, 0, 1e20], [2, 3, 4], [0, 2, 3], [2, 0, 3, 0, 4], [2, 3, 0],
    [INF, 0, 2], [0, INF, 2], [INF, 2, 3], [NAN, 0, 1], [0, NAN, 1], [], [5], [0], [-0.0, 2],
]  # fmt: skip


def results(lib, op, values, dtype):
    x = lib.tensor(values, dtype=getattr(lib, dtype), requires_grad=True)
    y = OPS[op](x)
    return y.tolist(), lib.autograd.grad(y.sum(), x)[0].tolist()


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", OPS)
def test_as_in_pytorch(torch, op, dtype):
    for values in NUMBERS:
        for found, expected in zip(
            results(metagrad, op, values, dtype), results(torch, op, values, dtype), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=str(values))


@pytest.mark.oracle
def test_cumprod_of_halves_multiplies_in_single(torch):
    values = [300, 300, 0.001, 0.001]
    found, expected = (results(lib, "cumprod", values, "float16") for lib in (metagrad, torch))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-3)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-3)


def test_fixed_values():
    assert results(metagrad, "prod", [1e20, 0, 1e20, 1e20], "float32")[1] == [0, INF, 0, 0]
    assert results(metagrad, "cumprod", [1e20, 0, 1e20, 1e20], "float32")[1] == [1, INF, 0, 0]
    y, g = results(metagrad, "cumprod", [1e30, 1e30, 1e-30], "float32")
    np.testing.assert_allclose(y, [1e30, INF, 1e30], rtol=1e-6)
    assert results(metagrad, "prod", [INF, 0, 2], "float32")[1] == pytest.approx([0, INF, NAN], nan_ok=True)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize(
    "values", [[2.0, 3.0, 4.0], [0.0, 2.0, 3.0], [2.0, 0.0, 3.0], [2.0, 0.0, 3.0, 0.0, 4.0], [0.0]]
)
def test_gradients_against_finite_differences(op, values):
    x = metagrad.tensor(values, dtype=metagrad.float64, requires_grad=True)
    assert gradcheck(OPS[op], (x,))
    assert gradgradcheck(OPS[op], (x,))


def test_a_dimension_in_the_middle():
    x = metagrad.tensor(np.random.default_rng(0).integers(-1, 3, (3, 4, 2)) * 1.0, requires_grad=True)
    assert gradcheck(lambda x: x.cumprod(1), (x,)) and gradcheck(lambda x: x.prod(1), (x,))
