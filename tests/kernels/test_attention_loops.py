"""Attention by compiled loops gives what NumPy's blocks give, dropout's zeros included."""

import itertools

import numpy as np
import pytest

from metagrad.kernels import attention, attention_loops
from metagrad.kernels.compiled.products import panel_width

THRESHOLDS = ("ATTENTION_LOOP_WORTH", "ATTENTION_LOOP_LEAST")
SHAPES = {  # sequences, heads, queries, keys; columns missing in the last panel of the queries, panels of the values
    "several heads in a block": (2, 3, 40, 33, 0, 1),
    "an odd size": (1, 2, 131, 71, 5, 2),
    "few queries": (3, 2, 16, 200, 0, 1),
    "several blocks of a head": (1, 2, 600, 500, 0, 1),
}


def arrays_of(shape, dtype, by_heads):
    n, h, rows, keys, missing, panels = SHAPES[shape]
    width, rng = panel_width(dtype), np.random.default_rng(0)
    sizes = [(rows, 2 * width - missing), (keys, 2 * width - missing), (keys, panels * width), (rows, panels * width)]
    if by_heads:
        return [rng.standard_normal((n, h, *size)).astype(dtype) for size in sizes]
    return [rng.standard_normal((n, size[0], h, size[1])).astype(dtype).swapaxes(1, 2) for size in sizes]


def masks_of(shape, dtype):
    n, h, rows, keys = SHAPES[shape][:4]
    rng = np.random.default_rng(1)
    blind = rng.random((n, 1, rows, keys)) > 0.6
    blind[0, 0, 3] = True
    yield {}
    yield {"removed": blind}
    yield {"removed": rng.random((n, 1, 1, keys)) > 0.6}
    yield {"removed": rng.random((1, h, rows, 1)) > 0.9}
    yield {"bias": rng.standard_normal((1, h, rows, keys)).astype(dtype)}


def results(arrays, settings):
    q, k, v, grad = arrays
    y, totals = attention.forward(q, k, v, settings)
    return [y, totals, *attention.backward(q, k, v, y, totals, grad, settings)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_results_are_those_of_numpys_blocks(both, shape, dtype):
    whole = SHAPES[shape][:4]
    tolerance = {"rtol": 1e-5, "atol": 2e-5} if dtype == "float32" else {"rtol": 1e-10, "atol": 1e-10}
    for by_heads, causal, p, mask in itertools.product(
        [True, False], [False, True], [0.0, 0.3, 1.0], masks_of(shape, dtype)
    ):
        arrays = arrays_of(shape, dtype, by_heads)
        given = {name: np.broadcast_to(m, whole) for name, m in mask.items()}
        settings = attention.Settings(0.1, causal, dropout=p, drawn=7, **given)
        assert attention_loops.serve(*arrays[:3], settings)
        found, expected = both(lambda a=arrays, s=settings: results(a, s))
        for a, b in zip(found, expected, strict=True):
            assert a.strides == b.strides
            np.testing.assert_allclose(a, b, **tolerance)


def test_numbers_that_are_not_finite(both):
    for array, value in itertools.product(range(4), [np.nan, np.inf, -np.inf]):
        arrays = arrays_of("an odd size", "float32", True)
        arrays[array][0, 1, 3, 2] = value
        with np.errstate(all="ignore"):
            found, expected = both(lambda a=arrays: results(a, attention.Settings(0.1)))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5)


def test_gradients_of_any_strides(both):
    q, k, v, grad = arrays_of("an odd size", "float32", True)
    for g in (np.broadcast_to(np.float32(0.5), grad.shape), np.asfortranarray(grad)):
        arrays = np.asfortranarray(q), k[:, :1, ::-1].repeat(2, 1), np.broadcast_to(v[:, :1], v.shape), g
        found, expected = both(lambda a=arrays: results(a, attention.Settings(0.1)))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-5)


def test_what_fills_no_tiles_is_numpys():
    few, narrow, enough = (np.zeros((1, 1, *size), np.float32) for size in ((1, 64), (512, 3), (512, 64)))
    settings = attention.Settings(0.1)
    assert not attention_loops.serve(few, enough, enough, settings)
    assert not attention_loops.serve(narrow, narrow, enough, settings)
    assert not attention_loops.serve(
        enough, enough, enough, settings._replace(dropout=0.5, drawn=np.ones((1, 1, 512, 512), bool))
    )
