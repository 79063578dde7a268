"""Storages: the memory beneath tensors, made, read, converted, shared, copied and saved."""

import copy
import io
import pickle

import numpy as np
import pytest

import metagrad as mg


def test_made_of_a_size_of_numbers_and_of_bytes():
    assert mg.UntypedStorage(8).nbytes() == 8 and len(mg.FloatStorage()) == 0
    assert mg.UntypedStorage([1, 2, 300]).tolist() == [1, 2, 44]  # a byte each
    assert mg.FloatStorage([1, 2]).tolist() == [1.0, 2.0] and mg.FloatStorage.dtype is mg.float32
    assert mg.TypedStorage([1, 2], dtype=mg.int64).nbytes() == 16 and mg.TypedStorage(3).dtype is mg.float32
    assert mg.TypedStorage(wrap_storage=mg.UntypedStorage(8), dtype=mg.float64).size() == 1
    assert mg.FloatStorage.from_buffer(b"\0\0\x80?", "little").tolist() == [1.0]
    assert mg.FloatStorage.from_buffer(b"?\x80\0\0", "big").tolist() == [1.0]


@pytest.mark.parametrize("source", ["a", None, {1}])
def test_made_of_nothing_else(source):
    with pytest.raises(TypeError, match="expected a number of elements or a sequence of numbers"):
        mg.FloatStorage(source)


def test_kinds_by_dtype():
    storage = mg.ones(2).storage()
    assert isinstance(storage, mg.FloatStorage) and not isinstance(storage, mg.DoubleStorage)
    assert isinstance(storage.double(), mg.DoubleStorage) and storage.double().tolist() == [1.0, 1.0]
    mixed = mg.FloatStorage([1.5, 0])
    assert mixed.int().tolist() == [1, 0] and mixed.bool().tolist() == [True, False]
    assert mg.is_storage(storage) and not mg.is_storage(mg.ones(2))


def test_elements():
    storage = mg.FloatStorage([1, 2, 3])
    storage[1] = 9
    assert list(storage) == [1.0, 9.0, 3.0] and mg.tensor([]).set_(storage).tolist() == [1.0, 9.0, 3.0]
    with pytest.raises(IndexError, match="index 7 out of range for storage of size 3"):
        storage[7]
    with pytest.raises(RuntimeError, match="slices are only supported in UntypedStorage"):
        storage[:2]
    assert storage.untyped()[:4].tolist() == [0, 0, 128, 63]
    about = "[metagrad.storage.TypedStorage(dtype=metagrad.float32, device=cpu) of size 3]"
    assert repr(storage).split("\n") == [" 1.0", " 9.0", " 3.0", about]


def test_saved_and_loaded():
    file = io.BytesIO()
    mg.save(mg.FloatStorage([1, 2]), file)
    file.seek(0)
    assert isinstance(mg.load(file), mg.FloatStorage)


def _pickled(x):
    return pickle.loads(pickle.dumps(x))


@pytest.mark.parametrize(
    ("make", "copied"),
    [
        *[(mg.ones, way) for way in (copy.copy, copy.deepcopy, _pickled)],
        *[(lambda n: mg.nn.Parameter(mg.ones(n)), way) for way in (copy.copy, _pickled)],  # a deep copy leaves it
    ],
)
def test_a_copy_keeps_what_the_program_wrote_on_a_tensor(make, copied):
    x = make(2)
    x.note = "mine"
    y = copied(x)
    assert y.note == "mine" and type(y) is type(x) and y.tolist() == [1.0, 1.0]


def test_resolution_of_halves():
    assert mg.finfo(mg.float16).resolution == 0.001 and mg.finfo(mg.float64).resolution == 1e-15


def test_numbers_in_a_buffer():
    three = np.array([1, 2, 3], "<i4").tobytes()
    assert mg.IntStorage.from_buffer(three, "little", 2, 4).tolist() == [2, 3]
    assert mg.IntStorage.from_buffer(three, "little", offset=12).tolist() == []
    assert mg.UntypedStorage.from_buffer(three, "big", 1, dtype=mg.int32).tolist() == [0, 0, 0, 1]
    assert mg.ByteStorage.from_buffer(b"\1\2").tolist() == [1, 2]  # single bytes have no order
    for wrong, kind in (
        ({}, RuntimeError),
        ({"byte_order": "both"}, ValueError),
        ({"byte_order": "big", "offset": 1}, ValueError),
        ({"byte_order": "big", "offset": 13}, ValueError),
        ({"byte_order": "big", "count": 4}, ValueError),
    ):
        with pytest.raises(kind):
            mg.IntStorage.from_buffer(three, **wrong)


def test_a_storage_of_another_size():
    storage = mg.UntypedStorage([1, 2, 3])
    assert storage.resize_(2).tolist() == [1, 2]
    assert storage.resize_(5).tolist()[:2] == [1, 2] and storage.nbytes() == 5
    x = mg.zeros(3)
    assert x.untyped_storage().resize_(12).nbytes() == 12
    with pytest.raises(RuntimeError, match="beneath it"):
        x.untyped_storage().resize_(24)


def test_a_tensor_takes_only_a_storage_of_its_dtype():
    with pytest.raises(RuntimeError, match="Expected a Storage"):
        mg.empty(0, dtype=mg.int64).set_(mg.FloatStorage([1.0]))
    assert mg.empty(0).set_(mg.FloatStorage([1.0])).tolist() == [1.0]


def test_what_a_storage_is_called():
    x = mg.ones(2, dtype=mg.int16)
    assert x.storage_type() is mg.ShortStorage and x.storage().pickle_storage_type() == "ShortStorage"
    assert (
        x.storage().type() == "metagrad.ShortStorage"
        and x.untyped_storage().type() == "metagrad.storage.UntypedStorage"
    )
    assert issubclass(mg.ShortStorage, mg.TypedStorage) and not issubclass(mg.ShortStorage, mg.IntStorage)
    assert x.storage()._cdata == x[1:].storage()._cdata and x.storage().get_device() == -1


def test_numbers_are_copied_byte_by_byte():
    storage = mg.FloatStorage([1.0, 2.0])
    storage.copy_(mg.IntStorage([0, 1065353216]))
    assert storage.tolist() == [0.0, 1.0]
    with pytest.raises(RuntimeError, match="self was 8 bytes but src was 12 bytes"):
        storage.copy_(mg.FloatStorage(3))
    with pytest.raises(TypeError, match="must be a storage, not list"):
        storage.copy_([1.0, 2.0])


def test_bytes_turned_around():
    storage = mg.IntStorage([1, 256]).untyped()
    storage.byteswap(mg.int32)
    assert storage.tolist() == [0, 0, 0, 1, 0, 0, 1, 0]
    assert mg.UntypedStorage([1, 2]).float().tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("act", "error", "says"),
    [
        (lambda s: s["a"], TypeError, "can't index a .*UntypedStorage with str"),
        (lambda s: s[::2], RuntimeError, "only a step of 1"),
        (lambda s: s.__setitem__(0, 1.5), RuntimeError, "int types, but got float"),
        (lambda s: s.fill_("a"), RuntimeError, "expects int, but got str"),
        (lambda s: mg.FloatStorage(2, wrap_storage=s), RuntimeError, "No positional arguments"),
        (lambda s: mg.FloatStorage(wrap_storage=s.float()), TypeError, "must be UntypedStorage"),
        (lambda s: mg.FloatStorage(2, 3), RuntimeError, "Too many positional arguments"),
        (lambda s: mg.FloatStorage(2, dtype=mg.int8), RuntimeError, "'dtype' cannot be specified"),
        (lambda s: mg.TypedStorage(wrap_storage=s), RuntimeError, "'dtype' must be specified"),
        (lambda s: mg.TypedStorage(wrap_storage=s, dtype="int8"), TypeError, "'dtype' must be"),
        (lambda s: mg.TypedStorage(wrap_storage=s, dtype=mg.int8, device="cpu"), RuntimeError, "'device' should not"),
    ],
)
def test_what_storages_refuse(act, error, says):
    with pytest.raises(error, match=says):
        act(mg.UntypedStorage([1, 2, 3, 4]))


def test_a_storage_without_memory():
    storage = mg.TypedStorage([1, 2], device="meta", dtype=mg.float32)
    assert storage.fill_(1).copy_(storage).size() == 2 and " ..." in repr(storage)
    for act in (lambda: storage.tolist(), lambda: storage[0]):
        with pytest.raises(NotImplementedError, match="Not available for 'meta'"):
            act()


def test_a_tensor_of_a_storage():
    x = mg.arange(3.0)
    for made in (mg.tensor, mg.as_tensor):
        assert made(x.storage(), dtype=mg.float32).tolist() == [0.0, 1.0, 2.0]
        assert made(x.untyped_storage(), dtype=mg.float32).tolist() == [0.0, 1.0, 2.0]
    assert mg.Tensor(x.untyped_storage()).tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(RuntimeError, match="Expected a Storage of type Long or an UntypedStorage, but got Float"):
        mg.tensor(x.storage(), dtype=mg.int64)


@pytest.mark.parametrize(
    "resized",
    [
        lambda x: x.resize_(1, 2, 2, 2, memory_format=mg.channels_last),
        lambda x: x.resize_as_(
            mg.ones(1, 2, 2, 2).to(memory_format=mg.channels_last), memory_format=mg.preserve_format
        ),
    ],
)
@pytest.mark.parametrize("count", [0, 20])
def test_resized_in_a_format(resized, count):
    x = resized(mg.arange(count))
    assert x.stride() == (8, 1, 4, 2)
    assert count == 0 or x.flatten().tolist() == [0, 2, 4, 6, 1, 3, 5, 7]
    with pytest.raises(RuntimeError, match="required rank 4 tensor to use channels_last format"):
        x.resize_(2, 2, memory_format=mg.channels_last)
