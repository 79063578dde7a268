"""x[index] and x[index] = v with every kind of index and mixtures of them: values and gradients as PyTorch's."""

import numpy as np
import pytest

import metagrad

SHAPE = (4, 3, 2, 5)
ALL = slice(None)


class T(tuple):
    """Marks what becomes a tensor."""


def t(*values, dtype=None):
    return T((values, dtype))


def number(value):
    return T((value, None))


INDICES = {
    "int": 1,
    "negative int": -1,
    "ints": (1, -2),
    "slice": slice(1, -1),
    "step": (slice(None, None, 2), slice(-2, None)),
    "none": (None, 1, None),
    "ellipsis": (..., 1),
    "ellipsis of nothing": (0, 1, ..., 0, 2),
    "number tensor": number(2),
    "number tensors and slices": (number(1), ALL, number(-1)),
    "numpy's ints": (np.int64(1), ALL, np.int32(0)),
    "vector": t(1, -1, 1),
    "matrix": T((((0, 1), (2, 3)), None)),
    "list": [0, 3],
    "list of bools": [True, False, True, True],
    "range": range(2),
    "two vectors": (t(0, 1), t(2, 0)),
    "vectors apart": (t(0, 1), ALL, t(1, 0)),
    "vectors that broadcast": (T((((0,), (1,)), None)), t(1, 2, 0)),
    "int before a slice and a vector": (0, ALL, t(1, 0)),
    "vector, slice, int": (t(1, 0), ALL, 1),
    "number tensor, slice, vector": (number(0), ALL, t(1, 0)),
    "int between vectors": (t(0, 1), 2, t(1, 0)),
    "slice, vector, int, ellipsis, vector": (ALL, t(0, 2), -1, ..., t(4, 0)),
    "ellipsis of nothing between vectors": (t(0, 1), ALL, t(1, 0), ..., t(2, 3)),
    "none beside a vector": (None, t(1, 2), None, 0),
    "mask": t(True, False, True, False),
    "mask of two dimensions": T(((((True, False, True),) * 4), None)),
    "mask and int": (t(True, False, True, False), ALL, 1),
    "mask of two dimensions and int": (T(((((True, False, True),) * 4), None)), 1),
    "slice, mask, vector": (ALL, t(True, True, False), ..., t(0, 4)),
    "true": True,
    "false": (False, 1),
    "int, true, int": (1, True, 0),
    "vector of small integers": t(1, 2, dtype="int32"),
    "mask of bytes": t(1, 0, 0, 1, dtype="uint8"),
    "empty vector": (ALL, t(dtype="int64")),
    "empty list": [],
    "list of vectors": [t(0, 1), t(2, 0)],
    "list of a vector": [t(0, 3)],
    "list of number tensors": [number(1), number(0)],
    "list of a slice": [slice(0, 2)],
    "list of a slice and an int": [slice(0, 2), 1],
    "list with an ellipsis": [..., 1],
    "list with none": [None, 1],
    "list of lists": [[0, 1], [1, 2]],
    "list of a list": [[0, 1]],
    "list of lists of lists": [[[0, 1], [1, 2]]],
    "list of an empty list": [[]],
    "list of a mask": [t(True, False, True, False)],
    "list of a vector and an int": [t(0, 1), 1],
    "list of tuples": [(0, 1), (1, 2)],
    "list of a range and an int": [range(2), 1],
    "list of arrays": [np.array([0, 1]), np.array([1, 1])],
    "long list of numbers": [0, 1, 2, 3] * 10,
    "tuple of tuples": ((0, 1), (1, 2)),
    "tuple of a tuple": ((0, 3),),
}
WRONG = {
    "too many": (0, 0, 0, 0, 0), "out of range": 4, "vector out of range": t(0, 9), "floats": t(0.5),
    "misfit": (t(0, 1), t(0, 1, 2)),
    "mask of another shape": t(True, False), "step back": slice(None, None, -1), "number tensor out of range": number(7),
}  # fmt: skip


def index_of(lib, index):
    if isinstance(index, T):
        values, dtype = index
        return lib.tensor(values, dtype=None if dtype is None else getattr(lib, dtype))
    return type(index)(index_of(lib, i) for i in index) if isinstance(index, (tuple, list)) else index


def read(lib, index):
    x = lib.from_numpy(np.arange(float(np.prod(SHAPE))).reshape(SHAPE)).requires_grad_()
    y = x[index_of(lib, index)]
    shared = y.numel() > 0 and np.shares_memory(y.detach().numpy(), x.detach().numpy())
    (gradient,) = lib.autograd.grad((y * y).sum(), x)
    return tuple(y.shape), shared, y.tolist(), gradient.tolist()


def written(lib, index, recorded):
    x = lib.from_numpy(np.arange(float(np.prod(SHAPE))).reshape(SHAPE)).requires_grad_(recorded)
    y = x * 1
    part = y[index_of(lib, index)]
    v = lib.arange(float(part.numel()), dtype=lib.float64).reshape(tuple(part.shape)).requires_grad_(recorded)
    y[index_of(lib, index)] = v
    if not recorded:
        return y.tolist()
    return y.tolist(), *(g.tolist() for g in lib.autograd.grad((y * y).sum(), (x, v)))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
@pytest.mark.parametrize("name", INDICES)
def test_reading(torch, name):
    assert read(metagrad, INDICES[name]) == read(torch, INDICES[name])


REPEATED = {"vector", "long list of numbers"}  # which of two values for one place wins is not defined


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("name", [name for name in INDICES if name not in REPEATED])
def test_writing(torch, name, recorded):
    assert written(metagrad, INDICES[name], recorded) == written(torch, INDICES[name], recorded)


@pytest.mark.oracle
@pytest.mark.parametrize("name", WRONG)
def test_errors(torch, name):
    kinds = []
    for lib in (metagrad, torch):
        x, index = lib.zeros(*SHAPE), index_of(lib, WRONG[name])
        with pytest.raises((IndexError, ValueError, RuntimeError)) as reading:
            x[index]
        with pytest.raises((IndexError, ValueError, RuntimeError)) as writing:
            x[index] = 1.0
        kinds.append((reading.type, writing.type))
    assert kinds[0] == kinds[1]


def test_index_put_takes_values_of_its_dtype():
    with pytest.raises(RuntimeError, match="dtypes match"):
        metagrad.zeros(3).index_put_((metagrad.tensor([0]),), metagrad.tensor(1))
    mask, number = metagrad.tensor([True, False, True]), metagrad.tensor(1)
    assert metagrad.zeros(3).index_put_((mask,), number).tolist() == [1.0, 0.0, 1.0]
    with pytest.raises(RuntimeError, match="dtypes match"):
        metagrad.zeros(3).index_put_((mask,), number, accumulate=True)
    with pytest.raises(RuntimeError, match="dtypes match"):
        metagrad.zeros(3).index_put_((mask,), metagrad.tensor([1, 2]))


# ------------------------------------------------ without the oracle


def test_a_list_that_holds_more_than_numbers_stands_for_a_tuple():
    x = metagrad.arange(6).reshape(3, 2)
    assert x[[metagrad.tensor([0, 2]), metagrad.tensor([0, 1])]].tolist() == [0, 5]
    assert x[[slice(0, 2), 1]].tolist() == [1, 3]
    assert x[[..., 0]].tolist() == [0, 2, 4]
    assert x[[[0, 2], [1, 1]]].tolist() == [1, 5]
    assert x[[0, 2]].tolist() == [[0, 1], [4, 5]]
    x[[slice(0, 1), 1]] = 9
    assert x.tolist() == [[0, 9], [2, 3], [4, 5]]


def taken(lib):
    x = lib.arange(24.0).reshape(2, 3, 4)
    i = lib.tensor([0, 1, 1])
    yield "x[:, i]", x[:, i]
    yield "x[..., i]", x[..., i]
    yield "x[:, [0, 1]]", x[:, [0, 1]]
    yield "x[:, i, i]", x[:, i, i]
    yield "x[None, :, i]", x[None, :, i]
    yield "x[0, :, i]", x[0, :, i]
    yield "x[:, i, 0:2]", x[:, i, 0:2]
    yield "x[:, :, mask]", x[:, :, lib.tensor([True, False, True, True])]
    yield "index_select", x.index_select(1, i)
    yield "index_select of a transposed", x.transpose(0, 2).index_select(1, i)
    yield "repeat_interleave", x.repeat_interleave(2, 1)
    yield "circular padding", lib.nn.functional.pad(x, (1, 2), mode="circular")
    yield "circular padding of two dimensions", lib.nn.functional.pad(x[None], (1, 1, 2, 1), mode="circular")
    yield "reflect padding", lib.nn.functional.pad(x, (1, 2), mode="reflect")
    yield "take_along_dim", lib.take_along_dim(x.transpose(0, 2), lib.tensor([[[0]], [[1]]]), 0)


@pytest.mark.parametrize("name", [name for name, _ in taken(metagrad)])
def test_what_was_taken_lies_in_order(name):
    y = dict(taken(metagrad))[name]
    assert y.is_contiguous()
    y.flatten().zero_()
    assert y.abs().sum() == 0


@pytest.mark.oracle
def test_what_was_taken_lies_as_in_pytorch(torch):
    found, expected = ([(name, y.stride(), y.tolist()) for name, y in taken(lib)] for lib in (metagrad, torch))
    assert found == expected
