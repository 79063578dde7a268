"""Convolution with the batch as the last axis in memory equals NumPy's other kernel."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import batch_convolution, convolution, direct_convolution, tuning
from metagrad.kernels.windows import sliding

CASES = {  # images, channels, filters, groups, extents, size, settings of each axis
    "3 x 3": (37, 3, 2, 1, (4, 5), (3, 3), [(1, 1), (1, 1)]),
    "stride 2": (20, 4, 6, 2, (7, 6), (3, 2), [(2, 1), (2, 0)]),
    "depthwise": (33, 6, 6, 6, (5, 5), (3, 3), [(1, 1), (1, 1)]),
    "apart, uneven": (16, 3, 2, 1, (9, 8), (2, 3), [(1, 2, 0, 3), (2, 0, 1, 2)]),
    "negative padding": (18, 2, 3, 1, (6, 7), (2, 2), [(1, -1), (1, 1, -2)]),
    "one dimension": (17, 5, 3, 1, (9,), (4,), [(2, 3)]),
    "three dimensions": (16, 2, 3, 1, (3, 4, 5), (2, 3, 2), [(1, 1), (2, 1), (1, 0)]),
}


@pytest.fixture(params=[1, 2])
def both(request, monkeypatch):
    """A function's result by this kernel, in chunks of a few images on one or two threads, and by the other."""
    monkeypatch.setattr(direct_convolution, "serves", lambda *_: False)
    monkeypatch.setattr(tuning, "BATCH_CONVOLUTION_CHUNK", 8)
    monkeypatch.setattr(tuning, "BATCH_CONVOLUTION_WORTH_THREADS", 0)
    monkeypatch.setattr(tuning, "CONVOLUTION_TILE", 1)
    before = metagrad.get_num_threads()
    metagrad.set_num_threads(request.param)

    def run(function):
        found = []
        for serves in (True, False):
            monkeypatch.setattr(batch_convolution, "serves", lambda work, serves=serves: serves)
            found.append(function())
        return found

    yield run
    metagrad.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("name", CASES)
def test_it_equals_the_other_kernel(name, dtype, both):
    images, channels, filters, groups, extents, size, settings = CASES[name]
    rng = np.random.default_rng(0)
    windows = []
    for n, k, (stride, *rest) in zip(extents, size, settings, strict=True):
        low, high, dilation = (*rest, *[(None, 1), (1,), ()][len(rest) - 1]) if rest else (0, None, 1)
        windows.append(sliding(n, k, stride, low, high, dilation))
    x = rng.standard_normal((images, channels, *extents)).astype(dtype)
    w = rng.standard_normal((filters, channels // groups, *size)).astype(dtype)
    b = rng.standard_normal(filters).astype(dtype)
    g = rng.standard_normal((images, filters, *[v.count for v in windows])).astype(dtype)

    def all_three():
        return (
            convolution.convolve(x, w, b, windows, groups),
            convolution.convolve(x[::-1], w, None, windows, groups),
            convolution.weight_gradient(x, g, windows, groups),
            convolution.weight_gradient(np.asfortranarray(x), np.asfortranarray(g), windows, groups),
            convolution.input_gradient(g, w, windows, groups),
        )

    close = 1e-5 if dtype == "float32" else 1e-12
    for ours, others in zip(*both(all_three), strict=True):
        assert ours.shape == others.shape and ours.dtype == others.dtype
        np.testing.assert_allclose(ours, others, rtol=close, atol=close * np.abs(others).max())


def test_it_serves_many_small_images(monkeypatch):
    def asked(images, channels, filters, extent, size=3):
        windows = (sliding(extent, size, 1, size // 2),) * 2
        return batch_convolution.serves(convolution.Work.of(images, channels, filters, windows, 1, wide=False))

    assert asked(64, 16, 32, 4)
    for otherwise in ((8, 16, 32, 4), (64, 16, 32, 28), (64, 1, 16, 8), (64, 16, 32, 4, 1)):
        assert not asked(*otherwise)


def test_a_sum_by_hand(both):
    x, w = np.arange(1.0, 10).reshape(1, 1, 3, 3), np.array([[[[1.0, 10], [100, 1000]]]])
    windows = [sliding(3, 2), sliding(3, 2)]
    for y in both(lambda: convolution.convolve(np.repeat(x, 9, 0), w, np.array([0.5]), windows, 1)):
        assert (y == [[[5421.5, 6532.5], [8754.5, 9865.5]]]).all()
    g = np.array([[[[1.0, 0], [0, 10]]]])
    for gradient in both(lambda: convolution.weight_gradient(x, g, windows, 1)):
        assert gradient.tolist() == [[[[51, 62], [84, 95]]]]
