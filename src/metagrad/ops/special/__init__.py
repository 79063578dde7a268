"""Special functions. Their values come from SciPy, the derivatives stand here.

====================  ==================================================
``erf.py``            the error function, and the normal distribution
``gamma.py``          lgamma, digamma, polygamma, igamma, mvlgamma, zeta
``bessel.py``         I₀, I₁ with derivatives; J, Y, K, Airy without
``polynomials.py``    Chebyshev, Hermite, Laguerre, Legendre
``logarithms.py``     entr, logit, xlogy, xlog1py
``scipy_special.py``  SciPy's functions, imported when one is used
====================  ==================================================
"""
