"""Writes to tensors of which several elements share a place in memory: refused, as in PyTorch, but where they set one number."""

import numpy as np
import pytest

import metagrad


def expanded(lib):
    return lib.tensor([[0.5], [0.25], [0.75]]).expand(3, 3)


def full(lib):
    return lib.arange(9.0).reshape(3, 3) / 10 + 0.1


def assign(index, value):
    def write(x, lib):
        x[index(lib)] = value(lib)

    return write


ALLOWED = {  # the write, and the first column after it
    "fill_": (lambda x, lib: x.fill_(1), [1, 1, 1]),
    "zero_": (lambda x, lib: x.zero_(), [0, 0, 0]),
    "tril_": (lambda x, lib: x.tril_(), [0, 0, 0.75]),
    "triu_": (lambda x, lib: x.triu_(), [0.5, 0, 0]),
    "masked_fill_": (lambda x, lib: x.masked_fill_(full(lib) > 0.25, 0), [0, 0, 0]),
    "index_fill_": (lambda x, lib: x.index_fill_(0, lib.tensor([0, 1]), 1), [1, 1, 0.75]),
    "index_put_": (lambda x, lib: x.index_put_((lib.tensor([0, 1]),), lib.tensor(1.0)), [1, 1, 0.75]),
    "row 0 of index_put_": (lambda x, lib: x.T.index_put_((lib.tensor([0]),), lib.tensor(1.0)), [1, 1, 1]),
    "fill_diagonal_": (lambda x, lib: x.fill_diagonal_(1), [1, 1, 1]),
    "x[0, 0] = 1": (assign(lambda lib: (0, 0), lambda lib: 1.0), [1, 0.25, 0.75]),
    "x[:, 0] = v": (assign(lambda lib: (slice(None), 0), lambda lib: lib.ones(3)), [1, 1, 1]),
    "x[indices] = 1": (assign(lambda lib: lib.tensor([0, 1]), lambda lib: 1.0), [1, 1, 0.75]),
    "x[mask] = 1": (assign(lambda lib: full(lib) > 0.35, lambda lib: 1.0), [0.5, 1, 1]),
    "x[0].fill_": (lambda x, lib: x[0].fill_(1), [1, 0.25, 0.75]),
    "x[:, 0].add_": (lambda x, lib: x[:, 0].add_(1), [1.5, 1.25, 1.75]),
    "x[:, 1:2].mul_": (lambda x, lib: x[:, 1:2].mul_(2), [1, 0.5, 1.5]),
    "x.select(1, 2).copy_": (lambda x, lib: x.select(1, 2).copy_(lib.ones(3)), [1, 1, 1]),
    "out= a column": (lambda x, lib: lib.neg(lib.ones(3), out=x[:, 0]), [-1, -1, -1]),
}  # fmt: skip
REFUSED = {
    "add_": lambda x, lib: x.add_(1), "exp_": lambda x, lib: x.exp_(), "copy_": lambda x, lib: x.copy_(full(lib)),
    "normal_": lambda x, lib: x.normal_(), "clamp_": lambda x, lib: x.clamp_(0, 1), "cumsum_": lambda x, lib: x.cumsum_(0),
    "x[:] = full": assign(lambda lib: slice(None), full), "x[0].add_": lambda x, lib: x[0].add_(1),
    "out=": lambda x, lib: lib.add(full(lib), 1, out=x),
    "index_add_": lambda x, lib: x.index_add_(0, lib.tensor([0]), full(lib)[:1]),
    "masked_scatter_": lambda x, lib: x.masked_scatter_(full(lib) > 0.3, full(lib)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Use of")
@pytest.mark.parametrize("write", ALLOWED)
def test_one_number_may_be_written(write):
    call, column = ALLOWED[write]
    x = expanded(metagrad)
    call(x, metagrad)
    assert x.tolist() == [[number] * 3 for number in column]


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("write", ALLOWED)
def test_pytorch_writes_the_same(torch, write):
    call, column = ALLOWED[write]
    x = expanded(torch)
    call(x, torch)
    assert x.tolist() == [[number] * 3 for number in column]


@pytest.mark.parametrize("write", REFUSED)
def test_other_writes_are_refused(write):
    x = expanded(metagrad)
    with pytest.raises(RuntimeError, match="single memory location"):
        REFUSED[write](x, metagrad)
    assert x.tolist() == expanded(metagrad).tolist()


@pytest.mark.parametrize("write", ["masked_fill_", "index_fill_", "index_put_", "x[mask] = 1"])
def test_some_of_the_places_are_written_with_a_warning(write):
    name = "index_put_" if "=" in write else write
    with pytest.warns(UserWarning, match=f"Use of {name} on expanded tensors"):
        ALLOWED[write][0](expanded(metagrad), metagrad)


@pytest.mark.oracle
@pytest.mark.parametrize("write", REFUSED)
def test_pytorch_refuses_them(torch, write):
    with pytest.raises(RuntimeError, match="single memory location"):
        REFUSED[write](expanded(torch), torch)


def test_memory_that_is_read_only_stays_so():
    array = np.zeros((2, 1))
    array.flags.writeable = False
    with pytest.warns(UserWarning):
        x = metagrad.from_numpy(array)
    for write in (lambda: x.fill_(1), lambda: x[:, 0].add_(1), lambda: x.expand(2, 3)[:, 0].add_(1)):
        with pytest.raises(RuntimeError, match="read-only"):
            write()
    assert array.tolist() == [[0], [0]]


RECORDED = {
    "y[:, 0].mul_(2)": (lambda y, lib: y[:, 0].mul_(2), [[6], [24], [42]]),
    "y[:, 0].fill_(1)": (lambda y, lib: y[:, 0].fill_(1), [[0], [0], [0]]),
    "y[0, 0] = 3": (assign(lambda lib: (0, 0), lambda lib: lib.tensor(3.0)), [[0], [12], [21]]),
    "y[:, 1:2].mul_(3)": (lambda y, lib: y[:, 1:2].mul_(3), [[9], [36], [63]]),
}


def gradient(lib, write):
    p = lib.tensor([[0.5], [0.25], [0.75]], requires_grad=True)
    y = (p * 1).expand(3, 3)
    write(y, lib)
    (y * lib.arange(9.0).reshape(3, 3)).sum().backward()
    return p.grad.tolist()


@pytest.mark.parametrize("write", RECORDED)
def test_a_recorded_write_to_a_part_has_its_gradient(write):
    call, expected = RECORDED[write]
    assert gradient(metagrad, call) == expected


@pytest.mark.oracle
@pytest.mark.parametrize("write", RECORDED)
def test_the_gradient_of_a_recorded_write_is_pytorchs(torch, write):
    call, expected = RECORDED[write]
    assert gradient(torch, call) == expected


def test_a_recorded_write_to_repeated_elements_is_refused():
    y = (metagrad.ones(3, 1, requires_grad=True) * 1).expand(3, 3)
    for write in (lambda: y.fill_(1), lambda: y.zero_(), lambda: y.tril_(), lambda: y.masked_fill_(y > 0, 0)):
        with pytest.raises(RuntimeError, match="single memory location"):
            write()
