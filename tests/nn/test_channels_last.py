"""Images whose channels lie next to each other: results and gradients are the same numbers, and lie as PyTorch's do."""

import numpy as np
import pytest

import metagrad
from metagrad.nn import functional as F

BATCH = 3


def weight(lib, *shape):
    return ((lib.arange(float(np.prod(shape))) * 7 % 11) / 11 - 0.4).reshape(*shape)


LAYERS = {
    "conv": lambda lib, x: lib.nn.functional.conv2d(x, weight(lib, 6, 4, 3, 3), lib.ones(6), padding=1),
    "strided": lambda lib, x: lib.nn.functional.conv2d(x, weight(lib, 6, 4, 3, 3), stride=2),
    "one by one": lambda lib, x: lib.nn.functional.conv2d(x, weight(lib, 6, 4, 1, 1)),
    "depthwise": lambda lib, x: lib.nn.functional.conv2d(x, weight(lib, 4, 1, 3, 3), groups=4),
    "transposed": lambda lib, x: lib.nn.functional.conv_transpose2d(x, weight(lib, 4, 6, 2, 2), lib.ones(6), stride=2),
    "max pool": lambda lib, x: lib.nn.functional.max_pool2d(x, 2),
    "largest and where": lambda lib, x: lib.nn.functional.max_pool2d(x, 3, 2, 1, return_indices=True)[0],
    "mean pool": lambda lib, x: lib.nn.functional.avg_pool2d(x, 2),
    "norm pool": lambda lib, x: lib.nn.functional.lp_pool2d(x, 2, 2),
    "adaptive mean": lambda lib, x: lib.nn.functional.adaptive_avg_pool2d(x, 2),
    "adaptive max": lambda lib, x: lib.nn.functional.adaptive_max_pool2d(x, 3),
    "batch norm": lambda lib, x: lib.nn.functional.batch_norm(x, None, None, weight(lib, 4), lib.ones(4), True),
    "running norm": lambda lib, x: lib.nn.functional.batch_norm(x, lib.ones(4), lib.ones(4), weight(lib, 4), lib.ones(4)),
    "group norm": lambda lib, x: lib.nn.functional.group_norm(x, 2, weight(lib, 4), lib.ones(4)),
    "instance norm": lambda lib, x: lib.nn.functional.instance_norm(x),
    "prelu": lambda lib, x: lib.nn.functional.prelu(x, weight(lib, 4)),
    **{mode: lambda lib, x, mode=mode: lib.nn.functional.interpolate(x, scale_factor=2, mode=mode) for mode in (
        "nearest", "bilinear", "bicubic", "area",
    )},
    "unshuffle": lambda lib, x: lib.nn.functional.pixel_unshuffle(x, 2),
    "shuffle": lambda lib, x: lib.nn.functional.pixel_shuffle(x, 2),
    "deal": lambda lib, x: lib.nn.functional.channel_shuffle(x, 2), "pad": lambda lib, x: lib.nn.functional.pad(x, (1, 1, 2, 0)),
    "mirror": lambda lib, x: lib.nn.functional.pad(x, (1, 1, 2, 0),
    "reflect"), "edge": lambda lib, x: lib.nn.functional.pad(x, (1, 1, 2, 0), "replicate"),
    "round": lambda lib, x: lib.nn.functional.pad(x, (1, 1, 2, 0), "circular"), "cat": lambda lib, x: lib.cat([x, x], 1),
    "cat with one in order": lambda lib, x: lib.cat([x, x.contiguous()], 1), "roll": lambda lib, x: x.roll(1, 2),
    "relu, dropout": lambda lib, x: lib.nn.functional.dropout(x.relu(), 0.5, False),
    "a bias": lambda lib, x: x + weight(lib, 4, 1, 1),
    "a block": lambda lib, x: (
        lib.nn.functional.batch_norm(lib.nn.functional.conv2d(x, weight(lib, 4, 4, 3, 3), padding=1), *[None] * 4, True) + x
    ).relu_(),
}  # fmt: skip


def image(lib, height=6, wanted="channels_last"):
    x = ((lib.arange(float(BATCH * 4 * height * 8)) * 37 % 101) / 50 - 1).reshape(BATCH, 4, height, 8)
    return x.contiguous(memory_format=getattr(lib, wanted))


def steps(x):
    return [s for n, s in zip(x.shape, x.stride(), strict=True) if n > 1]


@pytest.mark.oracle
@pytest.mark.parametrize("name", LAYERS)
def test_results_lie_as_in_pytorch(torch, name):
    found, expected = LAYERS[name](metagrad, image(metagrad)), LAYERS[name](torch, image(torch))
    assert steps(found) == steps(expected)
    for f in ("channels_last", "contiguous_format"):
        lies = found.is_contiguous(memory_format=getattr(metagrad, f))
        assert lies == expected.is_contiguous(memory_format=getattr(torch, f))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("height", [6, 200])  # 200: large enough for chunks and compiled loops
def test_numbers_and_gradients_are_those_of_images_in_order(name, height):
    found = []
    for wanted in ("contiguous_format", "channels_last"):
        leaf = image(metagrad, height, wanted).requires_grad_()
        y = LAYERS[name](metagrad, leaf + 0)
        (y * weight(metagrad, *y.shape)).sum().backward()
        assert leaf.grad.stride() == leaf.stride()
        found.append((y.detach().numpy(), leaf.grad.numpy()))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_a_model_keeps_the_format():
    """From the first convolution to the last: a result (N, M, H, W) has the steps M · H · W, 1, M · W and M."""
    model = metagrad.nn.Sequential(
        metagrad.nn.Conv2d(4, 5, 3, padding=1), metagrad.nn.BatchNorm2d(5), metagrad.nn.ReLU(inplace=True),
        metagrad.nn.MaxPool2d(2), metagrad.nn.Conv2d(5, 6, 1),
    ).to(memory_format=metagrad.channels_last)  # fmt: skip
    assert model[0].weight.stride() == (36, 1, 12, 4)
    y = model(image(metagrad))
    assert y.shape == (BATCH, 6, 3, 4) and y.stride() == (72, 1, 24, 6)
    y.sum().backward()
    assert model[0].weight.grad.stride() == (36, 1, 12, 4)


@pytest.mark.parametrize("given", ["input", "weight"])
def test_weights_decide_too(given):
    x, w = metagrad.rand(2, 3, 5, 5), metagrad.rand(4, 3, 3, 3)
    if given == "input":
        x = x.to(memory_format=metagrad.channels_last)
    else:
        w = w.to(memory_format=metagrad.channels_last)
    assert F.conv2d(x, w).stride() == (36, 1, 12, 4)


def test_three_axes():
    x = metagrad.rand(2, 3, 4, 5, 6).to(memory_format=metagrad.channels_last_3d)
    assert F.conv3d(x, metagrad.rand(4, 3, 3, 3, 3)).stride() == (96, 1, 48, 16, 4)
    assert F.max_pool3d(x, 2).stride() == (36, 1, 18, 9, 3) and metagrad.cat([x, x]).stride() == x.stride()


@pytest.mark.parametrize(
    ("shape", "stride", "suggests"),
    [((2, 3, 4, 4), (48, 1, 12, 3), True), ((2, 3, 4, 4), (48, 16, 4, 1), False), ((2, 3, 1, 1), (3, 1, 1, 1), False),
     ((2, 3, 1, 1), (3, 1, 3, 3), True), ((2, 1, 4, 4), (16, 1, 4, 1), True), ((2, 1, 4, 4), (16, 16, 4, 1), False),
     ((1, 1, 1, 1), (1, 1, 1, 1), False), ((2, 3, 4, 4), (96, 1, 24, 6), True), ((2, 3, 4, 4), (0, 1, 12, 3), False)],
)  # fmt: skip
def test_which_steps_suggest_the_format(shape, stride, suggests):
    """By what a convolution of one pixel, whose weight says nothing, gives the result, four channels of it."""
    x = (
        metagrad.empty_strided(shape, stride).zero_()
        if stride[0]
        else metagrad.zeros(1, 4, 4, 3).permute(0, 3, 1, 2).expand(shape)
    )
    y = F.interpolate(x, size=(5, 5))
    assert (y.stride(1) < y.stride(3) or y.stride(1) == 1) == suggests
