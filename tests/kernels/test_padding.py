"""The compiled loops of padding move the same bits as NumPy's way, and add up the same gradients."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import padding, tuning

F = metagrad.nn.functional
RNG = np.random.default_rng(0)
THRESHOLDS = ("COMPILED_WORTH",)
MODES = ["constant", "reflect", "replicate", "circular"]
CASES = {
    "a row": ((1, 1, 5), (2, 3)),
    "one element": ((3, 2, 1), (0, 0)),
    "images": ((2, 3, 7, 6), (1, 2, 3, 0)),
    "cut": ((2, 3, 7, 6), (-2, 2, 1, -3)),
    "volumes": ((2, 2, 4, 3, 5), (1, 1, 2, 2, 3, 1)),
    "wide": ((2, 3, 4), (3, 3)),
    "rows alone": ((2, 4, 300), (0, 0)),
    "long rows": ((2, 4, 300), (5, 7)),
    "no batch": ((3, 7, 6), (1, 1, 1, 1)),
    "nothing left of a dimension": ((2, 3, 2, 4), (-1, -1, 0, 1)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool", "float16", "complex64", "complex128"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES)
def test_results_are_the_same_bits(both, case, mode, dtype):
    shape, widths = CASES[case]
    if dtype == "bool" and mode in ("reflect", "replicate"):
        pytest.skip("refused, as in PyTorch")
    x = (RNG.standard_normal(shape) * 3).astype(dtype)
    if dtype.startswith("f"):
        x.reshape(-1)[:3] = [np.nan, np.inf, -0.0]
    settings = {"value": 1} if mode == "constant" else {}
    found, expected = both(lambda: F.pad(metagrad.tensor(x), widths, mode, **settings).numpy())
    assert found.dtype == expected.dtype and found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES)
def test_gradients(both, case, mode, dtype, threads):
    shape, widths = CASES[case]
    x = RNG.standard_normal(shape).astype(dtype)

    def gradient():
        leaf = metagrad.tensor(x, requires_grad=True)
        y = F.pad(leaf, widths, mode)
        g = np.random.default_rng(1).standard_normal(tuple(y.shape)).astype(dtype)
        y.backward(metagrad.tensor(g))
        return leaf.grad.numpy()

    found, expected = both(gradient)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == "float32" else 1e-10, atol=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("given", ["strided", "channels last", "transposed", "read-only"])
def test_arrays_that_lie_otherwise_equal_pytorch(torch, monkeypatch, given, mode):
    from metagrad.kernels import tuning

    monkeypatch.setattr(tuning, "COMPILED_WORTH", 1)
    x = RNG.standard_normal((2, 4, 6, 8))
    found = []
    for lib in (metagrad, torch):
        t = lib.from_numpy(x.copy())
        t = {
            "strided": lambda t: t[:, :, ::2],
            "channels last": lambda t, lib=lib: t.contiguous(memory_format=lib.channels_last),
            "transposed": lambda t: t.transpose(2, 3),
            "read-only": lambda t: t[:, :1].expand(2, 3, 6, 8),
        }[given](t)
        y = lib.nn.functional.pad(t, (1, 2, 2, 1), mode)
        found.append((y.numpy(), y.stride()))
    assert np.array_equal(found[0][0], found[1][0])
    assert tuple(found[0][1]) == tuple(found[1][1])


def test_a_run_is_the_longest_of_positions_that_follow_each_other():
    for columns, run in {
        (3, 2, 0, 1, 2, 1): (2, 5),
        (-1, 0, 1, -1): (1, 3),
        (-1, -1): (0, 0),
        (0, 0, 0): (0, 1),
    }.items():
        assert padding._run(np.array(columns)) == run


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("case", CASES)
def test_what_is_repeated_around_large_arrays_is_copied_from_within(monkeypatch, case, mode):
    """As without compiled loops: the middle at once, then the margins; and the gradient."""
    shape, widths = CASES[case]
    x, found = RNG.standard_normal(shape), []
    monkeypatch.setattr(padding, "moves_by_loop", lambda x: False)
    for least in (1 << 40, 1):
        monkeypatch.setattr(tuning, "POINTWISE_LARGE", least)
        leaf = metagrad.tensor(x, requires_grad=True)
        y = F.pad(leaf, widths, mode)
        y.backward(metagrad.tensor(np.cos(np.arange(y.numel()))).reshape(y.shape))
        found.append((y.detach().numpy(), leaf.grad.numpy()))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-12, atol=1e-12)
