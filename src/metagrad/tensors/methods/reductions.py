"""Methods that make one number of many: sums, extremes, norms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.base.later import LaterModule, later_modules
from metagrad.ops.reduce import reduction
from metagrad.tensors.methods.base import OpMethods, in_place

if not TYPE_CHECKING:
    older = LaterModule("metagrad.ops.linalg.older")
    (
        cumulative,
        differences,
        distances,
        extrema,
        hashing,
        histograms,
        medians,
        products,
        quantiles,
        statistics,
        variance,
        softmaxes,
    ) = later_modules(
        "metagrad.ops.reduce",
        "cumulative differences distances extrema hashing histograms medians products quantiles statistics variance softmax",
    )
else:
    from metagrad.ops.linalg import older
    from metagrad.ops.reduce import (
        cumulative,
        differences,
        distances,
        extrema,
        hashing,
        histograms,
        medians,
        products,
        quantiles,
        statistics,
        variance,
    )
    from metagrad.ops.reduce import softmax as softmaxes


class ReductionMethods(OpMethods):
    """Methods that make one number of many: sums, extremes, norms."""

    __slots__ = ()

    sum = reduction.sum
    sum_to_size = reduction.sum_to_size
    mean = reduction.mean
    var = variance.var
    std = variance.std
    prod = products.prod
    amax = extrema.amax
    amin = extrema.amin
    max = extrema.max
    min = extrema.min
    argmax = extrema.argmax
    argmin = extrema.argmin
    all = reduction.all
    any = reduction.any
    count_nonzero = reduction.count_nonzero
    cumsum = cumulative.cumsum
    norm = older.norm
    aminmax = extrema.aminmax
    cumprod = cumulative.cumprod
    cummax = cumulative.cummax
    cummin = cumulative.cummin
    logcumsumexp = cumulative.logcumsumexp
    diff = differences.diff
    median = medians.median
    nanmedian = medians.nanmedian
    kthvalue = medians.kthvalue
    mode = medians.mode
    quantile = quantiles.quantile
    nanquantile = quantiles.nanquantile
    nansum = statistics.nansum
    nanmean = statistics.nanmean
    cov = statistics.cov
    corrcoef = statistics.corrcoef
    bincount = histograms.bincount
    histc = histograms.histc
    histogram = histograms.histogram
    hash_tensor = hashing.hash_tensor
    dist = distances.dist
    renorm = distances.renorm
    cumsum_ = cumulative.cumsum_
    cumprod_ = cumulative.cumprod_
    renorm_ = in_place(distances.renorm, keeps=True)
    softmax = softmaxes.softmax
    log_softmax = softmaxes.log_softmax
    logsumexp = softmaxes.logsumexp
