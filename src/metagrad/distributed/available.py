"""What there is to be had, as programs ask before they make a group: backends, and how much is checked and told."""

from __future__ import annotations

import enum
import os
from typing import Any

from metagrad.distributed.reduction import ReduceOp

BACKENDS = ("mpi", "threads")
STAND_FOR_MPI = ("gloo", "nccl", "cpu:gloo,cuda:nccl")  # engines of PyTorch's that programs ask for by name


def is_available() -> bool:
    """True: ranks as threads of one process can always run. ``is_mpi_available`` asks for several processes."""
    return True


def is_mpi_available() -> bool:
    """Whether mpi4py is installed: ``pip install "metagrad[mpi]"``."""
    from importlib.util import find_spec

    return find_spec("mpi4py") is not None


def is_nccl_available() -> bool:
    """False."""
    return False


is_gloo_available = is_ucc_available = is_xccl_available = is_nccl_available


def is_torchelastic_launched() -> bool:
    """False: ``metagrad launch`` begins a run again from its last checkpoint, and does not change its size while it runs."""
    return False


def is_backend_available(backend: str) -> bool:
    """Whether ``init_process_group`` takes this name: metagrad's own, and those of PyTorch's that stand for MPI, if that is here.

    >>> is_backend_available("threads"), is_backend_available("carrier pigeons")
    (True, False)
    """
    name = backend.lower()
    return name == "threads" or is_mpi_available() and (name in BACKENDS or name in STAND_FOR_MPI)


def get_default_backend_for_device(device: Any) -> str:
    """``"gloo"``, as PyTorch has it for the CPU, which means whatever there is here; tensors of a GPU go the same way."""
    return "gloo"


def supports_complex(reduce_op: ReduceOp) -> bool:
    """Whether an op has a meaning for complex tensors, which have no order.

    >>> supports_complex(ReduceOp.SUM), supports_complex(ReduceOp.MAX)
    (True, False)
    """
    return reduce_op in (ReduceOp.SUM, ReduceOp.AVG)


class DebugLevel(enum.Enum):
    """How much PyTorch checks and tells; here calls are always compared, and nothing is told."""

    OFF = 0
    INFO = 1
    DETAIL = 2


_level = [DebugLevel.__members__.get(os.environ.get("TORCH_DISTRIBUTED_DEBUG", ""), DebugLevel.OFF)]


def get_debug_level() -> DebugLevel:
    """What the environment's TORCH_DISTRIBUTED_DEBUG, or ``set_debug_level``, says."""
    return _level[-1]


def set_debug_level(arg0: DebugLevel) -> None:
    """Change what ``get_debug_level`` says, and nothing else."""
    _level[:] = [DebugLevel(arg0)]
