"""Large arrays that are copied, converted and filled by compiled loops have the numbers that NumPy gives them, bit for bit."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import copying, tuning
from metagrad.kernels.compiled.copies import copy_blocks
from metagrad.kernels.halves import by_singles, narrow, widen
from metagrad.ops.operands import NumberOfHalves

pytest.importorskip("numba")
import ml_dtypes

RNG = np.random.default_rng(0)
KINDS = ["float32", "float64", "int32", "int64", "bool", "float16"]


@pytest.fixture(autouse=True)
def small_arrays_are_large(monkeypatch):
    """Arrays of some elements take the loops, in several parts."""
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 4)
    monkeypatch.setattr(tuning, "SPREAD_LEAST", 1)
    monkeypatch.setattr(tuning, "ROW_BYTES", 1)
    monkeypatch.setattr(tuning, "SPREAD_PARTS", 2)
    monkeypatch.setattr(tuning, "BLOCK_ROW_BYTES", 1)
    monkeypatch.setattr(tuning, "BLOCK", 64)
    monkeypatch.setattr(tuning, "BLOCK_WIDTH", 16)


def numbers():
    """Numbers of every size that float16 tells apart, its largest and smallest ones, ties, and what is not finite."""
    x = (RNG.standard_normal((50, 60)) * 10.0 ** RNG.integers(-9, 7, (50, 60))).astype(np.float32)
    x[0, :12] = np.nan, np.inf, -np.inf, 0, -0.0, 65504, 65519.99, 65520, 1e-8, 2049, 2051, 3e38
    return x


def test_halves():
    x = numbers()
    with np.errstate(all="ignore"):
        for half in (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)):
            expected = x.astype(half)
            found = copying.copied(x, half)
            assert found.dtype == half
            np.testing.assert_array_equal(found.astype(np.float32), expected.astype(np.float32))
            np.testing.assert_array_equal(copying.copied(expected, x.dtype), expected.astype(np.float32))
            np.testing.assert_array_equal(copying.copied(expected, half).view(np.uint16), expected.view(np.uint16))
    np.testing.assert_array_equal(metagrad.from_numpy(x).bfloat16().float().numpy(), copying.copied(expected, x.dtype))


def test_halves_by_their_bits():
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = np.sort(halves[np.isfinite(halves)]).astype(np.float32)
    between = (finite[1:] + finite[:-1]) / 2  # exact
    bits = RNG.integers(0, 1 << 32, 10_000, dtype=np.uint32).view(np.float32)
    up, down = np.nextafter(between, np.float32(np.inf)), np.nextafter(between, np.float32(-np.inf))
    for x in (finite, between, up, down, np.clip(bits, -65519, 65519), bits, numbers().reshape(-1)):
        with np.errstate(all="ignore"):
            expected, found = x.astype(np.float16), np.empty(len(x), np.float16)
            narrow(found, x)
        np.testing.assert_array_equal(found.view(np.uint16), expected.view(np.uint16))
    single = np.empty(len(halves), np.float32)
    widen(single, halves)
    np.testing.assert_array_equal(single.view(np.uint32), halves.astype(np.float32).view(np.uint32))


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.divide, np.maximum, np.minimum, np.greater, np.equal])
def test_arithmetic_of_halves_by_singles(ufunc):
    x = RNG.permutation(np.arange(1 << 16, dtype=np.uint16).view(np.float16)).reshape(256, 256)
    y = RNG.permutation(x.reshape(-1)).reshape(x.shape)
    with np.errstate(all="ignore"):
        for other in (y, 0.3, np.float16(0.3), y[0], 1e6):
            expected = ufunc(x, other)
            found = np.empty_like(expected)
            by_singles(ufunc)(x, other, out=found)
            np.testing.assert_array_equal(found, expected)


def test_products_of_halves_are_sums_in_float32_rounded_once():
    for shapes in (((70, 90), (90, 60)), ((3, 40, 50), (50, 20)), ((3, 40, 50), (3, 50, 20)), ((90, 70), (60, 90))):
        x, y = (RNG.standard_normal(s).astype(np.float16) for s in shapes)
        if shapes[0] == (90, 70):
            x, y = x.T, y.T
        exact = (x.astype(np.float64) @ y.astype(np.float64)).astype(np.float16)
        found = metagrad.from_numpy(x) @ metagrad.from_numpy(y)
        assert found.dtype == metagrad.float16
        np.testing.assert_allclose(found.numpy(), exact, rtol=1e-3, atol=2e-3)
    large = metagrad.full((64, 64), 300.0).half()
    assert (large @ large).isinf().all()


@pytest.mark.parametrize("ufunc", [np.floor, np.ceil, np.rint, np.trunc, np.multiply, np.divide])
def test_rounding_of_halves_and_factors_that_are_none(ufunc):
    x = RNG.permutation(np.arange(1 << 16, dtype=np.uint16).view(np.float16))
    factors = [NumberOfHalves(1e-3), NumberOfHalves(70_000.0)] if ufunc.nin == 2 else [None]
    with np.errstate(all="ignore"):
        for factor in factors:
            expected = ufunc(x, factor) if factor is not None else ufunc(x)
            found = np.empty_like(x)
            by_singles(ufunc)(x, *([] if factor is None else [factor]), out=found)
            np.testing.assert_array_equal(found, expected)


def test_a_repeated_gradient_becomes_halves_as_one_number():
    found = copying.as_type(np.broadcast_to(np.float32(3e-7), (5, 7)), np.dtype(np.float16))
    assert found.strides == (0, 0) and (found == np.float16(3e-7)).all() and found.dtype == np.float16


def test_large_halves_are_computed_with_by_their_bits():
    n = 300_001
    x = ((metagrad.arange(n) % 1001 - 500.0) / 256).half()
    assert x.max().item() == 1.953125 and x.amin().item() == -1.953125
    assert x.sum(dtype=metagrad.float32).item() == pytest.approx(x.float().sum().item())
    assert (x > 0).sum().item() == (x.float() > 0).sum().item()
    for op in (lambda x: x.relu(), lambda x: x * 0.1 + x, lambda x: x / 3, lambda x: x.clamp(-1, 1) - x):
        expected = [op(part).tolist() for part in (x[:5], x[-5:])]
        assert [part.tolist() for part in (op(x)[:5], op(x)[-5:])] == expected
    x.requires_grad_()
    (x * 1e-4).backward(metagrad.full((n,), 1e-3).half())
    assert set(x.grad.tolist()) == {1.1920928955078125e-07}


@pytest.mark.parametrize("of", KINDS)
@pytest.mark.parametrize("to", KINDS)
def test_every_dtype_from_every_other(of, to):
    x = np.nan_to_num(numbers()).clip(-60000, 60000).astype(of)
    for given in (x, x.T, x[:, ::2]):
        found = metagrad.from_numpy(given).to(getattr(metagrad, to), copy=True)
        np.testing.assert_array_equal(found.numpy(), given.astype(to))
        assert not np.shares_memory(found.numpy(), x)
        if given is not x[:, ::2]:
            assert found.stride() == metagrad.from_numpy(given.astype(to)).stride()


@pytest.mark.parametrize("dtype", KINDS)
def test_filled_and_written_to_in_place(dtype):
    x = np.ones((5, 6), dtype)
    a = metagrad.from_numpy(x)
    for value in (0, 1, True, 1.0):
        version = a._version
        assert a.fill_(value) is a and a._version == version + 1
        np.testing.assert_array_equal(x, np.full((5, 6), value, dtype))
    a.copy_(metagrad.arange(30).reshape(5, 6) % 2)
    np.testing.assert_array_equal(x, (np.arange(30).reshape(5, 6) % 2).astype(dtype))
    a.T.zero_()
    assert not x.any()
    a[:, ::2].fill_(1)
    np.testing.assert_array_equal(x, np.tile([1, 0], (5, 3)).astype(dtype))


def test_what_is_not_finite_and_what_is_recorded():
    a = metagrad.zeros(5, 6)
    for value in (float("inf"), float("nan"), -0.0):
        np.testing.assert_array_equal(a.fill_(value).numpy(), np.full((5, 6), value, np.float32))
    b = metagrad.ones(5, 6, requires_grad=True)
    c = b * 2
    c.copy_(metagrad.zeros(5, 6))
    assert not c.requires_grad or metagrad.autograd.grad(c.sum(), b)[0].sum() == 0
    with pytest.raises(RuntimeError, match="leaf"):
        b.zero_()
    with pytest.raises(RuntimeError):
        a.copy_(metagrad.ones(7))


def views(x):
    """A matrix lying in memory in many ways, by name."""
    yield "in order", x
    yield "transposed", x.T
    yield "every second column", x[:, ::2]
    yield "backwards", x[::-1, ::-1]
    yield "broadcast", np.broadcast_to(x[0], x.shape)
    yield "a column broadcast", np.broadcast_to(x[:, :1], x.shape)
    yield "four dimensions", x.reshape(5, 10, 6, 10).transpose(0, 2, 3, 1)
    yield "rows of four dimensions", x.reshape(5, 10, 6, 10).transpose(0, 2, 1, 3)
    yield "rows of some, backwards", x.reshape(5, 10, 6, 10).transpose(2, 0, 1, 3)[:, ::-1, :, ::-1]
    yield "one row", x[:1, ::3]
    yield "none", x[:0]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_copies_of_any_order_in_memory(threads, dtype):
    for name, x in views(numbers().astype(dtype) if dtype != "int64" else RNG.integers(0, 99, (50, 60))):
        np.testing.assert_array_equal(copying.copied_in_order(x), x, name)
        assert copying.copied_in_order(x).flags.c_contiguous
        assert copying.copied(x, x.dtype).strides == copying.result_order.copied(x, x.dtype).strides, name
        np.testing.assert_array_equal(copying.copied(x, x.dtype), x, name)
        np.testing.assert_array_equal(copying.reshaped(x, (x.size,)), x.reshape(-1), name)
        like = np.empty(x.shape[::-1], x.dtype).T
        np.testing.assert_array_equal(copying.laid_out_like(x, like), x, name)
        for axes in ((x.ndim - 1,), (0,), tuple(range(x.ndim)), ()):
            np.testing.assert_array_equal(copying.flipped(x, axes, np.empty(x.shape, dtype)), np.flip(x, axes), name)
        for axis in range(x.ndim):
            parts = [x, x[(*[slice(None)] * axis, slice(0, 2))], x]
            np.testing.assert_array_equal(copying.joined(parts, axis), np.concatenate(parts, axis), name)
        if x.size:
            for shifts, axes in (((3,), (0,)), ((-1, 7), (0, 1)), ((0, 100), (1, 0)), ((2, 3), (1, 1))):
                np.testing.assert_array_equal(copying.rolled(x, shifts, axes), np.roll(x, shifts, axes), name)


def test_an_array_assigned_to_itself_in_another_order():
    x = RNG.standard_normal((50, 50))
    expected = x.T.copy()
    copying.assign(x, x.T)
    np.testing.assert_array_equal(x, expected)


ROWS = {
    "a part": lambda x: (x[3:40, 5:50], slice(0, 37), slice(2, 47)),
    "backwards": lambda x: (x[::-1], slice(None), slice(None)),
    "every second row": lambda x: (x[::2], slice(0, 25), slice(None)),
    "every second row from the end": lambda x: (x[::-2, 10:], slice(0, 25), slice(0, 50)),
    "each row backwards": lambda x: (x[:, ::-1], slice(None), slice(None)),
    "a part backwards": lambda x: (x[40:3:-1, 49:4:-1], slice(1, 38), slice(2, 47)),
    "one row, repeated": lambda x: (np.broadcast_to(x[7], x.shape), slice(None), slice(None)),
}


@pytest.mark.parametrize("dtype", ["float32", "float16", "bool", "int64", "complex128"])
@pytest.mark.parametrize("name", ROWS)
def test_rows_are_moved_and_nothing_beside_them(threads, monkeypatch, name, dtype):
    moved, spread = [], copying.spread
    monkeypatch.setattr(
        copying, "spread", lambda loop, *rest, **named: (moved.append(loop), spread(loop, *rest, **named))
    )
    x, rows, columns = ROWS[name]((RNG.standard_normal((50, 60)) * 9).astype(dtype))
    y = (RNG.standard_normal((50, 60)) * 9).astype(dtype)
    expected = y.copy()
    expected[rows, columns] = x
    copying.assign(y[rows, columns], x)
    np.testing.assert_array_equal(y, expected)
    assert moved == [copy_blocks]


def test_many_small_arrays_joined(threads):
    parts = [RNG.standard_normal((n % 3, 5)) for n in range(40)]
    np.testing.assert_array_equal(copying.joined(parts, 0), np.concatenate(parts))
    turned = [part.T for part in parts]
    np.testing.assert_array_equal(copying.joined(turned, 1), np.concatenate(turned, 1))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "bool"])
def test_one_number_everywhere(dtype):
    wanted = np.full((1000, 300), 1, dtype)
    assert copying.full((1000, 300), 1, np.dtype(dtype)).tobytes() == wanted.tobytes()
    y = np.zeros((1000, 300), dtype)
    copying.assign(y, np.broadcast_to(np.ones((), dtype), y.shape))
    assert y.tobytes() == wanted.tobytes()


def test_a_part_of_extent_one_is_copied_whole():
    x, y = np.arange(300_000.0).reshape(1, 1000, 300), np.zeros((2, 1000, 300))
    copying.assign(y[1:], x)
    assert not y[0].any() and y[1].tobytes() == x.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_signs_of_many_numbers(dtype):
    x = np.tile(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 2.5, -1e-7], dtype), 50_000)
    wanted = np.tile(np.array([0, 1, -1, 0, 0, 1, -1], dtype), 50_000)
    assert (metagrad.sign(metagrad.from_numpy(x)).numpy() == wanted).all()


@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "int8", "bool", "complex64"])
def test_made_full_of_a_number(threads, monkeypatch, loops, dtype):
    """All threads fill large arrays, as they lie in memory, with what NumPy fills them with."""
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 4)
    if not loops:
        monkeypatch.setattr(copying, "are_there_loops", lambda: False)
    x = np.ones((40, 6, 5), dtype)
    for a in (x, x.transpose(2, 0, 1), x[:, ::2], x[:0], np.broadcast_to(x[0, 0, :1], (7,))):
        t = metagrad.from_numpy(a.copy("K") if 0 in a.strides else a)
        for found, number in ((metagrad.zeros_like(t), 0), (metagrad.ones_like(t), 1), (metagrad.full_like(t, 1), 1)):
            np.testing.assert_array_equal(found.numpy(), np.full(a.shape, number, dtype))
            assert found.dtype == t.dtype
    assert metagrad.ones_like(metagrad.from_numpy(x.transpose(2, 0, 1))).stride() == (1, 30, 5)
    np.testing.assert_array_equal(metagrad.zeros(40, 6, dtype=t.dtype).numpy(), np.zeros((40, 6), dtype))
    gaps = metagrad.from_numpy(x.copy())
    gaps[:, ::2].zero_()
    assert gaps.numpy().sum() == x[:, 1::2].sum()


def test_halves_become_float32_by_their_bits(threads, monkeypatch):
    """All of them, of both signs, the smallest and what is not finite; with gaps and in another order as well."""
    monkeypatch.setattr(copying, "are_there_loops", lambda: False)
    monkeypatch.setattr(tuning, "WIDENED_BLOCK", 1 << 10)
    x = np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(64, 1024)
    for given in (x, x[:, ::2], x.T, x[np.isfinite(x)]):
        found = metagrad.from_numpy(given).float().numpy()
        np.testing.assert_array_equal(found, given.astype(np.float32))
        np.testing.assert_array_equal(np.signbit(found), np.signbit(given))
