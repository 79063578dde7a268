"""Everything that the stand-in array is asked, asked of a GPU: the numbers must be the CPU's."""

import numpy as np
import pytest

import metagrad
from metagrad import nn, optim
from tests.devices.device_calls import CALLS, run
from tests.devices.device_cases import MODELS, MODULES, OPTIMIZERS, forward_and_backward, trained

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


RECORDED = {
    "mlp": (lambda: nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.Linear(50, 3)), (16, 20), 0),
    "lstm": (lambda: LastStep(nn.LSTM(20, 50, 2, batch_first=True), nn.Linear(50, 3)), (16, 10, 20), 0),
    "transformer": (
        lambda: nn.Sequential(
            nn.Embedding(100, 64),
            nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True),
            nn.Flatten(),
            nn.Linear(512, 3),
        ),
        (16, 8),
        100,
    ),
    "images": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 49, 3)
        ),
        (16, 3, 16, 16),
        0,
    ),
}


class LastStep(nn.Module):
    def __init__(self, recurrent, scores):
        super().__init__()
        self.recurrent, self.scores = recurrent, scores

    def forward(self, x):
        return self.scores(self.recurrent(x)[0][:, -1])


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_step_is_the_step(gpu, name):
    make, shape, below = RECORDED[name]
    metagrad.manual_seed(0)
    network = make().to("cuda")
    optimizer = optim.SGD(network.parameters(), lr=0.1)
    x = metagrad.zeros(*shape, device="cuda", dtype=metagrad.int64 if below else metagrad.float32)
    y = metagrad.zeros(shape[0], dtype=metagrad.int64, device="cuda")

    def step():
        for p in network.parameters():
            if p.grad is not None:
                p.grad.zero_()
        loss = nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        return loss

    with metagrad.cuda.stream(metagrad.cuda.Stream()):
        for _ in range(3):
            step()
    metagrad.cuda.synchronize()
    state = {key: value.clone() for key, value in network.state_dict().items()}
    recorded = metagrad.cuda.CUDAGraph()
    with metagrad.cuda.graph(recorded):
        loss = step()
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, below, shape) if below else rng.normal(size=shape).astype(np.float32) for _ in range(4)]
    targets = [rng.integers(0, 3, shape[0]) for _ in batches]

    def losses(run):
        network.load_state_dict(state)
        found = []
        for a, b in zip(batches, targets):
            x.copy_(metagrad.tensor(a))
            y.copy_(metagrad.tensor(b))
            found.append(run().item())
        return found

    def replayed():
        recorded.replay()
        return loss

    np.testing.assert_allclose(losses(replayed), losses(step), rtol=1e-4)


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


def test_products_lie_where_they_are_said_to(gpu):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 3, 4)), rng.normal(size=(2, 5, 3, 4))
    pairs = [
        (a, b.swapaxes(2, 3)),
        (a.transpose(0, 2, 1, 3), b.transpose(0, 2, 3, 1)),
        (a[:, ::2], b.swapaxes(2, 3)[:, 1:4]),
        (a[0, 0], b[0, 0].T),
        (a[0, 0].T, b[0, 0, :, ::2]),
        (a[:, :1], b.swapaxes(2, 3)),
    ]
    for dtype in (np.float32, np.float64):
        for x, y in pairs:
            found = metagrad.from_numpy(x.astype(dtype)).to("cuda") @ metagrad.from_numpy(y.astype(dtype)).to("cuda")
            np.testing.assert_allclose(found.cpu().numpy(), x @ y, rtol=1e-4, atol=1e-4)


def test_memory_is_shared_with_cupy(gpu):
    array = gpu.arange(4.0)
    x = metagrad.from_dlpack(array)
    x += 1
    assert array.get().tolist() == [1.0, 2.0, 3.0, 4.0] and gpu.from_dlpack(x).data.ptr == array.data.ptr
