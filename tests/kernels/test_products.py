"""Products in compiled loops: equal to NumPy's, for all sizes and strides, with Numba and without."""

import numpy as np
import pytest

from metagrad.kernels import matmul, threads
from metagrad.kernels.chunks import spread
from metagrad.kernels.compiled import matrix_products, products
from metagrad.kernels.compiled.compiler import available

SIZES = [(1, 1, 1), (3, 5, 7), (7, 300, 100), (13, 513, 33), (16, 128, 128), (0, 4, 5), (4, 0, 5), (5, 3, 0)]
CLOSE = {"float32": {"rtol": 1e-5, "atol": 1e-5}, "float64": {"rtol": 1e-12, "atol": 1e-12}}


@pytest.fixture(params=["as Python", "compiled"])
def add_product(request):
    """The function as it stands, or what Numba makes of it; the tiles that it calls are compiled in any case, if they can be."""
    if request.param == "compiled":
        pytest.importorskip("numba")
        return products.add_product
    return by_tiles


def by_tiles(x, u, out):
    """What the tiles say of themselves, one row at a time."""
    tile, columns = products.Tile(1).function, np.zeros((len(x), len(u) * u.shape[2]), out.dtype)
    for p, panel in enumerate(u):
        for i in range(len(x)):
            tile(x, None, None, i, 0, panel.shape[0], panel, None, columns, p * u.shape[2])
    out += columns[:, : out.shape[1]]


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("size", SIZES)
def test_a_product_is_added(add_product, size, dtype):
    rows, depth, columns = size
    rng = np.random.default_rng(0)
    x, w, out = (
        rng.standard_normal(shape).astype(dtype) for shape in ((rows, depth), (depth, columns), (rows, columns))
    )
    expected = out + x @ w
    add_product(x, products.panels(w), out)
    np.testing.assert_allclose(out, expected, **CLOSE[dtype])


@pytest.mark.parametrize("dtype", CLOSE)
def test_operands_may_be_turned_or_stand_apart(add_product, dtype):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((50, 13)).astype(dtype), rng.standard_normal((26, 2 * 70)).astype(dtype)
    wide = np.ones((50, 100), dtype)
    add_product(x, products.panels(w[::2, ::2]), wide[:, 20:90])
    np.testing.assert_allclose(wide[:, 20:90], 1 + x @ w[::2, ::2], **CLOSE[dtype])
    assert (wide[:, :20] == 1).all() and (wide[:, 90:] == 1).all()
    turned = np.zeros((13, 40), dtype)
    add_product(x.T, products.panels(wide[:, :40]), turned)
    np.testing.assert_allclose(turned, x.T @ wide[:, :40], **CLOSE[dtype])
    ones, flipped = np.ones((70, 13), dtype), np.zeros((26, 13), dtype)
    add_product(w[::-1, 69::-1], products.panels(ones), flipped)
    np.testing.assert_allclose(flipped, w[::-1, 69::-1] @ ones, **CLOSE[dtype])


@pytest.mark.skipif(not available(), reason="needs Numba")
def test_a_row_is_the_same_whatever_rows_are_beside_it():
    rng = np.random.default_rng(0)
    x, u = (
        rng.standard_normal((29, 400)).astype(np.float32),
        products.panels(rng.standard_normal((400, 48)).astype(np.float32)),
    )
    whole = np.zeros((29, 48), np.float32)
    products.add_product(x, u, whole)
    for rows in range(1, 29, 3):
        part = np.zeros((rows, 48), np.float32)
        products.add_product(x[:rows], u, part)
        assert (part == whole[:rows]).all()


def test_what_is_not_finite_stays_in_its_row(add_product):
    x, out = np.ones((9, 4), np.float32), np.zeros((9, 40), np.float32)
    x[2, 1], x[5, 0] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        add_product(x, products.panels(np.ones((4, 40), np.float32)), out)
    assert np.isnan(out[2]).all() and np.isinf(out[5]).all() and (np.delete(out, [2, 5], 0) == 4).all()


def test_panels_hold_the_columns_and_zeros():
    width = products.panel_width(np.float64)
    w = np.arange(3.0 * (width + 1)).reshape(3, width + 1)
    first, second = products.panels(w)
    assert first.tolist() == w[:, :width].tolist() and second[:, 0].tolist() == w[:, width].tolist()
    assert not second[:, 1:].any()


@pytest.mark.parametrize("compiled", [False, True])
def test_rows_and_depths_may_begin_anywhere(compiled):
    rng, width = np.random.default_rng(0), products.panel_width(np.float64)
    flat, starts = rng.standard_normal(200), np.array([3, 90, 0, 41, 7])
    add = products.add_columns if compiled else products.Tile(5).function
    more = () if compiled else (0,)
    by_rows, by_depths, panel = np.zeros((5, width)), np.zeros((5, width)), rng.standard_normal((9, width))
    add(flat, starts, None, *more, 2, 9, panel[2:], None, by_rows, 0)
    np.testing.assert_allclose(by_rows, np.stack([flat[s + 2 : s + 9] for s in starts]) @ panel[2:], rtol=1e-12)
    x = rng.standard_normal((5, 5))
    add(x, None, None, *more, 1, 5, flat, starts, by_depths, 0)
    np.testing.assert_allclose(by_depths, x[:, 1:] @ np.stack([flat[s : s + width] for s in starts[1:]]), rtol=1e-12)


@pytest.mark.parametrize("vectors", [1, 2])
@pytest.mark.parametrize("compiled", [False, True])
def test_elements_of_a_row_may_be_apart(compiled, vectors):
    rng, width = np.random.default_rng(0), products.panel_width(np.float64, vectors)
    flat, starts, steps = rng.standard_normal(200), np.arange(3, 113, 11), np.array([5, 0, 71, 30])
    panel, out = rng.standard_normal((4, width)), np.ones((10, width + 1))
    if not compiled:
        products.Tile(10, vectors).function(flat, starts, steps, 0, 1, 4, panel[1:], None, out, 1)
    elif vectors == 1:
        products.add_narrow_columns(flat, starts, steps, 1, 4, panel[1:], out, 1)
    else:
        products.add_columns(flat, starts, steps, 1, 4, panel[1:], None, out, 1)
    expected = flat[starts[:, None] + steps[1:]] @ panel[1:]
    np.testing.assert_allclose(out, np.concatenate([np.ones((10, 1)), 1 + expected], 1), rtol=1e-12)


@pytest.mark.skipif(not available(), reason="needs Numba")
@pytest.mark.parametrize("vectors", [1, 2])
def test_a_tile_is_done_in_parts_where_there_are_few_registers(monkeypatch, vectors):
    import numba

    monkeypatch.setattr(products, "register_bytes", lambda: 32)
    assert products.most_rows(vectors) == 8 // vectors
    tile, width = products.Tile(8, vectors).compiled(), products.panel_width(np.float32, vectors)
    add = numba.njit(lambda x, panel, out: tile(x, None, None, 1, 0, len(panel), panel, None, out, 2))
    rng = np.random.default_rng(0)
    x, panel, out = (rng.standard_normal(s).astype(np.float32) for s in ((9, 70), (70, width), (9, width + 3)))
    expected = out.copy()
    expected[1:, 2 : 2 + width] += x[1:] @ panel
    add(x, panel, out)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(64, 128, 64), (65, 99, 128), (9, 600, 100), (200, 70, 60), (33, 100, 300)])
def test_a_product_in_small_parts_is_the_product(shape):
    rows, depth, columns = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((rows, depth)), rng.standard_normal((columns, depth)).T
    np.testing.assert_allclose(matmul.product(a, b), np.einsum("ik,kj->ij", a, b), rtol=1e-10, atol=1e-12)
    single = matmul.product(a.astype(np.float32), b.astype(np.float32))
    assert single.dtype == np.float32 and np.abs(single - a @ b).max() < 1e-3


TILED = [(64, 64, 300), (130, 70, 257), (33, 600, 40), (40, 33, 1000), (300, 513, 31), (8, 5, 3), (1, 1, 1)]


@pytest.mark.skipif(not available(), reason="needs Numba")
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("rows, depth, columns", TILED)
@pytest.mark.parametrize("turned", ["neither", "first", "second", "both"])
def test_a_product_by_tiles_is_the_product(rows, depth, columns, turned, dtype):
    rng = np.random.default_rng(0)
    a, b, bias = (rng.standard_normal(s).astype(dtype) for s in ((rows, depth), (depth, columns), columns))
    x = np.asfortranarray(a) if turned in ("first", "both") else a
    w = np.asfortranarray(b) if turned in ("second", "both") else b
    close = {"rtol": 1e-4, "atol": 1e-3} if dtype == "float32" else {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(matmul.product_by_tiles(x, w, bias), a.astype(np.float64) @ b + bias, **close)
    np.testing.assert_allclose(matmul.product_by_tiles(x, w), a.astype(np.float64) @ b, **close)
    np.testing.assert_allclose(matmul.product(x, w, bias), a.astype(np.float64) @ b + bias, **close)


@pytest.mark.skipif(not available(), reason="needs Numba")
def test_a_product_by_tiles_has_the_same_bits_on_any_number_of_threads():
    rng, before = np.random.default_rng(0), threads.get_num_threads()
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((500, 700), (700, 333)))
    found = []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            found += [matmul.product_by_tiles(a, b), matmul.product_by_tiles(np.asfortranarray(a), b)]
            found += [matmul.product_by_tiles(a, np.asfortranarray(b))]
    finally:
        threads.set_num_threads(before)
    assert all((f == found[0]).all() for f in found)
    assert (
        matmul.product_by_tiles(a[100:164], b) == found[0][100:164]
    ).all()  # nor does a row depend on those beside it


@pytest.mark.skipif(not available(), reason="needs Numba")
@pytest.mark.parametrize("dtype", CLOSE)
def test_a_square_is_turned_as_it_says(dtype):
    import numba

    turned, width = matrix_products.Turned(), products.panel_width(dtype)
    w = np.asfortranarray(np.arange(40.0 * (width + 3)).reshape(40, width + 3).astype(dtype))[1:]
    panels = [np.full((39, width), -1, dtype) for _ in range(2)]
    instruction = turned.compiled()
    numba.njit(lambda w, panel: instruction(w, 5, 2, panel))(w, panels[0])
    turned.function(w, 5, 2, panels[1])
    assert panels[0].tobytes() == panels[1].tobytes()
    lanes = matrix_products.lanes_of(np.dtype(dtype))
    assert panels[0][0].tolist() == w[5, 2 : width + 2].tolist() and (panels[0][lanes:] == -1).all()


@pytest.mark.skipif(not available(), reason="needs Numba")
def test_tiles_take_matrices_with_gaps_and_keep_what_is_not_finite_in_its_row():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((80, 120)), rng.standard_normal((60, 50))
    np.testing.assert_allclose(matmul.product_by_tiles(a[:, ::2], b), a[:, ::2] @ b, rtol=1e-10)
    np.testing.assert_allclose(matmul.product_by_tiles(a[:, 10:].T, np.ones((80, 33))), a[:, 10:].T @ np.ones((80, 33)))
    for second in (
        b.repeat(2, 0).repeat(2, 1)[::2, ::2],
        np.asfortranarray(b.repeat(2, 0))[::2],
        b.T.copy().T,
        b[::-1, ::-1][::-1, ::-1],
    ):
        np.testing.assert_allclose(matmul.product_by_tiles(a[:, ::2], second), a[:, ::2] @ b, rtol=1e-10)
    a[3, 4] = np.nan
    found = matmul.product_by_tiles(np.ascontiguousarray(a[:, :60]), b)
    assert np.isnan(found[3]).all() and np.isfinite(np.delete(found, 3, 0)).all()


@pytest.mark.parametrize("shape", [(0, 40, 40), (40, 0, 40), (40, 40, 0)])
def test_of_nothing_there_is_a_product_too(shape):
    rows, depth, columns = shape
    found = matmul.product(np.ones((rows, depth)), np.ones((depth, columns)), np.full(columns, 2.0))
    assert found.shape == (rows, columns) and (found == 2).all()
    if available():
        assert (matmul.product_by_tiles(np.ones((rows, depth)), np.ones((depth, columns))) == 0).all()


MANY = [((6, 40, 33, 70)), ((4, 3, 64, 17, 64)), ((5, 16, 300, 33)), ((9, 130, 16, 24)), ((2, 1, 9, 64, 64, 32))]


@pytest.mark.skipif(not available(), reason="needs Numba")
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("sizes", MANY)
@pytest.mark.parametrize(
    "way", ["in order", "turned", "with gaps", "one right matrix", "backwards", "overlapping", "one row"]
)
def test_products_of_many_matrices_are_theirs(sizes, way, dtype, monkeypatch):
    *outer, rows, depth, columns = sizes
    rng = np.random.default_rng(0)
    a, b = (
        rng.standard_normal((*outer, rows, depth)).astype(dtype),
        rng.standard_normal((*outer, depth, columns)).astype(dtype),
    )
    if way == "turned":
        a, b = (np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2) for x in (a, b))
    elif way == "with gaps":
        a, b = (np.repeat(np.repeat(x, 2, -2), 2, -1)[..., ::2, ::2] for x in (a, b))
    elif way == "one right matrix":
        b = b[(0,) * len(outer)][None]
    elif way == "backwards":
        a, b = a[:, ..., ::-1], b[::-1]
    elif way == "overlapping":
        numbers = rng.standard_normal((*outer, depth + columns - 1)).astype(dtype)
        b = np.lib.stride_tricks.sliding_window_view(numbers, columns, axis=-1)
    elif way == "one row":
        b = np.broadcast_to(b[..., :1, :], b.shape)
    taken = []
    monkeypatch.setattr(matmul.tuning, "MANY_WORTH", 1)
    monkeypatch.setattr(matmul, "spread", lambda *args, **named: [taken.append(1), spread(*args, **named)])
    found = matmul.product(a, b)
    np.testing.assert_allclose(
        found, np.matmul(a.astype(float), b.astype(float)), rtol=1e-4, atol=CLOSE[dtype]["atol"] * 100
    )
    fills = 4 * columns >= 3 * products.panel_width(dtype) * -(-columns // products.panel_width(dtype))
    assert (
        bool(taken) == (fills and way not in ("overlapping", "one row"))
        and found.flags.c_contiguous
        and found.dtype == dtype
    )
    threads_before = threads.get_num_threads()
    try:
        threads.set_num_threads(1)
        assert matmul.product(a, b).tobytes() == found.tobytes()
    finally:
        threads.set_num_threads(threads_before)


def test_products_of_many_matrices_that_do_not_fit_are_refused_as_ever():
    for shapes in [((4, 64, 64), (4, 32, 64)), ((4, 64, 64), (3, 64, 64))]:
        with pytest.raises(ValueError):
            matmul.product(*map(np.ones, shapes))
    assert matmul.product(np.ones((4, 0, 64)), np.ones((4, 64, 64))).shape == (4, 0, 64)
    assert matmul.product(np.ones((0, 64, 64)), np.ones((0, 64, 64))).shape == (0, 64, 64)
    assert (matmul.product(np.ones((4, 64, 0)), np.ones((4, 0, 64))) == 0).all()
