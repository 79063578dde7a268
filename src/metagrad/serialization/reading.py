"""PyTorch's two file formats: where in a file the pickle is and where the numbers are.

Since version 1.6 a file is a zip archive, not compressed: ``data.pkl``, the pickle, ``data/0``, ``data/1`` and so on, the bytes of
each storage, and ``byteorder``. Before that it was five pickles after each other, a magic number, a version, the machine's byte
order, the contents and the storages' keys, and then each storage's length and bytes.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from metagrad.serialization.errors import CheckpointError
from metagrad.serialization.limits import Budget
from metagrad.serialization.locations import Locations
from metagrad.serialization.names import StorageType
from metagrad.serialization.number_types import stored
from metagrad.serialization.storages import StoredNumbers
from metagrad.serialization.unpickling import StorageOf, Unpickler

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_ZIP = b"PK\x03\x04"

# What reads a pickle: ``unpickling.Unpickler(...).load``, or for trusted files ``whole.unpickled``.
Read = Callable[[IO[bytes], Budget, StorageOf], object]


def read_plainly(file: IO[bytes], budget: Budget, storage_of: StorageOf, encoding: str = "utf-8") -> object:
    """Tensors and plain containers, running nothing."""
    return Unpickler(file, budget, storage_of, encoding).load()


def looks_like_torch(head: bytes) -> bool:
    """Whether a file that begins like this is one of PyTorch's: a zip archive, or a pickle."""
    return head[:4] == _ZIP or (
        head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05") and head[2:3] in (b"\x8a", b"\x95")
    )


def read(file: IO[bytes], locations: Locations, read_pickle: Read = read_plainly, trusted: bool = False) -> Any:
    """The object in a file of ``torch.save``, of either format; the file is read from where it stands.

    trusted: the file may ask for as much memory as it wants.
    """
    begin = file.tell()
    size = file.seek(0, io.SEEK_END) - begin
    file.seek(begin)
    budget = Budget(size, limited=not trusted)
    head = file.read(4)
    file.seek(begin)
    return (_read_zip if head == _ZIP else _read_legacy)(file, budget, locations, read_pickle)


class _Storages:
    """The storages that a file's persistent ids refer to, each of them made once."""

    def __init__(self, budget: Budget, locations: Locations, fill: Callable[[str, StoredNumbers], None] | None) -> None:
        self.budget, self.locations, self.fill = budget, locations, fill
        self.by_key: dict[str, StoredNumbers] = {}

    def __call__(self, pid: object) -> StoredNumbers:
        """The storage of a persistent id: ("storage", type, key, location, number of elements)."""
        match pid:
            case ("storage", StorageType(name=name), str(key), str(tag), int(count)):
                pass
            case ("storage", StorageType(name=name), str(key), str(tag), int(count), None):
                pass
            case ("storage", _, _, _, _, tuple()):
                raise CheckpointError("a file of a very old version of PyTorch, with views of storages: save it anew")
            case _:
                raise CheckpointError("damaged: a reference to something that is no storage")
        found = self.by_key.get(key)
        if found is None:
            return self._made(name, key, tag, count)
        if (found.name, len(found)) != (name, count):
            raise CheckpointError(f"damaged: storage {key[:20]!r} is described in two ways")
        return found

    def _made(self, name: str, key: str, tag: str, count: int) -> StoredNumbers:
        if not 0 <= count <= self.budget.left:
            raise CheckpointError(f"damaged: a storage of {count} elements in a file of {self.budget.size} bytes")
        self.budget.spend(1000 + count * stored(name).itemsize)
        storage = self.by_key[key] = StoredNumbers(name, count)
        if self.fill is not None:
            self.fill(key, storage)
        self.locations.place(storage, tag)
        return storage


def _filled(file: IO[bytes], storage: StoredNumbers) -> None:
    """Read a storage's bytes."""
    memory = storage.memory.view(np.uint8)
    got = 0
    while got < len(memory):
        part = file.read(min(len(memory) - got, 1 << 20))
        if not part:
            raise CheckpointError(f"truncated: got {got} bytes of a storage, expected {len(memory)}")
        memory[got : got + len(part)] = np.frombuffer(part, np.uint8)
        got += len(part)


# ------------------------------------------------ zip


def _read_zip(file: IO[bytes], budget: Budget, locations: Locations, read_pickle: Read) -> object:
    begin = file.tell()
    archive = _Archive(file, budget)
    if archive.begin < begin:  # one that stands before it in the stream
        raise CheckpointError("damaged: the end of the archive is missing")
    if archive.begin > begin:  # the last of several in one stream
        archive, length = _first_archive(file, begin, budget)
        file.seek(begin + length)
    if archive.has("constants.pkl"):
        raise CheckpointError("a TorchScript archive, which holds code: save the state_dict() instead")
    order = archive.read("byteorder").strip() if archive.has("byteorder") else b"little"
    if order not in (b"little", b"big"):
        raise CheckpointError(f"damaged: the byte order {order[:20]!r}")
    swap = (order == b"little") != np.little_endian

    def fill(key: str, storage: StoredNumbers) -> None:
        archive.fill(f"data/{key}", storage)
        storage.finish(swap)

    return read_pickle(io.BytesIO(archive.read("data.pkl")), budget, _Storages(budget, locations, fill))


class _Archive:
    """A zip archive in which a record's bytes are what its checksum says."""

    def __init__(self, file: IO[bytes], budget: Budget) -> None:
        self.budget = budget
        budget.spend(16 * directory_size(file))  # what zipfile makes of it
        self.zip = _sound(zipfile.ZipFile, file)
        entries = self.zip.infolist()
        if all(entry.CRC == 0 for entry in entries):  # PyTorch may be told to leave checksums out
            for entry in entries:
                entry.CRC = None
        self.begin = min([entry.header_offset for entry in entries], default=0)
        self.names = {entry.filename: entry for entry in entries}
        self.folder = next((n.removesuffix("data.pkl") for n in self.names if n.endswith("/data.pkl")), None)
        if self.folder is None:
            raise CheckpointError("a zip archive, but not one of torch.save: there is no data.pkl in it")

    def has(self, name: str) -> bool:
        """Whether there is a record of this name."""
        return f"{self.folder}{name}" in self.names

    def read(self, name: str) -> bytes:
        """A record's bytes."""
        entry = self._entry(name)
        self.budget.spend(2 * entry.file_size)
        return _sound(self.zip.read, entry)

    def fill(self, name: str, storage: StoredNumbers) -> None:
        """Read a record, which must be as long as the storage, into its memory."""
        entry = self._entry(name)
        if entry.file_size != storage.nbytes():
            raise CheckpointError(f"damaged: a storage of {storage.nbytes()} bytes has {entry.file_size} in the file")
        _sound(self._fill, entry, storage)

    def _fill(self, entry: zipfile.ZipInfo, storage: StoredNumbers) -> None:
        with self.zip.open(entry) as record:
            _filled(record, storage)
            record.read(1)  # at its end the checksum is compared

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = self.names.get(f"{self.folder}{name}")
        if entry is None:
            raise CheckpointError(f"damaged: there is no {name[:30]} in the archive")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise CheckpointError(f"{name[:30]} is compressed in a way that torch.save does not use")
        return entry


def _sound(act: Callable[..., Any], *arguments: Any) -> Any:
    """``act(*arguments)``; whatever ``zipfile`` does not like in a file is damage."""
    try:
        return act(*arguments)
    except CheckpointError:
        raise
    except Exception as error:  # BadZipFile, but also what struct, zlib and seek raise on numbers out of range
        raise CheckpointError(f"damaged: {type(error).__name__}: {error}") from error


def _first_archive(file: IO[bytes], begin: int, budget: Budget) -> tuple[_Archive, int]:
    """The archive that begins at a place in a stream, where others follow it, and its length.

    It ends where a record of an end has a directory in front of it whose first entry stands at the beginning: an archive that is
    a part of this one has an end, too.
    """
    file.seek(begin)
    data = file.read()
    end = -1
    while (end := data.find(b"PK\x05\x06", end + 1)) >= 0:
        length = end + 22 + int.from_bytes(data[end + 20 : end + 22], "little")
        size = int.from_bytes(data[end + 12 : end + 16], "little")
        if any(data[max(0, end - further - size) :][:4] == b"PK\x01\x02" for further in (0, 76)):  # its directory
            try:
                archive = _Archive(io.BytesIO(data[:length]), budget)
            except CheckpointError:
                continue
            if archive.begin == 0:
                return archive, length
    raise CheckpointError("damaged: the end of an archive is missing")


def directory_size(file: IO[bytes]) -> int:
    """Bytes of the directory at the end of a zip archive, as its last record says; at most the file's size."""
    begin = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 65_600))
    tail = file.read()
    file.seek(begin)
    last = tail.rfind(b"PK\x05\x06")
    if last < 0 or len(tail) < last + 22:
        return 0
    found = struct.unpack("<I", tail[last + 12 : last + 16])[0]
    wide = tail.rfind(b"PK\x06\x06", 0, last)  # of archives with larger numbers
    if wide >= 0 and len(tail) >= wide + 48:
        found = max(found if found < 2**32 - 1 else 0, struct.unpack("<Q", tail[wide + 40 : wide + 48])[0])
    return min(found, size)


# ------------------------------------------------ before 1.6


def _read_legacy(file: IO[bytes], budget: Budget, locations: Locations, read_pickle: Read) -> object:
    def none(pid: object) -> StoredNumbers:
        raise CheckpointError("damaged: a storage before the contents")

    def plain() -> object:
        return read_plainly(file, budget, none)

    magic, _, system = plain(), plain(), plain()
    if magic != LEGACY_MAGIC:
        raise CheckpointError("a pickle, but not one of torch.save; metagrad loads no other")
    little = not isinstance(system, dict) or bool(system.get("little_endian", True))
    storages = _Storages(budget, locations, None)
    found = read_pickle(file, budget, storages)
    keys = plain()
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(storages.by_key):
        raise CheckpointError("damaged: the storages in the file are not those that its tensors lie in")
    for key in keys:
        storage = storages.by_key[key]
        count = int.from_bytes(file.read(8), "little", signed=True)
        if count * storage.element_size() != storage.nbytes():
            raise CheckpointError(f"damaged: a storage of {len(storage)} elements has {count} in the file")
        _filled(file, storage)
        storage.finish(little != np.little_endian)
    return found
