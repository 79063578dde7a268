"""Gradients that are constant, piece by piece, in an input: part of its graph, as PyTorch's are, with zeros for their own."""

import pytest

import metagrad
from metagrad.autograd.targets import nodes_behind
from metagrad.nn import functional as F

VALUES = [[-2.0, -0.25, 0.25, 2.0, 4.0, -4.0]]

STEPS = {
    "relu": metagrad.relu,
    "relu6": F.relu6,
    "leaky_relu": F.leaky_relu,
    "rrelu": F.rrelu,
    "hardtanh": F.hardtanh,
    "hardshrink": metagrad.hardshrink,
    "softshrink": F.softshrink,
    "threshold": lambda x: F.threshold(x, 0.1, 3.0),
    "prelu": lambda x: F.prelu(x, metagrad.tensor([0.5])),
    "copysign": lambda x: metagrad.copysign(x, -1.0),
    "max_pool": lambda x: F.max_pool1d(x, 2),
    "adaptive_max_pool": lambda x: F.adaptive_max_pool1d(x, 4),
    "fractional_max_pool": lambda x: F.fractional_max_pool2d(x.reshape(1, 2, 3), (1, 2), (2, 2)),
    "avg_pool": lambda x: F.avg_pool1d(x, 2),
    "adaptive_avg_pool": lambda x: F.adaptive_avg_pool1d(x, 4),
    "reflect": lambda x: F.pad(x, (1, 1), mode="reflect"),
    "replicate": lambda x: F.pad(x, (1, 1), mode="replicate"),
    "nll": lambda x: F.nll_loss(x, metagrad.tensor([1])),
    "in place": lambda x: metagrad.relu_(x * 1),
}


@pytest.mark.parametrize("name", STEPS)
def test_the_second_derivative_of_a_step_is_zeros(name):
    x = metagrad.tensor(VALUES, requires_grad=True)
    (g,) = metagrad.autograd.grad(STEPS[name](x).sum(), x, create_graph=True)
    assert g.requires_grad and not g.is_leaf
    (gg,) = metagrad.autograd.grad(g.sum(), x)
    assert gg.tolist() == [[0.0] * 6]


@pytest.mark.parametrize("name", STEPS)
def test_the_gradient_by_that_of_the_result_stays(name):
    x = metagrad.tensor(VALUES, requires_grad=True)
    y = STEPS[name](x)
    v = metagrad.ones_like(y).requires_grad_()
    (g,) = metagrad.autograd.grad(y, x, v, create_graph=True)
    gx, gv = metagrad.autograd.grad(g.sum(), (x, v))
    alone = metagrad.autograd.functional.jacobian(STEPS[name], x.detach()).sum(tuple(range(y.ndim, y.ndim + 2)))
    assert gx.tolist() == [[0.0] * 6]
    assert metagrad.allclose(gv, alone)


def test_zeros_reach_every_leaf_behind_the_step():
    w, b = metagrad.tensor([[1.0, -2.0]], requires_grad=True), metagrad.zeros(1, requires_grad=True)
    x = metagrad.tensor([[3.0, 1.0]], requires_grad=True)
    (g,) = metagrad.autograd.grad(F.linear(x, w, b).relu().sum(), x, create_graph=True)
    g.square().sum().backward()
    assert w.grad.tolist() == [[2.0, -4.0]]
    assert x.grad.tolist() == [[0.0, 0.0]] and b.grad.tolist() == [0.0]


def test_zeros_are_part_of_a_recorded_pass():
    x = metagrad.tensor([1.0, -1.0], requires_grad=True)
    hidden = x * 2
    (g,) = metagrad.autograd.grad(hidden.relu().sum(), hidden, create_graph=True)
    by_hidden, by_x = metagrad.autograd.grad(g.sum(), (hidden, x), create_graph=True)
    assert by_hidden.tolist() == by_x.tolist() == [0.0, 0.0]


def test_what_a_convolution_is_linear_in_has_no_second_derivative():
    x = metagrad.ones(1, 1, 3, requires_grad=True)
    (g,) = metagrad.autograd.grad(F.conv1d(x, metagrad.ones(1, 1, 2)).sum(), x, create_graph=True)
    assert g.requires_grad
    assert metagrad.autograd.grad(g.sum(), x, allow_unused=True) == (None,)
    g.sum().backward()
    assert x.grad is None


@pytest.mark.parametrize("function", [lambda x: x * 2, lambda x: F.pad(x, (1, 1), mode="circular"), metagrad.sign])
def test_other_linear_functions_are_not_connected(function):
    x = metagrad.tensor(VALUES, requires_grad=True)
    (g,) = metagrad.autograd.grad(function(x).sum(), x, create_graph=True)
    assert not g.requires_grad


def test_a_padded_row_has_no_second_derivative_either():
    w = metagrad.ones(3, 2, dtype=metagrad.float64, requires_grad=True)
    y = F.embedding(metagrad.tensor([0, 2, 2]), w, padding_idx=0)
    v = metagrad.ones_like(y).requires_grad_()
    (g,) = metagrad.autograd.grad(y, w, v, create_graph=True)
    assert metagrad.autograd.grad(g.sum(), v)[0].tolist() == [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]]


def test_the_gradient_of_ctc_is_recorded_and_has_none_itself():
    x = metagrad.zeros(4, 1, 3, requires_grad=True)
    loss = F.ctc_loss(x.log_softmax(-1), metagrad.tensor([[1, 2]]), (4,), (2,))
    (g,) = metagrad.autograd.grad(loss, x, create_graph=True)
    assert g.requires_grad and metagrad.isfinite(g).all()
    with pytest.raises(RuntimeError, match="derivative for aten::_ctc_loss_backward is not implemented"):
        g.sum().backward()


KEEPING = {
    "nll": lambda x: F.nll_loss(x, metagrad.tensor([1, 0])),
    "ctc": lambda x: F.ctc_loss(x[:, None].log_softmax(-1), metagrad.tensor([[1]]), (2,), (1,)),
    "bags": lambda x: F.embedding_bag(metagrad.tensor([[0, 1]]), x, mode="mean").sum(),
    "largest": lambda x: x.scatter_reduce(1, metagrad.tensor([[0], [1]]), metagrad.ones(2, 1), "amax").sum(),
    "lu": lambda x: metagrad.linalg.lu_factor(x)[0].sum(),
    "logit": lambda x: metagrad.logit(x).sum(),
}


@pytest.mark.parametrize("name", KEEPING)
def test_a_pass_frees_the_arrays_that_nodes_keep_beside(name):
    loss = KEEPING[name](metagrad.tensor([[0.5, 0.25], [0.25, 0.75]], requires_grad=True))
    nodes = nodes_behind([loss.grad_fn])

    def kept():
        return [
            key
            for node in nodes
            for key in ("classes", "work", "rows", "sharers", "pivots", "inside")
            if key in vars(node)
        ]

    assert kept()
    loss.backward()
    assert not kept()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_zeros_for_the_result_of_relu_itself_and_for_the_slope_of_prelu():
    x = metagrad.tensor([1.0, -2.0], requires_grad=True)
    y = x.relu()
    (g,) = metagrad.autograd.grad(y.sum(), x, create_graph=True)
    assert metagrad.autograd.grad(g.sum(), y)[0].tolist() == [0.0, 0.0]
    w = metagrad.tensor([0.25], requires_grad=True)
    by_x, by_w = metagrad.autograd.grad(F.prelu(x, w).sum(), (x, w), create_graph=True)
    assert [g.tolist() for g in metagrad.autograd.grad(by_x.sum(), (x, w), retain_graph=True)] == [[0.0, 0.0], [1.0]]
    assert [g.tolist() for g in metagrad.autograd.grad(by_w.sum(), (x, w))] == [[0.0, 1.0], [0.0]]
