"""Attention: the kernel against its reference and PyTorch, multi-head attention and the Transformer against PyTorch."""

import itertools

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.autograd import gradcheck, gradgradcheck
from metagrad.kernels import attention as kernel
from metagrad.kernels import tuning
from metagrad.nn import functional as F
from metagrad.nn.functional.attention import Attention, plain_attention

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


def inputs(lead, rows, keys, seed=0, dtype="float32", width=6, values=4):
    rng = np.random.default_rng(seed)
    shapes = (rows, width), (keys, width), (keys, values)
    return [rng.standard_normal((*lead, *s)).astype(dtype) for s in shapes], rng


def results(library, function, arrays, draw, *args, **kwargs):
    """The output for some arrays, and their gradients."""
    tensors = [library.tensor(a, requires_grad=True) for a in arrays]
    y = function(*tensors, *args, **kwargs)
    ramp = np.random.default_rng(draw).standard_normal(tuple(y.shape)).astype(arrays[0].dtype)
    y.backward(library.tensor(ramp))
    return [y.detach().numpy(), *[t.grad.numpy() for t in tensors]]


def close(found, expected, dtype="float32"):
    for a, b in zip(found, expected, strict=True):
        assert a.shape == tuple(b.shape)
        assert a.dtype == b.dtype
        np.testing.assert_allclose(
            a, b, **({"rtol": 1e-9, "atol": 1e-11} if dtype == "float64" else {"rtol": 1e-4, "atol": 2e-5})
        )


pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")  # PyTorch on its own fast path

# ------------------------------------------------ kernel and reference implementation


@pytest.mark.parametrize("block", [1, 20, 64, 1 << 17])
@pytest.mark.parametrize("together", [False, True])
def test_the_kernel_equals_the_reference_implementation(monkeypatch, block, together):
    monkeypatch.setattr(tuning, "ATTENTION_BLOCK", block)
    monkeypatch.setattr(tuning, "ATTENTION_WORTH_THREADS", 0 if together else 1 << 60)
    for (n, h), (rows, keys), masked, causal, p in itertools.product(
        [(1, 1), (3, 2), (2, 4)], [(1, 1), (5, 7), (40, 9)], [None, "bool", "float"], [False, True], [0.0, 0.3, 1.0]
    ):
        arrays, rng = inputs((n, h), rows, keys, dtype="float64")
        mask = {
            None: None, "bool": rng.random((n, 1, rows, keys)) > 0.5, "float": rng.standard_normal((1, 1, rows, keys))
        }[masked]  # fmt: skip
        mask = None if mask is None else metagrad.tensor(mask)
        for drawn in (11, rng.random((n, h, rows, keys)) > p) if 0 < p < 1 else (11,):
            settings = {"causal": causal, "scale": 0.7, "p": p, "drawn": drawn}
            found = results(metagrad, Attention.apply, arrays, 1, mask, **settings)
            close(found, results(metagrad, plain_attention, arrays, 1, mask, **settings), "float64")


def test_every_score_is_in_one_block():
    for shape, causal in itertools.product([(3, 4, 5, 6), (1, 1, 3000, 500), (40, 8, 20, 20)], [False, True]):
        seen = np.zeros(shape, np.int8)
        groups = kernel.blocks(shape, causal)
        numbers = [b.number for group in groups for b in group]
        assert len(set(numbers)) == len(numbers)
        for b in (b for group in groups for b in group):
            seen[b.n, b.h, b.rows, b.keys] += 1
        visible = np.arange(shape[3]) <= np.arange(shape[2])[:, None]
        assert (seen[..., visible] == 1).all() and (causal or (seen == 1).all())


@pytest.mark.parametrize(
    "options", [{}, {"is_causal": True}, {"attn_mask": metagrad.tensor([[True, False, True]] * 2)}]
)
def test_derivatives_of_any_order(options):
    q, k, v = (metagrad.tensor(a, requires_grad=True) for a in inputs((2, 2), 2, 3, dtype="float64")[0])
    assert gradcheck(lambda *x: F.scaled_dot_product_attention(*x, **options), (q, k, v))
    assert gradgradcheck(lambda *x: F.scaled_dot_product_attention(*x, **options), (q, k, v))


def test_a_mask_to_add_can_be_learned():
    arrays, rng = inputs((2, 2), 3, 5)
    arrays.append(rng.standard_normal((3, 5)).astype(np.float32))
    close(
        results(metagrad, F.scaled_dot_product_attention, arrays, 0),
        results(torch, torch.nn.functional.scaled_dot_product_attention, arrays, 0),
    )


# ------------------------------------------------ scaled_dot_product_attention against PyTorch


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lead", [(), (3,), (2, 4), (2, 2, 3)])
@pytest.mark.parametrize(("rows", "keys"), [(1, 1), (5, 7), (9, 3)])
def test_attention_equals_pytorchs(dtype, lead, rows, keys):
    arrays, rng = inputs(lead, rows, keys, dtype=dtype)
    masks = [
        None,
        rng.random((rows, keys)) > 0.4,
        rng.random((*lead, rows, keys)) > 0.4,
        rng.standard_normal((rows, keys)).astype(dtype),
    ]
    for mask, scale, causal in itertools.product(masks, [None, 0.3], [False, True]):
        if mask is not None and causal:
            continue
        close(*[
            results(library, library.nn.functional.scaled_dot_product_attention, arrays, 2, scale=scale, is_causal=causal,
                    attn_mask=None if mask is None else library.tensor(mask))
            for library in (metagrad, torch)
        ], dtype)  # fmt: skip


def test_heads_of_keys_can_serve_several_of_queries():
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((2, heads, 5, 4)).astype(np.float32) for heads in (6, 2, 3)]
    close(*[
        results(library, library.nn.functional.scaled_dot_product_attention, arrays[:2] + arrays[1:2], 0, enable_gqa=True)
        for library in (metagrad, torch)
    ])  # fmt: skip


def test_leading_dimensions_broadcast():
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in ((2, 3, 4, 5), (1, 3, 6, 5), (6, 5))]
    close(*[
        results(library, library.nn.functional.scaled_dot_product_attention, arrays, 0) for library in (metagrad, torch)
    ])  # fmt: skip


def test_dropout_of_five_dimensions_with_a_mask_that_is_learned():
    q, mask = metagrad.randn(2, 2, 2, 3, 4), metagrad.zeros(3, 3, requires_grad=True)
    for p in (0.5, 1.0):
        assert F.scaled_dot_product_attention(q, q, q, mask, p).shape == (2, 2, 2, 3, 4)


def test_empty_and_half_precision():
    q = metagrad.zeros(2, 0, 4)
    assert F.scaled_dot_product_attention(q, q, q).shape == (2, 0, 4)
    assert (F.scaled_dot_product_attention(metagrad.ones(1, 3, 4), q[:1], q[:1]) == 0).all()
    h = metagrad.ones(2, 3, 4).half()
    assert F.scaled_dot_product_attention(h, h, h).dtype is metagrad.float16


@pytest.mark.parametrize("shape", [(8, 4, 64, 64), (8, 8, 33, 64), (3, 2, 100, 8)])
def test_dropout_does_not_depend_on_the_number_of_threads(shape):
    count, found = metagrad.get_num_threads(), []
    try:
        for forward, backward in ((1, 1), (2, 1), (3, 2)):
            q, k, v = (
                metagrad.tensor(rng.standard_normal(shape), requires_grad=True)
                for rng in [np.random.default_rng(1)] * 3
            )
            metagrad.manual_seed(3)
            metagrad.set_num_threads(forward)
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=0.3)
            metagrad.set_num_threads(backward)
            y.sum().backward()
            found.append([a.numpy() for a in (y.detach(), q.grad, k.grad, v.grad)])
    finally:
        metagrad.set_num_threads(count)
    for others in found[1:]:
        for a, b in zip(found[0], others, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_dropout_keeps_the_expectation_and_repeats_with_its_seed():
    metagrad.manual_seed(3)
    q, v = metagrad.randn(4, 8, 16, 8), metagrad.ones(4, 8, 16, 8)
    metagrad.manual_seed(5)
    first = F.scaled_dot_product_attention(q, q, v, dropout_p=0.25)
    second = F.scaled_dot_product_attention(q, q, v, dropout_p=0.25)
    metagrad.manual_seed(5)
    assert (F.scaled_dot_product_attention(q, q, v, dropout_p=0.25) == first).all()
    assert not (first == second).all()
    assert abs(first.mean().item() - 1) < 0.03
    assert (F.scaled_dot_product_attention(q, q, v, dropout_p=1.0) == 0).all()


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_a_mask_beside_the_causal_one(lib):
    """Of four dimensions, without dropout: what both let be seen. Row 0 sees nothing, and gets 0."""
    lib = pytest.importorskip(lib)
    x, lines = lib.eye(3)[None, None], lib.nn.functional.scaled_dot_product_attention
    shown = lib.tensor([[False, True, True], [True, False, True], [True, False, True]])
    half = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, 0.0, 0.5]]
    added = lib.zeros(3, 3).masked_fill(~shown, -float("inf"))
    for mask in (shown, added):
        assert lines(x, lib.zeros_like(x), x, attn_mask=mask, is_causal=True)[0, 0].tolist() == half
    for given, p in ((x[0], 0.0), (x, 0.5)):
        with pytest.raises(RuntimeError, match="Explicit attn_mask should not be set when is_causal=True"):
            lines(given, given, given, attn_mask=shown, dropout_p=p, is_causal=True)
    with pytest.raises(
        RuntimeError, match=r"size of tensor a \(4\) must match the size of tensor b \(2\) at non-singleton"
    ):
        lines(x.expand(1, 4, 3, 3), x.expand(1, 2, 3, 3), x.expand(1, 2, 3, 3))


def test_errors_of_attention():
    x = metagrad.zeros(2, 3, 4)
    sdpa = F.scaled_dot_product_attention
    with pytest.raises(RuntimeError, match="not both"):
        sdpa(x, x, x, attn_mask=metagrad.ones(3, 3).bool(), is_causal=True)
    with pytest.raises(RuntimeError, match="at least 2 dim"):
        sdpa(x[0, 0], x, x)
    with pytest.raises(RuntimeError, match="the same dtype"):
        sdpa(x, x.double(), x)
    with pytest.raises(RuntimeError, match="do not fit"):
        sdpa(x, x[..., :2], x)
    with pytest.raises(RuntimeError, match="Expected attn_mask dtype to be bool"):
        sdpa(x, x, x, attn_mask=metagrad.ones(3, 3).long())
    with pytest.raises(RuntimeError, match="must divide the number of heads"):
        sdpa(metagrad.zeros(1, 3, 2, 4), metagrad.zeros(1, 2, 2, 4), metagrad.zeros(1, 2, 2, 4), enable_gqa=True)
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        sdpa(x, x, x, dropout_p=1.5)


# ------------------------------------------------ layers


def pair(name, *args, **kwargs):
    """The layer of both libraries, with PyTorch's random parameters."""
    theirs = getattr(torch.nn, name)(*args, **kwargs)
    ours = getattr(nn, name)(*args, **kwargs)
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(torch.randn(p.shape) * 0.3)
    expected, found = theirs.state_dict(), ours.state_dict()
    assert [(k, tuple(v.shape)) for k, v in found.items()] == [(k, tuple(v.shape)) for k, v in expected.items()]
    ours.load_state_dict({k: metagrad.tensor(v.numpy()) for k, v in expected.items()})
    assert repr(ours) == repr(theirs)
    return ours, theirs


def compare(ours, theirs, arrays, **kwargs):
    """Outputs, and gradients of inputs and parameters."""
    found = []
    for library, layer in ((metagrad, ours), (torch, theirs)):
        layer.zero_grad()
        given = {k: library.tensor(v) if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
        made = {id(a): library.tensor(a, requires_grad=True) for a in arrays}
        tensors = [made[id(a)] for a in arrays]
        out = layer(*tensors, **given)
        outs = [o for o in (out if isinstance(out, tuple) else (out,)) if o is not None]
        total = sum(
            (o * library.tensor(np.cos(np.arange(o.numel())).reshape(o.shape).astype("float32"))).sum() for o in outs
        )
        total.backward()
        grads = [p.grad for p in layer.parameters()]
        found.append(
            [o.detach().numpy() for o in outs] + [t.grad.numpy() for t in made.values()]
            + [np.zeros(0) if g is None else g.numpy() for g in grads]
        )  # fmt: skip
    assert len(found[0]) == len(found[1])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("settings", [
    {}, {"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"kdim": 6, "vdim": 10}, {"batch_first": True},
    {"add_bias_kv": True, "add_zero_attn": True, "kdim": 6, "batch_first": True}, {"kdim": 6, "bias": False},
])  # fmt: skip
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("masks", ["none", "padding", "bool", "float", "many", "both"])
def test_multihead_attention(settings, need_weights, masks):
    ours, theirs = pair("MultiheadAttention", 8, 2, **settings)
    rows, keys, batch = 4, 5, 3

    def turn(x):
        return x.swapaxes(0, 1).copy() if settings.get("batch_first") else x

    q = turn(normal(rows, batch, 8))
    k, v = (
        turn(normal(keys, batch, settings.get("kdim", 8), seed=1)),
        turn(normal(keys, batch, settings.get("vdim", 8), seed=2)),
    )
    given = {}
    if masks in ("padding", "both"):
        given["key_padding_mask"] = np.arange(keys) >= np.array([5, 3, 4])[:, None]
    if masks == "bool":
        given["attn_mask"] = np.arange(keys) > np.arange(rows)[:, None]
    if masks in ("float", "both"):
        given["attn_mask"] = normal(rows, keys)
        if "key_padding_mask" in given:
            given["key_padding_mask"] = np.where(given["key_padding_mask"], -np.inf, 0).astype("float32")
    if masks == "many":
        given["attn_mask"] = normal(batch * 2, rows, keys)
    for average in (True, False):
        compare(ours, theirs, [q, k, v], need_weights=need_weights, average_attn_weights=average, **given)


@pytest.mark.parametrize("batch_first", [False, True])
def test_self_attention_shares_its_projection(batch_first):
    ours, theirs = pair("MultiheadAttention", 8, 4, batch_first=batch_first)
    x, memory = normal(5, 3, 8), normal(5, 3, 8, seed=1)
    above = np.triu(np.ones((5, 5), bool), 1) if not batch_first else np.triu(np.ones((3, 3), bool), 1)
    for need_weights in (False, True):
        compare(ours, theirs, [x, x, x], need_weights=need_weights)
        compare(ours, theirs, [x, memory, memory], need_weights=need_weights)
        compare(ours, theirs, [x, x, x], need_weights=need_weights, attn_mask=above, is_causal=True)
    compare(ours, theirs, [x[0], x[0], x[0]])
    compare(ours, theirs, [x[0], memory[0], memory[1]])


def test_initial_values_of_attention():
    metagrad.manual_seed(0)
    layer = nn.MultiheadAttention(64, 4, add_bias_kv=True)
    bound = (6 / (64 + 192)) ** 0.5
    assert abs(layer.in_proj_weight.abs().max().item() - bound) < 0.01 * bound
    assert abs(layer.in_proj_weight.std().item() - bound / 3**0.5) < 0.02 * bound
    assert not layer.in_proj_bias.any() and not layer.out_proj.bias.any()
    assert abs(layer.bias_k.std().item() - (2 / (64 + 64)) ** 0.5) < 0.05


def test_errors_of_multihead_attention():
    layer, x = nn.MultiheadAttention(8, 2), metagrad.zeros(4, 3, 8)
    with pytest.raises(AssertionError, match="divisible"):
        nn.MultiheadAttention(9, 2)
    with pytest.raises(ValueError, match="greater than 0"):
        nn.MultiheadAttention(0, 2)
    with pytest.raises(RuntimeError, match="2D attn_mask"):
        layer(x, x, x, attn_mask=metagrad.zeros(3, 3))
    with pytest.raises(AssertionError, match="key_padding_mask"):
        layer(x, x, x, key_padding_mask=metagrad.zeros(4).bool())
    with pytest.raises(AssertionError, match="embedding dimension"):
        layer(x[..., :4], x, x)
    with pytest.raises(RuntimeError, match="Need attn_mask"):
        layer(x, x, x, is_causal=True)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu", "function"])
@pytest.mark.parametrize("bias", [True, False])
def test_encoder_layer(norm_first, batch_first, activation, bias):
    if activation == "gelu" and not hasattr(F, "gelu"):
        pytest.skip("needs gelu")
    settings = {"dropout": 0.0, "norm_first": norm_first, "batch_first": batch_first, "bias": bias}
    choices = {"function": (metagrad.tanh, torch.tanh)}.get(activation, (activation, activation))
    ours, theirs = nn.TransformerEncoderLayer(8, 2, 12, activation=choices[0], **settings), torch.nn.TransformerEncoderLayer(
        8, 2, 12, activation=choices[1], **settings
    )  # fmt: skip
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({k: metagrad.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    x = normal(5, 3, 8)
    length, batch = (3, 5) if batch_first else (5, 3)
    padding = np.arange(length) >= np.array([length, 2, 1, length, 2][:batch])[:, None]
    causal = np.triu(np.ones((length, length), bool), 1)
    compare(ours, theirs, [x])
    compare(ours, theirs, [x], src_key_padding_mask=padding)
    compare(ours, theirs, [x], src_mask=causal, is_causal=True)
    compare(ours, theirs, [x], src_mask=causal, src_key_padding_mask=padding)
    compare(ours, theirs, [x[0]])


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_transformer(norm_first, batch_first):
    ours, theirs = pair("Transformer", 8, 2, 2, 1, 12, dropout=0.0, norm_first=norm_first, batch_first=batch_first)
    src, tgt = normal(5, 3, 8), normal(4, 3, 8, seed=1)
    padding = np.arange(5) >= np.array([5, 2, 4])[:, None]
    mask = torch.nn.Transformer.generate_square_subsequent_mask(4).numpy()
    np.testing.assert_array_equal(nn.Transformer.generate_square_subsequent_mask(4).numpy(), mask)
    if batch_first:
        src, tgt = src.swapaxes(0, 1).copy(), tgt.swapaxes(0, 1).copy()
    compare(ours, theirs, [src, tgt])
    compare(ours, theirs, [src, tgt], tgt_mask=mask)
    compare(
        ours, theirs, [src, tgt], tgt_mask=mask, tgt_is_causal=True,
        src_key_padding_mask=np.where(padding, -np.inf, 0).astype("float32"),
        memory_key_padding_mask=np.where(padding, -np.inf, 0).astype("float32"),
    )  # fmt: skip


def test_stacks_without_a_norm_and_their_copies():
    ours = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0), 3)
    theirs = torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0), 3)
    assert list(ours.state_dict()) == list(theirs.state_dict()) and repr(ours) == repr(theirs)
    first, second = ours.layers[0].linear1.weight, ours.layers[1].linear1.weight
    assert first is not second and (first == second).all()
    assert ours.num_layers == 3 and ours.norm is None


def test_dropout_only_while_training():
    metagrad.manual_seed(0)
    layer, x = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.5), metagrad.randn(5, 3, 8)
    assert not (layer(x) == layer(x)).all()
    layer.eval()
    assert (layer(x) == layer(x)).all()


def test_errors_of_the_transformer():
    model = nn.Transformer(8, 2, 1, 1, 12)
    with pytest.raises(RuntimeError, match="batch number"):
        model(metagrad.zeros(4, 3, 8), metagrad.zeros(4, 2, 8))
    with pytest.raises(RuntimeError, match="feature number"):
        model(metagrad.zeros(4, 3, 8), metagrad.zeros(4, 3, 6))
    with pytest.raises(RuntimeError, match="relu/gelu"):
        nn.TransformerEncoderLayer(8, 2, activation="swish")


def test_merged_masks():
    layer, query = nn.MultiheadAttention(4, 2), metagrad.zeros(2, 3, 4)
    padding, among = metagrad.tensor([[0.0, 0.0, 1.0], [0.0, 2.0, 0.0]]), metagrad.arange(9.0).view(3, 3)
    assert layer.merge_masks(None, None, query) == (None, None)
    merged, kind = layer.merge_masks(None, padding, query)
    assert merged is padding and kind == 1
    merged, kind = layer.merge_masks(among, padding, query)
    assert tuple(merged.shape) == (2, 2, 3, 3) and kind == 2
    assert merged[0, 1].tolist() == [[0, 1, 3], [3, 4, 6], [6, 7, 9]]
    assert merged[1, 0, 0].tolist() == [0, 3, 2]
    each = metagrad.arange(36.0).view(4, 3, 3)
    assert layer.merge_masks(each, None, query)[0].flatten(0, 1).tolist() == each.tolist()


def test_a_batch_that_is_all_padding_is_refused_where_padding_is_left_out():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 1).eval()
    x, padding = metagrad.ones(2, 3, 4), metagrad.ones(2, 3, dtype=metagrad.bool)
    with (
        metagrad.no_grad(),
        pytest.raises(RuntimeError, match="at least one constituent tensor should have non-zero numel"),
    ):
        encoder(x, src_key_padding_mask=padding)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_a_mask_of_float32_stands_beside_other_numbers(dtype):
    kind = getattr(metagrad, dtype)
    x, mask = metagrad.arange(12.0).view(1, 3, 4).div(8).to(kind), metagrad.tensor([[0.25, -0.5, 1.0]] * 3)
    y = F.scaled_dot_product_attention(x, x, x, attn_mask=mask)
    assert y.dtype is kind
    expected = F.scaled_dot_product_attention(x, x, x, attn_mask=mask.to(kind))
    np.testing.assert_allclose(y.float().numpy(), expected.float().numpy(), rtol=1e-2)
    with pytest.raises(RuntimeError, match="attn_mask dtype to be bool or float or to match query dtype"):
        F.scaled_dot_product_attention(x.float(), x.float(), x.float(), attn_mask=mask.half())
