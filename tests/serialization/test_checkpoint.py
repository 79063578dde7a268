"""``save`` and ``load``: PyTorch's files both ways, sharing, damage, and files that ask for more than they may."""

import io
import os
import pathlib
import pickle
import tempfile
import zipfile
from collections import Counter, OrderedDict, defaultdict

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.serialization import MAP_LOCATION, CheckpointError
from metagrad.serialization.number_types import NARROW
from metagrad.serialization.storages import StoredNumbers

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
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pytorch_opens_ours(torch, protocol, zipped):
    data = saved(several(metagrad), pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    compare(loaded(data, torch, weights_only=protocol == 2), several(torch))
    compare(loaded(data), several(metagrad))


@pytest.mark.oracle
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pytorchs_are_opened(torch, protocol, zipped):
    data = saved(several(torch), torch, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    compare(loaded(data), several(metagrad))
    compare(loaded(data, weights_only=False), several(metagrad))


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
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("dtype", NARROW)
def test_every_value_of_the_narrow_types_is_kept(torch, dtype, zipped):
    if dtype == "bfloat16":
        bits = torch.arange(-(2**15), 2**15).short().view(torch.bfloat16)
    else:
        bits = torch.arange(256).byte().view(getattr(torch, dtype))
    tensors = {"all": bits, "part": bits[3::2], "again": bits}
    found = loaded(saved(tensors, torch, _use_new_zipfile_serialization=zipped))
    for name, theirs in tensors.items():
        assert found[name].dtype is (metagrad.bfloat16 if dtype == "bfloat16" else metagrad.float32)
        np.testing.assert_array_equal(found[name].float().numpy(), theirs.float().numpy())
    found["all"][3] = 5.0
    assert found["part"][0].item() == 5.0 and found["again"] is found["all"]


@pytest.mark.oracle
@pytest.mark.parametrize("zipped", [True, False])
def test_bfloat16_both_ways(torch, zipped, monkeypatch):
    theirs = torch.randn(4, 3).bfloat16()
    file = saved({"x": theirs, "row": theirs[1]}, torch, _use_new_zipfile_serialization=zipped)
    here = loaded(file)
    assert here["x"].dtype is metagrad.bfloat16 and here["x"].tolist() == theirs.tolist()
    here["x"][1] = 7.0
    assert here["row"].tolist() == [7.0] * 3
    there = loaded(saved({**here, "turned": here["x"].T}), torch, weights_only=True)
    assert there["x"].dtype == torch.bfloat16 and there["x"].tolist() == here["x"].tolist()
    assert torch.equal(there["turned"], there["x"].T)
    monkeypatch.setattr("metagrad.serialization.number_types.find_spec", lambda name: None)  # no ml_dtypes
    again = loaded(file)["x"]
    assert again.dtype is metagrad.float32 and again.tolist() == theirs.tolist()


COMPLEX = [1 + 2j, -3.5 - 1j, 4j, complex(0.0, -0.0)]


@pytest.mark.oracle
@pytest.mark.parametrize(
    "settings",
    [{}, {"_use_new_zipfile_serialization": False}, {"pickle_protocol": 4}, {"pickle_protocol": 5}],
    ids=["zip", "legacy", "protocol 4", "protocol 5"],
)
def test_conjugated_and_negated_tensors_keep_their_values(torch, settings):
    x = torch.tensor(COMPLEX, dtype=torch.complex128).reshape(2, 2)
    for tensor in (x.conj(), x.conj().T, x.conj()[1:], x.conj().imag, x.conj().imag[:, 1], x.mH.conj_physical()):
        assert tensor.is_conj() or tensor.is_neg() or tensor.shape == (2, 2)
        found = loaded(saved([tensor], torch, **settings))[0]
        assert found.numpy().tobytes() == tensor.resolve_conj().resolve_neg().contiguous().numpy().tobytes()
    parameter = torch.nn.Parameter(x.conj())
    found = loaded(saved(parameter, torch, **settings))
    assert isinstance(found, nn.Parameter) and found.detach().tolist() == parameter.detach().resolve_conj().tolist()


@pytest.mark.oracle
def test_conjugated_views_of_ours(torch):
    x = metagrad.tensor(COMPLEX, dtype=metagrad.complex64)
    for library in (metagrad, torch):
        found = loaded(saved([x.conj(), x.conj().imag, x.real]), library)
        assert [f.tolist() for f in found] == [x.conj().tolist(), x.conj().imag.tolist(), x.real.tolist()]


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


TRAP = pathlib.Path(tempfile.gettempdir(), f"metagrad-trap-{os.getpid()}")


class Evil:
    def __reduce__(self):
        return os.system, (f"touch {TRAP}",)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_nothing_is_run(protocol, tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("a/data.pkl", pickle.dumps([Evil()], protocol))
        zipped.writestr("a/version", "3\n")
    for settings in ({}, {"weights_only": True}, {"weights_only": None}, {"pickle_module": pickle}):
        with pytest.raises(CheckpointError, match=r"system.*state_dict"):
            loaded(file.getvalue(), **settings)
    assert not TRAP.exists()
    loaded(file.getvalue(), weights_only=False)
    assert TRAP.exists()  # so the trap works
    TRAP.unlink()
    with pytest.raises(ValueError, match="pickle"):
        loaded(pickle.dumps([1, 2], 2))


@pytest.mark.parametrize(
    "name", ["builtins eval", "builtins getattr", "metagrad.serialization.names meaning", "torch load"]
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
    with pytest.raises(CheckpointError, match="damaged"):
        StoredNumbers("float32", 4).tensor("float32", offset, size, stride)


def test_missing_and_wrong_arguments(tmp_path):
    with pytest.raises(FileNotFoundError):
        metagrad.load(tmp_path / "nothing.pt")
    with pytest.raises(TypeError, match="path"):
        metagrad.load(5)
    with pytest.raises(TypeError, match="path"):
        metagrad.save(1, 5)


# ------------------------------------------------ plain values


def test_plain_containers_and_numpys_scalars():
    things = [
        Counter("abca"), defaultdict(list, a=[1]), frozenset([1, (2, 3)]), bytearray(b"abc"), range(3), slice(1, None),
        np.float64(0.1), np.float32(0.1), np.int8(-3), np.bool_(True), np.complex64(1 - 2j),
    ]  # fmt: skip
    for protocol in (2, 3, 4, 5):
        found = loaded(saved(things, pickle_protocol=protocol))
        assert found == things and [type(f) for f in found] == [type(t) for t in things]
    assert found[1]["new"] == []


@pytest.mark.oracle
def test_pytorchs_plain_containers_and_numpys_scalars(torch):
    things = [Counter("abca"), np.float64(0.1), np.float32(0.1), np.bool_(True), torch.strided]
    assert loaded(saved(things, torch)) == [*things[:-1], metagrad.strided]


def test_the_state_of_schedules_with_counters(tmp_path):
    def schedule():
        optimizer = metagrad.optim.SGD([metagrad.ones(1, requires_grad=True)], lr=1.0)
        return metagrad.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4], 0.5)

    first, second = schedule(), schedule()
    metagrad.save(first.state_dict(), tmp_path / "schedule.pt")
    state = metagrad.load(tmp_path / "schedule.pt")
    assert state == first.state_dict() and type(state["milestones"]) is Counter
    second.load_state_dict(state)


def test_versions_of_a_state_dict_come_along():
    state = nn.BatchNorm1d(2).state_dict()
    found = loaded(saved(state))
    assert type(found) is OrderedDict and found._metadata == state._metadata and found._metadata


def test_text_that_is_no_unicode():
    assert loaded(saved(["\ud800", "é" * 300, "x" * 70000], pickle_protocol=4)) == ["\ud800", "é" * 300, "x" * 70000]


def test_strings_of_python_2():
    data = pickled(b"\x80\x02U\x03\xe9ab.")
    assert loaded(data, encoding="latin1") == "éab" and loaded(data, encoding="bytes") == b"\xe9ab"
    with pytest.raises(CheckpointError, match="utf-8"):
        loaded(data)


# ------------------------------------------------ places


def two_places():
    """A file whose second tensor was on a GPU."""
    storage = "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0{0}X\x04\0\0\0{1}K\x02tQ"
    tensor = (
        "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + "K\0K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR"
    )
    both = "(" + tensor.format(0, "cpu\0").replace("\x04\0\0\0cpu\0", "\x03\0\0\0cpu") + tensor.format(1, "cuda") + "t"
    return pickled(("\x80\x02" + both + ".").encode("latin-1"), {"0": np.float32([1, 2]), "1": np.float32([3, 4])})


def pickled(contents, storages=()):
    """A file with these bytes as its pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("a/data.pkl", contents)
        for key in storages:
            zipped.writestr(f"a/data/{key}", storages[key].tobytes())
    return file.getvalue()


def test_where_tensors_go():
    def values(**settings):
        return [t.tolist() for t in loaded(two_places(), **settings)]

    places = []

    def note(storage, place):
        places.append((storage.nbytes(), storage.tolist(), place))
        return storage if place == "cpu" else None

    for location in (
        None,
        "cpu",
        metagrad.device("cpu"),
        {"cuda": "cpu"},
        {},
        note,
        lambda storage, place: storage.clone(),
    ):
        assert values(map_location=location) == [[1, 2], [3, 4]]
    assert places == [(8, [1, 2], "cpu"), (8, [3, 4], "cuda")]
    assert values(map_location=lambda storage, place: storage.fill_(5)) == [[5, 5], [5, 5]]
    assert MAP_LOCATION


@pytest.mark.skipif(metagrad.cuda.is_available(), reason="there is a GPU")
def test_a_place_that_is_not_there_is_said_before_the_file_is_read():
    for location in ("cuda", {"cpu": "cuda:1"}, metagrad.device("cuda", 0)):
        with pytest.raises(RuntimeError, match="cannot be used") as caught:
            loaded(b"not read", map_location=location)
        assert not isinstance(caught.value, CheckpointError)
    with pytest.raises(TypeError, match="storage or None"):
        loaded(two_places(), map_location=lambda storage, place: 5)


@pytest.mark.oracle
@pytest.mark.parametrize("zipped", [True, False])
def test_the_function_sees_what_pytorchs_sees(torch, zipped):
    x = torch.arange(6.0)
    data = saved([x, x[2:], torch.ones(2).int()], torch, _use_new_zipfile_serialization=zipped)
    seen = {library: [] for library in (metagrad, torch)}
    for library, calls in seen.items():
        loaded(data, library, map_location=lambda s, place, calls=calls: calls.append((s.nbytes(), place)) or s)
    assert sorted(seen[metagrad]) == sorted(seen[torch]) == [(8, "cpu"), (24, "cpu")]


# ------------------------------------------------ files within files


def test_files_of_before_one_after_the_other():
    file = io.BytesIO()
    for value in ([metagrad.ones(2)], {"a": metagrad.zeros(3)}):
        metagrad.save(value, file, _use_new_zipfile_serialization=False)
    file.seek(0)
    assert metagrad.load(file)[0].tolist() == [1, 1] and metagrad.load(file)["a"].tolist() == [0, 0, 0]


def test_archives_one_after_the_other():
    file = io.BytesIO()
    file.write(b"head")
    for number, count in enumerate((1, 50, 3)):
        metagrad.save({"a": metagrad.full((count,), number), "text": "PK\x05\x06"}, file)
    file.seek(4)
    assert [(len(found), found[0].item()) for found in (metagrad.load(file)["a"] for _ in range(3))] == [
        (1, 0),
        (50, 1),
        (3, 2),
    ]
    file.seek(4)
    assert metagrad.load(file)["a"].tolist() == [0]


def test_files_that_cannot_be_searched(tmp_path):
    import gzip

    class Stream:
        def __init__(self, data):
            self.data = data

        def read(self):
            return self.data

    x = metagrad.arange(5.0)
    assert loaded(saved(x)).tolist() == metagrad.load(Stream(saved(x))).tolist() == x.tolist()
    with gzip.open(tmp_path / "x.pt.gz", "wb") as packed:
        metagrad.save(x, packed)
    with gzip.open(tmp_path / "x.pt.gz", "rb") as packed:
        assert metagrad.load(packed).tolist() == x.tolist()


@pytest.mark.oracle
def test_files_without_checksums(torch):
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        data = saved({"x": torch.arange(3)}, torch)
    finally:
        torch.serialization.set_crc32_options(before)
    assert loaded(data)["x"].tolist() == [0, 1, 2]


def test_the_same_contents_are_the_same_file_and_storages_are_aligned():
    tensors = [metagrad.ones(3), metagrad.ones(5).double(), metagrad.zeros(0)]
    data = saved(tensors)
    assert data == saved(tensors)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            begin = entry.header_offset + 30 + len(entry.filename) + len(entry.extra)
            assert begin % 64 == 0 and data[begin : begin + entry.file_size] == archive.read(entry)


@pytest.mark.oracle
def test_pytorch_maps_our_files_into_memory(torch, tmp_path):
    metagrad.save({"x": metagrad.arange(1000.0)}, tmp_path / "x.pt")
    assert torch.load(tmp_path / "x.pt", mmap=True)["x"].tolist() == list(range(1000))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_storages_themselves(torch):
    x = torch.arange(4.0)
    assert loaded(saved(x.storage(), torch)).tolist() == [0, 1, 2, 3]
    y = metagrad.arange(4.0)
    assert loaded(saved([y.storage(), y]))[0].tolist() == [0, 1, 2, 3]
    assert loaded(saved([y.storage(), y]), torch)[0].tolist() == [0, 1, 2, 3]


def test_what_is_no_file_lacks_what_a_file_has():
    with pytest.raises(AttributeError, match="You can only torch.load from a file that is seekable"):
        metagrad.load(5)
    with pytest.raises(AttributeError, match="binary file open for writing"):
        metagrad.save(metagrad.ones(1), 5)


def test_a_hook_that_a_file_loses_is_warned_of():
    def seen(grad):
        return None

    x = metagrad.ones(2, requires_grad=True)
    x.register_hook(seen)
    with pytest.warns(UserWarning, match="backward hook .* on tensor will not be serialized"):
        metagrad.save([x], io.BytesIO())
    seen.__torch_unserializable__ = True
    metagrad.save([x], io.BytesIO())


def in_a_row(*objects):
    """Several files, one after the other in a stream, and where each ends."""
    file, ends = io.BytesIO(), []
    for each in objects:
        metagrad.save(each, file)
        ends.append(file.tell())
    return bytearray(file.getvalue()), ends


def test_of_files_in_a_row_a_damaged_one_is_not_taken_for_another():
    data, (first, _) = in_a_row({"a": 1}, {"b": metagrad.ones(2)})
    cut = io.BytesIO(data[:-30])
    assert metagrad.load(cut) == {"a": 1}
    with pytest.raises(CheckpointError, match="the end of"):
        metagrad.load(cut)
    end = data.rfind(b"PK\x05\x06", 0, first)
    data[end : end + 4] = b"XXXX"
    with pytest.raises(CheckpointError, match="the end of"):
        metagrad.load(io.BytesIO(data))


def test_a_file_inside_of_a_file_in_a_row_is_not_the_file():
    inner, _ = in_a_row({"inner": 5})
    data, _ = in_a_row({"whole": metagrad.frombuffer(inner, dtype=metagrad.uint8)}, {"b": 2})
    file = io.BytesIO(data)
    assert [*metagrad.load(file)] == ["whole"] and metagrad.load(file) == {"b": 2}
