"""Dtypes for which PyTorch has no such op: they are refused here, too, in the same words."""

import pytest

import metagrad

pytest.importorskip("ml_dtypes", reason="bfloat16 needs the extra bfloat16")

POLYNOMIALS = """
    chebyshev_polynomial_t chebyshev_polynomial_u hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l
    legendre_polynomial_p shifted_chebyshev_polynomial_t
""".split()
OF_WIDE_NUMBERS = """
    airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 erfcx log_ndtr modified_bessel_i0 modified_bessel_i1 modified_bessel_k0
    modified_bessel_k1 ndtri scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0
""".split()


def cases(lib):
    F, special, linalg = lib.nn.functional, lib.special, lib.linalg
    half, brain = lib.tensor([[0.3, 0.7], [0.1, 0.2]]).half(), lib.tensor([[0.3, 0.7], [0.1, 0.2]]).bfloat16()
    z, mask, classes = lib.tensor([0.3 + 0.1j, 0.7]), lib.tensor([True, False]), lib.tensor([0, 1])
    return {
        **{f"{name} of halves": (getattr(special, name), half) for name in OF_WIDE_NUMBERS},
        **{f"{name} of bfloat16": (getattr(special, name), brain) for name in OF_WIDE_NUMBERS},
        **{f"{name} of halves": (getattr(special, name), half, 2) for name in POLYNOMIALS},
        **{f"{name} of complex numbers": (getattr(special, name), z, 2) for name in POLYNOMIALS},
        **{f"{name}, complex": (getattr(lib, name), z, z) for name in ("igamma", "igammac", "xlogy", "logaddexp2")},
        **{f"{name}, complex": (getattr(special, name), z, z) for name in ("zeta", "xlog1py")},
        "polygamma, complex": (lib.polygamma, 1, z),
        "unique, complex": (lib.unique, z),
        "unique_consecutive, complex": (lib.unique_consecutive, z),
        "glu, complex": (F.glu, z),
        "prelu, complex": (lib.prelu, z, z[:1]),
        "cosine_similarity, complex": (lib.cosine_similarity, z, z, 0),
        "exponential_, complex": (z.clone().exponential_,),
        "cauchy_, complex": (z.clone().cauchy_,),
        "log_normal_, complex": (z.clone().log_normal_,),
        "geometric_, complex": (z.clone().geometric_, 0.5),
        "cdist of halves": (lib.cdist, half, half),
        "pdist of bfloat16": (F.pdist, brain),
        "multi_margin_loss of halves": (F.multi_margin_loss, half, classes),
        "multilabel_margin_loss of halves": (F.multilabel_margin_loss, half, lib.tensor([[0, 1], [0, 1]])),
        "avg_pool3d of halves": (F.avg_pool3d, lib.ones(1, 2, 2, 2).half(), 2),
        "isin of bools": (lib.isin, mask, mask),
        "clamp of bools": (lib.clamp, mask, mask, mask),
        "addcmul of bools": (lib.addcmul, mask, mask, mask),
        "kthvalue of bools": (lib.kthvalue, mask, 1),
        "nanmedian of bools": (lib.nanmedian, mask),
        "cross of bools": (linalg.cross, lib.ones(3) > 0, lib.ones(3) > 0),
        "reflected bools": (F.pad, mask[None], (1, 0), "reflect"),
        "repeated bools": (F.pad, mask[None], (1, 0), "replicate"),
        "softmax to complex numbers": (lib.softmax, half, 0, lib.complex64),
        "log_softmax to integers": (lib.log_softmax, half, 0, lib.int64),
        "cumsum to bools": (lambda x: lib.cumsum(x, 0, dtype=lib.bool), classes),
        "cumprod of bools, to bools": (lambda x: lib.cumprod(x, 0, dtype=lib.bool), mask),
        "cumsum_ of bools": (mask.cumsum_, 0),
        "nansum to complex numbers": (lambda x: lib.nansum(x, dtype=lib.complex64), half),
        **{
            f"{name} of halves": (getattr(linalg, name), half)
            for name in ("cholesky", "svd", "det", "qr", "eigh", "inv")
        },
    }


def error_of(function, *args):
    with pytest.raises(RuntimeError) as found:
        function(*args)
    return found.value


@pytest.mark.parametrize("name", cases(metagrad))
def test_a_dtype_that_an_op_has_not_is_refused(name):
    assert any(
        word in str(error_of(*cases(metagrad)[name]))
        for word in ("not implemented for", "Unsupported input", "common dtype")
    )


@pytest.mark.oracle
def test_pytorch_refuses_them_all(torch):
    for name, call in cases(torch).items():
        expected, found = error_of(*call), error_of(*cases(metagrad)[name])
        kind = (
            RuntimeError
            if "Error" not in type(expected).__name__ or "Lin" in type(expected).__name__
            else type(expected)
        )
        assert isinstance(found, kind), f"{name}: {found!r} where PyTorch raises {expected!r}"


@pytest.mark.oracle
def test_what_is_left_open_is_as_if_it_was_not_given(torch):
    for lib in (torch, metagrad):
        x = lib.tensor([[1.0, 2.0], [3.0, 4.0]])
        assert (
            not lib.ones(2, requires_grad=None).requires_grad
            and not lib.zeros_like(x, requires_grad=None).requires_grad
        )
        assert lib.clone(x.T, memory_format=None).stride() == lib.empty_like(x.T, memory_format=None).stride() == (1, 2)
        assert lib.view_as_real_copy(x[0] * 1j).tolist() == [[0, 1], [0, 2]]
        assert lib.view_as_complex_copy(x).tolist() == [1 + 2j, 3 + 4j]
        ends = (
            lib.segment_reduce(x[0], "amin", lengths=lib.tensor([2])),
            lib.segment_reduce(x[1], "amax", lengths=lib.tensor([2])),
        )
        assert [end.tolist() for end in ends] == [[1], [4]]
        assert lib.kaiser_window(3, True, -2.0).tolist() == lib.kaiser_window(3, True, 2.0).tolist()
        assert type(lib.slogdet(x)).__name__ == "slogdet" and type(lib.linalg.slogdet(x)).__name__ == "linalg_slogdet"
        with pytest.raises(TypeError, match="must be .*Tensor|must be a tensor"):
            lib.nn.functional.soft_margin_loss(x, 1.0)
        with pytest.raises(ValueError, match="Expected parameter total_count"):
            lib.distributions.Multinomial(-1, x[0])


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["Adam", "AdamW", "Adamax", "Adadelta", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop"])
def test_a_step_on_the_cpu_cannot_be_captured(torch, name):
    for lib in (torch, metagrad):
        weight = lib.nn.Parameter(lib.ones(2))
        optimizer = getattr(lib.optim, name)([weight], capturable=True)
        weight.sum().backward()
        with pytest.raises(AssertionError, match="If capturable=True, params.* must be on supported devices"):
            optimizer.step()
        assert weight.tolist() == [1, 1]
