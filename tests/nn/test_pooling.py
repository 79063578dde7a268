"""Pooling: the layers against PyTorch over a sweep of settings, ties, infinities and nan, derivatives, and errors."""

import itertools
import re

import numpy as np
import pytest

import metagrad
from metagrad.autograd import gradcheck, gradgradcheck
from metagrad.kernels import tuning
from metagrad.nn import functional as F

EXTENTS = (7, 5, 6)


def both(torch, name, arguments, settings, inputs, more=()):
    """Results and input gradients of the layer in both libraries, which must agree in all; and its text."""
    found = []
    for library in (metagrad, torch):
        layer = getattr(library.nn, name)(*arguments, **settings)
        x = library.tensor(inputs, requires_grad=True)
        results = layer(x, *more)
        results = results if isinstance(results, tuple) else (results,)
        weights = np.random.default_rng(1).standard_normal(tuple(results[0].shape)).astype(inputs.dtype)
        (results[0] * library.tensor(weights)).sum().backward()
        found.append([repr(layer), *[r.detach().numpy() for r in results], x.grad.numpy()])
    ours, theirs = found
    assert ours[0] == theirs[0] and len(ours) == len(theirs)
    close = {"rtol": 1e-5, "atol": 1e-6} if inputs.dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-12}
    for a, b in zip(ours[1:], theirs[1:], strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, **close)


def numbers(shape, kind, dtype="float64"):
    """Numbers without ties, with many, or with infinities and nan among them."""
    rng = np.random.default_rng(0)
    if kind == "tied":
        return rng.integers(0, 3, shape).astype(dtype)
    x = rng.permutation(int(np.prod(shape))).reshape(shape).astype(dtype)
    if kind == "special":
        x.reshape(-1)[rng.permutation(x.size)[: x.size // 3]] = -np.inf
        x.reshape(-1)[rng.permutation(x.size)[: x.size // 8]] = np.nan
        x.reshape(-1)[rng.permutation(x.size)[: x.size // 8]] = np.inf
    return x


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["distinct", "tied", "special"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_max_pooling_equals_pytorch(torch, axes, kind):
    for size, stride, padding, dilation, ceil in itertools.product(
        [1, 2, 3], [None, 1, 2], [0, 1], [1, 2], [False, True]
    ):
        if padding <= size // 2:
            settings = {
                "stride": stride,
                "padding": padding,
                "dilation": dilation,
                "ceil_mode": ceil,
                "return_indices": True,
            }
            both(torch, f"MaxPool{axes}d", [size], settings, numbers((2, 3, *EXTENTS[:axes]), kind))


@pytest.mark.oracle
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_mean_and_norm_pooling_equal_pytorch(torch, axes):
    x = np.random.default_rng(0).uniform(0.5, 2, (2, 3, *EXTENTS[:axes]))
    for size, stride, padding, ceil, count in itertools.product(
        [2, 3], [None, 1, 2], [0, 1], [False, True], [False, True]
    ):
        settings = {"stride": stride, "padding": padding, "ceil_mode": ceil, "count_include_pad": count}
        both(torch, f"AvgPool{axes}d", [size], settings, x)
        if axes > 1:
            both(torch, f"AvgPool{axes}d", [size], {**settings, "divisor_override": 5}, x)
        both(torch, f"LPPool{axes}d", [3.0, size], {"stride": stride, "ceil_mode": ceil}, x)


@pytest.mark.oracle
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_pooling_with_a_size_for_each_axis(torch, axes):
    size, stride, padding = (3, 2, 4)[:axes], (2, 1, 3)[:axes], (1, 0, 2)[:axes]
    x = numbers((2, 3, *EXTENTS[:axes]), "distinct")
    for shape in (x, x[0]):
        both(torch, f"MaxPool{axes}d", [size, stride, padding], {"return_indices": True}, shape)
        both(torch, f"AvgPool{axes}d", [size, stride, padding], {}, shape)


@pytest.mark.oracle
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_adaptive_pooling_equals_pytorch(torch, axes):
    for count in [1, 2, 3, 4, 5, 7, 9]:
        for kind in ("distinct", "tied"):
            x = numbers((2, 3, *EXTENTS[:axes]), kind)
            both(torch, f"AdaptiveMaxPool{axes}d", [count], {"return_indices": True}, x)
        both(torch, f"AdaptiveAvgPool{axes}d", [count], {}, x)
        both(torch, f"AdaptiveAvgPool{axes}d", [count], {}, x[0])
    if axes > 1:
        both(torch, f"AdaptiveAvgPool{axes}d", [(None, *(3,) * (axes - 1))], {}, x)


@pytest.mark.oracle
@pytest.mark.parametrize("axes", [2, 3])
def test_fractional_pooling_equals_pytorch(torch, axes):
    x = numbers((2, 3, *EXTENTS[:axes]), "distinct")
    samples = np.random.default_rng(2).random((2, 3, axes))
    for settings in (
        {"output_size": 3},
        {"output_size": (4, 2, 3)[:axes]},
        {"output_ratio": 0.6},
        {"output_ratio": (0.8, 0.5, 0.7)[:axes]},
    ):
        found = []
        for library in (metagrad, torch):
            drawn = library.tensor(samples)
            layer = getattr(library.nn, f"FractionalMaxPool{axes}d")(
                2, return_indices=True, _random_samples=drawn, **settings
            )
            given = library.tensor(x, requires_grad=True)
            y, places = layer(given)
            (y * y).sum().backward()
            found.append([y.detach().numpy(), places.numpy(), given.grad.numpy()])
            assert list(layer.state_dict()) == ["_random_samples"] and repr(layer) == f"FractionalMaxPool{axes}d()"
        for a, b in zip(*found, strict=True):
            np.testing.assert_array_equal(a, b)


def test_fractional_pooling_draws_other_places_each_time():
    metagrad.manual_seed(0)
    x = metagrad.arange(400.0).reshape(1, 1, 20, 20)
    found = {tuple(F.fractional_max_pool2d(x, 2, output_ratio=(0.7, 0.7)).flatten().tolist()) for _ in range(5)}
    assert len(found) > 1


@pytest.mark.oracle
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_unpooling_equals_pytorch(torch, axes):
    x = numbers((2, 3, *EXTENTS[:axes]), "distinct")
    for stride, size in ((None, None), (3, None), (2, [2, 3, *EXTENTS[:axes]]), (2, list(EXTENTS[:axes]))):
        pool = getattr(torch.nn.functional, f"max_pool{axes}d")
        whole = [(n - 2) // (stride or 2) * (stride or 2) + 2 for n in EXTENTS[:axes]]  # what the windows cover
        _, places = pool(torch.tensor(x if size else x[(..., *map(slice, whole))]), 2, stride, return_indices=True)
        values = np.random.default_rng(1).standard_normal(tuple(places.shape))
        found = []
        for library in (metagrad, torch):
            layer = getattr(library.nn, f"MaxUnpool{axes}d")(2, stride)
            given = library.tensor(values, requires_grad=True)
            y = layer(given, library.tensor(places.numpy()), size)
            (y * y).sum().backward()
            found.append([repr(layer), y.detach().numpy(), given.grad.numpy()])
        assert found[0][0] == found[1][0]
        for a, b in zip(found[0][1:], found[1][1:], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float16", "float32", "int64", "uint8"])
def test_other_dtypes_equal_pytorch(torch, dtype):
    x = np.random.default_rng(0).integers(0, 50, (2, 3, 7, 6)).astype(dtype)
    calls = [("max_pool2d", (3, 2, 1)), *([("avg_pool2d", (3, 2, 1))] if dtype != "uint8" else [])]
    calls += [("adaptive_avg_pool2d", (3,)), ("adaptive_max_pool2d", (3,))] if dtype.startswith("float") else []
    for name, arguments in calls:
        ours, theirs = (
            getattr(lib.nn.functional, name)(lib.tensor(x), *arguments).numpy() for lib in (metagrad, torch)
        )
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-3)


@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_and_threads_change_nothing(monkeypatch, threads):
    x = metagrad.from_numpy(numbers((5, 7, 6, 5), "tied"))

    def results():
        y, places = F.max_pool2d(x.requires_grad_(), 3, 2, 1, return_indices=True)
        total = (y * y).sum() + (F.avg_pool2d(x, 2) ** 3).sum()
        return [y.tolist(), places.tolist(), metagrad.autograd.grad(total, x)[0].tolist()]

    expected, before = results(), metagrad.get_num_threads()
    monkeypatch.setattr(tuning, "POOLING_BLOCK", 60)
    monkeypatch.setattr(tuning, "POOLING_WORTH_THREADS", 0)
    metagrad.set_num_threads(threads)
    try:
        assert results() == expected
    finally:
        metagrad.set_num_threads(before)


def test_an_infinite_gradient_stays_where_it_belongs():
    x = metagrad.tensor([[1.0, 2.0, 4.0, 3.0]], requires_grad=True)
    F.max_pool1d(x, 2).backward(metagrad.tensor([[float("inf"), 1.0]]))
    assert x.grad.tolist() == [[0.0, float("inf"), 1.0, 0.0]]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.max_pool2d(x, 2, 1, 1) ** 2,
        lambda x: F.max_pool2d(x, 2) ** 2,
        lambda x: F.adaptive_max_pool2d(x, (3, 2)) ** 2,
        lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False) ** 2,
        lambda x: F.adaptive_avg_pool2d(x, (3, 6)) ** 2,
        lambda x: F.lp_pool2d(x, 3.0, 2),
        lambda x: (
            F.fractional_max_pool2d(x, 2, (3, 3), _random_samples=metagrad.full((1, 2, 2), 0.4, dtype=metagrad.float64))
            ** 2
        ),
        lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2, output_size=(4, 5)) ** 2,
    ],
)
def test_pooling_passes_gradcheck_twice(function):
    x = metagrad.tensor(numbers((1, 2, 4, 5), "distinct") / 20 + 0.5, requires_grad=True)
    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))


BAD = [
    (lambda lib, x: lib.nn.MaxPool2d(2, padding=2)(x), RuntimeError),
    (lambda lib, x: lib.nn.MaxPool2d(9)(x), RuntimeError),
    (lambda lib, x: lib.nn.MaxPool2d((2, 2, 2))(x), RuntimeError),
    (lambda lib, x: lib.nn.MaxPool2d(2, stride=0)(x), RuntimeError),
    (lambda lib, x: lib.nn.MaxPool2d(2)(x[0, 0]), RuntimeError),
    (lambda lib, x: lib.nn.MaxPool2d(2)(x > 0), RuntimeError),
    (lambda lib, x: lib.nn.AvgPool2d(2, divisor_override=0)(x), RuntimeError),
    (lambda lib, x: lib.nn.AdaptiveAvgPool2d(-1)(x), RuntimeError),
    (lambda lib, x: lib.nn.AdaptiveMaxPool2d(2)(x.long()), RuntimeError),
    (lambda lib, x: lib.nn.FractionalMaxPool2d(2), ValueError),
    (lambda lib, x: lib.nn.FractionalMaxPool2d(2, 2, 0.5), ValueError),
    (lambda lib, x: lib.nn.FractionalMaxPool2d(2, output_ratio=1.5), ValueError),
    (lambda lib, x: lib.nn.FractionalMaxPool2d(2, output_size=9)(x), RuntimeError),
    (lambda lib, x: lib.nn.MaxUnpool2d(2)(x, x), RuntimeError),
    (lambda lib, x: lib.nn.MaxUnpool2d(2)(x, x[:, :, :2].long()), RuntimeError),
    (lambda lib, x: lib.nn.MaxUnpool2d(1)(x, x.long() + 100), RuntimeError),
    (lambda lib, x: lib.nn.MaxUnpool2d(2)(x, x.long(), (3, 3, 3)), ValueError),
    (lambda lib, x: lib.nn.MaxUnpool2d(2)(x, x.long(), (20, 20)), ValueError),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, error = BAD[case]
    with pytest.raises(error) as found:
        function(metagrad, metagrad.ones(1, 2, 4, 5))
    assert len(str(found.value)) > 15


@pytest.mark.oracle
@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors_are_pytorchs(torch, case):
    function, error = BAD[case]
    with pytest.raises(error):
        function(torch, torch.ones(1, 2, 4, 5))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64"])
@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}, {"kernel_size": (1, 4), "stride": 1},
        {"kernel_size": 3, "stride": 1, "dilation": 2, "padding": 1}, {"kernel_size": 2, "stride": 3, "ceil_mode": True},
        {"kernel_size": 3, "stride": 4},
    ],
    ids=str,
)  # fmt: skip
def test_maxima_are_the_same_without_a_gradient(settings, dtype):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((2, 3, 9, 10)) * 10).astype(dtype)
    if dtype.startswith("float"):
        x[0, 0, 3, 4], x[1, 2, 5] = np.nan, -np.inf
    x = metagrad.tensor(x)
    expected, _ = metagrad.nn.functional.max_pool2d(x, return_indices=True, **settings)
    found = metagrad.nn.functional.max_pool2d(x, **settings)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


def refusals(F, t):
    """What is refused, and the words for it."""
    x, square = t.zeros(1, 4), t.zeros(1, 1, 4, 4)
    half = t.rand(1, 1, 2)
    none = t.zeros(1, 1, 2, 2, dtype=t.int64)
    return [
        (lambda: F.max_pool1d(x, 0), "max_pool1d() kernel_size must be greater than zero, but got 0"),
        (lambda: F.max_pool1d(x, 2, 0), "max_pool1d() stride must be greater than zero, but got 0"),
        (lambda: F.max_pool1d(x, 2, padding=-1), "max_pool1d() padding must be non-negative, but got -1"),
        (
            lambda: F.max_pool1d(x, 2, padding=2),
            "max_pool1d() padding should be at most half of kernel size, but got padding=2 and kernel_size=2",
        ),
        (lambda: F.max_pool1d(x, 2, dilation=0), "max_pool1d() dilation must be greater than zero, but got 0"),
        (lambda: F.max_pool1d(x, 5), "max_pool1d() Invalid computed output size: 0"),
        (
            lambda: F.max_pool2d(square, (2, 2, 2)),
            "max_pool2d: kernel_size must either be a single int, or a tuple of two ints",
        ),
        (
            lambda: F.fractional_max_pool2d(square, 2, 2, _random_samples=half[:0]),
            "Expect _random_samples.size(0) no less then input batch size.",
        ),
        (
            lambda: F.fractional_max_pool2d(square, 2, 2, _random_samples=t.rand(1, 2, 2)),
            "Expect _random_samples.size(1) equals to input channel size.",
        ),
        (
            lambda: F.fractional_max_pool2d(square, 2, 2, _random_samples=t.rand(1, 1, 3)),
            "Expect _random_samples.size(2) equals to 2; got 3.",
        ),
        (
            lambda: F.fractional_max_pool2d(square, 2, 2, _random_samples=half.double()),
            "Expect _random_samples to have the same dtype as input",
        ),
        (lambda: F.adaptive_avg_pool1d(t.zeros(1, 1, 4), 0x3FFFFFFFFFFFFFFF), "Storage size calculation overflowed"),
        (lambda: F.max_unpool3d(none[None].float(), none[None], 2, 0), "strides should be greater than zero"),
    ]


@pytest.mark.parametrize("i", range(13))
def test_refusals_are_in_these_words(i):
    call, words = refusals(F, metagrad)[i]
    with pytest.raises(RuntimeError, match=re.escape(words)):
        call()


@pytest.mark.oracle
@pytest.mark.parametrize("i", range(13))
def test_pytorchs_words_are_the_same(torch, i):
    call, words = refusals(torch.nn.functional, torch)[i]
    with pytest.raises(RuntimeError, match=re.escape(words)):
        call()


def test_a_fractional_pool_of_no_windows_is_empty():
    y, where = F.fractional_max_pool2d(metagrad.zeros(2, 3, 5, 5), 2, (0, 1), return_indices=True)
    assert (y.shape, where.shape, where.dtype) == ((2, 3, 0, 1), (2, 3, 0, 1), metagrad.int64)


@pytest.mark.parametrize("extents", [(10,), (9, 16), (5, 7, 4)])
def test_windows_of_different_sizes_are_added_up_by_products(monkeypatch, extents):
    x = np.random.default_rng(0).standard_normal((2, 3, *extents))
    pool = getattr(F, f"adaptive_avg_pool{len(extents)}d")
    found = []
    for least in (tuning.POOLING_MATRIX, 0):
        monkeypatch.setattr(tuning, "POOLING_MATRIX", least)
        a = metagrad.tensor(x, requires_grad=True)
        y = pool(a, (4, 3, 6)[: len(extents)])
        (grad,) = metagrad.autograd.grad((y * y).sum(), a, create_graph=True)
        (again,) = metagrad.autograd.grad((grad * grad).sum(), a)
        found.append([t.detach().numpy() for t in (y, grad, again)])
    for by_products, by_parts in zip(*found, strict=True):
        np.testing.assert_allclose(by_products, by_parts, rtol=1e-12, atol=1e-14)


def test_an_infinite_number_is_in_its_own_windows_alone():
    x = metagrad.zeros(1, 1, 10)
    x[..., 4] = float("inf")
    assert F.adaptive_avg_pool1d(x, 4).tolist() == [[[0.0, float("inf"), 0.0, 0.0]]]


def test_sums_that_overflow_stay_in_their_windows():
    x = metagrad.zeros(1, 1, 5, 5)
    x[0, 0, :2, :2] = 3e38
    found = F.adaptive_avg_pool2d(x, 3)[0, 0]
    assert found[0, :2].tolist() == [float("inf")] * 2 and found[0, 2].item() == 0 and not found.isnan().any()
