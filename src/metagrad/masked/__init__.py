"""Reductions and normalizations that leave out the elements where a mask is False.

``mask``: bools that broadcast with the input; None leaves nothing out. ``dim``: a dimension, several, or None for all. Where
nothing is left, a sum is 0, a product 1, a maximum −∞, a mean nan.

=====================  ==============================================
``reductions.py``      sums, extremes, moments and norms
``normalizations.py``  softmax and its relatives, vectors of length 1
=====================  ==============================================

>>> import metagrad
>>> x, mask = metagrad.tensor([1.0, 2.0, 3.0]), metagrad.tensor([True, False, True])
>>> metagrad.masked.mean(x, mask=mask)
tensor(2.)
"""

import sys

from metagrad.masked.normalizations import log_softmax, normalize, softmax, softmin
from metagrad.masked.reductions import (
    amax,
    amin,
    argmax,
    argmin,
    cumprod,
    cumsum,
    logaddexp,
    logsumexp,
    mean,
    median,
    norm,
    prod,
    std,
    sum,
    var,
)

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median",
    "norm", "normalize", "prod", "softmax", "softmin", "std", "sum", "var",
]  # fmt: skip

_ops = sys.modules[__name__]  # where programs of its first version look
