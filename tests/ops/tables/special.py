"""Special functions: error and gamma functions, Bessel functions, orthogonal polynomials, logarithms that know their limits."""

from tests.ops.rows import call, error, pos, row, x

UNARY = (call(x(3, 4)),)
POSITIVE = (call(pos(3, 4)),)
INSIDE = (call(x(3, 4, low=0.1, high=0.9)),)
NEW = dict(grad=False)
FLOATS = ("float32", "float64")
POLYNOMIAL = (call(x(3, 4, low=-0.9, high=0.9), 3), call(x(3, 4, low=-0.9, high=0.9), 0))

ERROR = [
    row("erf special.erf", *UNARY),
    row("erfc special.erfc", *UNARY),
    row("erfinv special.erfinv", call(x(3, 4, low=-0.9, high=0.9))),
    row("special.erfcx", *UNARY),
    row("special.ndtr", *UNARY),
    row("special.ndtri", *INSIDE, dtypes=FLOATS, without=("tied",)),
    row("special.log_ndtr", *UNARY, without=("special gradients",)),
]

GAMMA = [
    row("lgamma special.gammaln", *POSITIVE, without=("special",)),
    row("digamma special.digamma special.psi", *POSITIVE, dtypes=("float32", "int64", "bool")),
    row("mvlgamma special.multigammaln", call(x(3, 4, low=3, high=5), 2), call(x(3, 4, low=3, high=5), 1), dtypes=FLOATS, without=("special", "tied")),
    row("igamma special.gammainc", call(pos(3, 4), pos(3, 4)), call(pos(3, 1), pos(4)), dtypes=FLOATS, without=("derivative", "special")),
    row("igammac special.gammaincc", call(pos(3, 4), pos(3, 4)), call(pos(3, 1), pos(4)), dtypes=FLOATS, without=("derivative", "special")),
    row("special.polygamma polygamma", *(call(n, pos(3, 4)) for n in (0, 1, 2)), error(RuntimeError, -1, pos(3)), dtypes=("float32", "int64"), without=("special",)),
    row("special.zeta", call(x(3, 4, low=1.5, high=4), pos(3, 4)), call(x(3, 4, low=1.5, high=4), 2.0), dtypes=FLOATS, without=("derivative", "special")),
]  # fmt: skip

BESSEL = [
    row("i0 special.i0", *UNARY),
    *(row(f"special.{name}", *UNARY) for name in ("i0e", "i1")),
    row("special.i1e", *UNARY, without=("special gradients",)),
    *(row(f"special.{name}", *UNARY, **NEW) for name in (
        "bessel_j0", "bessel_j1", "modified_bessel_i0", "modified_bessel_i1", "spherical_bessel_j0",
    )),
    row("special.airy_ai", *UNARY, dtypes=("float32", "int64"), without=("special",), **NEW),
    *(row(f"special.{name}", *POSITIVE, **NEW) for name in (
        "bessel_y0", "bessel_y1", "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0",
        "scaled_modified_bessel_k1",
    )),
]  # fmt: skip

POLYNOMIALS = [
    row(f"special.{name}", *POLYNOMIAL, dtypes=FLOATS, without=("special",), **NEW)
    for name in (
        *(f"{shift}chebyshev_polynomial_{kind}" for shift in ("", "shifted_") for kind in "tuvw"),
        "hermite_polynomial_h",
        "hermite_polynomial_he",
        "laguerre_polynomial_l",
        "legendre_polynomial_p",
    )
]

LOGARITHMS = [
    row("special.entr", *POSITIVE),
    row("logit special.logit", *INSIDE, call(x(3, 4, low=0.1, high=0.9), 0.3), dtypes=FLOATS, without=("special", "tied")),
    row("xlogy special.xlogy", call(x(3, 4), pos(3, 4)), call(x(3, 4), pos(4)), call(x(3, 4), 2.0), call(2.0, pos(3, 4)), error(RuntimeError, x(3), x(2))),
    row("special.xlog1py", call(x(3, 4), pos(3, 4)), call(x(3, 4), pos(4)), call(x(3, 4), 2.0), call(2.0, pos(3, 4)), error(RuntimeError, x(3), x(2))),
]  # fmt: skip

ROWS = [*ERROR, *GAMMA, *BESSEL, *POLYNOMIALS, *LOGARITHMS]
