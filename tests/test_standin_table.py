"""Every call of the table of ops on the stand-in array: the numbers and gradients of NumPy, and none of it leaves the device."""

import warnings

import numpy as np
import pytest

import metagrad
from metagrad.autograd.variable import wrap
from tests.ops.rows import Dtype, Fixed, Numbers, find, flat, laid_out, numbers, tensors_of
from tests.ops.table import ROWS, WRITES
from tests.standin import Strict, install


@pytest.fixture(autouse=True)
def fake_gpu(monkeypatch):
    install(monkeypatch)
    monkeypatch.setattr("metagrad.kernels.libraries._LOOKS", True)  # all errors are raised


# What cannot be on a GPU, or has another meaning there, and why.
ON_THE_CPU = {
    "cpu": "it goes to the CPU",
    "to": "it goes where it is told",
    "get_device": "the number of the GPU, −1 for the CPU",
    "tensor": "data are copied to the default device",
    "arange": "its bounds are numbers, and 0-d tensors stand for numbers",
    "linspace": "the same",
    "logspace": "the same",
    "special.airy_ai": "CuPy has no Airy functions: an error says so",
}
CALLS = [
    pytest.param(r, c, d, id=f"{r.name}-{i}-{d}")
    for r in [*ROWS, *WRITES]
    for i, c in enumerate(r.calls)
    for d in (r.dtypes if i == 0 else r.dtypes[:1])
    if tensors_of(c) and r.name not in ON_THE_CPU
]


def run(row, call, dtype, place):
    """Results and gradients as arrays of ``place``."""
    leaves, seeds = [], iter(range(len(tensors_of(call))))

    def made(value):
        if isinstance(value, (list, tuple)):
            return type(value)(made(v) for v in value)
        if isinstance(value, Dtype):
            return getattr(metagrad, value.name)
        if not isinstance(value, (Numbers, Fixed)):
            return value
        x = wrap(place(laid_out(numbers(value, dtype, "spread", next(seeds)), "plain")))
        if isinstance(value, Fixed):
            return x
        leaves.append(x.requires_grad_(x.dtype.category >= 2 and row.grad))
        return x.clone() if row in WRITES else x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        args, kwargs = [made(a) for a in call.args], {k: made(v) for k, v in call.kwargs.items()}
        results = flat(find(metagrad, row.name)(*args, **kwargs))
    tensors = [r for r in results if isinstance(r, metagrad.Tensor)]
    roots = [r for r in tensors if r.requires_grad]
    rng = np.random.default_rng(3)
    cotangents = [wrap(place(rng.uniform(0.5, 1.5, tuple(r.shape)).astype(r.array.dtype))) for r in roots]
    grads = metagrad.autograd.grad(roots, leaves, cotangents, allow_unused=True) if roots else []
    others = [r for r in results if not isinstance(r, metagrad.Tensor)]
    return [t.array for t in tensors], [None if g is None else g.array for g in grads], others


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
