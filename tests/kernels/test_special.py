"""Special functions against values of 40 digits (from mpmath), at the ends of their pieces and far out; and against SciPy's."""

import numpy as np
import pytest

import metagrad
from metagrad.kernels import tuning
from metagrad.kernels.special import bessel, gamma, incomplete, normal, single

MODULES = {"normal": normal, "gamma": gamma, "incomplete": incomplete, "bessel": bessel}
INF, NAN = float("inf"), float("nan")

VALUES = {
    "normal.erf": [
        (1e-300, 1.1283791670955126e-300),
        (1e-08, 1.1283791670955126e-08),
        (0.3, 0.3286267594591274),
        (0.99, 0.8385080695553698),
        (1.01, 0.8468104962282768),
        (-2.5, -0.999593047982555),
        (5.8, 0.9999999999999998),
    ],
    "normal.erfc": [
        (-3.0, 1.9999779095030015),
        (-0.2, 1.2227025892104784),
        (0.3, 0.6713732405408726),
        (0.7, 0.32219880616258156),
        (2.0, 0.004677734981047266),
        (9.5, 3.7692144856548797e-41),
        (26.5, 2.2109076642637343e-307),
    ],
    "normal.erfcx": [
        (-5.0, 144009798674.66104),
        (-0.5, 1.952360489182557),
        (0.0, 1.0),
        (0.1, 0.8964569799691267),
        (3.75, 0.14558972127503855),
        (50.0, 0.011281536265323773),
        (10000000000.0, 5.641895835477563e-11),
    ],
    "normal.erfinv": [
        (1e-20, 8.86226925452758e-21),
        (0.1, 0.08885599049425769),
        (-0.5, -0.4769362762044699),
        (0.7, 0.7328690779592167),
        (0.999, 2.3267537655135246),
        (-0.9999999999999991, -5.686128441310391),
    ],
    "normal.ndtri": [
        (1e-30, -11.464024688443615),
        (1e-05, -4.264890793922825),
        (0.2, -0.8416212335729142),
        (0.4, -0.2533471031357997),
        (0.7, 0.5244005127080407),
        (0.9999, 3.7190164854557084),
    ],
    "normal.log_ndtr": [
        (-100000.0, -5000000012.431864),
        (-35.0, -616.9751012619225),
        (-2.0, -3.783184333682032),
        (-0.5, -1.1759117615936185),
        (0.0, -0.6931471805599453),
        (1.0, -0.17275377902344988),
        (6.0, -9.865876455243758e-10),
    ],
    "gamma.lgamma": [
        (1e-10, 23.025850929882736),
        (0.25, 1.2880225246980774),
        (0.9, 0.06637623973474295),
        (1.0001, -5.771334222047127e-05),
        (1.6, -0.11259176569675577),
        (2.2, 0.09694746679063887),
        (4.5, 2.4537365708424423),
        (12.0, 17.502307845873887),
        (1000000.0, 12815504.569147611),
        (-0.5, 1.2655121234846454),
        (-7.3, -7.779101629826852),
    ],
    "gamma.digamma": [
        (1e-08, -100000000.57721564),
        (0.25, -4.2274535333762655),
        (1.0, -0.5772156649015329),
        (1.7, 0.2085478748734939),
        (9.5, 2.1977378764029494),
        (1000000.0, 13.815510057964191),
        (-0.5, 0.03648997397857652),
        (-7.3, 4.33730730551005),
    ],
    "gamma.zeta": [
        (1.01, 1.0, 100.57794333849678),
        (2.0, 1.0, 1.6449340668482264),
        (2.0, 0.1, 101.43329915079275),
        (3.5, 7.0, 0.003681929219641926),
        (25.0, 8.6, 4.64407309225301e-24),
        (4.0, 200.0, 4.1980208320312937e-08),
        (3.0, -2.5, 0.0541020258208637),
    ],
    "incomplete.gammainc": [
        (0.01, 1e-05, 0.8963367982671973),
        (0.5, 0.2, 0.4729107431344619),
        (1.0, 3.0, 0.950212931632136),
        (20.0, 15.0, 0.12478121503252482),
        (20.0, 30.0, 0.9781265315586092),
        (5000.0, 4950.0, 0.2404799143160207),
        (0.001, 5.0, 0.9999988490186603),
    ],
    "incomplete.gammaincc": [
        (0.01, 1e-05, 0.1036632017328028),
        (0.5, 0.2, 0.5270892568655381),
        (1.0, 3.0, 0.049787068367863944),
        (20.0, 15.0, 0.8752187849674752),
        (20.0, 90.0, 1.1492512409480212e-19),
        (5000.0, 5100.0, 0.07932888107761897),
    ],
    "bessel.i0": [
        (0.0, 1.0),
        (-0.3, 1.022626879351597),
        (7.9, 389.406283282158),
        (8.1, 469.5006067101215),
        (700.0, 1.5295933476718737e302),
    ],
    "bessel.i1": [
        (1e-20, 5e-21),
        (-0.3, -0.15169384000359276),
        (7.9, 363.8539440845084),
        (8.1, 439.48430891035844),
        (700.0, 1.5285003902339006e302),
    ],
    "bessel.i0e": [
        (0.0, 1.0),
        (-2.0, 0.30850832255367105),
        (8.0, 0.14343178185685032),
        (10000.0, 0.003989472674604732),
    ],
    "bessel.i1e": [
        (0.1, 0.045298446808809324),
        (-2.0, -0.21526928924893765),
        (8.0, 0.13414249329269817),
        (10000.0, 0.003989273195983662),
    ],
    "bessel.k0": [
        (1e-10, 23.14178244559887),
        (0.5, 0.9244190712276659),
        (2.0, 0.11389387274953344),
        (2.1, 0.10078374088996693),
        (600.0, 1.3558285309948523e-262),
    ],
    "bessel.k1": [
        (1e-10, 10000000000.0),
        (0.5, 1.656441120003301),
        (2.0, 0.13986588181652243),
        (2.1, 0.12274641153350789),
        (600.0, 1.356957918112806e-262),
    ],
    "bessel.k0e": [
        (0.5, 1.5241093857739094),
        (3.0, 0.6977615980438517),
        (100000.0, 0.003963322343474756),
    ],
    "bessel.k1e": [
        (0.5, 2.731009708211786),
        (3.0, 0.8065634801287869),
        (100000.0, 0.003963342160036932),
    ],
    "bessel.j0": [
        (0.0, 1.0),
        (1.0, 0.7651976865579666),
        (-7.9, 0.19436184484127825),
        (8.1, 0.14751745404437766),
        (100.0, 0.019985850304223122),
    ],
    "bessel.j1": [
        (1e-08, 5e-09),
        (1.0, 0.4400505857449335),
        (-7.9, -0.2191793999217512),
        (8.1, 0.24760776698159287),
        (-100.0, 0.07714535201411216),
    ],
    "bessel.y0": [
        (1e-08, -11.80077387717953),
        (1.0, 0.08825696421567696),
        (7.9, 0.20652094814437577),
        (8.2, 0.2501180276190547),
        (100.0, -0.07724431336508315),
    ],
    "bessel.y1": [
        (1e-08, -63661977.236758195),
        (1.0, -0.7812128213002887),
        (7.9, -0.18172107728057313),
        (8.2, -0.10724072225081677),
        (100.0, -0.020372312002759792),
    ],
    "bessel.airy_ai": [
        (-30.0, -0.08796818845684216),
        (-9.1, 0.07495988727355446),
        (-5.0, 0.35076100902411433),
        (0.0, 0.3550280538878172),
        (0.9, 0.15188680364054435),
        (1.1, 0.12004942735539766),
        (20.0, 1.6916728686705404e-27),
    ],
}

ENDS = {
    "normal.erf": [(INF, 1), (-INF, -1), (NAN, NAN), (0.0, 0)],
    "normal.erfc": [(INF, 0), (-INF, 2), (NAN, NAN), (28.0, 0)],
    "normal.erfcx": [(INF, 0), (-INF, INF), (NAN, NAN)],
    "normal.erfinv": [(1.0, INF), (-1.0, -INF), (0.0, 0), (1.5, NAN), (NAN, NAN)],
    "normal.ndtri": [(0.0, -INF), (1.0, INF), (0.5, 0), (-0.1, NAN), (NAN, NAN)],
    "normal.log_ndtr": [(INF, 0), (-INF, -INF), (NAN, NAN)],
    "gamma.lgamma": [(1.0, 0), (2.0, 0), (0.0, INF), (-3.0, INF), (INF, INF), (NAN, NAN)],
    "gamma.digamma": [(0.0, -INF), (-0.0, INF), (-2.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
    "gamma.zeta": [
        (1.0, 3.0, INF),
        (0.5, 1.0, NAN),
        (2.0, -1.0, INF),
        (2.5, -1.5, NAN),
        (2.0, INF, 0),
        (NAN, 1.0, NAN),
    ],
    "incomplete.gammainc": [
        (1.0, 0.0, 0),
        (1.0, INF, 1),
        (0.0, 1.0, 1),
        (INF, 1.0, 0),
        (0.0, 0.0, NAN),
        (-1.0, 1.0, NAN),
    ],
    "incomplete.gammaincc": [
        (1.0, 0.0, 1),
        (1.0, INF, 0),
        (0.0, 1.0, 0),
        (INF, 1.0, 1),
        (0.0, 0.0, NAN),
        (1.0, NAN, NAN),
    ],
    "bessel.i0": [(INF, INF), (-INF, INF), (NAN, NAN)],
    "bessel.i1": [(INF, INF), (-INF, -INF), (0.0, 0), (NAN, NAN)],
    "bessel.i0e": [(INF, 0), (NAN, NAN)],
    "bessel.k0": [(0.0, INF), (INF, 0), (-1.0, NAN), (NAN, NAN)],
    "bessel.k1": [(0.0, INF), (INF, 0), (-1.0, NAN), (NAN, NAN)],
    "bessel.j0": [(INF, 0), (-INF, 0), (NAN, NAN)],
    "bessel.j1": [(INF, 0), (0.0, 0), (NAN, NAN)],
    "bessel.y0": [(0.0, -INF), (INF, 0), (-1.0, NAN), (NAN, NAN)],
    "bessel.y1": [(0.0, -INF), (INF, 0), (-1.0, NAN), (NAN, NAN)],
    "bessel.airy_ai": [(INF, 0), (-INF, 0), (NAN, NAN)],
}
OSCILLATES = {"bessel.j0", "bessel.j1", "bessel.y0", "bessel.airy_ai"}  # errors near their zeros are absolute
SCIPY = {"lgamma": "gammaln", "digamma": "psi"}


def function(name):
    module, name = name.split(".")
    return getattr(MODULES[module], name)


@pytest.mark.parametrize("name", VALUES)
def test_values_to_fourteen_digits(name):
    *arguments, wanted = np.array(VALUES[name]).T
    absolute = 1e-14 if name in OSCILLATES else 0
    np.testing.assert_allclose(
        function(name)(*arguments), wanted, rtol=1e-13 if "incomplete" in name else 2e-14, atol=absolute
    )


@pytest.mark.parametrize("name", ENDS)
def test_values_at_the_ends(name):
    *arguments, wanted = np.array(ENDS[name]).T
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(function(name)(*arguments), wanted)


@pytest.mark.parametrize("name", VALUES)
def test_single_numbers_and_nothing(name):
    *arguments, wanted = VALUES[name][1]
    found = function(name)(*[np.float64(x) for x in arguments])
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-14)
    assert function(name)(*[np.empty((0, 3)) for _ in arguments]).shape == (0, 3)


@pytest.mark.parametrize("name", VALUES)
def test_scipy_agrees(name):
    special = pytest.importorskip("scipy.special")
    rng, count = np.random.default_rng(0), len(VALUES[name][0]) - 1
    arguments = [np.abs(rng.standard_normal(500)) * 3 + 0.01 for _ in range(count)]
    if name == "gamma.zeta":
        arguments[0] += 1
    if name in ("normal.erfinv", "normal.ndtri"):
        arguments = [rng.random(500)]
    if name == "bessel.airy_ai":
        theirs = special.airy(*arguments)[0]
    else:
        theirs = getattr(special, SCIPY.get(name.split(".")[1], name.split(".")[1]))(*arguments)
    absolute = 1e-13 if "bessel" in name or "gamma." in name else 1e-300
    np.testing.assert_allclose(function(name)(*arguments), theirs, rtol=2e-12, atol=absolute)


def test_a_million_takes_temmes_expansion():
    x = 1e8 + np.array([-2e4, 0.0, 1e4])
    p, q = incomplete.gammainc(1e8, x), incomplete.gammaincc(1e8, x)
    np.testing.assert_allclose(p, [0.0227447325815936, 0.500013298076014, 0.841344746471799], rtol=2e-13)  # mpmath
    np.testing.assert_allclose(p + q, 1, rtol=1e-12)


X32 = np.concatenate([np.linspace(-9, 9, 4001), [INF, -INF, NAN, 0.0, 1e-30, 1e30, -1e30]]).astype(np.float32)


def test_erf_in_float32():
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(single.erf(X32), normal.erf(X32.astype(np.float64)), rtol=6e-7, atol=1e-37)


def test_gelu_in_float32(monkeypatch):
    monkeypatch.setattr(tuning, "SPECIAL_CHUNK", 1000)
    x = X32[np.isfinite(X32)]
    wide = x.astype(np.float64)
    below = normal.erfc(wide * -np.sqrt(0.5)) / 2
    slope = below + wide * np.exp(-wide * wide / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(single.gelu(x), wide * below, rtol=2e-7, atol=1e-6)
    np.testing.assert_allclose(single.gelu_gradient(x, np.full_like(x, 2)), 2 * slope, rtol=2e-7, atol=1e-6)


@pytest.mark.parametrize("shape", [(0,), (), (7,), (3, 5)])
@pytest.mark.parametrize("dtype", [metagrad.float32, metagrad.float64])
def test_gelu_of_any_shape(shape, dtype):
    x = metagrad.randn(shape, dtype=dtype, requires_grad=True)
    y = metagrad.nn.functional.gelu(x)
    y.backward(metagrad.ones(shape, dtype=dtype))
    wide = x.detach().double()
    wanted = wide * metagrad.special.ndtr(wide)
    assert metagrad.allclose(y.double(), wanted, atol=1e-6) and x.grad.shape == x.shape


def test_large_arrays_are_cut(monkeypatch):
    monkeypatch.setattr(tuning, "SPECIAL_WORTH_THREADS", 100)
    monkeypatch.setattr(tuning, "SPECIAL_CHUNK", 30)
    x = metagrad.rand(50, 7, dtype=metagrad.float64) + 0.5
    whole = np.array([gamma.lgamma(row) for row in x.numpy()])
    np.testing.assert_array_equal(metagrad.lgamma(x).numpy(), whole)
    np.testing.assert_array_equal(metagrad.lgamma(x.T).numpy(), whole.T)
