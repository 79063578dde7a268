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

from metagrad.base import later as _later
from metagrad.base.collector import no_collection as _no_collection
from metagrad.base.size import Size

with _no_collection():  # with the tensor come its methods, and much of metagrad
    from metagrad.tensors.tensor import Tensor
from metagrad import autograd
from metagrad.compat import module_paths as _paths, torch_function as _torch_function
from metagrad.kernels import allocation as _allocation  # at once: it is for all arrays
from metagrad.ops import seldom as _seldom

if TYPE_CHECKING:
    from metagrad import nn, optim, utils
    from metagrad.autograd.observe import debug_mode
    from metagrad.compat import cuda
    from metagrad.compat.switches import *
    from metagrad.compat.tensor_types import *
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
    from metagrad.ops.seldom import *
    from metagrad.tensors.printing import set_printoptions
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
from metagrad.base.version import __version__

# Ops that tensors need in any case; the others, in ops/seldom.py, are imported when they are first used.
from metagrad.ops.pointwise.arithmetic import *
from metagrad.ops.pointwise.division import *
from metagrad.ops.pointwise.signs import *
from metagrad.ops.pointwise.bitwise import *
from metagrad.ops.pointwise.selection import *
from metagrad.ops.pointwise.comparison import *
from metagrad.ops.reduce.reduction import *
from metagrad.ops.linalg.matmul import *
from metagrad.ops.shape.views import *
from metagrad.ops.shape.permuting import *
from metagrad.ops.shape.strided import *
from metagrad.ops.shape.properties import *
from metagrad.ops.index.indexing import *
from metagrad.ops.shape.copying import *
from metagrad.ops.shape.splitting import *
from metagrad.ops.create.creation import *
from metagrad.ops.create.from_data import *
from metagrad.ops.create.like import *
from metagrad.ops.create.conversion import *

_paths.install(_paths.ModuleFinder())

# Namespaces that are imported when they are first used, so that `import metagrad` stays quick.
_LAZY: set[str] = {
    "accelerator", "alias", "amp", "backends", "checkpoints", "compiler", "cpu", "cuda", "distributed", "distributions",
    "einops_backend", "fft", "func", "functions", "futures", "fx", "hub", "inspection", "jit", "library", "linalg",
    "masked", "metrics", "monitor", "mps", "multiprocessing", "nn", "onnx", "optim", "overrides", "profiler", "quasirandom",
    "random", "return_types", "serialization", "signal", "special", "storage", "testing", "types", "utils", "version",
    "viz", "xpu", "_C", "_dynamo", "_inductor", "_utils",
}  # fmt: skip
_NEURAL = """
    adaptive_avg_pool1d alpha_dropout alpha_dropout_ avg_pool1d bilinear celu celu_
    channel_shuffle conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity
    dropout dropout_ embedding_bag feature_alpha_dropout feature_alpha_dropout_ hardshrink layer_norm
    max_pool1d_with_indices native_channel_shuffle pairwise_distance pixel_shuffle pixel_unshuffle
    prelu rms_norm rrelu rrelu_ selu selu_ threshold threshold_
""".split()  # those of the neural functions that PyTorch has at the top, too
_IN_C = """
    adaptive_max_pool1d batch_norm binary_cross_entropy_with_logits cosine_embedding_loss ctc_loss group_norm
    hinge_embedding_loss instance_norm kl_div margin_ranking_loss max_pool1d max_pool2d max_pool3d poisson_nll_loss
    triplet_margin_loss
""".split()  # and those that take other arguments there, or in another order
_UNDOCUMENTED = """
    affine_grid_generator alias_copy as_strided_copy convolution detach_copy diagonal_copy embedding embedding_renorm_ expand_copy
    feature_dropout feature_dropout_ fill from_file grid_sampler grid_sampler_2d grid_sampler_3d gru_cell lstm_cell norm_except_dim
    permute_copy rnn_relu_cell rnn_tanh_cell select_copy slice_copy split_copy split_with_sizes_copy squeeze_copy sym_float sym_int
    sym_ite sym_max sym_min sym_not sym_sqrt sym_sum SymBool SymFloat SymInt t_copy to_dlpack transpose_copy unbind_copy
    unfold_copy unsqueeze_copy view_as_complex_copy view_as_real_copy view_copy _standard_gamma _sample_dirichlet _assert
    _assert_async _check _check_index _check_is_size _check_tensor_all _check_tensor_all_with
    _check_type _check_value _check_with _neg_view _weight_norm frobenius_norm nuclear_norm eig lstsq matrix_rank solve symeig
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
    "ScriptModule": "compat.jit", "ScriptFunction": "compat.jit", "Future": "compat.futures",
    "PyTorchFileReader": "compat.inner", "PyTorchFileWriter": "compat.inner",
    "TypedStorage": "tensors.storage", "UntypedStorage": "tensors.storage", "is_storage": "compat.storage_types",
    **dict.fromkeys(_STORAGES, "compat.storage_types"), "is_anomaly_enabled": "autograd.observe",
    "summary": "utils.summary", "vmap": "func", "cond": "compat.seldom",
    **dict.fromkeys(_AUTOCAST, "compat.amp.settings"),
    **dict.fromkeys(_NEURAL, "nn.functional"), **dict.fromkeys(_IN_C, "compat.c_signatures"),
    **dict.fromkeys(_UNDOCUMENTED, "compat.undocumented"),
    **dict.fromkeys(("gru", "lstm", "rnn_relu", "rnn_tanh"), "compat.recurrent_functions"),
    **dict.fromkeys(("native_batch_norm", "native_dropout", "native_group_norm", "native_layer_norm"), "compat.native_functions"),
}  # fmt: skip


_find = _later.names(
    "metagrad",
    {
        **_seldom.MODULES,
        "autograd.observe": "debug_mode",
        "compat.switches": """
            are_deterministic_algorithms_enabled compiled_with_cxx11_abi get_deterministic_debug_mode get_device_module
            get_float32_matmul_precision get_num_interop_threads is_deterministic_algorithms_warn_only_enabled
            is_warn_always_enabled set_deterministic_debug_mode set_float32_matmul_precision set_flush_denormal
            set_num_interop_threads set_warn_always use_deterministic_algorithms
        """,
        "compat.tensor_types": """
            BFloat16Tensor BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor
            ShortTensor set_default_tensor_type typename
        """,
        "ops.create.random":
            "Generator default_generator fork_rng get_rng_state initial_seed manual_seed seed set_rng_state",
        "tensors.printing": "set_printoptions",
    },
)  # fmt: skip
if not TYPE_CHECKING:
    __all__ = [name for name in (*globals(), *_later.listed("metagrad")) if not name.startswith("_")]


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
    if name.endswith("Type"):
        from metagrad.compat import script_types

        if name in script_types.NAMES:
            return script_types.named(name)
    if name.startswith("_foreach_"):
        from metagrad.compat import foreach

        if name in foreach.NAMES:
            return getattr(foreach, name)
    return _find(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_LAZY_NAMES, *_later.listed(__name__)})
