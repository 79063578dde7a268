"""Gradients far from 0, at nan, and where an op stays where it is: PyTorch's, of the first and the second order."""

import math
from contextlib import nullcontext

import pytest

import metagrad as mg

INF, NAN = math.inf, math.nan

both = pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])

SECOND = {  # where the first derivative no longer changes
    "silu": (lambda lib, x: lib.nn.functional.silu(x), [-1e4, -200.0]),
    "softplus": (lambda lib, x: lib.nn.functional.softplus(x), [-1e4, -INF, 1e4]),
    "logsigmoid": (lambda lib, x: lib.nn.functional.logsigmoid(x), [1e4, INF, 200.0]),
    "mish": (lambda lib, x: lib.nn.functional.mish(x), [-1e4, -200.0]),
    "log_ndtr": (lambda lib, x: lib.special.log_ndtr(x), [1e4, 20.0]),
    "bce": (
        lambda lib, x: lib.nn.functional.binary_cross_entropy_with_logits(x, lib.ones_like(x), reduction="none"),
        [-1e4, 1e4],
    ),
}


@both
@pytest.mark.parametrize("name", SECOND)
def test_the_second_derivative_far_from_0(lib, name):
    lib = pytest.importorskip(lib)
    f, places = SECOND[name]
    for dtype in (lib.float32, lib.float64):
        x = lib.tensor(places, dtype=dtype, requires_grad=True)
        (first,) = lib.autograd.grad(f(lib, x).sum(), x, create_graph=True)
        (second,) = lib.autograd.grad(first.sum(), x)
        assert second.tolist() == pytest.approx([0] * len(places), abs=1e-30)


def test_the_second_derivative_of_log_ndtr_on_both_sides():
    x = mg.tensor([-3.0, 0.0, 3.0], dtype=mg.float64, requires_grad=True)
    (first,) = mg.autograd.grad(mg.special.log_ndtr(x).sum(), x, create_graph=True)
    (second,) = mg.autograd.grad(first.sum(), x)
    assert first.tolist() == pytest.approx([3.2830986549304104, 0.7978845608028654, 0.004437839042453264], rel=1e-9)
    expected = [-v * (x0 + v) for v, x0 in zip(first.tolist(), x.tolist(), strict=True)]
    assert second.tolist() == pytest.approx(expected, rel=1e-12)


@both
@pytest.mark.parametrize("name", ["elu", "selu", "celu", "hardswish"])
@pytest.mark.parametrize("count", [64, 100_000])
def test_nan_is_seen_in_the_gradient(lib, name, count):
    lib = pytest.importorskip(lib)
    x = lib.tensor([NAN, 4.0] * (count // 2), requires_grad=True)
    getattr(lib.nn.functional, name)(x).sum().backward()
    assert x.grad[:32:2].isnan().all() and x.grad[1::2].isfinite().all()  # PyTorch's last ones are not seen


@both
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_what_jumps_has_no_gradient_even_beside_nan(lib, dtype):
    lib = pytest.importorskip(lib)
    x, y = (lib.tensor(v, dtype=getattr(lib, dtype), requires_grad=True) for v in ([0.0, NAN, 7], [0.0, 2, 2]))
    lib.div(x, y, rounding_mode="trunc").sum().backward()
    assert x.grad.tolist() == y.grad.tolist() == [0, 0, 0]
    (g,) = lib.autograd.grad(lib.fmod(x, y).sum(), y, create_graph=True)
    assert [a.tolist() for a in lib.autograd.grad(g.sum(), [x, y])] == [[0] * 3] * 2 and g.tolist()[2] == -3


@both
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_xlogy_at_0_and_infinity(lib, dtype):
    lib = pytest.importorskip(lib)
    x, y = (lib.tensor(v, dtype=getattr(lib, dtype), requires_grad=True) for v in ([0.0, 0, 0, -0.0], [INF, 0, -1, 2]))
    z = lib.xlogy(x, y)
    z.sum().backward()
    assert z.tolist() == [0] * 4 and not z.signbit().any() and x.grad.tolist()[:3] == [INF, 0, 0]
    assert str(y.grad.tolist()) == "[0.0, nan, -0.0, -0.0]"


@both
def test_variances_with_no_degree_of_freedom(lib):
    lib = pytest.importorskip(lib)
    for correction, expected in ((2, [-INF, INF]), (3, [2.0, -2.0]), (1, [-2.0, 2.0])):
        x = lib.tensor([[1.0, 3.0]], requires_grad=True)
        with pytest.warns(UserWarning) if correction > 1 else nullcontext():
            lib.var(x, 1, correction=correction).sum().backward()
        assert x.grad.tolist() == [expected]
    x = lib.tensor([[1.0, 3.0]], requires_grad=True)
    with pytest.warns(UserWarning):
        lib.std(x, 1, correction=3).sum().backward()
    assert x.grad.tolist() == [[0, 0]]


@both
def test_what_is_divided_by_0(lib):
    lib = pytest.importorskip(lib)
    for shape, dim in (((2, 3), 0), ((2, 3), 1), ((100, 400), 1)):
        x = lib.zeros(shape, requires_grad=True)
        lib.nn.functional.normalize(x, dim=dim, eps=0).sum().backward()
        assert x.grad.isnan().all()
    x = lib.tensor([[1.0, NAN], [1.0, 1e-40]])
    assert str(lib.cdist(x, x[1:] * 0, 0).tolist()) == "[[nan], [2.0]]"
    x = lib.tensor([INF, NAN, 0.0], requires_grad=True)
    x[:, None].cumprod(1).sum().backward()
    assert x.grad.tolist() == [1, 1, 1]


@both
@pytest.mark.parametrize("shape", [(2, 100), (2, 16384), (64, 16384), (4, 3, 5, 5)])
@pytest.mark.parametrize("number", [1000.1, 123456.789, 1e10])
def test_rows_far_from_0_lose_nothing_to_their_means_rounding(lib, shape, number):
    lib = pytest.importorskip(lib)
    x = lib.full(shape, number).requires_grad_()
    for y in (lib.nn.functional.layer_norm(x, shape[1:]), lib.nn.functional.group_norm(x, 1)):
        (grad,) = lib.autograd.grad((y * y).sum(), x)
        assert y.abs().max() == grad.abs().max() == 0


@both
@pytest.mark.parametrize("size", [300, 4096])
def test_rows_of_one_number_are_0_when_normed(lib, size):
    lib = pytest.importorskip(lib)
    x = lib.tensor([17.3, -0.1] * 200)[:, None].expand(400, size).contiguous()
    x[3, 5], x[4] = 20, 0
    y = lib.nn.functional.layer_norm(x, (size,), bias=lib.ones(size))
    x[3] = 17.3
    assert (y[3] - 1).square().sum().item() == pytest.approx(size, rel=1e-2)
    assert lib.cat([y[:3], y[4:]]).tolist() == [[1.0] * size] * 399
    x = lib.tensor([17.3, -0.1] * 512).reshape(16, 64, 1).expand(16, 64, size).contiguous()
    assert lib.nn.functional.group_norm(x, 64).abs().max() < 1e-10


@both
def test_what_a_run_starts_with_takes_no_share_of_the_gradient(lib):
    lib = pytest.importorskip(lib)
    for initial, expected in ((2.0, [0.5, 0.5, 1, 0]), (1.0, [0.5, 0.5, 1, 0]), (4.0, [0, 0, 1, 0]), (NAN, [0] * 4)):
        x = lib.tensor([2.0, 2.0, 5.0, 0.0], requires_grad=True)
        y = lib.segment_reduce(x, "max", lengths=lib.tensor([2, 0, 2]), initial=initial)
        y.sum().backward()
        assert x.grad.tolist() == expected and y[1].isnan().item() == math.isnan(initial)


@both
def test_one_power_for_integers_has_the_whole_exponent(lib):
    lib = pytest.importorskip(lib)
    assert lib.logspace(2.5, 7, 1, 2, dtype=lib.int64).tolist() == [5]
    assert lib.logspace(2.5, 7, 2, 2, dtype=lib.int64).tolist() == [4, 128]


def test_matrices_that_are_singular_for_lapack_alone():
    a = mg.tensor([[7 - 9j, -7 + 9j, 3 + 9j], [13j, -13j, -9 - 6j], [-6 + 4j, 6 - 4j, -6j]], dtype=mg.complex128)
    a = mg.stack([mg.eye(3, dtype=a.dtype), a, a.mT])
    for found in (mg.linalg.inv_ex(a), mg.linalg.solve_ex(a, a)):
        assert found[0].shape == a.shape and found.info[0] == 0 and found[0][0].tolist() == a[0].tolist()
    if found.info.any():  # LAPACK's rounding is the processor's
        with pytest.raises(mg.linalg.LinAlgError, match=r"inv.*\(Batch element \d\).*singular"):
            mg.linalg.inv(a)


def test_offsets_that_fall_are_refused():
    with pytest.raises(RuntimeError, match=r"offsets must not fall.*\[0, 3, 1\]"):
        mg.nn.functional.embedding_bag(mg.tensor([0, 1, 2, 0]), mg.eye(3), mg.tensor([0, 3, 1]))


@both
def test_distances_from_nan_have_no_gradient_but_nan(lib):
    lib = pytest.importorskip(lib)
    x = lib.linspace(0, 1, 64 * 50).reshape(64, 50)
    x[3, 7] = NAN
    x.requires_grad_()
    lib.cdist(x[:32], x[32:]).sum().backward()
    assert x.grad[3].isnan().all() and x.grad[32:].isnan().all() and x.grad[:3].isfinite().all()
