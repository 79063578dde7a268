"""Values, dtypes, shapes and gradients of inputs that are seldom: no elements, no dimensions, bytes, complex truth values."""

import math
from copy import copy

import pytest

import metagrad

INF, NAN = math.inf, math.nan
LARGEST = 3.3895313892515355e38  # of bfloat16


def name(dtype):
    return str(dtype).split(".")[-1]


def both(x):
    return name(x.dtype), x.tolist()


def halves(lib, values):
    return lib.tensor(values, dtype=lib.bfloat16)


def stored(lib):
    x = lib.zeros(2, dtype=lib.bool)
    x[0] = 2j
    return x


def gradient_of(lib, f, *shape):
    x = lib.ones(*shape, requires_grad=True)
    f(x).sum().backward()
    return None if x.grad is None else x.grad.tolist()


def bytes_between(lib, mode, **settings):
    x = (lib.arange(16) * 7).to(lib.uint8).reshape(1, 1, 4, 4)
    return lib.nn.functional.interpolate(x, size=(3, 3), mode=mode, align_corners=True, **settings)[0, 0].tolist()


def empty_statistics(lib):
    mean, variance, weight = lib.zeros(4), lib.ones(4), lib.ones(4, requires_grad=True)
    x = lib.zeros(3, 4, 0, requires_grad=True)
    y = lib.nn.functional.instance_norm(x, mean, variance, weight)
    y.sum().backward()
    return tuple(y.shape), tuple(x.grad.shape), weight.grad.tolist(), mean.tolist(), variance.tolist()


def no_sequences(lib, **settings):
    lstm, x = lib.nn.LSTM(5, 4, **settings), lib.zeros(3, 0, 5, requires_grad=True)
    y, _ = lstm(x)
    y.sum().backward()
    return tuple(y.shape), tuple(x.grad.shape), [p.grad.abs().sum().item() for p in lstm.parameters()]


def strides_of(lib, f):
    """Of numbers that lie across each other: dimensions of one step are told apart by their extents."""
    x = lib.arange(40.0)
    found = []
    for shape, steps in (
        ((5, 6, 2), (1, 1, 7)),
        ((5, 5, 4), (1, 1, 7)),
        ((3, 1, 4), (0, 4, 1)),
        ((2, 3, 4), (4, 0, 1)),
    ):
        y = f(lib.as_strided(x, shape, steps))
        found.append(tuple([s for s, n in zip(y.stride(), y.shape) if n > 1]))
    return found


def set_to_a_part(lib):
    x = lib.arange(4.0)
    return x.set_(x[1:]).tolist()


ACROSS = [(1, 5, 30), (5, 1, 25), (4, 1), (12, 4, 1)]

CASES = {
    "nan_to_num": (
        lambda lib: both(lib.nan_to_num(halves(lib, [INF, -INF, NAN, 1.0]))),
        ("bfloat16", [LARGEST, -LARGEST, 0.0, 1.0]),
    ),
    "nan_to_num with numbers": (
        lambda lib: both(lib.nan_to_num(halves(lib, [INF, -INF, NAN]), 1.0, 2.0, 3.0)),
        ("bfloat16", [2.0, 3.0, 1.0]),
    ),
    "nextafter of one": (
        lambda lib: both(lib.nextafter(halves(lib, 1.0), halves(lib, 2.0))),
        ("bfloat16", 1.0078125),
    ),
    "nextafter of columns": (
        lambda lib: both(lib.nextafter(halves(lib, [[1.0, -1.0], [0.0, 3.0]]).T, halves(lib, 2.0))),
        ("bfloat16", [[1.0078125, 2.0**-133], [-0.99609375, 2.984375]]),
    ),
    "the largest so far": (
        lambda lib: lib.cummax(halves(lib, [1.0, NAN, 2.0]), 0).indices.tolist(),
        [0, 1, 1],
    ),
    "segments": (
        lambda lib: both(lib.segment_reduce(halves(lib, [1.0, 2.0, 4.0]), "mean", lengths=lib.tensor([1, 2]))),
        ("bfloat16", [1.0, 3.0]),
    ),
    "logit between bounds that cross": (
        lambda lib: lib.logit(lib.tensor([0.0, 0.5, 0.75, 1.0]), 0.75).exp().round().tolist(),
        [3.0, 3.0, 0.0, 0.0],
    ),
    "a step of no dimensions": (
        lambda lib: lib.gradient(lib.tensor([1.0, 2.0, 4.0]), spacing=lib.tensor(2.0))[0].tolist(),
        [0.5, 0.75, 1.0],
    ),
    "a copy of columns": (lambda lib: copy(lib.arange(4).reshape(2, 2).T).tolist(), [[0, 2], [1, 3]]),
    "set to its own part": (set_to_a_part, [1.0, 2.0, 3.0]),
    "bytes that wrap around": (lambda lib: lib.linspace(-3, 8, 5, dtype=lib.uint8).tolist(), [253, 191, 130, 69, 8]),
    "a tensor's own dtype": (lambda lib: both(lib.Tensor(lib.tensor([1, 2], dtype=lib.int32))), ("int32", [1, 2])),
    "the address of nothing": (lambda lib: lib.empty(0).data_ptr(), 0),
    "a complex number stored": (lambda lib: both(stored(lib)), ("bool", [True, False])),
    "filled with a complex number": (
        lambda lib: both(lib.zeros(2, dtype=lib.bool).fill_(1 + 2j)),
        ("bool", [True] * 2),
    ),
    "full_like": (lambda lib: both(lib.full_like(lib.ones(2, dtype=lib.bool), 0j)), ("bool", [False] * 2)),
    "masked_fill": (
        lambda lib: both(lib.zeros(2, dtype=lib.bool).masked_fill(lib.tensor([True, False]), lib.tensor(1j))),
        ("bool", [True, False]),
    ),
    "a real number, as a complex one": (
        lambda lib: both(lib.zeros(2).masked_fill(lib.tensor([True, False]), lib.tensor(3 + 0j))),
        ("float32", [3.0, 0.0]),
    ),
    "filled with a real number, as a complex one": (
        lambda lib: both(lib.zeros(2, dtype=lib.int64).fill_(3 + 0j)),
        ("int64", [3, 3]),
    ),
    "copied from a complex number": (
        lambda lib: both(lib.zeros(2, dtype=lib.int64).copy_(3 + 2j)),
        ("int64", [3, 3]),
    ),
    "any along no dimension": (
        lambda lib: both(lib.any(lib.tensor([3, 0], dtype=lib.uint8), dim=())),
        ("uint8", [1, 0]),
    ),
    "all along no dimension": (
        lambda lib: both(lib.all(lib.tensor([3, 0], dtype=lib.uint8), dim=[])),
        ("uint8", [1, 0]),
    ),
    "bilinear bytes": (lambda lib: bytes_between(lib, "bilinear"), [[0, 11, 21], [42, 53, 63], [84, 95, 105]]),
    "lerp by a weight of no dimensions": (
        lambda lib: both(lib.lerp(lib.zeros(2), lib.ones(2) * 4, lib.tensor(0.25, dtype=lib.float64))),
        ("float32", [1.0, 1.0]),
    ),
    "lerp of integers by one": (
        lambda lib: both(lib.lerp(lib.tensor([0, 2]), lib.tensor([1, 4]), lib.tensor(0.5))),
        ("float32", [0.5, 3.0]),
    ),
    "lerp, none of dimensions": (
        lambda lib: both(lib.lerp(lib.tensor(0.0), lib.tensor(4.0), lib.tensor(0.5, dtype=lib.float64))),
        ("float64", 2.0),
    ),
    "addcmul by a truth value": (
        lambda lib: both(lib.addcmul(lib.tensor([1]), lib.tensor([3]), lib.tensor([2]), value=True)),
        ("int64", [7]),
    ),
    "a count has no gradient": (lambda lib: gradient_of(lib, lambda x: lib.linalg.vector_norm(x * 2, 0), 2), None),
    "a count beside a sum": (
        lambda lib: gradient_of(lib, lambda x: lib.linalg.vector_norm(x, 0) + 3 * x, 2),
        [3.0, 3.0],
    ),
    "instance_norm of no positions": (empty_statistics, ((3, 4, 0), (3, 4, 0), [0.0] * 4, [0.0] * 4, [1.0] * 4)),
    "an LSTM of no sequences": (no_sequences, ((3, 0, 4), (3, 0, 5), [0.0] * 4)),
    "an LSTM of no sequences, projected": (
        lambda lib: no_sequences(lib, proj_size=2),
        ((3, 0, 2), (3, 0, 5), [0.0] * 5),
    ),
    "attention to no features": (
        lambda lib: lib.nn.functional.scaled_dot_product_attention(
            lib.zeros(1, 2, 0), lib.zeros(1, 2, 0), lib.tensor([[[1.0], [3.0]]])
        ).tolist(),
        [[[2.0], [2.0]]],
    ),
    "cross entropy of no classes": (
        lambda lib: lib.nn.functional.cross_entropy(
            lib.zeros(2, 0), lib.zeros(2, 0), label_smoothing=0.1, reduction="none"
        ).tolist(),
        [0.0, 0.0],
    ),
    "strides of exp": (lambda lib: strides_of(lib, lib.exp), ACROSS),
    "strides of abs": (lambda lib: strides_of(lib, lib.abs), ACROSS),
    "strides of a sum with a number": (lambda lib: strides_of(lib, lambda x: x + 1), ACROSS),
}


@pytest.mark.parametrize("case", CASES)
def test_is_right(case):
    function, expected = CASES[case]
    assert function(metagrad) == expected


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES)
def test_is_pytorchs(torch, case):
    function, expected = CASES[case]
    assert function(torch) == expected


@pytest.mark.parametrize("values", [[1j], [2]])
def test_lerp_of_what_it_has_no_values_for(values):
    whole = metagrad.tensor([1, 2])
    with pytest.raises(NotImplementedError, match="lerp"):
        metagrad.lerp(whole, whole, 0.5)
    with pytest.raises(RuntimeError, match="expected dtype float for `weight` but got dtype "):
        metagrad.lerp(metagrad.ones(1), metagrad.ones(1), metagrad.tensor(values))


@pytest.mark.parametrize("reduce", ["amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_complex_numbers_have_no_largest(reduce, include_self):
    x, index = metagrad.tensor([1j, 2.0]), metagrad.tensor([0, 1])
    for function in (metagrad.scatter_reduce, metagrad.index_reduce):
        with pytest.raises(NotImplementedError, match="ComplexFloat"):
            function(x, 0, index, x, reduce, include_self=include_self)


@pytest.mark.oracle
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_bytes_between_pixels_are_pytorchs_but_for_ties_of_its_fixed_point(torch, mode):
    x = torch.randint(0, 256, (3, 2, 9, 7), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    for size in ((5, 4), (13, 17), (9, 20), (3, 3)):
        expected = torch.nn.functional.interpolate(x, size=size, mode=mode).int()
        found = metagrad.nn.functional.interpolate(metagrad.tensor(x.numpy()), size=size, mode=mode).int()
        off = (torch.tensor(found.numpy()) - expected).abs()
        assert off.max() <= 2 and (off > 0).double().mean() < 0.01


def test_distances_of_order_0_have_a_gradient_of_0():
    x = metagrad.tensor([[0.0, 1.0], [0.0, float("nan")], [2.0, 3.0]], requires_grad=True)
    assert str(metagrad.cdist(x, x[:1].detach(), 0).tolist()) == "[[0.0], [nan], [2.0]]"
    for found in (metagrad.cdist(x, x.detach(), 0), metagrad.pdist(x, 0)):
        x.grad = None
        found.sum().backward()
        assert x.grad.tolist() == [[0.0, 0.0]] * 3


def test_a_constant_has_no_gradient_that_is_undefined():
    """The sign that copysign takes has the derivative 0, also where that of what follows is nan."""
    x, bools = metagrad.tensor([-0.25, 0.5], requires_grad=True), metagrad.tensor([False, False])
    (x ** metagrad.copysign(bools, x)).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


def test_what_is_added_to_doubles_is_computed_in_doubles():
    third, tenth = metagrad.tensor(1 / 3), metagrad.tensor(0.1)
    ones = metagrad.ones(2, dtype=metagrad.float64)
    a, b = third.item(), tenth.item()  # rounded to float32
    assert metagrad.addcmul(ones, third, tenth).tolist() == [1 + a * b] * 2
    assert ones.addcdiv(third, tenth).tolist() == [1 + a / b] * 2
    bytes_ = metagrad.tensor([100], dtype=metagrad.int8)
    assert metagrad.tensor([1, 2]).addcmul(bytes_, bytes_).tolist() == [10_001, 10_002]
    assert ones.clone().addcmul_(third, tenth).tolist() == [1 + a * b] * 2


def test_einsum_of_two_dtypes_where_nothing_is_summed():
    """Over one element, or none, there is no sum that would need one dtype."""
    e, truth = metagrad.einsum, metagrad.tensor([True])
    assert both(e("...i,...i->...", metagrad.tensor([2.0]), truth)) == ("float32", 2.0)
    assert both(e("ij,jk->ik", metagrad.zeros(1, 0).double(), metagrad.zeros(0, 2))) == ("float64", [[0.0, 0.0]])
    with pytest.raises(RuntimeError, match="dtype"):
        e("i,i->", metagrad.ones(2), metagrad.ones(2).double())


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
@pytest.mark.filterwarnings("ignore:index_reduce")
@pytest.mark.parametrize("name", ["scatter_reduce", "index_reduce"])
def test_what_was_left_out_takes_its_share_where_it_equals_the_largest(lib, name):
    lib = pytest.importorskip(lib)
    x, source = lib.tensor([2.0, 2.0], requires_grad=True), lib.tensor([2.0, 2.0, 5.0], requires_grad=True)
    getattr(x, name)(0, lib.tensor([0, 0, 1]), source, "amax", include_self=False).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]
    assert source.grad.tolist() == pytest.approx([1 / 3, 1 / 3, 1.0])


def test_frames_of_a_short_window_may_begin_with_the_signal():
    x, window = metagrad.arange(1.0, 9.0), metagrad.ones(2)
    found = metagrad.stft(x, 4, 2, 2, window, center=False, align_to_window=True, return_complex=True)
    wanted = [[3, 7, 11, 15], [-2 - 1j, -4 - 3j, -6 - 5j, -8 - 7j], [1, 1, 1, 1]]
    assert metagrad.allclose(found, metagrad.tensor(wanted, dtype=metagrad.complex64), atol=1e-5)
    with pytest.raises(RuntimeError, match="complex windows are incompatible"):
        metagrad.istft(found, 4, window=metagrad.ones(4, dtype=metagrad.complex64))


def test_windows_have_a_whole_length_and_no_out():
    for arguments, named in (((3.5,), {}), ((4,), {"out": metagrad.empty(4)})):
        with pytest.raises(TypeError):
            metagrad.hann_window(*arguments, **named)


def test_a_softmax_has_a_dimension():
    for f in (metagrad.softmax, metagrad.log_softmax, metagrad.Tensor.softmax):
        with pytest.raises(TypeError, match="dim"):
            f(metagrad.ones(2))


def test_there_are_no_frequencies_of_fewer_samples_than_none():
    assert metagrad.fft.fftfreq(0).shape == (0,)
    for f in (metagrad.fft.fftfreq, metagrad.fft.rfftfreq):
        with pytest.raises(RuntimeError, match="negative dimension -1"):
            f(-1)
