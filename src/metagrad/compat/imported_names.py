"""Names that a file of PyTorch's only imports, or has for itself, and that programs import from there all the same.

``IMPORTED`` says, for the path of such a file, where each of them is here: ``"module: names"``, the module by its path below
``metagrad``; ``torch`` is the package.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["IMPORTED", "imported"]

_ASKING = "overrides: handle_torch_function has_torch_function has_torch_function_unary has_torch_function_variadic"
_TENSOR = "_tensor: Tensor"
IMPORTED = {
    "_tensor": (
        _ASKING,
        "overrides: get_default_nowrap_functions",
    ),
    "_vmap_internals": (_TENSOR,),
    "autograd": (
        "overrides: handle_torch_function has_torch_function is_tensor_like",
        "profiler: ProfilerActivity",
    ),
    "autograd.functional": ("autograd: forward_ad",),
    "autograd.gradcheck": (
        "overrides: is_tensor_like",
        "func: vmap",
    ),
    "autograd.profiler_util": ("compat.layer_internals: _format_memory _format_time _format_time_share",),
    "distributions.kl": ("distributions: HalfNormal",),
    "distributions.transforms": (
        _TENSOR,
        "distributions: Distribution constraints",
        "distributions.utils: broadcast_all lazy_property tril_matrix_to_vec vec_to_tril_matrix",
        "nn.functional: pad softplus",
        "nn: functional",
    ),
    "distributions.utils": (
        "overrides: is_tensor_like",
        "nn: functional",
        "types: Device Number",
    ),
    "fft": (_TENSOR,),
    "functional": (
        _ASKING,
        "nn: functional",
    ),
    "nn.functional": (
        "compat.layer_internals: _get_softmax_dim _in_projection _in_projection_packed _mha_shape_check _verify_batch_size",
        _ASKING,
        _TENSOR,
        "jit.annotations: BroadcastingList1 BroadcastingList2 BroadcastingList3",
        "nn: grad",
    ),
    "nn.modules.activation": (
        "compat.layer_internals: _arg_requires_grad _check_arg_device _is_make_fx_tracing",
        "nn.init: constant_ xavier_normal_ xavier_uniform_",
    ),
    "nn.modules.container": ("compat.layer_internals: _addindent",),
    "nn.modules.module": (
        "utils.hooks: BackwardHook RemovableHandle",
        "torch: device dtype",
    ),
    "nn.modules.transformer": (
        "compat.layer_internals: _detect_is_causal_mask _generate_square_subsequent_mask _get_seq_len",
        "nn.init: xavier_uniform_",
    ),
    "nn.utils.clip_grad": ("compat.layer_internals: _clip_grads_with_norm_ _get_total_norm",),
    "nn.utils.parametrizations": ("nn: functional",),
    "nn.utils.stateless": (_TENSOR,),
    "optim.lbfgs": ("compat.layer_internals: _cubic_interpolate _strong_wolfe",),
    "optim.lr_scheduler": (
        "compat.layer_internals: _enable_get_lr_call _initial_mode "
        "_param_groups_val_list _update_param_group_val _warn_get_lr_called_within_step",
        _TENSOR,
        "optim: Optimizer",
    ),
    "optim.optimizer": (
        "compat.layer_internals: _disable_dynamo_if_unsupported _get_scalar_dtype "
        "_get_value _stack_if_compiling _to_scalar _view_as_real",
        "utils.hooks: RemovableHandle",
        "utils: hooks",
    ),
    "special": (_TENSOR,),
    "utils.weak": (_TENSOR,),
}
_SHORT = {"F": "functional", "fwAD": "forward_ad"}  # by which those files know a module


def imported(path: str, name: str) -> Any:
    """What a file imports under a name. Raises AttributeError for what it does not import.

    >>> imported("optim.lr_scheduler", "Optimizer").__name__
    'Optimizer'
    """
    for entry in IMPORTED.get(path, ()):
        home, _, names = entry.partition(": ")
        if _SHORT.get(name, name) in names.split():
            return getattr(
                importlib.import_module(f"metagrad.{home}" if home != "torch" else "metagrad"), _SHORT.get(name, name)
            )
    raise AttributeError(name)
