"""Writes ``src/metagrad/kernels/special/coefficients.py``: Chebyshev coefficients of the special functions' smooth parts.

Each function is brought into a form that is smooth on [−1, 1], and interpolated there at Chebyshev points in 40 digits; the series
ends where its terms are below 10⁻¹⁷ of the first. Needs mpmath: ``python docs/special_coefficients.py``.
"""

from pathlib import Path

import mpmath as mp

mp.mp.dps = 40
FILE = Path(__file__).parent.parent / "src/metagrad/kernels/special/coefficients.py"


def series(f, points=96):
    """The coefficients cₖ of f = ½ c₀ + Σ cₖ Tₖ on [−1, 1], as floats."""
    angles = [mp.pi * (mp.mpf(i) + 0.5) / points for i in range(points)]
    values = [f(mp.cos(a)) for a in angles]
    found = [
        2 * mp.fsum(v * mp.cos(k * a) for v, a in zip(values, angles, strict=True)) / points for k in range(points)
    ]
    largest = max(abs(c) for c in found)
    last = max(k for k, c in enumerate(found) if abs(c) > largest * mp.mpf(10) ** -17)
    assert last < points - 8, "the function is not smooth enough"
    return [float(c) for c in found[: last + 1]]


def _far(u, start):
    """x from u = 2 start / x − 1, x ≥ start."""
    return 2 * start / (u + 1)


def _far_square(u, start):
    """x from u = 2 (start / x)² − 1, x ≥ start."""
    return start / mp.sqrt((u + 1) / 2)


def _near_square(u, end):
    """x from u = 2 (x / end)² − 1, 0 ≤ x ≤ end."""
    return end * mp.sqrt((u + 1) / 2)


def erfcx(x):
    """exp(x²) erfc x."""
    return mp.exp(x * x) * mp.erfc(x)


def phases(order, u):
    """P and Q · x of √(2/πx) (P cos χ − Q sin χ) = J, χ = x − (2 order + 1) π/4."""
    x = _far_square(u, 8)
    chi, j, y = x - (2 * order + 1) * mp.pi / 4, mp.besselj(order, x), mp.bessely(order, x)
    scale = mp.sqrt(mp.pi * x / 2)
    return scale * (j * mp.cos(chi) + y * mp.sin(chi)), scale * (y * mp.cos(chi) - j * mp.sin(chi)) * x


def airy_phases(u):
    """P and ζ Q of Ai(−x) = (P sin(ζ + π/4) − Q cos(ζ + π/4)) / (√π x^¼)."""
    zeta = _far_square(u, 18)
    z = (zeta * 3 / 2) ** (mp.mpf(2) / 3)
    chi, scale = zeta + mp.pi / 4, mp.sqrt(mp.pi) * z ** mp.mpf(0.25)
    ai, bi = mp.airyai(-z), mp.airybi(-z)
    return scale * (ai * mp.sin(chi) + bi * mp.cos(chi)), scale * (bi * mp.sin(chi) - ai * mp.cos(chi)) * zeta


def airy_decaying(u):
    """2√π x^¼ exp(ζ) Ai(x)."""
    zeta = _far(u, mp.mpf(2) / 3)
    x = (zeta * 3 / 2) ** (mp.mpf(2) / 3)
    return 2 * mp.sqrt(mp.pi) * x ** mp.mpf(0.25) * mp.exp(zeta) * mp.airyai(x)


def scaled_k(order, u):
    """√x exp(x) K(x)."""
    x = _far(u, 2)
    return mp.sqrt(x) * mp.exp(x) * mp.besselk(order, x)


def near(f, end):
    """f as a function of u = 2 (x / end)² − 1."""
    return lambda u: f(_near_square(u, end))


def erfcx_compressed(u):
    """(1 + 2x) exp(x²) erfc x of u = (x − 3.75) / (x + 3.75)."""
    x = mp.mpf(3.75) * (1 + u) / (1 - u)
    return (1 + 2 * x) * erfcx(x)


def scaled_i(order, x):
    """exp(−x) I(x)."""
    return mp.exp(-x) * mp.besseli(order, x)


def k_near(order, x):
    """K₀ or x K₁ without their logarithms."""
    if order == 0:
        return mp.besselk(0, x) + mp.log(x / 2) * mp.besseli(0, x)
    return x * (mp.besselk(1, x) - mp.log(x / 2) * mp.besseli(1, x))


def y_near(order, x):
    """Y₀ or Y₁ / x without their logarithms, and Y₁'s pole."""
    smooth = mp.bessely(order, x) - 2 / mp.pi * mp.log(x) * mp.besselj(order, x)
    return smooth if order == 0 else (smooth + 2 / (mp.pi * x)) / x


TABLES = {
    "ERF": ("erf x / x, of x² on [0, 1]", near(lambda x: mp.erf(x) / x, 1)),
    "ERFCX": ("(1 + 2x) exp(x²) erfc x, of (x − 3.75) / (x + 3.75), x ≥ 0", erfcx_compressed),
    "I0_NEAR": ("exp(−x) I₀(x), of x on [0, 8]", lambda u: scaled_i(0, 4 * (u + 1))),
    "I0_FAR": ("√x exp(−x) I₀(x), of 1/x, x ≥ 8", lambda u: mp.sqrt(_far(u, 8)) * scaled_i(0, _far(u, 8))),
    "I1_NEAR": ("exp(−x) I₁(x) / x, of x on [0, 8]", lambda u: scaled_i(1, 4 * (u + 1)) / (4 * (u + 1))),
    "I1_FAR": ("√x exp(−x) I₁(x), of 1/x, x ≥ 8", lambda u: mp.sqrt(_far(u, 8)) * scaled_i(1, _far(u, 8))),
    "K0_NEAR": ("K₀(x) + ln(x/2) I₀(x), of x² on [0, 4]", near(lambda x: k_near(0, x), 2)),
    "K0_FAR": ("√x exp(x) K₀(x), of 1/x, x ≥ 2", lambda u: scaled_k(0, u)),
    "K1_NEAR": ("x (K₁(x) − ln(x/2) I₁(x)), of x² on [0, 4]", near(lambda x: k_near(1, x), 2)),
    "K1_FAR": ("√x exp(x) K₁(x), of 1/x, x ≥ 2", lambda u: scaled_k(1, u)),
    "J0_NEAR": ("J₀(x), of x² on [0, 64]", near(lambda x: mp.besselj(0, x), 8)),
    "J1_NEAR": ("J₁(x) / x, of x² on [0, 64]", near(lambda x: mp.besselj(1, x) / x, 8)),
    "Y0_NEAR": ("Y₀(x) − 2/π ln(x) J₀(x), of x² on [0, 64]", near(lambda x: y_near(0, x), 8)),
    "Y1_NEAR": ("(Y₁(x) − 2/π (ln(x) J₁(x) − 1/x)) / x, of x² on [0, 64]", near(lambda x: y_near(1, x), 8)),
    "P0": ("P of J₀, of 1/x², x ≥ 8", lambda u: phases(0, u)[0]),
    "Q0": ("x Q of J₀, of 1/x², x ≥ 8", lambda u: phases(0, u)[1]),
    "P1": ("P of J₁, of 1/x², x ≥ 8", lambda u: phases(1, u)[0]),
    "Q1": ("x Q of J₁, of 1/x², x ≥ 8", lambda u: phases(1, u)[1]),
    "AIRY": ("Ai(x), of x on [−9, 1]", lambda u: mp.airyai(5 * u - 4)),
    "AIRY_FAR": ("2√π x^¼ exp(ζ) Ai(x), of 1/ζ, ζ = ⅔ x^³⁄₂, x ≥ 1", airy_decaying),
    "AIRY_P": ("P of Ai(−x), of 1/ζ², x ≥ 9", lambda u: airy_phases(u)[0]),
    "AIRY_Q": ("ζ Q of Ai(−x), of 1/ζ², x ≥ 9", lambda u: airy_phases(u)[1]),
}


def lines(name, what, coefficients):
    """One table as lines of Python."""
    yield f"# {what}"
    yield f"{name} = ("
    for c in coefficients:
        yield f"    {c!r},"
    yield ")"


if __name__ == "__main__":
    parts = ['"""Chebyshev coefficients, the first halved, written by ``docs/special_coefficients.py``."""', ""]
    for name, (what, f) in TABLES.items():
        found = series(f)
        parts.extend([*lines(name, what, [found[0] / 2, *found[1:]]), ""])
        print(name, len(found))
    FILE.write_text("\n".join(parts).rstrip() + "\n")
