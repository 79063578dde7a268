"""Taking from and putting at indices along a dimension, where tensors without dimensions count as vectors of one element."""

import pytest

import metagrad

OPS = {
    "gather": lambda lib, x, i, v: lib.gather(x, 0, i),
    "index_select": lambda lib, x, i, v: lib.index_select(x, 0, i),
    "index_fill": lambda lib, x, i, v: lib.index_fill(x, 0, i, 9),
    "take": lambda lib, x, i, v: lib.take(x, i),
    "scatter": lambda lib, x, i, v: lib.scatter(x, 0, i, v),
    "scatter of a number": lambda lib, x, i, v: lib.scatter(x, 0, i, 9),
    "scatter add": lambda lib, x, i, v: lib.scatter(x, 0, i, v, reduce="add"),
    "scatter multiply": lambda lib, x, i, v: lib.scatter(x, 0, i, v, reduce="multiply"),
    "scatter multiply by a number": lambda lib, x, i, v: lib.scatter(x, 0, i, 3, reduce="multiply"),
    "scatter_": lambda lib, x, i, v: x.clone().scatter_(0, i, v),
    "scatter_add": lambda lib, x, i, v: lib.scatter_add(x, 0, i, v),
    "scatter_reduce": lambda lib, x, i, v: lib.scatter_reduce(x, 0, i, v, "prod"),
    "index_copy": lambda lib, x, i, v: lib.index_copy(x, 0, i, v),
    "index_copy_": lambda lib, x, i, v: x.clone().index_copy_(0, i, v),
    "index_add": lambda lib, x, i, v: lib.index_add(x, 0, i, v),
    "index_reduce": lambda lib, x, i, v: lib.index_reduce(x, 0, i, v, "prod"),
}
X = {
    "a vector": [1.0, 2.0, 3.0],
    "one element": [4.0],
    "a number": 5.0,
    "a matrix": [[1.0, 2.0], [3.0, 4.0]],
    "nothing": [],
}
INDEX = {"1": 1, "0": 0, "[1]": [1], "[0]": [0], "[0, 0]": [0, 0], "[[0]]": [[0]]}
SOURCE = {"7": 7.0, "[7]": [7.0], "[7, 8]": [7.0, 8.0], "[[7, 8]]": [[7.0, 8.0]]}


def outcome(lib, op, x, i, v):
    """Shape and numbers, or that it is refused."""
    try:
        y = OPS[op](lib, lib.tensor(X[x]), lib.tensor(INDEX[i]), lib.tensor(SOURCE[v]))
    except (RuntimeError, IndexError):
        return "refused"
    return tuple(y.shape), y.tolist()


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", OPS)
def test_every_mixture_as_in_pytorch(torch, op):
    for x in X:
        for i in INDEX:
            for v in SOURCE:
                if "[0, 0]" in i and op.startswith(("scatter", "index_copy")) and "add" not in op:
                    continue  # which of two values for one place wins is not defined
                assert outcome(metagrad, op, x, i, v) == outcome(torch, op, x, i, v), (x, i, v)


@pytest.mark.parametrize(
    ("op", "expected"),
    {
        "gather": 2.0, "scatter": [1.0, 7.0, 3.0], "scatter of a number": [1.0, 9.0, 3.0], "scatter_add": [1.0, 9.0, 3.0],
        "scatter multiply": [1.0, 14.0, 3.0], "scatter multiply by a number": [1.0, 6.0, 3.0],
        "scatter_reduce": [1.0, 14.0, 3.0], "index_copy": [1.0, 7.0, 3.0],
    }.items(),
)  # fmt: skip
def test_an_index_without_dimensions_names_one_element(op, expected):
    assert outcome(metagrad, op, "a vector", "1", "7")[1] == expected


def test_gradients_at_an_index_without_dimensions():
    x = metagrad.tensor([1.0, 2.0, 3.0], requires_grad=True)
    v = metagrad.tensor(5.0, requires_grad=True)
    i = metagrad.tensor(1)
    (metagrad.gather(x, 0, i) * 3).backward()
    assert x.grad.tolist() == [0.0, 3.0, 0.0]
    x.grad = None
    (x.scatter(0, i, v) * metagrad.tensor([1.0, 2.0, 4.0])).sum().backward()
    assert (x.grad.tolist(), v.grad.tolist()) == ([1.0, 0.0, 4.0], 2.0)
    x.grad = v.grad = None
    (x.index_copy(0, i, v) * metagrad.tensor([1.0, 2.0, 4.0])).sum().backward()
    assert (x.grad.tolist(), v.grad.tolist()) == ([1.0, 0.0, 4.0], 2.0)


@pytest.mark.oracle
def test_gradients_of_scatter_multiply(torch):
    found = []
    for lib in (metagrad, torch):
        x = lib.tensor([2.0, 3.0, 4.0], requires_grad=True)
        (
            x.scatter(0, lib.tensor([1]), 5.0, reduce="multiply")
            if lib is metagrad
            else x * lib.tensor([1.0, 5.0, 1.0])
        ).sum().backward()
        found.append(x.grad.tolist())
    assert found[0] == found[1] == [1.0, 5.0, 1.0]


def test_scatter_refuses_other_reductions():
    with pytest.raises(RuntimeError, match="add or multiply"):
        metagrad.zeros(3).scatter(0, metagrad.tensor([1]), 1.0, reduce="mean")
