"""What programs written for PyTorch are in the habit of doing, each the same in both libraries."""

import numpy as np
import pytest

import metagrad
from metagrad.utils.checkpoint import checkpoint

nn = metagrad.nn


def test_a_shape_makes_a_tensor_to_be_filled():
    assert [tuple(metagrad.Tensor(*size).shape) for size in [(3,), (2, 3), (metagrad.Size([2, 2]),), ()]] == [
        (3,), (2, 3), (2, 2), (0,)
    ]  # fmt: skip
    assert nn.Parameter(metagrad.Tensor(4)).dtype is metagrad.float32


@pytest.mark.parametrize(("grad", "error"), [
    (1, TypeError), (np.ones(3, np.float32), TypeError), (metagrad.ones(2), RuntimeError),
    (metagrad.ones(3, dtype=metagrad.float64), RuntimeError),
])  # fmt: skip
def test_a_gradient_that_does_not_fit_is_refused(grad, error):
    x = metagrad.ones(3, requires_grad=True)
    with pytest.raises(error, match="assigned grad|attempting to assign a gradient"):
        x.grad = grad
    assert x.grad is None
    x.grad = metagrad.ones(3)
    assert x.grad.tolist() == [1, 1, 1]
    del x.grad
    assert x.grad is None


def test_recording_is_off_in_a_generator_from_yield_to_yield():
    @metagrad.no_grad()
    def numbers():
        got = yield metagrad.is_grad_enabled()
        try:
            yield got, metagrad.is_grad_enabled()
        except KeyError:
            yield "caught", metagrad.is_grad_enabled()
        return 7

    def outer():
        return (yield from numbers())

    running = outer()
    assert next(running) is False and metagrad.is_grad_enabled()
    assert running.send(5) == (5, False) and metagrad.is_grad_enabled()
    assert running.throw(KeyError("x")) == ("caught", False)
    with pytest.raises(StopIteration) as end:
        next(running)
    assert end.value.value == 7
    closed = numbers()
    next(closed)
    closed.close()
    assert metagrad.is_grad_enabled()


def test_set_grad_enabled_as_a_decorator():
    @metagrad.set_grad_enabled(False)
    def inside():
        return metagrad.is_grad_enabled()

    assert metagrad.is_grad_enabled() and inside() is False and metagrad.is_grad_enabled()
    with metagrad.no_grad():
        inside()
        assert not metagrad.is_grad_enabled()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_a_number_that_no_integer_holds_is_refused(value):
    x = metagrad.tensor([1, 2])
    for write in (lambda: x.__setitem__(0, value), lambda: x.fill_(value)):
        with pytest.raises(RuntimeError, match="overflow"):
            write()
    assert x.tolist() == [1, 2]
    x[0] = 1.7
    assert x.tolist() == [1, 2]


def test_one_element_in_the_place_of_one():
    x = metagrad.zeros(2, 2)
    x[0, 1] = metagrad.tensor([7.0])
    x[1, 0] = metagrad.tensor([[8.0]])
    x[1] += metagrad.tensor([1.0])
    with metagrad.no_grad():
        x[0, 0] = nn.Linear(2, 1, bias=False)(metagrad.zeros(1, 2))
    assert x.tolist() == [[0, 7], [9, 1]]


def test_results_into_tensors_that_are_there():
    out = metagrad.zeros(2)
    for name in ("add", "mul", "maximum"):
        assert getattr(metagrad, name)(metagrad.ones(2), metagrad.full((2,), 2.0), out=out) is out
    assert out.tolist() == [2, 2]
    assert metagrad.sin(metagrad.zeros(2), out=out).tolist() == [0, 0]
    assert metagrad.sum(metagrad.ones(3, 2), dim=0, out=out) is out and out.tolist() == [3, 3]
    assert metagrad.special.expit(metagrad.zeros(2), out=out).tolist() == [0.5, 0.5]
    matrix = metagrad.zeros(2, 2)
    assert metagrad.linalg.inv(metagrad.eye(2) * 2, out=matrix) is matrix and matrix[0, 0] == 0.5
    with pytest.raises(RuntimeError, match="automatic differentiation"):
        metagrad.exp(metagrad.ones(2, requires_grad=True), out=out)


def test_checkpoints_of_results_in_structures():
    x = metagrad.ones(2, requires_grad=True)
    result = checkpoint(lambda a: {"twice": a * 2, "more": [a * 3, "text"]}, x, use_reentrant=False)
    assert result["more"][1] == "text"
    (result["twice"] + result["more"][0]).sum().backward()
    assert x.grad.tolist() == [5, 5]
    first, word = checkpoint(lambda a: (a * 2, "word"), x, use_reentrant=False)
    first.sum().backward()
    assert word == "word" and x.grad.tolist() == [7, 7]


def test_chains_added_and_repeated():
    a, b = nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh(), nn.Sigmoid())
    assert [type(m).__name__ for m in a + b] == ["ReLU", "Tanh", "Sigmoid"]
    assert len(b * 2) == len(2 * b) == 4
    for bad in (lambda: a * 0, lambda: a + 1, lambda: a * 1.5):
        with pytest.raises((TypeError, ValueError)):
            bad()
