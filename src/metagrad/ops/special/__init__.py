"""Special functions. Their values come from SciPy, the derivatives stand here.

==================  ====================================================================
``erf.py``          erf, erfc, erfinv, erfcx, and the normal distribution's ndtr, ndtri …
``gamma.py``        lgamma, digamma, polygamma, igamma, mvlgamma, zeta
``bessel.py``       i0, i1 with derivatives; J, Y, K, Airy without, as in PyTorch
``polynomials.py``  Chebyshev, Hermite, Laguerre, Legendre
``logarithms.py``   entr, logit, xlogy, xlog1py
==================  ====================================================================
"""
