"""Tensors that share memory are different tensors to a node that saved one of them: second derivatives tell them apart."""

import pytest

import metagrad


def _product_with(twin):
    """d/dx of Σ x · twin(x), and of that gradient again."""
    x = metagrad.tensor([1.0, 2.0], requires_grad=True)
    (slope,) = metagrad.autograd.grad((x * twin(x)).sum(), x, create_graph=True)
    return slope


TWINS = {
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
    "Variable": lambda x: metagrad.autograd.Variable(x),
    "data set": lambda x: _with_data(x),
    "Parameter": lambda x: metagrad.nn.Parameter(x, requires_grad=False),
}


def _with_data(x):
    other = metagrad.zeros(2)
    other.data = x
    return other


@pytest.mark.parametrize("name", TWINS)
def test_the_slope_does_not_depend_on_a_constant_that_shares_memory(name):
    slope = _product_with(TWINS[name])
    assert slope.tolist() == [1.0, 2.0]
    assert not slope.requires_grad


def test_second_derivatives_of_a_result_and_its_detached_self():
    x = metagrad.tensor([0.0, 1.0], requires_grad=True)
    h = x.exp()
    (slope,) = metagrad.autograd.grad((h * h.detach()).sum(), x, create_graph=True)
    (second,) = metagrad.autograd.grad(slope.sum(), x)
    assert second.tolist() == pytest.approx([1.0, 7.389056], rel=1e-6)  # e^x · constant, differentiated once more


def test_one_tensor_given_twice_is_two_inputs_of_a_hessian_product():
    x, v = metagrad.tensor([1.0, 2.0]), metagrad.ones(2)
    f = lambda a, b: (a * b * b).sum()  # noqa: E731
    for product in (metagrad.autograd.functional.hvp, metagrad.autograd.functional.vhp):
        value, (by_a, by_b) = product(f, (x, x), (v, v))
        assert (value.item(), by_a.tolist(), by_b.tolist()) == (9.0, [2.0, 4.0], [4.0, 8.0])


@pytest.mark.oracle
def test_the_same_as_pytorch(torch):
    def second(library):
        x = library.tensor([1.0, 2.0], requires_grad=True)
        h = x.tanh()
        y = (h * h.detach() + x**3 * x.data + h / (1 + h.detach())).sum()
        (slope,) = library.autograd.grad(y, x, create_graph=True)
        return library.autograd.grad(slope.sum(), x)[0].tolist()

    assert second(metagrad) == pytest.approx(second(torch), rel=1e-5)
