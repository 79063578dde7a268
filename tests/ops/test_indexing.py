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
    return tuple(index_of(lib, i) for i in index) if isinstance(index, tuple) else index


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
@pytest.mark.parametrize("name", INDICES)
def test_reading(torch, name):
    assert read(metagrad, INDICES[name]) == read(torch, INDICES[name])


REPEATED = {"vector"}  # which of two values for one place wins is not defined


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
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
    with pytest.raises(RuntimeError, match="dtypes must match"):
        metagrad.zeros(3).index_put_((metagrad.tensor([0]),), metagrad.tensor(1))
