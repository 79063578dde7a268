"""The kernels that Numba compiles give what NumPy's give."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import metagrad
from metagrad.kernels import column_norms, softmax, tuning
from metagrad.kernels import normalization as kernels
from metagrad.kernels.compiled import choice, compiler, keeping
from metagrad.kernels.compiled import normalization as loops
from metagrad.kernels.rows import sums_by_loop

F = metagrad.nn.functional
SOURCES = str(Path(metagrad.__file__).parent.parent)
RNG = np.random.default_rng(0)


@pytest.fixture
def both(monkeypatch):
    """A function that runs another with NumPy's kernels, then with the compiled ones."""
    pytest.importorskip("numba")
    monkeypatch.setattr(tuning, "COMPILED_WORTH", 1)

    def run(function):
        with monkeypatch.context() as patch:
            patch.setattr(choice, "available", lambda: False)
            expected = function()
        assert choice.use_compiled(np.ones(3, np.float32))
        return function(), expected

    return run


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 33), (400, 512)])
@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm(both, dtype, shape, affine):
    x, g = RNG.standard_normal(shape).astype(dtype), RNG.standard_normal(shape).astype(dtype)
    weights = [RNG.standard_normal(shape[-1]).astype(dtype) for _ in range(2)]

    def run():
        a = metagrad.tensor(x, requires_grad=True)
        w, b = (metagrad.tensor(v, requires_grad=True) if affine else None for v in weights)
        z = F.layer_norm(a, shape[-1:], w, b)
        z.backward(metagrad.tensor(g))
        return [z.detach().numpy(), a.grad.numpy(), *([w.grad.numpy(), b.grad.numpy()] if affine else [])]

    for found, expected in zip(*both(run), strict=True):
        assert found.dtype == expected.dtype
        tolerance = 1e-4 if dtype == "float32" else 1e-11
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_layer_norm_without_gradient_and_of_what_is_not_finite(both):
    x = RNG.standard_normal((4, 6)).astype(np.float32)
    x[1, 2], x[2, 3] = np.nan, np.inf

    def run():
        with metagrad.no_grad():
            return F.layer_norm(metagrad.tensor(x), (6,)).numpy()

    found, expected = both(run)
    assert np.isnan(found[1:3]).all()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("settings", [
    {"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}, {"kernel_size": (2, 3), "stride": (1, 2)},
    {"kernel_size": 3, "stride": 1, "dilation": 2}, {"kernel_size": 3, "stride": 2, "ceil_mode": True, "padding": (0, 1)},
])  # fmt: skip
def test_the_gradient_of_max_pooling(both, dtype, settings):
    x = RNG.integers(0, 5, (3, 4, 11, 12)).astype(dtype)  # with equals

    def run():
        a = metagrad.tensor(x, requires_grad=True)
        y = F.max_pool2d(a, **settings)
        (first,) = metagrad.autograd.grad((y * y * y).sum(), a, create_graph=True)
        first.sum().backward()
        return [y.detach().numpy(), first.detach().numpy(), a.grad.numpy()]

    for found, expected in zip(*both(run), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("settings", [
    {"kernel_size": 2}, {"kernel_size": (2, 1)}, {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 4, "stride": 3, "dilation": 2, "padding": 2}, {"kernel_size": (5, 7), "ceil_mode": True},
])  # fmt: skip
def test_the_largest_of_windows_and_where_they_stood(both, dtype, settings):
    x = RNG.integers(0, 5, (4, 10, 14, 16)).astype(dtype)  # with equals
    x[1, RNG.random(x.shape[1:]) < 0.2] = np.nan
    x[2, RNG.random(x.shape[1:]) < 0.8] = -np.inf

    def run():
        a = metagrad.tensor(x, requires_grad=True)
        y, places = F.max_pool2d(a, **settings, return_indices=True)
        return y.detach().numpy(), places.numpy()

    for found, expected in zip(*both(run), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_other_arrays_are_left_to_numpy(monkeypatch):
    monkeypatch.setattr(choice, "available", lambda: True)
    large = tuning.COMPILED_WORTH
    assert choice.use_compiled(np.ones(large, np.float32))
    assert choice.use_compiled(np.ones(8, np.float64), 8)
    assert not choice.use_compiled(np.ones(large - 1, np.float32))
    assert not choice.use_compiled(np.ones(large, np.float16))
    assert not choice.use_compiled(np.ones(large, ">f4" if sys.byteorder == "little" else "<f4"))
    assert not choice.use_compiled([1.0], 1)


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("METAGRAD_NUMBA", "0")
    assert not compiler.available.__wrapped__()


def test_without_numba_a_loop_is_the_function_it_looks_like(monkeypatch):
    monkeypatch.setattr(compiler, "available", lambda: False)
    double = compiler.native(lambda x: 2 * x)
    assert double(3) == 6
    assert double.compiled() is double.function


# ------------------------------------------------ what is kept on disk


PROGRAM = """
import hashlib, logging, sys
logging.basicConfig(format="%(message)s")
import numpy as np
import metagrad
assert "numba" not in sys.modules
from metagrad.kernels import tuning
from metagrad.kernels.compiled import compiler
tuning.COMPILED_WORTH, compiler.PATIENCE = 1, 0.0
metagrad.manual_seed(0)
layer, x = metagrad.nn.LayerNorm(33), metagrad.randn(7, 33, requires_grad=True)
y = layer(x)
(y * y * y).sum().backward()
arrays = [y.detach().numpy(), x.grad.numpy(), layer.weight.grad.numpy()]
from metagrad.kernels.compiled import entries
hits = sum(e.cache_hits for e in entries._alive if e.__name__.startswith("layer_norm_backward"))
print(hits, "numba.misc.cffiimpl" in sys.modules, hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest())
import numba
own = numba.njit(lambda x: x.dot(x).sum())
assert own(np.ones((3, 3))) == 27
"""


def run_apart(environment):
    """What the program above prints, and what it says."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, "PYTHONPATH": SOURCES, **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    hits, digest = done.stdout.rsplit(maxsplit=1)
    return hits.split(), digest, done.stderr


def test_a_cold_and_a_warm_cache_give_the_same_bits(tmp_path):
    pytest.importorskip("numba")
    folder = {"NUMBA_CACHE_DIR": str(tmp_path)}
    (cold, first, said), (warm, second, nothing) = run_apart(folder), run_apart(folder)
    assert (cold, warm) == (["0", "True"], ["1", "False"])  # what is kept is loaded without Numba's compiler
    assert first == second
    assert "compiles its kernels" in said and str(tmp_path) in said
    assert nothing == ""


def test_the_users_folder_is_the_place_where_none_is_given(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(keeping, "_user_folder", lambda: tmp_path / "caches")
    assert keeping.cache_folder.__wrapped__().startswith(str(tmp_path / "caches"))
    monkeypatch.setattr(keeping, "_user_folder", lambda: Path(__file__) / "no folder")
    assert keeping.cache_folder.__wrapped__().startswith(str(Path(keeping.__file__).parent))
    monkeypatch.setattr(keeping, "__file__", str(Path(__file__) / "nor this.py"))
    assert keeping.cache_folder.__wrapped__() is None


def test_with_no_folder_each_process_compiles(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.setattr(keeping, "cache_folder", lambda: None)
    fresh = compiler.native_sums(getattr(loops.layer_norm, "py_func", None) or loops.layer_norm.__wrapped__)
    monkeypatch.setitem(fresh.function.__globals__, "layer_norm", loops.layer_norm)
    x, (w, b) = RNG.standard_normal((3, 5)), RNG.standard_normal((2, 5))
    z, mean, scale = np.empty_like(x), np.empty(3), np.empty(3)
    fresh(x, z, mean, scale, w, b, 1e-5)
    np.testing.assert_allclose(
        z, F.layer_norm(metagrad.tensor(x), (5,), metagrad.tensor(w), metagrad.tensor(b)).numpy()
    )


def test_what_is_kept_is_told_apart_by_the_sources(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "__file__", str(tmp_path / "keeping.py"))
    before = keeping._digest()
    (tmp_path / "loops.py").write_text("x = 1")
    assert keeping._digest() != before


# ------------------------------------------------ loops without the interpreter


def test_rows_out_of_step_with_memory_are_copied_for_a_loop(both):
    memory = np.zeros(4 * 60 + 1, np.uint8)
    x = memory[1:].view(np.float32).reshape(6, 10)
    x[...] = RNG.standard_normal((6, 10))
    assert not x.flags.aligned
    g, (w, b) = RNG.standard_normal((6, 10)).astype(np.float32), RNG.standard_normal((2, 10)).astype(np.float32)

    def run():
        z, kept = kernels.layer_norm(x, w, b, 1e-5, True)
        y, _ = softmax.log_softmax(x)
        scaled, r = kernels.rms_norm(x, w, 1e-5)
        return [
            z, *kernels.layer_norm_backward(g, w, kept, [True] * 3), y, softmax.softmax(x), softmax.softmax_backward(x, x),
            scaled, *kernels.rms_norm_backward(x, x, w, r),
        ]  # fmt: skip

    for found, expected in zip(*both(run), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 3, 1000])
def test_sums_of_parts_cover_all_rows(both, monkeypatch, rows):
    monkeypatch.setattr(tuning, "SPREAD_LEAST", 1)
    x = RNG.standard_normal((rows, 3))
    found, _ = both(lambda: sums_by_loop(loops.column_moments, x, (2, 3), [x, x, np.ones(3)]))
    np.testing.assert_allclose(found, [x.sum(axis=0), (x * (x - 1)).sum(axis=0)], rtol=1e-9)
    for found, expected in zip(*both(lambda: column_norms.moments(x)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    # float32, far from 0: digits are lost only once
    mean, squares = column_norms.moments((x + 1e4).astype(np.float32))
    np.testing.assert_allclose(mean, 1e4 + x.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(squares, ((x - x.mean(axis=0)) ** 2).sum(axis=0), rtol=0.01, atol=0.01)


@pytest.mark.parametrize("compiled", [True, False])
def test_sums_over_very_many_rows_lose_no_digits(monkeypatch, compiled):
    if compiled:
        pytest.importorskip("numba")
    else:
        monkeypatch.setattr(choice, "available", lambda: False)
    x = np.full((1 << 19, 2), 0.1, np.float32)
    mean, squares = column_norms.moments(x)
    total, along = column_norms.gradient_moments(x, x, np.zeros(2, np.float32), True)
    assert np.abs(mean / np.float32(0.1) - 1).max() < (1e-6 if compiled else 1e-5)
    assert squares.max() < 1e-4
    np.testing.assert_allclose([total, along], [[(1 << 19) * 0.1] * 2, [(1 << 19) * 0.01] * 2], rtol=3e-5)


def test_the_bias_of_layer_norm_over_very_many_rows():
    pytest.importorskip("numba")
    x, w = np.full((1 << 19, 2), 0.1, np.float32), np.ones(2, np.float32)
    z, kept = kernels.layer_norm(x, w, w, 1e-5, True)
    assert (z == 1).all()
    _, _, grad_b = kernels.layer_norm_backward(x, w, kept, [True, True, True])
    np.testing.assert_allclose(grad_b, [(1 << 19) * 0.1] * 2, rtol=1e-4)
