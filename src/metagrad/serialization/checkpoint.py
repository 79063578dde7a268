"""``metagrad.save`` and ``metagrad.load``."""

from __future__ import annotations

import functools
import io
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO, Any, TypeAlias

from metagrad.base.device import device as Device
from metagrad.base.files import replacing
from metagrad.serialization import safetensors
from metagrad.serialization.errors import CheckpointError, EmptyFileError, NotAFile
from metagrad.serialization.locations import MAP_LOCATION, Locations, PlaceError
from metagrad.serialization.reading import looks_like_torch, read, read_plainly
from metagrad.serialization.safe_names import unknown_names
from metagrad.serialization.whole import unpickled
from metagrad.serialization.writing import write_legacy, write_zip
from metagrad.tensors.tensor import Tensor

__all__ = ["CheckpointError", "get_unsafe_globals_in_checkpoint", "load", "save"]

File: TypeAlias = str | os.PathLike[str] | IO[bytes]


def save(
    obj: object,
    f: File,
    pickle_module: ModuleType | None = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write an object to a file that ``torch.load`` opens, too, if it is tensors in plain containers.

    f: a path, or a binary file open for writing. A path is written atomically. If its name ends in ``.safetensors`` and obj
    is a dict of tensors, the file is in that format. Tensors that share memory share it again after ``load``. Other objects,
    such as whole modules and NumPy arrays, are pickled: ``load`` makes them with ``weights_only=False`` only. Of a model, its
    ``state_dict()`` is what lasts: a whole module's file needs the same classes at the same places. Raises what pickle raises
    for what it cannot write.

    >>> import metagrad, tempfile
    >>> model = metagrad.nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     metagrad.save({"epoch": 3, "model": model.state_dict()}, folder + "/checkpoint.pt")
    ...     found = metagrad.load(folder + "/checkpoint.pt")
    >>> found["epoch"], found["model"]["weight"].equal(model.weight)
    (3, True)
    """
    write: functools.partial[None]
    if _use_new_zipfile_serialization:
        write = functools.partial(write_zip, folder="archive", pickle_module=pickle_module, protocol=pickle_protocol)
    else:
        write = functools.partial(write_legacy, pickle_module=pickle_module, protocol=pickle_protocol)
    if isinstance(f, (str, os.PathLike)):
        path = Path(f)
        if path.suffix == ".safetensors":
            _save_safetensors(obj, path)
            return
        if _use_new_zipfile_serialization:
            write.keywords["folder"] = path.stem or "archive"
        with replacing(path) as file:
            write(obj, file)
        return
    if not hasattr(f, "write"):
        raise NotAFile(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute: a binary file open for "
            f"writing, got {type(f).__name__}"
        )
    write(obj, f if isinstance(f, (io.BytesIO, io.BufferedWriter, io.BufferedRandom)) else _Unsearchable(f))


class _Unsearchable(io.RawIOBase):
    """A file that is written from beginning to end: of compressed ones and sockets no more may be asked."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self.file.write(data)


def _save_safetensors(obj: object, path: Path) -> None:
    if not isinstance(obj, Mapping) or not all(isinstance(v, Tensor) for v in obj.values()):
        raise TypeError(
            "a .safetensors file holds a dict of tensors, such as a state_dict; for anything nested give the file "
            "another ending, such as .pt"
        )
    safetensors.save_file(obj, path)


def load(
    f: File,
    map_location: MAP_LOCATION = None,
    pickle_module: ModuleType | None = None,
    *,
    weights_only: bool | None = True,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What ``save``, or PyTorch's ``torch.save``, wrote; also the tensors of a safetensors file.

    f: a path, or a binary file open for reading. map_location: the device for all tensors; or a dict from the devices that the
    file names to others; or a function of a storage and the file's device for it, which returns the storage to use or None.
    Without it a tensor is where the file says if there is such a device, or else on the CPU.

    Tensors and plain containers are all that is ever made, and nothing in the file is run: one that asks for anything else, or is
    damaged, raises CheckpointError. ``weights_only=False`` makes whatever the file asks for, as pickle does, whole modules of
    PyTorch's included: do that only with files from people whose programs you would run. mmap is accepted: files are read
    at once. Further arguments are the unpickler's; ``encoding`` is that of the strings of Python 2.

    >>> import io, metagrad
    >>> file = io.BytesIO()
    >>> metagrad.save([metagrad.ones(2), "text"], file)
    >>> _ = file.seek(0)
    >>> metagrad.load(file)
    [tensor([1., 1.]), 'text']
    """
    weights_only = True if weights_only is None else weights_only
    if weights_only and pickle_module not in (None, pickle):
        raise RuntimeError(
            f"Can not safely load weights when explicit pickle_module is specified: {pickle_module!r} may run any code while it "
            "reads: if you trust the file, say weights_only=False as well"
        )
    if mmap and not isinstance(f, (str, os.PathLike)):
        raise ValueError("f must be a file path in order to use the mmap argument")
    locations = Locations(map_location)
    reader: Any = functools.partial(read_plainly, **pickle_load_args)
    if not weights_only:
        reader = functools.partial(unpickled, pickle_module=pickle_module, **{"encoding": "utf-8", **pickle_load_args})
    with _opened(f) as (name, file):
        try:
            if looks_like_torch(head := _head(file)):
                if mmap and not head.startswith(b"PK"):
                    raise RuntimeError(
                        "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True)`, and this "
                        "one is of the older form"
                    )
                return read(file, locations, reader, trusted=not weights_only)
            return _load_safetensors(file, locations)
        except PlaceError as error:
            raise error.__cause__ or error from None
        except CheckpointError as error:
            raise type(error)(f"{name}: {error}") from error.__cause__
        except safetensors.SafetensorsError as error:
            raise CheckpointError(f"{name}: {error}") from error


def get_unsafe_globals_in_checkpoint(f: File) -> list[str]:
    """The names in a file for which ``load`` refuses it, unless ``add_safe_globals`` is given them; nothing is made of it.

    >>> import fractions, io, metagrad
    >>> file = io.BytesIO()
    >>> metagrad.save([metagrad.ones(2), fractions.Fraction(1, 2)], file)
    >>> _ = file.seek(0)
    >>> get_unsafe_globals_in_checkpoint(file)
    ['fractions.Fraction']
    """
    with _opened(f) as (_, file):
        if file.read(4) != b"PK\x03\x04":
            raise ValueError("expected a file that metagrad.save or torch.save has written as a zip archive")
        file.seek(-4, io.SEEK_CUR)
        return read(file, Locations(None), lambda contents, *_: unknown_names(contents))


def _head(file: IO[bytes]) -> bytes:
    begin = file.tell()
    head = file.read(300)
    file.seek(begin)
    if not head:
        raise EmptyFileError("the file is empty, expected one of metagrad.save or torch.save, or a safetensors file")
    if head[257:262] == b"ustar":
        raise CheckpointError("a tar archive, as PyTorch made before 2018: load and save it once with PyTorch")
    return head


def _load_safetensors(file: IO[bytes], locations: Locations) -> dict[str, Tensor]:
    found = safetensors.load(file.read())
    place = locations.map_location
    return {name: tensor.to(place) for name, tensor in found.items()} if isinstance(place, Device) else found


@contextmanager
def _opened(f: File) -> Iterator[tuple[str, IO[bytes]]]:
    """The file's name, and the file."""
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            yield os.fspath(f), file
    elif isinstance(f, (io.BytesIO, io.BufferedReader, io.BufferedRandom)) and f.seekable():
        yield str(getattr(f, "name", "the file")), f
    elif hasattr(f, "read"):
        yield str(getattr(f, "name", "the file")), io.BytesIO(f.read())
    else:
        raise NotAFile(
            f"'{type(f).__name__}' object has no attribute 'seek'. You can only torch.load from a "
            "file that is seekable. Please pre-load the data into a buffer like io.BytesIO and try to load from it instead: "
            "a path, or a binary file open for reading, is wanted."
        )
