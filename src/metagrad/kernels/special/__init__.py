"""Special functions in NumPy: arrays of float64 in, arrays of float64 out. Errors are stated for float64.

====================  ==================================================================================
``coefficients.py``   Chebyshev coefficients, written by ``docs/special_coefficients.py``
``chebyshev.py``      how a Chebyshev series is summed
``normal.py``         erf and its relatives, the normal distribution's function and its inverse
``gamma.py``          ln Γ, ψ, Hurwitz' ζ
``incomplete.py``     the incomplete gamma function
``bessel.py``         Bessel's functions and Airy's
``single.py``         erf and GELU in float32, in few passes
``singles.py``        erfc, erf⁻¹, ln Γ, ψ and ψ′ of float32 numbers, in few passes
====================  ==================================================================================
"""
