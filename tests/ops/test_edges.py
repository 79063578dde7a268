"""Values at the edges: the smallest integers, infinities, tiny and huge numbers, dtypes by Python's names, shared memory."""

import copy
import math

import numpy as np
import pytest

import metagrad
from metagrad.autograd.gradcheck import gradcheck

INF, NAN = float("inf"), float("nan")


def gradient(lib, f, values, dtype="float64"):
    x = lib.tensor(values, dtype=getattr(lib, dtype), requires_grad=True)
    y = f(x)
    return y.tolist(), lib.autograd.grad(y.sum(), x)[0].tolist()


def quotients(lib):
    found = []
    for kind in (lib.int8, lib.int16, lib.int32, lib.int64):
        low, high = lib.iinfo(kind).min, lib.iinfo(kind).max
        for x, y in ((low, 2), (low, 3), (low, 1), (low + 1, -1), (7, -2), (-7, 2), (low, high), (low, -2), (high, -2)):
            a, b = lib.tensor([x], dtype=kind), lib.tensor([y], dtype=kind)
            found += [lib.div(a, b, rounding_mode=mode).tolist() for mode in ("trunc", "floor")]
            found += [(a // y).tolist(), lib.fmod(a, b).tolist(), (a % y).tolist()]
    return found


def kinds(lib):
    by_name = [lib.zeros(1, dtype=kind) for kind in (float, complex, int, bool)]
    i = lib.arange(3)
    sums = [
        i.sum(dtype=lib.int32),
        i.sum(0, dtype=lib.int8),
        i.prod(dtype=lib.int32),
        i.cumsum(0, dtype=lib.int32),
        i.sum(dtype=lib.bool),
    ]
    bounds = [
        i.clamp(min=0.5),
        i.clamp(lib.tensor(0.5), None),
        i.clamp(1, 2.5),
        i.clamp(lib.tensor([0.5]), lib.tensor([2.5], dtype=lib.float64)),
        lib.ones((), dtype=lib.int32).clamp(lib.tensor(1, dtype=lib.int16), lib.tensor([2], dtype=lib.int8)),
        lib.ones(2, dtype=lib.float16).clamp(lib.tensor(1.0), lib.tensor(2.0, dtype=lib.float64)),
    ]
    return [str(x.dtype).split(".")[-1] for x in (*by_name, lib.ones(2).to(float), *sums, *bounds)]


def sums_that_wrap(lib):
    return lib.full((3,), 100, dtype=lib.int8).sum(dtype=lib.int8).tolist(), lib.tensor([1, 2]).sum(
        dtype=lib.bool
    ).tolist()


def outs(lib):
    found = []
    for write in (
        lambda out: lib.linspace(1, 4, 4, out=out),
        lambda out: lib.arange(1, 5, out=out),
        lambda out: lib.logspace(0, 3, 4, out=out),
        lambda out: lib.arange(1, 3, out=out),
        lambda out: lib.eye(2, out=out),
    ):
        whole = lib.zeros(10)
        write(whole[2:6])
        found.append(whole.tolist())
    return found


def without_beta(lib):
    m, e = lib.full((2, 2), NAN), lib.eye(2)
    return [
        lib.addmm(m, e, e, beta=0).tolist(),
        lib.addmv(m[0], e, e[0], beta=0).tolist(),
        lib.addr(m, e[0], e[0], beta=0).tolist(),
        lib.baddbmm(m[None], e[None], e[None], beta=0).tolist(),
        lib.addbmm(m, e[None], e[None], beta=0).tolist(),
    ]


def without_alpha(lib):
    m, e = lib.full((8, 8), NAN, requires_grad=True), lib.eye(8)
    made = [
        lib.addmm(e, m, e, alpha=0), lib.addmm(e, e, m, alpha=0, beta=2), lib.addmv(e[0], m, e[0], alpha=0),
        lib.baddbmm(e[None], m[None], e[None], alpha=0), lib.addbmm(e, m[None], e[None], alpha=0),
        lib.addmm(m, m, e, alpha=0, beta=0),
    ]  # fmt: skip
    sum(y.sum() for y in made).backward()
    return (
        [y.sum().item() for y in made],
        m.grad.tolist(),
        lib.addmm(e.long(), e.long(), e.long(), alpha=0).sum().item(),
    )


def deviations(lib):
    small, large = [1e-30, 2e-30, 4e-30], [1e30, 2e30, 4e30]
    return [
        lib.tensor(small).std().tolist(),
        lib.tensor(large).std().tolist(),
        lib.tensor([small, large]).std(1).tolist(),
        lib.tensor([1.0, 1.0]).std().tolist(),
        lib.std_mean(lib.tensor(small))[0].tolist(),
        gradient(lib, lambda x: x.std(), small, "float32"),
        gradient(lib, lambda x: x.std(), [1e25, 2e25, 4e25], "float32"),
    ]


def sums_of_exponentials(lib):
    rows = [[INF, 1.0, 2.0], [-INF, -INF], [INF, INF], [INF, -INF], [1000.0, 1001.0], [-1000.0, 0.0]]
    return [gradient(lib, lambda x: lib.logsumexp(x, 0), row) for row in rows]


def gammas(lib):
    return lib.lgamma(lib.tensor([-INF, INF, 0.0, -1.0, 2.0])).tolist(), lib.polygamma(
        0, lib.tensor([-INF, INF, -1.0])
    ).tolist()


def shrunk(lib):
    return gradient(lib, lib.nn.functional.hardshrink, [1e10, -1e30, 0.3, -0.3, 0.5, -0.5, INF, -INF, 0.0])


def losses_at_infinity(lib):
    found = []
    for name in ("huber_loss", "smooth_l1_loss", "mse_loss", "l1_loss"):
        loss, targets = getattr(lib.nn.functional, name), lib.tensor([1.0, 2.0, INF, INF, 1.0, 0.25]).double()
        found.append(gradient(lib, lambda x: loss(x, targets, reduction="none"), [INF, -INF, INF, 1.0, NAN, 0.0]))  # noqa: B023
    return found


def activations_at_the_edges(lib):
    values = [INF, -INF, NAN, 1e30, -1e30, 0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 6.0]
    names = "hardshrink softshrink hardtanh relu6 leaky_relu softplus logsigmoid hardsigmoid tanhshrink"
    cases = [(name, values) for name in names.split()]
    told = [
        v for v in values if v == v
    ]  # PyTorch's gradient at nan is nan in a vector, 1 in what is left beside the vectors
    cases += [(name, told) for name in ("celu", "elu", "selu")]
    return [gradient(lib, getattr(lib.nn.functional, name), given, "float32") for name, given in cases]


def halves_and_numbers(lib):
    """A Python number that float16 does not have; sums with it and comparisons are rounded first, in both libraries."""
    x = lib.tensor([60000.0, 0.5, 1e-3, -1e-7]).half()
    found = [
        x * 100_000,
        x / 1e6,
        1e5 * x,
        x * 0.1,
        x.clone().mul_(1e5),
        x + 70_000,
        x - 1e5,
        x > 1e5,
        x % 1e5,
        x // 1e5,
    ]
    return [f.tolist() for f in found], [str(f.dtype).split(".")[1] for f in found]


def slopes_of_halves_and_numbers(lib):
    x = lib.tensor([0.5, 1e-3]).half().requires_grad_()
    many = lib.full((200_000,), 0.5).half().requires_grad_()
    (many * 100_000).mean().backward()
    return lib.autograd.grad((x * 30_000 + x / 1e5).sum(), x)[0].tolist(), many.grad[0].item()


def copies(lib):
    x = lib.ones(4)
    a, b, c = copy.deepcopy((x, x[1:3], x.view(2, 2)))
    a[1] = 5
    turned = copy.deepcopy(lib.arange(6.0).view(2, 3).T)
    left, right = copy.deepcopy((x[:2], x[2:]))
    left[0] = 3
    return (
        b.tolist(),
        c.tolist(),
        x.tolist(),
        turned.stride(),
        turned.tolist(),
        right.storage_offset(),
        right.tolist(),
        copy.deepcopy(lib.ones(3).expand(2, 3)).stride(),
        copy.deepcopy(lib.zeros(2, 0)).shape == (2, 0),
    )


CASES = [quotients, kinds, sums_that_wrap, outs, without_beta, without_alpha, deviations, sums_of_exponentials,
         gammas, shrunk, copies,
         losses_at_infinity, activations_at_the_edges, halves_and_numbers, slopes_of_halves_and_numbers]  # fmt: skip


def same(x, y):
    if isinstance(x, (list, tuple)):
        return len(x) == len(y) and all(map(same, x, y))
    if isinstance(x, float) and isinstance(y, float):
        return x == y or math.isnan(x) and math.isnan(y) or math.isclose(x, y, rel_tol=3e-6)
    return x == y


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_as_in_pytorch(torch, case):
    found, expected = case(metagrad), case(torch)
    assert same(found, expected), (found, expected)


def test_fixed_values():
    low = metagrad.tensor([-(2**63)])
    assert metagrad.div(low, 2, rounding_mode="trunc").tolist() == [-(2**62)]
    assert metagrad.div(low, 3, rounding_mode="trunc").tolist() == [-(2**63 // 3)]
    assert kinds(metagrad)[:5] == ["float64", "complex128", "int64", "bool", "float64"]
    assert kinds(metagrad)[5:10] == ["int32", "int8", "int32", "int32", "bool"]
    assert outs(metagrad)[0] == [0, 0, 1, 2, 3, 4, 0, 0, 0, 0]
    assert without_beta(metagrad)[0] == [[1, 0], [0, 1]]
    assert without_alpha(metagrad) == ([8.0, 16.0, 1.0, 8.0, 8.0, 0.0], [[0.0] * 8] * 8, 8)
    assert deviations(metagrad)[0] == pytest.approx(1.5275252e-30)
    assert same(sums_of_exponentials(metagrad)[0], (INF, [NAN, 0.0, 0.0]))
    assert gammas(metagrad)[0][0] == INF
    assert copies(metagrad)[0] == [5, 1]
    assert losses_at_infinity(metagrad)[0][1][:2] == [1.0, -1.0]
    assert halves_and_numbers(metagrad)[0][0][:3] == [INF, 49984.0, 100.0625]


@pytest.mark.parametrize("columns", [1000, 3_000_000])
def test_layer_norm_of_long_rows_keeps_its_digits(columns):
    x = np.random.default_rng(0).normal(5, 2, (2, columns)).astype(np.float32)
    wide = x.astype(np.float64)
    expected = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
    found = metagrad.nn.functional.layer_norm(metagrad.from_numpy(x), (columns,)).numpy()
    assert np.abs(found - expected).max() < 2e-6


def test_polar_of_a_negative_magnitude():
    """The derivative is e^iφ whatever the sign; PyTorch turns it with the result."""
    r = metagrad.tensor([-1.0, 2.0, -3.0], dtype=metagrad.float64, requires_grad=True)
    phi = metagrad.tensor([0.3, 0.5, 0.7], dtype=metagrad.float64, requires_grad=True)
    assert gradcheck(metagrad.polar, (r, phi))


@pytest.mark.parametrize(("value", "kind"), [(metagrad.tensor([1, 2]), RuntimeError), (5, TypeError)])
def test_data_of_a_tensor_that_requires_grad(value, kind):
    x = metagrad.ones(2, requires_grad=True)
    with pytest.raises(kind, match="data"):
        x.data = value
    x.data = metagrad.ones(3, dtype=metagrad.float64)
    assert x.shape == (3,) and x.requires_grad
    y = metagrad.ones(2)
    y.data = metagrad.tensor([1, 2])
    assert y.dtype is metagrad.int64


def test_a_view_of_a_deep_copy_is_a_view():
    x = copy.deepcopy(metagrad.arange(4.0)[1:])
    y = x[1:]
    y[0] = 9
    assert x.tolist() == [1, 9, 3] and y._base is x


def test_polygamma_as_a_method():
    x = metagrad.tensor([1.0, 2.0])
    expected = metagrad.polygamma(1, x).tolist()
    assert x.polygamma(1).tolist() == x.polygamma(n=1).tolist() == expected
    assert x.polygamma_(n=1) is x and x.tolist() == expected == pytest.approx([1.6449341, 0.6449341])
    with pytest.raises(TypeError, match="must be int"):
        metagrad.polygamma(1.5, x)


def test_the_smallest_of_rows_may_be_viewed_as_one_row():
    assert metagrad.arange(6).reshape(2, 3).topk(2).values.view(-1).tolist() == [2, 1, 5, 4]


def test_bounds_by_name_are_no_flags():
    """``upper`` is a bound of rrelu, and a flag of cholesky."""
    x = metagrad.tensor([-8.0, 4.0])
    assert metagrad.nn.functional.rrelu(x, lower=0.25, upper=0.75).tolist() == [-4.0, 4.0]
    assert metagrad.linalg.cholesky(metagrad.eye(2), upper=True).tolist() == [[1, 0], [0, 1]]
