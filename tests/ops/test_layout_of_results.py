"""How results lie in memory: strides as PyTorch's, for inputs in every order."""

import copy
import pickle

import pytest

import metagrad

INPUTS = {
    "channels last": lambda lib: lib.arange(24.0).reshape(2, 2, 2, 3).contiguous(memory_format=lib.channels_last),
    "permuted": lambda lib: lib.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1),
    "with gaps": lambda lib: lib.arange(48.0).reshape(2, 3, 8)[..., ::2],
    "expanded": lambda lib: lib.arange(3.0).reshape(1, 3, 1).expand(2, 3, 4),
}


def zeros(lib, a):
    return lib.zeros(tuple(a.shape), dtype=lib.int64)


def factors(lib, a, name):
    """Two matrices, or batches of them, whose product is added to one of these."""
    n, m, k = a.shape
    return (lib.ones(m, 2), lib.ones(2, n)) if name == "addmm" else (lib.ones(n, m, 2), lib.ones(n, 2, k))


def like(lib, a):
    """A tensor of the shape of another, in the usual order of dimensions."""
    return lib.arange(float(a.numel())).reshape(tuple(a.shape))


OPS = {
    **{name: lambda lib, a, name=name: getattr(a, name)(1) for name in (
        "cumsum", "cumprod", "softmax", "log_softmax", "sum", "mean", "prod", "amax", "amin", "var", "std", "logsumexp", "all",
        "any", "argmax", "nansum", "count_nonzero", "logcumsumexp", "argsort",
    )},
    **{name: lambda lib, a, name=name: getattr(a, name)(1)[0] for name in ("max", "min", "median", "sort", "cummax", "mode")},
    **{f"{name} kept": lambda lib, a, name=name: getattr(a, name)(dim=1, keepdim=True) for name in ("sum", "var", "all")},
    **{name: lambda lib, a, name=name: getattr(a, name)() for name in (
        "clone", "double", "exp", "frac", "sign", "isfinite", "isnan", "isinf", "logical_not", "relu", "angle",
        "nan_to_num", "tril",
    )},
    "topk": lambda lib, a: a.topk(2, 1)[0], "kthvalue": lambda lib, a: a.kthvalue(2, 1)[0], "norm": lambda lib, a: a.norm(dim=1),
    "flip": lambda lib, a: a.flip(0), "roll": lambda lib, a: a.roll(1, 0), "masked_fill": lambda lib, a: a.masked_fill(a > 2, 0),
    "where": lambda lib, a: lib.where(a > 2, a, 0.0), "cat": lambda lib, a: lib.cat([a, a], 1),
    "stack": lambda lib, a: lib.stack([a, a], 1), "repeat": lambda lib, a: a.repeat(*[2] * a.ndim),
    "rows": lambda lib, a: a[[0, 1]],
    "columns": lambda lib, a: a[:, [0, 1]], "index_select": lambda lib, a: a.index_select(1, lib.tensor([0, 1])),
    "gather": lambda lib, a: a.gather(1, zeros(lib, a)), "zeros_like": lambda lib, a: lib.zeros_like(a),
    "full_like": lambda lib, a: lib.full_like(a, 1), "diff": lambda lib, a: a.diff(dim=0), "add": lambda lib, a: a + 1,
    "complex": lambda lib, a: lib.complex(a, a), "clamp": lambda lib, a: a.clamp(0, 1), "eq": lambda lib, a: a == 1,
    "repeat_interleave": lambda lib, a: a.repeat_interleave(2, 1), "pad": lambda lib, a: lib.nn.functional.pad(a, (1, 1)),
    "lerp": lambda lib, a: lib.lerp(a, a, 0.5), "addcmul": lambda lib, a: lib.addcmul(a, a, a),
    "index_add": lambda lib, a: a.index_add(0, lib.tensor([0]), a[:1]), "scatter": lambda lib, a: a.scatter(1, zeros(lib, a), 1.0),
    "index_fill": lambda lib, a: a.index_fill(1, lib.tensor([0]), 1), "floor_divide": lambda lib, a: a.long() // 2,
    "smallest": lambda lib, a: a.topk(1, 0, largest=False)[1], "nonzero": lambda lib, a: a.nonzero(),
    "nonzero of a dimension": lambda lib, a: a.nonzero(as_tuple=True)[0], "half": lambda lib, a: a.half() * 2,
    "cut and padded": lambda lib, a: lib.nn.functional.pad(a.reshape(1, 2, -1), (-1, 1), "replicate"),
    "split bfloat16": lambda lib, a: a.bfloat16().split(1, 1)[0], "sums of bfloat16": lambda lib, a: a.bfloat16() + 1,
    "unbound bfloat16": lambda lib, a: a.bfloat16().unbind(1)[0],
    "gelu": lambda lib, a: lib.nn.functional.gelu(a), "contiguous": lambda lib, a: a.contiguous(),
}  # fmt: skip


OPS |= {
    **{f"{name} of one in order": lambda lib, a, name=name: getattr(lib, name)(a, like(lib, a)) for name in (
        "add", "sub", "mul", "div", "maximum", "atan2", "pow", "eq", "logical_and", "fmax", "isclose", "hypot", "polar", "complex",
    )},
    **{f"one in order {name}": lambda lib, a, name=name: getattr(lib, name)(like(lib, a), a) for name in ("add", "mul", "lt")},
    **{name: lambda lib, a, name=name: getattr(lib, name)(a) for name in ("erf", "erfc", "lgamma", "digamma", "i0", "isreal")},
    "bits": lambda lib, a: a.long() & like(lib, a).long(),
    "a number to them": lambda lib, a: 2**a,
    "where cummax is": lambda lib, a: a.cummax(1)[1], "sum of halves": lambda lib, a: a.half().sum(1),
    "where": lambda lib, a: lib.where(a > 1)[0],
    "lerp between": lambda lib, a: lib.lerp(a, like(lib, a), 0.5),
    "a row": lambda lib, a: a + lib.ones(a.shape[-1]), "a column": lambda lib, a: a + lib.ones(a.shape[-2], 1),
    **{f"{name} {sign}": lambda lib, a, name=name, b=b: getattr(lib, name)(
        a.flatten(2)[..., 0].T if "addm" in name else a.flatten(2), *factors(lib, a.flatten(2), name), beta=b
    ) for name in ("addmm", "baddbmm") for sign, b in (("added", 1), ("weighted", 2))},
    "outer": lambda lib, a: a[:1] * a[:, :1], "another dimension": lambda lib, a: a + lib.ones(2, *[1] * a.ndim),
    "a condition in order": lambda lib, a: lib.where(like(lib, a) > 1, a, 0.0),
    "a condition": lambda lib, a: lib.where(a > 1, like(lib, a), like(lib, a)),
    "mask": lambda lib, a: like(lib, a).masked_fill(a > 1, 0.0),
    "index_put": lambda lib, a: a.index_put((lib.tensor([0]),), lib.tensor(1.0)),
    "put": lambda lib, a: a.put(lib.tensor([0]), lib.ones(1)),
    "mse_loss": lambda lib, a: lib.nn.functional.mse_loss(a, like(lib, a), reduction="none"),
    "flip of expanded": lambda lib, a: a.mT.flip(0),
    "out": lambda lib, a: lib.exp(a, out=lib.empty(0)),
    "tensor": lambda lib, a: lib.tensor(a.numpy()), "randn_like": lambda lib, a: lib.randn_like(a),
    "clone of transposed": lambda lib, a: a.transpose(0, 2).clone(),
    "sort of transposed": lambda lib, a: a.transpose(0, 2).sort(0)[0],
}  # fmt: skip


# Where PyTorch has another order than metagrad:
OTHERWISE = {("roll", "channels last"), ("pad", "channels last"), ("isreal", "expanded")}


@pytest.mark.oracle
@pytest.mark.parametrize(("op", "name"), [(op, name) for op in OPS for name in INPUTS if (op, name) not in OTHERWISE])
def test_strides(torch, op, name):
    expected, found = (OPS[op](lib, INPUTS[name](lib)) for lib in (torch, metagrad))
    assert tuple(found.shape) == tuple(expected.shape)
    strides = [[s for n, s in zip(x.shape, x.stride(), strict=True) if n > 1] for x in (found, expected)]
    assert strides[0] == strides[1] and found.is_contiguous() == expected.is_contiguous()


@pytest.mark.oracle
@pytest.mark.parametrize("name", INPUTS)
def test_gradients_lie_as_their_tensors_do(torch, name):
    strides = []
    for lib in (torch, metagrad):
        x = INPUTS[name](lib).detach().requires_grad_()
        (x * x).sum().backward()
        (x * 2).sum().backward()
        strides.append(x.grad.stride())
    assert strides[0] == strides[1]


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["half", "double", "int", "bool", "to"])
def test_a_conversion_into_another_order(torch, kind):
    def strides(lib):
        x, wanted = lib.arange(24.0).reshape(2, 2, 2, 3), lib.channels_last
        converted = x.to(lib.float64, memory_format=wanted) if kind == "to" else getattr(x, kind)(memory_format=wanted)
        return tuple(converted.stride()), converted.tolist()

    assert strides(metagrad) == strides(torch)
    assert strides(metagrad)[0] == (12, 1, 6, 2)


def test_the_first_operand_decides():
    """As numbers, for x, 2 × 3, whose columns lie one after the other, and y, whose rows do."""
    x, y = metagrad.arange(6.0).reshape(3, 2).T, metagrad.arange(6.0).reshape(2, 3)
    assert (x + y).stride() == (1, 2) and (y + x).stride() == (3, 1)
    assert (x + y[:1]).stride() == (1, 2) and (y[:1] + x).stride() == (1, 2)
    assert (x < y).stride() == (1, 2) and metagrad.lerp(x, y, metagrad.ones(2, 3)).stride() == (1, 2)
    assert (x + y).tolist() == [[0.0, 3.0, 6.0], [4.0, 7.0, 10.0]]


@pytest.mark.parametrize("size", [3, 300])
def test_gradients_where_operands_lie_otherwise(size):
    x = metagrad.rand(size, size, dtype=metagrad.float64).T.requires_grad_()
    y = metagrad.rand(size, size, dtype=metagrad.float64).requires_grad_()
    result = x.exp() * y / (1 + x * y)
    assert result.stride() == (1, size)
    result.sum().backward()
    for leaf, other in ((x, y.detach()), (y, x.detach())):
        i, h = (1, 2), 1e-6
        moved = [leaf.detach().clone() for _ in range(2)]
        moved[0][i] += h
        moved[1][i] -= h
        pairs = [(m, other) if leaf is x else (other, m) for m in moved]
        high, low = (a.exp() * b / (1 + a * b) for a, b in pairs)
        assert abs((high - low).sum().item() / (2 * h) - leaf.grad[i].item()) < 1e-5


@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
def test_copies_lie_as_before(way):
    x = metagrad.arange(24.0).reshape(2, 3, 4).transpose(1, 2)
    y = pickle.loads(pickle.dumps(x)) if way == "pickle" else copy.deepcopy(x)
    assert y.stride() == x.stride() and y.equal(x)


# What is called on a signal (N, C, L) whose channels lie next to each other, and on channels_last images x; m is a matrix.
CALLS = (
    "fft.fft(t)", "fft.fft(t, dim=0)", "fft.fft(t, dim=1)", "fft.ifft(m + 1j)", "fft.rfft(t)", "fft.rfft(c, dim=0)",
    "fft.irfft(c, dim=1)", "fft.fft2(t)", "fft.fftn(c, dim=(1, 0))", "fft.rfftn(c, dim=(2, 0))", "fft.rfft2(x)",
    "fft.irfftn(t)", "fft.hfft(m)", "fft.ihfft(m)", "fft.fft(t, n=3)", "nn.functional.avg_pool1d(t, 2)",
    "nn.functional.adaptive_avg_pool1d(t, 2)", "nn.functional.max_pool1d(t, 2)",
    "nn.functional.max_pool1d(t, 2, return_indices=True)[0]", "nn.functional.max_pool1d(t.requires_grad_(), 2)",
    "nn.functional.lp_pool1d(t, 2, 2)", "nn.functional.rms_norm(t, (4,))", "nn.functional.rms_norm(x, (3,))",
    "nn.functional.rrelu(x)", "nn.functional.group_norm(x.permute(1, 2, 3, 0), 1)",
    "nn.functional.binary_cross_entropy(m, m.contiguous(), reduction='none')",
    "nn.functional.binary_cross_entropy(m.contiguous(), m, reduction='none')",
    "nn.functional.binary_cross_entropy_with_logits(m, m.contiguous(), reduction='none')",
    "nn.functional.binary_cross_entropy_with_logits(m.contiguous(), m, reduction='none')",
    "complex(e, m)", "complex(m, e)", "nn.Conv2d(1, 2, 2).to(memory_format=lib.channels_last).weight",
    "nn.Conv2d(1, 2, 2).to(memory_format=lib.channels_last)(x[:, :1].contiguous())",
)  # fmt: skip


def strides(lib, call):
    """Those of what is called."""
    c = lib.arange(24.0).reshape(2, 3, 4) / 24
    names = {"lib": lib, "c": c, "t": (lib.arange(24.0).reshape(2, 4, 3) / 24).transpose(1, 2), "m": c[0].T.contiguous().T,
             "e": c[:1, 0].expand(3, 4), "x": lib.zeros(2, 2, 4, 3).contiguous(memory_format=lib.channels_last)}  # fmt: skip
    return eval(f"lib.{call}", names).stride()


@pytest.mark.oracle
@pytest.mark.parametrize("call", CALLS)
def test_strides_of_calls(torch, call):
    assert strides(metagrad, call) == strides(torch, call)


def test_transforms_lie_along_their_axis_and_pooled_signals_as_they_were():
    assert strides(metagrad, "fft.fft(c, dim=0)") == (1, 8, 2)
    assert strides(metagrad, "fft.rfftn(c, dim=(2, 0))") == (1, 8, 2)
    assert strides(metagrad, "nn.functional.avg_pool1d(t, 2)") == (6, 1, 3)
    assert strides(metagrad, "nn.functional.rms_norm(t, (4,))") == (12, 4, 1)
