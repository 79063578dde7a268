"""Pointwise ops cut into pieces give what they give in one piece."""

import gc
import weakref

import numpy as np
import pytest
from tests.ops.rows import flat, outcome
from tests.ops.table import ROWS
from tests.ops.test_table import function_of

import metagrad
from metagrad.kernels import chunked_formula, fusion, one_call, tuning
from metagrad.kernels.compiled import choice
from metagrad.ops.pointwise.chunked import Pointwise


def elementwise_names():
    """The public functions that apply a ``Pointwise`` op, by the name of the op."""
    return {op.__name__.lower() for op in Pointwise.__subclasses__()}


CALLS = [(row, i, call) for row in ROWS for i, call in enumerate(row.calls)]
ELEMENTWISE = [
    pytest.param(row, call, id=f"{row.name}-{i}")
    for row, i, call in CALLS
    if row.name.split(".")[-1].replace("_", "")
    in elementwise_names() | {"floor", "sign", "maximum", "clampmin", "rsub"}
]


@pytest.mark.parametrize("layout", ["plain", "strided"])
@pytest.mark.parametrize(("row", "call"), ELEMENTWISE)
def test_pieces_give_the_same(row, call, layout, monkeypatch):
    expected = outcome(metagrad, function_of(metagrad, row), call, "float64", layout)
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 3)
    monkeypatch.setattr(tuning, "POINTWISE_CHUNK", 2)
    found = outcome(metagrad, function_of(metagrad, row), call, "float64", layout)
    assert found.error is expected.error
    for ours, theirs in zip(
        flat(found.values + found.gradients), flat(expected.values + expected.gradients), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_large_arrays_are_cut(monkeypatch):
    monkeypatch.setattr(choice, "available", lambda: False)  # compiled loops are not
    counts = []
    share_out, map_chunks = chunked_formula.share_out, one_call.map_chunks
    monkeypatch.setattr(
        chunked_formula, "share_out", lambda work, cuts: counts.append(len(cuts)) or share_out(work, cuts)
    )
    monkeypatch.setattr(one_call, "map_chunks", lambda work, cuts: counts.append(len(cuts)) or map_chunks(work, cuts))
    x = metagrad.ones(1000, 1000, requires_grad=True)
    y = (x * metagrad.ones(1000)).tanh()
    y.backward(metagrad.ones(1000, 1000))
    assert counts[0] >= 2  # the product, read once
    assert counts[2] == -(-(10**6) // tuning.POINTWISE_CHUNK)  # the gradient of tanh
    np.testing.assert_allclose(x.grad.numpy(), 1 - np.tanh(1.0) ** 2, rtol=1e-6)


IN_PLACE = {
    "add_": (2.5,), "sub_": (2.5,), "mul_": (2.5,), "div_": (2.5,), "pow_": (2,), "neg_": (), "exp_": (), "log_": (),
    "sqrt_": (), "rsqrt_": (), "reciprocal_": (), "sin_": (), "cos_": (), "tanh_": (), "sigmoid_": (), "relu_": (),
    "abs_": (), "clamp_": (0.2, 0.6), "clamp_min_": (0.5,), "clamp_max_": (0.5,), "lerp_": (metagrad.ones(6), 0.3),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_PLACE)
def test_a_large_result_is_written_where_it_belongs(name, monkeypatch):
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 3)
    monkeypatch.setattr(tuning, "POINTWISE_CHUNK", 2)
    x = metagrad.tensor([0.1, 0.25, 0.4, 0.5, 0.7, 0.9])
    expected = getattr(x, name.removesuffix("_"))(*IN_PLACE[name])
    array = x.array
    assert getattr(x, name)(*IN_PLACE[name]) is x
    assert x.array is array
    assert x._version == 1
    np.testing.assert_array_equal(array, expected.numpy())


@pytest.mark.parametrize("write", [
    lambda x: x.add_(x, alpha=2), lambda x: x.mul_(x),
    lambda x: x.sub_(x.flip(0)), lambda x: x[::2].add_(x[1::2]), lambda x: x.clamp_(x.flip(0), x),
    lambda x: x.pow_(x), lambda x: x.lerp_(x.flip(0), x),
])  # fmt: skip
def test_a_write_that_reads_what_it_writes(write, monkeypatch):
    x, y = metagrad.tensor([0.1, 0.9, 0.4, 0.5, 0.7, 0.2]), metagrad.tensor([0.1, 0.9, 0.4, 0.5, 0.7, 0.2])
    write(x)
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 3)
    monkeypatch.setattr(tuning, "POINTWISE_CHUNK", 2)
    write(y)
    np.testing.assert_array_equal(y.numpy(), x.numpy())


def test_a_large_write_into_the_graph_is_recorded(monkeypatch):
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 3)
    x = metagrad.tensor([0.1, 0.9, 0.4, 0.5], requires_grad=True)
    y = x * 2
    y.exp_().mul_(x)
    y.sum().backward()
    a = x.detach().numpy()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(2 * a) * (1 + 2 * a), rtol=1e-6)


def test_memory_goes_when_its_tensors_go():
    gc.collect()
    gc.disable()
    try:
        x = metagrad.ones(600, 600, requires_grad=True)
        y = x.tanh()
        array = weakref.ref(y.array)
        y.backward(metagrad.ones(600, 600))
        del y
        assert array() is None
    finally:
        gc.enable()


def test_an_error_in_a_piece_is_raised(monkeypatch):
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 3)
    monkeypatch.setattr(tuning, "POINTWISE_CHUNK", 2)

    class Failing(Pointwise):
        def forward(self, x):
            if np.max(x) > 5:
                raise FloatingPointError("here")
            return x

    with pytest.raises(FloatingPointError, match="here"):
        Failing.apply(metagrad.arange(10.0))


@pytest.mark.parametrize("p", [0.001, 0.1, 0.5, 0.9])
def test_large_dropout_keeps_the_mean_and_its_gradient_is_its_mask(p):
    metagrad.manual_seed(0)
    x = metagrad.ones(1000, 600, requires_grad=True)
    y = metagrad.nn.functional.dropout(x, p)
    y.sum().backward()
    share = (y == 0).double().mean().item()
    assert abs(share - p) < 5 * (p * (1 - p) / 600_000) ** 0.5
    np.testing.assert_allclose(np.unique(y.detach().numpy()), [0, 1 / (1 - p)], rtol=1e-6)
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


@pytest.mark.parametrize("slope", [0.25, 1.0, 2.0, 0.0, -0.5])
def test_a_learned_slope_of_large_arrays_is_that_of_small_ones(monkeypatch, slope):
    x = np.array([3.0, -2.0, 0.0, -0.0, np.inf, -np.inf, np.nan, 1e-30], np.float32)

    def run():
        a, w = metagrad.tensor(x, requires_grad=True), metagrad.tensor([slope], requires_grad=True)
        y = metagrad.nn.functional.prelu(a, w)
        y[:4].sum().backward()
        return y.detach().numpy(), a.grad.numpy(), w.grad.numpy()

    small = run()
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 3)
    for found, expected in zip(run(), small, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_elu_and_its_gradient_where_numbers_are_special():
    x = metagrad.tensor([3.0, 0.0, -1.0, float("inf"), -float("inf"), float("nan")], requires_grad=True)
    y = metagrad.nn.functional.elu(x)
    y.nan_to_num(0.0, 5.0).sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), [3.0, 0.0, -0.6321205588, np.inf, -1.0, np.nan], rtol=1e-6)
    np.testing.assert_allclose(x.grad.numpy(), [1.0, 1.0, 0.3678794412, 0.0, 0.0, np.nan], rtol=1e-6)


@pytest.mark.parametrize("weights", [(0.1, 0.4), (0.5, 2.0), (-1.0, 0.3), (-3.0, -0.6)])
def test_lerp_goes_from_the_nearer_end(monkeypatch, weights):
    monkeypatch.setattr(choice, "available", lambda: False)
    monkeypatch.setattr(fusion, "available", lambda: False)
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((600, 500)).astype(np.float32) for _ in range(2))
    w = rng.uniform(*weights, (600, 500)).astype(np.float32)
    w[0, :3] = 0, 1, np.nan
    far = np.abs(w) >= 0.5
    expected = np.where(far, y, x) + (w - far.astype(np.float32)) * (y - x)
    found = metagrad.lerp(*[metagrad.from_numpy(a) for a in (x, y, w)]).numpy()
    np.testing.assert_array_equal(found, expected)
    assert found[0, 0] == x[0, 0] and found[0, 1] == y[0, 1]


@pytest.mark.parametrize("slope", [0.01, 1.0, -0.5, 2.0])
def test_the_gradient_of_leaky_relu(monkeypatch, slope):
    monkeypatch.setattr(choice, "available", lambda: False)
    monkeypatch.setattr(fusion, "available", lambda: False)
    x, grad = (np.random.default_rng(seed).standard_normal((600, 500)).astype(np.float32) for seed in (0, 1))
    x[0, :3] = 0, -0.0, np.nan
    leaf = metagrad.tensor(x, requires_grad=True)
    metagrad.nn.functional.leaky_relu(leaf, slope).backward(metagrad.from_numpy(grad))
    np.testing.assert_array_equal(leaf.grad.numpy(), np.where(x > 0, grad, grad * np.float32(slope)))
