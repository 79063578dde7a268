"""nan, infinities and numbers that do not fit, where NumPy's own answer would be another one, or a warning."""

import math
import warnings

import numpy as np
import pytest

import metagrad as mg

NAN, INF = math.nan, math.inf
NUMBERS = [NAN, 1, -INF, INF, NAN, 0.0, 2, NAN]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_nan_is_ordered_last(dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    x = mg.tensor(NUMBERS, dtype=getattr(mg, dtype))
    values, indices = x.sort()
    assert indices.tolist() == [2, 5, 1, 6, 3, 0, 4, 7] and values.dtype == x.dtype
    assert x.argsort(descending=True, stable=True).tolist() == [0, 4, 7, 3, 6, 1, 5, 2]
    assert x.topk(4).indices.tolist() == [0, 4, 7, 3]
    assert x.topk(2, largest=False).values.tolist() == [-INF, 0]
    assert x.kthvalue(4).values.item() == 2 and x.nanmedian().item() == 1
    assert x.unique().tolist()[:5] == [-INF, 0, 1, 2, INF] and len(x.unique()) == 8
    edges = mg.tensor([1, 2], dtype=x.dtype)
    assert mg.searchsorted(edges, x).tolist() == mg.bucketize(x, edges).tolist() == [2, 0, 0, 2, 2, 0, 1, 2]
    assert mg.searchsorted(edges, x, right=True).tolist() == [2, 1, 0, 2, 2, 0, 2, 2]


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "ne", "heaviside", "maximum", "isclose"])
def test_comparisons_do_not_warn(name):
    pytest.importorskip("ml_dtypes")
    x = mg.tensor(NUMBERS, dtype=mg.bfloat16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = getattr(mg, name)(x, x.flip(0))
    expected = getattr(mg, name)(x.float(), x.float().flip(0))
    np.testing.assert_array_equal(found.float().numpy(), expected.float().numpy())


def test_factors_that_just_fit():
    x = mg.ones(2, dtype=mg.uint8)
    assert mg.add(x, x, alpha=-1).tolist() == [0, 0] and mg.where(x > 0, -1, x).tolist() == [255, 255]
    assert mg.arange(-(2**63), -(2**63) + 2).tolist() == [-(2**63), -(2**63) + 1]


def test_numbers_that_do_not_fit_become_infinite_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mg.arange(2**40, 2**40 + 2, dtype=mg.float16).tolist() == [INF, INF]
        assert mg.xlogy(mg.ones(1, dtype=mg.float16), 2**40).tolist() == [INF]


FACTORS = [
    (f, mg.ones(1, 1, dtype=kind))
    for kind, beyond in ((mg.int8, 300), (mg.float32, 1e39))
    for f in (
        lambda x, a=beyond: mg.add(x, x, alpha=a),
        lambda x, a=beyond: x.sub_(x, alpha=-a),
        lambda x, a=beyond: mg.addcmul(x, x, x, value=a),
        lambda x, a=beyond: mg.addmm(x, x, x, alpha=a),
        lambda x, a=beyond: mg.addmm(x, x, x, beta=a),
        lambda x, a=beyond: mg.addmv(x[0], x, x[0], alpha=a),
        lambda x, a=beyond: mg.addr(x, x[0], x[0], beta=a),
        lambda x, a=beyond: mg.index_add(x, 0, mg.tensor([0]), x, alpha=a),
        lambda x, a=beyond: mg.where(x > 0, x, a) if isinstance(a, int) else mg.histc(x, 3, -a, a),
    )
]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: mg.arange(1, 5, NAN), "nonzero"),
        (lambda: mg.arange(0, 1j), "cannot be converted to type double"),
        (lambda: mg.arange(1e30, 1e30 + 1, dtype=mg.int32), "cannot be converted to type int64_t"),
        (lambda: mg.linspace(0, 1j, 3, dtype=mg.float32), "can't be safely cast"),
        (lambda: mg.linspace(0, INF, 3, dtype=mg.int64), "without overflow"),
        (lambda: mg.linspace(0, 255, 4, dtype=mg.int8), "without overflow"),
        (lambda: mg.logspace(NAN, 1, 3, dtype=mg.int64), "without overflow"),
        (lambda: mg.randint(0, 3, (2,), dtype=mg.complex64), "floating-point"),
        (lambda: mg.randint(0, 3, (-1,)), "negative dimension"),
        (lambda: mg.zeros(0).amax(dim=()), "to be specified"),
        (lambda: mg.nanmean(mg.ones(2), dtype=mg.int64), "infer output dtype"),
        (lambda: mg.dot(mg.ones(2), mg.ones(2).double()), "expected both vectors to have same dtype"),
        (lambda: mg.amax(mg.ones(2), 0, out=mg.tensor(0)), "got Float for input's dtype and Long for out's dtype"),
        (lambda: mg.multinomial(mg.ones(2), 1, out=mg.ones(1)), "expects Long tensor out, got: Float"),
        (lambda: mg.complex(mg.ones(1), mg.ones(1), out=mg.ones(1)), "ComplexFloat but got scalar type Float"),
        (lambda: mg.hann_window(3, layout=mg.sparse_coo), "not implemented for sparse types"),
        (lambda: mg.searchsorted(mg.tensor([True]), mg.tensor([True])), "Bool"),
        *[(lambda f=f, x=x: f(x), "without overflow") for f, x in FACTORS],
    ],
)
def test_what_does_not_fit_is_a_runtime_error(call, match):
    with pytest.raises(RuntimeError, match=match):
        call()


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "bartlett", "kaiser"])
def test_windows_of_halves_are_rounded_ones(name):
    window = getattr(mg, f"{name}_window")
    for dtype in [mg.float16, *([mg.bfloat16] if hasattr(mg.bfloat16, "dtype") else [])]:
        found = window(6, dtype=dtype, requires_grad=True)
        assert found.dtype == dtype and found.requires_grad and found.is_leaf
        assert found.tolist() == window(6).to(dtype).tolist()
    with pytest.raises(RuntimeError, match="floating point"):
        window(6, dtype=mg.int64)


def test_bytes_seen_as_bools_are_true_unless_0():
    x = mg.tensor([0, 1, 2, 255], dtype=mg.uint8)
    odd = x.view(mg.bool)
    assert odd.tolist() == (odd == True).tolist() == [False, True, True, True]  # noqa: E712
    assert (odd ^ mg.tensor(True)).tolist() == (~odd).tolist() == [True, False, False, False]
    assert odd.sum().item() == 3 and x.tolist() == [0, 1, 2, 255]
    same = x[:2].view(mg.bool)  # 0 and 1 are shared
    same[0] = True
    assert x.tolist() == [1, 1, 2, 255]


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["sum", "mean", "amax", "median", "argmin", "logsumexp"])
@pytest.mark.parametrize(
    "mask", [None, [[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]], [[True, False, True], [False, False, False]]]
)
@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_masked_reductions_are_pytorchs(torch, dtype, mask, name):
    def found(lib):
        x = lib.tensor([[3, 1, 2], [4, 0, 5]], dtype=getattr(lib, dtype))
        given = None if mask is None else lib.tensor(mask)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                y = getattr(lib.masked, name)(x, dim=1, mask=given)
        except ValueError:
            return "ValueError"
        except TypeError:
            return "TypeError"
        return str(y.dtype).split(".")[1], y.isnan().tolist(), y.nan_to_num(0, 0, 0).tolist()

    expected, ours = found(torch), found(mg)
    if isinstance(expected, str):
        assert ours == expected
    else:
        assert ours[:2] == expected[:2]
        np.testing.assert_allclose(ours[2], expected[2], rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: mg.frombuffer([1], dtype=mg.int8), "buffer protocol"),
        (lambda: mg.from_numpy(np.ones(2, np.dtype(np.float32).newbyteorder())), "byte order"),
    ],
)
def test_memory_that_cannot_be_shared_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.parametrize("p", [0.5, 1, 1.5, 2, 3, INF])
def test_norms_of_complex_vectors_have_second_derivatives(p):
    r = np.random.RandomState(0)
    z = mg.tensor(r.randn(2, 3) + 1j * r.randn(2, 3), requires_grad=True)
    assert mg.autograd.gradcheck(lambda z: mg.linalg.vector_norm(z, p, dim=1), (z,))
    assert mg.autograd.gradgradcheck(lambda z: mg.linalg.vector_norm(z, p, dim=1), (z,))
    assert mg.autograd.gradgradcheck(lambda z: mg.nn.functional.normalize(z, p), (z,))


LOSERS = {
    "maximum": (lambda L, x: L.maximum(x, L.tensor([2.0, 2.0, 3.0])), [0.0, INF, INF]),
    "minimum": (lambda L, x: L.minimum(x, L.tensor([2.0, 2.0, 3.0])), [INF, INF, 0.0]),
    "maximum of nan": (lambda L, x: L.maximum(x, L.full((3,), NAN)), [INF, INF, INF]),
    "max": (lambda L, x: x.max(), [0.0, 0.0, INF]),
    "min": (lambda L, x: x.min(), [INF, 0.0, 0.0]),
    "median": (lambda L, x: x.median(), [0.0, INF, 0.0]),
    "nanmedian": (lambda L, x: x.nanmedian(), [0.0, INF, 0.0]),
    "amax": (lambda L, x: x.amax(), [NAN, NAN, INF]),
    "sinc": (lambda L, x: L.sinc(x - 2), [INF, 0.0, INF]),
}


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
@pytest.mark.parametrize("name", LOSERS)
def test_an_infinite_gradient_goes_past_what_was_not_chosen(lib, name):
    L = pytest.importorskip(lib)
    x = L.tensor([1.0, 2.0, 4.0], requires_grad=True)
    y = LOSERS[name][0](L, x)
    y.backward(L.full_like(y, INF))
    assert str(x.grad.tolist()) == str(LOSERS[name][1])


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_no_gradient_stays_none_where_a_logarithm_is_infinite(lib):
    L = pytest.importorskip(lib)
    for function, edge in ((L.xlogy, 0.0), (L.special.xlog1py, -1.0)):
        x = L.tensor([1.0, 0.0], requires_grad=True)
        function(x, L.tensor([edge, INF])).backward(L.zeros(2))
        assert x.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
@pytest.mark.parametrize("length", [1, 5000])
def test_activations_have_pytorchs_zeros(lib, length):
    L = pytest.importorskip(lib)
    F = L.nn.functional
    x = L.full((length,), -0.0)
    for activate in (
        F.elu,
        F.celu,
        F.selu,
        lambda x: F.elu(x, 0.5),
        lambda x: L.clamp(x, min=0.0),
        lambda x: L.clamp(x, 0.0, 6.0),
    ):
        assert L.signbit(activate(x)).all()
    x = L.full((length,), 4.0, requires_grad=True)
    F.hardsigmoid(x).backward(L.full((length,), INF))
    assert x.grad.count_nonzero() == 0


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_the_factor_of_integers_is_cut_down(lib):
    L = pytest.importorskip(lib)
    x = L.tensor([1, 2])
    assert L.addcmul(x, x, x, value=0.5).tolist() == [1, 2] and L.addcmul(x, x, x, value=2.7).tolist() == [3, 10]


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_the_absolute_value_of_0_has_no_second_derivative_either(lib):
    lib = pytest.importorskip(lib)
    z = lib.tensor([0j, 3 + 4j], dtype=lib.complex128, requires_grad=True)
    (slope,) = lib.autograd.grad(z.abs().sum(), z, create_graph=True)
    (bend,) = lib.autograd.grad(slope.real.sum(), z)
    assert slope.tolist()[0] == bend.tolist()[0] == 0 and bend.tolist()[1] == pytest.approx(0.128 - 0.096j)


def test_running_sums_of_halves_and_complex_numbers_do_not_lose_digits():
    h = mg.full((3000,), 0.01, dtype=mg.float16)
    expected = h.float().cumsum(0)
    out = mg.empty(0, dtype=mg.float16)
    for found in (
        h.cumsum(0),
        h.clone().cumsum_(0),
        mg.cumsum(h.float(), 0, dtype=mg.float16),
        mg.cumsum(h, 0, out=out),
    ):
        assert found.dtype == mg.float16 and (found.float() - expected).abs().max() < 0.02
    last = (mg.full((1_200_000,), 0.1) + 0j).cumsum(0)[-1]
    assert abs(last.item() - 120_000) < 0.1


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_running_sums_of_few_numbers_may_leave_the_range_and_come_back(lib):
    L = pytest.importorskip(lib)
    x = L.tensor([3e38, 3e38, -3e38, -3e38], requires_grad=True)
    y = x.cumsum(0)
    y.backward(x.detach())
    assert y.tolist() == [x[0].item(), float("inf"), x[0].item(), 0.0]
    assert x.grad.tolist() == [0.0, -x[0].item(), -float("inf"), -x[0].item()]
    assert L.linspace(0.1, 0.9, 500).cumsum(0)[-1].item() == 250


@pytest.mark.parametrize("lib", ["metagrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_what_is_shrunk_to_zero_keeps_its_sign(lib):
    L = pytest.importorskip(lib)
    y = L.nn.functional.softshrink(L.tensor([0.3, -0.3, 0.0, -0.0, -1.0]))
    assert y.tolist() == [0, 0, 0, 0, -0.5] and L.signbit(y).tolist() == [False, True, False, True, True]


@pytest.mark.parametrize("length", [1, 70_000])
def test_mish_falls_far_to_the_left(length):
    x = mg.full((length,), -50.0, dtype=mg.float64, requires_grad=True)
    mg.nn.functional.mish(x).sum().backward()
    assert x.grad[-1].item() == pytest.approx(-9.450874255023198e-21, rel=1e-9)  # (1 + x) eˣ


def test_lgamma_of_subnormal_numbers():
    found = mg.lgamma(mg.tensor([2.5e-323, -2.5e-323, 1e-310], dtype=mg.float64)).tolist()
    assert found == pytest.approx([742.8306340089472, 742.8306340089472, 713.8013788281542], rel=1e-14)


def test_what_came_before_an_infinity_keeps_its_gradient():
    x = mg.tensor([1.0, math.inf, 2.0, -math.inf], requires_grad=True)
    x.logcumsumexp(0).sum().backward()
    assert x.grad.tolist() == [1, 3, 0, 0]  # all that follows is as infinite as the infinity


@pytest.mark.parametrize("repeats", [1, 40_000])
def test_subnormal_complex_numbers_have_a_direction(repeats):
    z = mg.tensor([7e-45 + 0j, 3e-45 - 7e-45j, 0j, 3 + 4j] * repeats, requires_grad=True)
    z.abs().sum().backward()
    expected = mg.tensor([1, 0.4 - 1j, 0, 0.6 + 0.8j])  # sizes are whole numbers of the smallest one
    assert (z.grad[-4:] - expected).abs().max() < 1e-5 and (mg.sgn(z)[:4] - expected).abs().max() < 1e-5


def test_the_next_bfloat16_of_many_numbers_has_a_gradient():
    pytest.importorskip("ml_dtypes", reason="needs the extra bfloat16 (ml_dtypes)")
    x = mg.ones(300, 300, dtype=mg.bfloat16, requires_grad=True)
    y = mg.nextafter(x, mg.zeros(300, 300, dtype=mg.bfloat16))
    y.sum().backward()
    assert y[-1, -1].item() == 1 - 2**-8 and x.grad.sum().item() == 90112  # 90,000 in bfloat16


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64", "complex128"])
@pytest.mark.parametrize("dim", [None, 0])
def test_equal_numbers_do_not_deviate(dtype, dim):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes", reason="needs the extra bfloat16 (ml_dtypes)")
    x = mg.full((230, 3), 1.0367525761943581, dtype=getattr(mg, dtype), requires_grad=True)
    y = x.std(dim)
    y.sum().backward()
    assert y.count_nonzero() == x.grad.count_nonzero() == 0


def test_numbers_that_are_nearly_equal_deviate_by_what_they_differ_in():
    x = 1000 + mg.arange(50, dtype=mg.float64) * 2.0**-40  # all of them float64
    assert x.std().item() == pytest.approx(2.0**-40 * math.sqrt(50 * 51 / 12), rel=1e-12)


@pytest.mark.parametrize("p", [0.5, 1, 2, 3, -1])
@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_the_norm_of_a_single_number_is_its_size(p, size):
    x = mg.tensor([[size], [-size]], requires_grad=True)
    y = mg.linalg.vector_norm(x, p, dim=1)
    y.sum().backward()
    assert y.tolist() == [x[0].item()] * 2 and x.grad.flatten().tolist() == pytest.approx([1, -1])
