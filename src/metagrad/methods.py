"""The ops as methods: the table of contents of what a tensor can do.

Each op is written once, as a function in ``ops/``; here it gets its name as a method. ``add_`` is the in-place ``add``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metagrad import dtypes
from metagrad.autograd.variable import Variable
from metagrad.ops import (
    arithmetic,
    choice,
    comparison,
    conversion,
    creation,
    cumulative,
    division,
    exponential,
    extremum,
    gathering,
    indexing,
    inplace,
    joining,
    norms,
    reduction,
    rounding,
    sampling,
    sorting,
    trigonometry,
    views,
)
from metagrad.ops import matmul as products
from metagrad.ops import softmax as softmaxes
from metagrad.ops.inplace import in_place

if TYPE_CHECKING:
    pass


class Methods(Variable):
    """What ``Tensor`` inherits its methods from."""

    __slots__ = ()

    # arithmetic
    add = arithmetic.add
    sub = subtract = arithmetic.sub
    mul = multiply = arithmetic.mul
    div = divide = true_divide = division.div
    floor_divide = division.floor_divide
    remainder = division.remainder
    fmod = division.fmod
    pow = arithmetic.pow
    neg = negative = arithmetic.neg
    positive = arithmetic.positive
    square = arithmetic.square
    addcmul = arithmetic.addcmul
    addcdiv = division.addcdiv
    lerp = arithmetic.lerp
    maximum = choice.maximum
    minimum = choice.minimum

    # functions of one element
    exp = exponential.exp
    expm1 = exponential.expm1
    log = exponential.log
    log2 = exponential.log2
    log10 = exponential.log10
    log1p = exponential.log1p
    sqrt = exponential.sqrt
    rsqrt = exponential.rsqrt
    reciprocal = exponential.reciprocal
    sin = trigonometry.sin
    cos = trigonometry.cos
    tan = trigonometry.tan
    tanh = trigonometry.tanh
    sigmoid = trigonometry.sigmoid
    relu = choice.relu
    abs = absolute = choice.abs
    clamp = clip = choice.clamp
    clamp_min = choice.clamp_min
    clamp_max = choice.clamp_max
    floor = rounding.floor
    ceil = rounding.ceil
    trunc = fix = rounding.trunc
    round = rounding.round
    frac = rounding.frac
    sign = rounding.sign

    # comparison and logic
    eq, ne, lt, le = comparison.eq, comparison.ne, comparison.lt, comparison.le
    gt, ge = comparison.gt, comparison.ge
    logical_not = comparison.logical_not
    logical_and = comparison.logical_and
    logical_or = comparison.logical_or
    logical_xor = comparison.logical_xor
    bitwise_and = comparison.bitwise_and
    bitwise_or = comparison.bitwise_or
    bitwise_xor = comparison.bitwise_xor
    bitwise_not = comparison.bitwise_not
    isnan, isinf, isfinite = comparison.isnan, comparison.isinf, comparison.isfinite
    isclose, allclose, equal = comparison.isclose, comparison.allclose, comparison.equal
    is_nonzero = comparison.is_nonzero
    is_floating_point = comparison.is_floating_point
    is_complex = comparison.is_complex
    numel = nelement = comparison.numel

    # reductions
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

    # products
    matmul = products.matmul
    mm = products.mm
    mv = products.mv
    dot = products.dot
    bmm = products.bmm
    outer = products.outer
    addmm = products.addmm
    baddbmm = products.baddbmm

    # shape
    view = views.view
    view_as = views.view_as
    reshape = views.reshape
    reshape_as = views.reshape_as
    flatten = views.flatten
    unflatten = views.unflatten
    ravel = views.ravel
    permute = views.permute
    transpose = swapaxes = swapdims = views.transpose
    t = views.t
    movedim = moveaxis = views.movedim
    squeeze = views.squeeze
    unsqueeze = views.unsqueeze
    expand = views.expand
    expand_as = views.expand_as
    broadcast_to = views.broadcast_to
    diagonal = views.diagonal
    detach = views.detach
    tril = creation.tril
    triu = creation.triu

    # parts
    select = indexing.select
    narrow = indexing.narrow
    index_put = indexing.index_put
    index_put_ = indexing.index_put_
    split = joining.split
    chunk = joining.chunk
    unbind = joining.unbind
    flip = joining.flip
    roll = joining.roll
    repeat = joining.repeat
    tile = joining.tile
    clone = joining.clone
    contiguous = joining.contiguous
    gather = gathering.gather
    scatter = gathering.scatter
    scatter_add = gathering.scatter_add
    index_select = gathering.index_select
    masked_fill = gathering.masked_fill
    masked_select = gathering.masked_select
    nonzero = gathering.nonzero
    argwhere = gathering.argwhere
    sort = sorting.sort
    argsort = sorting.argsort
    topk = sorting.topk
    unique = sorting.unique

    # other dtypes, devices and libraries
    to = conversion.to
    type = conversion.type_
    type_as = conversion.type_as
    cpu, cuda = conversion.cpu, conversion.cuda
    item, tolist, numpy = conversion.item, conversion.tolist, conversion.numpy
    float = conversion.converter(dtypes.float32)
    double = conversion.converter(dtypes.float64)
    half = conversion.converter(dtypes.float16)
    long = conversion.converter(dtypes.int64)
    int = conversion.converter(dtypes.int32)
    short = conversion.converter(dtypes.int16)
    char = conversion.converter(dtypes.int8)
    byte = conversion.converter(dtypes.uint8)
    bool = conversion.converter(dtypes.bool_)
    cfloat = conversion.converter(dtypes.complex64)
    cdouble = conversion.converter(dtypes.complex128)

    # new tensors in this one's image
    new_zeros = creation.new_zeros
    new_ones = creation.new_ones
    new_empty = creation.new_empty
    new_full = creation.new_full
    new_tensor = creation.new_tensor

    # in place
    add_ = in_place(arithmetic.add)
    sub_ = subtract_ = in_place(arithmetic.sub)
    mul_ = multiply_ = in_place(arithmetic.mul)
    div_ = divide_ = true_divide_ = in_place(division.div)
    floor_divide_ = in_place(division.floor_divide)
    remainder_ = in_place(division.remainder)
    pow_ = in_place(arithmetic.pow)
    neg_ = in_place(arithmetic.neg)
    square_ = in_place(arithmetic.square)
    addcmul_ = in_place(arithmetic.addcmul)
    addcdiv_ = in_place(division.addcdiv)
    lerp_ = in_place(arithmetic.lerp)
    exp_ = in_place(exponential.exp)
    log_ = in_place(exponential.log)
    sqrt_ = in_place(exponential.sqrt)
    rsqrt_ = in_place(exponential.rsqrt)
    reciprocal_ = in_place(exponential.reciprocal)
    sin_, cos_ = in_place(trigonometry.sin), in_place(trigonometry.cos)
    tanh_ = in_place(trigonometry.tanh)
    sigmoid_ = in_place(trigonometry.sigmoid)
    relu_ = in_place(choice.relu)
    abs_ = in_place(choice.abs)
    clamp_ = clip_ = in_place(choice.clamp)
    clamp_min_ = in_place(choice.clamp_min)
    clamp_max_ = in_place(choice.clamp_max)
    floor_, ceil_ = in_place(rounding.floor), in_place(rounding.ceil)
    round_ = in_place(rounding.round)
    masked_fill_ = in_place(gathering.masked_fill)
    scatter_ = in_place(gathering.scatter)
    scatter_add_ = in_place(gathering.scatter_add)
    tril_, triu_ = in_place(creation.tril), in_place(creation.triu)
    copy_ = inplace.copy_
    fill_ = inplace.fill_
    zero_ = inplace.zero_
    fill_diagonal_ = inplace.fill_diagonal_
    uniform_ = sampling.uniform_
    normal_ = sampling.normal_
    bernoulli_ = sampling.bernoulli_
    exponential_ = sampling.exponential_
    random_ = sampling.random_
    __iadd__ = add_
    __isub__ = sub_
    __imul__ = mul_
    __itruediv__ = div_
    __ifloordiv__ = floor_divide_
    __imod__ = remainder_
    __ipow__ = pow_

    @property
    def T(self) -> Any:
        """All dimensions in reverse order. A view."""
        return views.Permute.apply(self, dims=tuple(range(self.array.ndim))[::-1])

    @property
    def mT(self) -> Any:
        """The last two dimensions swapped. A view."""
        return views.transpose(self, -2, -1)  # type: ignore[arg-type]

    @property
    def real(self) -> Any:
        """The real part of each element."""
        return conversion.real(self)  # type: ignore[arg-type]
