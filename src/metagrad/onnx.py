"""``metagrad.onnx``: so that programs that import it run; models are kept as safetensors or as state dicts."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["export", "is_in_onnx_export"]


def export(model: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Not there: an ONNX file is a graph of PyTorch's own ops, which metagrad does not have."""
    raise NotImplementedError(
        "metagrad writes no ONNX files: keep model.state_dict() with metagrad.save, and export it with PyTorch, which reads it"
    )


def is_in_onnx_export() -> bool:
    """False: nothing is ever being exported.

    >>> is_in_onnx_export()
    False
    """
    return False
