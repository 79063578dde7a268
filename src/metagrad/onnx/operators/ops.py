"""metagrad's ops that the operators are made of, by their names."""

from __future__ import annotations

from metagrad.base.dtypes import bool_ as bool
from metagrad.base.dtypes import float32, float64, int64, uint8
from metagrad.ops.create.creation import ones, zeros
from metagrad.ops.create.from_data import tensor
from metagrad.ops.create.like import full_like, ones_like, zeros_like
from metagrad.ops.create.parametric import bernoulli, multinomial
from metagrad.ops.create.sampling import rand, randn
from metagrad.ops.linalg.contraction import einsum
from metagrad.ops.linalg.determinant import det
from metagrad.ops.linalg.matmul import matmul
from metagrad.ops.pointwise.activation import relu, sigmoid
from metagrad.ops.pointwise.arithmetic import add, mul, pow, sub
from metagrad.ops.pointwise.bitwise import bitwise_and, bitwise_not, bitwise_or, bitwise_xor
from metagrad.ops.pointwise.comparison import (
    eq,
    ge,
    gt,
    isinf,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
)
from metagrad.ops.pointwise.division import div, fmod, remainder
from metagrad.ops.pointwise.exponential import exp, expm1, log, logaddexp, reciprocal, sqrt
from metagrad.ops.pointwise.hyperbolic import acosh, asinh, atanh, cosh, sinh, tanh
from metagrad.ops.pointwise.rounding import ceil, floor, round
from metagrad.ops.pointwise.selection import maximum, minimum, where
from metagrad.ops.pointwise.signs import abs, sign
from metagrad.ops.pointwise.trigonometric import acos, asin, atan, cos, sin, tan
from metagrad.ops.reduce.extrema import amax, amin
from metagrad.ops.reduce.softmax import log_softmax, softmax
from metagrad.ops.shape.joining import cat, stack
from metagrad.ops.shape.padding import constant_pad_nd
from metagrad.ops.shape.triangular import tril, triu
from metagrad.ops.special.erf import erf

__all__ = [
    "abs", "acos", "acosh", "add", "amax", "amin", "asin", "asinh", "atan", "atanh", "bernoulli", "bitwise_and",
    "bitwise_not", "bitwise_or", "bitwise_xor", "bool", "cat", "ceil", "constant_pad_nd", "cos", "cosh", "det", "div",
    "einsum", "eq", "erf", "exp", "expm1", "float32", "float64", "floor", "fmod", "full_like", "ge", "gt", "int64",
    "isinf", "isnan", "le", "log", "log_softmax", "logaddexp", "logical_and", "logical_not", "logical_or",
    "logical_xor", "lt", "matmul", "maximum", "minimum", "mul", "multinomial", "ones", "ones_like", "pow", "rand",
    "randn", "reciprocal", "relu", "remainder", "round", "sigmoid", "sign", "sin", "sinh", "softmax", "sqrt", "stack",
    "sub", "tan", "tanh", "tensor", "tril", "triu", "uint8", "where", "zeros", "zeros_like",
]  # fmt: skip
