"""The libraries of the ``tagger`` extra, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any


def need(name: str) -> Any:
    """An optional library; if it is missing, an ImportError that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f'{name} is needed for this and could not be imported ({error}): pip install "metagrad[tagger]"'
        ) from error
