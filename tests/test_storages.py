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


@pytest.mark.parametrize("make", [mg.ones, lambda n: mg.nn.Parameter(mg.ones(n))])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
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
