"""Cross entropy as one op gives what log-softmax and the choice of classes give, compiled or not, and PyTorch's values."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning

RNG = np.random.default_rng(0)
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
THRESHOLDS = ("COMPILED_WORTH", "ROWS_WORTH_THREADS")
SETTINGS = [{}, {"reduction": "sum"}, {"reduction": "none"}, {"ignore_index": 2}, {"weight": True, "ignore_index": 1}]


def loss_and_gradient(library, x, classes, weight=False, reduction="mean", **settings):
    """The loss, and the gradient of the scores for ∂L/∂loss = 1, 2, …"""
    leaf = library.tensor(x, requires_grad=True)
    w = library.arange(1, x.shape[1] + 1).to(leaf.dtype) if weight else None
    loss = library.nn.functional.cross_entropy(leaf, library.tensor(classes), w, reduction=reduction, **settings)
    loss.backward(library.arange(1, loss.numel() + 1).to(leaf.dtype).reshape(loss.shape))
    return loss.detach().numpy(), leaf.grad.numpy()


@pytest.fixture
def in_one_op(monkeypatch):
    """A function that runs another with the ordinary ops, then with small arrays too as one op."""

    def run(function):
        expected = function()
        with monkeypatch.context() as patch:
            patch.setattr(tuning, "ROWS_WORTH_THREADS", 1)
            return function(), expected

    return run


def agree(found, expected, dtype):
    for here, there in zip(found, expected, strict=True):
        assert here.dtype == there.dtype == dtype
        np.testing.assert_allclose(here, there, rtol=20 * TOLERANCE[dtype], atol=20 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("shape", [(1, 3), (7, 5), (33, 130)])
def test_it_is_log_softmax_and_a_choice(in_one_op, both, shape, settings, dtype):
    x, classes = (RNG.standard_normal(shape) * 20).astype(dtype), RNG.integers(0, shape[1], shape[0])
    for way in (in_one_op, both):
        agree(*way(lambda: loss_and_gradient(metagrad, x, classes, **settings)), dtype)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("settings", SETTINGS)
def test_it_is_pytorchs(both, torch, settings, dtype):
    x, classes = (RNG.standard_normal((9, 37)) * 20).astype(dtype), RNG.integers(0, 37, 9)
    x[0, 3], x[1, 0], x[2, 5], x[3] = np.inf, -np.inf, np.nan, 1e30
    classes[:3] = 3, 0, 1
    for found in both(lambda: loss_and_gradient(metagrad, x, classes, **settings)):
        agree(found, loss_and_gradient(torch, x, classes, **settings), dtype)


def test_by_hand(both):
    found, expected = both(lambda: loss_and_gradient(metagrad, np.array([[0.0, 0.0], [0.0, 100.0]]), np.array([0, 1])))
    for loss, gradient in (found, expected):
        np.testing.assert_allclose(loss, np.log(2) / 2)
        np.testing.assert_allclose(gradient, [[-0.25, 0.25], [0.0, 0.0]], atol=1e-12)


def test_classes_out_of_range_are_refused_and_strided_scores_taken(in_one_op):
    x = RNG.standard_normal((6, 8))
    for given in (x.T, x[:, ::2], x[1:4]):
        classes = metagrad.tensor(RNG.integers(0, given.shape[1], len(given)))
        pair = in_one_op(
            lambda g=given, c=classes: metagrad.nn.functional.cross_entropy(metagrad.from_numpy(g), c).numpy()
        )
        np.testing.assert_allclose(*pair, rtol=1e-12)

    def refused():
        with pytest.raises(IndexError, match="out of bounds"):
            metagrad.nn.functional.cross_entropy(metagrad.zeros(2, 3), metagrad.tensor([0, 3]))

    in_one_op(refused)


def test_second_derivative(in_one_op):
    x = RNG.standard_normal((4, 5))

    def run():
        leaf = metagrad.tensor(x, requires_grad=True)
        loss = metagrad.nn.functional.cross_entropy(leaf, metagrad.tensor([0, 4, 2, 2]), reduction="none")
        (first,) = metagrad.autograd.grad((loss * loss).sum(), leaf, create_graph=True)
        return metagrad.autograd.grad((first * first).sum(), leaf)[0].numpy()

    np.testing.assert_allclose(*in_one_op(run), rtol=1e-9, atol=1e-12)
