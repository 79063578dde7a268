"""Elements and rows taken and added by their index: compiled, in one line, and as NumPy's indices do it, all the same."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import gathering, tuning

RNG = np.random.default_rng(0)
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
THRESHOLDS = ("COMPILED_WORTH", "GATHER_LARGE")
CASES = [((7,), (20,), 0), ((5, 9), (5, 40), 1), ((9, 5), (30, 5), 0), ((3, 4, 6), (3, 11, 6), 1), ((1, 1), (1, 3), 1)]


@pytest.fixture
def three_ways(monkeypatch, both):
    """A function that runs another with NumPy's indices, then in one line, then compiled."""

    def run(function):
        with monkeypatch.context() as patch:
            patch.setattr(tuning, "GATHER_LARGE", 1 << 40)
            patch.setattr(tuning, "COMPILED_WORTH", 1 << 40)
            expected = function()
        return [expected, *both(function)]

    return run


def agree(found, expected, dtype):
    for here, there in zip(found, expected, strict=True):
        assert here.dtype == there.dtype and here.shape == there.shape
        np.testing.assert_allclose(here, there, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def along(library, x, index, v, dim):
    """gather and scatter_add, and the gradients of all that goes in."""
    x, v = (library.tensor(a, requires_grad=True) for a in (x, v))
    index = library.tensor(index)
    taken, added = x.gather(dim, index), x.scatter_add(dim, index, v)
    ((taken * taken).sum() + (added * added * added).sum()).backward()
    return [a.detach().numpy() for a in (taken, added, x.grad, v.grad)]


def numbers(shape, index_shape, dim, dtype):
    """x, an index with repetitions along ``dim``, and values of its shape; some not finite."""
    x, v = (RNG.standard_normal(s).astype(dtype) for s in (shape, index_shape))
    v.reshape(-1)[::17], x.reshape(-1)[::13] = 0.0, -0.0
    return x, RNG.integers(0, shape[dim], index_shape), v


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize(("shape", "index_shape", "dim"), CASES)
def test_along_a_dimension(three_ways, threads, shape, index_shape, dim, dtype):
    given = numbers(shape, index_shape, dim, dtype)
    expected, *others = three_ways(lambda: along(metagrad, *given, dim))
    for found in others:
        agree(found, expected, dtype)


@pytest.mark.oracle
@pytest.mark.parametrize(("shape", "index_shape", "dim"), CASES)
def test_along_a_dimension_as_pytorch(three_ways, torch, shape, index_shape, dim):
    given = numbers(shape, index_shape, dim, "float32")
    for found in three_ways(lambda: along(metagrad, *given, dim)):
        agree(found, along(torch, *given, dim), "float32")


@pytest.mark.parametrize("kind", ["float16", "int64", "int32", "bool", "complex64"])
def test_along_a_dimension_of_other_dtypes(three_ways, kind):
    x, index = (RNG.standard_normal((6, 8)) * 3).astype(kind), RNG.integers(0, 8, (6, 8))

    def run():
        a = metagrad.from_numpy(x)
        at = metagrad.from_numpy(index)
        added = [] if kind == "bool" else [a.scatter_add(1, at, a).numpy()]
        return [a.gather(1, at).numpy(), a.gather(1, at.int()).numpy(), *added]

    expected, *others = three_ways(run)
    for found in others:
        for here, there in zip(found, expected, strict=True):
            assert here.dtype == there.dtype
            np.testing.assert_allclose(here, there, rtol=1e-3 if kind == "float16" else 1e-6)


def test_indices_that_are_smaller_or_lie_otherwise_or_are_out_of_range(three_ways):
    x, index = RNG.standard_normal((6, 8)), RNG.integers(0, 6, (4, 8))
    a = metagrad.from_numpy(x)

    def run():
        results = [a.gather(0, metagrad.from_numpy(index))]
        results += [a.T.gather(1, metagrad.from_numpy(index).T), a.gather(1, metagrad.from_numpy(index)[:3, ::2])]
        results += [
            a.gather(0, metagrad.from_numpy(index)[:, 2:5]),
            a[:, ::2].gather(0, metagrad.from_numpy(index)[:, :4]),
        ]
        for wrong in (-1, 6):
            with pytest.raises(RuntimeError, match="out of bounds"):
                a.gather(0, metagrad.full((2, 8), wrong))
        return [r.numpy() for r in results]

    expected, *others = three_ways(run)
    for found in others:
        agree(found, expected, "float64")


def rows(library, table, tokens, v, dim=0):
    """An embedding and index_add, and their gradients."""
    table, v = (library.tensor(a, requires_grad=True) for a in (table, v))
    tokens = library.tensor(tokens)
    looked_up, added = library.nn.functional.embedding(tokens, table), library.index_add(table, dim, tokens, v)
    ((looked_up * v).sum() + (added * added).sum()).backward()
    return [a.detach().numpy() for a in (looked_up, added, table.grad, v.grad)]


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize(("height", "width", "count"), [(5, 3, 40), (40, 70, 9), (1, 1, 4), (6, 129, 1), (50, 33, 50)])
def test_rows(three_ways, threads, height, width, count, dtype):
    given = [RNG.standard_normal((height, width)), RNG.integers(0, height, count), RNG.standard_normal((count, width))]
    given = [a if a.dtype == np.int64 else a.astype(dtype) for a in given]
    expected, *others = three_ways(lambda: rows(metagrad, *given))
    for found in others:
        agree(found, expected, dtype)


@pytest.mark.oracle
def test_rows_as_pytorch(three_ways, torch):
    given = [RNG.standard_normal((7, 40)), RNG.integers(0, 7, 30), RNG.standard_normal((30, 40))]
    for found in three_ways(lambda: rows(metagrad, *given)):
        agree(found, rows(torch, *given), "float64")


def test_by_hand(three_ways):
    def run():
        x = metagrad.zeros(2, 3)
        index = metagrad.tensor([[0, 0, 2], [1, 1, 1]])
        v = metagrad.tensor([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
        return [x.scatter_add(1, index, v).tolist(), v.gather(1, index).tolist()]

    for added, taken in three_ways(run):
        assert added == [[3.0, 0.0, 4.0], [0.0, 56.0, 0.0]]
        assert taken == [[1.0, 1.0, 4.0], [16.0, 16.0, 16.0]]


def test_second_derivative(three_ways):
    x, index = RNG.standard_normal((4, 5)), RNG.integers(0, 5, (4, 9))

    def run():
        leaf = metagrad.tensor(x, requires_grad=True)
        (first,) = metagrad.autograd.grad((leaf.gather(1, metagrad.tensor(index)) ** 3).sum(), leaf, create_graph=True)
        return [metagrad.autograd.grad((first * first).sum(), leaf)[0].numpy()]

    expected, *others = three_ways(run)
    for found in others:
        agree(found, expected, "float64")


def reduced(library, x, index, v, dim, reduce, include_self=True):
    """scatter_reduce, and the gradients of what goes in."""
    x, v = (library.tensor(a, requires_grad=True) for a in (x, v))
    y = x.scatter_reduce(dim, library.tensor(index), v, reduce, include_self=include_self)
    (y * library.tensor(np.arange(y.numel()).reshape(y.shape) % 7 + 1.0)).sum().backward()
    return [a.detach().numpy() for a in (y, x.grad, v.grad)]


REDUCES = ["sum", "prod", "mean", "amax", "amin"]


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", REDUCES)
def test_reduced_along_a_dimension(three_ways, threads, reduce, include_self):
    for shape, index_shape, dim in CASES:
        x, index, v = numbers(shape, index_shape, dim, "float64")
        v = np.round(v * 2) / 2  # some are equal
        expected, *others = three_ways(lambda: reduced(metagrad, x, index, v, dim, reduce, include_self))  # noqa: B023
        for found in others:
            agree(found, expected, "float64")


@pytest.mark.oracle
@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", REDUCES)
def test_reduced_as_pytorch(three_ways, torch, reduce, include_self):
    for shape, index_shape, dim in CASES:
        x, index, v = numbers(shape, index_shape, dim, "float64")
        x = np.where(x == 0, 1.5, x)  # PyTorch shares a gradient with an equal number in x, even where that is left out
        expected = reduced(torch, x, index, v, dim, reduce, include_self)
        for found in three_ways(lambda: reduced(metagrad, x, index, v, dim, reduce, include_self)):  # noqa: B023
            agree(found, expected, "float64")


def test_reduced_by_hand_and_what_is_not_finite(three_ways):
    def run():
        x = metagrad.tensor([[1.0, 5.0, 2.0, float("inf")]])
        index = metagrad.tensor([[0, 0, 1, 2, 3]])
        v = metagrad.tensor([[3.0, -2.0, float("nan"), 2.0, float("-inf")]])
        whole = metagrad.tensor([[1, 5, 2, 9]]).scatter_reduce(1, index, metagrad.tensor([[3, -2, 7, 2, 4]]), "amax")
        return [*[x.scatter_reduce(1, index, v, reduce).tolist()[0] for reduce in REDUCES], whole.tolist()[0]]

    for total, product, mean, most, least, whole in three_ways(run):
        np.testing.assert_array_equal(total, [2.0, np.nan, 4.0, np.nan])
        np.testing.assert_array_equal(product, [-6.0, np.nan, 4.0, -np.inf])
        np.testing.assert_allclose(mean, [2.0 / 3, np.nan, 2.0, np.nan], rtol=1e-6)
        np.testing.assert_array_equal(most, [3.0, np.nan, 2.0, np.inf])
        np.testing.assert_array_equal(least, [-2.0, np.nan, 2.0, -np.inf])
        assert whole == [3, 7, 2, 9]


def bags(library, table, tokens, weights, offsets, settings):
    """Bags of embeddings, and the gradients of the table and of the weights."""
    table, weights = (library.tensor(a, requires_grad=True) for a in (table, weights))
    given = {"per_sample_weights": weights} if settings.get("mode") == "sum" else {}
    tokens, begins = library.tensor(tokens), library.tensor(offsets)
    y = library.nn.functional.embedding_bag(tokens, table, begins, **settings, **given)
    (y * y).sum().backward()
    grads = [table.grad] + [weights.grad] * bool(given)
    return [a.detach().numpy() for a in (y, *grads)]


BAGS = [{"mode": "sum"}, {"mode": "mean"}, {"mode": "max"}, {"mode": "sum", "padding_idx": 2}, {"padding_idx": 0}]


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("settings", [*BAGS, {"mode": "sum", "include_last_offset": True}], ids=str)
def test_bags_as_pytorch(three_ways, torch, settings, dtype):
    table, weights = RNG.standard_normal((7, 33)).astype(dtype), RNG.standard_normal(40).astype(dtype)
    tokens, offsets = (
        RNG.permutation(np.arange(40) % 7),
        np.array([0, 3, 3, 9, 40][: 4 + ("include_last_offset" in settings)]),
    )
    found = bags(torch, table, tokens, weights, offsets, settings)
    for ours in three_ways(lambda: bags(metagrad, table, tokens, weights, offsets, settings)):
        agree(ours, found, dtype)


def test_second_derivatives_of_bags():
    table, weights = (metagrad.tensor(RNG.standard_normal(s), requires_grad=True) for s in ((4, 3), 6))
    tokens, begins = metagrad.tensor([0, 1, 1, 3, 2, 0]), metagrad.tensor([0, 2])

    def function(table, weights):
        settings = {"mode": "sum", "per_sample_weights": weights}
        return metagrad.nn.functional.embedding_bag(tokens, table, begins, **settings) ** 2

    assert metagrad.autograd.gradcheck(function, (table, weights))
    assert metagrad.autograd.gradgradcheck(function, (table, weights))


@pytest.mark.parametrize("rows", [[0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 1], [1, 0, 1, 0, 1, 0], [0, 1]])
def test_scaled_rows_in_runs_of_one_length_or_several(rows):
    x, scale = np.arange(12.0).reshape(4, 3), np.array([1.0, -2.0, 0.5, 3.0, 1.0, 2.0])[: len(rows)]
    numbers, y, wanted = np.array([3, 1, 1, 0, 2, 3])[: len(rows)], np.ones((2, 3)), np.ones((2, 3))
    gathering.add_scaled_rows(y, np.array(rows), numbers, scale, x)
    for row, n, c in zip(rows, numbers, scale, strict=True):
        wanted[row] += c * x[n]
    np.testing.assert_allclose(y, wanted)
