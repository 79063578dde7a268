"""What can go wrong between a model and its file."""

from __future__ import annotations

__all__ = ["ExportError", "LoadError", "UnsupportedOperators"]


class ExportError(RuntimeError):
    """A model, or a part of it, has no counterpart in ONNX; the message names the op and the line that used it."""


class LoadError(ValueError):
    """A file that is no ONNX model, is damaged, or asks for what it should not have."""


class UnsupportedOperators(LoadError):
    """A model uses operators that metagrad does not have: all of them are named at once."""
