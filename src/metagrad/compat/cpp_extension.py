"""``torch.utils.cpp_extension``: libraries import it at their top, and do without compiled parts where making them fails."""

from __future__ import annotations

from typing import Any

__all__ = [
    "CUDA_HOME", "ROCM_HOME", "BuildExtension", "CUDAExtension", "CppExtension", "include_paths", "is_ninja_available", "load",
    "load_inline", "verify_ninja_availability",
]  # fmt: skip

CUDA_HOME = ROCM_HOME = None


def load(*args: Any, **kwargs: Any) -> Any:
    """Raises RuntimeError: there is nothing to link to."""
    raise RuntimeError(
        "there is nothing to link to: metagrad is Python; a custom autograd.Function is an op of one's own"
    )


load_inline = CppExtension = CUDAExtension = verify_ninja_availability = load


class BuildExtension:
    """The class of commands that build extensions: making one raises RuntimeError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        load()

    with_options = load


def include_paths(*args: Any, **kwargs: Any) -> list[str]:
    """None: there are no header files."""
    return []


def is_ninja_available() -> bool:
    """False: nothing is built."""
    return False
