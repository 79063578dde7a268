"""``python -m torch.utils.collect_env``: what a bug report should say of the machine and of what is installed."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

__all__ = ["get_pretty_env_info", "main"]


def get_pretty_env_info() -> str:
    """Versions of metagrad, Python, NumPy and what metagrad uses where it is there; the system and its threads.

    >>> "NumPy" in get_pretty_env_info()
    True
    """
    from metagrad.base.version import __version__
    from metagrad.kernels.threads import get_num_threads

    lines = [
        f"metagrad: {__version__}",
        f"Python: {sys.version.split()[0]} ({platform.python_implementation()})",
        f"System: {platform.platform()}",
        f"Threads: {get_num_threads()}",
    ]
    for title, name in [("NumPy", "numpy"), ("SciPy", "scipy"), ("Numba", "numba"), ("CuPy", "cupy-cuda12x")]:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = "not installed"
        lines.append(f"{title}: {version}")
    return "\n".join(lines)


def main() -> None:
    """Print it."""
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
