"""``out=``: the result of a function written into a tensor that is there already."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from metagrad.autograd.mode import mode
from metagrad.autograd.variable import Variable, recording
from metagrad.autograd.views import bump, check_writable
from metagrad.base import dtypes
from metagrad.ops.operands import not_a_tensor

R = TypeVar("R")


def store(result: Any, out: Any) -> Any:
    """Give ``out`` (a tensor, or as many tensors as there are results) the values of ``result``, and its shape.

    Raises where the result's dtype has a higher category than that of ``out``, so that its values would not fit.
    """
    if isinstance(out, (tuple, list)):
        for r, o in zip(result, out, strict=True):
            store(r, o)
        return type(result)(*out) if hasattr(result, "_fields") else type(result)(out)
    if not isinstance(out, Variable):
        raise TypeError(f"out: expected a tensor, got {type(out).__name__}")
    if not dtypes.can_cast(result.dtype, out.dtype):
        raise RuntimeError(f"result type {result.dtype} can't be cast to the desired output type {out.dtype} of out=")
    check_writable(out)
    if tuple(out.array.shape) != tuple(result.array.shape):
        out.resize_(tuple(result.array.shape))  # type: ignore[attr-defined]
    out.array[...] = result.array
    bump(out)
    return out


def store_exactly(result: Any, out: Any) -> Any:
    """``store`` that does not convert: ``out`` must have the result's dtype."""
    for r, o in zip(result, out, strict=True) if isinstance(out, (tuple, list)) else [(result, out)]:
        if isinstance(o, Variable) and o.dtype is not r.dtype:
            raise RuntimeError(f"expected out= to have dtype {r.dtype}, but got {o.dtype}: make it of that dtype")
    return store(result, out)


def takes_exact_out(function: Callable[..., R]) -> Callable[..., R]:
    """``takes_out`` for a function that writes no other dtype than its result's."""
    return takes_out(function, store_exactly)


def takes_out(function: Callable[..., R], store: Callable[[Any, Any], Any] = store) -> Callable[..., R]:
    """Let a function take ``out=``. What is written there is not recorded: PyTorch's rule, and its error."""

    @functools.wraps(function)
    def with_out(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is None:
            try:
                return function(*args, **kwargs)
            except AttributeError as error:
                raise not_a_tensor(function, error) from None
        given = [*args, *kwargs.values(), *(out if isinstance(out, (tuple, list)) else [out])]
        tensors = [t for v in given for t in (v if isinstance(v, (tuple, list)) else [v])]
        if mode.grad and recording(*tensors):
            raise RuntimeError(
                f"{function.__name__}(): functions with out=... arguments don't support automatic differentiation, but "
                "one of the arguments requires grad: leave out= away, or detach() it"
            )
        return store(function(*args, **kwargs), out)

    with_out.has_out = True  # type: ignore[attr-defined]
    return with_out


_NAMES = {
    "": """
        abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr all amax amin aminmax angle any arccos
        arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan atan2 atanh baddbmm bitwise_and
        bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor bmm cat ceil chain_matmul cholesky
        cholesky_inverse cholesky_solve clamp clip concat concatenate conj_physical copysign cos cosh cross cummax
        cummin cumprod cumsum deg2rad diff digamma div divide dot eq erf erfc erfinv exp exp2 expm1 fix float_power
        floor floor_divide fmax fmin fmod frac frexp gather gcd ge geqrf ger greater greater_equal gt heaviside
        histogram histogramdd hypot i0 igamma igammac index_add index_copy index_reduce index_select inner inverse
        isneginf isposinf kron kthvalue lcm ldexp le lerp less less_equal lgamma log log10 log1p log2 logaddexp
        logaddexp2 logcumsumexp logical_and logical_not logical_or logical_xor logit logsumexp lt lu lu_solve
        lu_unpack matmul matrix_power max maximum mean median min minimum mm mode mul multiply mv mvlgamma nan_to_num
        nanmean nanmedian nanquantile narrow_copy ne neg negative nextafter norm not_equal ormqr outer polygamma pow
        prod qr quantile rad2deg reciprocal remainder renorm round rsqrt sgn sigmoid sign signbit sin sinc sinh sort sqrt
        square stack std std_mean sub subtract sum svd take_along_dim tan tanh topk triangular_solve trunc var var_mean
        vdot where xlogy
    """,
    "linalg": """
        cholesky cholesky_ex cond cross det eig eigh eigvals eigvalsh householder_product inv inv_ex ldl_factor
        ldl_factor_ex ldl_solve lu lu_factor lu_factor_ex lu_solve matmul matrix_norm matrix_power matrix_rank
        multi_dot norm pinv qr slogdet solve solve_ex solve_triangular svd svdvals tensorinv tensorsolve vecdot
        vector_norm
    """,
    "special": """
        airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u
        chebyshev_polynomial_v chebyshev_polynomial_w digamma entr erf erfc erfcx erfinv exp2 expit expm1 gammainc
        gammaincc gammaln hermite_polynomial_h hermite_polynomial_he i0 i0e i1 i1e laguerre_polynomial_l
        legendre_polynomial_p log1p log_ndtr logit logsumexp modified_bessel_i0 modified_bessel_i1 modified_bessel_k0
        modified_bessel_k1 multigammaln ndtr ndtri polygamma psi round scaled_modified_bessel_k0
        scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u
        shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w sinc spherical_bessel_j0 xlog1py xlogy zeta
    """,
}  # of functions that PyTorch documents with ``out=``, by module


def take_out_everywhere(namespace: dict[str, Any], module: str = "") -> None:
    """Let the functions of a module take ``out=``; here, rather than where they are, so that their methods need not."""
    for name in _NAMES[module].split():
        function = namespace.get(name)
        if function is not None and not getattr(function, "has_out", False):
            namespace[name] = takes_out(function)
