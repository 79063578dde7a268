"""The one kind of error that files in PyTorch's format raise."""

from __future__ import annotations

import pickle


class CheckpointError(ValueError, RuntimeError, pickle.UnpicklingError):
    """A file that is damaged, of another kind, or asks for more than it may.

    PyTorch raises RuntimeError for some of these and UnpicklingError for others; it is both, so programs catch it.
    """


class NotAFile(TypeError, AttributeError):
    """What is neither a path nor a file, for which PyTorch raises AttributeError."""


class EmptyFileError(CheckpointError, EOFError):
    """A file with nothing in it, for which PyTorch raises EOFError."""
