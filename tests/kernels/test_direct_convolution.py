"""Convolution on compiled loops equals the reference implementation and NumPy's kernel."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import convolution, direct_convolution, tuning
from metagrad.kernels.windows import sliding

CASES = {  # images, channels, filters, extents, size, padding, dilation, and strides other than 1
    "3 x 3": (5, 3, 7, (9, 11), (3, 3), (1, 1), (1, 1)),
    "one image": (1, 2, 33, (28, 28), (3, 3), (1, 1), (1, 1)),
    "one row": (2, 1, 1, (1, 5), (1, 2), (0, 0), (1, 1)),
    "apart": (3, 2, 4, (8, 13), (2, 3), (2, 3), (3, 2)),
    "many strips": (2, 3, 5, (40, 70), (3, 5), (0, 2), (1, 1)),
    "deep": (2, 40, 9, (6, 5), (3, 3), (1, 0), (1, 1)),
    "small, many": (70, 3, 18, (4, 5), (3, 3), (1, 1), (1, 1)),
    "small, a register full": (9, 2, 16, (5, 3), (3, 3), (1, 1), (1, 1)),
    "stride 2": (20, 3, 18, (9, 8), (3, 3), (1, 1), (1, 1), (2, 2)),
    "strides": (3, 2, 5, (31, 40), (4, 7), (1, 3), (1, 1), (2, 3)),
    "strides, apart": (3, 2, 5, (11, 12), (2, 3), (2, 1), (2, 3), (2, 1)),
    "stride beyond the size": (3, 2, 5, (11, 12), (1, 2), (0, 1), (1, 1), (3, 3)),
    "points apart": (3, 4, 5, (7, 8), (1, 1), (0, 0), (1, 1), (2, 3)),
    "one dimension, stride": (3, 4, 5, (17,), (4,), (1,), (1,), (2,)),
    "one point": (4, 5, 6, (3, 3), (1, 1), (0, 0), (1, 1)),
    "one dimension": (3, 4, 5, (17,), (3,), (1,), (2,)),
    "uneven padding": (2, 3, 4, (6, 7), (2, 4), ((0, 1), (3, 2)), (1, 1)),
}


def arrays(name, dtype):
    images, channels, filters, extents, size, padding, dilation, *strides = CASES[name]
    rng = np.random.default_rng(0)
    windows = [
        sliding(n, k, s, *(p if isinstance(p, tuple) else (p, None)), d)
        for n, k, p, d, s in zip(extents, size, padding, dilation, *(strides or [(1,) * len(size)]), strict=True)
    ]
    shapes = (
        (images, channels, *extents),
        (filters, channels, *size),
        (filters,),
        (images, filters, *(w.count for w in windows)),
    )
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes], windows


def both(function, monkeypatch):
    """What NumPy's kernel gives, and the loops, compiled or without Numba as the Python they look like."""
    found = []
    for direct in (False, True):
        serves = lambda x, windows, groups, direct=direct: direct and all(w.low >= 0 for w in windows)  # noqa: E731
        monkeypatch.setattr(direct_convolution, "serves", serves)
        found.append(function())
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_loops_equal_numpys_kernel(name, dtype, monkeypatch):
    (x, w, b, g), windows = arrays(name, dtype)
    close = 1e-5 if dtype == "float32" else 1e-12

    def all_three():
        made = (
            convolution.convolve(x, w, b, windows, 1),
            convolution.convolve(x[::-1, ::-1], w, None, windows, 1),
            convolution.weight_gradient(x, g, windows, 1),
            convolution.input_gradient(g, w, windows, 1),
        )
        return [np.array(each) for each in made]

    for numpys, ours in zip(*both(all_three, monkeypatch), strict=True):
        assert numpys.shape == ours.shape and numpys.dtype == ours.dtype
        np.testing.assert_allclose(ours, numpys, rtol=close, atol=close * np.abs(numpys).max())


def test_a_sum_by_hand(monkeypatch):
    monkeypatch.setattr(direct_convolution, "serves", lambda x, windows, groups: True)
    x, w = np.arange(1.0, 10).reshape(1, 1, 3, 3), np.array([[[[1.0, 10], [100, 1000]]]])
    windows = [sliding(3, 2), sliding(3, 2)]
    assert convolution.convolve(x, w, np.array([0.5]), windows, 1).tolist() == [[[[5421.5, 6532.5], [8754.5, 9865.5]]]]
    g = np.array([[[[1.0, 0], [0, 10]]]])
    assert convolution.weight_gradient(x, g, windows, 1).tolist() == [[[[51, 62], [84, 95]]]]


def test_what_is_not_finite_reaches_only_what_sees_it(monkeypatch):
    (x, w, b, g), windows = arrays("3 x 3", "float32")
    x[2, 1, 4, 10] = np.inf
    g[:, :, :, -1] = 0

    def forward_and_weights():
        with np.errstate(invalid="ignore"):
            return convolution.convolve(x, w, b, windows, 1), convolution.weight_gradient(x, g, windows, 1)

    for numpys, ours in zip(*both(forward_and_weights, monkeypatch), strict=True):
        assert (np.isfinite(ours) == np.isfinite(numpys)).all() and np.isfinite(ours).any()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_threads_share_images(count, monkeypatch):
    monkeypatch.setattr(tuning, "CONVOLUTION_LOOPS_WORTH_THREADS", 0)
    before = metagrad.get_num_threads()
    metagrad.set_num_threads(count)
    try:
        (x, w, b, g), windows = arrays("3 x 3", "float64")
        for make in (
            lambda: convolution.convolve(x, w, b, windows, 1),
            lambda: convolution.weight_gradient(x, g, windows, 1),
        ):
            numpys, ours = both(make, monkeypatch)
            np.testing.assert_allclose(ours, numpys, rtol=1e-12, atol=1e-12)
    finally:
        metagrad.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("groups", "channels", "filters", "stride"), [(5, 5, 5, 1), (3, 12, 15, 1), (2, 8, 40, 2)])
def test_groups_are_images_of_their_own(groups, channels, filters, stride, dtype, monkeypatch):
    rng, windows = np.random.default_rng(0), [sliding(6, 3, stride, 1), sliding(9, 3, stride, 1)]
    x = rng.standard_normal((4, channels, 6, 9)).astype(dtype)
    w = rng.standard_normal((filters, channels // groups, 3, 3)).astype(dtype)
    b, g = (rng.standard_normal(s).astype(dtype) for s in (filters, (4, filters, *(v.count for v in windows))))

    def all_three():
        return (
            convolution.convolve(x, w, b, windows, groups),
            convolution.weight_gradient(x, g, windows, groups),
            convolution.input_gradient(g, w, windows, groups),
        )

    for numpys, ours in zip(*both(all_three, monkeypatch), strict=True):
        close = 1e-5 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(ours, numpys, rtol=close, atol=close * np.abs(numpys).max())


def test_only_windows_over_two_axes_are_served():
    x, one = np.zeros((2, 3, 8, 8), np.float32), sliding(8, 3, 1, 1)
    assert direct_convolution.serves(x, [one, one], 1) == direct_convolution.use_compiled(x, 0)
    for windows, groups in (
        ([one, sliding(8, 3, 2)], 3),
        ([one, sliding(8, 3, 1, -1)], 1),
        ([one] * 3, 1),
    ):
        assert not direct_convolution.serves(x, windows, groups)
    assert not direct_convolution.serves(x.astype(np.float16), [one, one], 1)
