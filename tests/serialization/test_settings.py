"""PyTorch's settings of reading and writing, files without numbers, and what is said of an empty file."""

import io

import pytest

import metagrad as mg
from metagrad import serialization as ser


def test_settings_are_kept_and_given_back():
    assert ser.get_default_load_endianness() is None and ser.get_crc32_options() is True
    ser.set_default_load_endianness(ser.LoadEndianness.LITTLE)
    assert ser.get_default_load_endianness() is ser.LoadEndianness.LITTLE
    ser.set_default_load_endianness(None)
    with pytest.raises(TypeError, match="LoadEndianness"):
        ser.set_default_load_endianness("little")
    before = ser.get_default_mmap_options()
    with ser.set_default_mmap_options(3 - before):
        assert ser.get_default_mmap_options() == 3 - before
    assert ser.get_default_mmap_options() == before
    with pytest.raises(ValueError, match="MAP_PRIVATE"):
        ser.set_default_mmap_options(77)


def test_a_file_without_numbers_has_the_form_of_one_with_them():
    full, skipped = io.BytesIO(), io.BytesIO()
    state = {"a": mg.ones(2, 3), "b": mg.ones(4)}
    mg.save(state, full)
    with ser.skip_data():
        mg.save(state, skipped)
    assert len(full.getvalue()) == len(skipped.getvalue())
    found = mg.load(io.BytesIO(skipped.getvalue()))
    assert found["a"].tolist() == [[0, 0, 0], [0, 0, 0]] and found["b"].shape == (4,)
    mg.save(state, full := io.BytesIO())
    assert mg.load(io.BytesIO(full.getvalue()))["b"].tolist() == [1, 1, 1, 1]


def test_an_empty_file_is_the_end_of_a_file(tmp_path):
    (tmp_path / "empty.pt").touch()
    for file in (io.BytesIO(), tmp_path / "empty.pt"):
        with pytest.raises(EOFError, match="empty") as found:
            mg.load(file)
        assert isinstance(found.value, mg.serialization.CheckpointError)


def test_only_a_path_is_mapped_into_memory(tmp_path):
    mg.save(mg.ones(2), tmp_path / "a.pt")
    assert mg.load(tmp_path / "a.pt", mmap=True).tolist() == [1, 1]
    with pytest.raises(ValueError, match="file path"):
        mg.load(io.BytesIO((tmp_path / "a.pt").read_bytes()), mmap=True)
