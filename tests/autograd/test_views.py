"""Shared memory and in-place writes. Every test runs with metagrad, and with PyTorch where it is installed."""

import numpy as np
import pytest

import metagrad


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return metagrad if request.param == "metagrad" else pytest.importorskip("torch")


def matrix(lib, requires_grad=False):
    x = lib.arange(12, dtype=lib.float64).reshape(3, 4)
    return x.clone().requires_grad_(requires_grad)


VIEWS = {
    "row": lambda x: x[1],
    "column": lambda x: x[:, 2],
    "block": lambda x: x[1:, ::2],
    "element": lambda x: x[2, 3],
    "none": lambda x: x[None],
    "ellipsis": lambda x: x[..., 1],
    "view": lambda x: x.view(4, 3),
    "reshape": lambda x: x.reshape(-1),
    "flatten": lambda x: x.flatten(),
    "transpose": lambda x: x.transpose(0, 1),
    "t": lambda x: x.t(),
    "T": lambda x: x.T,
    "permute": lambda x: x.permute(1, 0),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(0, 1),
    "squeeze": lambda x: x.unsqueeze(0).squeeze(0),
    "unbind": lambda x: x.unbind(0)[1],
    "split": lambda x: x.split(2, 1)[1],
    "chunk": lambda x: x.chunk(2, 1)[0],
    "diagonal": lambda x: x.diagonal(),
    "movedim": lambda x: x.movedim(0, 1),
    "mT": lambda x: x.mT,
    "as_strided": lambda x: x.as_strided((2, 3), (1, 4), 1),
    "as_strided of a part": lambda x: x[1:, ::2].as_strided((2, 2), (1, 3)),
    "unfold": lambda x: x.unfold(1, 2, 2),
    "tensor_split": lambda x: x.tensor_split((1, 3), 1)[1],
    "hsplit": lambda x: x.hsplit(2)[1],
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
    "view of a view": lambda x: x.t()[1:3].view(-1) if x.t()[1:3].is_contiguous() else x.t()[1:3][0],
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shares_memory_both_ways(lib, name):
    x = matrix(lib)
    y = VIEWS[name](x)
    y.add_(100)
    assert (x >= 100).sum().item() == y.numel()
    x.zero_()
    assert (y == 0).all()


@pytest.mark.parametrize("copy", [
    lambda x: x[[0, 1]], lambda x: x[x > 3], lambda x: x.clone(), lambda x: x + 0, lambda x: x.t().reshape(-1),
    lambda x: x.flip(0), lambda x: x.repeat(1, 1), lambda x: x.float(), lambda x: x.t().contiguous(),
])  # fmt: skip
def test_a_copy_shares_none(lib, copy):
    x = matrix(lib)
    y = copy(x)
    before = y.tolist()
    x.zero_()
    assert y.tolist() == before


@pytest.mark.parametrize("name", [n for n in VIEWS if n not in ("detach", "data")])
def test_writing_through_a_view_is_differentiable_in_both(lib, name):
    found = []
    for in_place in (False, True):
        leaf, factor = matrix(lib, True), lib.tensor(3.0, dtype=lib.float64, requires_grad=True)
        x = leaf * 2
        if in_place:
            if name in ("unbind", "split", "chunk"):
                with pytest.raises(RuntimeError, match="view"):
                    VIEWS[name](x).mul_(factor)
                return
            VIEWS[name](x).mul_(factor)
        else:
            selected = lib.zeros(3, 4, dtype=lib.float64)
            VIEWS[name](selected).add_(1)
            x = x * (selected * factor + (1 - selected))
        weights = lib.arange(12, dtype=lib.float64).reshape(3, 4).sin()
        (x * x * weights).sum().backward()
        found.append((x.detach().numpy(), leaf.grad.numpy(), factor.grad.numpy()))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_views_of_one_base_see_each_others_writes(lib):
    leaf = lib.ones(4, dtype=lib.float64, requires_grad=True)
    x = leaf * 1
    left, right = x[:3], x[1:]
    left.mul_(2)
    right.mul_(3)
    assert x.tolist() == [2, 6, 6, 3] and left.tolist() == [2, 6, 6]
    left.sum().backward()
    assert leaf.grad.tolist() == [2, 6, 6, 0]


def test_a_view_taken_before_a_write_to_its_base_follows_it(lib):
    leaf = lib.ones(3, dtype=lib.float64, requires_grad=True)
    x = leaf * 1
    view = x[1:]
    x.mul_(5)
    (view * view).sum().backward()
    assert leaf.grad.tolist() == [0, 50, 50]


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (1, 7.0), ((slice(None), 1), 7.0), ((0, 0), -1.0), (slice(0, 2), "rows"), ([0, 2], 5.0), ("mask", 0.0),
        (Ellipsis, 2.0), ((slice(None), [1, 3]), "columns"), ((None, 1), 4.0), ("longer", 1.0),
    ],
)  # fmt: skip
def test_assignment_is_differentiable(lib, index, value):
    leaf = matrix(lib, True)
    x = leaf * 1
    index = (
        {"mask": x > 5, "longer": (lib.tensor([0, 1]), lib.tensor([2, 3]))}.get(index, index)
        if isinstance(index, str)
        else index
    )
    given = (
        {"rows": lib.ones(4, dtype=lib.float64), "columns": lib.ones(3, 1, dtype=lib.float64)}.get(value, value)
        if isinstance(value, str)
        else value
    )
    if isinstance(value, str):
        given.requires_grad_()
    x[index] = given
    (x * matrix(lib)).sum().backward()
    touched = x.detach() != leaf.detach()
    expected = matrix(lib) * ~(touched | ((x.detach() == leaf.detach()) & (leaf.grad == 0)))
    assert (leaf.grad == expected).all()
    if isinstance(value, str):
        assert given.grad.sum().item() == pytest.approx((matrix(lib) * (leaf.grad == 0)).sum().item())


def test_in_place_on_leaves_and_their_views_is_refused(lib):
    x = lib.ones(3, requires_grad=True)
    for write in (lambda: x.add_(1), lambda: x[0].mul_(2), lambda: x.__setitem__(0, 1.0), lambda: x.view(-1).zero_()):
        with pytest.raises(RuntimeError):
            write()
    with lib.no_grad():
        x.add_(1)
        x[0] = 5
    assert x.tolist() == [5, 2, 2] and x.is_leaf
    x.data.mul_(2)
    assert x.tolist() == [10, 4, 4]


@pytest.mark.parametrize("write", [
    lambda y: y.mul_(2), lambda y: y[0].fill_(3), lambda y: y.__setitem__(0, 1.0), lambda y: y.view(-1).add_(1),
])  # fmt: skip
def test_an_overwritten_saved_value_is_noticed(lib, write):
    x = lib.ones(2, 2, requires_grad=True)
    y = x.exp()  # saves its result
    write(y)
    with pytest.raises(RuntimeError):
        y.sum().backward()


def test_writes_that_harm_nobody_are_allowed(lib):
    x = lib.ones(2, requires_grad=True)
    y = x * 3  # saves nothing of its result
    y.add_(1)
    z = y.relu()
    y.data
    (z + y).sum().backward()
    assert x.grad.tolist() == [6, 6]


def test_in_place_keeps_shape_and_dtype(lib):
    x = lib.ones(2, 1)
    with pytest.raises(RuntimeError):
        x.add_(lib.ones(2, 3))
    n = lib.tensor([1, 2])
    with pytest.raises(RuntimeError):
        n.add_(0.5)
    with pytest.raises(RuntimeError):
        n.div_(2)
    n.add_(lib.tensor([1, 1], dtype=lib.int8))
    assert n.dtype == lib.int64 and n.tolist() == [2, 3]
    half = lib.ones(1, dtype=lib.float16)
    half.add_(lib.ones(1, dtype=lib.float64))
    assert half.dtype == lib.float16


def test_expanded_memory_cannot_be_written(lib):
    x = lib.zeros(1, 3).expand(2, 3)
    with pytest.raises(RuntimeError):
        x.add_(1)


def test_view_refuses_what_reshape_copies(lib):
    x = matrix(lib).t()
    with pytest.raises(RuntimeError):
        x.view(-1)
    assert x.reshape(-1).tolist() == x.flatten().tolist()
    for shape in ((5, -1), (-1, -1), (7,)):
        with pytest.raises(RuntimeError):
            matrix(lib).view(*shape)


def test_version_numbers(lib):
    x = lib.zeros(3)
    view = x[1:]
    version = x._version if isinstance(x._version, int) else x._version[0]
    view.add_(1)
    x.mul_(2)
    now = x._version if isinstance(x._version, int) else x._version[0]
    assert now == version + 2


def test_detach_in_place(lib):
    x = lib.ones(2, requires_grad=True)
    y = (x * 2).detach_()
    assert y.is_leaf and not y.requires_grad
    with pytest.raises(RuntimeError):
        (x * 2)[0].detach_()


def test_copying_into_a_tensor_is_differentiable(lib):
    x = lib.ones(2, dtype=lib.float64, requires_grad=True)
    y = lib.zeros(3, 2)
    y.copy_(x * 2)
    (y * lib.arange(6).reshape(3, 2)).sum().backward()
    assert x.grad.tolist() == [12, 18] and x.grad.dtype == lib.float64


def test_second_derivatives_through_writes(lib):
    def function(x):
        y = x + 1
        y[0] = y[1].clone() * x[0]
        y[1:].mul_(x[1:])
        return y * y

    x = lib.tensor([0.5, -1.0, 2.0], dtype=lib.float64, requires_grad=True)
    assert lib.autograd.gradcheck(function, (x,)) and lib.autograd.gradgradcheck(function, (x,))


def test_what_was_reshaped_under_no_grad_can_be_written_to():
    x = metagrad.tensor([[1.0, 2.0]], requires_grad=True)
    y = x * 2
    with metagrad.no_grad():
        y.unsqueeze_(0)
    y.mul_(3)
    y.sum().backward()
    assert y.tolist() == [[[6.0, 12.0]]] and x.grad.tolist() == [[6.0, 6.0]]
