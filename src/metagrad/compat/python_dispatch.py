"""``torch.utils._python_dispatch``: a protocol below ``__torch_function__``, of PyTorch's inner ops. Here there is none."""

from __future__ import annotations

import contextlib
from typing import Any

__all__ = ["TorchDispatchMode", "is_traceable_wrapper_subclass"]


class TorchDispatchMode:
    """Entering it raises NotImplementedError: ``torch.overrides.TorchFunctionMode`` is asked of every function."""

    def __enter__(self) -> Any:
        raise NotImplementedError(
            "__torch_dispatch__ is asked of PyTorch's inner ops, which metagrad does not have: use TorchFunctionMode"
        )

    def __exit__(self, *_: object) -> None:
        return None


def is_traceable_wrapper_subclass(t: object) -> bool:
    """False: no tensor is made of others in that protocol."""
    return False


_disable_current_modes = contextlib.nullcontext
