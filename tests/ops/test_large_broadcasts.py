"""Large arrays are computed piece by piece: whatever shape the other operands have, the numbers and the shapes are NumPy's."""

import numpy as np
import pytest

import metagrad as mg

WHOLE = (4, 300, 250)
OTHERS = [
    (4, 300, 250), (300, 250), (1, 300, 250), (250,), (1, 250), (1, 1, 250), (300, 1), (4, 1, 1), (4, 1, 250), (1, 300, 1),
    (), (1,), (1, 1), (1, 1, 1), (1, 1, 1, 1), (2, 1, 1, 1), (1, 4, 300, 250),
]  # fmt: skip
NUMPYS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "maximum": np.maximum, "lt": np.less,
    "copysign": np.copysign, "atan2": np.arctan2, "pow": np.power,
}  # fmt: skip


def numbers(shape, seed=0):
    return np.asarray(np.random.default_rng(seed).uniform(0.5, 1.5, shape))


@pytest.mark.parametrize("other", OTHERS, ids=str)
@pytest.mark.parametrize("name", NUMPYS)
def test_binary_ops(name, other):
    assert np.prod(WHOLE) > mg.kernels.tuning.POINTWISE_LARGE
    for x, y in ((numbers(WHOLE), numbers(other, 1)), (numbers(other, 1), numbers(WHOLE))):
        found = getattr(mg, name)(mg.tensor(x), mg.tensor(y)).numpy()
        expected = NUMPYS[name](x, y)
        assert found.shape == expected.shape and found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_gradients_add_up_to_the_shape_of_each_operand(other):
    x, y = (mg.tensor(a, requires_grad=True) for a in (numbers(WHOLE), numbers(other, 1)))
    weights = numbers(np.broadcast_shapes(WHOLE, other), 2)
    (x * y * mg.tensor(weights)).sum().backward()
    for own, them in ((x, y), (y, x)):
        whole = np.broadcast_to(them.detach().numpy(), weights.shape) * weights
        extra = whole.ndim - own.ndim
        summed = whole.sum(tuple(range(extra)))
        summed = summed.sum(tuple(i for i, n in enumerate(own.shape) if n == 1), keepdims=True)
        np.testing.assert_allclose(own.grad.numpy(), summed, rtol=1e-10)


@pytest.mark.parametrize("condition", OTHERS, ids=str)
@pytest.mark.parametrize("other", [(300, 250), (250,), (1, 1), (4, 1, 1)], ids=str)
def test_where(condition, other):
    c, x, y = numbers(condition) > 1, numbers(WHOLE, 1), numbers(other, 2)
    expected = np.where(c, x, y)
    assert np.array_equal(mg.where(mg.tensor(c), mg.tensor(x), mg.tensor(y)).numpy(), expected)
    assert np.array_equal(mg.where(mg.tensor(c), mg.tensor(y), mg.tensor(x)).numpy(), np.where(c, y, x))
    found = mg.tensor(x).masked_fill(mg.tensor(c), 0.0).numpy()
    assert np.array_equal(found, np.where(c, 0.0, x))


@pytest.mark.parametrize("other", [o for o in OTHERS if len(o) <= 3], ids=str)
def test_in_place(other):
    x, y = numbers(WHOLE), numbers(other, 1)
    target = mg.tensor(x)
    assert target.mul_(mg.tensor(y)).sub_(mg.tensor(y)) is target
    np.testing.assert_allclose(target.numpy(), x * y - y, rtol=1e-12)


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_ops_of_three(other):
    x, y, z = numbers(WHOLE), numbers(other, 1), numbers((300, 250), 2)
    np.testing.assert_allclose(mg.lerp(mg.tensor(x), mg.tensor(y), mg.tensor(z)).numpy(), x + z * (y - x), rtol=1e-12)
    np.testing.assert_allclose(
        mg.addcmul(mg.tensor(x), mg.tensor(y), mg.tensor(z), value=2).numpy(), x + 2 * y * z, rtol=1e-12
    )


@pytest.mark.parametrize("dtype", ["int64", "int32", "float16", "float32"])
def test_columns_beside_numbers_of_any_dtype(dtype):
    x, column, row = ((9 * numbers(shape, i)).astype(dtype) for i, shape in enumerate([(900, 700), (900, 1), (700,)]))
    a, b, c = map(mg.tensor, (x, column, row))
    expected = np.where(column < 9, x, column)
    for _ in range(2):  # the second time by what was kept
        assert np.array_equal(mg.where(b < 9, a, b).numpy(), expected)
        assert np.array_equal((a * b).numpy(), x * column)
        assert np.array_equal((b - a).numpy(), column - x)
        assert np.array_equal(mg.where(b < 9, a, c).numpy(), np.where(column < 9, x, row))
    if x.dtype.kind == "f":
        a.requires_grad_()
        mg.hypot(a, b).backward(mg.ones_like(a))
        np.testing.assert_allclose(a.grad.numpy(), x / np.hypot(x, column), rtol=1e-2 if dtype == "float16" else 1e-5)


def test_triangles_of_a_stack_of_matrices():
    x = mg.tensor(numbers((10, 52, 1030))).transpose(0, 1).contiguous().transpose(0, 1)
    assert np.array_equal(x.tril().numpy(), np.tril(x.numpy()))


def test_gradients_summed_over_many_rows_keep_their_digits():
    weight = mg.ones(3, requires_grad=True)
    x = mg.tensor(numbers((200_000, 3)).astype("float32"))
    (x * weight).sum().backward()
    np.testing.assert_allclose(weight.grad.numpy(), x.numpy().astype("float64").sum(0), rtol=1e-5)


@pytest.mark.parametrize(
    "shapes", [[(250,), (250,), WHOLE], [(300, 1), (300, 1), WHOLE], [(1,), WHOLE, (250,)]], ids=str
)
def test_lerp_by_weights_of_another_shape_than_the_ends(shapes):
    x, y, w = (numbers(shape, seed) for seed, shape in enumerate(shapes))
    found = mg.lerp(*map(mg.from_numpy, (x, y, w))).numpy()
    np.testing.assert_allclose(found, x + w * (y - x), atol=1e-12)
