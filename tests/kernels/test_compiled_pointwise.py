"""The compiled loops of activations and of softmax give what NumPy's formulas give."""

import numpy as np
import pytest

import metagrad

F = metagrad.nn.functional
RNG = np.random.default_rng(0)
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
THRESHOLDS = ("COMPILED_WORTH", "POINTWISE_LARGE", "ROWS_WORTH_THREADS")
ACTIVATIONS = {
    "sigmoid": metagrad.sigmoid, "silu": F.silu, "gelu": F.gelu, "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
    "erf": metagrad.erf, "logsigmoid": F.logsigmoid, "softplus": F.softplus,
    "softplus, other numbers": lambda x: F.softplus(x, 2.5, 7.0), "relu": metagrad.relu, "leaky relu": F.leaky_relu,
    "leaky relu, steep": lambda x: F.leaky_relu(x, 2.5), "leaky relu, falling": lambda x: F.leaky_relu(x, -0.5),
    "elu": F.elu, "celu": lambda x: F.celu(x, 0.7), "selu": F.selu, "hardtanh": lambda x: F.hardtanh(x, -0.5, 2.0),
    "relu6": F.relu6, "hardswish": F.hardswish, "rsqrt": metagrad.rsqrt,
    "glu": lambda x: F.glu(metagrad.cat([x, x.flip(0) * 0.5]), 0),
    "glu of rows": lambda x: F.glu(metagrad.cat([x, x * 0.5], -1)),
}  # fmt: skip
ROWS = {
    "softmax": lambda x: F.softmax(x, -1), "log_softmax": lambda x: F.log_softmax(x, -1),
}  # fmt: skip


def value_and_gradient(function, x, g):
    """The result, and the gradient of x for ∂L/∂y = g."""
    leaf = metagrad.tensor(x, requires_grad=True)
    y = function(leaf)
    y.backward(metagrad.tensor(g))
    return y.detach().numpy(), leaf.grad.numpy()


def numbers(shape, dtype):
    """Numbers of every size, zeros, and what is not finite."""
    x = (RNG.standard_normal(shape) * 10.0 ** RNG.integers(-3, 3, shape)).astype(dtype)
    if x.size > 9:
        x.reshape(-1)[:5] = 0.0, -0.0, np.inf, -np.inf, np.nan
    return x


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (33, 65), (3, 1, 129)])
@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activations(both, name, shape, dtype):
    x, g = numbers(shape, dtype), RNG.standard_normal(shape).astype(dtype)
    with np.errstate(all="ignore"):
        found, expected = both(lambda: value_and_gradient(ACTIVATIONS[name], x, g))
    for here, there in zip(found, expected, strict=True):
        assert here.dtype == there.dtype
        np.testing.assert_allclose(here, there, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_hooks_and_notes_of_an_activations_node_are_no_numbers_of_its_op(both, name):
    def gradients():
        x = metagrad.tensor(numbers((33, 65), "float32")[3:].clip(-3, 3), requires_grad=True)
        y = ACTIVATIONS[name](x)
        y.retain_grad()
        y.register_hook(lambda grad: 2 * grad)
        y.grad_fn.metadata["note"] = "anything"
        y.grad_fn.register_prehook(lambda grads: None)
        y.sum().backward()
        hooked, x.grad = x.grad.clone(), None
        ACTIVATIONS[name](x).sum().backward()
        assert (y.grad == 2).all()
        np.testing.assert_allclose(hooked.numpy(), 2 * x.grad.numpy(), rtol=1e-5, atol=1e-5)
        return hooked.numpy()

    both(gradients)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("last", [1.0, 0.0, -0.0, -1.0, np.nan])
def test_blocks_of_positive_numbers_need_no_exponential(both, last, dtype):
    for size in (1, 255, 256, 257, 1000):
        x, g = RNG.random(size).astype(dtype) + 1, RNG.standard_normal(size).astype(dtype)
        x[-1] = last
        for function in (F.elu, F.selu, lambda x: F.celu(x, 0.7), lambda x: F.elu(x, np.inf)):
            with np.errstate(all="ignore"):
                found, expected = both(lambda f=function, x=x, g=g: value_and_gradient(f, x, g))
            for here, there in zip(found, expected, strict=True):
                np.testing.assert_allclose(here, there, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (33, 65), (2, 3, 129), (0, 4)])
@pytest.mark.parametrize("name", list(ROWS))
def test_rows(both, name, shape, dtype):
    x, g = (RNG.standard_normal(shape).astype(dtype) * 20 for _ in range(2))
    found, expected = both(lambda: value_and_gradient(ROWS[name], x, g))
    for here, there in zip(found, expected, strict=True):
        assert here.dtype == there.dtype
        np.testing.assert_allclose(here, there, rtol=20 * TOLERANCE[dtype], atol=20 * TOLERANCE[dtype])


@pytest.mark.parametrize("name", list(ROWS))
def test_rows_with_what_is_not_finite(both, name):
    x = RNG.standard_normal((6, 40)).astype(np.float32)
    x[0, 3], x[1, 39], x[2, 7], x[3] = np.nan, np.inf, -np.inf, -np.inf
    x[4, :2] = np.inf
    with np.errstate(all="ignore"):
        found, expected = both(lambda: ROWS[name](metagrad.tensor(x)).numpy())
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [*ACTIVATIONS, *ROWS])
def test_strided_arrays_and_arrays_that_are_not_to_be_written(both, name):
    function, x = {**ACTIVATIONS, **ROWS}[name], RNG.standard_normal((24, 40))
    for given in (x.T, x[:, ::2]):
        found, expected = both(lambda given=given: function(metagrad.from_numpy(given)).numpy())
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    g = RNG.standard_normal((40, 24)).T

    def gradient():
        leaf = metagrad.tensor(x, requires_grad=True)
        function(leaf).backward(metagrad.from_numpy(g))
        return leaf.grad.numpy()

    np.testing.assert_allclose(*both(gradient), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if not any(part in n for part in ("relu", "hardtanh"))])
def test_in_a_recorded_backward_pass_the_formulas_are_used(both, name):
    x = RNG.standard_normal(50)

    def second():
        leaf = metagrad.tensor(x, requires_grad=True)
        (first,) = metagrad.autograd.grad(ACTIVATIONS[name](leaf).sum(), leaf, create_graph=True)
        return metagrad.autograd.grad((first * first).sum(), leaf)[0].numpy()

    found, expected = both(second)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("shape", [(1,), (33, 65), (3, 1, 129)])
def test_dropout(both, shape, dtype):
    x, g = numbers(shape, dtype), RNG.standard_normal(shape).astype(dtype)

    def run():
        metagrad.manual_seed(3)
        return value_and_gradient(lambda leaf: F.dropout(leaf, 0.3), x, g)

    with np.errstate(all="ignore"):
        found, expected = both(run)
    for here, there in zip(found, expected, strict=True):
        assert here.dtype == there.dtype
        np.testing.assert_allclose(here, there, rtol=TOLERANCE[dtype])


def test_dropout_of_columns_and_its_second_derivative(both):
    x, weights = RNG.standard_normal((24, 40)), RNG.standard_normal((40, 24))

    def run():
        metagrad.manual_seed(3)
        leaf = metagrad.tensor(x, requires_grad=True)
        y = F.dropout(leaf.T, 0.3)
        (first,) = metagrad.autograd.grad((y * y * metagrad.tensor(weights)).sum(), leaf, create_graph=True)
        (second,) = metagrad.autograd.grad((first * first).sum(), leaf)
        return y.detach().numpy(), first.detach().numpy(), second.numpy()

    for here, there in zip(*both(run), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-10, atol=1e-12)
