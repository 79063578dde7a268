"""A file in PyTorch's format: a zip archive, not compressed, of a pickle that says what there is and each storage's bytes.

The pickle refers to PyTorch's classes by name. They are not needed to write it: the names are written as they are.
"""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.base.device import device as Device
from metagrad.base.size import Size
from metagrad.nn.parameter import Parameter
from metagrad.serialization.storages import NAMES, UNTYPED, place_of

_PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)
_UNTYPED = "UntypedStorage"


class _Global(NamedTuple):
    """A name that a pickle refers to."""

    module: str
    name: str

    def __call__(self, *_: object) -> None:
        """Never called: the pickler only wants to see that it could be."""


class _Storage:
    """Memory that tensors are stretches of, to be written under a number of its own."""

    def __init__(self, key: str, memory: Any, type_name: str) -> None:
        self.key, self.memory, self.type_name = key, memory, type_name


class _Pickler(pickle._Pickler):  # the one written in Python, for it lets a name be written without its object
    memo: dict[int, Any]

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=2)
        self.storages: dict[int, _Storage] = {}
        self.alive: list[Any] = []  # what ids were taken of must live as long as they count

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, _Storage):
            return None
        if obj.type_name == _UNTYPED:  # counted in bytes
            return ("storage", _Global("torch.storage", _UNTYPED), obj.key, "cpu", obj.memory.nbytes)
        return ("storage", _Global("torch", obj.type_name), obj.key, "cpu", len(obj.memory))

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, _Global):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())  # type: ignore[attr-defined]
        elif self.memo.get(id(obj)) is not None or isinstance(obj, _Storage):
            super().save(obj, save_persistent_id)  # type: ignore[misc]
        elif isinstance(obj, Variable):
            self._save_tensor(obj)
        elif isinstance(obj, dtypes.dtype):
            self.save(_Global("torch", obj.name))
        elif isinstance(obj, Device):
            self.save_reduce(_Global("torch", "device"), (str(obj),), obj=obj)  # type: ignore[attr-defined]
        elif isinstance(obj, Size):
            self.save_reduce(_Global("torch", "Size"), (tuple(obj),), obj=obj)  # type: ignore[attr-defined]
        elif isinstance(obj, np.generic):
            self.save(obj.item())
        elif type(obj) in _PLAIN or type(obj) is OrderedDict:
            super().save(obj, save_persistent_id)  # type: ignore[misc]
        else:
            self._save_other(obj)

    def _save_other(self, obj: Any) -> None:
        if (
            any(obj is kind for kind in (OrderedDict, set, frozenset, complex, bytearray))
            or getattr(obj, "__module__", "") == "_codecs"
        ):
            super().save(obj)  # type: ignore[misc]
        elif isinstance(obj, dict):
            self.save(dict(obj))
        else:
            raise TypeError(
                "save takes tensors in plain containers (dict, list, tuple, numbers, strings), got "
                f"{type(obj).__name__}: of a module or an optimizer save the state_dict()"
            )

    def _save_tensor(self, tensor: Any) -> None:
        place = place_of(tensor.array)
        storage = self._storage(place.memory)
        arguments: tuple[Any, ...] = (
            storage,
            place.offset,
            place.size,
            place.stride,
            tensor.requires_grad,
            OrderedDict(),
        )
        rebuild = _Global("torch._utils", "_rebuild_tensor_v2")
        code = place.memory.dtype.str[1:]
        if code in UNTYPED:
            rebuild = _Global("torch._utils", "_rebuild_tensor_v3")
            arguments = (*arguments, _Global("torch", UNTYPED[code]))
        if not isinstance(tensor, Parameter):
            self.save_reduce(rebuild, arguments, obj=tensor)  # type: ignore[attr-defined]
            return
        plain = tensor.detach()
        self.alive.append(plain)
        whole: tuple[Any, ...] = (plain, tensor.requires_grad, OrderedDict())
        self.save_reduce(_Global("torch._utils", "_rebuild_parameter"), whole, obj=tensor)  # type: ignore[attr-defined]

    def _storage(self, memory: Any) -> _Storage:
        address = memory.__array_interface__["data"][0]
        code = memory.dtype.str[1:]
        if len(memory) and address in self.storages and self.storages[address].memory.dtype == memory.dtype:
            return self.storages[address]
        storage = _Storage(str(len(self.alive)), memory, NAMES.get(code, _UNTYPED))
        self.alive.append(storage)
        self.storages[address if len(memory) else -len(self.alive)] = storage
        return storage


def as_bytes(obj: Any, name: str) -> bytes:
    """The whole file. name: of the folder in the archive."""
    description = io.BytesIO()
    pickler = _Pickler(description)
    pickler.dump(obj)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as zipped:
        zipped.writestr(f"{name}/data.pkl", description.getvalue())
        zipped.writestr(f"{name}/byteorder", sys.byteorder)
        for storage in pickler.storages.values():
            zipped.writestr(f"{name}/data/{storage.key}", storage.memory.tobytes())
        zipped.writestr(f"{name}/version", "3\n")
    return archive.getvalue()
