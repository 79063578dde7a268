"""Tensors on disk: the same bytes as the safetensors package reads and writes, and a refusal for every damage."""

import itertools
import json
import math
import os
import pickle
import random
import zipfile

import numpy as np
import pytest

import metagrad as mg
from metagrad.serialization import safetensors
from metagrad.serialization.safetensors import SafetensorsError, load, load_file, read_metadata, save, save_file

DTYPES = "bool uint8 int8 uint16 int16 uint32 int32 uint64 int64 float16 float32 float64 complex64".split()
LIMIT = 100_000_000


def file_of(header, data=b""):
    """A file's bytes, made without the writer under test; ``header`` is JSON's text, its bytes, or what it stands for."""
    text = json.dumps(header) if isinstance(header, dict) else header
    text = text.encode() if isinstance(text, str) else text
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype="U8", shape=(2,), offsets=(0, 2), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def header_of(data):
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def numbers(dtype, shape, seed=0):
    """Values all over a dtype's range, with NaN, infinities and negative zero among the real ones."""
    generator = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return generator.integers(0, 2, shape).astype(bool)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return generator.integers(limits.min, limits.max, shape, kind, endpoint=True)
    array = np.asarray(generator.standard_normal(shape)).astype(kind)
    if kind.kind == "f" and array.size > 3:
        array.flat[:4] = np.nan, np.inf, -np.inf, -0.0
    if kind.kind == "c":
        array.imag = generator.standard_normal(shape)
    return array


def assert_same(tensor, expected):
    """The very bits, in native byte order, in a tensor that may be written to."""
    expected = np.asarray(expected)
    assert isinstance(tensor, mg.Tensor) and not tensor.requires_grad
    assert tensor.array.dtype == expected.dtype.newbyteorder("=") and tensor.array.dtype.isnative
    assert tuple(tensor.shape) == expected.shape
    assert tensor.array.tobytes() == expected.astype(tensor.array.dtype).tobytes()
    assert tensor.array.flags.writeable and tensor.is_contiguous()


# ------------------------------------------------ what is written and read


def test_the_format_byte_by_byte():
    data = save({"a": np.array([[1, -2]], "i2"), "b": np.array(True)}, {"k": "é"})
    text = (
        '{"__metadata__":{"k":"é"},"a":{"dtype":"I16","shape":[1,2],"data_offsets":[0,4]},'
        '"b":{"dtype":"BOOL","shape":[],"data_offsets":[4,5]}}'
    ).encode()
    text += b" " * (-len(text) % 8)
    assert data == len(text).to_bytes(8, "little") + text + b"\x01\x00\xfe\xff\x01"


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (0,), (3, 0, 2), (2, 1, 3, 2)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip_with_the_safetensors_package_both_ways(dtype, shape):
    reference = pytest.importorskip("safetensors.numpy")
    array = numbers(dtype, shape)
    (theirs,) = reference.load(save({"x": mg.from_numpy(array)})).values()
    assert theirs.dtype == array.dtype and theirs.shape == shape and theirs.tobytes() == array.tobytes()
    assert_same(load(save({"x": array}))["x"], array)
    if dtype != "complex64":  # which the package's NumPy half reads but does not write
        assert_same(load(reference.save({"x": array}))["x"], array)


def test_round_trip_of_files_and_metadata_both_ways(tmp_path):
    safetensors = pytest.importorskip("safetensors")
    reference = pytest.importorskip("safetensors.numpy")
    arrays = {f"layer.{i}.{dtype}": numbers(dtype, (i + 1, 3), i) for i, dtype in enumerate(DTYPES[:-1])}
    metadata = {"format": "pt", "słowo": '日本 \n"\\\u0000', "": ""}
    save_file(arrays, tmp_path / "ours", metadata)
    theirs = reference.load_file(tmp_path / "ours")
    assert theirs.keys() == arrays.keys()
    assert all(theirs[name].tobytes() == array.tobytes() for name, array in arrays.items())
    with safetensors.safe_open(tmp_path / "ours", "np") as opened:
        assert opened.metadata() == metadata
    reference.save_file(arrays, tmp_path / "theirs", metadata)
    assert read_metadata(tmp_path / "theirs") == metadata
    ours = load_file(str(tmp_path / "theirs"))
    assert ours.keys() == arrays.keys()
    for name, array in arrays.items():
        assert_same(ours[name], array)


def test_torch_reads_a_state_dict_of_ours_and_we_read_its_bfloat16(tmp_path):
    torch = pytest.importorskip("torch")
    reference = pytest.importorskip("safetensors.torch")
    layer = mg.nn.LSTM(3, 2, bidirectional=True)
    save_file(layer.state_dict(), tmp_path / "lstm")
    theirs = torch.nn.LSTM(3, 2, bidirectional=True)
    theirs.load_state_dict(reference.load_file(tmp_path / "lstm"))
    for name, parameter in layer.named_parameters():
        np.testing.assert_array_equal(getattr(theirs, name).detach().numpy(), parameter.detach().numpy())
    values = torch.randn(5, 3).bfloat16()
    tensors = {"matrix": values, "scalar": values[0, 0].clone(), "empty": values[:0].clone()}
    ours = load(reference.save(tensors))
    for name, tensor in ours.items():
        assert tensor.dtype is mg.bfloat16
        assert_same(tensor.float(), tensors[name].float().numpy())
    for name, tensor in reference.load(save(ours)).items():
        assert tensor.dtype is torch.bfloat16 and torch.equal(tensor, tensors[name])
    assert torch.equal(reference.load(save({"x": ours["matrix"].T}))["x"], values.T)


@pytest.mark.parametrize("kept", [True, False])
def test_bfloat16_is_kept_or_widened_exactly(monkeypatch, kept):
    if kept:
        pytest.importorskip("ml_dtypes", reason="needs the extra bfloat16")
    else:  # as where ml_dtypes is not installed
        monkeypatch.setattr("metagrad.serialization.number_types.find_spec", lambda name: None)
    bits = np.array([0x3F80, 0xBF00, 0x0000, 0x8000, 0x7F80, 0xFF80, 0x0001, 0x7FC0], "<u2")
    got = load(file_of({"x": entry("BF16", (8,), (0, 16))}, bits.tobytes()))["x"]
    assert got.dtype is (mg.bfloat16 if kept else mg.float32)
    assert_same(got.float(), np.array([1, -0.5, 0, -0.0, np.inf, -np.inf, 2.0**-133, np.nan], np.float32))
    assert_same(load(file_of({"x": entry("BF16", (), (0, 2))}, b"\x80\x3f"))["x"].float(), np.float32(1))


BASE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "array",
    [
        BASE.T,
        BASE[:, ::-1, ::2],
        BASE[1:, 1, 3:],
        np.asfortranarray(BASE),
        np.broadcast_to(np.float64(2.5), (3, 2)),
        BASE.astype(">f4"),
        BASE.astype(">f4").T,
        np.array(-3, ">i8"),
        np.array([1 + 2j], ">c8"),
        np.array([], ">u2"),
        np.float16(1.5),
        np.array([3, -4], np.longlong),
        mg.tensor([[1, 2], [3, 4]]).t(),
        mg.ones(1, 2).expand(3, 2),
        mg.arange(6)[::2],
        mg.tensor([1.0, 2.0], requires_grad=True),
        mg.tensor([1.0, 2.0], requires_grad=True) * 2,
        mg.nn.Parameter(mg.ones(2, 2)),
    ],
    ids=lambda a: f"{type(a).__name__}-{a.dtype}-{'x'.join(map(str, a.shape))}",
)
def test_any_layout_and_byte_order_is_saved_as_its_values(array):
    expected = array.detach().numpy() if isinstance(array, mg.Tensor) else np.asarray(array)
    assert_same(load(save({"x": array}))["x"], expected)


def test_order_is_kept_and_each_tensor_is_aligned_to_its_elements():
    arrays = {dtype: numbers(dtype, (3,)) for dtype in ["uint8", "float64", "bool", "int16", "float32", "complex64"]}
    data = save(arrays)
    assert list(load(data)) == list(arrays)
    for name, found in header_of(data).items():
        assert found["data_offsets"][0] % arrays[name].itemsize == 0
    assert int.from_bytes(data[:8], "little") % 8 == 0


def test_loaded_tensors_own_their_memory():
    data = bytearray(save({"a": mg.zeros(2), "b": mg.zeros(2)}))
    loaded = load(memoryview(data))
    loaded["a"].fill_(1)
    data[-16:] = b"\xff" * 16
    assert loaded["a"].tolist() == [1, 1] and loaded["b"].tolist() == [0, 0]


def test_no_tensors_no_metadata_and_odd_names():
    assert load(save({})) == {} and load(file_of("{}")) == {}
    names = ["", " ", 'q"\\', "a.b\n", "日本", "\u0000", "dtype"]
    assert list(load(save(dict.fromkeys(names, mg.ones(1))))) == names


def test_a_bool_view_of_other_bytes_is_saved_as_true_and_false():
    assert load(save({"x": np.array([0, 1, 2, 255], np.uint8).view(bool)}))["x"].tolist() == [False, True, True, True]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("opcode", [0, ord("}"), 0x95])
def test_a_header_as_long_as_a_pickle_begins_is_still_a_header(protocol, opcode):
    length = 0x80 + (protocol << 8) + (opcode << 16)  # 640 for protocol 2 and no opcode
    data = file_of('{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}'.ljust(length), b"\x05\x06")
    assert data[:2] == bytes([0x80, protocol])
    assert load(data)["x"].tolist() == [5, 6]
    with pytest.raises(SafetensorsError, match=f"truncated: the header takes {length} bytes"):
        load(data[:50])
    if not opcode:
        with pytest.raises(SafetensorsError, match="got its first 5 bytes alone"):
            load(data[:5])


def test_a_header_may_be_spaced_and_escaped_as_json_allows():
    header = '{\n "\\u0061\\/b" :\t{"shape":[ 2 ],"data_offsets":[0 ,2],"dtype":"\\u0055\\u0038"}\r\n}  '
    assert load(file_of(header, b"\x05\x06"))["a/b"].tolist() == [5, 6]


@pytest.mark.parametrize(
    ("tensors", "metadata", "error", "message"),
    [
        ({"x": [1, 2]}, None, TypeError, "tensor or NumPy array as 'x', got list"),
        ({"x": None}, None, TypeError, "'x', got NoneType"),
        ({"x": np.ones(2, complex)}, None, TypeError, "'x' has dtype complex128; .*C64"),
        ({"x": np.ones(2, "m8[s]")}, None, TypeError, "'x' has dtype timedelta64"),
        ({"x": np.array(["a"])}, None, TypeError, "'x' has dtype <U1"),
        ({"x": np.array([{}])}, None, TypeError, "'x' has dtype object"),
        ({"x": np.array(["a"], np.dtypes.StringDType())}, None, TypeError, "'x' has dtype StringDType"),
        ({"x": np.zeros(1, [("a", "f4")])}, None, TypeError, "'x' has dtype"),
        ({1: mg.ones(1)}, None, TypeError, "name must be a string .* got 1"),
        ({"__metadata__": mg.ones(1)}, None, TypeError, "other than '__metadata__'"),
        ({"\ud800": mg.ones(1)}, None, ValueError, "lone surrogate"),
        ({}, {"epoch": 3}, TypeError, "strings to strings, got {'epoch': 3}"),
        ({}, {3: "x"}, TypeError, "strings to strings"),
        ({}, {"x": "abc\udcff"}, ValueError, "lone surrogate at the end of .*abc"),
        ({}, {"x": "x" * LIMIT}, ValueError, f"the format allows {LIMIT}"),
    ],
    ids=lambda value: None if not isinstance(value, str) else value[:30],
)
def test_what_cannot_be_saved_is_refused_before_the_file_is_touched(tmp_path, tensors, metadata, error, message):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(error, match=message):
        save_file(tensors, path, metadata)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["x"]


# ------------------------------------------------ damage

SOUND = save({"a": np.array([[1, 2], [3, 4]], "i2"), "b": np.array(True), "c": np.zeros((0, 2), "f4")}, {"k": "v"})
E = json.dumps(entry())


def test_a_file_cut_at_any_byte_is_refused(tmp_path):
    path = tmp_path / "cut.safetensors"
    for length in range(len(SOUND)):
        path.write_bytes(SOUND[:length])
        for read in (load_file, read_metadata):
            with pytest.raises(SafetensorsError) as caught:
                read(path)
            assert str(caught.value).startswith(f"{path}: ")
        with pytest.raises(SafetensorsError):
            load(SOUND[:length])
    path.write_bytes(SOUND)
    assert read_metadata(path) == {"k": "v"} and load_file(path)["a"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("extra", [b"\0", b" ", b"\n", b"x" * 1000, SOUND])
def test_trailing_bytes_are_refused(extra):
    with pytest.raises(SafetensorsError, match=f"expected 9 bytes of data, got {9 + len(extra)}"):
        load(SOUND + extra)


BAD_HEADERS = [
    (b"\xff" * 8 + b"{}", f"promises a header of {2**64 - 1} bytes, expected at most {LIMIT}"),
    ((LIMIT + 1).to_bytes(8, "little") + b"{}", f"promises a header of {LIMIT + 1} bytes"),
    ((3).to_bytes(8, "little") + b"{}", "truncated: the header takes 3 bytes, but only 2 follow"),
    ((0).to_bytes(8, "little"), "begin with b'{', got b''"),
    ((0).to_bytes(8, "little") + b"{}", "not JSON"),
    (file_of(" {}"), "begin with b'{', got b' '"),
    (file_of("\ufeff{}"), "begin with b'{'"),
    (file_of("[]"), "begin with b'{', got b'\\['"),
    (file_of("{}{}"), "not JSON"),
    (file_of("{'a': 1}"), "not JSON"),
    (file_of("{}\0"), "not JSON"),
    (file_of(b'{"\xff":1}'), "not JSON .*utf-8"),
    (file_of('{"a":' + "[" * 100_000), "not JSON"),
    (file_of('{"a":' + "[" * 900 + "]" * 900 + "}"), "tensor 'a': expected an object .*, got \\["),
    (file_of('{"a":' + "9" * 10_000 + "}"), "not JSON"),
    (file_of(f'{{"a":{E},"a":{E}}}', b"xx"), "key 'a' twice"),
    (file_of('{"a":{"dtype":"U8","dtype":"I8","shape":[2],"data_offsets":[0,2]}}', b"xx"), "key 'dtype' twice"),
    (file_of('{"__metadata__":{"k":"1","k":"2"}}'), "key 'k' twice"),
    (file_of({"__metadata__": {"k": 1}}), "strings to strings, got {'k': 1}"),
    (file_of({"__metadata__": ["k"]}), "strings to strings, got \\['k'\\]"),
    (file_of({"__metadata__": None}), "strings to strings, got None"),
    (file_of({"a": None}), "tensor 'a': expected an object with dtype, shape and data_offsets, got None"),
    (file_of({"a": {"dtype": "U8", "shape": [2]}}, b"xx"), "tensor 'a': expected an object"),
    (file_of({"a": entry(compressed=True)}, b"xx"), "tensor 'a': expected an object .*compressed"),
    (file_of({"a": entry("F8_E8M0")}, b"xx"), "tensor 'a': expected a dtype out of BOOL, .*, BF16, .*, got 'F8_E8M0'"),
    (file_of('{"a":[' + "[]," * 1_000_000 + "[]]}"), "far more memory than the file"),
    (file_of({"a": entry("u8")}, b"xx"), "got 'u8'"),
    (file_of({"a": entry(["U8"])}, b"xx"), "got \\['U8'\\]"),
    (file_of({"a": {**entry(), "shape": 2}}, b"xx"), "expected as shape a list of integers .*, got 2"),
    *[
        (file_of({"a": entry(shape=[n])}, b"xx"), "expected as shape a list of integers of at least 0")
        for n in (-2, 2.0, True, "2", None, [2])
    ],
    (file_of({"a": entry(shape=[-1, -2])}, b"xx"), "at least 0, got \\[-1, -2\\]"),
    *[
        (file_of({"a": {**entry(), "data_offsets": offsets}}, b"xx"), "expected as data_offsets \\[start, end\\]")
        for offsets in ([0], [0, 1, 2], [-2, 0], [0, 2.0], [False, 2], "02", None, 2)
    ],
    (file_of({"a": entry(offsets=[2, 0])}, b"xx"), "takes 2 bytes, but data_offsets are \\[2, 0\\]"),
    (file_of({"a": entry(shape=[3])}, b"xx"), "U8 of shape \\[3\\] takes 3 bytes, but data_offsets are \\[0, 2\\]"),
    (file_of({"a": entry("F32", [2])}, b"xx"), "F32 of shape \\[2\\] takes 8 bytes"),
    (file_of({"a": entry(offsets=[1, 3])}, b"xx"), "end at byte 3, but the file has only 2 bytes of data"),
    (file_of({"a": entry(offsets=[2**64, 2**64 + 2])}, b"xx"), f"end at byte {2**64 + 2}"),
    (file_of({"a": entry(offsets=[1, 3])}, b"xxx"), "'a' leaves a gap before it: its data start at byte 1, expected 0"),
    (file_of({"a": entry(), "b": entry(offsets=[3, 5])}, b"xxxxx"), "'b' leaves a gap before it: .* 3, expected 2"),
    (
        file_of({"a": entry(), "b": entry(offsets=[1, 3])}, b"xxx"),
        "'b' overlaps .*: its data start at byte 1, expected 2",
    ),
    (file_of({"a": entry(), "b": entry()}, b"xx"), "'b' overlaps the tensor before it"),
    (file_of({"a": entry(), "b": entry(shape=[0], offsets=[1, 1])}, b"xx"), "'b' overlaps"),
    (file_of({"a": entry(shape=[0], offsets=[1, 1])}, b"x"), "'a' leaves a gap"),
    (file_of({}, b"x"), "expected 0 bytes of data, got 1"),
    (file_of({"a": entry("BOOL")}, b"\x01\x02"), "tensor 'a': expected bytes 0 and 1 as BOOL, got 2"),
    (file_of({"a": entry(shape=[1] * 65, offsets=[0, 1])}, b"x"), "at most 64 dimensions, got 65"),
    (file_of({"a": entry(shape=[2**62, 4], offsets=[0, 2**64])}), "cannot be as large as U8"),
    (file_of({"a": entry("F64", [2**61], [0, 2**64])}), "cannot be as large as F64"),
    (file_of({"a": entry(shape=[2**40, 2**40, 0], offsets=[0, 0])}), "cannot be as large"),
    (file_of({"a": entry(shape=[0, 2**63], offsets=[0, 0])}), "cannot be as large"),
    (file_of({"a": entry(shape=[10**4000] * 64, offsets=[0, 2])}, b"xx"), "cannot be as large"),
    (file_of({"a": entry(shape=[2**40], offsets=[0, 2**40])}, b"xx"), f"end at byte {2**40}, but .* only 2 bytes"),
    (file_of({"n" * 10_000: entry(shape=[3])}, b"xx"), "^.{0,200}: tensor 'nnn.{0,100}takes 3 bytes"),
]


@pytest.mark.parametrize(("data", "message"), BAD_HEADERS, ids=itertools.count())
def test_a_header_that_does_not_add_up_is_refused_and_said_why(tmp_path, data, message):
    path = tmp_path / "bad"
    path.write_bytes(data)
    with pytest.raises(SafetensorsError, match=message) as caught:
        load_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(SafetensorsError):
        load(data)
    if "BOOL, got" not in message:  # the one damage that only the data show
        with pytest.raises(SafetensorsError, match=message):
            read_metadata(path)


def test_shapes_at_the_edge_of_what_numpy_can_hold():
    assert load(file_of({"a": entry(shape=[2**62, 0], offsets=[0, 0])}))["a"].shape == (2**62, 0)
    assert load(file_of({"a": entry(shape=[1] * 64, offsets=[0, 1])}, b"\x07"))["a"].item() == 7


def test_metadata_of_a_huge_file_are_read_without_its_tensors(tmp_path):
    size = 1 << 40
    path = tmp_path / "sparse"
    head = file_of({"__metadata__": {"k": "v"}, "b": entry("F32", [size // 8], [size // 2, size]),
                    "a": entry("F64", [size // 16], [0, size // 2])})  # fmt: skip
    path.write_bytes(head)
    try:
        os.truncate(path, len(head) + size)
    except OSError:
        pytest.skip("the file system has no sparse files of this size")
    assert read_metadata(path) == {"k": "v"}
    os.truncate(path, len(head) + size - 1)
    with pytest.raises(SafetensorsError, match=f"end at byte {size}, but the file has only {size - 1} bytes"):
        read_metadata(path)


def test_a_header_longer_than_the_format_allows_is_refused_though_it_is_all_there(tmp_path):
    path = tmp_path / "sparse"
    path.write_bytes((LIMIT + 1).to_bytes(8, "little") + b"{}")
    try:
        os.truncate(path, 8 + LIMIT + 1)
    except OSError:
        pytest.skip("the file system has no sparse files of this size")
    with pytest.raises(SafetensorsError, match=f"promises a header of {LIMIT + 1} bytes, expected at most {LIMIT}"):
        load_file(path)


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "model"
    save_file({"first": mg.ones(100_000), "second": mg.ones(100_000)}, path)
    checked = safetensors._contents

    def check_and_cut(file):
        contents = checked(file)
        os.truncate(path, 600_000)
        return contents

    monkeypatch.setattr(safetensors, "_contents", check_and_cut)
    with pytest.raises(
        SafetensorsError, match="tensor 'second': got [0-9]+ bytes, expected 400000: the file has shrunk"
    ):
        load_file(path)


class Payload:
    """A pickle of it makes a folder when it is loaded."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def zipped(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")


def linked(path):
    (path.parent / "target").mkdir()
    path.symlink_to("target")


FOREIGN = {
    "empty": (lambda path: path.write_bytes(b""), "got an empty file"),
    "directory": (lambda path: path.mkdir(), "got a directory"),
    "link to a directory": (linked, "got a directory"),
    "pipe": (lambda path: os.mkfifo(path), "not a regular file"),
    "zip": (zipped, "a zip archive, as torch.save .* state_dict as safetensors"),
    "empty zip": (lambda path: zipfile.ZipFile(path, "w").close(), "a zip archive"),
    "npz": (lambda path: np.savez(open(path, "wb"), x=np.ones(2)), "a zip archive"),
    "npy": (lambda path: np.save(open(path, "wb"), np.ones(2)), "numpy.load"),
    "hdf5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100), "HDF5"),
    "lfs": (
        lambda path: path.write_text("version https://example.org/spec/v1\noid sha256:0\nsize 9\n"),
        "git lfs pull",
    ),
    "text": (lambda path: path.write_text("the quick brown fox"), "not a safetensors file"),
    "zeros": (lambda path: path.write_bytes(b"\0" * 100), "begin with b'{', got b'.x00'"),
    **{
        f"pickle {protocol}": (
            lambda path, n=protocol: path.write_bytes(pickle.dumps({"a": [1.5] * 20}, n)),
            "a pickle",
        )
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(("make", "message"), FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_file_is_named_for_what_it_is(tmp_path, make, message):
    path = tmp_path / "model.pt"
    make(path)
    for read in (load_file, read_metadata):
        with pytest.raises(SafetensorsError, match=message) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("zipping", [True, False])
def test_torch_files_are_named_for_what_they_are(tmp_path, zipping):
    torch = pytest.importorskip("torch")
    torch.save({"weight": torch.ones(2)}, tmp_path / "model.pt", _use_new_zipfile_serialization=zipping)
    with pytest.raises(SafetensorsError, match=r"got a (zip archive|pickle), .*torch.save \(.pt\)"):
        load_file(tmp_path / "model.pt")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickle_is_ever_run(tmp_path, protocol):
    path, trap = tmp_path / "model", tmp_path / "trap"
    path.write_bytes(pickle.dumps(Payload(trap), protocol))
    with pytest.raises(SafetensorsError):
        load_file(path)
    assert not trap.exists()
    pickle.loads(path.read_bytes())
    assert trap.exists()  # so the trap works


def test_a_file_that_is_not_there_is_the_operating_systems_error(tmp_path):
    for read in (load_file, read_metadata):
        with pytest.raises(FileNotFoundError, match="absent"):
            read(tmp_path / "absent")


# ------------------------------------------------ fuzzing: what we accept, the safetensors package reads the same


def judge(data):
    """Load, or be refused with the right error; then compare with the package. Returns whether it was accepted."""
    reference = pytest.importorskip("safetensors")
    try:
        ours = load(data)
    except SafetensorsError:
        return False
    theirs = dict(reference.deserialize(bytes(data)))
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert list(tensor.shape) == theirs[name]["shape"]
        if theirs[name]["dtype"] not in ("BF16", "F8_E4M3", "F8_E5M2"):
            assert tensor.numpy().tobytes() == bytes(theirs[name]["data"])
    return True


@pytest.mark.parametrize("seed", range(4))
def test_fuzzed_bytes(seed):
    source = random.Random(seed)
    alphabet = b'{}[]",:0123456789.-+eE ntfU\\\x00\xff' + bytes(range(256))
    accepted = 0
    for _ in range(1500):
        data = bytearray(SOUND)
        for _ in range(source.randint(1, 3)):
            place = source.randrange(len(data))
            match source.randrange(4):
                case 0 | 1:
                    data[place] = source.choice(alphabet)
                case 2:
                    del data[place]
                case 3:
                    data.insert(place, source.choice(alphabet))
        accepted += judge(data)
    assert 0 < accepted < 1500  # a change of a name or of the data is no damage


WIDTHS = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2, "U32": 4, "I32": 4, "F32": 4,
          "U64": 8, "I64": 8, "F64": 8, "C64": 8}  # fmt: skip
NASTY = [-1, 0, 1, 2, 3, 2**31, 2**63 - 1, 2**63, 2**64, 10**30, 1.0, 0.5, 1e300, True, None, "", "2", [], [2], {}]


@pytest.mark.oracle
def test_float8_is_widened_exactly(torch):
    reference = pytest.importorskip("safetensors.torch")
    every = torch.arange(256).byte().reshape(16, 16)
    tensors = {name: every.clone().view(getattr(torch, name)) for name in ("float8_e4m3fn", "float8_e5m2")}
    for name, found in load(reference.save(tensors)).items():
        assert found.dtype is mg.float32
        np.testing.assert_array_equal(found.numpy(), tensors[name].float().numpy())


@pytest.mark.parametrize("seed", range(4))
def test_fuzzed_headers(seed):
    source = random.Random(seed)
    dtypes = [*WIDTHS, "F8_E4M3", "F4", "C128", "f32", ""]
    accepted = 0
    for _ in range(1500):
        header, end = {}, 0
        for i in range(source.randint(0, 4)):
            dtype, shape = source.choice([*WIDTHS]), [source.randint(0, 3) for _ in range(source.randint(0, 3))]
            size = math.prod(shape) * WIDTHS[dtype]
            header[f"t{i}"] = entry(dtype, shape, [end, end + size])
            end += size
        for _ in range(source.randint(0, 2) if header else 0):
            victim = header[source.choice(list(header))]
            key = source.choice(list(victim) or ["dtype"])
            value = victim.get(key)
            if isinstance(value, list) and value and source.random() < 0.7:
                value[source.randrange(len(value))] = source.choice(NASTY)
            elif source.random() < 0.1:
                victim.pop(key, None)
            else:
                victim[key] = source.choice(dtypes if key == "dtype" else NASTY)
        accepted += judge(file_of(header, bytes(end)))
    assert 100 < accepted < 1400


# ------------------------------------------------ writing a file


def test_a_new_file_gets_the_permissions_a_new_file_has(tmp_path):
    for mask in (0o022, 0o077, 0o002):
        before = os.umask(mask)
        try:
            save_file({"x": mg.ones(1)}, tmp_path / f"saved{mask}")
            (tmp_path / f"plain{mask}").touch()
        finally:
            os.umask(before)
        assert (tmp_path / f"saved{mask}").stat().st_mode == (tmp_path / f"plain{mask}").stat().st_mode


def test_a_file_is_replaced_whole_by_name_alone_and_leaves_nothing_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_file({"x": mg.ones(1000)}, "model")
    with open("model", "rb") as reader:  # whoever is reading goes on reading the old file
        start = reader.read(100)
        save_file({"x": mg.zeros(3)}, "model")
        assert load(start + reader.read())["x"].tolist() == [1] * 1000
    assert load_file("model")["x"].tolist() == [0, 0, 0]
    assert os.listdir() == ["model"]


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()], ids=["full", "interrupt"])
@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_failing_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, step, error, existing):
    path = tmp_path / "model"
    if existing:
        save_file({"x": mg.ones(3)}, path)
    calls = []

    def fail(*arguments):
        calls.append(sorted(os.listdir(tmp_path)))
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        save_file({"x": mg.zeros(1000)}, path)
    assert len(calls) == 1 and len(calls[0]) == 1 + existing  # there was a temporary file, in the same folder
    assert os.listdir(tmp_path) == ["model"] * existing
    assert not existing or load_file(path)["x"].tolist() == [1, 1, 1]


def test_a_write_that_the_system_cuts_short_leaves_the_old_file_and_no_other(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "model"
    save_file({"x": mg.ones(3)}, path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            save_file({"x": mg.zeros(100_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == ["model"] and load_file(path)["x"].tolist() == [1, 1, 1]


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "kept").touch()
    with pytest.raises(OSError, match="model"):
        save_file({"x": mg.ones(1)}, tmp_path / "model")
    assert os.listdir(tmp_path) == ["model"] and os.listdir(tmp_path / "model") == ["kept"]
