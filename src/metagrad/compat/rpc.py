"""``torch.distributed.rpc`` and its ``autograd``: calls of functions on other ranks, left out; libraries import the names.

>>> is_available()
False
"""

from __future__ import annotations

import functools
from typing import Any

_FUNCTIONS = "backward context get_gradients get_worker_info init_rpc remote rpc_async rpc_sync shutdown".split()
_CLASSES = "BackendType PyRRef RRef RpcBackendOptions TensorPipeRpcBackendOptions WorkerInfo".split()

__all__ = ["is_available", *_FUNCTIONS, *_CLASSES]


def is_available() -> bool:
    """False."""
    return False


def _refuse(name: str, *args: Any, **kwargs: Any) -> Any:
    raise RuntimeError(
        f"{name}: functions are not called on other ranks; ranks exchange tensors with metagrad.distributed's send(), "
        "recv() and collectives"
    )


class _Remote:
    """What stands for a value on another rank: making one raises RuntimeError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse(type(self).__name__)


for _name in _CLASSES:
    globals()[_name] = type(_name, (_Remote,), {"__doc__": _Remote.__doc__, "__module__": __name__})
for _name in _FUNCTIONS:
    globals()[_name] = functools.partial(_refuse, _name)
