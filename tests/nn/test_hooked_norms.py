"""The older weight and spectral norms, fused batch norms and lazy norms against PyTorch."""

import numpy as np
import pytest

import metagrad
from metagrad import nn


def weights_of(lib, layer):
    """Known values in all parameters and buffers, which have the same names in both libraries."""
    rng = np.random.default_rng(0)
    state = {k: rng.uniform(0.2, 1, tuple(v.shape)) for k, v in layer.state_dict().items() if v.is_floating_point()}
    layer.load_state_dict({k: lib.tensor(v, dtype=lib.float64) for k, v in state.items()}, strict=False)
    return layer


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_hooked_norms_equal_pytorchs(torch, name):
    found = []
    x = np.random.default_rng(1).standard_normal((4, 3))
    for lib in (metagrad, torch):
        layer = weights_of(lib, getattr(lib.nn.utils, name)(lib.nn.Linear(3, 2).double()))
        y = [layer(lib.tensor(x)) for _ in range(3)][-1]
        y.square().sum().backward()
        state = {k: v.detach().numpy() for k, v in layer.state_dict().items()}
        grads = {k: p.grad.numpy() for k, p in layer.named_parameters()}
        removed = getattr(lib.nn.utils, f"remove_{name}")(layer)
        found.append([y.detach().numpy(), state, grads, dict(removed.named_parameters())["weight"].detach().numpy()])
    ours, theirs = found
    assert list(ours[1]) == list(theirs[1]) and set(ours[2]) == set(theirs[2])
    for a, b in [
        (ours[0], theirs[0]),
        (ours[3], theirs[3]),
        *((ours[i][k], theirs[i][k]) for i in (1, 2) for k in ours[i]),
    ]:
        np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize(
    ("layer", "norm", "shape", "fuse"),
    [
        (lambda: nn.Conv2d(3, 4, 2), lambda: nn.BatchNorm2d(4), (2, 3, 5, 5), nn.utils.fuse_conv_bn_eval),
        (
            lambda: nn.Conv1d(3, 4, 2, bias=False),
            lambda: nn.BatchNorm1d(4, affine=False),
            (2, 3, 5),
            nn.utils.fuse_conv_bn_eval,
        ),
        (lambda: nn.Linear(3, 4), lambda: nn.BatchNorm1d(4), (5, 3), nn.utils.fuse_linear_bn_eval),
    ],
)
def test_fused_layers_do_what_both_do(layer, norm, shape, fuse):
    first, second = weights_of(metagrad, layer().double()).eval(), weights_of(metagrad, norm().double()).eval()
    x = metagrad.randn(shape, dtype=metagrad.float64)
    assert metagrad.allclose(fuse(first, second)(x), second(first(x)))
    with pytest.raises(AssertionError, match="eval"):
        fuse(first.train(), second)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("BatchNorm1d", (4, 3)), ("BatchNorm2d", (2, 3, 4, 4)), ("BatchNorm3d", (2, 3, 2, 2, 2)),
     ("InstanceNorm1d", (2, 3, 4)), ("InstanceNorm2d", (3, 4, 4)), ("InstanceNorm3d", (2, 3, 2, 2, 2))],
)  # fmt: skip
def test_lazy_norms_become_norms(name, shape):
    x = metagrad.randn(shape)
    lazy = getattr(nn, f"Lazy{name}")()
    y = lazy(x)
    ordinary = getattr(nn, name)(3, affine=True, track_running_stats=True)
    assert type(lazy) is getattr(nn, name) and lazy.num_features == 3
    assert metagrad.allclose(y, ordinary(x))
    assert list(lazy.state_dict()) == list(ordinary.state_dict())
    assert metagrad.allclose(lazy.running_mean, ordinary.running_mean)


def older_state(lib):
    """Of a version that had the weight itself, and no v: and what it says of itself, which is nothing."""
    whole = lib.tensor([[3.0, 1.0], [1.0, 3.0]])
    return {
        "weight": whole / 4,
        "weight_orig": whole,
        "weight_u": lib.tensor([0.5**0.5, 0.5**0.5]),
        "bias": lib.zeros(2),
    }


def told_and_completed(lib):
    layer = lib.nn.utils.spectral_norm(lib.nn.Linear(2, 2))
    told = dict(layer.state_dict()._metadata[""])
    layer.load_state_dict(older_state(lib))
    state = layer.state_dict()
    lib.nn.utils.remove_spectral_norm(layer)
    return told, state["weight_v"].tolist(), "weight" in state, dict(layer.state_dict()._metadata[""])


def test_a_state_says_by_which_version_of_the_spectral_norm_it_is_and_older_ones_are_completed():
    told, v, weight_there, after = told_and_completed(metagrad)
    assert told == {"version": 1, "spectral_norm": {"weight.version": 1}} and after == {"version": 1}
    assert v == pytest.approx([0.5**0.5, 0.5**0.5]) and not weight_there


@pytest.mark.oracle
def test_versions_of_the_spectral_norm_are_pytorchs(torch):
    ours, theirs = told_and_completed(metagrad), told_and_completed(torch)
    assert ours[0] == theirs[0] and ours[2:] == theirs[2:] and ours[1] == pytest.approx(theirs[1], abs=1e-6)
