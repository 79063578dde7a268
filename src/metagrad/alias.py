"""metagrad under the name ``torch``: programs written for PyTorch run as they stand.

``metagrad run program.py`` uses it; in a program of one's own, ``metagrad.alias.install()`` before the first ``import torch``.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["TorchFinder", "install", "run", "uninstall"]

_ELSEWHERE = {  # modules of PyTorch's whose content metagrad has in a module of another name
    "torch._tensor": "tensor",
    "torch.functional": "",
    "torch.nn.modules.channelshuffle": "nn.modules.folding",
    "torch.nn.modules.fold": "nn.modules.folding",
    "torch.nn.modules.instancenorm": "nn.modules.batchnorm",
    "torch.nn.modules.pixelshuffle": "nn.modules.folding",
    "torch.optim.adamw": "optim.adam",
    "torch.utils.data._utils": "utils.data",
    "torch.utils.data._utils.collate": "utils.data.collate",
}


class TorchFinder:
    """Finds ``torch`` and ``torch.nn.functional`` where Python looks for modules: as metagrad's modules of those names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Of ``torch`` and what is below it, if metagrad has it."""
        if fullname.partition(".")[0] != "torch":
            return None
        return ModuleSpec(fullname, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """metagrad's module."""
        name = f"metagrad.{_ELSEWHERE.get(spec.name, spec.name[len('torch.') :])}".rstrip(".")
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not error.name.startswith("metagrad"):
                raise
            raise ModuleNotFoundError(f"metagrad has no module {name!r}, for {spec.name!r}", name=spec.name) from None
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the module is there. It keeps the spec it was made from."""
        if module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state


_finder = TorchFinder()


def install() -> None:
    """From here on ``import torch`` is ``import metagrad``. An error if PyTorch itself was imported before."""
    present = sys.modules.get("torch")
    if present is not None and present.__name__ != "metagrad":
        raise RuntimeError("PyTorch has been imported already: install the alias before the first `import torch`")
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


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
