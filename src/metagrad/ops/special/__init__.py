"""Special functions. Their values come from ``kernels/special``, the derivatives stand here.

====================  ==================================================
``erf.py``            the error function, and the normal distribution
``gamma.py``          lgamma, digamma, polygamma, igamma, mvlgamma, zeta
``bessel.py``         I₀, I₁ with derivatives; J, Y, K, Airy without
``polynomials.py``    Chebyshev, Hermite, Laguerre, Legendre
``logarithms.py``     entr, logit, xlogy, xlog1py
``values.py``         kernels that compute in float64, on arrays of any kind
====================  ==================================================
"""
