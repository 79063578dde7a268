"""Ops of large arrays with gaps, as ``x[:, ::2]`` is one, are those of copies; but what they were given is what they keep."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning

RNG = np.random.default_rng(0)
F = metagrad.nn.functional
OPS = {
    "exp": lambda x, y: x.exp(), "tanh": lambda x, y: x.tanh(), "gelu": lambda x, y: F.gelu(x), "relu": lambda x, y: x.relu(),
    "product": lambda x, y: x * y, "the other": lambda x, y: y * x, "lerp": lambda x, y: metagrad.lerp(y, x, 0.3),
    "where": lambda x, y: metagrad.where(x > 0, x, y), "addcmul": lambda x, y: metagrad.addcmul(y, x, x, value=0.5),
    "sine and cosine": lambda x, y: x.sin() * x.cos(), "in place": lambda x, y: (x * 1).exp_(),
    "softplus of a sum": lambda x, y: F.softplus(x + y[:1]),
}  # fmt: skip


@pytest.fixture(autouse=True)
def small_arrays_are_large(monkeypatch):
    for name in ("COMPILED_WORTH", "POINTWISE_LARGE", "SPREAD_LEAST"):
        monkeypatch.setattr(tuning, name, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPS)
def test_as_of_a_copy(both, name, dtype):
    numbers = [RNG.standard_normal(shape).astype(dtype) for shape in ((9, 40), (9, 20), (9, 20))]

    def run():
        results = []
        for copied in (False, True):
            x, y, weight = (metagrad.tensor(a, requires_grad=True) for a in numbers)
            part = x[:, ::2].contiguous() if copied else x[:, ::2]
            z = OPS[name](part, y)
            (first,) = metagrad.autograd.grad((z * weight).sum(), x, create_graph=True)
            square = (first * first).sum()
            second = metagrad.autograd.grad(square, x, materialize_grads=True)[0] if first.requires_grad else first
            part = x[:, ::2].contiguous() if copied else x[:, ::2]
            (OPS[name](part, y) * weight).sum().backward()
            results.append([a.detach().numpy() for a in (z, x.grad, first, second)])
            assert z.stride() == (20, 1)
        return results

    for found, expected in both(run):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_a_write_into_what_was_kept_is_noticed():
    x = metagrad.tensor(RNG.random((9, 40)), requires_grad=True) * 1
    y = x[:, ::2].tanh() * x[:, 1::2].sin()
    x.add_(1)
    with pytest.raises(RuntimeError, match="in place|inplace"):
        y.sum().backward()


def test_parts_side_by_side(threads, monkeypatch):
    from metagrad.kernels import copying

    monkeypatch.setattr(tuning, "ROW_BYTES", 1)
    x = RNG.random((6, 5, 8)).astype(np.float32)
    for parts in (
        [x, x + 1, x + 2],
        [x[:, :, :4], x[:, :, 4:]],
        [x[::2], x[1::2]],
        [x.transpose(1, 0, 2)[:, :5], x[:5, :5]],
    ):
        for axis in range(3):
            np.testing.assert_array_equal(copying.joined(parts, axis), np.concatenate(parts, axis))


THRESHOLDS = ()
