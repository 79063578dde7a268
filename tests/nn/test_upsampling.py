"""Layers that change the size of images or rearrange their elements, against PyTorch over a sweep of settings."""

import itertools
import math
import sys

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.autograd import gradcheck, gradgradcheck
from metagrad.kernels import tuning
from metagrad.nn import functional as F
from metagrad.nn.functional import grid_sampling, interpolation_taps

EXTENTS = (5, 7, 4)
MODES = {1: ["nearest", "nearest-exact", "linear", "area"], 2: ["nearest", "nearest-exact", "bilinear", "bicubic", "area"],
         3: ["nearest", "nearest-exact", "trilinear", "area"]}  # fmt: skip


def same(torch, function, inputs, rtol=1e-9):
    """Results and input gradients in both libraries."""
    found = []
    for library in (metagrad, torch):
        x = library.tensor(inputs, requires_grad=True)
        y = function(library, x)
        weights = np.random.default_rng(1).standard_normal(tuple(y.shape)).astype(inputs.dtype)
        y.backward(library.tensor(weights))
        found.append([y.detach().numpy(), x.grad.numpy()])
    for a, b in zip(*found, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def forget_taps():
    for taps in (*interpolation_taps.TAPS.values(), *interpolation_taps.ANTIALIASED.values()):
        taps.cache_clear()


@pytest.mark.oracle
@pytest.mark.parametrize("block", [0, 3, 64])  # 0: without a matrix
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_interpolation_equals_pytorch(torch, monkeypatch, request, axes, dtype, block):
    if block:
        monkeypatch.setattr(interpolation_taps, "_BLOCK", block)
        forget_taps()
        request.addfinalizer(forget_taps)  # they keep their blocks
    else:
        monkeypatch.setattr(sys.modules["metagrad.nn.functional.interpolate"], "_as_matrix", lambda x: False)
    x = np.random.default_rng(0).standard_normal((2, 3, *EXTENTS[:axes])).astype(dtype)
    rtol = 1e-9 if dtype == "float64" else 1e-4
    wanted = [{"size": s} for s in (1, 2, 5, 9, (3, 11, 4)[:axes])]
    wanted += [
        {"scale_factor": s, "recompute_scale_factor": r}
        for s in (1, 2, 0.5, 1.7, (0.7, 2.3, 1.4)[:axes])
        for r in (None, True)
    ]
    for mode, settings in itertools.product(MODES[axes], wanted):
        for align in (None, False, True) if "linear" in mode or mode == "bicubic" else (None,):
            every = {"mode": mode, "align_corners": align, **settings}
            same(torch, lambda lib, x, every=every: lib.nn.functional.interpolate(x, **every), x, rtol)


@pytest.mark.oracle
def test_bytes_are_interpolated_to_the_last_bit_as_in_pytorch(torch):
    x = np.random.default_rng(0).integers(0, 256, (2, 3, 40, 50), dtype=np.uint8)
    for mode, antialias, size in itertools.product(
        ["bilinear", "bicubic"], [False, True], [(24, 24), (17, 23), (60, 55), (40, 75)]
    ):
        found, wanted = (
            lib.nn.functional.interpolate(lib.tensor(x), size=size, mode=mode, antialias=antialias).numpy()
            for lib in (metagrad, torch)
        )
        assert found.dtype == np.uint8 and np.array_equal(found, wanted), (mode, antialias, size)


def test_weights_of_bytes_are_whole_numbers_of_16_bits():
    x = metagrad.tensor([[[[0, 255, 0]]]], dtype=metagrad.uint8)
    assert F.interpolate(x, size=(1, 6), mode="bicubic")[0, 0, 0].tolist() == [0, 67, 224, 224, 67, 0]
    assert F.interpolate(x, size=(1, 2), mode="bilinear", antialias=True)[0, 0, 0].tolist() == [96, 96]


@pytest.mark.oracle
def test_antialiased_interpolation_equals_pytorch(torch):
    x = np.random.default_rng(0).standard_normal((2, 3, 11, 9))
    wanted = [{"size": s} for s in (1, 4, 20, (3, 17))] + [{"scale_factor": s} for s in (0.3, (1.4, 0.6))]
    for mode, align, settings in itertools.product(["bilinear", "bicubic"], [False, True], wanted):
        every = {"mode": mode, "align_corners": align, "antialias": True, **settings}
        same(torch, lambda lib, x, every=every: lib.nn.functional.interpolate(x, **every), x)


@pytest.mark.oracle
def test_lanczos_equals_pytorch(torch):
    x = np.random.default_rng(0).standard_normal((2, 3, 11, 9))
    for size in (4, 20, (3, 17)):
        same(
            torch,
            lambda lib, x, size=size: lib.nn.functional.interpolate(x, size, mode="lanczos", antialias=True),
            x,
            1e-6,
        )


@pytest.mark.oracle
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_infinite_numbers_stay_where_they_are(torch, mode):
    x = np.random.default_rng(0).standard_normal((1, 2, 5, 6)).astype("float32")
    x[0, 0, 2, 3], x[0, 1, 1, 1] = np.inf, np.nan
    ours, theirs = (
        lib.nn.functional.interpolate(lib.tensor(x), (7, 9), mode=mode).numpy() for lib in (metagrad, torch)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float16", "uint8"])
def test_other_dtypes_equal_pytorch(torch, dtype):
    x = np.random.default_rng(0).integers(0, 250, (1, 2, 5, 6)).astype(dtype)
    for mode in ("nearest", "bilinear", "bicubic"):
        ours, theirs = (
            lib.nn.functional.interpolate(lib.tensor(x), (7, 9), mode=mode).numpy() for lib in (metagrad, torch)
        )
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(
            ours.astype(float), theirs.astype(float), rtol=2e-3, atol=1
        )  # PyTorch rounds weights of bytes


LAYERS = [
    ("Upsample", (), {"scale_factor": 2}, (2, 3, 4, 5)),
    ("Upsample", (), {"scale_factor": (2, 1.5), "mode": "bilinear"}, (2, 3, 4, 5)),
    ("Upsample", ((7, 3),), {"mode": "bilinear", "align_corners": True}, (2, 3, 4, 5)),
    ("Upsample", (7,), {"mode": "linear"}, (2, 3, 4)),
    ("UpsamplingNearest2d", (), {"scale_factor": 3}, (2, 3, 4, 5)),
    ("UpsamplingNearest2d", (6,), {}, (2, 3, 4, 5)),
    ("UpsamplingBilinear2d", (), {"scale_factor": 2}, (2, 3, 4, 5)),
    ("PixelShuffle", (2,), {}, (2, 8, 3, 5)),
    ("PixelUnshuffle", (2,), {}, (2, 3, 4, 6)),
    ("PixelUnshuffle", (3,), {}, (2, 3, 6)),
    ("ChannelShuffle", (2,), {}, (2, 6, 3, 5)),
    ("Unfold", (2,), {}, (2, 3, 5, 6)),
    ("Unfold", ((2, 3),), {"dilation": (1, 2), "padding": (0, 1), "stride": 2}, (2, 3, 5, 6)),
    ("Fold", ((5, 6), 2), {}, (2, 12, 20)),
    ("Fold", ((5, 6), (2, 3)), {"dilation": (1, 2), "padding": (0, 1), "stride": 2}, (2, 18, 4)),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "arguments", "settings", "shape"), LAYERS)
def test_layers_equal_pytorch(torch, name, arguments, settings, shape):
    ours, theirs = (getattr(lib.nn, name)(*arguments, **settings) for lib in (metagrad, torch))
    assert repr(ours) == repr(theirs) and list(ours.state_dict()) == []
    x = np.random.default_rng(0).standard_normal(shape)
    same(torch, lambda lib, x: (ours if lib is metagrad else theirs)(x), x)


@pytest.mark.oracle
def test_sampling_in_three_dimensions_equals_pytorch(torch):
    rng = np.random.default_rng(0)
    x, grid = rng.standard_normal((2, 3, 4, 5, 6)), rng.uniform(-1.4, 1.4, (2, 3, 2, 4, 3))
    for mode, padding, align in itertools.product(
        ["bilinear", "nearest"], ["zeros", "border", "reflection"], [False, True]
    ):
        found = []
        for library in (metagrad, torch):
            a, b = library.tensor(x, requires_grad=True), library.tensor(grid, requires_grad=True)
            y = library.nn.functional.grid_sample(a, b, mode, padding, align)
            (y * y).sum().backward()
            found.append([y.detach().numpy(), a.grad.numpy(), b.grad.numpy()])
        for ours, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.oracle
def test_places_outside_are_handled_as_by_pytorch(torch):
    grid = np.array([[[[-1.0, 1.0], [np.inf, 0.0], [0.3, -np.inf], [1e20, 0.1], [-7.0, 9.0], [1.0, 1.0]]]])
    x = np.random.default_rng(0).standard_normal((1, 2, 4, 5))
    for mode, align in itertools.product(["bilinear", "nearest"], [False, True]):
        for padding in ("zeros", "border"):
            ours, theirs = (
                lib.nn.functional.grid_sample(lib.tensor(x), lib.tensor(grid), mode, padding, align).numpy()
                for lib in (metagrad, torch)
            )
            np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_an_affine_grid_samples_the_image_itself():
    x = metagrad.randn(2, 3, 4, 5)
    theta = metagrad.eye(2, 3).expand(2, 2, 3)
    for align in (False, True):
        grid = F.affine_grid(theta, (2, 3, 4, 5), align_corners=align)
        assert F.grid_sample(x, grid, align_corners=align).allclose(x, atol=1e-5)


def test_a_default_that_has_changed_is_warned_of():
    with pytest.warns(UserWarning, match="align_corners"):
        F.affine_grid(metagrad.eye(2, 3)[None], (1, 1, 2, 2))
    with pytest.warns(UserWarning, match="align_corners"):
        F.grid_sample(metagrad.ones(1, 1, 2, 2), metagrad.zeros(1, 1, 1, 2))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.interpolate(x, (5, 3), mode="bilinear") ** 2,
        lambda x: F.interpolate(x, scale_factor=1.5, mode="bicubic") ** 2,
        lambda x: F.interpolate(x, 2, mode="area") ** 2,
        lambda x: F.unfold(x, 2, padding=1) ** 2,
        lambda x: F.fold(x.reshape(1, 4, 6), (3, 4), 2) ** 2,
        lambda x: F.pixel_unshuffle(x[:, :, :2, :4], 2) ** 2,
        lambda x: nn.ChannelShuffle(2)(x) ** 2,
    ],
)
def test_layers_pass_gradcheck_twice(function):
    x = metagrad.randn(1, 2, 3, 4, dtype=metagrad.float64, requires_grad=True)
    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))


def test_positions_of_a_single_pixel_are_warned_of_with_aligned_corners():
    theta = metagrad.eye(2, 3)[None]
    F.affine_grid(theta, (1, 1, 2, 1), align_corners=False)
    with pytest.warns(UserWarning, match="See the documentation of affine_grid for details"):
        assert F.affine_grid(theta, (1, 1, 2, 1), align_corners=True).tolist() == [[[[0.0, -1.0]], [[0.0, 1.0]]]]
    with pytest.warns(UserWarning, match="See the documentation of grid_sample for details"):
        F.grid_sample(metagrad.ones(1, 1, 2, 2), metagrad.zeros(1, 1, 1, 2))


def test_gradients_of_halves_are_added_up_in_float32():
    x = metagrad.ones(1, 1, 1, 1, dtype=metagrad.float16, requires_grad=True)
    y = metagrad.nn.functional.interpolate(x, size=(4000, 1))
    y.backward(metagrad.full_like(y, 0.6))  # among halves the sum would stand still at 1024
    assert x.grad.item() == 2400


def test_nearest_of_whole_factors_repeats_and_adds_up():
    x = metagrad.tensor([[[[1.0, float("inf")], [-0.0, 3.0]]]], requires_grad=True)
    y = metagrad.nn.functional.interpolate(x, scale_factor=(2, 3))
    one, inf = [1.0] * 3, [float("inf")] * 3
    assert y.tolist() == [[[one + inf, one + inf, [0.0] * 3 + [3.0] * 3, [0.0] * 3 + [3.0] * 3]]]
    y.backward(metagrad.arange(24.0).reshape(1, 1, 4, 6))
    assert x.grad.tolist() == [[[[24.0, 42.0], [96.0, 114.0]]]]
    kept = metagrad.nn.functional.interpolate(x.detach(), size=(2, 2))
    assert kept.tolist() == x.tolist() and not np.shares_memory(kept.numpy(), x.detach().numpy())


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("extents", [(4, 5), (3, 4, 2), (1, 6)])
def test_sampling_at_once_equals_sampling_op_by_op(mode, padding, extents):
    if mode == "bicubic" and len(extents) == 3:
        return
    rng = np.random.default_rng(0)
    x, positions = (
        rng.standard_normal((3, 5, *extents)),
        rng.uniform(-1.7, 1.7, (3, 2, 4, *(1,) * (len(extents) - 2), len(extents))),
    )
    for align in (False, True):
        found = []
        for run in (grid_sampling._sampled, grid_sampling._by_ops):
            a, g = (metagrad.tensor(array, requires_grad=True) for array in (x, positions))
            y = run(a, g, mode, padding, align)
            grads = metagrad.autograd.grad((y * y).sum(), (a, g), create_graph=True)
            (again,) = metagrad.autograd.grad(grads[0].square().sum(), a)
            y = run(a, g.detach(), mode, padding, align)
            (alone,) = metagrad.autograd.grad((y * y).sum(), a)
            found.append([t.detach().numpy() for t in (y, *grads, again, alone)])
        for at_once, by_ops in zip(*found, strict=True):
            np.testing.assert_allclose(at_once, by_ops, rtol=1e-9, atol=1e-12)


def test_sampling_at_once_of_one_image_is_shared_by_channels():
    rng = np.random.default_rng(0)
    x, positions = rng.standard_normal((1, 64, 9, 9)), rng.uniform(-1.2, 1.2, (1, 64, 64, 2))
    found = []
    for run in (grid_sampling._sampled, grid_sampling._by_ops):
        a, g = (metagrad.tensor(array, requires_grad=True) for array in (x, positions))
        y = run(a, g, "bilinear", "zeros", False)
        y.backward(y.detach())
        found.append([t.detach().numpy() for t in (y, a.grad, g.grad)])
    for at_once, by_ops in zip(*found, strict=True):
        np.testing.assert_allclose(at_once, by_ops, rtol=1e-9, atol=1e-10)


def test_large_images_are_multiplied_by_parts_of_a_matrix_on_all_threads(monkeypatch):
    x = np.random.default_rng(0).standard_normal((3, 4, 150, 300))
    found = []
    for by_matrix in (True, False):
        with monkeypatch.context() as patch:
            if not by_matrix:
                patch.setattr(sys.modules["metagrad.nn.functional.interpolate"], "_as_matrix", lambda x: False)
            patch.setattr(sys.modules["metagrad.nn.functional.interpolate"], "_fits", lambda x: False)
            a = metagrad.tensor(x, requires_grad=True)
            y = F.interpolate(a, size=(331, 170), mode="bicubic")
            y.backward(y.detach())
            found.append((y.detach().numpy(), a.grad.numpy()))
    for at_once, by_taps in zip(*found, strict=True):
        np.testing.assert_allclose(at_once, by_taps, rtol=1e-9, atol=1e-11)


def test_an_infinite_number_reaches_its_neighbours_alone():
    x = metagrad.zeros(1, 1, 1, 200)
    x[..., 7] = math.inf
    y = F.interpolate(x, size=(1, 400), mode="bilinear")
    assert y.isnan().sum() == 0 and y.isinf().sum() == 4


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_images_sampled_one_by_one_are_those_sampled_together(monkeypatch, mode):
    rng, found = np.random.default_rng(0), []
    arrays = rng.standard_normal((5, 2, 6, 7)), rng.uniform(-1.2, 1.2, (5, 4, 3, 2))
    for at_once in (1 << 22, 30, 1):
        monkeypatch.setattr(tuning, "GRID_TAPS", at_once)
        x, grid = (metagrad.tensor(a, requires_grad=True) for a in arrays)
        y = F.grid_sample(x, grid, mode=mode, align_corners=False)
        (y * y).sum().backward()
        found.append([a.numpy() for a in (y.detach(), x.grad, grid.grad)])
    for others in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], others, strict=True))
