"""Convolution's and pooling's kernels for a GPU, run as C here: results and gradients must be the CPU's."""

import numpy as np
import pytest
from tests.devices.c_kernels import can_compile, installed
from tests.devices.standin import Strict

from metagrad import nn
from metagrad.autograd import grad
from metagrad.autograd.variable import wrap
from metagrad.kernels import gpu_windows

pytestmark = pytest.mark.skipif(not can_compile(), reason="needs a C compiler with halves: gcc 12 or later")
F = nn.functional


@pytest.fixture(autouse=True)
def used(monkeypatch):
    with installed(monkeypatch, [gpu_windows], [gpu_windows._kernel]) as names:
        yield names


def check(function, *arrays, dtype="float64"):
    found = []
    for place in (np.array, lambda a: Strict(a.copy())):
        inputs = [wrap(place(a.astype(dtype))).requires_grad_() for a in arrays]
        y = function(*inputs)
        y.backward(wrap(place(np.linspace(-1, 1, y.array.size, dtype=dtype).reshape(y.shape))))
        found.append([y.detach().array, *[x.grad.array for x in inputs]])
    within = 1e-4 if dtype == "float32" else 1e-11
    for a, b in zip(found[1], found[0], strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a.get(), b, rtol=within, atol=within)


def numbers(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


SETTINGS = [
    {},
    {"padding": 2},
    {"stride": 2, "padding": 1},
    {"dilation": 2, "padding": 1},
    {"stride": 3},
    {"groups": 2, "padding": 1},
    {"groups": 4, "stride": 2, "dilation": 2},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_convolution(used, axes, settings, bias):
    extents, size = (8, 7, 6)[:axes], (3, 2, 3)[:axes]
    x, w = numbers(2, 4, *extents), numbers(8, 4 // settings.get("groups", 1), *size)
    convolve = getattr(F, f"conv{axes}d")
    check(lambda x, w, *b: convolve(x, w, *b, **settings), x, w, *[numbers(8)] * bias)
    assert {*used} == {"columns", "images"}


POOLS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 2, "stride": 1, "dilation": 2},
    {"kernel_size": 3, "ceil_mode": True},
]


@pytest.mark.parametrize("settings", POOLS)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_max_pool(used, axes, settings):
    x = numbers(2, 3, *(8, 7, 9)[:axes])
    check(lambda x: getattr(F, f"max_pool{axes}d")(x, **settings), x)
    assert used == ["max_pool", "to_winners"]


def test_places_ties_and_nan(used):
    x = np.array([[[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, np.nan, 2.0], [-np.inf] * 4, [-np.inf] * 4]])
    for place in (np.array, Strict):
        y, places = F.max_pool2d(wrap(place(x)), 2, return_indices=True)
        results = [a.array if place is np.array else a.array.get() for a in (y, places)]
        np.testing.assert_array_equal(results[0], [[[1.0, np.nan], [-np.inf, -np.inf]]])
        assert results[1].tolist() == [[[0, 6], [8, 10]]]
    assert used == ["max_pool"]


def test_second_derivatives(used):
    def twice(x, w):
        y = F.max_pool2d(F.conv2d(x, w) ** 2, 2)
        return sum((g**2).sum() for g in grad(y.sum(), [x, w], create_graph=True))

    check(twice, numbers(1, 2, 5, 5), numbers(2, 2, 2, 2))


def test_a_window_of_padding_alone(used):
    x = numbers(1, 2, 4)
    found = [F.max_pool1d(wrap(place(x)), 2, stride=1, padding=1, dilation=5).array for place in (np.array, Strict)]
    assert used == ["max_pool"] and np.isneginf(found[0]).all() and np.isneginf(found[1].get()).all()


def test_numbers_beyond_the_kernels(used):
    assert F.max_pool1d(wrap(Strict(numbers(1, 1, 4))), 2, stride=2**31).shape == (1, 1, 1) and not used
