"""Norms of large arrays in one op give what their formulas in ordinary ops give, compiled or not, and PyTorch's values."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.kernels.compiled import choice

F = metagrad.nn.functional
RNG = np.random.default_rng(0)
TOLERANCE = {"float32": 2e-4, "float64": 1e-10}
THRESHOLDS = ("COMPILED_WORTH", "ROWS_WORTH_THREADS")
CHANNELS = {
    "batch": lambda lib, x, w, b: lib.nn.functional.batch_norm(x, None, None, w, b, training=True),
    "evaluated": lambda lib, x, w, b: lib.nn.functional.batch_norm(
        x, x.detach().mean((0, *range(2, x.ndim))) + 1, x.detach().var((0, *range(2, x.ndim))), w, b
    ),
    "group": lambda lib, x, w, b: lib.nn.functional.group_norm(x, 3, w, b, eps=1e-3),
    "instance": lambda lib, x, w, b: lib.nn.functional.instance_norm(x, None, None, w, b),
}
ROWS = {
    "rms": lambda lib, x, w: lib.nn.functional.rms_norm(x, (x.shape[-1],), w),
    "rms, eps": lambda lib, x, w: lib.nn.functional.rms_norm(x, (x.shape[-1],), w, 0.1),
    "layer": lambda lib, x, w: lib.nn.functional.layer_norm(x, (x.shape[-1],), w),
}


@pytest.fixture
def in_one_op(monkeypatch):
    """A function that runs another with the ordinary ops, then with small arrays too as one op."""

    def run(function):
        expected = function()
        with monkeypatch.context() as patch:
            for threshold in THRESHOLDS:
                patch.setattr(tuning, threshold, 1)
            return function(), expected

    return run


def with_gradients(library, function, x, g, *weights):
    """The result, and the gradients of x and of the weights, which may be None, for ∂L/∂z = g."""
    leaves = [None if v is None else library.tensor(v, requires_grad=True) for v in (x, *weights)]
    z = function(library, *leaves)
    z.backward(library.tensor(g))
    return [z.detach().numpy(), *[leaf.grad.numpy() for leaf in leaves if leaf is not None]]


def agree(found, expected, dtype):
    for here, there in zip(found, expected, strict=True):
        assert here.dtype == there.dtype == dtype
        np.testing.assert_allclose(here, there, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def numbers(shape, dtype):
    """x and ∂L/∂z; x far from 0, so that a sum of squares would lose the digits of the variance."""
    return [(RNG.standard_normal(shape) + shift).astype(dtype) for shift in (20.0, 0.0)]


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(1, 3, 17), (4, 6, 5, 7), (2, 9, 4, 4, 3)])
@pytest.mark.parametrize("name", list(CHANNELS))
def test_norms_of_channels(in_one_op, both, name, shape, affine, dtype):
    x, g = numbers(shape, dtype)
    weights = [RNG.standard_normal(shape[1]).astype(dtype) if affine else None for _ in range(2)]

    def run():
        return with_gradients(metagrad, CHANNELS[name], x, g, *weights)

    agree(*in_one_op(run), dtype)
    agree(*both(run), dtype)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(2, 1), (7, 5), (33, 65), (300, 3)])
def test_batch_norm_of_rows(in_one_op, both, threads, shape, affine, dtype):
    x, g = numbers(shape, dtype)
    weights = [RNG.standard_normal(shape[1]).astype(dtype) if affine else None for _ in range(2)]

    def run():
        return with_gradients(metagrad, CHANNELS["batch"], x, g, *weights)

    if shape[0] > 2:  # of two numbers, what is left of the gradient is rounding errors
        agree(*in_one_op(run), dtype)
        agree(*both(run), dtype)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_batch_norm_of_rows_is_pytorchs(both, torch, dtype):
    x, g = numbers((40, 6), dtype)
    weights = [RNG.standard_normal(6).astype(dtype) for _ in range(2)]
    for found in both(lambda: with_gradients(metagrad, CHANNELS["batch"], x, g, *weights)):
        agree(found, with_gradients(torch, CHANNELS["batch"], x, g, *weights), dtype)


def test_batch_norm_of_rows_twice_and_by_finite_differences(in_one_op):
    x, w, b = (metagrad.tensor(RNG.standard_normal(s), requires_grad=True) for s in ((5, 3), (3,), (3,)))

    def both_orders():
        function = lambda *v: CHANNELS["batch"](metagrad, *v)  # noqa: E731
        return metagrad.autograd.gradcheck(function, (x, w, b)) and metagrad.autograd.gradgradcheck(function, (x, w, b))

    assert all(in_one_op(both_orders))


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("name", list(CHANNELS))
def test_norms_of_channels_are_pytorchs(both, torch, name, dtype):
    x, g = numbers((4, 6, 5, 7), dtype)
    weights = [RNG.standard_normal(6).astype(dtype) for _ in range(2)]
    found, _ = both(lambda: with_gradients(metagrad, CHANNELS[name], x, g, *weights))
    agree(found, with_gradients(torch, CHANNELS[name], x, g, *weights), dtype)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(5, 1), (1, 7), (3, 2, 33), (40, 129)])
@pytest.mark.parametrize("name", list(ROWS))
def test_norms_of_rows(in_one_op, both, name, shape, affine, dtype):
    x, g = numbers(shape, dtype)
    w = RNG.standard_normal(shape[-1]).astype(dtype) if affine else None

    def run():
        return with_gradients(metagrad, ROWS[name], x, g, w)

    if shape[-1] > 1 or name != "layer":  # the rounding errors of a lone number's variance are all that there is
        agree(*in_one_op(run), dtype)
        agree(*both(run), dtype)


@pytest.mark.parametrize("shift", [0.0, 0.8, 1.5, 30.0, 1e5])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(300, 600), (5000, 33)])
def test_layer_norm_of_many_numbers_loses_no_digits(monkeypatch, threads, shape, affine, shift):
    monkeypatch.setattr(choice, "available", lambda: False)
    rng = np.random.default_rng(0)
    x, g, w, b = (rng.standard_normal(s).astype(np.float32) for s in (shape, shape, shape[1], shape[1]))
    x[: shape[0] // 3] += np.float32(shift)  # some chunks of rows lie about 0, and others do not
    weights = (w, b) if affine else (None, None)

    def run(*dtype):
        arrays = [None if v is None else v.astype(*dtype) if dtype else v for v in (x, g, *weights)]
        return with_gradients(metagrad, lambda lib, x, w, b: lib.nn.functional.layer_norm(x, shape[1:], w, b), *arrays)

    for here, there in zip(run(), run(np.float64), strict=True):
        assert np.abs(here - there).max() <= 3e-6 * np.abs(there).max()


def test_a_root_mean_square_by_hand(both):
    def run():
        return F.rms_norm(metagrad.tensor([[3.0, 4.0], [0.0, 0.0]]), (2,), eps=0.0).tolist()

    found, expected = both(run)
    np.testing.assert_allclose(found[0], [0.8485281, 1.1313708], rtol=1e-6)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("name", [*CHANNELS, "rms"])
def test_second_derivatives(in_one_op, name):
    x, w, b = RNG.standard_normal((2, 3, 16)), RNG.standard_normal(3), RNG.standard_normal(3)

    def run():
        leaf, weight, bias = (metagrad.tensor(v, requires_grad=True) for v in (x, w, b))
        if name == "rms":
            z, leaves = (
                F.rms_norm(leaf, (3, 16), metagrad.outer(weight, metagrad.ones(16, dtype=weight.dtype))),
                [leaf, weight],
            )
        else:
            z, leaves = CHANNELS[name](metagrad, leaf, weight, bias), [leaf, weight]
        first = metagrad.autograd.grad((z * z * z).sum(), leaves, create_graph=True)
        second = metagrad.autograd.grad(sum((a * a).sum() for a in first), leaves)
        return [a.detach().numpy() for a in (*first, *second)]

    for found, expected in zip(*in_one_op(run), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", [n for n in CHANNELS if n != "evaluated"])
def test_gradients_by_finite_differences(in_one_op, name):
    x, w, b = (metagrad.tensor(RNG.standard_normal(s), requires_grad=True) for s in ((2, 3, 16), (3,), (3,)))
    assert all(in_one_op(lambda: metagrad.autograd.gradcheck(lambda *v: CHANNELS[name](metagrad, *v), (x, w, b))))


@pytest.mark.parametrize(("norm", "shape"), [("BatchNorm1d", (40, 3)), ("BatchNorm2d", (4, 3, 5, 5))])
def test_running_values_move_as_without(in_one_op, both, norm, shape):
    x = (RNG.standard_normal(shape) + 7).astype(np.float32)

    def run():
        layer = getattr(metagrad.nn, norm)(3, momentum=0.3)
        for _ in range(3):
            layer(metagrad.tensor(x))
        return layer.running_mean.numpy(), layer.running_var.numpy()

    for pair in (in_one_op(run), both(run)):
        for found, expected in zip(*pair, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("name", list(CHANNELS))
def test_channels_that_lie_otherwise_and_what_is_not_finite(in_one_op, both, name):
    x = RNG.standard_normal((3, 6, 4, 5)).astype(np.float32)
    x[0, 1, 2, 3], x[1, 2, 0, 0] = np.nan, np.inf
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for given in (x, last, x[:, :, ::2]):

        def run(given=given):
            return CHANNELS[name](metagrad, metagrad.from_numpy(given), None, None).numpy()

        for found, expected in (in_one_op(run), both(run)):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 0)])
@pytest.mark.parametrize("name", ["layer_norm", "rms_norm", "softmax", "log_softmax"])
def test_no_rows_and_rows_of_nothing(both, name, shape):
    def run():
        x = metagrad.zeros(shape, requires_grad=True)
        further = (shape[1:],) if name.endswith("norm") else (-1,)
        y = getattr(metagrad.nn.functional, name)(x, *further)
        y.sum().backward()
        return y.shape, x.grad.shape

    for found in both(run):
        assert found == (shape, shape)


@pytest.mark.parametrize("shift", [0.0, 3.0, 30.0, 3000.0])
@pytest.mark.parametrize("shape", [(300, 40), (600, 300), (8, 6, 16, 24)], ids=str)
@pytest.mark.parametrize("name", ["batch", "evaluated", "group", "layer"])
def test_numpys_passes_are_near_wherever_the_mean_is(in_one_op, monkeypatch, name, shape, shift):
    if name == "group" and len(shape) == 2:
        pytest.skip("rows have no groups")
    monkeypatch.setattr(choice, "available", lambda: False)
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal(shape) + shift).astype(np.float32), rng.standard_normal(shape).astype(np.float32)
    channels = shape[1] if name != "layer" else shape[-1]
    weights = [(rng.standard_normal(channels) + 1).astype(np.float32) for _ in range(2 if name != "layer" else 1)]
    function = (ROWS if name == "layer" else CHANNELS)[name]
    exact = with_gradients(
        metagrad, function, x.astype(np.float64), g.astype(np.float64), *[w.astype(np.float64) for w in weights]
    )
    found, _ = in_one_op(lambda: with_gradients(metagrad, function, x, g, *weights))
    for here, there in zip(found, exact, strict=True):
        scale = np.abs(there).max()
        np.testing.assert_allclose(here / scale, there / scale, rtol=0, atol=6e-6 + 1.2e-6 * shift)


def test_large_numbers_that_are_all_the_same_have_no_nan(monkeypatch):
    monkeypatch.setattr(choice, "available", lambda: False)
    F = metagrad.nn.functional
    for shape in ((8, 16, 40, 40), (5120, 40)):
        assert not F.batch_norm(metagrad.full(shape, 3e19), None, None, training=True).isnan().any()
    assert not F.group_norm(metagrad.full((8, 16, 40, 40), 1e19), 4).isnan().any()
