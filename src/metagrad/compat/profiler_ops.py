"""``torch.ops.profiler``: ops by which a graph names a part of a program, as ``record_function`` does in the program itself."""

from __future__ import annotations

from metagrad.compat.library import custom_op
from metagrad.ops.create.from_data import tensor
from metagrad.profiler.recording import record_function
from metagrad.tensors.tensor import Tensor

_begun: dict[int, record_function] = {}


def _record_function_enter(name: str, args: str | None = None) -> Tensor:
    """Begins the part ``name``; what comes back ends it, given to ``_record_function_exit``."""
    begun = record_function(name).__enter__()
    _begun[id(begun)] = begun
    return tensor(id(begun))


def _record_function_exit(handle: Tensor) -> None:
    """Ends the part that gave ``handle``."""
    _begun.pop(int(handle)).__exit__()


for _op in (_record_function_enter, _record_function_exit):
    custom_op(f"profiler::{_op.__name__}", _op, mutates_args=())
