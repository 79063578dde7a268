"""Images made larger or smaller by compiled loops are those of NumPy's ways, and so are their derivatives."""

import numpy as np
import pytest

import metagrad

F = metagrad.nn.functional
RNG = np.random.default_rng(0)
THRESHOLDS = ("COMPILED_WORTH",)
WAYS = {
    "nearest": {"mode": "nearest"},
    "exact": {"mode": "nearest-exact"},
    "bilinear": {"mode": "bilinear"},
    "aligned": {"mode": "bilinear", "align_corners": True},
    "bicubic": {"mode": "bicubic"},
    "smooth": {"mode": "bilinear", "antialias": True},
}
SIZES = [(10, 14), (3, 2), (5, 7), (1, 1), (13, 4)]


def value_and_gradient(lib, x, size, settings):
    leaf = lib.tensor(x, requires_grad=True)
    y = lib.nn.functional.interpolate(leaf, size, **settings)
    y.backward(lib.tensor(np.cos(np.arange(y.numel())).reshape(tuple(y.shape)).astype(x.dtype)))
    return [y.detach().numpy(), leaf.grad.numpy()]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", WAYS)
def test_values_and_gradients(both, way, size, dtype, threads):
    x = RNG.standard_normal((2, 5, 5, 7)).astype(dtype)
    found, expected = both(lambda: value_and_gradient(metagrad, x, size, WAYS[way]))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5 if dtype == "float32" else 1e-10, atol=2e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("way", WAYS)
def test_as_pytorch(both, torch, way):
    x = RNG.standard_normal((2, 5, 6, 7))
    if "nearest" in WAYS[way]["mode"]:
        x[0, 0, 0], x[1, 2, 3, 4], x[1, 1] = np.nan, np.inf, -0.0
    for size in SIZES:
        expected = value_and_gradient(torch, x, size, WAYS[way])
        for found in both(lambda size=size: value_and_gradient(metagrad, x, size, WAYS[way])):
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


def test_derivatives_and_images_that_lie_otherwise(both):
    x = metagrad.tensor(RNG.standard_normal((2, 2, 3, 4)), requires_grad=True)
    checks = (metagrad.autograd.gradcheck, metagrad.autograd.gradgradcheck)
    assert all(
        both(lambda: all(check(lambda x: F.interpolate(x, (5, 3), mode="bilinear") ** 2, (x,)) for check in checks))
    )
    for lay in (
        lambda t: t.transpose(2, 3),
        lambda t: t.contiguous(memory_format=metagrad.channels_last),
        lambda t: t[:, :1],
    ):
        np.testing.assert_allclose(*both(lambda lay=lay: F.interpolate(lay(x.detach()), scale_factor=2).numpy()))
