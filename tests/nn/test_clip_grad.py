"""Gradients limited by their norm: of one or many, on one thread or all."""

import numpy as np
import pytest

import metagrad
from metagrad.nn.utils import clip_grad_norm_

SHAPES = {"small": [(3,), (), (2, 5), (0,)], "large": [(300, 700), (900_001,), (4,)]}


def parameters(shapes, order="C", dtype=np.float32):
    rng, made = np.random.default_rng(0), []
    for shape in shapes:
        p = metagrad.zeros(shape, dtype=dtype, requires_grad=True)
        p.grad = metagrad.from_numpy(np.asarray(rng.standard_normal(shape), dtype, order=order))
        made.append(p)
    return made


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("size", SHAPES)
def test_the_norm_is_that_of_one_long_vector(size, dtype, order):
    params = parameters(SHAPES[size], order, dtype)
    before = [p.grad.array.copy() for p in params]
    norm = np.sqrt(sum((np.abs(g.astype(complex)) ** 2).sum() for g in before))
    versions = [p.grad._version for p in params]
    assert clip_grad_norm_(params, 2 * norm).item() == pytest.approx(norm, rel=1e-5)
    assert all(np.array_equal(p.grad.array, g) for p, g in zip(params, before, strict=True))
    assert clip_grad_norm_(params, norm / 4).item() == pytest.approx(norm, rel=1e-5)
    for p, g in zip(params, before, strict=True):
        assert p.grad.array.dtype == dtype
        np.testing.assert_allclose(p.grad.array, g / 4, rtol=1e-5, atol=1e-7)
    assert [p.grad._version for p in params] == [v + 2 for v in versions]


@pytest.mark.oracle
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_norm_that_is_not_finite_spoils_what_it_does_in_pytorch(torch, bad):
    found = []
    for library in (metagrad, torch):
        p = library.zeros(3, requires_grad=True)
        p.grad = library.tensor([1.0, bad, 2.0])
        norm = library.nn.utils.clip_grad_norm_([p], 1.0)
        found.append((norm.item(), p.grad.tolist()))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_a_generator_that_was_read_before_is_warned_of():
    with pytest.warns(UserWarning, match="no gradient clipping will occur"):
        assert clip_grad_norm_((p for p in ()), 1.0).item() == 0.0
    assert clip_grad_norm_([], 1.0).item() == 0.0


def test_the_norm_of_order_minus_infinity_is_the_smallest_magnitude():
    grads = [metagrad.tensor([3.0, -0.5]), metagrad.tensor([-2.0])]
    assert metagrad.nn.utils.get_total_norm(grads, -float("inf")).item() == 0.5
    assert metagrad.nn.utils.get_total_norm([metagrad.tensor([0.0, 2.0])], -float("inf")).item() == 0.0
    assert metagrad.nn.utils.get_total_norm([metagrad.tensor([0.0, 2.0])], -1.0).item() == 0.0


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_the_norm_of_one_large_element_is_its_magnitude(shape):
    p = metagrad.zeros(shape, requires_grad=True)
    p.grad = metagrad.full(shape, -1e30)
    assert clip_grad_norm_([p], 1.0).item() == pytest.approx(1e30) and p.grad.item() == pytest.approx(-1)
