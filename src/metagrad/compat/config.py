"""``torch.__config__``: what the library was built with, which here is what it runs on."""

from __future__ import annotations

import platform

import numpy as np

from metagrad.base.version import __version__
from metagrad.kernels.threads import get_num_threads

__all__ = ["parallel_info", "show"]


def show() -> str:
    """The versions of metagrad, Python and NumPy, and the machine.

    >>> show().splitlines()[0].startswith("metagrad ")
    True
    """
    return (
        f"metagrad {__version__}, pure Python on NumPy:\n  - Python {platform.python_version()}\n  - NumPy {np.__version__}\n"
        f"  - {platform.machine()}, {platform.system()}\n"
    )


def parallel_info() -> str:
    """How many threads compute.

    >>> "threads" in parallel_info()
    True
    """
    return f"threads of metagrad's kernels and of BLAS: {get_num_threads()}\n"
