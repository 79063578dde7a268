"""Methods that make one number of many: sums, extremes, norms."""

from __future__ import annotations

from metagrad.autograd.variable import Variable
from metagrad.ops import cumulative, extremum, norms, reduction
from metagrad.ops import softmax as softmaxes


class Reductions(Variable):
    """Methods that make one number of many: sums, extremes, norms."""

    __slots__ = ()

    sum = reduction.sum
    mean = reduction.mean
    var = reduction.var
    std = reduction.std
    prod = reduction.prod
    amax = extremum.amax
    amin = extremum.amin
    max = extremum.max
    min = extremum.min
    argmax = extremum.argmax
    argmin = extremum.argmin
    all = reduction.all
    any = reduction.any
    count_nonzero = reduction.count_nonzero
    cumsum = cumulative.cumsum
    norm = norms.norm
    softmax = softmaxes.softmax
    log_softmax = softmaxes.log_softmax
    logsumexp = softmaxes.logsumexp
