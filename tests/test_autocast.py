"""Mixed precision: what ``autocast`` casts, when, and what it leaves alone; and ``GradScaler``."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import metagrad as mg
from metagrad import nn
from metagrad.compat.amp.casting import FLOAT32, LOWER_PRECISION

F = nn.functional


@pytest.fixture
def x():
    return mg.tensor(np.arange(12, dtype=np.float32).reshape(3, 4) / 8)


def test_products_are_computed_in_the_lower_precision(x):
    third = mg.tensor([[1 / 3]])
    with mg.autocast("cpu", dtype=mg.float16):
        assert (third @ third).item() == float(np.float16(np.float16(1 / 3) * np.float16(1 / 3)))
        results = [
            x @ x.mT, x.mm(x.mT), mg.matmul(x, x[0]), mg.addmm(mg.zeros(3, 3), x, x.mT), mg.bmm(x[None], x.mT[None]),
            F.linear(x, x), mg.einsum("ij,kj->ik", x, x), F.conv1d(x[None], mg.ones(2, 3, 2)),
            F.scaled_dot_product_attention(x, x, x), nn.LSTM(4, 2)(x)[0], nn.Linear(4, 4)(x), mg.tensordot(x, x.mT, 1),
        ]  # fmt: skip
        kept = [x + x, x.exp(), F.softmax(x, -1), F.layer_norm(x, (4,)), mg.mv(x, x[0]), mg.dot(x[0], x[0]), x.sum()]
    assert [r.dtype for r in results] == [mg.float16] * len(results)
    assert [r.dtype for r in kept] == [mg.float32] * len(kept)
    assert (x @ x.mT).dtype is mg.float32


def test_losses_and_long_sums_are_computed_in_float32(x):
    half, classes = x.half(), mg.tensor([0, 1, 2])
    with mg.autocast("cpu", dtype=mg.float16):
        results = [F.cross_entropy(half, classes), F.mse_loss(half, half), half.prod(), mg.cdist(half, half)]
        joined = [mg.cat([half, x]), mg.index_copy(x, 0, mg.tensor([0]), half[:1])]
        halves = mg.cat([half, half])
    assert {r.dtype for r in results + joined} == {mg.float32} and halves.dtype is mg.float16


def test_doubles_writes_in_place_and_out_are_left_alone(x):
    out = mg.empty(3, 3)
    with mg.autocast("cpu", dtype=mg.float16):
        assert mg.mm(x.double(), x.double().mT).dtype is mg.float64
        assert mg.mm(x, x.mT, out=out) is out and mg.zeros(3, 3).addmm_(x, x.mT).dtype is mg.float32


def test_blocks_nest_and_decorate(x):
    @mg.autocast("cpu", dtype=mg.float16)
    def product():
        with mg.autocast("cpu", enabled=False):
            inner = x @ x.mT
        return x @ x.mT, inner

    assert [r.dtype for r in product()] == [mg.float16, mg.float32]
    assert not mg.is_autocast_enabled("cpu") and not mg.is_autocast_enabled()
    with pytest.raises(ZeroDivisionError), mg.autocast("cpu", dtype=mg.float16):
        assert mg.is_autocast_enabled("cpu") and mg.get_autocast_dtype("cpu") is mg.float16
        raise ZeroDivisionError
    assert not mg.is_autocast_enabled("cpu") and mg.get_autocast_dtype("cpu") is mg.bfloat16


def test_parameters_are_cast_once_and_get_gradients_of_their_own_dtype(x):
    weight = nn.Parameter(mg.ones(4, 4))
    with mg.autocast("cpu", dtype=mg.float16):
        (F.linear(F.linear(x, weight), weight)).sum().backward()
        first = weight.grad.clone()
        with mg.no_grad():
            weight.mul_(2)  # written to: cast again
            assert F.linear(x, weight)[0, 0].item() == 2 * x[0].sum().item()
        y = F.linear(x, weight)  # and again with a graph
    assert first.dtype is mg.float32 and y.requires_grad
    full = nn.Parameter(mg.ones(4, 4))
    F.linear(F.linear(x, full), full).sum().backward()
    mg.testing.assert_close(first, full.grad, rtol=2e-3, atol=2e-3)


def test_what_vmap_calls_is_cast_as_without_it(x):
    weight = mg.tensor([[1 / 3, 2 / 3, 1.0, 1.5]])
    with mg.autocast("cpu", dtype=mg.float16):
        for function in (
            lambda row: row[None] @ row[:, None] / 3,
            lambda row: F.linear(row, weight),
            lambda row: F.mse_loss(row.half(), row.half().sin()),
            lambda row: F.conv1d(row[None, None], weight[None, :, :2]),
            lambda row: mg.vmap(lambda part: part[None] @ part[:, None])(row.view(2, 2)),
        ):
            found, expected = mg.vmap(function)(x), mg.stack([function(row) for row in x])
            assert found.dtype is expected.dtype
            assert mg.equal(found, expected)
    assert mg.vmap(lambda row: row[None] @ weight.mT)(x).dtype is mg.float32


def test_bad_devices_and_dtypes_are_said():
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        mg.autocast(1)
    with pytest.raises(RuntimeError, match="Expected one of cpu, cuda"):
        mg.autocast("foo")
    with pytest.warns(UserWarning, match="only supports dtypes of"), mg.autocast("cpu", dtype=mg.float32):
        assert not mg.is_autocast_enabled("cpu")


def test_custom_functions_say_what_they_cast(x):
    seen = []

    class Plain(mg.autograd.Function):
        @staticmethod
        @mg.amp.custom_fwd(device_type="cpu")
        def forward(ctx, a):
            seen.append((a.dtype, mg.is_autocast_enabled("cpu")))
            return a.clone()

        @staticmethod
        @mg.amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            seen.append(mg.is_autocast_enabled("cpu"))
            return grad

    class Wide(Plain):
        @staticmethod
        @mg.amp.custom_fwd(device_type="cpu", cast_inputs=mg.float32)
        def forward(ctx, a):
            seen.append((a.dtype, mg.is_autocast_enabled("cpu")))
            return a.clone()

    half = x.half().requires_grad_()
    for function in (Plain, Wide):
        with mg.autocast("cpu", dtype=mg.float16):
            y = function.apply(half)
        y.sum().backward()
    assert seen == [(mg.float16, True), True, (mg.float32, False), False]


def test_every_name_of_the_table_is_a_function():
    for name in LOWER_PRECISION + FLOAT32:
        path, _, key = name.rpartition(".")
        spaces = [path] if path else ["", "nn.functional"]
        assert any(key in dir(eval("mg." + s if s else "mg")) for s in spaces), name


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_model_under_autocast_computes_what_pytorchs_does(torch, dtype):
    def run(lib, weights, data):
        layers = lib.nn.Sequential(
            lib.nn.Conv1d(3, 4, 3), lib.nn.ReLU(), lib.nn.Flatten(), lib.nn.Linear(24, 5), lib.nn.LayerNorm(5)
        )
        layers.load_state_dict({k: lib.tensor(v) for k, v in weights.items()})
        with lib.autocast("cpu", dtype=getattr(lib, dtype)):
            scores = layers(lib.tensor(data))
            loss = lib.nn.functional.cross_entropy(scores, lib.tensor([1, 4]))
        loss.backward()
        return scores, loss, [p.grad for p in layers.parameters()]

    rng = np.random.default_rng(0)
    shapes = {
        "0.weight": (4, 3, 3),
        "0.bias": (4,),
        "3.weight": (5, 24),
        "3.bias": (5,),
        "4.weight": (5,),
        "4.bias": (5,),
    }
    weights = {k: rng.standard_normal(s).astype(np.float32) for k, s in shapes.items()}
    data = rng.standard_normal((2, 3, 8)).astype(np.float32)
    ours, theirs = run(mg, weights, data), run(torch, weights, data)
    for a, b in zip([ours[0], ours[1], *ours[2]], [theirs[0], theirs[1], *theirs[2]], strict=True):
        assert str(a.dtype).split(".")[-1] == str(b.dtype).split(".")[-1]
        np.testing.assert_allclose(a.detach().float().numpy(), b.detach().float().numpy(), rtol=3e-2, atol=3e-2)


# ------------------------------------------------ the scaler


def scaled(**options):
    p = nn.Parameter(mg.ones(2))
    return mg.amp.GradScaler("cpu", **options), p, mg.optim.SGD([p], lr=0.5)


@pytest.mark.parametrize("inside", [True, False])
def test_a_checkpoint_is_run_again_as_it_was_run_first(x, inside):
    """Whether the backward pass is in the block or behind it; a parameter that was cast before is a parameter within, too."""
    layer = nn.Linear(4, 4, bias=False)
    nn.init.eye_(layer.weight)
    gradients = []
    for recomputed in (False, True):
        part = mg.utils.checkpoint.checkpoint if recomputed else lambda f, *args, use_reentrant: f(*args)
        leaf = x.clone().requires_grad_()
        with mg.autocast("cpu", dtype=mg.float16):
            loss = part(lambda y: layer(y).sin(), layer(leaf), use_reentrant=False).float().sum()
            if inside:
                loss.backward()
        if not inside:
            loss.backward()
        gradients.append((leaf.grad, layer.weight.grad))
        layer.weight.grad = None
    plain, again = gradients
    assert mg.equal(again[0], plain[0])
    assert mg.allclose(again[1], plain[1], rtol=2e-3)


def test_a_checkpoint_outside_of_a_block_is_not_cast_within_it(x):
    leaf = x.clone().requires_grad_()
    result = mg.utils.checkpoint.checkpoint(lambda y: y @ y.mT, leaf, use_reentrant=False)
    with mg.autocast("cpu", dtype=mg.float16):
        result.sum().backward()
    assert leaf.grad[:, 0].tolist() == [3.0, 3.0, 3.0]


def test_a_scaler_scales_losses_and_unscales_gradients():
    scaler, p, optimizer = scaled()
    scaler.scale((p * p).sum()).backward()
    assert p.grad.tolist() == [131072.0, 131072.0]
    scaler.unscale_(optimizer)
    assert p.grad.tolist() == [2.0, 2.0]
    scaler.step(optimizer)
    scaler.update()
    assert p.tolist() == [0.0, 0.0] and scaler.get_scale() == 65536.0
    assert scaler.state_dict()["_growth_tracker"] == 1


def test_an_infinite_gradient_leaves_the_step_out_and_halves_the_scale():
    scaler, p, optimizer = scaled(growth_interval=2)
    scaler.scale(p.sum())
    p.grad = mg.tensor([float("inf"), 1.0])
    assert scaler.step(optimizer) is None
    scaler.update()
    assert p.tolist() == [1.0, 1.0] and scaler.get_scale() == 32768.0
    for expected in (32768.0, 65536.0, 65536.0):
        p.grad = mg.zeros(2)
        scaler.step(optimizer)
        scaler.update()
        assert scaler.get_scale() == expected


def test_a_scaler_refuses_the_wrong_order():
    scaler, p, optimizer = scaled()
    with pytest.raises(AssertionError, match="_scale is None"):
        scaler.step(optimizer)
    scaler.scale(p.sum())
    with pytest.raises(AssertionError, match="No inf checks were recorded for this optimizer"):
        scaler.step(optimizer)
    scaler.update(65536.0)
    p.grad = mg.ones(2)
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called on this optimizer"):
        scaler.unscale_(optimizer)
    with pytest.raises(AssertionError, match="only be pickled at the beginning"):
        pickle.dumps(scaler)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="after step"):
        scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called since"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="Closure"):
        scaler.step(optimizer, closure=lambda: 0)
    scaler.update()
    with pytest.raises(AssertionError, match="No inf checks were recorded prior to update"):
        scaler.update()
    assert pickle.loads(pickle.dumps(scaler)).state_dict() == scaler.state_dict()


def test_a_scaler_refuses_gradients_of_float16_and_an_empty_state():
    scaler, _, _ = scaled()
    p = nn.Parameter(mg.ones(2).half())
    scaler.scale(p.sum())
    p.grad = mg.ones(2).half()
    with pytest.raises(ValueError, match="FP16 gradients"):
        scaler.unscale_(mg.optim.SGD([p], lr=1.0))
    with pytest.raises(RuntimeError, match="state dict is empty"):
        scaler.load_state_dict({})
    with pytest.raises(AssertionError, match="growth factor"):
        mg.amp.GradScaler("cpu", growth_factor=1.0)


def test_functions_that_cast_are_known_by_their_names():
    """To classes and modes that are asked, though they were asked before anything was cast."""
    pytest.importorskip("ml_dtypes", reason="needs the extra bfloat16")
    program = """
import metagrad
class Kept(metagrad.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        told.append(function)
        return super().__torch_function__(function, types, args, kwargs or {})
told, x = [], metagrad.ones(2, 2).as_subclass(Kept)
with metagrad.autocast("cpu"):
    y = metagrad.einsum("ij,jk->ik", x, x), x.matmul(x), metagrad.nn.functional.linear(x, x)
known = [metagrad.einsum, metagrad.Tensor.matmul, metagrad.nn.functional.linear]
print(told == known, {str(z.dtype) for z in y}, {type(z) for z in y} == {Kept})
print([metagrad.overrides.resolve_name(f) for f in (*known, metagrad.matmul)])
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [
        "True {'metagrad.bfloat16'} True",
        "['torch.functional.einsum', 'torch.Tensor.matmul', 'torch.nn.functional.linear', 'torch.matmul']",
    ]


MODES = """
import torch
from torch.overrides import TorchFunctionMode, resolve_name
class Log(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        print(resolve_name(func), [str(x.dtype)[6:] for x in args if isinstance(x, torch.Tensor)])
        return func(*args, **(kwargs or {}))
layer, x = torch.nn.Linear(2, 2), torch.ones(1, 2)
with torch.autocast("cpu"), Log():
    y = layer(x); z = x @ x.t(); loss = torch.nn.functional.cross_entropy(y, torch.tensor([1]))
with Log(), torch.autocast("cpu"):
    y = layer(x)
print(y.dtype, z.dtype, loss.dtype)
"""
FIRST = {
    "the block": "with torch.autocast('cpu'): torch.ones(1) * 2\n",
    "the mode": "import torch.overrides\nclass Early(torch.Tensor): pass\nEarly([1.0]) + 1\n",
}


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
@pytest.mark.parametrize("first", FIRST)
def test_modes_are_told_of_functions_not_of_their_casts(lib, first):
    pytest.importorskip("torch" if lib == "torch" else "ml_dtypes", reason="needs the extra conformance or bfloat16")
    start = "from metagrad import alias; alias.install()\n" if lib == "metagrad" else ""
    program = start + "import torch\n" + FIRST[first] + MODES
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    linear = "torch.nn.functional.linear ['float32', 'float32', 'float32']"
    told = [line for line in said.splitlines() if not line.startswith(("torch.tensor", "torch._C", "None"))]
    assert told == [
        linear, "torch.Tensor.t ['float32']", "torch.Tensor.matmul ['float32', 'float32']",
        "torch.nn.functional.cross_entropy ['bfloat16', 'int64']", linear, "torch.bfloat16 torch.bfloat16 torch.float32",
    ]  # fmt: skip
