"""``save`` and ``load``: PyTorch's files both ways, sharing, damage, and files that ask for more than they may."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.serialization.checkpoint import CheckpointError

DTYPES = "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 float32 float64 complex64 complex128".split()


def saved(obj, library=metagrad, **settings):
    file = io.BytesIO()
    library.save(obj, file, **settings)
    return file.getvalue()


def loaded(data, library=metagrad, **settings):
    return library.load(io.BytesIO(data), **settings)


def several(library):
    """Tensors of every kind in nested containers."""
    x = library.arange(24).reshape(2, 3, 4)
    return OrderedDict(
        plain=x,
        turned=x.permute(2, 0, 1),
        part=x[:, 1:, ::2],
        scalar=library.tensor(2.5),
        empty=library.zeros(0, 3),
        wanted=library.ones(2, requires_grad=True),
        numbers=[1, -2.5, True, None, "text", 3 + 4j, 2**70],
        nested={"a": ({"b": library.ones(1)},), 5: b"bytes", (1, 2): {3, 4}},
        size=x.shape,
        dtype=library.float64,
    )


def compare(ours, theirs):
    assert ours["part"].tolist() == theirs["part"].tolist() and ours["turned"].tolist() == theirs["turned"].tolist()
    assert ours["turned"].stride() == theirs["turned"].stride()
    assert ours["scalar"].item() == 2.5 and tuple(ours["empty"].shape) == (0, 3) and ours["wanted"].requires_grad
    assert ours["numbers"] == theirs["numbers"] and tuple(ours["size"]) == (2, 3, 4)
    assert ours["nested"]["a"][0]["b"].tolist() == [1.0]
    assert (ours["nested"][5], ours["nested"][1, 2]) == (b"bytes", {3, 4})
    assert isinstance(ours, OrderedDict) and list(ours) == list(theirs)


def test_what_is_saved_comes_back():
    found = loaded(saved(several(metagrad)))
    compare(found, several(metagrad))
    assert isinstance(found["size"], metagrad.Size) and found["dtype"] is metagrad.float64


@pytest.mark.oracle
def test_pytorch_opens_ours(torch):
    compare(loaded(saved(several(metagrad)), torch, weights_only=True), several(torch))


@pytest.mark.oracle
@pytest.mark.parametrize("zipped", [True, False])
def test_pytorchs_are_opened(torch, zipped):
    compare(loaded(saved(several(torch), torch, _use_new_zipfile_serialization=zipped)), several(metagrad))


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_both_ways(torch, dtype):
    values = [0, 1, 1, 0] if dtype == "bool" else [0, 1, 2, 100]
    ours, theirs = (lib.tensor(values).to(getattr(lib, dtype)) for lib in (metagrad, torch))
    there = loaded(saved({"x": ours, "again": ours}), torch, weights_only=True)
    assert there["x"].dtype == theirs.dtype and there["x"].tolist() == theirs.tolist()
    for zipped in (True, False):
        here = loaded(saved({"x": theirs}, torch, _use_new_zipfile_serialization=zipped))["x"]
        assert here.dtype is ours.dtype and here.tolist() == ours.tolist()


@pytest.mark.oracle
def test_bfloat16_becomes_float32(torch):
    found = loaded(saved(torch.tensor([1.5, -2.0], dtype=torch.bfloat16), torch))
    assert found.dtype is metagrad.float32 and found.tolist() == [1.5, -2.0]


def test_shared_memory_is_shared_again():
    x = metagrad.zeros(3, 4)
    found = loaded(saved([x, x[1], x.t(), x]))
    found[1][0] = 7
    assert found[0][1, 0].item() == 7 and found[2][0, 1].item() == 7 and found[3] is found[0]


def test_memory_of_another_kind_is_copied():
    reversed_ = metagrad.from_numpy(np.arange(4.0)).flip(0)
    part_of_bytes = metagrad.from_numpy(np.arange(16, dtype=np.uint8).view(np.int32)[1:])
    found = loaded(saved([reversed_, part_of_bytes]))
    assert [f.tolist() for f in found] == [[3.0, 2.0, 1.0, 0.0], part_of_bytes.tolist()]


@pytest.mark.oracle
def test_training_goes_on_in_the_other_library(torch, tmp_path):
    path = tmp_path / "checkpoint.pt"

    def parts(library):
        model = library.nn.Sequential(library.nn.Linear(3, 4), library.nn.Tanh(), library.nn.Linear(4, 1))
        return model, library.optim.Adam(model.parameters(), lr=0.1)

    def steps(library, model, optimizer):
        x = library.arange(6.0).reshape(2, 3) / 6
        for _ in range(3):
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()
        return [p.detach().tolist() for p in model.parameters()]

    for first, second in ((torch, metagrad), (metagrad, torch)):
        model, optimizer = parts(first)
        steps(first, model, optimizer)
        first.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
        others = parts(second)
        state = second.load(path, weights_only=True)
        others[0].load_state_dict(state["model"])
        others[1].load_state_dict(state["optimizer"])
        for a, b in zip(steps(first, model, optimizer), steps(second, *others), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_parameters_stay_parameters():
    (found,) = loaded(saved([nn.Parameter(metagrad.ones(2), requires_grad=False)]))
    assert isinstance(found, nn.Parameter) and not found.requires_grad


def test_safetensors_by_name(tmp_path):
    path = tmp_path / "model.safetensors"
    metagrad.save({"w": metagrad.ones(2)}, path)
    assert metagrad.load(path)["w"].tolist() == [1.0, 1.0] and metagrad.load(str(path), map_location="cpu")
    with pytest.raises(TypeError, match=r"\.pt"):
        metagrad.save({"epoch": 1}, path)
    assert metagrad.load(path)["w"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("thing", [nn.Linear(1, 1), object(), lambda: 0, nn.Linear, os, np.zeros(3)])
def test_other_objects_are_refused_and_the_file_stays(thing, tmp_path):
    path = tmp_path / "x.pt"
    metagrad.save([1], path)
    with pytest.raises(TypeError, match="state_dict"):
        metagrad.save({"x": thing}, path)
    assert metagrad.load(path) == [1] and list(tmp_path.iterdir()) == [path]


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/metagrad-was-here",)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_nothing_is_run(protocol, tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("a/data.pkl", pickle.dumps([Evil()], protocol))
        zipped.writestr("a/version", "3\n")
    for weights_only in (True, False):
        with pytest.raises(CheckpointError, match=r"system.*state_dict"):
            loaded(file.getvalue(), weights_only=weights_only)
    assert not os.path.exists("/tmp/metagrad-was-here")
    with pytest.raises(ValueError, match="pickle"):
        loaded(pickle.dumps([1, 2], 2))


@pytest.mark.parametrize(
    "name", ["builtins eval", "builtins getattr", "metagrad.serialization.reading _refuse", "torch load"]
)
def test_names_are_refused(name):
    module, attribute = name.split()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("a/data.pkl", f"c{module}\n{attribute}\n.".encode())
    with pytest.raises(CheckpointError, match=attribute):
        loaded(file.getvalue())


def test_damage_is_noticed(tmp_path):
    whole = saved({"x": metagrad.arange(100.0), "n": 3})
    path = tmp_path / "x.pt"
    refused = 0
    for cut in range(0, len(whole), 37):
        path.write_bytes(whole[:cut])
        with pytest.raises(CheckpointError, match=r"x\.pt"):
            metagrad.load(path)
    for i in range(0, len(whole), 11):
        bad = bytearray(whole)
        bad[i] ^= 0x55
        try:
            found = loaded(bytes(bad))
        except CheckpointError:
            refused += 1
        else:
            assert found["x"].tolist() == list(range(100)) and found["n"] == 3
    assert refused > len(whole) / 11 / 2


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [(-1, (2,), (1,)), (0, (5,), (1,)), (3, (2,), (1,)), (0, (2, 2), (3, 1)), (0, (2,), (-1,)), (0, (2,), ())],
)
def test_tensors_outside_of_their_storage_are_refused(offset, size, stride):
    from metagrad.serialization.reading import _viewed

    with pytest.raises(CheckpointError, match="damaged"):
        _viewed(np.zeros(4, np.float32), offset, size, stride, False)


def test_missing_and_wrong_arguments(tmp_path):
    with pytest.raises(FileNotFoundError):
        metagrad.load(tmp_path / "nothing.pt")
    with pytest.raises(TypeError, match="path"):
        metagrad.load(5)
    with pytest.raises(TypeError, match="path"):
        metagrad.save(1, 5)
