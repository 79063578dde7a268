"""Whole objects: written as pickle writes them, refused by default, and made of a file that the program trusts."""

import io
import os
import pickle
from collections import Counter, OrderedDict, defaultdict
from fractions import Fraction

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.serialization import (
    CheckpointError,
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    get_unsafe_globals_in_checkpoint,
    safe_globals,
)


def saved(obj, library=metagrad, **settings):
    file = io.BytesIO()
    library.save(obj, file, **settings)
    file.seek(0)
    return file


def doubled(module, args, output):
    return output * 2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh())
        self.shared = self.layers[0].weight
        self.register_buffer("count", metagrad.tensor(3))

    def forward(self, x):
        return self.layers(x) @ self.shared


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return type(other) is Point and self.x == other.x

    __hash__ = None


class Slotted:
    __slots__ = ("x",)


def named(thing):
    """Its text, without its address in memory, which differs from process to process."""
    return repr(thing).split(" at 0x")[0]


OBJECTS = [
    np.arange(6.0).reshape(2, 3),
    np.array(["a", "b"]),
    np.array([1, 2], ">i4"),
    {"nested": [np.ones(2, bool)]},
    Point(3),
    Fraction(1, 3),
    nn.Linear,
    len,
    defaultdict(list, a=[1]),
]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_module_comes_back_whole(protocol, zipped):
    net = Net().eval()
    net.layers[2].register_forward_hook(doubled)
    file = saved(net, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"Net.*state_dict.*weights_only=False.*add_safe_globals"):
        metagrad.load(file)
    file.seek(0)
    found = metagrad.load(file, weights_only=False)
    assert type(found) is Net and not found.training and found.shared is found.layers[0].weight
    assert isinstance(found.shared, nn.Parameter) and found.count.item() == 3
    x = metagrad.arange(6.0).reshape(2, 3)
    assert found(x).tolist() == net(x).tolist()
    found(x).sum().backward()
    assert found.shared.grad is not None


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("thing", OBJECTS, ids=named)
def test_whatever_pickle_can_write(thing, zipped):
    file = saved([thing], _use_new_zipfile_serialization=zipped)
    (found,) = metagrad.load(file, weights_only=False)
    assert type(found) is type(thing)
    if isinstance(thing, np.ndarray):
        assert found.dtype.newbyteorder("=") == thing.dtype.newbyteorder("=") and found.tolist() == thing.tolist()
    elif not isinstance(thing, dict) or "nested" not in thing:
        assert found == thing


@pytest.mark.parametrize("thing", [np.zeros(2), Point(3), nn.Linear(1, 1), nn.Linear, len, Fraction(1, 3)], ids=named)
def test_by_default_it_is_refused_and_nothing_is_made(thing):
    with pytest.raises(CheckpointError, match="weights_only=False"):
        metagrad.load(saved({"x": thing}))
    with pytest.raises(pickle.UnpicklingError):  # as PyTorch has it
        metagrad.load(saved({"x": thing}))


@pytest.mark.parametrize("thing", [lambda: 0, os, open(os.devnull)], ids=["lambda", "module", "file"])
def test_what_pickle_cannot_write_leaves_the_file_alone(thing, tmp_path):
    path = tmp_path / "x.pt"
    metagrad.save([1], path)
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)) as caught:
        metagrad.save({"x": thing}, path)
    assert "state_dict()" in "".join(caught.value.__notes__)
    assert metagrad.load(path) == [1] and list(tmp_path.iterdir()) == [path]


@pytest.mark.oracle
def test_pytorch_opens_arrays_and_containers(torch):
    things = [np.arange(3.0), np.float32(2), Counter("abca"), defaultdict(int, a=1), Fraction(1, 3), {"x": Point(1)}]
    for zipped in (True, False):
        found = torch.load(saved(things, _use_new_zipfile_serialization=zipped), weights_only=False)
        assert [type(f) for f in found] == [type(t) for t in things]
        assert found[0].tolist() == [0, 1, 2] and found[1].dtype == np.float32 and found[2:] == things[2:]


@pytest.mark.oracle
def test_arrays_of_pytorchs_files(torch):
    things = [np.arange(3.0), np.float32(2), Counter("abca"), torch.ones(2)]
    with pytest.raises(CheckpointError, match=r"_reconstruct.*weights_only=False"):
        metagrad.load(saved(things, torch))
    found = metagrad.load(saved(things, torch), weights_only=False)
    assert found[0].tolist() == [0, 1, 2] and found[1:3] == things[1:3] and found[3].tolist() == [1, 1]


LAYERS = [
    ("Linear", (3, 2), (4, 3)),
    ("Conv2d", (2, 3, 3), (1, 2, 5, 5)),
    ("ConvTranspose1d", (2, 3, 3), (1, 2, 5)),
    ("BatchNorm1d", (3,), (4, 3)),
    ("InstanceNorm1d", (3,), (4, 3, 2)),
    ("LayerNorm", (3,), (4, 3)),
    ("GroupNorm", (1, 3), (4, 3)),
    ("LSTM", (3, 4, 2), (5, 2, 3)),
    ("GRU", (3, 4), (5, 2, 3)),
    ("RNN", (3, 4), (5, 2, 3)),
    ("LSTMCell", (3, 4), (2, 3)),
    ("Bilinear", (3, 3, 2), None),
    ("PReLU", (), (2, 3)),
    ("GELU", (), (2, 3)),
    ("MaxPool2d", (2,), (1, 2, 4, 4)),
    ("AdaptiveAvgPool2d", (1,), (1, 2, 4, 4)),
    ("Upsample", (None, 2), (1, 2, 4)),
    ("Softmax", (1,), (2, 3)),
    ("Dropout", (0.5,), (2, 3)),
    ("Flatten", (), (2, 3, 4)),
    ("CrossEntropyLoss", (), None),
    ("TransformerEncoderLayer", (4, 2, 8), (3, 2, 4)),
    ("MultiheadAttention", (4, 2), None),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "arguments", "shape"), LAYERS, ids=[name for name, _, _ in LAYERS])
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_pytorchs_layers_are_ours(torch, name, arguments, shape, zipped):
    theirs = getattr(torch.nn, name)(*arguments).eval()
    found = metagrad.load(saved(theirs, torch, _use_new_zipfile_serialization=zipped), weights_only=False)
    assert type(found) is getattr(nn, name) and not found.training
    assert found.state_dict().keys() == theirs.state_dict().keys()
    if name in ("Bilinear", "CrossEntropyLoss", "MultiheadAttention"):
        xs = {"Bilinear": [(2, 3), (2, 3)], "CrossEntropyLoss": [(3, 4), (3, 4)]}.get(name, [(3, 1, 4)] * 3)
    else:
        xs = [shape]
    rng = np.random.default_rng(0)
    values = [rng.random(x, np.float32) for x in xs]
    ours, right = found(*map(metagrad.from_numpy, values)), theirs(*map(torch.from_numpy, values))
    ours, right = (r[0] if isinstance(r, tuple) else r for r in (ours, right))
    np.testing.assert_allclose(ours.detach().numpy(), right.detach().numpy(), rtol=1e-4, atol=1e-5)
    assert repr(found) == repr(theirs)


@pytest.mark.oracle
def test_a_whole_model_of_pytorchs_with_hooks_goes_on_training(torch):
    model = torch.nn.Sequential(
        OrderedDict(first=torch.nn.Linear(3, 4), act=torch.nn.ReLU(), last=torch.nn.Linear(4, 1))
    )
    model.act.register_forward_hook(doubled)
    found = metagrad.load(saved(model, torch), weights_only=False)
    x = np.arange(6.0, dtype="f4").reshape(2, 3)
    for library, net in ((torch, model), (metagrad, found)):
        optimizer = library.optim.SGD(net.parameters(), lr=0.1)
        net(library.from_numpy(x)).square().mean().backward()
        optimizer.step()
    for ours, theirs in zip(found.parameters(), model.parameters(), strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-6)
    handle = found.register_forward_hook(doubled)
    assert found(metagrad.from_numpy(x)).shape == (2, 1)
    handle.remove()


@pytest.mark.oracle
def test_a_class_that_only_pytorch_has_is_named(torch):
    with pytest.raises(CheckpointError, match=r"quantizable\S*LSTM, which metagrad does not have"):
        metagrad.load(saved(torch.nn.quantizable.LSTM, torch), weights_only=False)


@pytest.mark.oracle
def test_attributes_of_tensors(torch):
    for library, other in ((metagrad, torch), (torch, metagrad)):
        plain, parameter = library.ones(2), library.nn.Parameter(library.zeros(2))
        plain.note, parameter.note = "plain", [library.ones(1)]
        found = other.load(saved([plain, parameter], library), weights_only=True)
        assert found[0].note == "plain" and found[1].note[0].tolist() == [1] and found[0].tolist() == [1, 1]
        assert isinstance(found[1], other.nn.Parameter)


# ------------------------------------------------ names that the program calls safe


@pytest.fixture(autouse=True)
def nothing_is_safe():
    clear_safe_globals()
    yield
    clear_safe_globals()


def test_safe_classes_are_made():
    file = saved([Point(3), Fraction(1, 3), np.float64(2)])
    with pytest.raises(CheckpointError, match="Point"):
        metagrad.load(file)
    file.seek(0)
    assert get_unsafe_globals_in_checkpoint(file) == ["fractions.Fraction", f"{__name__}.Point"]
    with safe_globals([Point, Fraction]):
        assert get_safe_globals() == [Point, Fraction]
        file.seek(0)
        assert metagrad.load(file) == [Point(3), Fraction(1, 3), 2.0]
        file.seek(0)
        assert get_unsafe_globals_in_checkpoint(file) == []
    assert get_safe_globals() == []
    file.seek(0)
    with pytest.raises(CheckpointError, match="Point"):
        metagrad.load(file)


def test_a_class_may_be_safe_under_another_name():
    file = saved(Point(3))
    add_safe_globals([(Slotted, f"{__name__}.Point")])
    with pytest.raises(CheckpointError):  # no attribute dictionary to put x into
        metagrad.load(file)
    clear_safe_globals()
    add_safe_globals([(Point, f"{__name__}.Point")])
    file.seek(0)
    assert metagrad.load(file) == Point(3)


@pytest.mark.oracle
def test_pytorchs_classes_are_safe_under_their_names(torch):
    file = saved(torch.nn.Sequential(torch.nn.Linear(2, 1)), torch)
    unsafe = get_unsafe_globals_in_checkpoint(file)
    file.seek(0)
    assert unsafe == sorted(torch.serialization.get_unsafe_globals_in_checkpoint(file))
    with safe_globals([nn.Sequential, nn.Linear]):
        file.seek(0)
        found = metagrad.load(file)
    assert type(found) is nn.Sequential and type(found[0]) is nn.Linear


@pytest.mark.parametrize("wrong", ["os.system", (Point,), (Point, 3)])
def test_what_is_no_class_is_not_safe(wrong):
    with pytest.raises(TypeError, match="class or function"):
        add_safe_globals([wrong])


def test_another_pickle_module():
    class Loud(pickle.Unpickler):
        seen = []

        def find_class(self, module, name):
            self.seen.append(name)
            return super().find_class(module, name)

    module = type(os)("loud")
    module.Unpickler, module.Pickler = Loud, pickle._Pickler
    file = saved(Point(3), pickle_module=module)
    with pytest.raises(RuntimeError, match="weights_only=False"):
        metagrad.load(file, pickle_module=module)
    assert metagrad.load(file, pickle_module=module, weights_only=False) == Point(3) and "Point" in Loud.seen
    with pytest.raises(TypeError, match="Python"):
        module = type(os)("fast")
        module.Pickler = pickle.Pickler
        saved(Point(3), pickle_module=module)
