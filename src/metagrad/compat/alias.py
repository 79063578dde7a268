"""metagrad under the name ``torch``: programs written for PyTorch run as they stand.

``metagrad run program.py`` uses it; in a program of one's own, ``metagrad.alias.install()`` before the first ``import torch``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from metagrad.compat import module_paths

__all__ = ["TorchFinder", "install", "run", "uninstall"]


class TorchFinder(module_paths.ModuleFinder):
    """Finds ``torch`` and ``torch.nn.functional`` where Python looks for modules: as metagrad's modules of those names."""

    def located(self, name: str) -> str | None:
        """metagrad's module of this name."""
        package, _, path = name.partition(".")
        if package != "torch":
            return None
        return f"metagrad.{path}" if path else "metagrad"


_finder = TorchFinder()


def install() -> None:
    """From here on ``import torch`` is ``import metagrad``. An error if PyTorch itself was imported before."""
    present = sys.modules.get("torch")
    if present is not None and present.__name__ != "metagrad":
        raise RuntimeError("PyTorch has been imported already: install the alias before the first `import torch`")
    module_paths.install(_finder)


def uninstall() -> None:
    """``import torch`` looks for PyTorch again."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name in [n for n in sys.modules if n.partition(".")[0] == "torch"]:
        if sys.modules[name].__name__.partition(".")[0] == "metagrad":
            del sys.modules[name]


def run(program: str, arguments: Sequence[str] = (), module: bool = False) -> None:
    """Run a program (or with ``module`` a module) as ``python`` would, with metagrad in PyTorch's place."""
    import os
    import runpy

    install()
    sys.argv = [program, *arguments]
    sys.path.insert(0, os.getcwd() if module else os.path.dirname(os.path.abspath(program)))
    if module:
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(program, run_name="__main__")
