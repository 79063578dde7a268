"""The garbage collector, held off while what is made will stay.

Python looks through all objects for unreachable circles whenever some thousands have been made. An import makes that many
functions and classes, and none of them can go: a seventh of the time of ``import metagrad`` was spent looking.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Inside, no garbage is collected. At the end all is as it was before, and what has been made counts as old already.

    >>> with no_collection():
    ...     gc.isenabled()
    False
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()  # to the oldest generation, unsearched: else the next collection would go through all of it
        if was_enabled:
            gc.enable()
