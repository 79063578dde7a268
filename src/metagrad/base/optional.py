"""Optional libraries, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any


def need(name: str, extra: str) -> Any:
    """The module ``name``; if it is missing, an ImportError that says which extra of metagrad brings it.

    >>> need("json", extra="tagger").dumps([1])
    '[1]'
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f'{name} is needed for this and could not be imported ({error}): pip install "metagrad[{extra}]"'
        ) from error
