"""``metagrad.save`` and ``metagrad.load``: state dicts on disk, in PyTorch's format or as safetensors.

==================  =========================================================================
``storages.py``     how PyTorch's files name number types, and tensors as views of storages
``writing.py``      a ``.pt`` file that ``torch.load`` opens
``reading.py``      ``.pt`` files, without running anything that stands in them
==================  =========================================================================
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from metagrad.autograd.variable import Variable
from metagrad.base.files import write_atomically
from metagrad.serialization.reading import CheckpointError, looks_like_torch, read
from metagrad.serialization.safetensors import load as load_safetensors
from metagrad.serialization.safetensors import save as save_safetensors
from metagrad.serialization.writing import as_bytes

__all__ = ["CheckpointError", "load", "save"]

File = str | os.PathLike[str] | IO[bytes]


def save(
    obj: Any,
    f: File,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write tensors in plain containers (dicts, lists, tuples, numbers, strings) to a file that ``torch.load`` opens too.

    f: a path, or a binary file open for writing. A path is written atomically. If its name ends in ``.safetensors`` and obj
    is a dict of tensors, the file is in that format. Tensors that share memory share it again after ``load``. Raises
    TypeError for other objects, such as a whole Module: save its ``state_dict()``. The pickle arguments are unused.

    >>> import metagrad, tempfile
    >>> model = metagrad.nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     metagrad.save({"epoch": 3, "model": model.state_dict()}, folder + "/checkpoint.pt")
    ...     found = metagrad.load(folder + "/checkpoint.pt")
    >>> found["epoch"], found["model"]["weight"].equal(model.weight)
    (3, True)
    """
    if isinstance(f, (str, os.PathLike)):
        path = Path(f)
        if path.suffix == ".safetensors":
            if not isinstance(obj, Mapping) or not all(isinstance(v, Variable) for v in obj.values()):
                raise TypeError(
                    "a .safetensors file holds a dict of tensors, such as a state_dict; for anything nested give the file "
                    "another ending, such as .pt"
                )
            write_atomically(path, [save_safetensors(obj)])
        else:
            write_atomically(path, [as_bytes(obj, path.stem or "archive")])
        return
    if not hasattr(f, "write"):
        raise TypeError(f"save expects a path or a binary file open for writing, got {type(f).__name__}")
    f.write(as_bytes(obj, "archive"))


def load(
    f: File,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool = True,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What ``save``, or PyTorch's ``torch.save`` of a state dict, wrote; also the tensors of a safetensors file.

    f: a path, or a binary file open for reading. map_location: a device for the tensors (a function or a dict means the CPU,
    where all tensors are made first). Only tensors and plain containers are ever made, whatever ``weights_only`` says: a
    file that asks for anything else, or is damaged, raises CheckpointError.

    >>> import io, metagrad
    >>> file = io.BytesIO()
    >>> metagrad.save([metagrad.ones(2), "text"], file)
    >>> _ = file.seek(0)
    >>> metagrad.load(file)
    [tensor([1., 1.]), 'text']
    """
    if isinstance(f, (str, os.PathLike)):
        name, data = os.fspath(f), Path(f).read_bytes()
    elif hasattr(f, "read"):
        name, data = str(getattr(f, "name", "the file")), f.read()
    else:
        raise TypeError(f"load expects a path or a binary file open for reading, got {type(f).__name__}")
    try:
        found = read(io.BytesIO(data)) if looks_like_torch(data) else load_safetensors(data)
    except ValueError as error:
        raise CheckpointError(f"{name}: {error}") from error
    device = map_location if isinstance(map_location, str) or hasattr(map_location, "type") else None
    return found if device is None or str(device).startswith("cpu") else _moved(found, device)


def _moved(value: Any, device: Any) -> Any:
    if isinstance(value, Variable):
        return value.to(device)  # type: ignore[attr-defined]
    if isinstance(value, dict):
        for key in value:
            value[key] = _moved(value[key], device)
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(_moved(v, device) for v in value)
    return value
