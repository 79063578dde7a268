"""Short programs of the kind that PyTorch's documentation shows: the same in both libraries, and here by value."""

import math

import pytest

import metagrad


def hooked_update(lib):
    v = lib.zeros(3, requires_grad=True)
    v.register_post_accumulate_grad_hook(lambda p: p.add_(p.grad, alpha=-0.5))
    v.backward(lib.tensor([1.0, 2.0, 3.0]))
    return v.tolist()


def recording_in_hooks(lib):
    seen = []
    v = lib.ones(2, requires_grad=True)
    v.register_hook(lambda g: seen.append(lib.is_grad_enabled()))
    v.register_post_accumulate_grad_hook(lambda p: seen.append(lib.is_grad_enabled()))
    (v * v).sum().backward()
    return seen, lib.is_grad_enabled()


def rows_of_a_jacobian(lib):
    x = lib.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x**2
    rows = lib.func.vmap(lambda v: lib.autograd.grad(y, x, v)[0])(lib.eye(3))
    with pytest.raises(RuntimeError):
        lib.autograd.grad(y, x, lib.ones(3))  # what was saved is freed after the last row
    return rows.tolist()


def remainders(lib):
    x = lib.tensor([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0, -0.0, math.inf, -2.0])
    y = lib.tensor([2.0, 2.0, 2.0, 2.0, 2.0, -1.5, 2.0, 2.0, math.inf])
    z = x % y
    return [str(v) for v in z.tolist()], [str(v) for v in (5 % lib.tensor([-3.0, 2.5])).tolist()]


def empty_operands(lib):
    none = lib.zeros(0)
    return [
        tuple(x.shape)
        for x in (
            lib.cat([none, none], 1),
            lib.cat([none, lib.ones(2, 2)], 1),
            none.roll(1, 1),
            lib.ones(2, 0).roll(1, 7),
        )
    ]


def bools_with_alpha(lib):
    x = lib.add(lib.tensor([False, True]), True, alpha=0)
    return str(x.dtype).split(".")[-1], x.tolist()


def one_of_several_views(lib):
    x = lib.ones(1, 3)
    piece = x.split(1, -1)[0]
    with pytest.raises(RuntimeError):
        piece.div_(lib.tensor(-0.25, requires_grad=True))
    return x.tolist(), x._version


def transposed_sizes(lib):
    return [
        tuple(layer(lib.ones(*shape), output_size=size).shape)
        for layer, shape, size in (
            (lib.nn.ConvTranspose1d(2, 1, 3, stride=2, padding=1), (1, 2, 6), lib.Size([1, 2, 12])),
            (lib.nn.ConvTranspose1d(1, 1, 3, stride=2, padding=1), (1, 2), (1, 4)),
            (lib.nn.ConvTranspose3d(1, 1, 3, stride=2, padding=1), (1, 1, 2, 2, 2), (1, 1, 4, 4, 4)),
            (lib.nn.ConvTranspose3d(1, 1, 3, stride=2, padding=1), (1, 2, 2, 2), (4, 3, 4)),
        )
    ]


PROGRAMS = {
    hooked_update: [-0.5, -1.0, -1.5],
    recording_in_hooks: ([False, False], True),
    rows_of_a_jacobian: [[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 6.0]],
    remainders: (["1.0", "-0.0", "1.0", "1.0", "0.0", "0.0", "-0.0", "nan", "inf"], ["-1.0", "0.0"]),
    empty_operands: [(0,), (2, 2), (0,), (2, 0)],
    bools_with_alpha: ("bool", [False, True]),
    one_of_several_views: ([[1.0, 1.0, 1.0]], 0),
    transposed_sizes: [(1, 1, 12), (1, 4), (1, 1, 4, 4, 4), (1, 4, 3, 4)],
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_by_value(program):
    assert program(metagrad) == PROGRAMS[program]


@pytest.mark.oracle
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_as_in_pytorch(torch, program):
    assert program(torch) == PROGRAMS[program]


def constructed(lib, make):
    """What came of it: a dtype and numbers, or the kinds of error that it is."""
    try:
        x = make(lib)
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        return type(error).__mro__[:-1]
    return str(x.dtype).split(".")[-1], x.tolist()


NAN = float("nan")
CONSTRUCTIONS = [
    (lambda lib: lib.tensor([lib.tensor([1]), lib.tensor([2])]), ("int64", [1, 2])),
    (lambda lib: lib.tensor([lib.tensor([[1.5]]), 2]), ("float32", [1.5, 2.0])),
    (lambda lib: lib.tensor([[2], lib.tensor([1])]), ("int64", [[2], [1]])),
    (lambda lib: lib.tensor([range(2), [3, 4]]), ("int64", [[0, 1], [3, 4]])),
    (lambda lib: lib.tensor(b"ab"), TypeError),
    (lambda lib: lib.tensor(2**64), ValueError),
    (lambda lib: lib.tensor([2**64], dtype=lib.float64), ("float64", [2.0**64])),
    (lambda lib: lib.tensor([1.0, NAN], dtype=lib.int64), RuntimeError),
    (lambda lib: lib.tensor(300.5, dtype=lib.uint8), RuntimeError),
    (lambda lib: lib.tensor([-1.5], dtype=lib.uint8), RuntimeError),
    (lambda lib: lib.tensor([1e20], dtype=lib.int32), RuntimeError),
    (lambda lib: lib.tensor([-1.5, 2.9], dtype=lib.int8), ("int8", [-1, 2])),
    (lambda lib: lib.tensor([1 + 2j], dtype=lib.float32), TypeError),
    (lambda lib: lib.asarray(bytearray(b"\0\0\x80?")), ("float32", [1.0])),
    (lambda lib: lib.asarray(bytearray(b"\1\0\2\0"), dtype=lib.int16), ("int16", [1, 2])),
    (lambda lib: lib.randint(0, 300, (2,), dtype=lib.uint8), RuntimeError),
    (lambda lib: lib.randint(-200, 100, (2,), dtype=lib.int8), RuntimeError),
    (lambda lib: lib.randint(255, 256, (2,), dtype=lib.uint8), ("uint8", [255, 255])),
    (lambda lib: lib.zeros_like([1, 2]), TypeError),
    (lambda lib: lib.rand_like([1.0]), TypeError),
    (lambda lib: lib.arange(4)[0:1.5], TypeError),
    (lambda lib: lib.arange(8).reshape(2, 2, 2)[..., 0, ...], ("int64", [[0, 2], [4, 6]])),
    (lambda lib: lib.index_select(lib.arange(3), 0, lib.tensor([0.0])), RuntimeError),
    (lambda lib: lib.zeros(0, 4).view(lib.float64), ("float64", [])),
]


@pytest.mark.parametrize(("make", "expected"), CONSTRUCTIONS)
def test_constructions(make, expected):
    found = constructed(metagrad, make)
    assert expected in found if isinstance(expected, type) else found == expected


@pytest.mark.oracle
@pytest.mark.parametrize(("make", "expected"), CONSTRUCTIONS)
def test_constructions_are_pytorchs(torch, make, expected):
    found = constructed(torch, make)
    assert expected in found if isinstance(expected, type) else found == expected


def test_memory_shared_with_bytes():
    memory = bytearray(b"ab")
    metagrad.asarray(memory, dtype=metagrad.uint8)[0] = 0
    assert memory == b"\0b"


def message(lib, *args, **options):
    with pytest.raises((AssertionError, TypeError)) as caught:
        lib.testing.assert_close(*[a(lib) if callable(a) else a for a in args], **options)
    return type(caught.value).__name__, str(caught.value)


COMPARISONS = [
    ((lambda lib: lib.tensor([1, 2]), lambda lib: lib.tensor([1, 3])), {},
     "Tensor-likes are not equal!\n\nMismatched elements: 1 / 2 (50.0%)\nGreatest absolute difference: 1 at index (1,)\n"
     "Greatest relative difference: 0.3333333432674408 at index (1,)"),
    ((lambda lib: lib.tensor([1.0, 2.0]), lambda lib: lib.tensor([1.0, 2.5])), {},
     "Tensor-likes are not close!\n\nMismatched elements: 1 / 2 (50.0%)\n"
     "Greatest absolute difference: 0.5 at index (1,) (up to 1e-05 allowed)\n"
     "Greatest relative difference: 0.20000000298023224 at index (1,) (up to 1.3e-06 allowed)"),
    ((lambda lib: lib.tensor(1), lambda lib: lib.tensor(2)), {},
     "Scalars are not equal!\n\nExpected 2 but got 1.\nAbsolute difference: 1\nRelative difference: 0.5"),
    ((1, 1.0), {}, "The (d)types do not match: <class 'int'> != <class 'float'>."),
    (("a", "b"), {}, "No comparison pair was able to handle inputs of type <class 'str'> and <class 'str'>."),
]  # fmt: skip


@pytest.mark.parametrize(("pair", "options", "expected"), COMPARISONS)
def test_what_a_comparison_says(pair, options, expected):
    assert message(metagrad, *pair, **options)[1] == expected


@pytest.mark.oracle
@pytest.mark.parametrize(("pair", "options", "expected"), COMPARISONS)
def test_what_a_comparison_says_is_pytorchs(torch, pair, options, expected):
    import torch.testing

    assert message(torch, *pair, **options) == message(metagrad, *pair, **options)


def test_subclasses_may_be_told_apart():
    x = metagrad.ones(2)
    metagrad.testing.assert_close(metagrad.nn.Parameter(x), x)
    with pytest.raises(TypeError, match="comparison pair"):
        metagrad.testing.assert_close(metagrad.nn.Parameter(x), x, allow_subclasses=False)


def test_tensors_made_for_tests():
    make = metagrad.testing.make_tensor
    x = make(2, 3, 4, 5, dtype=metagrad.float32, memory_format=metagrad.channels_last)
    assert x.stride() == (60, 1, 15, 3)
    assert metagrad.isfinite(make(9, dtype=metagrad.float32, low=-math.inf, high=math.inf)).all()
    assert 0 <= make(99, dtype=metagrad.uint8, low=-5, high=300).min().item()
    with pytest.raises(ValueError, match="NaN"):
        make(2, dtype=metagrad.float32, low=math.nan)
    with pytest.raises(ValueError, match="mutually exclusive"):
        make(2, 3, 4, 5, dtype=metagrad.float32, memory_format=metagrad.channels_last, noncontiguous=True)


def test_orders_that_are_not_clear():
    assert metagrad.ones(2, 3).t().dim_order(ambiguity_check=True) == (1, 0)
    with pytest.raises(RuntimeError, match="unique"):
        metagrad.ones(1, 2, 3, 4).dim_order(ambiguity_check=True)
    with pytest.raises(RuntimeError, match="unique"):
        metagrad.ones(2, 1, 3, 4).dim_order(ambiguity_check=[metagrad.contiguous_format, metagrad.channels_last])
    assert not metagrad.ones(2, 3).is_contiguous(memory_format=metagrad.channels_last)


def test_a_custom_op_computes_below_its_gradient():
    from metagrad.compat import library

    @library.custom_op("documented::scaled_sine", mutates_args=())
    def scaled_sine(x: metagrad.Tensor, *, by: float) -> metagrad.Tensor:
        return metagrad.from_numpy(by * metagrad.sin(x).numpy())  # as it stands: nothing here requires grad

    def keep(ctx, inputs, keyword_only_inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.by = keyword_only_inputs["by"]

    scaled_sine.register_autograd(lambda ctx, grad: grad * ctx.by * ctx.saved_tensors[0].cos(), setup_context=keep)
    x = metagrad.tensor([0.0, 1.0], requires_grad=True)
    scaled_sine(x, by=3.0).sum().backward()
    assert x.grad.tolist() == pytest.approx([3.0, 3 * math.cos(1.0)])


SHOWN = [
    ("Beta(2.0, 1.0)", "Beta()"),
    ("Chi2(2.0)", "Chi2()"),
    ("InverseGamma(3.0, 1.0)", "InverseGamma()"),
    ("OneHotCategorical(lib.tensor([0.2, 0.8]))", "OneHotCategorical()"),
    ("Multinomial(5, lib.tensor([0.2, 0.8]))", "Multinomial()"),
    ("MultivariateNormal(lib.zeros(2), lib.eye(2)).expand((3,))",
     "MultivariateNormal(loc: torch.Size([3, 2]), covariance_matrix: torch.Size([3, 2, 2]))"),
    ("MultivariateNormal(lib.zeros(2), precision_matrix=lib.eye(2))",
     "MultivariateNormal(loc: torch.Size([2]), precision_matrix: torch.Size([2, 2]))"),
    ("MultivariateNormal(lib.zeros(2), scale_tril=lib.eye(2))",
     "MultivariateNormal(loc: torch.Size([2]), scale_tril: torch.Size([2, 2]))"),
    ("Wishart(lib.tensor(3.0), lib.eye(2))", "Wishart(covariance_matrix: torch.Size([2, 2]), df: 3.0)"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "text"), SHOWN)
def test_how_distributions_print(made, text):
    found = repr(eval(f"lib.distributions.{made}", {"lib": metagrad}))
    assert found.replace("metagrad.Size", "torch.Size") == text


@pytest.mark.oracle
@pytest.mark.parametrize(("made", "text"), SHOWN)
def test_how_distributions_print_is_pytorchs(torch, made, text):
    assert repr(eval(f"lib.distributions.{made}", {"lib": torch})) == text


def test_a_gradient_of_shared_memory_is_accumulated_to():
    x = metagrad.tensor(3.0 + 4.0j, requires_grad=True)
    for y in (x.sum(), x.reshape(1), x):
        y.abs().sum().backward()
    assert x.grad.item() == pytest.approx(3 * (0.6 + 0.8j))


def test_running_extremes_of_nothing_are_recorded():
    x = metagrad.zeros(2, 0, requires_grad=True)
    found = metagrad.cummax(x, 1)
    assert found.values.requires_grad and tuple(found.indices.shape) == (2, 0)


NODES = {
    "x[0]": "SelectBackward0", "x[:1]": "SliceBackward0", "x[None]": "UnsqueezeBackward0", "x[[0]]": "IndexBackward0",
    "x.view(-1)": "ViewBackward0", "x[0].view(-1, 1)": "ViewBackward0", "x[:, :1].view(2)": "ViewBackward0",
    "2 / x": "MulBackward0", "lib.complex(x, x).real": "SelectBackward0", "lib.complex(x, x).imag": "SelectBackward0",
    "x.norm(float('inf'))": "LinalgVectorNormBackward0", "lib.atleast_2d(x[0])": "UnsqueezeBackward0",
    "x.double()": "ToCopyBackward0", "x.norm()": "LinalgVectorNormBackward0",
    "x @ x.T": "MmBackward0", "lib.nn.Linear(3, 4)(x)": "AddmmBackward0",
    "lib.nn.Linear(3, 4, bias=False)(x)": "MmBackward0",
    "lib.nn.Linear(3, 4)(x.reshape(1, 2, 3))": "ViewBackward0",
    "F.conv2d(x.reshape(1, 1, 2, 3), lib.ones(1, 1, 1, 1))": "ConvolutionBackward0",
    "F.embedding(lib.tensor([0]), x)": "EmbeddingBackward0", "F.mse_loss(x, x.detach())": "MseLossBackward0",
    "F.cross_entropy(x, lib.tensor([0, 1]))": "NllLossBackward0",
    "F.binary_cross_entropy_with_logits(x, x.detach())": "BinaryCrossEntropyWithLogitsBackward0",
    "F.smooth_l1_loss(x, x.detach())": "SmoothL1LossBackward0", "F.layer_norm(x, (3,))": "NativeLayerNormBackward0",
    "F.relu(x)": "ReluBackward0", "x.log_softmax(1)": "LogSoftmaxBackward0", "x.sum()": "SumBackward0",
    "lib.linalg.inv(x[:, :2])": "LinalgInvExBackward0", "x.sum(0)": "SumBackward1", "x.mean(1, keepdim=True)": "MeanBackward1",
    "x.mean()": "MeanBackward0", "x**2": "PowBackward0", "2**x": "PowBackward2", "x**x": "PowBackward1",
    "x.log2()": "Log2Backward0", "lib.maximum(x, 2 * x)": "MaximumBackward0", "x.floor()": "FloorBackward0",
    "x.round()": "RoundBackward0",
    "x.trunc()": "TruncBackward0", "x.clamp(0, 1)": "ClampBackward1", "x.unsqueeze(0)": "UnsqueezeBackward0",
    "x[None].permute(2, 0, 1)": "PermuteBackward0", "x[None].transpose(1, 2)": "TransposeBackward0",
    "x.masked_fill(x > 1, 0.0)": "MaskedFillBackward0", "lib.where(x > 1, x, 2 * x)": "WhereBackward0",
    "F.max_pool2d(x[None], 2)": "MaxPool2DWithIndicesBackward0", "F.dropout(x)": "MulBackward0", "x.digamma()": "DigammaBackward0",
    "F.gelu(x, approximate='tanh')": "GeluBackward0", "lib.fmod(x, 2)": "FmodBackward0",
    "F.unfold(x[None, None], 1)": "Im2ColBackward0", "lib.complex(x, x).abs()": "AbsBackward0",
}  # fmt: skip


def node_of(lib, text):
    x = lib.tensor([[1.0, 2.0, 0.5], [0.25, 0.75, 4.0]], requires_grad=True)
    return eval(text, {"lib": lib, "F": lib.nn.functional, "x": x}).grad_fn.name()


@pytest.mark.parametrize("text", NODES)
def test_names_of_nodes(text):
    assert node_of(metagrad, text) == NODES[text]


@pytest.mark.oracle
@pytest.mark.parametrize("text", NODES)
def test_names_of_nodes_are_pytorchs(torch, text):
    assert node_of(torch, text) == NODES[text]


def test_a_gradient_that_is_added_to_lies_as_its_tensor():
    x = metagrad.ones(2, 3).t().requires_grad_()
    with pytest.warns(UserWarning, match="create_graph"):
        (x * x).sum().backward(create_graph=True)
    (x.reshape(-1) * 2).sum().backward()
    assert x.grad.stride() == x.stride() == (1, 3) and x.grad.tolist() == [[4.0] * 2] * 3
    x.grad = None
