"""``torch._C``: what programs reach for in the part of PyTorch that is written in C++, as far as metagrad has it.

The functions that ask what mode PyTorch is in answer that it is in none: nothing is traced or compiled here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from metagrad.autograd.mode import mode
from metagrad.autograd.transforms import running
from metagrad.base.device import device
from metagrad.base.dtypes import dtype
from metagrad.base.layouts import layout, memory_format
from metagrad.base.size import Size
from metagrad.compat import script_types
from metagrad.compat.c_signatures import of_nn
from metagrad.compat.dispatch_keys import DispatchKey, DispatchKeySet, without_keys
from metagrad.compat.jit import ScriptFunction, ScriptModule
from metagrad.compat.torch_function import disabled
from metagrad.compat.torch_overrides import DisableTorchFunction, DisableTorchFunctionSubclass, has_torch_function
from metagrad.ops.create.conversion import target_of
from metagrad.ops.create.random import Generator
from metagrad.ops.linalg.matrices import LinAlgError
from metagrad.tensors.methods import Methods as TensorBase

__all__ = [
    "DisableTorchFunction", "DisableTorchFunctionSubclass", "DispatchKey", "DispatchKeySet", "Generator",
    "PyTorchFileReader", "PyTorchFileWriter", "ScriptFunction", "ScriptModule", "ScriptObject", "Size", "TensorBase", "device",
    "dtype", "layout", "memory_format",
]  # fmt: skip

_TensorBase = TensorBase


class PyTorchFileReader:
    """Making one raises NotImplementedError: ``metagrad.load`` reads files."""

    def __init__(self, *args: object) -> None:
        raise NotImplementedError(
            f"{type(self).__name__}: files are read by metagrad.load and written by metagrad.save"
        )


class PyTorchFileWriter(PyTorchFileReader):
    """Making one raises NotImplementedError: ``metagrad.save`` writes files."""


class ScriptObject:
    """The class of TorchScript's objects, of which there are none here."""


_disabled_torch_function_impl = disabled
_TensorMeta = type
_ExcludeDispatchKeyGuard = without_keys


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


def _are_functorch_transforms_active() -> bool:
    """Whether a function is being mapped or differentiated: ``vmap``, ``grad`` or another of ``func`` runs it.

    >>> import metagrad
    >>> _are_functorch_transforms_active(), metagrad.vmap(lambda x: x + _are_functorch_transforms_active())(metagrad.zeros(2))
    (False, tensor([1., 1.]))
    """
    return bool(running.count or mode.levels)


def _has_cuda() -> bool:
    """False: PyTorch's CUDA is not there; GPUs are used through CuPy."""
    return False


def _jit_set_profiling_executor(on: bool) -> bool:
    """Whether TorchScript's profiler was on: never, and it stays off."""
    return False


_jit_set_profiling_mode = _jit_set_profiling_executor


class _Functions:
    """``torch._C._nn``: the neural functions, and how the arguments of ``to`` are read."""

    def __getattr__(self, name: str) -> Any:
        return of_nn(name)

    def _parse_to(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
        kind, where = target_of(args, kwargs.get("dtype"), kwargs.get("device"))
        return where, kind, bool(kwargs.get("non_blocking", False)), kwargs.get("memory_format")


_nn = _Functions()


def __getattr__(name: str) -> Any:
    if name in script_types.NAMES:
        return script_types.named(name)
    if name == "_LinAlgError":
        return LinAlgError
    raise AttributeError(f"module 'torch._C' has no attribute {name!r}")
