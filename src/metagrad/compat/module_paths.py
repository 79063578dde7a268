"""Module paths that programs import, answered by the modules that have what stands there in PyTorch.

``import metagrad.jit`` finds ``metagrad.compat.jit``, and ``metagrad.optim.adamw`` the file that holds AdamW: one module object
under two names, so that nothing is loaded twice. ``metagrad.compat.alias`` finds ``torch`` and all below it in the same way.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["MODULES", "ModuleFinder", "install"]

MODULES = {  # a module's public path: where the module is; what lies below the path lies below the module
    "accelerator": "compat.accelerator",
    "alias": "compat.alias",
    "amp": "compat.amp",
    "autograd.profiler": "profiler",
    "backends": "compat.backends",
    "checkpoints": "serialization.checkpoint",
    "compiler": "compat.compiler",
    "cuda": "compat.cuda",
    "dataloader": "utils.data",
    "dataset": "utils.data",
    "distributed.checkpoint": "serialization.ranks",
    "distributions.categorical": "distributions.discrete",
    "distributions.kl": "distributions.divergence",
    "distributions.normal": "distributions.continuous",
    "functional": "",
    "inspection": "utils.summary",
    "jit": "compat.jit",
    "loss": "nn.modules.loss",
    "metrics": "utils.metrics",
    "module": "nn.modules",
    "mps": "compat.mps",
    "multiprocessing": "compat.multiprocessing",
    "nn.modules.channelshuffle": "nn.modules.pixelshuffle",
    "nn.modules.instancenorm": "nn.modules.batchnorm",
    "optim.adamw": "optim.adam",
    "random": "ops.create.random",
    "return_types": "base.results",
    "rnn_utils": "nn.utils.rnn",
    "storage": "tensors.storage",
    "types": "compat.types",
    "utils.data._utils": "utils.data",
    "version": "base.version",
    "viz": "utils.viz",
    "xpu": "compat.xpu",
    "_tensor": "tensors.tensor",
}


class ModuleFinder:
    """Finds modules under the paths that programs know them by; ``located`` says where each of them is."""

    def located(self, name: str) -> str | None:
        """The module that answers for ``name``, or None if it is found as usual."""
        package, _, path = name.partition(".")
        if package != "metagrad":
            return None
        parts = path.split(".")
        for n in range(len(parts), 0, -1):
            found = MODULES.get(".".join(parts[:n]))
            if found is not None:
                return ".".join(["metagrad", *filter(None, [found]), *parts[n:]])
        return None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The import system's question: a spec if the module is one of these."""
        return None if self.located(fullname) is None else ModuleSpec(fullname, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module that answers for the path."""
        name = self.located(spec.name) or spec.name
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


def install(finder: ModuleFinder) -> None:
    """Ask ``finder`` first, once, where Python looks for modules."""
    if finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)
