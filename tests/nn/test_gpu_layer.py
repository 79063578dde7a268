"""A recurrent layer's kernels for a GPU, run as C here: results and gradients must be those of the reference implementation."""

import itertools

import numpy as np
import pytest
from tests.devices.c_kernels import can_compile, installed
from tests.devices.standin import Strict

import metagrad
from metagrad import nn
from metagrad.autograd.variable import wrap
from metagrad.kernels.recurrent import cuda
from metagrad.nn import gpu_layer
from metagrad.nn.fast_recurrence import plain_layer

pytestmark = pytest.mark.skipif(not can_compile(), reason="needs a C compiler with halves: gcc 12 or later")


@pytest.fixture(autouse=True)
def used(monkeypatch):
    with installed(monkeypatch, [cuda, gpu_layer], [cuda.kernel, gpu_layer._places]) as names:
        yield names


def arguments(cell, directions, bias, sizes, features, hidden, dtype):
    """x, the states and the weights of a layer."""
    rng, count = np.random.default_rng(0), cuda.GATES[cell] * hidden
    shapes = [(sum(sizes), features)] + [(directions, sizes[0], hidden)] * (2 if cell == "LSTM" else 1)
    for _ in range(directions):
        shapes += [(count, features), (count, hidden)] + [(count,)] * 2 * bias
    arrays = [rng.normal(size=shape).astype(dtype) / 2 for shape in shapes]
    first = len(shapes) - directions * (4 if bias else 2)
    if bias:
        return arrays, lambda tensors: tensors
    return arrays, lambda tensors: [
        *tensors[:first],
        *itertools.chain(*[(*tensors[first + 2 * d : first + 2 * d + 2], None, None) for d in range(directions)]),
    ]


def results(run, place, arrays, spread, **params):
    """Results, and the gradients of a sum that weighs all of them."""
    tensors = [wrap(place(a)) for a in arrays]
    for t in tensors:
        t.requires_grad_()
    found = run(*spread(tensors), **params)
    weighed = sum(
        (y * wrap(place(np.linspace(-1, 1, y.array.size, dtype=y.array.dtype).reshape(y.shape)))).sum() for y in found
    )
    weighed.backward()
    return [*[y.array for y in found], *[t.grad.array for t in tensors]]


def assert_same(found, expected, within):
    for a, b in zip(found, expected, strict=True):
        assert isinstance(a, Strict) and a.dtype == b.dtype
        np.testing.assert_allclose(a.get(), b, rtol=within, atol=within)


CASES = [
    (cell, directions, bias, sizes, dtype)
    for cell in cuda.GATES
    for directions, bias, sizes, dtype in [
        (1, True, [3], "float64"),
        (2, True, [5, 5, 4, 2, 1], "float64"),
        (2, False, [2, 2, 2], "float64"),
        (2, True, [4, 3, 1], "float32"),
    ]
]


@pytest.mark.parametrize("blocks", [132, 4, 1])
@pytest.mark.parametrize(("cell", "directions", "bias", "sizes", "dtype"), CASES)
def test_results_and_gradients(monkeypatch, cell, directions, bias, sizes, dtype, blocks):
    monkeypatch.setattr(cuda, "_BLOCKS", blocks)  # the fewer, the more sequences has each
    arrays, spread = arguments(cell, directions, bias, sizes, 3, 6, dtype)
    params = {"cell": cell, "sizes": sizes, "directions": directions}
    tensors = spread([wrap(Strict(a)) for a in arrays])
    assert gpu_layer.can_run(cell, tensors[0].array, sizes, [], tensors[-4 * directions :], directions)
    expected = results(plain_layer, np.array, arrays, spread, **params)
    found = results(gpu_layer.GpuLayer.apply_many, lambda a: Strict(a.copy()), arrays, spread, **params)
    assert_same(found, expected, 1e-12 if dtype == "float64" else 2e-5)


@pytest.mark.parametrize(("cell", "hidden"), [("RNN_TANH", 40), ("LSTM", 300), ("RNN_RELU", 1100), ("GRU", 350)])
def test_sums_in_parts_and_in_turn(cell, hidden):
    sizes = [2, 1]
    arrays, spread = arguments(cell, 1, True, sizes, 2, hidden, "float64")
    params = {"cell": cell, "sizes": sizes, "directions": 1}
    expected = results(plain_layer, np.array, arrays, spread, **params)
    found = results(gpu_layer.GpuLayer.apply_many, lambda a: Strict(a.copy()), arrays, spread, **params)
    assert_same(found, expected, 1e-11)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_module_takes_them(kind, used):
    metagrad.manual_seed(0)
    module = getattr(nn, kind)(3, 5, 2, bidirectional=True, batch_first=True)
    x = np.linspace(-1, 1, 2 * 4 * 3, dtype=np.float32).reshape(2, 4, 3)
    y, _ = module(wrap(x))
    y.sum().backward()
    expected = [y.detach().array, *[p.grad.array for p in module.parameters()]]
    module.zero_grad()
    module.to("cuda")
    y, _ = module(wrap(Strict(x)))
    y.sum().backward()
    assert used == ["forward", "forward", "backward", "backward"]
    assert_same([y.detach().array, *[p.grad.array for p in module.parameters()]], expected, 1e-5)
    used.clear()
    with metagrad.no_grad():
        module(wrap(Strict(x)))
    assert used == ["forward", "forward"]


def test_second_derivatives_go_step_by_step():
    x = wrap(Strict(np.linspace(-1, 1, 6).reshape(2, 1, 3))).requires_grad_()
    module = nn.GRU(3, 2, dtype=metagrad.float64).to("cuda")
    y = module(x)[0].sum()
    (g,) = metagrad.autograd.grad(y, x, create_graph=True)
    (g * g).sum().backward()
    found = x.grad.array.get()
    module, x = module.to("cpu"), wrap(np.linspace(-1, 1, 6).reshape(2, 1, 3)).requires_grad_()
    (g,) = metagrad.autograd.grad(module(x)[0].sum(), x, create_graph=True)
    (g * g).sum().backward()
    np.testing.assert_allclose(found, x.grad.array, rtol=1e-10)


def test_what_is_left_to_the_other_way():
    def tensors(*shapes, dtype="float32"):
        return [None if s is None else wrap(Strict(np.zeros(s, dtype))) for s in shapes]

    x, weights = Strict(np.zeros((2, 3), np.float32)), tensors((8, 3), (8, 2), None, None)
    assert gpu_layer.can_run("LSTM", x, [2], [], weights, 1)
    assert not gpu_layer.can_run(
        "LSTM", x.astype(np.float16), [2], [], tensors((8, 3), (8, 2), None, None, dtype="float16"), 1
    )
    assert not gpu_layer.can_run("LSTM", x, [2], [], [*weights, *tensors((1, 2))], 1)  # a projection
    assert not gpu_layer.can_run("LSTM", x[:0], [], [], weights, 1)
    assert not gpu_layer.can_run("LSTM", x, [2], tensors((1, 2, 2), dtype="float64"), weights, 1)
    assert not gpu_layer.can_run("LSTM", x, [2], [], [wrap(np.zeros((8, 3), np.float32)), *weights[1:]], 1)
    assert not gpu_layer.can_run("LSTM", x, [2], [], [*weights[:2], *tensors((2,), (8,))], 1)  # a bias too short
    assert cuda.plan("LSTM", 4096, 1, 2048, 4) is None
