"""Every kind of op, and a whole training step of the tagger, on arrays that refuse to become NumPy's.

No GPU is needed for this. A failure means that some line would move data through the CPU, or that CuPy would refuse it.
"""

import numpy as np
import pytest
from tests.devices.device_cases import Tagger
from tests.devices.standin import CpusNumbers, Strict, install

import metagrad
from metagrad import nn, optim
from metagrad.autograd.variable import Variable
from metagrad.autograd.variable import wrap as as_tensor
from metagrad.nn import functional as F
from metagrad.ops.create import random


@pytest.fixture(autouse=True)
def fake_gpu(monkeypatch):
    install(monkeypatch)
    monkeypatch.setitem(random._of_gpus, 0, CpusNumbers())  # so that both can be compared


RNG = np.random.default_rng(0)


def on_standin(value):
    """Tensors with their arrays wrapped; the rest as it is."""
    if isinstance(value, Variable):
        moved = as_tensor(Strict(value.array.copy()))
        moved.requires_grad = value.requires_grad
        return moved
    if isinstance(value, (tuple, list)):
        return type(value)(map(on_standin, value))
    return value


def floats(*shape, positive=False):
    x = RNG.standard_normal(shape)
    return metagrad.tensor(np.abs(x) + 0.5 if positive else x, requires_grad=True)


A, B, POSITIVE, V = floats(3, 4), floats(3, 4), floats(3, 4, positive=True), floats(4)
SQUARE, CUBE = floats(4, 4), floats(2, 3, 4)
INTS = metagrad.tensor([[0, 2, 1, 0], [1, 1, 3, 2], [0, 0, 0, 1]])
MASK = INTS > 0
ROWS = metagrad.tensor([2, 0, 2])

# Each is (function, inputs): values and gradients must equal those on NumPy arrays.
IMAGES = floats(2, 2, 4, 5)
CASES = {
    "add": (lambda a, b: a + b, A, V),
    "add number": (lambda a: 2 + a, A),
    "sub": (lambda a, b: a - b, A, B),
    "mul": (lambda a, b: a * b, A, V),
    "div": (lambda a, b: a / b, A, POSITIVE),
    "number div": (lambda a: 1 / a, POSITIVE),
    "floor_divide": (lambda a, b: a // b, A, POSITIVE),
    "remainder": (lambda a, b: a % b, A, POSITIVE),
    "fmod": (metagrad.fmod, A, POSITIVE),
    "pow": (lambda a, b: a**b, POSITIVE, B),
    "square": (metagrad.square, A),
    "neg": (lambda a: -a, A),
    "addcmul": (lambda a, b, c: metagrad.addcmul(a, b, c, value=2), A, B, V),
    "addcdiv": (lambda a, b, c: metagrad.addcdiv(a, b, c, value=2), A, B, POSITIVE),
    "lerp": (lambda a, b: metagrad.lerp(a, b, 0.3), A, B),
    **{name: (getattr(metagrad, name), A) for name in (
        "exp", "expm1", "sin", "cos", "tan", "tanh", "sigmoid", "relu", "abs", "floor", "ceil", "trunc", "round", "frac",
        "sign", "isnan", "isinf", "isfinite", "logical_not", "sum", "mean", "var", "std", "prod", "amax", "amin", "max",
        "min", "argmax", "argmin", "all", "any", "count_nonzero", "norm", "t", "ravel", "clone", "tril", "triu",
        "zeros_like", "ones_like", "is_nonzero",
    ) if name != "is_nonzero"},
    **{name: (getattr(metagrad, name), POSITIVE) for name in (
        "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal",
    )},
    "clamp": (lambda a: a.clamp(-0.5, 0.5), A),
    "clamp by tensors": (lambda a, b: a.clamp(b, b + 1), A, B),
    "maximum": (metagrad.maximum, A, B),
    "minimum": (metagrad.minimum, A, B),
    "where": (lambda m, a, b: metagrad.where(m, a, b), MASK, A, B),
    "where number": (lambda m, a: metagrad.where(m, a, 0.0), MASK, A),
    "compare": (lambda a, b: (a > b) & (a != b) | ~(a <= b), A, B),
    "isclose": (metagrad.isclose, A, B),
    "sum dim": (lambda a: a.sum(1, keepdim=True), A),
    "mean dim": (lambda a: a.mean((0, 1)), A),
    "var dim": (lambda a: a.var(1), A),
    "max dim": (lambda a: a.max(1).values, A),
    "min dim": (lambda a: a.min(0, keepdim=True).values, A),
    "argmax dim": (lambda a: a.argmax(1), A),
    "cumsum": (lambda a: a.cumsum(1), A),
    "norm p": (lambda a: a.norm(3, dim=1), A),
    "prod dim": (lambda a: a.prod(1), A),
    "softmax": (lambda a: a.softmax(-1), A),
    "log_softmax": (lambda a: a.log_softmax(0), A),
    "logsumexp": (lambda a: a.logsumexp(1), A),
    "matmul": (lambda a, b: a @ b, A, SQUARE),
    "matmul batch": (lambda a, b: a @ b, CUBE, SQUARE),
    "matmul vector": (lambda a, b: a @ b, A, V),
    "linear": (lambda a, w: F.linear(a, w, w[:, 0]), A, SQUARE),
    "bmm": (lambda a: metagrad.bmm(a, a.transpose(1, 2)), CUBE),
    "addmm": (lambda a, b, c: metagrad.addmm(c, a, b, beta=2, alpha=3), A, SQUARE, V),
    "outer": (metagrad.outer, V, floats(3)),
    "reshape": (lambda a: a.reshape(2, 6), A),
    "transpose": (lambda a: a.transpose(0, 1), A),
    "permute": (lambda a: a.permute(2, 0, 1), CUBE),
    "expand": (lambda a: a.unsqueeze(0).expand(2, 3, 4), A),
    "squeeze": (lambda a: a.unsqueeze(1).squeeze(1), A),
    "diagonal": (lambda a: a.diagonal(), SQUARE),
    "movedim": (lambda a: a.movedim(0, -1), CUBE),
    "cat": (lambda a, b: metagrad.cat([a, b], 1), A, B),
    "stack": (lambda a, b: metagrad.stack([a, b], 1), A, B),
    "split": (lambda a: [p * (i + 1) for i, p in enumerate(a.split([1, 3], 1))][1], A),
    "chunk": (lambda a: a.chunk(2, 1)[0], A),
    "unbind": (lambda a: a.unbind(0)[1], A),
    "flip": (lambda a: a.flip(0, 1), A),
    "roll": (lambda a: a.roll(1, 0), A),
    "repeat": (lambda a: a.repeat(2, 1), A),
    "slice": (lambda a: a[1:, ::2], A),
    "element": (lambda a: a[1, 2], A),
    "index by tensor": (lambda a, i: a[i], A, ROWS),
    "index by mask": (lambda a, m: a[m], A, MASK),
    "gather": (lambda a, i: a.gather(1, i), A, INTS),
    "scatter": (lambda a, i, b: a.scatter(1, i[:, :1], b[:, :1]), A, INTS, B),
    "scatter_add": (lambda a, i, b: a.scatter_add(1, i, b), A, INTS, B),
    "index_select": (lambda a, i: a.index_select(0, i), A, ROWS),
    "masked_fill": (lambda a, m: a.masked_fill(m, -1), A, MASK),
    "masked_select": (lambda a, m: a.masked_select(m), A, MASK),
    "unfold": (lambda a: a.unfold(1, 2, 1), A),
    "as_strided": (lambda a: a.as_strided((2, 3), (1, 4), 1), A),
    "as_strided_scatter": (lambda a, b: metagrad.as_strided_scatter(a, b[:2, :3], (2, 3), (1, 4), 1), A, B),
    "sum_to_size": (lambda a: a.sum_to_size(1, 4), A),
    "block_diag": (metagrad.block_diag, A, V),
    "diag": (metagrad.diag, V),
    "diag_embed": (metagrad.diag_embed, A),
    "rot90": (metagrad.rot90, A),
    "hstack": (lambda a, b: metagrad.hstack([a, b]), A, B),
    "column_stack": (lambda a, b: metagrad.column_stack([a, b[0]]), SQUARE, B),
    "meshgrid": (lambda v: metagrad.meshgrid(v, v, indexing="xy")[1], V),
    "combinations": (metagrad.combinations, V),
    "tensor_split": (lambda a: a.tensor_split((1, 3), 1)[1], A),
    "take": (metagrad.take, A, ROWS),
    "take_along_dim": (lambda a, i: metagrad.take_along_dim(a, i, 1), A, INTS),
    "repeat_interleave": (lambda a, i: a.repeat_interleave(i, 0), A, ROWS),
    "index_add": (lambda a, i, b: a.index_add(0, i, b, alpha=2), A, ROWS, B),
    "index_copy": (lambda a, i, b: a.index_copy(0, i[:2], b[:2]), A, ROWS, B),
    "index_fill": (lambda a, i: a.index_fill(0, i, 1.5), A, ROWS),
    "put": (lambda a, i, v: a.put(i, v, accumulate=True), A, ROWS, floats(3)),
    "masked_scatter": (lambda a, m, b: a.masked_scatter(m, b), A, MASK, B),
    "select_scatter": (lambda a, v: metagrad.select_scatter(a, v, 0, 1), A, V),
    "diagonal_scatter": (lambda a, v: metagrad.diagonal_scatter(a, v), SQUARE, V),
    "nonzero_static": (lambda m: metagrad.nonzero_static(m, size=5), MASK),
    "unravel_index": (lambda i: metagrad.unravel_index(i, (2, 3))[1], INTS),
    "reshaped in place": (lambda a: (a * 1).t_().unsqueeze_(0).mul_(2), A),
    "sort": (lambda a: a.sort(1).values, A),
    "argsort": (lambda a: a.argsort(1), A),
    "topk": (lambda a: a.topk(2).values, A),
    "embedding": (lambda i, w: F.embedding(i, w, padding_idx=0), INTS, SQUARE),
    "one_hot": (lambda i: F.one_hot(i, 5), INTS),
    "to dtype": (lambda a: a.float().double(), A),
    "set slice": (lambda a, b: set_at(a * 1, (slice(None), 1), b), A, floats(3)),
    "set mask": (lambda a, m: set_at(a * 1, m, 0.0), A, MASK),
    "in place": (lambda a, b: (a * 1).add_(b, alpha=2).mul_(b).clamp_(-1, 1), A, B),
    "in place view": (lambda a, b: through_view(a * 1, b), A, V),
    "dropout off": (lambda a: F.dropout(a, 0.5, training=False), A),
    **{name: (getattr(F, name), A) for name in (
        "leaky_relu", "elu", "selu", "silu", "softplus", "softsign", "logsigmoid", "hardtanh", "relu6",
    )},
    "conv": (lambda x, w, b: F.conv2d(x, w, b, stride=(1, 2), padding=1), IMAGES, floats(4, 2, 2, 3), floats(4)),
    "conv groups": (lambda x, w: F.conv2d(x, w, padding="same", dilation=2, groups=2), IMAGES, floats(2, 1, 3, 3)),
    "conv transpose": (lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1), IMAGES, floats(2, 3, 3, 3)),
    "max pool": (lambda x: F.max_pool2d(x, 2, 1, 1), IMAGES),
    "max pool indices": (lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2, output_size=(4, 5)), IMAGES),
    "avg pool": (lambda x: F.avg_pool2d(x, 2, 2, 1, True, False), IMAGES),
    "adaptive pools": (lambda x: F.adaptive_avg_pool2d(x, (3, 2)) + F.adaptive_max_pool2d(x, (3, 2)), IMAGES),
    "pad": (lambda x: F.pad(x, (1, -1, 2, 0), value=1.0), IMAGES),
    "pad reflect": (lambda x: F.pad(F.pad(x, (2, 1), "replicate"), (2, 1, 1, -1), "reflect"), floats(2, 4, 5)),
    "fold": (lambda x: F.fold(F.unfold(x, 2, padding=1).tanh(), (4, 5), 2, padding=1), IMAGES),
    "interpolate": (lambda x: F.interpolate(x, (3, 7), mode="bicubic"), IMAGES),
    "grid sample": (lambda x, g: F.grid_sample(x, g, "bicubic", "reflection", False), IMAGES, floats(2, 3, 2, 2)),
    "pixel shuffle": (lambda x: F.pixel_shuffle(F.pixel_unshuffle(x[:, :, :, :4], 2).tanh(), 2), IMAGES),
    "mse": (F.mse_loss, A, B),
    "l1": (F.l1_loss, A, B),
    "smooth l1": (F.smooth_l1_loss, A, B),
    "huber": (F.huber_loss, A, B),
    "bce": (lambda a, m: F.binary_cross_entropy(a.sigmoid(), m.double()), A, MASK),
    "bce logits": (lambda a, m: F.binary_cross_entropy_with_logits(a, m.double()), A, MASK),
    "kl": (lambda a, b: F.kl_div(a.log_softmax(1), b.softmax(1), reduction="batchmean"), A, B),
    "cross entropy": (lambda a, i: F.cross_entropy(a, i, label_smoothing=0.1, ignore_index=0), A, ROWS),
}  # fmt: skip


def set_at(x, index, value):
    x[index] = value
    return x


def through_view(x, value):
    x[1].mul_(value)
    return x


def results(inputs, function):
    out = function(*inputs)
    grads = []
    if isinstance(out, Variable) and out.requires_grad:
        ramp = np.linspace(0.5, 2, max(1, out.numel())).reshape(tuple(out.shape))
        out.backward(as_tensor(Strict(ramp) if isinstance(out.array, Strict) else ramp))
        grads = [x.grad for x in inputs if isinstance(x, Variable) and x.requires_grad]
    return out, grads


def hidden(x):
    array = x.detach().array if isinstance(x, Variable) else x
    return array.get() if isinstance(array, Strict) else np.asarray(array)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("name", CASES)
def test_op_runs_without_leaving_the_device(name):
    function, *inputs = CASES[name]
    for x in inputs:
        x.grad = None
    expected, expected_grads = results(inputs, function)
    out, grads = results(on_standin(inputs), function)
    assert isinstance(out.array, Strict), "the result left the device"
    np.testing.assert_allclose(hidden(out), hidden(expected))
    assert len(grads) == len(expected_grads)
    for ours, theirs in zip(grads, expected_grads, strict=True):
        assert isinstance(ours.array, Strict), "a gradient left the device"
        np.testing.assert_allclose(hidden(ours), hidden(theirs))


@pytest.mark.parametrize(
    "name", [n for n in CASES if n not in ("in place", "in place view", "reshaped in place", "set slice", "set mask")]
)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_second_derivatives_run_without_leaving_the_device(name):
    function, *inputs = CASES[name]
    moved = on_standin(inputs)
    out = function(*moved)
    leaves = [x for x in moved if isinstance(x, Variable) and x.requires_grad]
    if not out.requires_grad:
        pytest.skip("nothing to differentiate")
    grads = metagrad.autograd.grad((out * out).sum(), leaves, create_graph=True)
    if any(g.requires_grad for g in grads):
        for g in metagrad.autograd.grad(sum((g * g).sum() for g in grads), leaves, allow_unused=True):
            assert g is None or isinstance(g.array, Strict)


def moved_module(module):
    for p in module.parameters():
        p.array = Strict(p.array)
    return module


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam, optim.AdamW])
@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_a_training_step_of_a_tagger(cell, optimizer):
    words, tags = RNG.integers(1, 9, (3, 5)), RNG.integers(0, 4, (3, 5))
    lengths = metagrad.tensor([5, 2, 4])
    losses = []
    for place in (lambda a: a, Strict):
        metagrad.manual_seed(0)
        network = Tagger(cell)
        if place is Strict:
            moved_module(network)
        steps = optimizer(network.parameters(), lr=0.1)
        for _ in range(2):
            steps.zero_grad()
            scores = network(as_tensor(place(words)), lengths)
            loss = F.cross_entropy(scores.flatten(0, 1), as_tensor(place(tags)).flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            steps.step()
        losses.append(float(loss.item()))
        assert all(isinstance(p.array, Strict) == (place is Strict) for p in network.parameters())
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)


BESIDE = {
    "mul": lambda x, w: x * w,
    "sub from": lambda x, w: w - x,
    "pow": lambda x, w: x.abs() ** w,
    "where": lambda x, w: metagrad.where(x > 0, x, w),
    "maximum": lambda x, w: metagrad.maximum(x, w),
    "lerp": lambda x, w: x.lerp(x * 2, w),
    "masked_fill": lambda x, w: x.masked_fill(x > 0, w),
    "made of another": lambda x, w: x * (w * 3).exp(),
    "setitem": lambda x, w: (y := x.clone(), y.__setitem__((0, 1), w), y)[2],
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_number_of_the_cpu_beside_tensors_of_the_device(name):
    found = []
    for place in (lambda a: a, Strict):
        x, w = as_tensor(place(np.array([[1.5, -2.0], [0.5, 3.0]]))), metagrad.tensor(0.7, dtype=metagrad.float64)
        x.requires_grad_()
        w.requires_grad_()
        y = BESIDE[name](x, w)
        assert isinstance(y.array, Strict) == (place is Strict)
        grads = metagrad.autograd.grad((y * y).sum(), (x, w), create_graph=True)
        assert isinstance(grads[1].array, np.ndarray) and isinstance(grads[0].array, Strict) == (place is Strict)
        (grads[1] * grads[1]).backward()
        assert w.grad is None or isinstance(w.grad.array, np.ndarray)
        found.append(
            [hidden(y.detach()), hidden(grads[0].detach()), grads[1].item(), 0 if w.grad is None else w.grad.item()]
        )
    for a, b in zip(*found):
        np.testing.assert_allclose(b, a)


BRAIN = {
    "formula": lambda x, w: x * 2 + x.exp(),
    "product": lambda x, w: x @ w,
    "softmax": lambda x, w: x.softmax(1) * 3,
    "sums": lambda x, w: x.sigmoid().cumsum(1),
    "special": lambda x, w: x.erf() + x.sort(1).values,
    "choice": lambda x, w: metagrad.where(x > 0, x, 0.5).mean(0),
    "norm": lambda x, w: F.layer_norm(x, (5,), w[:, 0]).square(),
}


@pytest.mark.parametrize("name", BRAIN)
def test_bfloat16_by_way_of_float32(name):
    pytest.importorskip("ml_dtypes")
    found = []
    for device in ("cpu", "cuda"):
        rng = np.random.default_rng(3)
        x, w = (metagrad.tensor(rng.normal(size=s)).bfloat16().to(device).requires_grad_() for s in ((4, 5), (5, 3)))
        y = BRAIN[name](x, w)
        y.sum().backward()
        assert y.dtype is metagrad.bfloat16 and isinstance(y.array, Strict) == (device == "cuda")
        found.append([t.cpu().float().numpy() for t in (y.detach(), x.grad)])
    for theirs, ours in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-3)


def test_a_number_beside_halves():
    x = metagrad.tensor([1.0, 2.0, 4.0], dtype=metagrad.float16).to("cuda").requires_grad_()
    (4.0 / x).sum().backward()
    assert x.grad.cpu().tolist() == [-4.0, -1.0, -0.25]


def test_tensors_of_two_devices():
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device.*cuda:0 and cpu"):
        metagrad.ones(3) * metagrad.ones(3, device="cuda")
    with pytest.raises((TypeError, RuntimeError)):
        metagrad.ones(3, device="cuda") @ metagrad.ones(4, device="cuda")


def test_there_and_back():
    x = metagrad.tensor([1.0, 2.0], requires_grad=True)
    y = x.to("cuda:0")
    assert isinstance(y.array, Strict) and y.is_cuda and y.device == metagrad.device("cuda:0")
    (y * y).sum().backward()
    assert isinstance(x.grad.array, np.ndarray) and x.grad.tolist() == [2.0, 4.0]
    assert y.detach().cpu().tolist() == [1.0, 2.0]
    assert repr(y.detach()) == "tensor([1., 2.], device='cuda:0')"
    with pytest.raises(TypeError, match="cpu"):
        y.detach().numpy()
    layer = nn.Linear(2, 2).to("cuda")
    assert all(isinstance(p.array, Strict) for p in layer.parameters())
    assert metagrad.zeros(2, device="cuda").is_cuda and metagrad.cuda.get_device("cuda:0").index == 0
    with pytest.raises(RuntimeError, match="1 GPU"):
        metagrad.cuda.get_device("cuda:3")
