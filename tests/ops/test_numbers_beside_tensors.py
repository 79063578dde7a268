"""A Python number beside a tensor is rounded once, to what the op computes in; and what is no number has no sign."""

import math
import warnings

import pytest

import metagrad

NAN, INF = math.nan, math.inf


def both(x):
    return str(x.dtype).split(".")[-1], x.tolist()


def doubles(lib, *numbers):
    return lib.tensor(numbers, dtype=lib.float64)


def infinite(lib, **factors):
    """What is added to the outer product of an infinite vector: complex numbers whose imaginary part is 0 · ∞."""
    y = lib.addr(lib.tensor([[1.0 + 0j]]), lib.tensor([INF]), lib.tensor([1.0]), **factors)
    return str(y.dtype).split(".")[-1], y.imag.isnan().tolist()


def gradients_of_factors(lib):
    """Of halves, and of a 0-d tensor that they are multiplied by."""
    x, y = lib.tensor([2.0]).half().requires_grad_(), lib.tensor(0.5, requires_grad=True)
    (x * lib.tensor(0.1) * y).sum().backward()
    return both(x.grad), both(y.grad)


def tripled(lib):
    x = lib.tensor([0.25]).half()
    x *= lib.tensor(131072.0)
    return both(x)


HALVES = {
    "a product": (lambda lib: both(lib.tensor([0.3]).bfloat16() * 0.1), ("bfloat16", [0.030029296875])),
    "a product the other way round": (
        lambda lib: both(lib.mul(0.1, lib.tensor([0.3]).bfloat16())),
        ("bfloat16", [0.0301513671875]),
    ),
    "a product with a tensor": (
        lambda lib: both(lib.tensor([0.3]).bfloat16() * lib.tensor(0.1)),
        ("bfloat16", [0.030029296875]),
    ),
    "a tensor's product": (
        lambda lib: both(lib.tensor(0.1) * lib.tensor([0.3]).bfloat16()),
        ("bfloat16", [0.0301513671875]),
    ),
    "a factor beyond halves": (
        lambda lib: both(lib.tensor([0.25]).half() * lib.tensor(131072.0)),
        ("float16", [32768.0]),
    ),
    "a whole factor beyond halves": (
        lambda lib: both(lib.tensor([0.25]).half() * lib.tensor(131072)),
        ("float16", [32768.0]),
    ),
    "a factor beyond halves, in place": (tripled, ("float16", [32768.0])),
    "a first factor beyond halves": (
        lambda lib: both(lib.mul(131072.0, lib.tensor([0.25]).half())),
        ("float16", [INF]),
    ),
    "a divisor": (lambda lib: both(lib.tensor([0.3]).half() / lib.tensor(0.1)), ("float16", [3.0])),
    "a dividend": (lambda lib: both(lib.div(0.1, lib.tensor([100.0]).half())), ("float16", [0.00099945068359375])),
    "rounded down": (lambda lib: both(lib.tensor([1.0]).half() // 0.1), ("float16", [9.0])),
    "rounded to zero": (
        lambda lib: both(lib.div(lib.tensor([-5.7]).half(), 0.1, rounding_mode="trunc")),
        ("float16", [-56.0]),
    ),
    "a sum": (lambda lib: both(lib.tensor([0.01]).bfloat16() + 3.3), ("bfloat16", [3.3125])),
    "a remainder": (lambda lib: both(lib.tensor([1.0]).bfloat16() % 0.1), ("bfloat16", [0.09912109375])),
    "C's remainder": (lambda lib: both(lib.fmod(lib.tensor([2.0]).bfloat16(), 0.1)), ("bfloat16", [0.09814453125])),
    "a power": (lambda lib: both(lib.tensor([2.0]).bfloat16() ** 2.3), ("bfloat16", [4.90625])),
    "a base": (lambda lib: both(0.1 ** lib.tensor([-5.7]).bfloat16()), ("bfloat16", [483328.0])),
    "gradients": (gradients_of_factors, (("float16", [0.04998779296875]), ("float32", 0.199951171875))),
}

CASES = {
    "a base": (lambda lib: both(lib.float_power(0.1, lib.tensor([1.0, 0.0]))), ("float64", [0.1, 1.0])),
    "a base of integers": (lambda lib: both(lib.float_power(0.1, lib.tensor([1]))), ("float64", [0.1])),
    "a place": (lambda lib: both(lib.searchsorted(doubles(lib, 0.1, 0.2, 0.3), 0.2)), ("int64", 1)),
    "a bucket": (lambda lib: both(lib.bucketize(0.2, doubles(lib, 0.1, 0.2, 0.3), right=True)), ("int64", 2)),
    "a place among halves": (lambda lib: both(lib.searchsorted(lib.tensor([0.1, 0.2]).half(), 0.1)), ("int64", 0)),
    "a place among bytes": (
        lambda lib: both(lib.searchsorted(lib.tensor([1, 100], dtype=lib.uint8), -1)),  # which is 255
        ("int64", 2),
    ),
    "a fraction's place": (lambda lib: both(lib.searchsorted(lib.tensor([1, 2, 3]), 2.5)), ("int64", 2)),
    "among": (lambda lib: both(lib.isin(doubles(lib, 0.1, 0.2), 0.2)), ("bool", [False, True])),
    "is among": (lambda lib: both(lib.isin(0.2, doubles(lib, 0.1, 0.2))), ("bool", True)),
    "added to an outer product": (lambda lib: infinite(lib), ("complex64", [[True]])),
    "not added to an outer product": (lambda lib: infinite(lib, beta=0), ("complex64", [[True]])),
    "left out of an outer product": (
        lambda lib: both(lib.addr(doubles(lib, 1.0), lib.tensor([2.0]), lib.tensor([3.0]), beta=0)),
        ("float64", [[6.0]]),
    ),
    "powers beyond the dtype": (
        lambda lib: both(lib.ldexp(lib.tensor([INF, 0.0, 2.0**-149, 3.0]), lib.tensor([-2000, 5000, 150, 2000]))),
        ("float32", [INF, 0.0, 2.0, INF]),
    ),
    "powers of halves": (
        lambda lib: both(lib.ldexp(lib.tensor([2.0**-24]).half(), lib.tensor([39]))),
        ("float16", [32768.0]),
    ),
    "a power that is a fraction": (
        lambda lib: both(lib.ldexp(doubles(lib, 1.0), lib.tensor([0.5]))),
        ("float64", [1.4142135381698608]),
    ),
    "a multiple beyond the dtype": (
        lambda lib: both(lib.lcm(lib.tensor([2**62, 6]), lib.tensor([3, -4]))),
        ("int64", [2**62, 12]),
    ),
    "the sign of nan": (
        lambda lib: both(lib.linalg.slogdet(lib.tensor([[NAN, 0.0], [0.0, 1.0]])).sign),
        ("float32", 0.0),
    ),
    "the size of a number": (
        lambda lib: (
            lib.distributions.transforms.AffineTransform(0.0, 2.0)
            .log_abs_det_jacobian(lib.ones(3, 2).t(), None)
            .stride()
        ),
        (1, 2),
    ),
}


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
@pytest.mark.parametrize("case", CASES)
def test_numbers_beside_tensors(lib, case):
    run, expected = CASES[case]
    assert run(pytest.importorskip(lib)) == expected


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
@pytest.mark.parametrize("case", HALVES)
def test_numbers_beside_halves(lib, case):
    """They are rounded to halves first, but for those that multiply or divide."""
    pytest.importorskip("ml_dtypes")
    run, expected = HALVES[case]
    assert run(pytest.importorskip(lib)) == expected


@pytest.mark.parametrize("count", [3, 300_000])
def test_the_gradient_of_a_power_of_2_is_that_power(count):
    x = metagrad.full((count,), 3.0, requires_grad=True)
    metagrad.ldexp(x, metagrad.tensor([-1])).sum().backward()
    assert (x.grad == 0.5).all()
    x = metagrad.tensor([1.0, 2.0], dtype=metagrad.float64, requires_grad=True)
    assert metagrad.autograd.gradcheck(lambda x: metagrad.ldexp(x, metagrad.tensor([[3, -2], [0, 1]])), (x,))
    assert metagrad.autograd.gradgradcheck(lambda x: metagrad.ldexp(x * x, metagrad.tensor([3, -2])), (x,))


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_what_is_refused(lib):
    lib = pytest.importorskip(lib)
    with pytest.raises(NotImplementedError, match="\"ldexp_cpu_exp\" not implemented for 'Bool'"):
        lib.ldexp(lib.ones(1), lib.tensor([True]))
    with pytest.raises(RuntimeError, match="expected 0 < win_length <= n_fft, but got win_length=20"):
        lib.stft(lib.ones(40), 16, win_length=20, return_complex=True)
    for truth in (lambda: lib.isin(lib.tensor([1]), True), lambda: lib.isin(True, lib.tensor([1]))):
        with pytest.raises(RuntimeError, match=r"Unsupported input type encountered for isin\(\): Bool"):
            truth()
    with pytest.raises(RuntimeError, match="eps must be non-negative, got"):
        lib.nn.functional.cosine_similarity(lib.ones(2), lib.ones(2), dim=0, eps=-1.0)


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_samples_no_distance_apart_have_infinite_frequencies(lib):
    lib = pytest.importorskip(lib)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lib.fft.fftfreq(4, 0).tolist()[1:] == [INF, -INF, -INF]
        assert lib.fft.rfftfreq(4, 0.0).tolist()[1:] == [INF, INF]
