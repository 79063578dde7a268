"""Special functions of float32 as loops compute them, against those in float64, over all of float32's range."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.kernels.compiled import choice, special
from metagrad.kernels.special import gamma, normal

RNG = np.random.default_rng(0)
IN_DOUBLE = {
    "erfc": normal.erfc, "erfinv": normal.erfinv, "lgamma": gamma.lgamma, "digamma": gamma.digamma, "trigamma": gamma.trigamma,
}  # fmt: skip
LARGEST = {"erfc": 7e-8, "erfinv": 7e-8, "lgamma": 2e-7, "digamma": 7e-8, "trigamma": 7e-8}
ENDS = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -0.5, 1e-45, -1e-45, 1e-38, 3.4e38, -3.4e38, 10.06, -10.06]
OPS = {
    "erfc": metagrad.erfc, "erfinv": metagrad.erfinv, "lgamma": metagrad.lgamma, "digamma": metagrad.digamma,
    "trigamma": lambda x: metagrad.polygamma(1, x),
}  # fmt: skip


def samples(count):
    """Numbers of any bits, ordinary ones, whole and half ones and those beside them, and the ends."""
    any_bits = RNG.integers(0, 2**32, count, dtype=np.uint32).view(np.float32)
    ordinary = [(RNG.standard_normal(count) * scale).astype(np.float32) for scale in (1e-3, 0.4, 5, 30)]
    whole = np.arange(-60, 60, 0.5, dtype=np.float32)
    beside = [np.nextafter(whole, np.float32(end)) for end in (np.inf, -np.inf)]
    near_one = (1 - np.geomspace(1e-7, 0.5, count)).astype(np.float32)
    return np.concatenate([any_bits, *ordinary, whole, *beside, near_one, np.array(ENDS, np.float32)])


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("name", IN_DOUBLE)
def test_the_stated_errors_hold_over_the_whole_range(monkeypatch, name, compiled):
    if compiled and not choice.available():
        pytest.skip("compiled loops need Numba: pip install numba")
    monkeypatch.setattr(tuning, "COMPILED_WORTH", 1 if compiled else 1 << 62)
    x = samples(100_000)
    found = OPS[name](metagrad.from_numpy(x)).numpy()
    monkeypatch.setattr(choice, "available", lambda: False)
    with np.errstate(all="ignore"):
        expected = IN_DOUBLE[name](np.where(np.isinf(x) & (name == "lgamma"), np.inf, x.astype(np.float64)))
        rounded = expected.astype(np.float32)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(rounded))
    np.testing.assert_array_equal(found[np.isinf(rounded)], rounded[np.isinf(rounded)])
    normal_ones = np.isfinite(rounded) & (np.abs(rounded) >= np.finfo(np.float32).tiny)
    error = np.abs((found[normal_ones] - expected[normal_ones]) / expected[normal_ones])
    largest = 5e-7 if name in ("erfc", "erfinv") and not compiled else LARGEST[name]
    assert error.max() <= largest, x[normal_ones][error.argmax()]
    small = np.isfinite(rounded) & ~normal_ones
    np.testing.assert_allclose(found[small], rounded[small], rtol=largest, atol=2e-45)


@pytest.mark.parametrize("name", IN_DOUBLE)
def test_as_python(name):
    """The function itself, uncompiled: nothing of it depends on Numba."""
    function = getattr(special, name)
    x = np.array([-3.7, -0.3, 0.25, 0.75, 0.999] if name != "erfinv" else [-0.9, -0.3, 0.25, 0.75, 0.999], np.float32)
    found = [float(function(v)) for v in x]
    np.testing.assert_allclose(found, IN_DOUBLE[name](x.astype(np.float64)), rtol=LARGEST[name])


@pytest.mark.parametrize("name", ["erfc", "erfinv", "lgamma", "digamma"])
def test_gradients_strides_and_empty_ones(monkeypatch, threads, name):
    x = RNG.random((30, 40)).astype(np.float32) * 0.9 + 0.05

    def run():
        a = metagrad.tensor(x, requires_grad=True)
        y = OPS[name](a[:, ::2]) * a[:, 1::2] + OPS[name](a.T * 0.5).T[:, :20]
        y.sum().backward()
        return y.detach().numpy(), a.grad.numpy()

    monkeypatch.setattr(tuning, "COMPILED_WORTH", 1)
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 1)
    found = run()
    assert OPS[name](metagrad.zeros(0, 3)).shape == (0, 3)
    monkeypatch.setattr(choice, "available", lambda: False)
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 1 << 18)
    for here, there in zip(found, run(), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-6, atol=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["erfc", "erfinv", "lgamma", "digamma"])
def test_poles_and_ends_are_pytorchs(torch, monkeypatch, name):
    monkeypatch.setattr(tuning, "COMPILED_WORTH", 1)
    monkeypatch.setattr(tuning, "POINTWISE_LARGE", 1)
    x = np.concatenate([np.array(ENDS), np.arange(-9.0, 9.0, 0.5)]).astype(np.float32)
    found, expected = OPS[name](metagrad.from_numpy(x)).numpy(), getattr(torch, name)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)
