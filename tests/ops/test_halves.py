"""Sums of many halves: added up in float32, as PyTorch does it, for in float16 1 + 2048 is 2048 again."""

import numpy as np
import pytest

import metagrad as mg

X = (np.random.default_rng(0).uniform(0.1, 0.6, (70_000, 3))).astype(np.float16)
WIDE = X.astype(np.float64)
REDUCTIONS = {
    "sum over rows": (lambda x: x.sum(0), WIDE.sum(0)),
    "mean": (lambda x: x.mean(), WIDE.mean()),
    "mean over rows": (lambda x: x.mean(0), WIDE.mean(0)),
    "var": (lambda x: x.var(), WIDE.var(ddof=1)),
    "std over rows": (lambda x: x.std(0), WIDE.std(0, ddof=1)),
    "var_mean": (lambda x: mg.var_mean(x, 0)[1], WIDE.mean(0)),
    "nansum": (lambda x: x.nansum(0), WIDE.sum(0)),
    "nanmean": (lambda x: x.nanmean(0), WIDE.mean(0)),
    "norm": (lambda x: x.norm(dim=0), np.sqrt((WIDE**2).sum(0))),
    "linalg.norm": (lambda x: mg.linalg.norm(x, dim=0), np.sqrt((WIDE**2).sum(0))),
    "logsumexp": (lambda x: x.logsumexp(0), np.log(np.exp(WIDE).sum(0))),
    "log_softmax": (lambda x: x.log_softmax(0)[-1], WIDE[-1] - np.log(np.exp(WIDE).sum(0))),
    "cumsum": (lambda x: x.cumsum(0)[-1], WIDE.sum(0)),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name):
    function, expected = REDUCTIONS[name]
    found = function(mg.tensor(X))
    assert found.dtype is mg.float16
    np.testing.assert_allclose(found.numpy().astype(float), expected, rtol=2e-3)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["sum", "mean", "var", "norm", "logsumexp"])
def test_gradients(torch, name):
    found = []
    for lib in (torch, mg):
        weight = lib.ones(3, dtype=lib.float16, requires_grad=True)
        y = lib.from_numpy(X.copy()) * weight
        getattr(y, name)(dim=0).sum().backward()
        found.append(weight.grad.numpy().astype(float))
    np.testing.assert_allclose(found[1], found[0], rtol=2e-2)


# ------------------------------------------------ formulas of several roundings, beyond float16 on their way


def half(*numbers):
    return mg.tensor(numbers).half()


COMPOUND = {
    "addcmul": (lambda: mg.addcmul(half(1.0), half(300.0), half(300.0), value=0.01), 901.0),
    "addcdiv": (lambda: mg.addcdiv(half(1.0), half(3.0), half(3e-5), value=0.01), 1001.0),
    "lerp": (lambda: mg.lerp(half(60000.0), half(-60000.0), 0.75), -30000.0),
    "cumprod": (lambda: half(60000.0, 60000.0, 1e-4, 1e-4).cumprod(0)[-1:], 36.0),
    "addmm": (lambda: mg.addmm(half(-60000.0), half(300.0)[None], half(300.0)[None])[0], 30000.0),
    "addmv": (lambda: mg.addmv(half(2.0), half(300.0)[None], half(300.0), alpha=0.1), 9002.0),
    "baddbmm": (lambda: mg.baddbmm(half(1.0), half(300.0)[None, None], half(300.0)[None, None], alpha=0.1)[0, 0], 9001.0),
    "hardswish": (lambda: mg.nn.functional.hardswish(half(44000.0)), 44000.0),
    "gelu": (lambda: mg.nn.functional.gelu(half(300.0), approximate="tanh"), 300.0),
    "gelu of small ones": (lambda: mg.nn.functional.gelu(half(-2.9375)), -2.9375 * 0.0016545),
    "round": (lambda: mg.round(half(44000.0), decimals=2), 44000.0),
    "cosine_similarity": (lambda: mg.nn.functional.cosine_similarity(half(300.0, 0.0), half(300.0, 300.0), dim=0)[None], 0.7071),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPOUND)
def test_formulas_may_leave_the_range_and_come_back(name):
    function, expected = COMPOUND[name]
    found = function()
    assert found.dtype is mg.float16
    np.testing.assert_allclose(found.numpy().astype(float), [expected], rtol=1e-3)


def test_where_another_operand_is_wider_so_is_the_result():
    for function in (mg.addcmul, mg.addcdiv):
        assert function(half(1.0), mg.ones(1), half(2.0)).dtype is mg.float32


REFUSED = {
    "addmm": lambda a, b: mg.addmm(a, b, b),
    "lerp": lambda a, b: mg.lerp(a, a, b),
    "prelu": lambda a, b: mg.nn.functional.prelu(a, b[0, :1]),
    "linear": mg.nn.functional.linear,
    "binary_cross_entropy": mg.nn.functional.binary_cross_entropy,
    "cdist": mg.cdist,
    "bilinear": lambda a, b: mg.nn.functional.bilinear(a, a, b[None]),
}


@pytest.mark.parametrize("dtypes", [(mg.float16, mg.float32), (mg.float32, mg.float16)])
@pytest.mark.parametrize("name", REFUSED)
def test_operands_of_two_dtypes_are_refused_where_pytorch_refuses_them(name, dtypes):
    with pytest.raises(RuntimeError, match="dtype"):
        REFUSED[name](*(mg.ones(2, 2, dtype=d) for d in dtypes))


def test_many_numbers_added_at_one_position_are_added_up_in_float32():
    ones, index = mg.ones(5000).half(), mg.zeros(5000).long()
    assert mg.zeros(1).half().scatter_add(0, index, ones).tolist() == [5000.0]
    assert mg.zeros(1).half().index_add(0, index, ones).tolist() == [5000.0]
    weight = mg.ones(3, 2).half().requires_grad_()
    mg.nn.functional.embedding(index, weight).sum().backward()
    assert weight.grad.tolist() == [[5000.0] * 2, [0.0] * 2, [0.0] * 2]


def test_a_number_beside_halves_makes_nothing_wider():
    x = half(1.0, -1.0)
    made = [
        mg.where(x > 0, x, 0.5),
        x.masked_fill(x > 0, 0.5),
        mg.nn.functional.hardshrink(x),
        x * 2,
        x / 3,
        x + 0.1,
        x**0.5,
    ]
    assert {y.dtype for y in made} == {mg.float16}


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_a_threshold_may_lie_between_two_halves(lib):
    L = pytest.importorskip(lib)
    x = L.tensor([0.3, 0.2], dtype=L.float16, requires_grad=True)  # 0.30005 and 0.19995
    y = L.nn.functional.threshold(x, 0.3, 9.0)
    y.sum().backward()
    assert y.tolist() == [x[0].item(), 9] and x.grad.tolist() == [1, 0] and y.dtype is L.float16


ROUNDED = {  # how often PyTorch rounds: (float16, bfloat16)
    "add": (lambda lib, x, y: x.add(y, alpha=0.3), [0.51025390625, -1.310546875], [0.51171875, -1.3125]),
    "sub": (lambda lib, x, y: x.sub(y, alpha=0.37), [0.0408935546875, -2.181640625], [0.042724609375, -2.1875]),
    "number": (lambda lib, x, y: lib.add(x, 0.7, alpha=0.3), [0.51025390625, -1.490234375], [0.51171875, -1.4921875]),
    "tanhshrink": (
        lambda lib, x, y: lib.nn.functional.tanhshrink(x),
        [0.0087890625, -0.7646484375],
        [0.0078125, -0.765625],
    ),
    "softsign": (
        lambda lib, x, y: lib.nn.functional.softsign(y),
        [0.411865234375, 0.56494140625],
        [0.41015625, 0.56640625],
    ),
    "smooth": (
        lambda lib, x, y: lib.nn.functional.smooth_l1_loss(x, y, reduction="none"),
        [0.080078125, 2.5],
        [0.07958984375, 2.5],
    ),
    "xlogy": (lambda lib, x, y: lib.xlogy(x.abs(), y), [-0.10693359375, 0.44580078125], [-0.107421875, 0.443359375]),
    "number by": (lambda lib, x, y: 0.3 / x, [0.99951171875, -0.176513671875], [1.0, -0.17578125]),
    "reciprocal": (lambda lib, x, y: 3 / x + 0.3 / y, None, None),
}


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
@pytest.mark.parametrize("name", ROUNDED)
def test_each_step_is_rounded_where_pytorch_rounds_it(lib, name):
    lib = pytest.importorskip(lib)
    f, *expected = ROUNDED[name]
    for dtype, values in zip((lib.float16, lib.bfloat16), expected, strict=True):
        x, y = (lib.tensor(v).repeat(32).to(dtype) for v in ([0.3, -1.7], [0.7, 1.3]))
        found = f(lib, x, y)
        recorded = f(lib, x.clone().requires_grad_(), y.clone().requires_grad_())
        assert found.dtype == dtype and recorded.tolist() == found.tolist() and recorded.requires_grad
        assert values is None or found.tolist()[-2:] == values


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_a_number_is_multiplied_by_the_reciprocal(lib):
    lib = pytest.importorskip(lib)
    x = lib.tensor([3.0, 0.7, 49.0], requires_grad=True)
    assert (0.3 / x).tolist() == (x.reciprocal() * 0.3).tolist() and (1 / x).tolist() == x.reciprocal().tolist()
    (49 / x).sum().backward()
    assert x.grad.tolist() == pytest.approx([-49 / v**2 for v in (3, 0.7, 49)], rel=1e-6)


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_the_gradient_of_xlogy_in_bfloat16(lib):
    lib = pytest.importorskip(lib)
    x, y = (lib.tensor(v, dtype=lib.bfloat16, requires_grad=True) for v in ([0.0, 2.0, 0.0], [0.0, 4.0, 3.0]))
    lib.xlogy(x, y).sum().backward()
    assert x.grad.tolist() == [0.0, 1.3828125, 1.1015625] and y.grad.tolist()[1:] == [0.5, 0.0]
