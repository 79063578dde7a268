"""Sizes, the limits of dtypes, and the old names of tensors by their dtype."""

import pytest

import metagrad as mg


def test_a_size_is_made_of_whole_numbers():
    assert mg.Size(mg.tensor([1, 2])) == (1, 2) and type(mg.Size(mg.tensor([1]))[0]) is int
    assert mg.Size(map(int, "12")) == (1, 2) and mg.Size() == ()
    for wrong in ([1.5], "ab", [None], [mg.tensor(1.0)]):
        with pytest.raises(TypeError, match="takes an iterable of 'int'"):
            mg.Size(wrong)


def test_limits_of_one_dtype_are_equal():
    assert mg.finfo(mg.float32) == mg.finfo() != mg.finfo(mg.float64) and hash(mg.finfo()) == hash(mg.finfo(mg.float32))
    assert mg.iinfo(mg.int8) == mg.iinfo(mg.int8) != mg.iinfo(mg.int16)


def test_names_of_tensors_types():
    assert not mg.FloatTensor.is_cuda and mg.FloatTensor.layout is mg.strided
    with pytest.raises(ValueError, match="invalid type"):
        mg.ones(1).type("metagrad.BlahTensor")
