"""Corners of ops that have right answers, or none."""

import numpy as np
import pytest

import metagrad


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64"])
def test_unsigned_64_bits_and_signed_integers_have_no_common_type(kind):
    x, y = metagrad.tensor([2**63 + 1], dtype=metagrad.uint64), metagrad.ones(1, dtype=getattr(metagrad, kind))
    for op in (
        lambda: metagrad.promote_types(metagrad.uint64, y.dtype),
        lambda: metagrad.result_type(x, y),
        lambda: x + y,
        lambda: y * x,
        lambda: metagrad.cat([x, y]),
        lambda: metagrad.where(metagrad.tensor([True]), x, y),
    ):
        with pytest.raises(RuntimeError, match="Promotion for uint64 types is not supported"):
            op()
    assert (x + metagrad.ones(1, dtype=metagrad.uint8)).item() == 2**63 + 2
    assert (x + 1).item() == 2**63 + 2


def test_without_replacement_categories_without_a_chance_come_last():
    for _ in range(5):
        assert metagrad.multinomial(metagrad.tensor([0.0, 1.0, 0.0, 2.0]), 4)[:2].sort()[0].tolist() == [1, 3]


def test_a_function_is_applied_not_called():
    class Double(metagrad.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    with pytest.raises(RuntimeError, match=r"non-static forward method is deprecated.*Double\.apply"):
        Double()(metagrad.ones(2))


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_uniform_numbers_of_small_types_are_below_1(kind):
    if kind == "bfloat16":
        pytest.importorskip("ml_dtypes", reason="needs the extra bfloat16 (ml_dtypes)")
    dtype = getattr(metagrad, kind)
    for draw in (
        lambda: metagrad.rand(100_000, dtype=dtype),
        lambda: metagrad.rand_like(metagrad.ones(100_000, dtype=dtype)),
        lambda: metagrad.empty(100_000, dtype=dtype).uniform_(),
    ):
        metagrad.manual_seed(0)
        drawn = draw().float()
        assert 0.99 < drawn.max().item() < 1 and drawn.min().item() >= 0
        assert abs(drawn.mean().item() - 0.5) < 0.01


@pytest.mark.parametrize("extent", [10, 2000])
def test_second_derivatives_through_a_choice(extent):
    """Large choices go by the bits of arrays, which a gradient that is recorded has not."""
    values = np.linspace(-2, 2, extent)
    x, c = metagrad.tensor(values, requires_grad=True), metagrad.tensor(values > 0.3)
    for y, expected in (
        (metagrad.where(c, x * x, x), np.where(values > 0.3, 12 * values**2, 2)),
        (metagrad.where(c, x * x, 0.0), np.where(values > 0.3, 12 * values**2, 0)),
        ((x * x).masked_fill(c, 0.0), np.where(values > 0.3, 0, 12 * values**2)),
    ):
        (first,) = metagrad.autograd.grad((y**2).sum(), x, create_graph=True)
        (second,) = metagrad.autograd.grad(first.sum(), x)
        np.testing.assert_allclose(second.numpy(), expected, atol=1e-12)
