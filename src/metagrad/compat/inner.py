"""``torch._C``: what programs reach for in the part of PyTorch that is written in C++, as far as metagrad has it.

The functions that ask what mode PyTorch is in answer that it is in none: nothing is traced or compiled here.
"""

from __future__ import annotations

from collections.abc import Iterable

from metagrad.base.device import device
from metagrad.base.dtypes import dtype
from metagrad.base.layouts import layout, memory_format
from metagrad.base.size import Size
from metagrad.compat.jit import ScriptFunction, ScriptModule
from metagrad.compat.torch_function import disabled
from metagrad.compat.torch_overrides import DisableTorchFunction, DisableTorchFunctionSubclass, has_torch_function
from metagrad.nn import functional as _nn  # noqa: F401 (programs reach for torch._C._nn)
from metagrad.ops.create.random import Generator
from metagrad.tensors.methods import Methods as TensorBase

__all__ = [
    "DisableTorchFunction", "DisableTorchFunctionSubclass",
    "Generator", "ScriptFunction", "ScriptModule", "ScriptObject", "Size", "TensorBase", "device", "dtype", "layout",
    "memory_format",
]  # fmt: skip

_TensorBase = TensorBase


class ScriptObject:
    """The class of TorchScript's objects, of which there are none here."""


_disabled_torch_function_impl = disabled
_TensorMeta = type


def _has_torch_function(args: Iterable[object]) -> bool:
    """Whether a class among these arguments' is to be asked."""
    return has_torch_function(args)


def _log_api_usage_once(*event: object) -> None:
    """Nothing: metagrad keeps no record of who uses what."""


def _get_tracing_state() -> None:
    """None: nothing is being traced."""


def _is_tracing() -> bool:
    """False."""
    return False


def _has_cuda() -> bool:
    """False: PyTorch's CUDA is not there; GPUs are used through CuPy."""
    return False
