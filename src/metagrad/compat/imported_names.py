"""Names that a file of PyTorch's only imports, and that programs import from there all the same.

``IMPORTED`` says, for the path of such a file, where each of them is: ``"module: names"``, the module by its path below ``torch``.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["IMPORTED", "imported"]

_ASKING = "overrides: handle_torch_function has_torch_function has_torch_function_unary has_torch_function_variadic"
_TENSOR = "_tensor: Tensor"
IMPORTED = {
    "_tensor": (_ASKING, "overrides: get_default_nowrap_functions"),
    "_vmap_internals": (_TENSOR,),
    "autograd": ("overrides: handle_torch_function has_torch_function is_tensor_like", "profiler: ProfilerActivity"),
    "autograd.functional": ("autograd: forward_ad",),
    "autograd.gradcheck": ("overrides: is_tensor_like", "func: vmap"),
    "distributions.kl": ("distributions: HalfNormal",),
    "distributions.transforms": (
        _TENSOR,
        "distributions: Distribution constraints",
        "distributions.utils: broadcast_all lazy_property tril_matrix_to_vec vec_to_tril_matrix",
        "nn.functional: pad softplus",
        "nn: functional",
    ),
    "distributions.utils": ("overrides: is_tensor_like", "nn: functional", "types: Device Number"),
    "functional": (_ASKING, "nn: functional"),
    "fft": (_TENSOR,),
    "nn.functional": (
        _ASKING,
        _TENSOR,
        "jit.annotations: BroadcastingList1 BroadcastingList2 BroadcastingList3",
        "nn: grad",
    ),
    "nn.modules.activation": ("nn.init: constant_ xavier_normal_ xavier_uniform_",),
    "nn.modules.module": ("utils.hooks: BackwardHook RemovableHandle", "torch: device dtype"),
    "nn.modules.transformer": ("nn.init: xavier_uniform_",),
    "nn.utils.parametrizations": ("nn: functional",),
    "nn.utils.stateless": (_TENSOR,),
    "optim.lr_scheduler": (_TENSOR, "optim: Optimizer"),
    "optim.optimizer": ("utils.hooks: RemovableHandle", "utils: hooks"),
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
