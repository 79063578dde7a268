"""What registering a hook returns."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import Any, Self

__all__ = ["RemovableHandle"]


class RemovableHandle:
    """A registered hook: ``remove()`` takes it away again, and so does leaving a ``with`` block.

    >>> from metagrad.utils.hooks import RemovableHandle
    >>> hooks = {}
    >>> handle = RemovableHandle(hooks, print)
    >>> len(hooks), handle.remove(), len(hooks)
    (1, None, 0)
    """

    _ids = itertools.count()

    def __init__(self, hooks: dict[int, Any], hook: Any, prepend: bool = False) -> None:
        self.hooks, self.id = hooks, next(self._ids)
        hooks[self.id] = hook
        if prepend and isinstance(hooks, OrderedDict):
            hooks.move_to_end(self.id, last=False)

    def remove(self) -> None:
        """Take the hook away; doing it twice does no harm."""
        self.hooks.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
