"""The recurrent kernels against their reference implementation, to second order, on threads, and with memory used again."""

import threading

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.autograd import gradcheck, gradgradcheck
from metagrad.kernels import threads, tuning, workspace
from metagrad.kernels.compiled import choice
from metagrad.kernels.recurrent import one_sequence
from metagrad.kernels.recurrent.steps import all_entering, final, visits
from metagrad.nn import fast_recurrence
from metagrad.nn.fast_recurrence import Layer, plain_layer

SIZES = {"equal": [3, 3, 3, 3], "falling": [4, 3, 3, 1, 1], "single": [1], "one step": [5], "steep": [5, 1, 1]}
CELLS = ["RNN_TANH", "RNN_RELU", "LSTM", "LSTM projected", "GRU"]
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


def arguments(cell, sizes, directions, bias, dtype):
    """x, states and weights of one layer, all requiring gradients, and the settings."""
    rng = np.random.default_rng(len(sizes) + directions)
    inputs, hidden = 3, 4
    projected = cell == "LSTM projected"
    cell = cell.split()[0]
    out = 2 if projected else hidden
    shapes = [(sum(sizes), inputs), (directions, sizes[0], out)]
    shapes += [(directions, sizes[0], hidden)] if cell == "LSTM" else []
    rows = GATES[cell] * hidden
    weights = [(rows, inputs), (rows, out), (rows,) if bias else None, (rows,) if bias else None]
    weights += [(out, hidden)] if projected else []
    made = [
        None if shape is None else metagrad.tensor(rng.standard_normal(shape).astype(dtype) * 0.5, requires_grad=True)
        for shape in shapes + weights * directions
    ]
    return made, {"cell": cell, "sizes": sizes, "directions": directions}


def run(function, inputs, settings):
    for x in inputs:
        if x is not None:
            x.grad = None
    results = function(*inputs, **settings)
    sum((r.sin() * (i + 1)).sum() for i, r in enumerate(results)).backward()
    return [r.detach().numpy() for r in results], [x.grad.numpy() for x in inputs if x is not None]


@pytest.fixture(params=[False, True], ids=["numpy", "loops"])
def looped(request, monkeypatch):
    """With NumPy's kernels, and on loops: compiled, or without Numba as the Python they look like."""
    for module in (fast_recurrence, one_sequence):
        monkeypatch.setattr(module, "use_compiled", lambda x, least: request.param)
    return request.param


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("cell", CELLS)
def test_kernel_equals_its_reference_implementation(cell, sizes, directions, bias, dtype, looped):
    inputs, settings = arguments(cell, SIZES[sizes], directions, bias, dtype)
    close = {"rtol": 1e-4, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-10, "atol": 1e-13}
    fast, plain = run(Layer.apply_many, inputs, settings), run(plain_layer, inputs, settings)
    for ours, theirs in zip(fast[0] + fast[1], plain[0] + plain[1], strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, **close)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", CELLS)
def test_loops_equal_numpys_kernels_on_odd_sizes_and_strided_arrays(cell, dtype, monkeypatch):
    rng, sizes, hidden, out = np.random.default_rng(0), [17, 17, 9, 5, 5, 1], 33, 19 if "projected" in cell else 33
    projected, cell = "projected" in cell, cell.split()[0]

    def strided(*shape):
        wide = rng.standard_normal((*shape[:-1], 2 * shape[-1])) * 0.3
        return metagrad.tensor(wide.astype(dtype))[..., ::2].detach().requires_grad_()

    rows = GATES[cell] * hidden
    states = [strided(2, 17, out)] + ([strided(2, 17, hidden)] if cell == "LSTM" else [])
    weights = [strided(rows, 21), strided(rows, out), strided(rows), strided(rows)]
    weights += [strided(out, hidden)] if projected else []
    inputs = [strided(sum(sizes), 21), *states, *weights, *weights]
    settings, found = {"cell": cell, "sizes": sizes, "directions": 2}, []
    for looped in (False, True):
        monkeypatch.setattr(fast_recurrence, "use_compiled", lambda x, least, looped=looped: looped)
        found.append(run(Layer.apply_many, inputs, settings))
    close = 1e-5 if dtype == "float32" else 1e-10
    for numpys, ours in zip(found[0][0] + found[0][1], found[1][0] + found[1][1], strict=True):
        np.testing.assert_allclose(ours, numpys, rtol=close, atol=close * np.abs(numpys).max())


@pytest.mark.parametrize("cell", ["RNN_TANH", "LSTM", "GRU"])
def test_what_is_not_finite_stays_so_in_loops(cell, monkeypatch):
    inputs, settings = arguments(cell, [3, 3], 1, True, "float32")
    x = inputs[0].detach().numpy().copy()
    x[1, 0], x[2, 0] = np.nan, np.inf
    found = []
    for looped in (False, True):
        monkeypatch.setattr(fast_recurrence, "use_compiled", lambda x, least, looped=looped: looped)
        with np.errstate(all="ignore"):
            found.append(Layer.apply_many(metagrad.tensor(x), *inputs[1:], **settings)[0].detach().numpy())
    assert np.isnan(found[1][1]).all()
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-6)


def test_half_precision_takes_numpys_kernels():
    assert not choice.use_compiled(np.zeros(4, np.float16), 0)
    assert choice.use_compiled(np.zeros(4, np.float32), 0) == choice.available()


@pytest.mark.parametrize("count", [2, 3, 4, 6])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_dealt_out_to_threads_gives_the_same(cell, sizes, directions, count, monkeypatch):
    monkeypatch.setattr(tuning, "RECURRENT_STEP_WORTH_THREADS", 0)
    monkeypatch.setattr(tuning, "RECURRENT_WORTH_PARTS", 0)
    monkeypatch.setattr(tuning, "RECURRENT_LOOPS_WORTH_PARTS", 0)
    monkeypatch.setattr(tuning, "RECURRENT_LOOPS_PART", 1)
    monkeypatch.setattr(tuning, "RECURRENT_WORTH_THREADS", 0)
    monkeypatch.setattr(fast_recurrence, "get_num_threads", lambda: count)
    monkeypatch.setattr(fast_recurrence, "can_hold_blas", lambda: True)
    inputs, settings = arguments(cell, SIZES[sizes], directions, True, "float64")
    w_hh = inputs[3 if settings["cell"] != "LSTM" else 4].array
    parts = fast_recurrence.parts_worth(SIZES[sizes], directions, w_hh)
    assert parts == max(1, min(count // directions, SIZES[sizes][0]))
    fast, plain = run(Layer.apply_many, inputs, settings), run(plain_layer, inputs, settings)
    for ours, theirs in zip(fast[0] + fast[1], plain[0] + plain[1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("cell", CELLS)
def test_one_sequence_without_gradient_equals_the_reference_implementation(
    cell, steps, directions, bias, dtype, looped, monkeypatch
):
    inputs, settings = arguments(cell, [1] * steps, directions, bias, dtype)
    calls = []
    whole = one_sequence.run
    monkeypatch.setattr(one_sequence, "run", lambda *a: calls.append(1) or whole(*a))
    with metagrad.no_grad():
        found, expected = Layer.apply_many(*inputs, **settings), plain_layer(*inputs, **settings)
    assert calls
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.array.flags.c_contiguous
        tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-10, "atol": 1e-13}
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), **tolerance)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["RNN", "LSTM", "LSTM projected", "GRU"])
def test_a_stack_over_one_sequence_without_gradient_equals_training(cell, bidirectional, apart, looped, monkeypatch):
    monkeypatch.setattr(tuning, "ONE_SEQUENCE_WORTH_THREADS", 0 if apart else 10**9)
    metagrad.manual_seed(0)
    settings = {"proj_size": 3} if "projected" in cell else {}
    layer = getattr(nn, cell.split()[0])(
        3, 8, num_layers=3, bidirectional=bidirectional, dropout=0.5, **settings
    ).double()
    layer.eval()
    x = metagrad.randn(7, 1, 3, dtype=metagrad.float64)
    directions = 2 if bidirectional else 1
    states = [metagrad.randn(3 * directions, 1, width, dtype=metagrad.float64) for width in (3 if settings else 8, 8)]
    initial = tuple(states) if "LSTM" in cell else states[1]
    expected, last = layer(x, initial)
    with metagrad.no_grad():
        found, final = layer(x, initial)
        packed, _ = layer(nn.utils.rnn.pack_padded_sequence(x, [7]), initial)
    assert found.shape == expected.shape and not found.requires_grad
    for ours, theirs in [(found, expected), (packed.data, expected[:, 0])]:
        np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-13)
    for ours, theirs in zip(final, last, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("cell", [c for c in CELLS if c != "RNN_RELU"])
def test_kernel_passes_gradcheck_twice(cell, directions):
    inputs, settings = arguments(cell, [3, 2, 1], directions, True, "float64")
    assert gradcheck(lambda *a: Layer.apply_many(*a, **settings), inputs)
    assert gradgradcheck(lambda *a: Layer.apply_many(*a, **settings), inputs, fast_mode=True)


@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_a_second_backward_pass_over_a_kept_graph_gives_the_same(cell):
    metagrad.manual_seed(0)
    layer = getattr(nn, cell)(3, 4, bidirectional=True)
    loss = layer(metagrad.randn(5, 2, 3))[0].sin().sum()
    loss.backward(retain_graph=True)
    first = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    loss.backward()
    assert all(p.grad.equal(g) for p, g in zip(layer.parameters(), first, strict=True))
    with pytest.raises(RuntimeError, match="freed"):
        loss.backward()


def test_an_overwritten_weight_is_noticed():
    layer = nn.GRU(2, 3)
    loss = layer(metagrad.ones(4, 1, 2))[0].sum()
    with metagrad.no_grad():
        layer.weight_hh_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_frozen_parameters_and_inputs_get_no_gradient():
    layer = nn.LSTM(2, 3, num_layers=2)
    layer.weight_ih_l0.requires_grad_(False)
    x = metagrad.randn(4, 1, 2)
    layer(x)[0].sum().backward()
    assert layer.weight_ih_l0.grad is None and x.grad is None and layer.weight_hh_l1.grad is not None


@pytest.mark.parametrize("reverse", [False, True])
def test_states_are_followed_through_the_steps(reverse):
    sizes = [3, 2, 2, 1]
    order = visits(sizes, reverse)
    names = np.array([t * 10 + b for t, size in enumerate(sizes) for b in range(size)], float)[:, None]
    initial = -np.arange(1.0, 4.0)[:, None]
    entered = all_entering(names, initial, order, np.empty_like(names))[:, 0].tolist()
    if reverse:
        assert entered == [10, 11, -3, 20, 21, 30, -2, -1] and final(names, order)[:, 0].tolist() == [0, 1, 2]
    else:
        assert entered == [-1, -2, -3, 0, 1, 10, 11, 20] and final(names, order)[:, 0].tolist() == [30, 21, 2]


# ------------------------------------------------ threads and memory


def train(seed):
    model = nn.LSTM(4, 8, bidirectional=True)
    rng = np.random.default_rng(seed)
    with metagrad.no_grad():
        for p in model.parameters():
            p.copy_(metagrad.tensor(rng.standard_normal(tuple(p.shape)) * 0.1))
    optimizer = metagrad.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(15):
        x = metagrad.tensor(rng.standard_normal((rng.integers(1, 20), 3, 4)).astype(np.float32))
        optimizer.zero_grad()
        model(x)[0].square().mean().backward()
        optimizer.step()
    return [p.detach().numpy().copy() for p in model.parameters()]


def test_two_threads_may_train_two_models_at_once():
    expected = [train(seed) for seed in range(4)]
    found = {}
    workers = [threading.Thread(target=lambda s=seed: found.__setitem__(s, train(s))) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for seed in range(4):
        for a, b in zip(found[seed], expected[seed], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_the_number_of_threads_changes_no_result():
    expected = train(0)
    before = metagrad.get_num_threads()
    try:
        for count in (1, 3):
            metagrad.set_num_threads(count)
            assert metagrad.get_num_threads() == count
            for a, b in zip(train(0), expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
        for wrong in (0, -1, 1.5):
            with pytest.raises(RuntimeError, match="positive"):
                metagrad.set_num_threads(wrong)
    finally:
        metagrad.set_num_threads(before)


def test_blas_gets_its_threads_back_also_after_an_error():
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def blas_threads():
        return [lib["num_threads"] for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"]

    threads.blas_libraries.cache_clear()  # other tests may have loaded a library with a BLAS of its own since
    before, metagrad_threads = blas_threads(), metagrad.get_num_threads()
    metagrad.set_num_threads(2)
    try:
        seen = threads.run_together([blas_threads, blas_threads])
        assert all(count == 1 for counts in seen for count in counts) and blas_threads() == before
        for failing in (0, 1):
            jobs = [lambda: None, lambda: None]
            jobs[failing] = lambda: 1 / 0
            with pytest.raises(ZeroDivisionError):
                threads.run_together(jobs)
            assert blas_threads() == before
    finally:
        metagrad.set_num_threads(metagrad_threads)


def test_lent_memory_is_apart_while_lent_and_used_again_later():
    first = workspace.Workspace()
    assert first.empty((2, 3), np.float32).shape == (2, 3)  # too little to be worth it
    arrays = [first.empty((100, 700), np.float32) for _ in range(5)]
    for i, a in enumerate(arrays):
        a[...] = i
    assert [a.mean() for a in arrays] == [0, 1, 2, 3, 4]
    assert all(a.ctypes.data % 64 == 0 for a in arrays)
    addresses = {a.ctypes.data for a in arrays}
    del first, arrays, a
    second = workspace.Workspace()
    assert {second.empty((100, 700), np.float32).ctypes.data for _ in range(5)} == addresses
    workspace.release_memory()


def test_outputs_and_gradients_do_not_share_the_kernels_memory():
    layer = nn.RNN(3, 4)
    x = metagrad.randn(6, 2, 3, requires_grad=True)
    output, h = layer(x)
    kept, kept_h = output.detach().clone(), h.detach().clone()
    output.sum().backward()
    grad = x.grad.clone()
    for _ in range(3):
        y = metagrad.randn(6, 2, 3, requires_grad=True)
        layer(y)[0].sum().backward()
    assert output.equal(kept) and h.equal(kept_h) and x.grad.equal(grad)
