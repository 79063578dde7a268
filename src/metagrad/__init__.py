"""metagrad: a deep-learning framework you can read. Pure Python on NumPy, with PyTorch's names.

>>> import metagrad
>>> x = metagrad.tensor(3.0, requires_grad=True)
>>> y = x ** 2 + 2 * x
>>> y.backward()
>>> x.grad
tensor(8.)
"""

from math import e, inf, nan, pi
from typing import TYPE_CHECKING

from metagrad.base.collector import no_collection as _no_collection
from metagrad.base.size import Size

with _no_collection():  # with the tensor come all of its methods, and nearly all of metagrad
    from metagrad.tensors.tensor import Tensor
from metagrad import autograd
from metagrad.compat import cuda, module_paths as _paths, torch_function as _torch_function
from metagrad.kernels import allocation as _allocation  # at once: it is for all arrays

if TYPE_CHECKING:
    from metagrad import nn, optim, utils
from metagrad.autograd.observe import debug_mode
from metagrad.autograd.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from metagrad.base.device import device, get_default_device, set_default_device
from metagrad.base.dtypes import (
    bfloat16,
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
from metagrad.base.dtypes import bool_ as bool
from metagrad.base.dtypes import complex64 as cfloat
from metagrad.base.dtypes import complex128 as cdouble
from metagrad.base.dtypes import float16 as half
from metagrad.base.dtypes import float32 as float
from metagrad.base.dtypes import float64 as double
from metagrad.base.dtypes import int16 as short
from metagrad.base.dtypes import int32 as int
from metagrad.base.dtypes import int64 as long
from metagrad.kernels.threads import get_num_threads, set_num_threads
from metagrad.base.layouts import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    jagged,
    layout,
    legacy_contiguous_format,
    memory_format,
    preserve_format,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
)
from metagrad.ops.operands import result_type
from metagrad.tensors.printing import set_printoptions
from metagrad.ops.create.random import (
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from metagrad.base.version import __version__

# The families of ops: each one's __all__ says what it has for the public.
from metagrad.ops.pointwise.arithmetic import *
from metagrad.ops.pointwise.division import *
from metagrad.ops.pointwise.compound import *
from metagrad.ops.pointwise.exponential import *
from metagrad.ops.pointwise.trigonometric import *
from metagrad.ops.pointwise.hyperbolic import *
from metagrad.ops.pointwise.activation import *
from metagrad.ops.pointwise.rounding import *
from metagrad.ops.pointwise.signs import *
from metagrad.ops.pointwise.floating_point import *
from metagrad.ops.pointwise.complex_numbers import *
from metagrad.ops.pointwise.bitwise import *
from metagrad.ops.special.bessel import i0
from metagrad.ops.special.erf import erf, erfc, erfinv
from metagrad.ops.special.gamma import digamma, igamma, igammac, lgamma, mvlgamma, polygamma
from metagrad.ops.special.logarithms import logit, xlogy
from metagrad.ops.pointwise.selection import *
from metagrad.ops.pointwise.comparison import *
from metagrad.ops.reduce.reduction import *
from metagrad.ops.reduce.variance import *
from metagrad.ops.reduce.products import *
from metagrad.ops.reduce.extrema import *
from metagrad.ops.reduce.cumulative import *
from metagrad.ops.reduce.differences import *
from metagrad.ops.reduce.statistics import *
from metagrad.ops.reduce.medians import *
from metagrad.ops.reduce.quantiles import *
from metagrad.ops.reduce.histograms import *
from metagrad.ops.reduce.hashing import *
from metagrad.ops.reduce.distances import *
from metagrad.ops.reduce.softmax import *
from metagrad.ops.index.sorting import *
from metagrad.ops.index.searching import *
from metagrad.ops.linalg.matmul import *
from metagrad.ops.linalg.addmm import *
from metagrad.ops.linalg.contraction import *
from metagrad.ops.linalg import *
from metagrad.ops.signal.spectrograms import *
from metagrad.ops.shape.views import *
from metagrad.ops.shape.broadcasting import *
from metagrad.ops.shape.strided import *
from metagrad.ops.shape.resizing import *
from metagrad.ops.shape.properties import *
from metagrad.ops.shape.diagonals import *
from metagrad.ops.shape.triangular import *
from metagrad.ops.index.indexing import *
from metagrad.ops.shape.joining import *
from metagrad.ops.shape.copying import *
from metagrad.ops.shape.repeating import *
from metagrad.ops.shape.splitting import *
from metagrad.ops.shape.flipping import *
from metagrad.ops.create.grids import *
from metagrad.ops.index.gathering import *
from metagrad.ops.index.masking import *
from metagrad.ops.index.taking import *
from metagrad.ops.index.scattering import *
from metagrad.ops.index.scatter_reduce import *
from metagrad.ops.index.segments import *
from metagrad.ops.create.creation import *
from metagrad.ops.create.shared import *
from metagrad.ops.create.like import *
from metagrad.ops.create.ranges import *
from metagrad.ops.signal.windows import bartlett_window, blackman_window, hamming_window, hann_window, kaiser_window
from metagrad.ops.create.sampling import *
from metagrad.ops.create.conversion import *
from metagrad.compat.tensor_types import *
from metagrad.compat.switches import *

_paths.install(_paths.ModuleFinder())

# Namespaces that are imported when they are first used, so that `import metagrad` stays quick.
_LAZY: set[str] = {
    "accelerator", "alias", "amp", "backends", "checkpoints", "compiler", "cpu", "distributed", "distributions",
    "einops_backend", "fft", "func", "functions", "futures", "fx", "hub", "inspection", "jit", "library", "linalg",
    "masked", "metrics", "mps", "multiprocessing", "nn", "onnx", "optim", "overrides", "profiler", "quasirandom",
    "random", "return_types", "serialization", "signal", "special", "storage", "testing", "types", "utils", "version",
    "viz", "xpu", "_C", "_dynamo", "_utils",
}  # fmt: skip
_NEURAL = """
    adaptive_avg_pool1d adaptive_max_pool1d alpha_dropout alpha_dropout_ avg_pool1d batch_norm bilinear
    binary_cross_entropy_with_logits celu celu_ channel_shuffle conv1d conv2d conv3d conv_tbc
    conv_transpose1d conv_transpose2d conv_transpose3d cosine_embedding_loss cosine_similarity ctc_loss dropout
    dropout_ embedding_bag feature_alpha_dropout feature_alpha_dropout_ group_norm hardshrink
    hinge_embedding_loss instance_norm kl_div layer_norm margin_ranking_loss max_pool1d max_pool1d_with_indices
    max_pool2d max_pool3d pairwise_distance pixel_shuffle pixel_unshuffle poisson_nll_loss prelu rms_norm rrelu
    rrelu_ selu selu_ threshold threshold_ triplet_margin_loss
""".split()  # those of the neural functions that PyTorch has at the top, too
_UNDOCUMENTED = """
    affine_grid_generator alias_copy as_strided_copy convolution detach_copy diagonal_copy embedding expand_copy
    feature_dropout fill from_file grid_sampler grid_sampler_2d grid_sampler_3d gru_cell lstm_cell norm_except_dim
    permute_copy rnn_relu_cell rnn_tanh_cell select_copy split_copy split_with_sizes_copy squeeze_copy sym_float sym_int
    sym_ite sym_max sym_min sym_not sym_sqrt sym_sum SymBool SymFloat SymInt t_copy to_dlpack transpose_copy unbind_copy
    unfold_copy unsqueeze_copy view_as_complex_copy view_as_real_copy view_copy _standard_gamma _sample_dirichlet _assert
    _check _check_index _check_is_size _check_type _check_value _check_with
""".split()  # those that PyTorch has there and does not document
_STORAGES = """
    BFloat16Storage BoolStorage ByteStorage CharStorage ComplexDoubleStorage ComplexFloatStorage DoubleStorage FloatStorage
    HalfStorage IntStorage LongStorage ShortStorage
""".split()
_AUTOCAST = """
    autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache get_autocast_cpu_dtype get_autocast_dtype
    get_autocast_gpu_dtype get_autocast_ipu_dtype get_autocast_xla_dtype is_autocast_cache_enabled is_autocast_cpu_enabled
    is_autocast_enabled is_autocast_ipu_enabled is_autocast_xla_enabled set_autocast_cache_enabled set_autocast_cpu_dtype
    set_autocast_cpu_enabled set_autocast_dtype set_autocast_enabled set_autocast_gpu_dtype set_autocast_ipu_dtype
    set_autocast_ipu_enabled set_autocast_xla_dtype set_autocast_xla_enabled
""".split()
_LAZY_NAMES = {
    "is_anomaly_check_nan_enabled": "autograd", "set_anomaly_enabled": "autograd",
    "autocast": "compat.amp", "compile": "compat.compiler", "constant_pad_nd": "ops.shape.padding",
    "GradScaler": "compat.amp", "load": "serialization.checkpoint", "OutOfMemoryError": "compat.cuda",
    "Event": "compat.cpu", "Stream": "compat.cpu", "save": "serialization.checkpoint",
    "DisableTorchFunction": "compat.torch_overrides", "DisableTorchFunctionSubclass": "compat.torch_overrides",
    "ScriptModule": "compat.jit", "ScriptFunction": "compat.jit",
    "PyTorchFileReader": "compat.inner", "PyTorchFileWriter": "compat.inner",
    "TypedStorage": "tensors.storage", "UntypedStorage": "tensors.storage", "is_storage": "compat.storage_types",
    **dict.fromkeys(_STORAGES, "compat.storage_types"), "is_anomaly_enabled": "autograd.observe",
    "summary": "utils.summary", "vmap": "func", "cond": "compat.seldom",
    **dict.fromkeys(_AUTOCAST, "compat.amp.settings"),
    **dict.fromkeys(_NEURAL, "nn.functional"),
    **dict.fromkeys(_UNDOCUMENTED, "compat.undocumented"),
    **dict.fromkeys(("gru", "lstm", "rnn_relu", "rnn_tanh"), "compat.recurrent_functions"),
}  # fmt: skip


def __getattr__(name: str) -> object:
    if name in _LAZY or name in _LAZY_NAMES:
        import importlib

        module = importlib.import_module(f"metagrad.{_LAZY_NAMES.get(name, name)}")
        return getattr(module, name) if name in _LAZY_NAMES else module
    if name.startswith(("float8_", "float4_", "complex32", "chalf", "qint", "quint", "uint", "int", "bits")):
        from metagrad.base.named_dtypes import NAMED

        if name in NAMED:
            return NAMED[name]
    if name.endswith("_") and not name.startswith("_") and hasattr(Tensor, name):  # exp_(x), as x.exp_()
        return getattr(Tensor, name)
    if name == "_VF":  # PyTorch's functions once more
        import sys

        return sys.modules[__name__]
    if name.startswith("_foreach_"):
        from metagrad.compat import foreach

        if name in foreach.NAMES:
            return getattr(foreach, name)
    raise AttributeError(f"module 'metagrad' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_LAZY_NAMES})
