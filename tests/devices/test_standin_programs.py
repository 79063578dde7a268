"""Short programs on the stand-in device: the CPU's numbers, and everything they return is on the device."""

import io

import numpy as np
import pytest
from tests.devices.standin import Strict, install

import metagrad
from metagrad import func, nn
from metagrad.nn.utils import parametrizations, prune

PROGRAMS = {}


@pytest.fixture(autouse=True)
def fake_gpu(monkeypatch):
    install(monkeypatch)


def program(run):
    PROGRAMS[run.__name__] = run
    return run


def numbers(*shape, device, seed=0):
    drawn = np.random.default_rng(seed + sum(shape)).normal(size=shape).astype(np.float32)
    return metagrad.from_numpy(drawn).to(device)


def seeded(make, device):
    metagrad.manual_seed(0)
    return make().to(device)


@program
def masks_of_a_transformer(device):
    model = seeded(lambda: nn.Transformer(16, 2, 1, 1, 32, dropout=0.0, batch_first=True), device)
    source, target = numbers(2, 5, 16, device=device), numbers(2, 4, 16, device=device)
    causal = model.generate_square_subsequent_mask(4, device=device)
    padding = metagrad.tensor([[False] * 5, [False] * 3 + [True] * 2], device=device)
    y = model(source, target, tgt_mask=causal, src_key_padding_mask=padding, memory_key_padding_mask=padding)
    return [y.detach(), model(source, target, tgt_mask=causal == -float("inf"), tgt_is_causal=True).detach()]


@program
def derivatives_of_functions(device):
    w, x = numbers(4, 3, device=device), numbers(5, 4, device=device)

    def loss(w, row):
        return metagrad.tanh(row @ w).sum()

    return [
        func.jacrev(lambda w: metagrad.tanh(x @ w).sum(1))(w),
        func.jacfwd(lambda w: metagrad.tanh(x @ w).sum(1))(w),
        func.hessian(loss)(w, x[0]),
        func.jvp(lambda w: loss(w, x), (w,), (w,))[1],
        func.vmap(func.grad(loss), in_dims=(None, 0))(w, x),
    ]


@program
def indices_of_the_cpu(device):
    x, rows = numbers(4, 3, device=device), metagrad.tensor([0, 2])
    y = x.index_put((rows,), x[rows] * 2).index_put_((rows, rows), metagrad.ones(2, device=device), accumulate=True)
    return [x[rows], y, metagrad.tensor(3, device=device).nonzero()]


@program
def draws_from_weights(device):
    weights = metagrad.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], device=device)
    return [metagrad.multinomial(weights, 1), metagrad.multinomial(weights, 4, replacement=True)]


@program
def parts_of_layers(device):
    layer = seeded(lambda: nn.Linear(3, 3), device)
    parametrizations.orthogonal(layer, orthogonal_map="cayley")
    pruned = prune.random_structured(seeded(lambda: nn.Linear(3, 4), device), "weight", amount=2, dim=0)
    return [layer.weight.detach(), pruned.weight_mask.sum()]


@program
def numbers_of_the_cpu(device):
    x, c = numbers(2, 3, device=device), metagrad.tensor(0.5)
    return [x == c, c < x, metagrad.isclose(x, c), metagrad.where(x > c, x, c), x.clamp(min=c), x.lerp(x, c)]


@program
def gradients_that_are_checked(device):
    x, w = (numbers(3, 2, device=device, seed=s).double().requires_grad_() for s in (0, 1))
    assert metagrad.autograd.gradcheck(lambda x, w: metagrad.tanh(x @ w.T), (x, w), check_forward_ad=True)
    assert metagrad.autograd.gradcheck(lambda x: x.sin(), (x,), fast_mode=True, check_batched_grad=True)
    assert metagrad.autograd.gradgradcheck(lambda x: (x**3).sum(), (x,), gen_non_contig_grad_outputs=True)
    z = (numbers(2, device=device) * 1j).to(metagrad.complex128).requires_grad_()
    assert metagrad.autograd.gradcheck(lambda z: z * z.conj(), (z,))
    return []


@program
def tensors_are_made(device):
    x = numbers(3, device=device)
    shown = metagrad.asarray(np.ones(2), device=device)
    strided = metagrad.empty_strided((2, 3), (1, 2), device=device).fill_(1)
    assert x.data_ptr() != 0 and x[1:].data_ptr() == x.data_ptr() + 4
    return [shown, strided, metagrad.ones(2, dtype=metagrad.int64).type_as(x), x.to(x.device)]


@program
def a_causal_bias(device):
    from metagrad.nn.attention.bias import causal_lower_right, causal_upper_left

    q = numbers(2, 2, 4, 8, device=device)
    attend = nn.functional.scaled_dot_product_attention
    return [attend(q, q, q, causal_upper_left(4, 4)), attend(q[:, :, :2], q, q, attn_mask=causal_lower_right(2, 4))]


@program
def norms_of_many_rows(device):
    x = numbers(700, 800, device=device).requires_grad_()
    y = [x.norm(dim=1), x.var(1), x.std(1), nn.functional.normalize(x), nn.functional.cosine_similarity(x, x.flip(0))]
    sum(part.sum() for part in y).backward()
    return [*(part.detach() for part in y), x.grad]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program(name):
    expected, found = PROGRAMS[name]("cpu"), PROGRAMS[name]("cuda")
    assert len(expected) == len(found)
    for i, (ours, theirs) in enumerate(zip(found, expected)):
        assert isinstance(ours.array, Strict), f"result {i} is not on the device"
        assert ours.dtype is theirs.dtype
        np.testing.assert_allclose(ours.cpu().numpy(), theirs.numpy(), 1e-4, 1e-5, err_msg=f"result {i}")


def test_types_by_name():
    x = metagrad.ones(2, device="cuda")
    assert x.type() == "metagrad.cuda.FloatTensor" and x.half().type() == "metagrad.cuda.HalfTensor"
    assert x.type("metagrad.DoubleTensor").device.type == "cpu"
    assert metagrad.ones(2).type("metagrad.cuda.LongTensor").type() == "metagrad.cuda.LongTensor"
    assert metagrad.ones(2).type(metagrad.cuda.HalfTensor).is_cuda and x.type(metagrad.float64).is_cuda
    assert metagrad.ones(2).type_as(x).is_cuda and not x.type_as(metagrad.ones(1)).is_cuda


def test_a_tensor_of_the_device_is_no_array_of_numpys():
    with pytest.raises(TypeError, match="can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu"):
        metagrad.ones(2, device="cuda").numpy()


APART = {
    "add": lambda x, c: x + c,
    "eq": lambda x, c: x == c,
    "less": lambda x, c: c < x,
    "gather": lambda x, c: x.gather(1, metagrad.tensor([[0], [1]])),
    "scatter": lambda x, c: x.scatter(1, metagrad.tensor([[0], [1]]), 1.0),
    "scatter_reduce": lambda x, c: x.scatter_reduce(0, metagrad.tensor([[0]]), x, "sum"),
    "index_select": lambda x, c: x.index_select(0, metagrad.tensor([0])),
    "index_fill": lambda x, c: x.index_fill(0, metagrad.tensor([0]), 1.0),
    "take": lambda x, c: metagrad.take(x, metagrad.tensor([0])),
    "take_along_dim": lambda x, c: metagrad.take_along_dim(x, metagrad.tensor([[0], [1]]), 1),
    "put_": lambda x, c: x.put_(metagrad.tensor([0]), x[0, :1]),
    "masked_select": lambda x, c: c.masked_select(x > 0),
    "masked_scatter": lambda x, c: x.masked_scatter(c > 0, x),
    "an index": lambda x, c: c[metagrad.tensor([0], device="cuda")],
    "a mask": lambda x, c: c[x > 0],
    "searchsorted": lambda x, c: metagrad.searchsorted(x, c),
    "bucketize": lambda x, c: metagrad.bucketize(x, c[0]),
    "isclose": lambda x, c: metagrad.isclose(x, c),
    "allclose": lambda x, c: metagrad.allclose(x, c),
    "equal": lambda x, c: metagrad.equal(x, c),
    "fmod": lambda x, c: metagrad.fmod(x, c),
    "repeat_interleave": lambda x, c: metagrad.repeat_interleave(x, metagrad.tensor([1, 2]), 0),
    "bincount": lambda x, c: metagrad.bincount(metagrad.tensor([1, 2], device="cuda"), c[:, 0]),
    "embedding": lambda x, c: nn.functional.embedding(metagrad.tensor([0]), x),
    "embedding_bag": lambda x, c: nn.functional.embedding_bag(metagrad.tensor([[0]]), x),
    "grid_sample": lambda x, c: nn.functional.grid_sample(
        x[None, None], metagrad.zeros(1, 2, 2, 2), align_corners=False
    ),
    "out": lambda x, c: metagrad.add(x, x, out=c),
    "out of the device": lambda x, c: metagrad.add(c, c, out=x),
    "cat": lambda x, c: metagrad.cat([x, c]),
    "a norm of much": lambda x, c: nn.functional.layer_norm(
        metagrad.ones(700, 800), (800,), metagrad.ones(800, device="cuda")
    ),
    "a layer": lambda x, c: nn.Linear(3, 2)(x),
}


@pytest.mark.parametrize("name", APART)
def test_tensors_of_two_devices_do_not_meet(name):
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device, but found at least two dev"):
        APART[name](metagrad.ones(2, 3, device="cuda"), metagrad.ones(2, 3))


def test_draws_of_the_cpu_by_a_generator_of_the_device():
    half, generator = metagrad.full((40,), 0.5, device="cuda"), metagrad.Generator("cuda")

    def drawn():
        generator.manual_seed(3)
        found = [metagrad.multinomial(half, 9, generator=generator), metagrad.poisson(half * 9, generator=generator)]
        return [*found, metagrad.binomial(half * 40, half, generator=generator)]

    before = metagrad.get_rng_state().tolist()
    first, second = drawn(), drawn()
    assert all(isinstance(a.array, Strict) and a.tolist() == b.tolist() for a, b in zip(first, second))
    assert metagrad.multinomial(half, 9, generator=generator).tolist() != first[0].tolist()
    assert metagrad.get_rng_state().tolist() == before, "the CPU's stream moved"


def test_a_loader_whose_order_the_device_draws():
    data = metagrad.utils.data
    for generator in (None, metagrad.Generator("cuda"), metagrad.Generator()):
        with metagrad.device("cuda"):
            loader = data.DataLoader(metagrad.arange(9), 4, shuffle=True, generator=generator)
            assert sorted(x for batch in loader for x in batch.tolist()) == [*range(9)]


def test_storages_are_saved_and_have_addresses():
    x, file = metagrad.arange(6.0, device="cuda").view(2, 3), io.BytesIO()
    assert x.untyped_storage().data_ptr() == x.data_ptr() and x.view(6).is_set_to(x.view(6))
    metagrad.save({"storage": x.untyped_storage(), "x": x}, file)
    file.seek(0)
    found = metagrad.load(file, map_location="cpu", weights_only=False)
    assert found["storage"].nbytes() == 24 and found["x"].tolist() == x.tolist()


def test_parts_of_a_dataset_are_drawn_by_the_device():
    split = metagrad.utils.data.random_split
    drawn = [split(range(9), [5, 4], generator=metagrad.Generator("cuda").manual_seed(1))[0].indices for _ in range(2)]
    assert drawn[0] == drawn[1] and len({*drawn[0]}) == 5


def test_the_device_of_a_tensor_is_used():
    with metagrad.cuda.device_of(metagrad.ones(1, device="cuda")), metagrad.cuda.device_of(metagrad.ones(1)):
        assert metagrad.ones(1, device="cuda").get_device() == 0


def test_a_model_of_the_device_is_exported():
    pytest.importorskip("onnx", reason="needs onnx (extra: onnx)")
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.BatchNorm1d(4)).to("cuda")
    proto = metagrad.onnx.export(model, (numbers(2, 3, device="cuda"),), verify=False)
    assert [node.op_type for node in proto.graph.node][:2] == ["Gemm", "Relu"]
    assert isinstance(model[0].weight.array, Strict)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_layers_and_inputs_are_on_one_device(kind):
    for ours, theirs in (("cpu", "cuda"), ("cuda", "cpu")):
        layer, x, h = kind(3, 4).to(ours), metagrad.ones(5, 2, 3, device=ours), metagrad.zeros(1, 2, 4, device=theirs)
        with pytest.raises(RuntimeError, match=f"Input and parameter tensors are not at the same device.* at {theirs}"):
            layer(x.to(theirs))
        with pytest.raises(RuntimeError, match=f"Input and hidden tensors are not at the same device.* at {ours}"):
            layer(x, (h, h) if kind is nn.LSTM else h)


MEETING = {
    nn.Conv2d: ((1, 2, 3), (1, 1, 5, 5)), nn.ConvTranspose1d: ((1, 2, 3), (1, 1, 5)), nn.PReLU: ((), (2, 3)),
    nn.Linear: ((3, 2), (2, 3)), nn.BatchNorm1d: ((3,), (2, 3)), nn.LayerNorm: ((3,), (2, 3)), nn.GRUCell: ((3, 2), (2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("kind", MEETING)
@pytest.mark.parametrize("devices", [("cpu", "cuda"), ("cuda", "cpu")])
def test_layers_and_inputs_are_on_one_device(kind, devices):
    settings, shape = MEETING[kind]
    with pytest.raises(RuntimeError, match="to be on the same device"):
        kind(*settings).to(devices[0])(metagrad.ones(shape, device=devices[1]))


@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift"])
def test_bits_of_a_number_of_the_cpu(name):
    bits = getattr(metagrad, name)(metagrad.tensor([5, 6], device="cuda"), metagrad.tensor(1))
    assert bits.is_cuda and bits.tolist() == getattr(metagrad, name)(metagrad.tensor([5, 6]), 1).tolist()
