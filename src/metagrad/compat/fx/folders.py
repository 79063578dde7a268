"""A graph's module as a package of Python: its code, and its parameters in files beside it."""

from __future__ import annotations

import os
import textwrap
import warnings
from pathlib import Path
from typing import Any

from metagrad.nn.modules import batchnorm, conv, linear
from metagrad.serialization.checkpoint import save

__all__ = ["write_folder"]

_AS_THEY_PRINT = (
    linear.Linear, conv.Conv1d, conv.Conv2d, conv.Conv3d, batchnorm.BatchNorm1d, batchnorm.BatchNorm2d, batchnorm.BatchNorm3d,
)  # fmt: skip
_HEAD = """
import torch
from math import inf
from math import nan
NoneType = type(None)
import torch
from torch import device
import torch.fx._pytree as fx_pytree
import torch.utils._pytree as pytree

from torch.nn import *
class {name}(torch.nn.Module):
    def __init__(self):
        super().__init__()
"""


def write_folder(module: Any, folder: str | os.PathLike[str], name: str) -> None:
    """Write a ``GraphModule`` as a package that exports the class ``name``, whose instances have the module's parameters.

    Modules within are written as they print, if they are layers with parameters and nothing else, and as files of their own.
    """
    where = Path(folder)
    where.mkdir(exist_ok=True)
    save(module.state_dict(), where / "state_dict.pt")
    lines, kept = [], []
    for path, child in module.named_children():
        made, said = repr(child), ""
        if type(child) not in _AS_THEY_PRINT:
            save(child, where / f"{path}.pt")
            kept.append(path)
            made, said = (
                f"torch.load(r'{where / f'{path}.pt'}', weights_only=False)",
                f" # {' '.join(made.splitlines())}",
            )
        lines.append(f"setattr(self, '{path}', {made}){said}")
    for path, buffer in module._buffers.items():
        if buffer is not None:
            lines.append(f"self.register_buffer('{path}', {_room(buffer)})")
    for path, parameter in module._parameters.items():
        if parameter is not None:
            lines.append(f"setattr(self, '{path}', torch.nn.Parameter({_room(parameter)}))")
    lines.append(f"self.load_state_dict(torch.load(r'{where}/state_dict.pt'))")
    body = "".join(f"        {line}\n" for line in lines)
    code = textwrap.indent(module.code, "    ", lambda line: bool(line.strip()))
    (where / "module.py").write_text(f"{_HEAD.format(name=name)}{body}{code}\n", "utf-8")
    (where / "__init__.py").write_text("from .module import *", "utf-8")
    if kept:
        warnings.warn(
            f"modules that do not print as they are made were saved as files of their own: {kept}", stacklevel=3
        )


def _room(tensor: Any) -> str:
    dtype = repr(tensor.dtype).replace("metagrad.", "torch.")
    return f"torch.empty({list(tensor.shape)}, dtype={dtype})"
