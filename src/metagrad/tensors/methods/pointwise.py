"""Methods that work element by element: arithmetic and functions of one number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.base.later import later_modules
from metagrad.ops.pointwise import arithmetic, bitwise, comparison, division, scaled, selection, signs
from metagrad.tensors.methods.base import OpMethods, in_place
from metagrad.tensors.methods.operators import operator

if not TYPE_CHECKING:
    activation, complex_numbers, compound, exponential, floating_point, hyperbolic, rounding, trigonometric = (
        later_modules(
            "metagrad.ops.pointwise",
            "activation complex_numbers compound exponential floating_point hyperbolic rounding trigonometric",
        )
    )
    bessel, gamma, logarithms, errors = later_modules("metagrad.ops.special", "bessel gamma logarithms erf")
else:
    from metagrad.ops.pointwise import (
        activation,
        complex_numbers,
        compound,
        exponential,
        floating_point,
        hyperbolic,
        rounding,
        trigonometric,
    )
    from metagrad.ops.special import bessel, gamma, logarithms
    from metagrad.ops.special import erf as errors

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


class PointwiseMethods(OpMethods):
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
    addcmul = compound.addcmul
    addcdiv = compound.addcdiv
    lerp = compound.lerp
    maximum = selection.maximum
    minimum = selection.minimum

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
    sin = trigonometric.sin
    cos = trigonometric.cos
    tan = trigonometric.tan
    tanh = hyperbolic.tanh
    sigmoid = activation.sigmoid
    relu = activation.relu
    abs = absolute = signs.abs
    clamp = clip = selection.clamp
    clamp_min = selection.clamp_min
    clamp_max = selection.clamp_max
    floor = rounding.floor
    ceil = rounding.ceil
    trunc = fix = rounding.trunc
    round = rounding.round
    frac = rounding.frac
    sign = signs.sign

    # inverse and hyperbolic functions, how numbers are made, complex numbers, special functions
    acos = arccos = trigonometric.acos
    acosh = arccosh = hyperbolic.acosh
    asin = arcsin = trigonometric.asin
    asinh = arcsinh = hyperbolic.asinh
    atan = arctan = trigonometric.atan
    atanh = arctanh = hyperbolic.atanh
    sinh = hyperbolic.sinh
    cosh = hyperbolic.cosh
    atan2 = arctan2 = trigonometric.atan2
    copysign = signs.copysign
    deg2rad = trigonometric.deg2rad
    exp2 = exponential.exp2
    float_power = floating_point.float_power
    fmax = selection.fmax
    fmin = selection.fmin
    frexp = floating_point.frexp
    gcd = division.gcd
    heaviside = signs.heaviside
    hypot = trigonometric.hypot
    lcm = division.lcm
    ldexp = floating_point.ldexp
    logaddexp = exponential.logaddexp
    logaddexp2 = exponential.logaddexp2
    nan_to_num = floating_point.nan_to_num
    nextafter = floating_point.nextafter
    rad2deg = trigonometric.rad2deg
    signbit = signs.signbit
    sinc = trigonometric.sinc
    angle = complex_numbers.angle
    conj = complex_numbers.conj
    conj_physical = complex_numbers.conj_physical
    isneginf = comparison.isneginf
    isposinf = comparison.isposinf
    isreal = comparison.isreal
    resolve_conj = complex_numbers.resolve_conj
    resolve_neg = complex_numbers.resolve_neg
    sgn = signs.sgn
    bitwise_left_shift = bitwise.bitwise_left_shift
    bitwise_right_shift = bitwise.bitwise_right_shift
    i0 = bessel.i0
    erf = errors.erf
    erfc = errors.erfc
    erfinv = errors.erfinv
    digamma = gamma.digamma
    igamma = gamma.igamma
    igammac = gamma.igammac
    lgamma = gamma.lgamma
    mvlgamma = gamma.mvlgamma

    def polygamma(self, n: int) -> Tensor:
        """``metagrad.polygamma(n, self)``."""
        return gamma.polygamma(n, self)  # type: ignore[arg-type]

    logit = logarithms.logit
    xlogy = logarithms.xlogy

    # in place
    add_ = in_place(arithmetic.add, nodes=(arithmetic.Add, scaled.AddScaled))
    sub_ = subtract_ = in_place(arithmetic.sub, nodes=(arithmetic.Sub, scaled.AddScaled))
    mul_ = multiply_ = in_place(arithmetic.mul, nodes=(arithmetic.Mul,))
    div_ = divide_ = true_divide_ = in_place(division.div, nodes=(division.Div,))
    floor_divide_ = in_place(division.floor_divide)
    remainder_ = in_place(division.remainder)
    pow_ = in_place(arithmetic.pow, nodes=(arithmetic.Pow,))
    neg_ = negative_ = in_place(arithmetic.neg, nodes=(arithmetic.Neg,))
    square_ = in_place(arithmetic.square, nodes=(arithmetic.Mul,))
    addcmul_ = in_place(compound.addcmul, nodes=(compound.Addcmul,))
    addcdiv_ = in_place(compound.addcdiv, nodes=(compound.Addcdiv,))
    lerp_ = in_place(compound.lerp, nodes=(compound.Lerp,))
    exp_ = in_place(exponential.exp, nodes=(exponential.Exp,))
    log_ = in_place(exponential.log, nodes=(exponential.Log,))
    sqrt_ = in_place(exponential.sqrt, nodes=(exponential.Sqrt,))
    rsqrt_ = in_place(exponential.rsqrt, nodes=(exponential.Rsqrt,))
    reciprocal_ = in_place(exponential.reciprocal, nodes=(exponential.Reciprocal,))
    sin_, cos_ = (
        in_place(trigonometric.sin, nodes=(trigonometric.Sin,)),
        in_place(trigonometric.cos, nodes=(trigonometric.Cos,)),
    )
    tanh_ = in_place(hyperbolic.tanh, nodes=(hyperbolic.Tanh,))
    sigmoid_ = in_place(activation.sigmoid, nodes=(activation.Sigmoid,))
    relu_ = in_place(activation.relu, nodes=(activation.Relu,))
    abs_ = absolute_ = in_place(signs.real_abs, nodes=(signs.Abs,))
    clamp_ = clip_ = in_place(selection.clamp, nodes=(selection.Clamp,))
    clamp_min_ = in_place(selection.clamp_min, nodes=(selection.Clamp,))
    clamp_max_ = in_place(selection.clamp_max, nodes=(selection.Clamp,))
    floor_ = in_place(rounding.floor, nodes=(rounding.Floor,))
    ceil_ = in_place(rounding.ceil, nodes=(rounding.Ceil,))
    round_ = in_place(rounding.round, nodes=(rounding.Round,))
    __iadd__ = operator(add_)
    __isub__ = operator(sub_)
    __imul__ = operator(mul_)
    __itruediv__ = operator(div_)
    __ifloordiv__ = operator(floor_divide_)
    __imod__ = operator(remainder_)
    __ipow__ = operator(pow_)
    acos_ = arccos_ = in_place(trigonometric.acos)
    acosh_ = arccosh_ = in_place(hyperbolic.acosh)
    asin_ = arcsin_ = in_place(trigonometric.asin)
    asinh_ = arcsinh_ = in_place(hyperbolic.asinh)
    atan_ = arctan_ = in_place(trigonometric.atan)
    atanh_ = arctanh_ = in_place(hyperbolic.atanh)
    sinh_ = in_place(hyperbolic.sinh)
    cosh_ = in_place(hyperbolic.cosh)
    atan2_ = arctan2_ = in_place(trigonometric.atan2)
    copysign_ = in_place(signs.copysign)
    deg2rad_ = in_place(trigonometric.deg2rad)
    exp2_ = in_place(exponential.exp2)
    float_power_ = floating_point.float_power_
    gcd_ = in_place(division.gcd)
    heaviside_ = in_place(signs.heaviside)
    hypot_ = in_place(trigonometric.hypot)
    lcm_ = in_place(division.lcm)
    ldexp_ = in_place(floating_point.ldexp)
    nan_to_num_ = in_place(floating_point.nan_to_num, nodes=(floating_point.NanToNum,))
    nextafter_ = in_place(floating_point.nextafter)
    rad2deg_ = in_place(trigonometric.rad2deg)
    sinc_ = in_place(trigonometric.sinc)
    conj_physical_ = in_place(complex_numbers.conj_physical)
    sgn_ = in_place(signs.sgn)
    bitwise_left_shift_ = in_place(bitwise.bitwise_left_shift)
    bitwise_right_shift_ = in_place(bitwise.bitwise_right_shift)
    i0_ = in_place(bessel.i0)
    erf_ = in_place(errors.erf)
    erfc_ = in_place(errors.erfc)
    erfinv_ = in_place(errors.erfinv)
    digamma_ = in_place(gamma.digamma)
    igamma_ = in_place(gamma.igamma)
    igammac_ = in_place(gamma.igammac)
    lgamma_ = in_place(gamma.lgamma)
    mvlgamma_ = in_place(gamma.mvlgamma)
    polygamma_ = in_place(polygamma)
    logit_ = in_place(logarithms.logit)
    xlogy_ = in_place(logarithms.xlogy)
    expm1_ = in_place(exponential.expm1)
    log2_ = in_place(exponential.log2)
    log10_ = in_place(exponential.log10)
    log1p_ = in_place(exponential.log1p)
    tan_ = in_place(trigonometric.tan)
    trunc_ = fix_ = in_place(rounding.trunc, nodes=(rounding.Trunc,))
    frac_ = in_place(rounding.frac, nodes=(rounding.Frac,))
    sign_ = in_place(signs.sign, nodes=(signs.Sign,))
    fmod_ = in_place(division.fmod)
    __ilshift__, __irshift__ = operator(bitwise_left_shift_), operator(bitwise_right_shift_)
    hardshrink = activation.hardshrink
    prelu = activation.prelu
