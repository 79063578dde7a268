"""The compiled loops of differences of neighbours give NumPy's numbers, and so does their gradient."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import differences, tuning

RNG = np.random.default_rng(0)
THRESHOLDS = ("COMPILED_WORTH",)
CASES = [
    ((5,), 0),
    ((2,), 0),
    ((1,), 0),
    ((40, 7), 1),
    ((40, 7), 0),
    ((3, 2), 1),
    ((2, 1), 1),
    ((20, 3, 4), 1),
    ((2, 9, 70), 1),
    ((0, 4), 1),
    ((4, 0), 1),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool"])
@pytest.mark.parametrize(("shape", "dim"), CASES)
def test_values_and_gradients(both, shape, dim, dtype, threads):
    x = (RNG.standard_normal(shape) * 3).astype(dtype)
    if dtype.startswith("float") and x.size > 9:
        x.reshape(-1)[:4] = [np.nan, np.inf, -np.inf, -0.0]

    def run():
        leaf = metagrad.tensor(x, requires_grad=dtype.startswith("float"))
        y = metagrad.diff(leaf, dim=dim)
        if not leaf.requires_grad:
            return [y.numpy()]
        y.backward(metagrad.tensor(np.random.default_rng(1).standard_normal(tuple(y.shape)).astype(dtype)))
        return [y.detach().numpy(), leaf.grad.numpy()]

    found, expected = both(run)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b, equal_nan=dtype.startswith("float"))


@pytest.mark.oracle
@pytest.mark.parametrize("n", [1, 2, 5])
def test_several_times_over_and_of_strided_numbers(torch, monkeypatch, n):
    from metagrad.kernels import tuning

    monkeypatch.setattr(tuning, "COMPILED_WORTH", 1)
    x = RNG.standard_normal((12, 16))
    found = []
    for lib in (metagrad, torch):
        leaf = lib.tensor(x, requires_grad=True)
        y = lib.diff(leaf.t(), n, 0) + lib.diff(leaf[:, ::2].t(), n, 1, prepend=leaf[:1, ::2].t())[:1, :7].sum()
        (y * y).sum().backward()
        found.append([y.detach().numpy(), leaf.grad.numpy()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_derivatives():
    x = metagrad.tensor(RNG.standard_normal((3, 4, 2)), requires_grad=True)
    for dim in range(3):
        assert metagrad.autograd.gradcheck(lambda x, dim=dim: metagrad.diff(x, dim=dim) ** 2, (x,))
        assert metagrad.autograd.gradgradcheck(lambda x, dim=dim: metagrad.diff(x, dim=dim) ** 2, (x,))


def test_images_of_one_channel_stay_in_their_format():
    x = metagrad.zeros(8, 1, 200, 200).to(memory_format=metagrad.channels_last)
    assert x.diff(dim=2).stride() == (39800, 1, 200, 1)
    assert metagrad.nn.functional.pad(x, (1, 1, 1, 1)).stride() == (40804, 1, 202, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "complex64"])
@pytest.mark.parametrize(("shape", "dim"), [case for case in CASES if 0 not in case[0]])
def test_large_arrays_by_all_threads(monkeypatch, shape, dim, dtype, threads):
    """As without compiled loops."""
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 2)
    monkeypatch.setattr(differences, "use_compiled", lambda x: False)
    x = (RNG.standard_normal(shape) * 3).astype(dtype)
    for a in (x, x.T.copy().T):
        found = metagrad.diff(metagrad.from_numpy(a), dim=dim)
        np.testing.assert_array_equal(found.numpy(), np.diff(a, axis=dim))
    if dtype[0] in "fc" and shape[dim] > 1:
        g = np.diff(x, axis=dim)
        leaf = metagrad.tensor(x, requires_grad=True)
        metagrad.diff(leaf, dim=dim).backward(metagrad.tensor(g))
        edges = [(0, 0)] * x.ndim
        edges[dim] = (1, 1)
        np.testing.assert_array_equal(leaf.grad.numpy(), -np.diff(np.pad(g, edges), axis=dim))
