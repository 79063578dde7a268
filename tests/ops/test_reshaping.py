"""Tensors given another shape in place: what becomes of their values, their history and their views."""

import pytest

import metagrad


def both(torch, program):
    assert program(metagrad) == program(torch)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["t_", "unsqueeze_", "transpose_", "squeeze_"])
def test_history_goes_through_the_new_shape(torch, name):
    arguments = {"unsqueeze_": (1,), "transpose_": (0, 1)}.get(name, ())

    def program(lib):
        x = lib.arange(6.0, requires_grad=True)
        y = (x * x).reshape(2, 3)
        assert getattr(y, name)(*arguments) is y
        weights = lib.arange(6.0).reshape(tuple(y.shape))
        (y * weights).sum().backward()
        return tuple(y.shape), x.grad.tolist()

    both(torch, program)


@pytest.mark.oracle
def test_views_made_before_and_after(torch):
    def program(lib):
        x = lib.arange(6.0, requires_grad=True)
        y = (x * 1).reshape(2, 3).clone()
        before = y[0]
        y.t_()
        after = y[0]
        before.mul_(2)
        after.mul_(3)
        y[2, 1] = 7
        weights = lib.arange(6.0).reshape(3, 2)
        ((y * weights).sum() + before.sum() * 5 + after.sum() * 11).backward()
        return y.tolist(), before.tolist(), after.tolist(), x.grad.tolist()

    both(torch, program)


@pytest.mark.oracle
def test_a_view_reshaped_is_still_a_view(torch):
    def program(lib):
        x = lib.arange(6.0, requires_grad=True)
        base = (x * 1).reshape(2, 3).clone()
        part = base[:, 1:]
        part.t_().unsqueeze_(0)
        part.mul_(3)
        (base * lib.arange(6.0).reshape(2, 3)).sum().backward()
        return tuple(part.shape), base.tolist(), x.grad.tolist()

    both(torch, program)


def test_twice_and_back():
    x = metagrad.arange(6.0, requires_grad=True)
    y = (x * 1).reshape(2, 3).clone()
    first = y[1]
    y.t_().t_()
    y.mul_(y)
    (first.sum() * 2).backward()
    assert y.shape == (2, 3) and x.grad.tolist() == [0, 0, 0, 12.0, 16.0, 20.0]


def test_leaves_change_shape_under_no_grad_only():
    x = metagrad.zeros(2, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        x.t_()
    with metagrad.no_grad():
        x.t_()
    assert x.is_leaf and x.requires_grad and x.shape == (3, 2)
    (x * 2).sum().backward()
    assert x.grad.shape == (3, 2)


def test_what_was_saved_before_is_noticed():
    x = metagrad.ones(2, 3, requires_grad=True)
    y = x * 1
    z = (y * y).sum()
    y.t_()
    with pytest.raises(RuntimeError, match="in-?place"):
        z.backward()


def test_resize():
    x = metagrad.arange(6)
    view = x[1:]
    assert x.resize_(2, 2).tolist() == [[0, 1], [2, 3]]
    x[0, 1] = 9
    assert view.tolist()[0] == 9, "memory that is large enough is kept"
    x.resize_((3, 4))
    assert x.shape == (3, 4) and x.reshape(-1)[:6].tolist() == [0, 9, 2, 3, 4, 5], "elements stay, in order"
    x[0, 0] = 7
    assert view.tolist()[0] == 9
    assert x.resize_as_(metagrad.zeros(2)).tolist() == [7, 9]
    assert metagrad.empty(0).resize_(2, 0).shape == (2, 0)
    with pytest.raises(RuntimeError, match="require grad"):
        metagrad.zeros(2, requires_grad=True).resize_(3)
    with pytest.raises(RuntimeError, match="negative"):
        metagrad.zeros(2).resize_(-1)


def test_of_no_dimensions_none_is_squeezed():
    x = metagrad.zeros(1, 2, 1)
    assert x.squeeze(()).shape == x.squeeze([]).shape == metagrad.squeeze(x, dim=[]).shape == (1, 2, 1)


def test_set():
    x, y = metagrad.zeros(2), metagrad.arange(4.0)
    assert x.set_(y) is x and x.tolist() == [0, 1, 2, 3]
    x[0] = 5
    assert y[0] == 5
    assert x.set_(y, 1, (2,), (2,)).tolist() == [1, 3]
    assert metagrad.zeros(3).set_().shape == (0,)
    with pytest.raises(RuntimeError, match="Could not set tensor of type long int to a tensor of type float"):
        x.set_(metagrad.arange(3))


def test_data_assignment_changes_shape_and_memory():
    p = metagrad.zeros(2, requires_grad=True)
    new = metagrad.ones(3)
    p.data = new
    new[0] = 4
    assert p.tolist() == [4, 1, 1] and p.is_leaf and p.requires_grad
    (p * p).sum().backward()
    assert p.grad.tolist() == [8, 2, 2]


def test_roll_of_all_elements_takes_one_shift():
    with pytest.raises(RuntimeError, match="shifts and dimensions must align. shifts: 2, dims:0"):
        metagrad.roll(metagrad.arange(4), (1, 2))


def test_repeating_each_slice_as_often_is_a_view_of_a_copy():
    x = metagrad.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = x.repeat_interleave(3, 1)
    assert y.tolist() == [[1, 1, 1, 2, 2, 2], [3, 3, 3, 4, 4, 4]] and y.is_contiguous()
    assert type(y.grad_fn).__name__ == type(x.clone().view(4).grad_fn).__name__
    (y * metagrad.arange(12.0).view(2, 6)).sum().backward()
    assert x.grad.tolist() == [[3, 12], [21, 30]]
    assert x.repeat_interleave(0).tolist() == [] and x.t().repeat_interleave(2, 0).tolist() == [
        [1, 3],
        [1, 3],
        [2, 4],
        [2, 4],
    ]
    for wrong in ({"repeats": -1}, {"repeats": 2, "output_size": 3}):
        with pytest.raises(RuntimeError, match="repeat"):
            x.repeat_interleave(**wrong)
