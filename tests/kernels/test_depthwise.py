"""Convolution of each channel by itself equals the reference implementation, with compiled loops and without."""

import numpy as np
import pytest

from metagrad.kernels import convolution, depthwise
from metagrad.kernels.compiled import choice
from metagrad.kernels.windows import sliding
from metagrad.nn import convolution as reference

CASES = {  # images, channels, filters of each, and of every axis: extent, size, stride, padding, dilation
    "3 x 3": (3, 5, 1, (9, 3, 1, 1, 1), (11, 3, 1, 1, 1)),
    "two filters each": (2, 3, 2, (8, 3, 1, 1, 1), (7, 2, 1, 0, 1)),
    "a long row": (2, 3, 1, (3, 3, 1, 1, 1), (3000, 5, 1, 2, 1)),
    "many strips": (1, 2, 1, (90, 5, 1, 2, 1), (70, 4, 1, 3, 1)),
    "stride 2": (3, 4, 1, (9, 3, 2, 1, 1), (8, 3, 2, 1, 1)),
    "strides, two filters each": (2, 3, 2, (12, 4, 3, 2, 1), (11, 3, 1, 1, 1)),
    "apart": (2, 3, 1, (13, 3, 1, 2, 2), (14, 2, 1, 3, 3)),
    "apart, strides": (2, 3, 1, (13, 3, 2, 2, 2), (14, 2, 3, 3, 3)),
    "one dimension": (3, 4, 1, (17, 5, 1, 2, 1)),
    "one dimension, stride": (3, 4, 2, (17, 4, 3, 1, 1)),
    "three dimensions": (2, 3, 1, (4, 2, 1, 0, 1), (5, 3, 1, 1, 1), (6, 3, 2, 1, 1)),
    "many images": (40, 3, 1, (6, 3, 1, 1, 1), (5, 3, 1, 1, 1)),
    "cut off": (2, 3, 1, (9, 3, 1, -1, 1), (8, 3, 1, 0, 1)),
    "no images": (0, 3, 1, (9, 3, 1, 1, 1), (8, 3, 1, 0, 1)),
}


def arrays(name, dtype):
    images, channels, each, *axes = CASES[name]
    rng = np.random.default_rng(0)
    windows = [sliding(n, size, stride, low, None, dilation) for n, size, stride, low, dilation in axes]
    counts = [w.count for w in windows]
    shapes = [
        (images, channels, *[w.extent for w in windows]), (channels * each, 1, *[w.size for w in windows]), (channels * each,),
        (images, channels * each, *counts),
    ]  # fmt: skip
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes], windows, channels


@pytest.fixture(params=["loops", "NumPy"])
def way(request, monkeypatch):
    """With compiled loops and without them."""
    if request.param == "loops":
        pytest.importorskip("numba")
    else:
        monkeypatch.setattr(choice, "available", lambda: False)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_it_equals_the_reference(name, dtype):
    (x, w, b, g), windows, groups = arrays(name, dtype)
    close = 2e-5 if dtype == "float32" else 1e-12
    for kernel, arguments in (
        ("convolve", (x, w, b, windows, groups)), ("convolve", (x[::-1], w, None, windows, groups)),
        ("weight_gradient", (x, g, windows, groups)), ("input_gradient", (g, w, windows, groups)),
    ):  # fmt: skip
        expected, found = (getattr(module, kernel)(*arguments) for module in (reference, convolution))
        assert found.shape == expected.shape and found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=close, atol=close * max(1, np.abs(expected).max(initial=0)))


@pytest.mark.usefixtures("way")
def test_a_sum_by_hand():
    x = np.arange(1.0, 19).reshape(1, 2, 3, 3)
    w = np.array([[[[1.0, 10], [100, 1000]]], [[[1.0, 0], [0, 0]]]])
    found = convolution.convolve(x, w, np.array([0.0, 0.5]), [sliding(3, 2), sliding(3, 2)], 2)
    assert found.tolist() == [[[[5421, 6532], [8754, 9865]], [[10.5, 11.5], [13.5, 14.5]]]]


@pytest.mark.usefixtures("way")
def test_infinity_stays_where_it_is_seen():
    (x, w, _, g), windows, groups = arrays("3 x 3", "float32")
    x[1, 2, 0, 10], x[2, 1, 4, 4] = np.inf, np.nan
    with np.errstate(all="ignore"):
        expected = reference.convolve(x, w, None, windows, groups), reference.weight_gradient(x, g, windows, groups)
        found = convolution.convolve(x, w, None, windows, groups), convolution.weight_gradient(x, g, windows, groups)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)


def test_what_the_loops_serve():
    pytest.importorskip("numba")
    (x, *_), windows, groups = arrays("3 x 3", "float32")
    assert depthwise.serves(x, windows, groups)
    assert not depthwise.serves(x, windows, 1)
    assert not depthwise.serves(x.astype(np.float16), windows, groups)
