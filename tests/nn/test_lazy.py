"""Lazy layers against PyTorch's."""

import numpy as np
import pytest

import metagrad
from metagrad import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

CASES = [
    ("LazyLinear", (4,), {}, (5, 3)), ("LazyLinear", (4,), {"bias": False}, (3,)),
    ("LazyConv1d", (4, 3), {}, (2, 3, 8)), ("LazyConv2d", (4, 3), {"padding": 1, "bias": False}, (2, 3, 8, 8)),
    ("LazyConv3d", (4, 2), {"stride": 2}, (2, 3, 4, 4, 4)), ("LazyConv2d", (6, 3), {"groups": 3}, (3, 8, 8)),
    ("LazyConvTranspose1d", (4, 3), {}, (2, 3, 8)), ("LazyConvTranspose2d", (4, 3), {"stride": 2}, (2, 3, 5, 5)),
    ("LazyConvTranspose3d", (4, 2), {}, (2, 3, 4, 4, 4)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), CASES)
def test_a_lazy_layer_becomes_an_ordinary_one(name, args, kwargs, shape):
    ours, theirs = getattr(nn, name)(*args, **kwargs), getattr(torch.nn, name)(*args, **kwargs)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    assert ours.has_uninitialized_params() and list(ours.state_dict()) == list(theirs.state_dict())
    y, z = ours(metagrad.tensor(x)), theirs(torch.tensor(x))
    assert type(ours).__name__ == type(theirs).__name__ == name.replace("Lazy", "")
    assert y.shape == tuple(z.shape) and repr(ours) == repr(theirs)
    assert all(type(p) is nn.Parameter and p.requires_grad for p in ours.parameters())
    assert all(abs(p.detach().numpy()).max() > 0 for p in ours.parameters())
    ours.load_state_dict({k: metagrad.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    np.testing.assert_allclose(
        ours(metagrad.tensor(x)).detach().numpy(), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-3, atol=1e-4
    )
    ours(metagrad.tensor(x)).sum().backward()


def test_a_state_gives_the_shapes():
    layer, full = nn.LazyLinear(2), nn.Linear(3, 2)
    layer.load_state_dict(full.state_dict())
    assert not layer.has_uninitialized_params()
    x = metagrad.randn(4, 3)
    assert (layer(x) == full(x)).all() and type(layer) is nn.Linear


def test_wrong_input():
    with pytest.raises(RuntimeError, match="Expected 3D"):
        nn.LazyConv2d(2, 3)(metagrad.zeros(3, 3))
