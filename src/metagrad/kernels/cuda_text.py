"""Pointwise NumPy functions as expressions of CUDA C, by the kind of number they work on; ``fused.py`` joins them to kernels.

In an expression {0}, {1}, {2} are the arguments, {T} is their type in C, {f} the ending of C's functions for it ("f" for float),
{t} the name of its dtype. They say what NumPy's function says: nan comes through maxima and minima, a remainder has its
divisor's sign, an integer divided by zero is 0. The same text compiles as C, and is tested so.
"""

from __future__ import annotations

_C_NAMES = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
    "arctan2": "atan2", "absolute": "fabs", "power": "pow", "float_power": "pow",
    **{name: name for name in (
        "exp exp2 expm1 log log2 log10 log1p sqrt cbrt sin cos tan sinh cosh tanh floor ceil trunc rint fabs fmax fmin fmod hypot "
        "copysign"
    ).split()},
}  # fmt: skip

_ANY = {
    "positive": "{0}", "conjugate": "{0}",
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "square": "{0} * {0}", "negative": "-{0}",
    "equal": "{0} == {1}", "not_equal": "{0} != {1}",
    "less": "{0} < {1}", "less_equal": "{0} <= {1}", "greater": "{0} > {1}", "greater_equal": "{0} >= {1}",
    "logical_and": "{0} != 0 && {1} != 0", "logical_or": "{0} != 0 || {1} != 0", "logical_xor": "({0} != 0) != ({1} != 0)",
    "logical_not": "{0} == 0",
}  # fmt: skip

FLOAT = {
    **_ANY,
    **{name: f"{c}{{f}}({{0}}, {{1}})" if name in "arctan2 power float_power fmax fmin fmod hypot copysign".split()
       else f"{c}{{f}}({{0}})" for name, c in _C_NAMES.items()},
    "divide": "{0} / {1}", "reciprocal": "1 / {0}",
    "maximum": "({0} >= {1} || {0} != {0} ? {0} : {1})", "minimum": "({0} <= {1} || {0} != {0} ? {0} : {1})",
    "clip": "clip_{t}({0}, {1}, {2})",
    "sign": "({0} > 0 ? 1 : {0} < 0 ? -1 : {0} == 0 ? 0 : {0})",
    "heaviside": "({0} != {0} ? {0} : {0} < 0 ? 0 : {0} > 0 ? 1 : {1})",
    "isnan": "{0} != {0}", "isinf": "isinf({0})", "isfinite": "isfinite({0})", "signbit": "signbit({0})",
    "deg2rad": "{0} * ({T})0.017453292519943295", "radians": "{0} * ({T})0.017453292519943295",
    "rad2deg": "{0} * ({T})57.29577951308232", "degrees": "{0} * ({T})57.29577951308232",
    "remainder": "remainder_{t}({0}, {1})", "floor_divide": "floor_divide_{t}({0}, {1})",
    "logaddexp": "logaddexp_{t}({0}, {1})", "logaddexp2": "logaddexp2_{t}({0}, {1})",
}  # fmt: skip

SIGNED = {
    **_ANY,
    "maximum": "({0} > {1} ? {0} : {1})", "minimum": "({0} < {1} ? {0} : {1})", "fmax": "({0} > {1} ? {0} : {1})",
    "fmin": "({0} < {1} ? {0} : {1})", "clip": "clip_{t}({0}, {1}, {2})",
    "absolute": "({0} < 0 ? -{0} : {0})", "sign": "(({0} > 0) - ({0} < 0))",
    "bitwise_and": "{0} & {1}", "bitwise_or": "{0} | {1}", "bitwise_xor": "{0} ^ {1}", "invert": "~{0}",
    "remainder": "remainder_{t}({0}, {1})", "floor_divide": "floor_divide_{t}({0}, {1})",
    "floor": "{0}", "ceil": "{0}", "trunc": "{0}", "rint": "{0}",
    "isnan": "false", "isinf": "false", "isfinite": "true", "signbit": "{0} < 0",
}  # fmt: skip
UNSIGNED = {
    **SIGNED,
    "absolute": "{0}", "sign": "({0} > 0)", "signbit": "false",
    "remainder": "({1} == 0 ? 0 : {0} % {1})", "floor_divide": "({1} == 0 ? 0 : {0} / {1})",
}  # fmt: skip
BOOL = {
    **{name: text for name, text in _ANY.items() if name not in ("subtract", "negative", "positive", "square")},
    "add": "{0} || {1}", "multiply": "{0} && {1}", "maximum": "{0} || {1}", "minimum": "{0} && {1}", "absolute": "{0}",
    "bitwise_and": "{0} && {1}", "bitwise_or": "{0} || {1}", "bitwise_xor": "{0} != {1}", "invert": "!{0}",
}  # fmt: skip

# Functions that an expression calls, by its name and the kind of number.
_CLIP = """
__device__ {T} clip_{t}({T} x, {T} low, {T} high) {{
  x = x >= low || x != x ? x : low;
  return x <= high || x != x ? x : high;
}}"""
_CLIP_WHOLE = _CLIP.replace(" || x != x", "")
_LOG_ADD = """
__device__ {T} {name}_{t}({T} x, {T} y) {{
  {T} d = x - y;
  if (x == y) return x + ({T}){one};
  return d > 0 ? x + {log} : d <= 0 ? y + {log_other} : d;
}}"""
HELPERS = {
    "f": {
        "clip": _CLIP,
        "remainder": """
__device__ {T} remainder_{t}({T} x, {T} y) {{
  {T} r = fmod{f}(x, y);
  if (y == 0) return r;
  return r == 0 ? copysign{f}(({T})0, y) : (y < 0) != (r < 0) ? r + y : r;
}}""",
        "floor_divide": """
__device__ {T} floor_divide_{t}({T} x, {T} y) {{
  {T} r = fmod{f}(x, y), q = (x - r) / y;
  if (y == 0) return x / y;
  if (r != 0 && (y < 0) != (r < 0)) q -= 1;
  if (q == 0) return copysign{f}(({T})0, x / y);
  r = floor{f}(q);
  return q - r > ({T})0.5 ? r + 1 : r;
}}""",
        "logaddexp": _LOG_ADD.replace("{name}", "logaddexp").replace("{one}", "0.6931471805599453")
        .replace("{log}", "log1p{f}(exp{f}(-d))").replace("{log_other}", "log1p{f}(exp{f}(d))"),
        "logaddexp2": _LOG_ADD.replace("{name}", "logaddexp2").replace("{one}", "1")
        .replace("{log}", "log1p{f}(exp2{f}(-d)) * ({T})1.4426950408889634")
        .replace("{log_other}", "log1p{f}(exp2{f}(d)) * ({T})1.4426950408889634"),
    },
    "i": {
        "clip": _CLIP_WHOLE,
        "remainder": """
__device__ {T} remainder_{t}({T} x, {T} y) {{
  if (y == 0 || y == -1) return 0;
  {T} r = x % y;
  return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}}""",
        "floor_divide": """
__device__ {T} floor_divide_{t}({T} x, {T} y) {{
  if (y == 0) return 0;
  if (y == -1) return -x;
  return x / y - (x % y != 0 && (x < 0) != (y < 0));
}}""",
    },
    "u": {"clip": _CLIP_WHOLE},
}  # fmt: skip
EXPRESSIONS = {"f": FLOAT, "i": SIGNED, "u": UNSIGNED, "b": BOOL}

# Kernels that are written by hand are phases: EACH(thread) to END is the work of every thread of a block, and nothing is kept in a
# thread from one phase to the next, but in the block's memory. The tests, which run them as C, define these names in their way.
PHASES = """
#ifndef EACH
#define EACH(thread) { const int thread = threadIdx.x;
#define END } __syncthreads();
#define KERNEL extern "C" __global__ void
#define SHARED extern __shared__ NUMBER memory[];
#define UNROLL _Pragma("unroll")
#define UNROLL_8 _Pragma("unroll 8")
#define THREADS ((int)blockDim.x)
#define BLOCK_X ((int)blockIdx.x)
#define BLOCK_Y ((int)blockIdx.y)
#define BLOCKS_X ((int)gridDim.x)
#define DEVICE static __device__ __forceinline__
#endif
"""
