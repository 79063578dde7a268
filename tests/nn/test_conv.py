"""Convolutions: the kernels against the reference, the layers against PyTorch over a sweep of settings, and their errors."""

import itertools
import random

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.autograd import gradcheck, gradgradcheck
from metagrad.kernels import convolution as kernel
from metagrad.kernels import tuning
from metagrad.kernels.windows import sliding
from metagrad.nn import convolution as plain
from metagrad.nn import functional as F
from metagrad.nn.functional.conv_maps import Convolve

# ------------------------------------------------ kernel and reference implementation


def random_work(seed):
    """Windows with strides, dilations, and padding that may be negative or differ on both sides; groups; the arrays."""
    choose = random.Random(seed)
    rng = np.random.default_rng(seed)
    axes, groups, images = choose.choice([1, 2, 3]), choose.choice([1, 2]), choose.choice([1, 2, 5])
    per_group, filters = choose.choice([1, 2]), groups * choose.choice([1, 2, 7])
    windows = []
    while len(windows) < axes:
        window = sliding(
            choose.choice([3, 5, 6, 8]), choose.choice([1, 2, 3]), choose.choice([1, 2, 3]), choose.choice([-1, 0, 1, 3]),
            choose.choice([-1, 0, 1]), choose.choice([1, 2]),
        )  # fmt: skip
        windows += [window] if window.count > 0 else []
    x = rng.standard_normal((images, groups * per_group, *[w.extent for w in windows]))
    w = rng.standard_normal((filters, per_group, *[w.size for w in windows]))
    return x, w, rng.standard_normal(filters) if choose.random() < 0.5 else None, windows, groups


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("tile", [1, 40, 1 << 17])
@pytest.mark.parametrize("together", [False, True])
def test_the_kernel_equals_the_reference_implementation(monkeypatch, dtype, tile, together):
    monkeypatch.setattr(kernel.Work, "of", staticmethod(kernel.Work))  # kept work was cut by other thresholds
    monkeypatch.setattr(tuning, "CONVOLUTION_TILE", tile)
    monkeypatch.setattr(tuning, "CONVOLUTION_BROAD", 4)
    monkeypatch.setattr(tuning, "CONVOLUTION_WORTH_THREADS", 0 if together else 1 << 60)
    close = {"rtol": 1e-9, "atol": 1e-11} if dtype == "float64" else {"rtol": 1e-4, "atol": 1e-4}
    for seed in range(60):
        x, w, b, windows, groups = random_work(seed)
        x, w, b = x.astype(dtype), w.astype(dtype), None if b is None else b.astype(dtype)
        y = kernel.convolve(x, w, b, windows, groups)
        expected = plain.convolve(x, w, b, windows, groups)
        assert y.dtype == expected.dtype == x.dtype and y.shape == expected.shape
        np.testing.assert_allclose(y, expected, **close)
        g = np.random.default_rng(seed).standard_normal(y.shape).astype(dtype)
        for name, a, other in (("input_gradient", g, w), ("weight_gradient", x, g)):
            found, expected = (getattr(way, name)(a, other, windows, groups) for way in (kernel, plain))
            assert found.dtype == expected.dtype == x.dtype and found.shape == expected.shape
            np.testing.assert_allclose(found, expected, **close)


def test_gradients_equal_those_of_the_reference_implementation():
    for seed in range(20):
        x, w, b, windows, groups = random_work(seed)
        grads = []
        for function in (Convolve.apply, plain.convolve):
            tensors = [metagrad.tensor(a, requires_grad=True) for a in (x, w, np.ones(len(w)) if b is None else b)]
            y = function(*tensors, windows=windows, groups=groups)
            ramp = metagrad.arange(y.numel(), dtype=metagrad.float64).reshape(y.shape)
            (y * ramp.sin()).sum().backward()
            grads.append([y.detach().numpy(), *[t.grad.numpy() for t in tensors]])
        for ours, theirs in zip(*grads, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    "shape", [(3, 2, 5), (64, 16, 8, 8), (40, 16, 21, 21), (2, 3, 50, 60), (5000, 2, 3), (0, 3, 4)]
)
def test_the_gradient_of_the_bias_is_a_sum_over_images_and_windows(shape):
    for g in (np.random.default_rng(0).standard_normal(shape).astype("float32"), np.ones(shape[::-1], "float32").T):
        expected = g.astype(float).sum((0, *range(2, g.ndim)))
        np.testing.assert_allclose(kernel.bias_gradient(g), expected, rtol=1e-5, atol=1e-4)


def test_more_threads_than_work():
    before = metagrad.get_num_threads()
    metagrad.set_num_threads(7)
    try:
        x, w = np.ones((2, 3, 40, 40), "float32"), np.ones((64, 3, 3, 3), "float32")
        y = F.conv2d(metagrad.from_numpy(x), metagrad.from_numpy(w))
        assert (y == 27).all()
    finally:
        metagrad.set_num_threads(before)


# ------------------------------------------------ against PyTorch


def settings_of(axes):
    """Every combination of a few settings of each kind, with and without bias by turns."""
    strides = [1, 2, tuple(range(1, axes + 1))]
    for i, settings in enumerate(itertools.product(strides, [0, 1, "same"], [1, 2], [1, 2])):
        stride, padding, dilation, groups = settings
        if padding != "same" or stride == 1:
            yield {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "bias": i % 3 > 0}


def pair(torch, name, dtype, *sizes, **settings):
    """The same layer twice, with the same parameters."""
    theirs = getattr(torch.nn, name)(*sizes, dtype=getattr(torch, dtype), **settings)
    ours = getattr(nn, name)(*sizes, dtype=getattr(metagrad, dtype), **settings)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [tuple(v.shape) for v in ours.state_dict().values()] == [
        tuple(v.shape) for v in theirs.state_dict().values()
    ]
    assert repr(ours) == repr(theirs)
    ours.load_state_dict({k: metagrad.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return ours, theirs


def compare(ours, theirs, torch, inputs, **more):
    """Results, input gradients and parameter gradients, trained and evaluated."""
    found = []
    for library, layer in ((metagrad, ours), (torch, theirs)):
        x = library.tensor(inputs, requires_grad=True)
        y = layer.eval()(x, **more)
        y = layer.train()(x, **more)
        weights = np.random.default_rng(1).standard_normal(tuple(y.shape)).astype(inputs.dtype)
        (y * library.tensor(weights)).sum().backward()
        found.append([y.detach().numpy(), x.grad.numpy(), *[p.grad.numpy() for p in layer.parameters()]])
    close = {"rtol": 1e-9, "atol": 1e-10} if inputs.dtype == np.float64 else {"rtol": 1e-4, "atol": 1e-4}
    for a, b in zip(*found, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, **close)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch says it takes a slower way
def test_convolutions_equal_pytorch(torch, axes, dtype):
    rng = np.random.default_rng(0)
    extents = (9, 7, 8)[:axes]
    for settings in settings_of(axes):
        ours, theirs = pair(torch, f"Conv{axes}d", dtype, 4, 6, (3, 2, 3)[:axes], **settings)
        compare(ours, theirs, torch, rng.standard_normal((2, 4, *extents)).astype(dtype))
        compare(ours, theirs, torch, rng.standard_normal((4, *extents)).astype(dtype))


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_transposed_convolutions_equal_pytorch(torch, axes, dtype):
    rng = np.random.default_rng(0)
    extents = (5, 4, 3)[:axes]
    for settings in settings_of(axes):
        if settings["padding"] == "same":
            continue
        for extra in (0, 1) if settings["stride"] == 2 or settings["dilation"] == 2 else (0,):
            chosen = {**settings, "output_padding": extra}
            ours, theirs = pair(torch, f"ConvTranspose{axes}d", dtype, 4, 6, (3, 2, 3)[:axes], **chosen)
            compare(ours, theirs, torch, rng.standard_normal((2, 4, *extents)).astype(dtype))
            compare(ours, theirs, torch, rng.standard_normal((4, *extents)).astype(dtype))


@pytest.mark.oracle
def test_a_transposed_convolution_can_be_told_its_size(torch):
    ours, theirs = pair(torch, "ConvTranspose2d", "float64", 4, 6, 3, stride=2, padding=1)
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 6))
    for size in ([9, 11], [10, 12], [9, 12], [2, 6, 10, 11]):
        compare(ours, theirs, torch, x, output_size=size)
    for library, layer in ((metagrad, ours), (torch, theirs)):
        for size in ([8, 11], [11, 11], [9], [9, 11, 3, 3, 3]):
            with pytest.raises(ValueError):
                layer(library.tensor(x), output_size=size)


@pytest.mark.oracle
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [1, (2, 1), "same", "valid"])
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_padding_modes_equal_pytorch(torch, mode, padding):
    ours, theirs = pair(torch, "Conv2d", "float64", 2, 3, (4, 3), padding=padding, padding_mode=mode, dilation=(1, 2))
    compare(ours, theirs, torch, np.random.default_rng(0).standard_normal((2, 2, 7, 6)))


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(0, 4, 9, 7), (1, 4, 9, 7), (16, 4, 40, 40)])
def test_batches_of_none_of_one_and_of_many_tiles(torch, shape):
    ours, theirs = pair(torch, "Conv2d", "float64", 4, 6, 3, padding=1)
    compare(ours, theirs, torch, np.random.default_rng(0).standard_normal(shape))


@pytest.mark.oracle
@pytest.mark.parametrize("axes", [1, 2])
def test_half_precision_equals_pytorch(torch, axes):
    rng = np.random.default_rng(0)
    x, w = (
        rng.standard_normal((2, 3, *(8,) * axes)).astype("float16"),
        rng.standard_normal((4, 3, *(3,) * axes)).astype("float16"),
    )
    ours, theirs = (
        getattr(library.nn.functional, f"conv{axes}d")(library.tensor(x), library.tensor(w), padding=1).numpy()
        for library in (metagrad, torch)
    )
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=5e-3)


@pytest.mark.oracle
def test_time_first_equals_pytorch(torch):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in ((7, 2, 4), (3, 4, 6), (6,))]
    for pad in (0, 2):
        ours, theirs = (library.conv_tbc(*map(library.tensor, arrays), pad).numpy() for library in (metagrad, torch))
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_strided_and_transposed_inputs():
    x = np.random.default_rng(0).standard_normal((7, 9, 4, 2))
    w = np.random.default_rng(1).standard_normal((3, 3, 4, 6)).T
    straight = F.conv2d(metagrad.tensor(x.T.copy()), metagrad.tensor(w.copy()))
    assert F.conv2d(metagrad.from_numpy(x).permute(3, 2, 1, 0), metagrad.from_numpy(w)).allclose(straight)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("axes", [1, 2])
def test_layers_pass_gradcheck_twice(axes, groups):
    metagrad.manual_seed(0)
    f64 = {"dtype": metagrad.float64, "requires_grad": True}
    x = metagrad.randn(2, 2, *(4,) * axes, **f64)
    w, b = metagrad.randn(2, 2 // groups, *(3,) * axes, **f64), metagrad.randn(2, **f64)
    for stride in (1, 2):
        for name in (f"conv{axes}d", f"conv_transpose{axes}d"):
            function = getattr(F, name)

            def run(x, w, b, function=function, stride=stride):
                return function(x, w, b, stride=stride, padding=1, groups=groups)

            assert gradcheck(run, (x, w, b))
            assert gradgradcheck(run, (x, w, b))


# ------------------------------------------------ initial values and errors


@pytest.mark.parametrize(
    ("layer", "fan"), [(nn.Conv2d(8, 400, 5, groups=2), 4 * 25), (nn.ConvTranspose1d(400, 8, 25, groups=2), 4 * 25)]
)
def test_initial_values_are_uniform_in_one_over_root_of_the_fan(layer, fan):
    values = layer.weight.detach().numpy()
    assert np.abs(values).max() <= fan**-0.5
    np.testing.assert_allclose([values.mean(), values.std()], [0, (fan * 3) ** -0.5], atol=2e-3)
    assert np.abs(layer.bias.detach().numpy()).max() <= fan**-0.5


SETTING_ERRORS = [
    ("Conv2d", (3, 4, 3), {"groups": 2}, ValueError),
    ("Conv2d", (4, 3, 3), {"groups": 2}, ValueError),
    ("Conv2d", (4, 4, 3), {"groups": 0}, ValueError),
    ("Conv2d", (4, 4, 3), {"padding": "some"}, ValueError),
    ("Conv2d", (4, 4, 3), {"padding": "same", "stride": 2}, ValueError),
    ("Conv2d", (4, 4, 3), {"padding_mode": "mirror"}, ValueError),
    ("ConvTranspose2d", (4, 4, 3), {"padding_mode": "reflect"}, ValueError),
    ("ConvTranspose1d", (3, 4, 3), {"groups": 2}, ValueError),
]


@pytest.mark.parametrize(("name", "sizes", "settings", "error"), SETTING_ERRORS)
def test_bad_settings_are_refused(name, sizes, settings, error):
    with pytest.raises(error):
        getattr(nn, name)(*sizes, **settings)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "sizes", "settings", "error"), SETTING_ERRORS)
def test_bad_settings_are_refused_as_by_pytorch(torch, name, sizes, settings, error):
    with pytest.raises(error):
        getattr(torch.nn, name)(*sizes, **settings)


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (metagrad.zeros(2, 4, 8, 8), r"to have 3 channels, but got 4"),
        (metagrad.zeros(2, 3, 8), r"3D \(unbatched\) or 4D|channels"),
        (metagrad.zeros(2, 3, 2, 8), "greater than actual input size"),
        (metagrad.zeros(2, 3, 8, 8, dtype=metagrad.float64), "should be the same"),
        (metagrad.zeros(2, 3, 0, 8), "Calculated padded input size per channel: .0 x 8."),
    ],
)
def test_errors_say_what_is_wrong(x, match):
    with pytest.raises(RuntimeError, match=match):
        nn.Conv2d(3, 5, 3)(x)


@pytest.mark.parametrize(
    "layer", [nn.Conv1d(4, 5, 3), nn.Conv2d(4, 5, 3), nn.ConvTranspose2d(4, 5, 3), nn.Conv2d(4, 4, 3, groups=2)]
)
def test_a_weights_gradient_lies_in_order(layer):
    x = metagrad.ones(2, 4, *[7] * (layer.weight.ndim - 2))
    (grad,) = metagrad.autograd.grad(layer(x).sum(), layer.weight)
    assert grad.view(-1).shape == (layer.weight.numel(),)


def test_subclasses_find_the_margins_by_pytorchs_name():
    assert nn.Conv2d(1, 1, 3, padding=(1, 2))._reversed_padding_repeated_twice == (2, 2, 1, 1)
    assert nn.Conv1d(1, 1, 4, padding="same")._reversed_padding_repeated_twice == [1, 2]
