"""PyTorch's files, read without running anything that stands in them.

Such a file describes its contents with a pickle, and a pickle may name any function of any module to be called. Here the
names that state dicts need are answered with functions of this file, which make tensors and plain containers; every other
name is refused before it is looked up.
"""

from __future__ import annotations

import codecs
import io
import pickle
import struct
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.base import dtypes
from metagrad.base.device import device as Device
from metagrad.base.size import Size
from metagrad.nn.parameter import Parameter
from metagrad.serialization.storages import STORAGES

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


class CheckpointError(ValueError):
    """A file that is damaged, of another kind, or asks for more than tensors and plain containers."""


def looks_like_torch(data: bytes) -> bool:
    """Whether these bytes begin as PyTorch's files do: a zip archive, or a pickle."""
    return data[:4] == b"PK\x03\x04" or (
        data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04") and data[2:3] == b"\x8a"
    )


class _StorageType:
    """What a file calls the class of a storage."""

    def __init__(self, name: str) -> None:
        self.code = STORAGES.get(name, "u1")


def _tensor(
    storage: Any, offset: int, size: Any, stride: Any, requires_grad: bool = False, hooks: Any = None, *_: Any
) -> Any:
    """``torch._utils._rebuild_tensor_v2``: a view of a storage."""
    return _viewed(storage, offset, size, stride, requires_grad)


def _tensor_of_dtype(
    storage: Any, offset: int, size: Any, stride: Any, requires_grad: bool, hooks: Any, dtype: Any, *_: Any
) -> Any:
    """``torch._utils._rebuild_tensor_v3``: the same, the storage being bytes of a dtype given here."""
    return _viewed(storage.view(dtype.dtype), offset, size, stride, requires_grad)


def _viewed(storage: Any, offset: int, size: Any, stride: Any, requires_grad: bool) -> Any:
    if not isinstance(storage, np.ndarray):
        raise CheckpointError("damaged: a tensor refers to something that is no storage")
    size, stride = tuple(size), tuple(stride)
    counts = (offset, *size, *stride)
    if len(size) != len(stride) or not all(type(n) is int and n >= 0 for n in counts):
        raise CheckpointError(f"damaged: a tensor of size {size}, strides {stride} and offset {offset!r}")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and last >= len(storage):
        raise CheckpointError(f"damaged: a tensor reaches to element {last} of a storage of {len(storage)}")
    steps = tuple(step * storage.itemsize for step in stride)
    # The strides were checked above: no element is outside of the storage.
    array = (
        np.lib.stride_tricks.as_strided(storage[offset:], size, steps)
        if 0 not in size
        else np.empty(size, storage.dtype)
    )
    return wrap(array, bool(requires_grad))


def _parameter(data: Any, requires_grad: bool = True, hooks: Any = None) -> Parameter:
    return Parameter(data, bool(requires_grad))


def _encoded(text: str, encoding: str) -> bytes:
    """How a pickle of protocol 2 writes bytes."""
    return codecs.encode(text, encoding) if encoding in ("latin1", "latin-1") else _refuse("_codecs.encode", encoding)


def _refuse(name: str, *_: Any) -> Any:
    raise CheckpointError(
        f"this file refers to {name}, and metagrad makes nothing but tensors and plain containers from a file: save the "
        "state_dict() instead of the object"
    )


_NAMES: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor_of_dtype,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.nn.parameter", "Parameter"): _parameter,
    ("torch", "Size"): Size,
    ("torch", "device"): Device,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "defaultdict"): defaultdict,
    ("builtins", "dict"): dict,
    ("builtins", "list"): list,
    ("builtins", "tuple"): tuple,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "complex"): complex,
    ("builtins", "bytearray"): bytearray,
    ("builtins", "int"): int,
    ("builtins", "float"): float,
    ("_codecs", "encode"): _encoded,
}


class _Unpickler(pickle.Unpickler):
    """Answers names from the table above and from the names of number types, and nothing else."""

    def __init__(self, file: Any, storage_of: Callable[..., Any]) -> None:
        super().__init__(file, encoding="utf-8")
        self.storage_of = storage_of

    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins"}.get(module, module)
        if (module, name) in _NAMES:
            return _NAMES[module, name]
        if module in ("torch", "torch.storage", "torch.cuda") and (name in STORAGES or name == "UntypedStorage"):
            return _StorageType(name)
        if module == "torch" and isinstance(
            getattr(dtypes, f"{name}_" if name == "bool" else name, None), dtypes.dtype
        ):
            return getattr(dtypes, f"{name}_" if name == "bool" else name)
        return _refuse(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not isinstance(pid[1], _StorageType):
            raise CheckpointError("damaged: a reference to something that is no storage")
        return self.storage_of(*pid[1:])


def _unpickled(file: Any, storage_of: Callable[..., Any]) -> Any:
    try:
        return _Unpickler(file, storage_of).load()
    except CheckpointError:
        raise
    except Exception as error:  # a damaged pickle fails in as many ways as there are opcodes
        raise CheckpointError(f"damaged, or not a file of torch.save: {type(error).__name__}: {error}") from error


def _numbers(data: bytes, code: str, count: int, swapped: bool) -> Any:
    """``count`` elements, which the data must be exactly."""
    stored = np.dtype("u2" if code == "bf16" else code)
    if type(count) is not int or len(data) != count * stored.itemsize:
        raise CheckpointError(f"damaged: a storage of {count} elements in {len(data)} bytes")
    array = np.frombuffer(bytearray(data), stored)
    if swapped:
        array = array.byteswap()
    if code == "bf16":  # the upper half of a float32
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array


def read(file: Any) -> Any:
    """The object in a file of ``torch.save``, of either format."""
    start = file.read(4)
    file.seek(0)
    return _read_zip(file) if start == b"PK\x03\x04" else _read_legacy(file)


def _read_zip(file: Any) -> Any:
    try:
        archive = zipfile.ZipFile(file)
        names = archive.namelist()
        folder = next((name[: -len("data.pkl")] for name in names if name.endswith("/data.pkl")), None)
        if folder is None:
            raise CheckpointError("a zip archive, but not one of torch.save: there is no data.pkl in it")
        if f"{folder}constants.pkl" in names:
            raise CheckpointError("a TorchScript archive, which holds code: save the state_dict() instead")
        broken = archive.testzip()
        if broken is not None:
            raise CheckpointError(f"damaged: {broken} does not have the checksum it should have")
        order = archive.read(f"{folder}byteorder").strip() if f"{folder}byteorder" in names else b"little"
        storages: dict[str, Any] = {}

        def storage_of(kind: _StorageType, key: str, location: str, count: int, *_: Any) -> Any:
            if key not in storages:
                storages[key] = _numbers(archive.read(f"{folder}data/{key}"), kind.code, count, order != _native())
            return storages[key]

        return _unpickled(io.BytesIO(archive.read(f"{folder}data.pkl")), storage_of)
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError) as error:
        raise CheckpointError(f"damaged: {error}") from error


def _native() -> bytes:
    return b"little" if np.little_endian else b"big"


def _read_legacy(file: Any) -> Any:
    """PyTorch before 1.6: five pickles after each other, then each storage's bytes."""

    def none(*_: Any) -> Any:
        raise CheckpointError("damaged: a storage before the contents")

    magic, _, system = (_unpickled(file, none) for _ in range(3))
    if magic != _LEGACY_MAGIC:
        raise CheckpointError("a pickle, but not one of torch.save; metagrad loads no other")
    little = not isinstance(system, dict) or bool(system.get("little_endian", True))
    storages: dict[str, Any] = {}
    codes: dict[str, str] = {}

    def storage_of(kind: _StorageType, key: str, location: str, count: int, view: Any = None) -> Any:
        if view is not None:
            raise CheckpointError("a file of a very old version of PyTorch, with views of storages: save it anew")
        if type(count) is not int or not 0 <= count <= len(file.getbuffer()):
            raise CheckpointError(f"damaged: a storage of {count!r} elements")
        if key not in storages:
            codes[key] = kind.code
            storages[key] = np.empty(count, "f4" if kind.code == "bf16" else kind.code)
        return storages[key]

    found = _unpickled(file, storage_of)
    for key in _unpickled(file, none):
        count, stored = (
            struct.unpack("<q", file.read(8) or b"\0" * 8)[0],
            np.dtype("u2" if codes.get(key) == "bf16" else codes[key]),
        )
        storages[key][:] = _numbers(file.read(count * stored.itemsize), codes[key], count, little != np.little_endian)
    return found
