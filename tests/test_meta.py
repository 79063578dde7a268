"""Tensors on the device ``meta``: a shape, a dtype, strides, and no memory."""

import copy
import pickle

import pytest

import metagrad as mg

nn = mg.nn

ARRANGED = {
    "transpose": lambda x: x.transpose(0, 2),
    "permute": lambda x: x.permute(1, 0, 2)[:, :, 1:],
    "reshape": lambda x: x.reshape(6, 4),
    "view": lambda x: x.view(-1),
    "copied": lambda x: x.transpose(1, 2).reshape(-1),
    "index": lambda x: x[0],
    "last": lambda x: x[..., ::2],
    "expand": lambda x: x.expand(5, 2, 3, 4),
    "squeeze": lambda x: x.unsqueeze(1).squeeze(1),
    "flatten": lambda x: x.flatten(1),
    "split": lambda x: x.split(1, 1)[1],
    "narrow": lambda x: x.narrow(2, 1, 2),
    "diagonal": lambda x: x.diagonal(0, 1, 2),
}
COMPUTED = {
    "add": lambda t, x: x + 1,
    "mixed": lambda t, x: x * t.ones(3, 1, dtype=t.float64, device="meta"),
    "matmul": lambda t, x: x @ t.empty(4, 5, device="meta"),
    "sum": lambda t, x: x.sum(),
    "mean": lambda t, x: x.mean(1, keepdim=True),
    "softmax": lambda t, x: x.softmax(-1),
    "compare": lambda t, x: x > 0,
    "half": lambda t, x: x.half(),
    "max": lambda t, x: x.max(1)[0],
    "indices": lambda t, x: x.max(1).indices,
    "argmax": lambda t, x: x.argmax(),
    "cat": lambda t, x: t.cat([x, x], 1),
    "stack": lambda t, x: t.stack([x, x]),
    "cumsum": lambda t, x: x.cumsum(0),
    "std": lambda t, x: x.std(0),
    "where": lambda t, x: t.where(x > 0, x, x),
    "gelu": lambda t, x: t.nn.functional.gelu(x),
    "layer_norm": lambda t, x: t.nn.functional.layer_norm(x, (4,)),
    "sort": lambda t, x: x.sort(1)[0],
    "topk": lambda t, x: x.topk(2)[1].contiguous(),
    "tril": lambda t, x: x.tril(),
    "repeat": lambda t, x: x.repeat(2, 1, 1),
    "einsum": lambda t, x: t.einsum("bij,bkj->bik", x, x),
    "zeros_like": lambda t, x: t.zeros_like(x, dtype=t.int64),
    "new_zeros": lambda t, x: x.new_zeros(3),
    "arange": lambda t, x: t.arange(5, device="meta"),
    "full": lambda t, x: t.full((2, 3), 7, device="meta"),
    "tensor": lambda t, x: t.tensor([1, 2], device="meta"),
    "randn": lambda t, x: t.randn(3, device="meta"),
    "randint": lambda t, x: t.randint(3, (2, 2), device="meta"),
    "to": lambda t, x: t.ones(3).to("meta"),
    "in place": lambda t, x: x.clone().add_(1).normal_().zero_(),
    "copy_": lambda t, x: t.empty(3, device="meta").copy_(t.ones(3)),
}


def described(x):
    return tuple(x.shape), str(x.dtype).split(".")[1], x.stride(), str(x.device), x.is_meta


@pytest.mark.oracle
@pytest.mark.parametrize("name", ARRANGED)
def test_elements_are_arranged_as_in_pytorch(torch, name):
    ours, theirs = (ARRANGED[name](lib.empty(2, 3, 4, device="meta")) for lib in (mg, torch))
    assert described(ours)[3:] == ("meta", True)
    assert described(ours) == described(theirs)


@pytest.mark.oracle
@pytest.mark.parametrize("name", COMPUTED)
def test_results_have_pytorchs_shapes_and_dtypes(torch, name):
    ours, theirs = (COMPUTED[name](lib, lib.empty(2, 3, 4, device="meta")) for lib in (mg, torch))
    assert described(ours)[3:] == ("meta", True)
    assert described(ours) == described(theirs)


TOGETHER = {
    "add": lambda t, x: x + t.ones(4), "radd": lambda t, x: t.ones(4) + x, "cat": lambda t, x: t.cat([x, t.ones(2, 3, 4)]),
    "where": lambda t, x: t.where(t.ones(4) > 0, x, x), "masked_fill": lambda t, x: x.masked_fill(t.ones(4) > 0, 1.0),
    "mse_loss": lambda t, x: t.nn.functional.mse_loss(x, t.ones(2, 3, 4)), "linear": lambda t, x: t.nn.Linear(4, 2)(x),
    "pow": lambda t, x: x ** t.ones(4), "eq": lambda t, x: x == t.ones(4), "clamp": lambda t, x: x.clamp(t.zeros(4), t.ones(4)),
    "layer_norm": lambda t, x: t.nn.functional.layer_norm(x, (4,), t.ones(4), t.ones(4)),
}  # fmt: skip


@pytest.mark.parametrize("lib", [mg, pytest.param("torch", marks=pytest.mark.oracle)])
@pytest.mark.parametrize("name", TOGETHER)
def test_numbers_beside_it_are_refused(lib, name):
    lib = pytest.importorskip("torch") if lib == "torch" else lib
    with pytest.raises(RuntimeError, match="device"):
        TOGETHER[name](lib, lib.empty(2, 3, 4, device="meta"))


CHOSEN = {
    "x[i]": lambda t, x, i: x[i], "embedding": lambda t, x, i: t.nn.functional.embedding(i, x),
    "index_select": lambda t, x, i: x.index_select(0, i.to("meta")), "max": lambda t, x, i: x.max(0)[0],
    "sort": lambda t, x, i: x.sort()[0],
    "topk": lambda t, x, i: x.topk(1)[0], "median": lambda t, x, i: x.median(0)[0],
    "pad": lambda t, x, i: t.nn.functional.pad(x[None], (1, 1), "reflect"),
}  # fmt: skip


@pytest.mark.parametrize("lib", [mg, pytest.param("torch", marks=pytest.mark.oracle)])
@pytest.mark.parametrize("name", CHOSEN)
def test_what_is_chosen_has_a_gradient(lib, name):
    lib = pytest.importorskip("torch") if lib == "torch" else lib
    x = lib.empty(3, 4, device="meta", requires_grad=True)
    CHOSEN[name](lib, x, lib.tensor([0, 2])).sum().backward()
    assert tuple(x.grad.shape) == (3, 4) and x.grad.is_meta


def test_a_large_model_costs_nothing():
    state = mg.get_rng_state()
    with mg.device("meta"):
        model = nn.Sequential(nn.Linear(2_000_000, 1_000_000), nn.LayerNorm(1_000_000))
        assert model(mg.empty(3, 2_000_000)).shape == (3, 1_000_000) and mg.zeros(2).is_meta
    assert all(p.is_meta and p.requires_grad for p in model.parameters()) and not mg.zeros(2).is_meta
    assert model[0].weight.nbytes == 8 * 10**12 and model[0].weight.data_ptr() == 0
    assert mg.get_rng_state().equal(state)


def test_gradients_have_shapes():
    with mg.device("meta"):
        model = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 5)
        )
        loss = nn.functional.cross_entropy(model(mg.empty(2, 3, 8, 8)), mg.zeros(2, dtype=mg.int64))
    loss.backward()
    assert [(p.grad.shape, p.grad.is_meta) for p in model.parameters()] == [(p.shape, True) for p in model.parameters()]


@pytest.mark.parametrize("layer", ["transformer", "lstm", "embedding"])
def test_layers_run(layer):
    with mg.device("meta"):
        if layer == "transformer":
            out = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)(mg.empty(2, 5, 16))
        elif layer == "lstm":
            out = nn.LSTM(3, 5, 2, bidirectional=True)(mg.empty(4, 2, 3))[0]
        else:
            out = nn.Embedding(10, 4)(mg.zeros(2, 3, dtype=mg.int64))
    assert (tuple(out.shape), out.is_meta) == (
        {"transformer": (2, 5, 16), "lstm": (4, 2, 10), "embedding": (2, 3, 4)}[layer],
        True,
    )


def test_memory_comes_by_to_empty_or_by_assignment():
    weights = {"weight": mg.ones(2, 3), "bias": mg.zeros(2)}
    model = nn.Linear(3, 2, device="meta").to_empty(device="cpu")
    assert type(model.weight) is nn.Parameter and model.weight.device.type == "cpu"
    model.load_state_dict(weights)
    assert model(mg.ones(1, 3)).tolist() == [[3.0, 3.0]]
    model = nn.Linear(3, 2, device="meta")
    model.load_state_dict(weights, assign=True)
    assert model(mg.ones(1, 3)).tolist() == [[3.0, 3.0]] and isinstance(model.weight, nn.Parameter)


@pytest.mark.parametrize(("use", "error"), [
    (lambda x: x.item(), RuntimeError), (lambda x: bool(x), RuntimeError), (lambda x: float(x), RuntimeError),
    (lambda x: x.to("cpu"), NotImplementedError), (lambda x: x.tolist(), NotImplementedError),
    (lambda x: x.numpy(), TypeError), (lambda x: mg.nonzero(x), NotImplementedError),
    (lambda x: x[x > 0], NotImplementedError), (lambda x: mg.ones(1).copy_(x), NotImplementedError),
    (lambda x: x.reshape(3), (RuntimeError, ValueError)), (lambda x: x @ mg.empty(3, device="meta"), RuntimeError),
    (lambda x: nn.Linear(2, 2, device="meta").to("cpu"), NotImplementedError),
])  # fmt: skip
def test_numbers_that_are_not_there_are_refused(use, error):
    with pytest.raises(error):
        use(mg.ones(1, device="meta"))


@pytest.mark.oracle
def test_they_print_and_are_copied(torch):
    x = mg.empty(2, 3, device="meta", dtype=mg.int32)
    assert repr(x).replace("metagrad.", "torch.") == repr(torch.empty(2, 3, device="meta", dtype=torch.int32))
    weight = nn.Linear(3, 2, device="meta").weight
    assert repr(weight) == repr(torch.nn.Linear(3, 2, device="meta").weight)
    for again in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert described(again) == described(x)


def test_devices_that_metagrad_does_not_use():
    assert mg.device("mps").type == "mps" and str(mg.device("xpu:1")) == "xpu:1"
    with pytest.raises(RuntimeError, match="device 'mps' cannot be used: metagrad's tensors are on"):
        mg.zeros(2, device="mps")
    with pytest.raises(RuntimeError, match="device type at start of device string: "):
        mg.device("tpu")


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_shapes_and_strides_of_what_numbers_would_decide(lib):
    t = pytest.importorskip(lib)

    def x(*shape):
        return t.empty(*shape, device="meta")

    assert t.empty_strided((2, 3), (1, 2), device="meta").stride() == (1, 2)
    assert t.empty_strided((2, 3), (0, 1), device="meta").stride() == (0, 1)
    assert t.ones(3, 2).t().to("meta").stride() == x(2, 3).as_strided((2, 3), (1, 2)).stride() == (1, 2)
    for z in (t.complex(x(2), x(2)), t.polar(x(2), x(2))):
        assert (z.dtype, z.shape, z.is_meta) == (t.complex64, (2,), True)
    for drawn, shape in (
        (t.multinomial(x(3), 2), (2,)),
        (t.multinomial(x(4, 3), 5, replacement=True), (4, 5)),
        (t.poisson(x(2, 3)), (2, 3)),
        (t._standard_gamma(x(3)), (3,)),
        (t.linalg.inv(x(2, 3, 3)), (2, 3, 3)),
    ):
        assert drawn.shape == shape and drawn.is_meta
    assert repr(t.zeros(2, device="meta", dtype=t.int64)).endswith(f"size=(2,), dtype={t.int64})")
    with pytest.raises(NotImplementedError):
        t.equal(x(2), x(2))
