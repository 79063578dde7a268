"""Everything that the stand-in array is asked, asked of a GPU: the numbers must be the CPU's."""

import numpy as np
import pytest

import metagrad
from metagrad import nn, optim
from tests.device_calls import CALLS, run
from tests.device_cases import MODELS, MODULES, OPTIMIZERS, forward_and_backward, trained

# Modules that draw random numbers: a GPU draws others than the CPU.
RANDOM = {n for n in MODULES if "Dropout" in n or n.startswith("FractionalMaxPool")} | {"RReLU"}
# What rounds differently in another order of adding up: iterations that magnify it.
ROUGH = {"LBFGS": 1e-2, "Muon": 1e-2}


def assert_equal(found, expected, what, within):
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert (a is None) == (b is None)
        if a is not None:
            a, b = getattr(a, "array", a), getattr(b, "array", b)
            assert not isinstance(a, np.ndarray), f"a {what} left the GPU"
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(a.get(), b, rtol=within, atol=within, err_msg=what)


@pytest.mark.parametrize(("row", "call", "dtype"), CALLS)
def test_an_op_of_the_table(gpu, row, call, dtype):
    try:
        expected = run(row, call, dtype, np.array)
    except (TypeError, RuntimeError, ValueError, IndexError):
        pytest.skip("an error on the CPU, which looks at values that a GPU is not asked for")
    found = run(row, call, dtype, gpu.asarray)
    for what, ours, theirs in zip(("result", "gradient"), found, expected):
        within = 1e-3 if any(a is not None and a.real.dtype.itemsize <= 4 for a in theirs) else 1e-8
        assert_equal(ours, theirs, what, within)


@pytest.mark.parametrize("name", MODULES)
def test_a_module(gpu, name):
    found = forward_and_backward(name, gpu.asarray)
    if name in RANDOM:
        assert all(bool(x.isfinite().all()) for x in found[0])
        return
    expected = forward_and_backward(name, np.array)
    for what, ours, theirs in zip(("result", "gradient", "buffer"), found, expected):
        assert_equal(ours, theirs, what, 1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer(gpu, name):
    expected, found = trained(name, np.array), trained(name, gpu.asarray)
    within = ROUGH.get(name, 1e-4)
    np.testing.assert_allclose(found[0].detach().cpu().numpy(), expected[0].detach().numpy(), rtol=within, atol=within)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_learns_what_it_learns_on_the_cpu(gpu, name):
    def losses(device):
        metagrad.manual_seed(0)
        network, forward, shape, below = MODELS[name][0]()
        network.to(device)
        for module in network.modules():  # a GPU draws other numbers
            for rate in ("p", "dropout"):
                if isinstance(getattr(module, rate, None), float):
                    setattr(module, rate, 0.0)
        steps = optim.AdamW(network.parameters(), lr=0.02)
        rng = np.random.default_rng(0)
        x = metagrad.tensor(rng.integers(1, below, shape) if below else rng.normal(size=shape).astype(np.float32)).to(
            device
        )
        found = []
        for _ in range(10):
            steps.zero_grad()
            scores = forward(x).flatten(0, -2)
            loss = nn.functional.cross_entropy(scores, metagrad.arange(scores.shape[0]).to(device) % scores.shape[-1])
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            steps.step()
            found.append(loss.item())
        return found

    found = losses("cuda")
    assert found[-1] < found[0]
    np.testing.assert_allclose(found, losses("cpu"), rtol=1e-3)


@pytest.mark.parametrize(
    ("kind", "sizes"), [(kind, sizes) for kind in ("RNN", "LSTM", "GRU") for sizes in ((7, 30), (300, 20), (2, 1200))]
)
def test_recurrent_layers_of_many_sizes(gpu, kind, sizes):
    batch, hidden = sizes

    def results(device):
        metagrad.manual_seed(0)
        module = getattr(nn, kind)(5, hidden, 2, bidirectional=True).to(device)
        x = (
            metagrad.tensor(np.random.default_rng(0).normal(size=(6, batch, 5)).astype(np.float32))
            .to(device)
            .requires_grad_()
        )
        y, final = module(x)
        weights = metagrad.tensor(np.random.default_rng(1).normal(size=y.shape).astype(np.float32)).to(device)
        (y * weights).sum().backward()
        return [a.detach().cpu().numpy() for a in (y, x.grad, *[p.grad for p in module.parameters()])]

    for a, b in zip(results("cuda"), results("cpu")):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * max(1.0, np.abs(b).max()))


def test_random_numbers(gpu):
    metagrad.manual_seed(1)
    first = metagrad.randn(1000, device="cuda")
    assert abs(first.mean().item()) < 0.2 and abs(first.std().item() - 1) < 0.2
    metagrad.manual_seed(1)
    assert metagrad.randn(1000, device="cuda").tolist() == first.tolist()
    state = metagrad.cuda.get_rng_state()
    again = metagrad.rand(5, device="cuda").tolist()
    metagrad.cuda.set_rng_state(state)
    assert metagrad.rand(5, device="cuda").tolist() == again


def test_memory_streams_and_events(gpu):
    before = metagrad.cuda.memory_allocated()
    x = metagrad.zeros(1000, 1000, device="cuda")
    assert metagrad.cuda.memory_allocated() >= before + 4_000_000
    free, total = metagrad.cuda.mem_get_info()
    assert 0 < free <= total
    with pytest.raises(metagrad.OutOfMemoryError, match="free"):
        metagrad.ones(total, device="cuda", dtype=metagrad.float64)
    start, end = metagrad.cuda.Event(enable_timing=True), metagrad.cuda.Event(enable_timing=True)
    start.record()
    with metagrad.cuda.Stream():
        x @ x
    end.record()
    metagrad.cuda.synchronize()
    assert start.elapsed_time(end) >= 0


def test_memory_is_shared_with_cupy(gpu):
    array = gpu.arange(4.0)
    x = metagrad.from_dlpack(array)
    x += 1
    assert array.get().tolist() == [1.0, 2.0, 3.0, 4.0] and gpu.from_dlpack(x).data.ptr == array.data.ptr
