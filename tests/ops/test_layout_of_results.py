"""How results lie in memory: strides as PyTorch's, for inputs in every order."""

import pytest

import metagrad

pytestmark = pytest.mark.oracle

INPUTS = {
    "channels last": lambda lib: lib.arange(24.0).reshape(2, 2, 2, 3).contiguous(memory_format=lib.channels_last),
    "permuted": lambda lib: lib.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1),
    "with gaps": lambda lib: lib.arange(48.0).reshape(2, 3, 8)[..., ::2],
    "expanded": lambda lib: lib.arange(3.0).reshape(1, 3, 1).expand(2, 3, 4),
}


def zeros(lib, a):
    return lib.zeros(tuple(a.shape), dtype=lib.int64)


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


# Where PyTorch keeps the order channels_last, or an index in front, and metagrad has the usual order of dimensions:
OTHERWISE = {
    (op, "channels last") for op in ("roll", "stack", "rows", "pad")
} | {("columns", "permuted"), ("nan_to_num", "expanded")}  # fmt: skip


@pytest.mark.parametrize(("op", "name"), [(op, name) for op in OPS for name in INPUTS if (op, name) not in OTHERWISE])
def test_strides(torch, op, name):
    expected, found = (OPS[op](lib, INPUTS[name](lib)) for lib in (torch, metagrad))
    assert tuple(found.shape) == tuple(expected.shape)
    strides = [[s for n, s in zip(x.shape, x.stride(), strict=True) if n > 1] for x in (found, expected)]
    assert strides[0] == strides[1] and found.is_contiguous() == expected.is_contiguous()


@pytest.mark.parametrize("name", INPUTS)
def test_gradients_lie_as_their_tensors_do(torch, name):
    strides = []
    for lib in (torch, metagrad):
        x = INPUTS[name](lib).detach().requires_grad_()
        (x * x).sum().backward()
        (x * 2).sum().backward()
        strides.append(x.grad.stride())
    assert strides[0] == strides[1]


@pytest.mark.parametrize("kind", ["half", "double", "int", "bool", "to"])
def test_a_conversion_into_another_order(torch, kind):
    def strides(lib):
        x, wanted = lib.arange(24.0).reshape(2, 2, 2, 3), lib.channels_last
        converted = x.to(lib.float64, memory_format=wanted) if kind == "to" else getattr(x, kind)(memory_format=wanted)
        return tuple(converted.stride()), converted.tolist()

    assert strides(metagrad) == strides(torch)
    assert strides(metagrad)[0] == (12, 1, 6, 2)
