"""Files in PyTorch's formats, which ``torch.load`` opens; ``reading.py`` says what they are made of.

The pickle refers to PyTorch's functions by name. They are not needed to write it: the names are written as they are.
"""

from __future__ import annotations

import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import IO, Any, NamedTuple

from metagrad.base import dtypes, layouts
from metagrad.base.device import CPU, move, of_array
from metagrad.base.device import device as Device
from metagrad.base.naming import ShownName
from metagrad.base.size import Size
from metagrad.base.typing import Array
from metagrad.base.warning import warn
from metagrad.nn.parameter import Buffer, Parameter
from metagrad.serialization.number_types import STORAGE_NAMES, UNTYPED
from metagrad.serialization.packages import _package_registry, location_tag
from metagrad.serialization.reading import LEGACY_MAGIC
from metagrad.serialization.settings import PROTOCOL_VERSION, skips_data
from metagrad.serialization.storages import place_of
from metagrad.tensors.storage import UntypedStorage
from metagrad.tensors.tensor import Tensor

_ALIGNED = 64  # storages begin at multiples of this many bytes, so that a file may be mapped into memory
_PLAIN = frozenset({int, str, tuple, bool, OrderedDict, dict, list, float, type(None)})
_PLAIN_TENSORS = (Tensor, Parameter, Buffer)


class _Global(NamedTuple):
    """A name that a pickle refers to."""

    module: str
    name: str

    def __call__(self, *_: object) -> None:
        """Never called: the pickler only wants to see that it could be."""


class _Storage(NamedTuple):
    """Memory that tensors are stretches of, to be written under a number of its own."""

    key: str
    memory: Array
    type: _Global
    location: str

    @property
    def length(self) -> int:
        """The number of elements, in bytes where the type is untyped."""
        return int(self.memory.nbytes if self.type.name == "UntypedStorage" else self.memory.size)


class _Writer(pickle._Pickler):  # the one written in Python, for it lets a name be written without its object
    """Writes tensors as PyTorch does, and everything else as pickle does."""

    memo: dict[int, Any]
    write: Callable[[bytes], object]
    save_reduce: Callable[..., None]

    def __init__(self, file: IO[bytes], protocol: int, legacy: bool) -> None:
        super().__init__(file, protocol=protocol)
        self.legacy = legacy
        self.storages: dict[tuple[int, str], _Storage] = {}
        self.alive: list[object] = []  # what ids were taken of must live as long as they count

    def persistent_id(self, obj: object) -> tuple[object, ...] | None:
        """How a storage is referred to."""
        if type(obj) is not _Storage:
            return None
        pid = ("storage", obj.type, obj.key, obj.location, obj.length)
        return (*pid, None) if self.legacy else pid  # None: it is no view of another storage

    def save(self, obj: object, save_persistent_id: bool = True) -> None:
        """Write one object, as part of the whole."""
        if type(obj) in _PLAIN:  # most objects
            super().save(obj, save_persistent_id)  # type: ignore[misc]
        elif type(obj) is _Global:
            self._save_name(obj)
        elif self.memo.get(id(obj)) is not None or type(obj) is _Storage:
            super().save(obj, save_persistent_id)  # type: ignore[misc]
        elif isinstance(obj, Tensor):
            self._save_tensor(obj)
        elif type(obj) is ShownName:  # PyTorch's name of a class, to be written as it reads
            self.save(str(obj))
        elif isinstance(obj, UntypedStorage):
            self.save(self._storage(move(obj.memory, CPU), obj.device))
        elif isinstance(obj, dtypes.dtype):
            self.save(_Global("torch", obj.name))
        elif isinstance(obj, Device):
            self.save_reduce(_Global("torch", "device"), (str(obj),), obj=obj)
        elif isinstance(obj, Size):
            self.save_reduce(_Global("torch", "Size"), (tuple(obj),), obj=obj)
        elif isinstance(obj, layouts.layout):
            self.save_reduce(_Global("torch.serialization", "_get_layout"), (f"torch.{obj.name}",), obj=obj)
        else:
            super().save(obj, save_persistent_id)  # type: ignore[misc]

    def _save_name(self, name: _Global) -> None:
        if self.proto >= 4:  # type: ignore[attr-defined]
            self.save(name.module)
            self.save(name.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{name.module}\n{name.name}\n".encode())

    def _save_tensor(self, tensor: Tensor) -> None:
        """A stretch of a storage; a parameter of it; and the program's own class and attributes around that."""
        if tensor._hooks is not None:
            warn_if_has_hooks(tensor)
        attributes = dict(tensor.__dict__)
        if isinstance(tensor, Parameter) and type(tensor) is Parameter:
            plain = tensor.detach()
            self.alive.append(plain)
            hooks: OrderedDict[int, object] = OrderedDict()
            arguments = (plain, tensor.requires_grad, hooks)
            if attributes:
                self.save_reduce(_utility("_rebuild_parameter_with_state"), (*arguments, attributes), obj=tensor)
            else:
                self.save_reduce(_utility("_rebuild_parameter"), arguments, obj=tensor)
            return
        rebuild, stretch = self._stretch(tensor)
        if type(tensor) in _PLAIN_TENSORS and not attributes:
            self.save_reduce(rebuild, stretch, obj=tensor)
            return
        kind: object = _Global("torch", "Tensor") if type(tensor) in _PLAIN_TENSORS else type(tensor)
        rebuild_of_kind = _Global("torch._tensor", "_rebuild_from_type_v2")
        self.save_reduce(rebuild_of_kind, (rebuild, kind, stretch, attributes), obj=tensor)

    def _stretch(self, tensor: Tensor) -> tuple[_Global, tuple[object, ...]]:
        if tensor.is_meta:
            stride: Any = tensor.stride()
            without_numbers = tensor.dtype, tuple(tensor.shape), tuple(stride), tensor.requires_grad
            return _utility("_rebuild_meta_tensor_no_storage"), without_numbers
        place = place_of(tensor.array)
        storage = self._storage(place.memory, of_array(tensor.array))
        hooks: OrderedDict[int, object] = OrderedDict()
        stretch = (storage, place.offset, place.size, place.stride, tensor.requires_grad, hooks)
        name = place.memory.dtype.name
        if name in UNTYPED:
            return _utility("_rebuild_tensor_v3"), (*stretch, _Global("torch", name))
        return _utility("_rebuild_tensor_v2"), stretch

    def _storage(self, memory: Array, device: Device) -> _Storage:
        """One for each memory that the tensors lie in."""
        address = memory.__array_interface__["data"][0] if memory.size else -len(self.storages)
        found = self.storages.get((address, memory.dtype.str))
        if found is not None:
            return found
        name = STORAGE_NAMES.get(memory.dtype.name)
        kind = _Global("torch.storage", "UntypedStorage") if name is None else _Global("torch", name)
        bits = memory.view("u2") if name == "BFloat16Storage" else memory  # no buffer can say that it is of bfloat16
        place = location_tag(UntypedStorage(memory.view("u1"))) if _package_registry else str(device)
        storage = _Storage(str(len(self.storages)), bits, kind, place)
        self.storages[address, memory.dtype.str] = storage
        return storage


def warn_if_has_hooks(tensor: Tensor) -> None:
    """Warn of each hook of a leaf that a file would lose, unless it is marked with ``torch.utils.hooks.unserializable_hook``."""
    for hook in ({} if tensor._hooks is None else tensor._hooks.hooks).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, you can decorate the function "
                "with @torch.utils.hooks.unserializable_hook to suppress this warning"
            )


def _utility(name: str) -> _Global:
    return _Global("torch._utils", name)


@cache
def _writer_of(pickle_module: ModuleType | None) -> type[_Writer]:
    """The writer on top of another module's pickler, such as dill's."""
    base = pickle._Pickler if pickle_module is None else getattr(pickle_module, "_Pickler", pickle_module.Pickler)
    if base is pickle._Pickler:
        return _Writer
    if not (isinstance(base, type) and issubclass(base, pickle._Pickler)):
        raise TypeError(
            f"pickle_module must have a Pickler written in Python, like pickle and dill, got {pickle_module!r}"
        )
    return type("_Writer", (_Writer, base), {})


def _dumped(
    obj: object, file: IO[bytes], pickle_module: ModuleType | None, protocol: int, legacy: bool
) -> list[_Storage]:
    """Write the contents, and give the storages that are still to be written."""
    writer = _writer_of(pickle_module)(file, protocol, legacy)
    try:
        writer.dump(obj)
    except Exception as error:
        error.add_note("metagrad.save: to keep what a module or an optimizer has learned, save its state_dict()")
        raise
    return list(writer.storages.values())


def write_zip(
    obj: object, file: IO[bytes], folder: str, pickle_module: ModuleType | None = None, protocol: int = 2
) -> None:
    """Write an object in the format of today: a zip archive, not compressed. folder: the one that its records are in."""
    import io

    contents = io.BytesIO()
    storages = _dumped(obj, contents, pickle_module, protocol, False)
    with zipfile.ZipFile(file, "w") as archive:
        _put(archive, f"{folder}/data.pkl", contents.getbuffer())
        _put(archive, f"{folder}/byteorder", sys.byteorder.encode())
        for storage in storages:
            data = storage.memory.data.cast("B") if storage.length else b""
            _put(archive, f"{folder}/data/{storage.key}", bytes(len(data)) if skips_data() else data)
        _put(archive, f"{folder}/version", b"3\n")


def _put(archive: zipfile.ZipFile, name: str, data: bytes | memoryview) -> None:
    """A record, its date left out, so that the same contents are the same file."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o644 << 16
    entry.file_size = len(data)
    begin = archive.start_dir + 30 + len(name.encode()) + 4
    padding = -begin % _ALIGNED
    entry.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding  # a field that readers skip
    with archive.open(entry, "w") as record:
        record.write(data)


def write_legacy(obj: object, file: IO[bytes], pickle_module: ModuleType | None = None, protocol: int = 2) -> None:
    """Write an object in the format of before 1.6: pickles after each other, then the storages."""
    system = {
        "protocol_version": PROTOCOL_VERSION,
        "little_endian": sys.byteorder == "little",
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    for value in (LEGACY_MAGIC, PROTOCOL_VERSION, system):
        pickle.dump(value, file, protocol)
    storages = _dumped(obj, file, pickle_module, protocol, True)
    pickle.dump([storage.key for storage in storages], file, protocol)
    for storage in storages:
        file.write(storage.length.to_bytes(8, "little"))
        file.write(storage.memory.tobytes())
