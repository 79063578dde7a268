"""Optional libraries, imported where they are used."""

from __future__ import annotations

import importlib
from types import ModuleType


class MissingExtra(ImportError):
    """A library that one of metagrad's extras brings is not installed."""


def need(name: str, extra: str) -> ModuleType:
    """The module ``name``; if it is missing, a MissingExtra that says which extra of metagrad brings it.

    >>> need("json", extra="tagger").dumps([1])
    '[1]'
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(
            f'{name} is needed for this and could not be imported ({error}): pip install "metagrad[{extra}]"'
        ) from error
