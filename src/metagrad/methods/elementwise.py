"""Methods that work element by element: arithmetic and functions of one number."""

from __future__ import annotations

from metagrad.autograd.variable import Variable
from metagrad.ops import arithmetic, choice, division, exponential, rounding, trigonometry
from metagrad.ops.inplace import in_place


class Elementwise(Variable):
    """Methods that work element by element: arithmetic and functions of one number."""

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
    __iadd__ = add_
    __isub__ = sub_
    __imul__ = mul_
    __itruediv__ = div_
    __ifloordiv__ = floor_divide_
    __imod__ = remainder_
    __ipow__ = pow_
