"""Which backward passes are refused: a second one, and one after what the gradient needs was written to; where PyTorch refuses."""

import importlib

import numpy as np
import pytest

import metagrad as mg
import metagrad.nn.functional as F

SECOND, WRITTEN = "a second time", "modified by an inplace operation"


@pytest.fixture(params=["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def lib(request):
    return pytest.importorskip(request.param)


def index(lib):
    return lib.tensor([0, 2])


def mask(lib):
    return lib.tensor([True, False, True])


# What is computed of x, three numbers, and of another tensor made by the second function; whether a second backward pass is
# refused; which writes are before the first: to x, to the other, to the last result.
CASES = {
    "gather": (lambda lib, x, i: x.gather(0, i), index, True, "x other"),
    "index_select": (lambda lib, x, i: x.index_select(0, i), index, True, "other"),
    "take": (lambda lib, x, i: x.take(i), index, True, "x other"),
    "getitem": (lambda lib, x, i: x[i], index, True, "other"),
    "getitem mask": (lambda lib, x, m: x[m], mask, True, "other"),
    "index_fill": (lambda lib, x, i: x.index_fill(0, i, 1.0), index, True, "other"),
    "index_put": (lambda lib, x, i: x.index_put((i,), lib.ones(2)), index, True, "other"),
    "scatter": (lambda lib, x, i: x.scatter(0, i, lib.ones(2)), index, True, "other"),
    "scatter_add": (lambda lib, x, i: lib.zeros(3).scatter_add(0, i, x[:2]), index, True, "other"),
    "scatter_add to x": (lambda lib, x, i: x.scatter_add(0, i, lib.ones(2)), index, False, ""),
    "index_add to x": (lambda lib, x, i: x.index_add(0, i, lib.ones(2)), index, False, ""),
    "masked_fill": (lambda lib, x, m: x.masked_fill(m, 1.0), mask, True, "other"),
    "masked_select": (lambda lib, x, m: x.masked_select(m), mask, True, "x other"),
    "where": (lambda lib, x, m: lib.where(m, x, 1.0), mask, True, "other"),
    "maximum": (lambda lib, x, y: lib.maximum(x, y), lambda lib: lib.ones(3), True, "x other"),
    "fmin": (lambda lib, x, y: lib.fmin(x, y), lambda lib: lib.ones(3), True, "x other"),
    "clamp": (lambda lib, x, low: x.clamp(low), lambda lib: lib.ones(3), True, "x other"),
    "hardsigmoid": (lambda lib, x, _: lib.nn.functional.hardsigmoid(x), index, True, "x"),
    "logsigmoid": (lambda lib, x, _: lib.nn.functional.logsigmoid(x), index, True, "x"),
    "amax": (lambda lib, x, _: x.amax(0), index, True, "x result"),
    "max along": (lambda lib, x, _: tuple(x.max(0)), index, True, "result"),
    "topk": (lambda lib, x, _: tuple(x.topk(2)), index, True, "result"),
    "sort": (lambda lib, x, _: tuple(x.sort()), index, True, "result"),
    "cummax": (lambda lib, x, _: tuple(x.cummax(0)), index, True, "x result"),
    "embedding": (lambda lib, x, i: lib.nn.functional.embedding(i, x.reshape(3, 1)), index, True, "other"),
    "huber_loss": (lambda lib, x, y: lib.nn.functional.huber_loss(x, y), lambda lib: lib.ones(3), True, "x other"),
    "max_pool1d": (lambda lib, x, _: lib.nn.functional.max_pool1d(x[None], 2), index, True, "x"),
    "clamp_": (lambda lib, x, _: (x * 1).clamp_(0, 1), index, True, ""),
    "tril": (lambda lib, x, _: x.expand(3, 3).tril(), index, False, ""),
    "deg2rad": (lambda lib, x, _: lib.deg2rad(x), index, False, ""),
    "rad2deg": (lambda lib, x, _: lib.rad2deg(x), index, False, ""),
    "lerp": (lambda lib, x, y: lib.lerp(x, y, 0.5), lambda lib: lib.ones(3), False, ""),
    "addcmul": (lambda lib, x, y: lib.addcmul(x, y, y), lambda lib: lib.ones(3), False, ""),
    "linear": (lambda lib, x, y: lib.nn.functional.linear(y, x[None]), lambda lib: lib.ones(2, 3), True, "other"),
    "div rounded": (lambda lib, x, y: lib.div(x, y, rounding_mode="floor"), lambda lib: lib.ones(3), True, "other"),
    "div rounded by a number": (lambda lib, x, _: lib.div(x, 2, rounding_mode="trunc"), index, True, ""),
    "nextafter": (lambda lib, x, y: lib.nextafter(x, y), lambda lib: lib.ones(3), True, "x other"),
    "complex": (lambda lib, x, y: lib.complex(x, y).real, lambda lib: lib.ones(3), True, "x"),
    "polar": (lambda lib, x, y: lib.polar(x, y).real * 1, lambda lib: lib.ones(3), True, ""),
    "copysign": (lambda lib, x, y: lib.copysign(x, y), lambda lib: lib.ones(3), True, "x result"),
    "copysign by the sign": (lambda lib, x, y: lib.copysign(y, x), lambda lib: lib.ones(3), True, "result"),
    "sgn": (lambda lib, x, _: lib.sgn(x), index, True, "x result"),
    "cross": (lambda lib, x, y: lib.linalg.cross(x, y), lambda lib: lib.ones(3), True, "other"),
    "combinations": (lambda lib, x, _: lib.combinations(x), index, True, "x"),
    "ldexp": (lambda lib, x, y: lib.ldexp(x, y), lambda lib: lib.ones(3), True, "other result"),
    "erfinv": (lambda lib, x, _: lib.erfinv(x), index, True, "x"),
    "log_ndtr": (lambda lib, x, _: lib.special.log_ndtr(x), index, True, "x result"),
    "index_copy": (lambda lib, x, i: lib.zeros(3).index_copy(0, lib.arange(3), x), index, True, "x"),
    "index_add": (lambda lib, x, i: lib.zeros(3).index_add(0, lib.arange(3), x), index, True, "x"),
    "put": (lambda lib, x, i: lib.zeros(3).put(lib.arange(3), x), index, True, "x"),
    "fft": (lambda lib, x, _: lib.fft.fft(x).real, index, True, "x"),
    "soft_margin_loss": (lambda lib, x, y: lib.nn.functional.soft_margin_loss(x, y), lambda lib: lib.ones(3), True, "x other"),
    "adaptive_avg_pool1d": (lambda lib, x, _: lib.nn.functional.adaptive_avg_pool1d(x[None], 2), index, True, "x"),
    "adaptive_avg_pool2d to one": (lambda lib, x, _: lib.nn.functional.adaptive_avg_pool2d(x[None, None], 1), index, False, ""),
    "bilinear": (
        lambda lib, x, y: lib.nn.functional.bilinear(x, x.detach() * 1, y), lambda lib: lib.ones(2, 3, 3), True, "other"
    ),
    "layer_norm": (
        lambda lib, x, y: lib.nn.functional.layer_norm(x, (3,), None, y), lambda lib: lib.ones(3), True, "x other"
    ),
    "attention with a mask": (
        lambda lib, x, m: lib.nn.functional.scaled_dot_product_attention(
            x[None, None, :, None].clone(), lib.ones(1, 1, 3, 1), lib.arange(3.0)[None, None, :, None], m
        ),
        lambda lib: lib.arange(9.0).reshape(1, 1, 3, 3), True, "other result",
    ),
    "attention with a mask of bools": (
        lambda lib, x, m: lib.nn.functional.scaled_dot_product_attention(
            x[None, None, :, None].clone(), lib.ones(1, 1, 3, 1), lib.arange(3.0)[None, None, :, None], m
        ),
        lambda lib: lib.ones(1, 1, 3, 3, dtype=lib.bool), True, "result",
    ),
    "conv1d of a weight that learns": (
        lambda lib, x, y: lib.nn.functional.conv1d(y, x[None, None]), lambda lib: lib.ones(1, 1, 5), True, "x other"
    ),
    "conv1d": (lambda lib, x, y: lib.nn.functional.conv1d(x[None], y), lambda lib: lib.ones(1, 1, 2), True, "x other"),
    "circular pad": (lambda lib, x, _: lib.nn.functional.pad(x[None], (1, 1), "circular"), index, True, ""),
    "dropout of all": (lambda lib, x, _: lib.nn.functional.dropout(x, 1.0), index, True, ""),
    "trapezoid": (lambda lib, x, _: lib.trapezoid(x, dx=0.5), index, False, ""),
    "cumulative_trapezoid": (lambda lib, x, _: lib.cumulative_trapezoid(x), index, False, ""),
    "gradient": (lambda lib, x, _: lib.gradient(x, spacing=2.0, edge_order=2)[0], index, False, ""),
    "hypot": (lambda lib, x, y: lib.hypot(x, y), lambda lib: lib.ones(3), True, "x result"),
}  # fmt: skip


def first_pass(lib, name):
    """x, the other tensor and the last result, and a function that goes back."""
    compute, other = CASES[name][:2]
    x, y = lib.tensor([0.5, 3.0, -2.0], requires_grad=True), other(lib)
    results = compute(lib, x, y)
    results = results if isinstance(results, tuple) else (results,)
    return (x, y, results[-1]), lambda: results[0].backward(lib.ones_like(results[0]))


def refusal(function):
    try:
        function()
    except RuntimeError as error:
        return SECOND if SECOND in str(error) else WRITTEN if WRITTEN in str(error) else str(error)
    return None


def check(lib, name):
    _, _, second, written = CASES[name]
    _, back = first_pass(lib, name)
    assert refusal(back) is None
    assert refusal(back) == (SECOND if second else None)
    for i, what in enumerate(("x", "other", "result")):
        tensors, back = first_pass(lib, name)
        with lib.no_grad():
            tensors[i].zero_()
        assert refusal(back) == (WRITTEN if what in written.split() else None), what


@pytest.mark.parametrize("name", CASES)
def test_passes_are_refused(lib, name):
    check(lib, name)


def test_what_is_guarded_is_not_packed():
    with mg.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        tensors, back = first_pass(mg, "amax")
    with mg.no_grad():
        tensors[0].zero_()
    back()
    assert tensors[0].grad.tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "activate",
    [
        lambda h: F.hardsigmoid(h, inplace=True),
        lambda h: F.threshold(h, 0.1, 0.0, inplace=True),
        lambda h: F.hardtanh(h, -0.2, 0.3, inplace=True),
        lambda h: F.relu6(h, inplace=True),
        lambda h: F.leaky_relu(h, 0.1, inplace=True),
    ],
)
def test_what_an_activation_gave_in_place_may_be_written_to_if_its_gradient_needs_it_not(activate):
    x = (mg.arange(9.0) / 5 - 0.5).requires_grad_()
    h = x * 1.5
    z = activate(h)
    assert z is h
    value = z.detach().clone()
    with mg.no_grad():
        expected = [(activate((x + d) * 1.5) - activate((x - d) * 1.5)) / (2 * d) for d in (1e-3,)][0]
    h.add_(1)
    h.sum().backward()
    assert mg.allclose(x.grad, expected, atol=1e-3) and mg.equal(h.detach(), value + 1)


@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8", "float32"])
def test_a_number_with_a_gradient_is_written_where_a_mask_says_to_tensors_without_one_too(dtype):
    x = mg.zeros(3, dtype=getattr(mg, dtype))
    x[mg.tensor([True, False, True])] = mg.tensor(1.0, requires_grad=True)
    assert x.tolist() == [1, 0, 1] and x.requires_grad == (dtype == "float32")


def test_indices_along_a_dimension_are_those_of_the_call(lib):
    x, i = lib.arange(6.0).reshape(2, 3).requires_grad_(), lib.tensor([[1], [2]])
    y = lib.take_along_dim(x, i, 1)
    i.zero_()
    y.sum().backward()
    assert x.grad.tolist() == [[0, 1, 0], [0, 0, 1]]


def test_a_mask_that_is_broadcast_may_be_written_to(lib):
    mean = mg.masked.mean if lib is mg else importlib.import_module("torch.masked").mean
    x, mask = lib.ones(2, 2, requires_grad=True), lib.tensor([True, False])
    y = mean(x, 1, mask=mask)
    mask.zero_()
    y.sum().backward()
    assert x.grad.tolist() == [[1, 0], [1, 0]]


def test_polar_of_a_negative_magnitude_has_the_gradient_of_its_formula():
    r, phi = (
        mg.tensor([-2.0, 0.0, 3.0], dtype=mg.float64, requires_grad=True),
        mg.tensor([0.5, 1.0, 2.0], dtype=mg.float64),
    )
    z = mg.polar(r, phi)
    with mg.no_grad():
        r.zero_()
    z.real.sum().backward()
    assert mg.allclose(r.grad, mg.tensor([phi[0].cos(), 0.0, phi[2].cos()], dtype=mg.float64))


@pytest.mark.parametrize(
    "name", ["sort", "cummax", "amax", "gather", "getitem", "max_pool1d", "clamp", "maximum", "dropout", "where"]
)
def test_masks_and_indices_are_freed_by_the_backward_pass(name):
    compute, other = CASES[name][:2] if name != "dropout" else (lambda lib, x, _: F.dropout(x), index)
    results = compute(mg, mg.tensor([0.5, 3.0, -2.0], requires_grad=True), other(mg))
    y = results[0] if isinstance(results, tuple) else results
    node = y.grad_fn.as_edge()[0]
    while not arrays_of(node):
        node = node.edges[0]
    y.sum().backward()
    assert not arrays_of(node)


def arrays_of(node):
    """The arrays that a node keeps."""
    kept = [node.saved, *vars(node).values()]
    return [a for v in kept for a in (v if isinstance(v, (tuple, list)) else (v,)) if isinstance(a, np.ndarray)]


def test_a_second_pass_through_dropout_is_refused(lib):
    y = lib.nn.functional.dropout(lib.ones(4, requires_grad=True), 0.5).sum()
    y.backward()
    assert refusal(y.backward) == SECOND


@pytest.mark.parametrize(
    ("compute", "packed"),
    [
        (lambda L, x, i: x[i], ["int64"]),
        (lambda L, x, i: x[i, i], ["int64", "int64"]),
        (lambda L, x, i: x.index_select(0, i), ["int64"]),
        (lambda L, x, i: L.where(i[:, None] > 0, x[:2], 1.0), ["bool"]),
        (lambda L, x, i: x.masked_fill(x > 1, 0.0), ["bool"]),
        (lambda L, x, i: x.sort(1)[0], ["int64"]),
        (lambda L, x, i: x.clamp(1, 2), ["float32"]),
        (lambda L, x, i: L.maximum(x, x.detach() + 1), ["float32", "float32"]),
    ],
)
def test_what_is_guarded_is_packed_where_hooks_pack(lib, compute, packed):
    x, i, log = lib.arange(9.0).reshape(3, 3).requires_grad_(), lib.tensor([0, 2]), []

    def unpack(t):
        log.append("unpacked")
        return t

    def pack(t):
        log.append(str(t.dtype).split(".")[-1])
        return t

    with lib.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = compute(lib, x, i)
    assert log == packed
    y.sum().backward()
    assert log == [*packed, *["unpacked"] * len(packed)]
    assert refusal(lambda: y.sum().backward()) == SECOND


@pytest.mark.parametrize(
    "write",
    [
        lambda L, y: y[:2].add_(3),
        lambda L, y: y[:2].zero_(),
        lambda L, y: y.__setitem__(slice(0, 2), 0.0),
        lambda L, y: y[:2].copy_(L.ones(2)),
        lambda L, y: y.view(2, 2).t().neg_(),
    ],
)
def test_a_second_pass_through_a_write_to_a_view_is_refused(lib, write):
    y = lib.ones(4, requires_grad=True).clone()
    write(lib, y)
    total = y.sum()
    total.backward(retain_graph=True)
    assert refusal(total.backward) is None and refusal(total.backward) == SECOND


def test_a_source_without_a_gradient_may_be_overwritten():
    for op in (lambda x, i, s: x.index_copy(0, i, s), lambda x, i, s: x.put(i, s)):
        x, s = mg.ones(3, requires_grad=True), mg.ones(2)
        y = op(x * 1, mg.tensor([0, 1]), s)
        s.mul_(2)
        y.sum().backward()
        assert x.grad.tolist() == [0.0, 0.0, 1.0]
