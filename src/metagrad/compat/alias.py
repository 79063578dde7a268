"""metagrad under the name ``torch``: programs written for PyTorch run as they stand.

``metagrad run program.py`` uses it; in a program of one's own, ``metagrad.alias.install()`` before the first ``import torch``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from multiprocessing import spawn
from types import ModuleType
from typing import Any

from metagrad.base import naming
from metagrad.compat import beside, class_names, module_paths, torch_function, torch_version
from metagrad.ops.create import random

__all__ = ["TorchFinder", "install", "run", "uninstall"]

_metagrad: Any = sys.modules["metagrad"]  # whose names it is: the package is there before its modules
_MODULES = "functional torch_version __config__ __future__ _functorch _jit_internal _tensor _vmap_internals".split()
_LEFT_OUT = {  # parts of names, and why metagrad has none of them
    "sparse": "sparse tensors are left out",
    "quantize": "quantization is left out",
    "nested": "nested tensors are left out; nn.utils.rnn packs sequences of different lengths",
    "export": "programs are not written down as graphs; onnx.export writes a model as an ONNX file",
}
_VERSIONS = {"version", "torch_version"}  # modules that speak of PyTorch's version


class TorchModule(module_paths.Package):
    """``torch``: metagrad's names, under PyTorch's name and version. What is assigned here stays here."""

    def __init__(self) -> None:
        super().__init__("torch", _metagrad.__doc__)
        vars(self).update(
            {name: value for name, value in vars(_metagrad).items() if not (name.startswith("__") or _is_module(value))}
        )
        self.__path__, self.__file__ = _metagrad.__path__, _metagrad.__file__
        self.__version__, self.version = torch_version.__version__, torch_version

    def __getattr__(self, name: str) -> Any:
        if name == "torch":  # in PyTorch it is there by chance, and programs write torch.torch.Tensor
            return self
        if name == "ops":  # metagrad.ops is the folder of its ops
            from metagrad.compat.library import ops

            return ops
        if name in _MODULES:
            return importlib.import_module(f"torch.{name}")
        if name.startswith("__"):
            raise AttributeError(f"module 'torch' has no attribute {name!r}")
        try:
            value = getattr(_metagrad, name)
        except AttributeError:
            why = next((f": {why}" for start, why in _LEFT_OUT.items() if start in name), "")
            raise AttributeError(f"module 'torch' has no attribute {name!r}{why}") from None
        if _is_module(value) and importlib.util.find_spec(f"torch.{name}") is not None:
            value = importlib.import_module(f"torch.{name}")
        self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *dir(_metagrad)})


def _is_module(value: object) -> bool:
    return isinstance(value, ModuleType)


class TorchFinder(module_paths.ModuleFinder):
    """Finds ``torch`` and ``torch.nn.functional`` where Python looks for modules: as metagrad's modules of those names.

    ``functorch``, which came with PyTorch, is found too.
    """

    def located(self, name: str) -> str | None:
        """metagrad's module of this name."""
        package, _, path = name.partition(".")
        if name in ("functorch", "functorch.experimental"):
            return "metagrad.functorch"
        if package != "torch":
            return None
        if path in _VERSIONS:
            return torch_version.__name__
        return f"metagrad.{path}" if path else "metagrad"

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The import system's question: a spec of these modules, and of those whose classes are to have PyTorch's names."""
        return class_names.watched(fullname, path) or super().find_spec(fullname, path, target)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module that answers for the path; for ``torch`` itself one that has its name and version."""
        return TorchModule() if spec.name == "torch" else super().create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the module is there. It finds what else PyTorch has in the file of that path."""
        if isinstance(module, TorchModule):
            return
        path = "" if module.__spec__ is None else module.__spec__.name.partition(".")[2]
        super().exec_module(module)
        beside.complete(module, path)
        for child in (*beside.PATHS, *beside.ELSEWHERE, *beside.IMPORTED):  # loaded before, and not under this name
            if child.startswith(path + ".") and self._module_of(child) in sys.modules:
                importlib.import_module(f"torch.{child}")

    @staticmethod
    def _module_of(path: str) -> str:
        return module_paths.moved(path) or f"metagrad.{path}"

    def find_distributions(self, context: Any = None) -> Iterator[Any]:
        """The question of ``importlib.metadata.version("torch")``."""
        if getattr(context, "name", None) == "torch":
            from metagrad.compat.torch_distribution import TorchDistribution  # what it imports takes a while

            yield TorchDistribution()


class _InChild:
    """What is sent to a process that is started anew, so that the alias is there before the program is imported."""

    def __reduce__(self) -> Any:
        lines = "import sys", "sys.path[:] = path", "from metagrad import alias", "alias.install()"
        return exec, ("; ".join(lines), {"path": [*sys.path]})


def _told(name: str) -> dict[str, Any]:
    """What ``multiprocessing`` tells a new process of its program, and the alias beside it."""
    return {**_preparation_data(name), "alias": _InChild()}


_finder = TorchFinder()
_preparation_data = spawn.get_preparation_data


def install() -> None:
    """From here on ``import torch`` is ``import metagrad``, and seeds give PyTorch's numbers.

    Raises RuntimeError if PyTorch itself was imported before.
    """
    present = sys.modules.get("torch")
    if present is not None and not isinstance(present, TorchModule):
        raise RuntimeError("PyTorch has been imported already: install the alias before the first `import torch`")
    importlib.import_module("multiprocessing.connection")  # which programs name unimported, for PyTorch imports it
    module_paths.install(_finder)
    torch_function.notice_classes()
    naming.package = "torch"
    spawn.get_preparation_data = _told
    class_names.give_all()  # messages show <class 'torch.Tensor'>
    random.use_numbers_of("pytorch")


def uninstall() -> None:
    """``import torch`` looks for PyTorch again."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    torch_function.notice_no_classes()
    naming.package = "metagrad"
    spawn.get_preparation_data = _preparation_data
    class_names.take_back()
    random.use_numbers_of("metagrad")
    for name in [n for n in sys.modules if n.partition(".")[0] in ("torch", "functorch")]:
        module = sys.modules[name]
        if isinstance(module, TorchModule) or module.__name__.partition(".")[0] == "metagrad":
            del sys.modules[name]


def run(program: str, arguments: Sequence[str] = (), module: bool = False) -> None:
    """Run a program (or with ``module`` a module) as ``python`` would, with metagrad in PyTorch's place.

    metagrad's own commands run as what they are: their seeds give the numbers that they give everywhere.
    """
    import os
    import runpy

    if not (module and program.partition(".")[0] == "metagrad"):
        install()
    sys.argv = [program, *arguments]
    sys.path.insert(0, os.getcwd() if module else os.path.dirname(os.path.abspath(program)))
    if module:
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(program, run_name="__main__")
