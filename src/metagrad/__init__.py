"""metagrad: a deep-learning framework you can read. Pure Python on NumPy, with PyTorch's names.

>>> import metagrad
>>> x = metagrad.tensor(3.0, requires_grad=True)
>>> y = x ** 2 + 2 * x
>>> y.backward()
>>> x.grad
tensor(8.)
"""

from math import e, inf, nan, pi

from metagrad.tensor import Size, Tensor  # first: `tensor` and `device` are modules here, and functions of the package
from metagrad import autograd, cuda, nn, optim, utils
from metagrad.autograd.observe import debug_mode
from metagrad.autograd.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from metagrad.device import device
from metagrad.dtypes import (
    can_cast,
    complex64,
    complex128,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
    uint16,
    uint32,
    uint64,
)
from metagrad.dtypes import bool_ as bool
from metagrad.kernels.threads import get_num_threads, set_num_threads
from metagrad.ops.arithmetic import add, addcmul, lerp, mul, neg, positive, pow, rsub, square, sub
from metagrad.ops.division import addcdiv, div, floor_divide, fmod, remainder
from metagrad.ops.common import result_type
from metagrad.ops.comparison import (
    allclose,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    eq,
    equal,
    ge,
    gt,
    is_complex,
    is_floating_point,
    is_nonzero,
    is_tensor,
    isclose,
    isfinite,
    isinf,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
    numel,
)
from metagrad.ops.conversion import real
from metagrad.ops.creation import (
    arange,
    as_tensor,
    asarray,
    empty,
    empty_like,
    eye,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    scalar_tensor,
    tensor,
    tril,
    triu,
    zeros,
    zeros_like,
)
from metagrad.ops.gathering import (
    argwhere,
    gather,
    index_select,
    masked_fill,
    masked_select,
    nonzero,
    scatter,
    scatter_add,
)
from metagrad.ops.indexing import index_put, index_put_, narrow, select
from metagrad.ops.joining import (
    cat,
    chunk,
    clone,
    concat,
    concatenate,
    flip,
    roll,
    split,
    stack,
    tile,
    unbind,
)
from metagrad.ops.matmul import addmm, baddbmm, bmm, dot, matmul, mm, mv, outer
from metagrad.ops.noise import dropout
from metagrad.ops.choice import abs, clamp, clamp_max, clamp_min, maximum, minimum, relu, where
from metagrad.ops.exponential import exp, expm1, log, log10, log1p, log2, reciprocal, rsqrt, sqrt
from metagrad.ops.rounding import ceil, floor, frac, round, sign, trunc
from metagrad.ops.trigonometry import cos, sigmoid, sin, tan, tanh
from metagrad.ops.cumulative import cumsum
from metagrad.ops.extremum import amax, amin, argmax, argmin, max, min
from metagrad.ops.norms import norm
from metagrad.ops.reduction import all, any, count_nonzero, mean, prod, std, sum, var
from metagrad.ops.sampling import (
    bernoulli,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
from metagrad.ops.softmax import log_softmax, logsumexp, softmax
from metagrad.ops.sorting import argsort, sort, topk, unique
from metagrad.ops.views import (
    broadcast_shapes,
    broadcast_tensors,
    broadcast_to,
    diagonal,
    flatten,
    movedim,
    permute,
    ravel,
    reshape,
    squeeze,
    t,
    transpose,
    unflatten,
    unsqueeze,
)
from metagrad.printing import set_printoptions
from metagrad.random import Generator, fork_rng, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from metagrad.version import __version__

from metagrad import functions  # last: it looks names up here
