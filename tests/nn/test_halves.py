"""Layers of float16: computed in float32 and rounded once, so that squares do not overflow and sums lose nothing."""

import numpy as np
import pytest

import metagrad as mg

RNG = np.random.default_rng(0)
ROWS = (10 * RNG.normal(size=(4, 768))).astype(np.float16)  # Σ x² is about 76,800, beyond float16
MAPS = (100 * RNG.normal(size=(3, 8, 5, 5))).astype(np.float16)
WEIGHTS = RNG.uniform(0.5, 1.5, 768).astype(np.float32)


def norms(lib):
    """Each normalization of large float16 numbers, as a function of the input and of eight weights."""
    F = lib.nn.functional
    return {
        "layer_norm": (ROWS, lambda x, w: F.layer_norm(x, (768,), lib.from_numpy(WEIGHTS).to(w.dtype) * w[0])),
        "rms_norm": (ROWS, lambda x, w: F.rms_norm(x, (768,), lib.from_numpy(WEIGHTS).to(w.dtype) * w[0])),
        "batch_norm": (MAPS, lambda x, w: F.batch_norm(x, None, None, w, w, training=True)),
        "batch_norm of rows": (ROWS[:, :8], lambda x, w: F.batch_norm(x, None, None, w, w, training=True)),
        "group_norm": (MAPS, lambda x, w: F.group_norm(x, 2, w, w)),
        "instance_norm": (MAPS, lambda x, w: F.instance_norm(x, None, None, w, w)),
        "local_response_norm": (MAPS, lambda x, w: F.local_response_norm(x, 3, alpha=0.1) + 0 * w[0]),
        "normalize": (ROWS, lambda x, w: F.normalize(x) + 0 * w[0]),
    }


def results(lib, name, input_dtype, weight_dtype):
    """The norm, its gradients, and the gradients of a sum of squares of those, as float64."""
    numbers, function = norms(lib)[name]
    x = lib.from_numpy(numbers.copy()).to(getattr(lib, input_dtype)).requires_grad_()
    w = lib.linspace(0.5, 1.5, 8).to(getattr(lib, weight_dtype)).requires_grad_()
    y = function(x, w)
    cotangent = lib.from_numpy(np.random.default_rng(1).normal(size=tuple(y.shape))).to(y.dtype)
    first = lib.autograd.grad(y, (x, w), cotangent, create_graph=True)
    second = lib.autograd.grad((30 * first[0].to(lib.float64)).square().sum(), (x, w), materialize_grads=True)
    assert all(g.dtype is v.dtype for g, v in zip((*first, *second), (x, w, x, w)))
    return y.dtype, [np.array(v.detach().to(lib.float64).numpy()) for v in (y, *first, *second)]


@pytest.mark.parametrize("weight_dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", norms(mg))
def test_norms_of_large_halves_are_those_of_wider_numbers(name, weight_dtype):
    dtype, found = results(mg, name, "float16", weight_dtype)
    _, expected = results(mg, name, "float64", "float64")
    assert dtype is mg.float16
    for which, (a, b) in enumerate(zip(found, expected)):
        assert np.abs(a - b).max() <= 4e-3 * np.abs(b).max(), f"{name}: {('y', 'x', 'w', 'x again', 'w again')[which]}"


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Mismatch dtype")  # PyTorch says that rms_norm is not fused
@pytest.mark.parametrize("weight_dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", [n for n in norms(mg) if n not in ("normalize", "local_response_norm")])
def test_norms_are_no_further_from_the_truth_than_pytorchs(torch, name, weight_dtype):
    numbers, function = norms(torch)[name]
    w = torch.linspace(0.5, 1.5, 8).to(getattr(torch, weight_dtype))
    theirs = function(torch.from_numpy(numbers), w)
    exact = function(torch.from_numpy(numbers).double(), w.double()).numpy()
    dtype, (found, *_) = results(mg, name, "float16", weight_dtype)
    assert dtype.name == str(theirs.dtype).split(".")[1] == "float16"
    assert (np.abs(found - exact) <= np.abs(theirs.double().numpy() - exact) + 1e-3 * np.abs(exact) + 1e-7).all()


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Mismatch dtype")
@pytest.mark.parametrize("dtypes", [("float16", "float32"), ("float32", "float16"), ("float32", "float64")])
@pytest.mark.parametrize("name", [n for n in norms(mg) if n not in ("normalize", "local_response_norm")])
def test_parameters_of_another_dtype_give_pytorchs_dtype_or_error(torch, name, dtypes):
    found = []
    for lib in (torch, mg):
        numbers, function = norms(lib)[name]
        x, w = lib.from_numpy(numbers).to(getattr(lib, dtypes[0])), lib.ones(8, dtype=getattr(lib, dtypes[1]))
        try:
            found.append(str(function(x, w).dtype).split(".")[1])
        except RuntimeError:
            found.append("RuntimeError")
    assert found[1] == found[0]


@pytest.mark.parametrize("running_dtype", ["float16", "float32"])
def test_running_statistics_of_large_halves(running_dtype):
    layer = mg.nn.BatchNorm1d(768).to(getattr(mg, running_dtype))
    rows = ROWS * np.float16(40)
    y, wide = layer(mg.from_numpy(rows)), rows.astype(np.float64)
    assert y.dtype is mg.float16 and layer.running_var.dtype.name == running_dtype
    np.testing.assert_allclose(layer.running_mean.double().numpy(), 0.1 * wide.mean(0), rtol=2e-3, atol=0.02)
    var = 0.9 + 0.1 * wide.var(0, ddof=1)
    fits = var < 60000
    assert fits.any()
    np.testing.assert_allclose(layer.running_var.double().numpy()[fits], var[fits], rtol=2e-3)


def test_attention_scales_before_it_overflows():
    q = np.full((1, 2, 3, 64), 60.0, np.float16)  # q kᵀ is 230,400, scaled 28,800
    q[..., 0] = [0.0, 1.0, 2.0]
    v = RNG.normal(size=(1, 2, 3, 64)).astype(np.float16)
    for need_weights in (False, True):
        found = []
        for kind in (mg.float16, mg.float64):
            x, y = mg.from_numpy(q).to(kind).requires_grad_(), mg.from_numpy(v).to(kind)
            if need_weights:
                layer = mg.nn.MultiheadAttention(64, 1, bias=False).to(kind)
                layer.in_proj_weight.data.copy_(mg.eye(64).repeat(3, 1) * 2)
                layer.out_proj.weight.data.copy_(mg.eye(64))
                out, _ = layer(x[0, 0].unsqueeze(1), x[0, 1].unsqueeze(1), y[0, 0].unsqueeze(1))
            else:
                out = mg.nn.functional.scaled_dot_product_attention(x, x, y)
            out.sum().backward()
            assert out.dtype is kind
            found.append([out.detach().double().numpy(), x.grad.double().numpy()])
        for a, b in zip(*found):
            assert np.isfinite(a).all()
            np.testing.assert_allclose(a, b, rtol=2e-2, atol=2e-2)


def test_the_bias_of_many_rows_gets_its_whole_gradient():
    layer = mg.nn.Linear(3, 2).half()
    layer(mg.ones(5000, 3).half()).sum().backward()
    assert layer.bias.grad.tolist() == [5000.0, 5000.0]  # in float16, 2048 + 1 is 2048


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_bags_of_many_rows(mode):
    bag = mg.nn.functional.embedding_bag(mg.zeros(1, 5000).long(), mg.ones(1, 2).half(), mode=mode)
    assert bag.dtype is mg.float16 and bag.tolist() == [[5000.0 if mode == "sum" else 1.0] * 2]


@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers_of_halves_follow_those_of_singles(cell):
    mg.manual_seed(0)
    layer = getattr(mg.nn, cell)(6, 8)
    x = mg.randn(20, 3, 6)
    wide, _ = layer(x)
    found, _ = layer.half()(x.half())
    assert found.dtype is mg.float16
    np.testing.assert_allclose(found.detach().float().numpy(), wide.detach().numpy(), atol=5e-3)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, float("inf")])
def test_the_norm_of_gradients_is_added_up_in_float32(p):
    w, v = mg.zeros(100).half().requires_grad_(), mg.zeros(2).requires_grad_()
    w.grad, v.grad = mg.full((100,), 300.0).half(), mg.full((2,), 4.0)
    alone = mg.nn.utils.get_total_norm([w.grad], p)
    assert alone.dtype is mg.float16
    assert float(alone) == pytest.approx(np.linalg.norm(np.full(100, 300.0), p), rel=1e-3)
    total = mg.nn.utils.clip_grad_norm_([w, v], 10.0, p)
    assert total.dtype is mg.float32
    assert float(total) == pytest.approx(np.linalg.norm([*[300.0] * 100, 4.0, 4.0], p), rel=1e-6)
    assert w.grad.tolist() == pytest.approx([300.0 * 10 / float(total)] * 100, rel=1e-3)
