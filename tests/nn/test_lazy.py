"""Lazy layers against PyTorch's."""

import copy
import pickle

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


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["LazyBatchNorm1d", "LazyInstanceNorm1d", "LazyLinear", "LazyConv1d"])
def test_what_a_lazy_layer_shows_before_its_first_call_is_pytorchs(name):
    shown = []
    for lib in (torch, metagrad):
        given = {"LazyLinear": (4,), "LazyConv1d": (4, 2)}.get(name, ())
        options = {"affine": True, "track_running_stats": True} if "Norm" in name else {}
        layer = getattr(lib.nn, name)(*given, **options).double()
        shown.append(
            (
                layer.has_uninitialized_params(),
                [(k, type(v).__name__) for k, v in layer.named_parameters()],
                [(k, type(v).__name__) for k, v in layer.named_buffers()],
                [(k, type(v).__name__) for k, v in layer.state_dict().items()],
            )
        )
        layer(lib.ones(2, 3, 5, dtype=lib.float64))
        shown[-1] += (
            layer.has_uninitialized_params() if hasattr(layer, "has_uninitialized_params") else None,
            [(k, type(v).__name__, tuple(v.shape), str(v.dtype).split(".")[-1]) for k, v in layer.state_dict().items()],
        )
    assert shown[0] == shown[1]


def test_states_of_lazy_norms():
    called, lazy = metagrad.nn.LazyBatchNorm1d(), metagrad.nn.LazyBatchNorm1d()
    called(metagrad.randn(4, 3))
    assert str(lazy.load_state_dict(metagrad.nn.LazyBatchNorm1d().state_dict())) == "<All keys matched successfully>"
    assert lazy.has_uninitialized_params()
    lazy.load_state_dict(called.state_dict())
    assert not lazy.has_uninitialized_params()
    lazy.eval()(metagrad.randn(4, 3))  # what was loaded stays
    assert type(lazy) is metagrad.nn.BatchNorm1d and lazy.running_mean.tolist() == called.running_mean.tolist()
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized"):
        called.load_state_dict(metagrad.nn.LazyBatchNorm1d().state_dict())


@pytest.mark.parametrize("make", [metagrad.nn.UninitializedParameter, metagrad.nn.UninitializedBuffer])
def test_nothing_is_computed_with_what_has_no_shape(make):
    t = make(dtype=metagrad.float64)
    for compute in (lambda: t + 1, lambda: metagrad.cat([t, t]), lambda: t.sum(), lambda: t[0], lambda: t.tolist()):
        with pytest.raises(ValueError, match="Attempted to use an uninitialized"):
            compute()
    with pytest.raises(RuntimeError, match="Can't access the shape"):
        _ = t.shape
    with pytest.raises(RuntimeError, match="Can't share memory"):
        t.share_memory_()
    assert copy.deepcopy(t).dtype is pickle.loads(pickle.dumps(t)).dtype is metagrad.float64
    t.materialize((2, 3))
    assert type(t) is (metagrad.nn.Parameter if make is metagrad.nn.UninitializedParameter else metagrad.Tensor)
    assert t.shape == (2, 3) and t.dtype is metagrad.float64 and t.requires_grad == isinstance(t, metagrad.nn.Parameter)


def test_a_lazy_layer_of_ones_own():
    class Scaled(metagrad.nn.LazyModuleMixin, metagrad.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = metagrad.nn.UninitializedParameter()
            self.register_buffer("shift", metagrad.nn.UninitializedBuffer())

        def initialize_parameters(self, x):
            with metagrad.no_grad():
                for t, value in ((self.scale, 2.0), (self.shift, 1.0)):
                    t.materialize(x.shape[-1:])
                    t.fill_(value)

        def forward(self, x):
            return x * self.scale + self.shift

    layer = Scaled()
    assert layer.has_uninitialized_params()
    assert layer(metagrad.ones(1, 3)).tolist() == [[3, 3, 3]] and not layer.has_uninitialized_params()
