"""Tensors on disk, in the safetensors format: no code is ever run by reading a file, unlike with pickle.

A file is eight bytes with the length of the header, little-endian; the header, which is JSON; and the data::

    {"__metadata__": {"any": "string"}, "weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}

Offsets count bytes from the end of the header. The tensors, in C order and little-endian, fill the data without gaps.
All of this is checked against the size of the file before the first tensor is made.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from reprlib import repr as shown  # of a damaged header's values, which may be huge or deeply nested
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from metagrad.autograd.variable import Variable, wrap
from metagrad.base.device import CPU, move
from metagrad.base.files import write_atomically
from metagrad.serialization.limits import FREE, TIMES
from metagrad.serialization.number_types import is_widened, native, stored, widen

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

Array = np.ndarray[Any, Any]

_NUMPY_CODES = {
    "BOOL": "b1", "U8": "u1", "I8": "i1", "U16": "u2", "I16": "i2", "U32": "u4", "I32": "i4", "U64": "u8", "I64": "i8",
    "F16": "f2", "F32": "f4", "F64": "f8", "C64": "c8",
}  # fmt: skip
_NAMES = {code: name for name, code in _NUMPY_CODES.items()}
_NARROW = {"BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}
_STORED = {name: np.dtype(f"<{code}") for name, code in _NUMPY_CODES.items()}
_STORED |= {name: stored(dtype).newbyteorder("<") for name, dtype in _NARROW.items()}

_LONGEST_HEADER = 100_000_000  # bytes; the reference implementation reads no longer ones
_COSTS = {b"{": 200, b"[": 64, b",": 40, b'"': 12}  # bytes of memory that JSON takes, for each of these signs
_MOST_DIMENSIONS = 64  # NumPy's limit
_MOST_BYTES = 2**63 - 1  # of an array; NumPy counts an extent of 0 as 1 here

_FOREIGN = {
    rb"PK(\x03\x04|\x05\x06)": "a zip archive, as torch.save (.pt) and numpy.savez make; "
    "a .pt file holds pickles, which metagrad does not load: save its state_dict as safetensors",
    # The byte after the protocol is an opcode. A zero there is the length of a header of 640 bytes, say.
    rb"\x80[\x02-\x05][^\0]": "a pickle, as pickle.dump and older versions of torch.save (.pt) make; "
    "metagrad does not load it, since that could run any code: save its state_dict as safetensors",
    rb"\x93NUMPY": "a .npy file: numpy.load reads it",
    rb"\x89HDF": "an HDF5 file",
    rb"version https": "a Git LFS pointer, which stands for the file: fetch the file itself with git lfs pull",
}


class SafetensorsError(ValueError):
    """Bytes that are not a whole, sound safetensors file."""


class _Place(NamedTuple):
    """What the header says of a tensor."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def _stored(name: str, value: Any) -> Array:
    """The numbers as they are in a file: C order, little-endian."""
    if isinstance(value, Variable):
        value = move(value.array, CPU)
    if not isinstance(value, (np.ndarray, np.generic)):
        raise TypeError(f"expected a metagrad tensor or NumPy array as {name!r}, got {type(value).__name__}")
    array = np.asarray(value)
    if array.dtype.name == "bfloat16":
        return array.view(np.uint16).astype("<u2", order="C", copy=False)
    code = array.dtype.str[1:]
    if code not in _NAMES:
        raise TypeError(f"{name!r} has dtype {array.dtype}; a safetensors file can hold {', '.join(_NUMPY_CODES)}")
    if code == "b1":
        array = np.asarray(array.view(np.uint8) != 0)  # a view of other bytes as bool may hold more than 0 and 1
    return array.astype(_STORED[_NAMES[code]], order="C", copy=False)


def save(tensors: Mapping[str, Tensor | Array], metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a safetensors file with these tensors (or arrays) and, in its metadata, these strings.

    Any shape, strides and byte order; dtypes bool, uint8 to uint64, int8 to int64, float16 to float64, bfloat16, complex64. Whether
    a gradient is wanted is not saved. Raises TypeError for other dtypes, and for names or metadata that are not strings.

    >>> import metagrad
    >>> save({"a": metagrad.tensor([1, 2], dtype=metagrad.uint8)})[8:]
    b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}   \\x01\\x02'
    """
    return b"".join(_parts(tensors, metadata))


def _parts(tensors: Mapping[str, Tensor | Array], metadata: Mapping[str, str] | None) -> list[Any]:
    """The pieces of a file, in order: the header's length, the header, and each tensor's memory."""
    for name in tensors:
        if not isinstance(name, str) or name == "__metadata__":
            raise TypeError(f"a tensor's name must be a string other than '__metadata__', got {name!r}")
    arrays = {name: _stored(name, value) for name, value in tensors.items()}
    # Wide numbers first, so that every tensor starts at a multiple of its own element size.
    order = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    starts, end = {}, 0
    for name in order:
        starts[name] = end
        end += arrays[name].nbytes
    header: dict[str, Any] = {}
    if metadata is not None:
        wrong = {k: v for k, v in metadata.items() if not (isinstance(k, str) and isinstance(v, str))}
        if wrong:
            raise TypeError(
                f"metadata must map strings to strings, got {shown(wrong)}: use json.dumps for other values"
            )
        header["__metadata__"] = dict(metadata)
    for name, array in arrays.items():
        offsets = [starts[name], starts[name] + array.nbytes]
        kind = "BF16" if tensors[name].dtype.name == "bfloat16" else _NAMES[array.dtype.str[1:]]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": offsets}
    try:
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        what = error.object[max(0, error.start - 20) : error.end]
        raise ValueError(
            f"names and metadata must be valid Unicode, got a lone surrogate at the end of {what!r}"
        ) from error
    text += b" " * (-len(text) % 8)
    if len(text) > _LONGEST_HEADER:
        raise ValueError(f"names and metadata take {len(text)} bytes; the format allows {_LONGEST_HEADER}")
    return [len(text).to_bytes(8, "little"), text, *[arrays[name].data for name in order]]


def save_file(
    tensors: Mapping[str, Tensor | Array],
    filename: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write ``save(tensors, metadata)`` to a file, atomically: whatever fails, what was there before is still there.

    >>> import metagrad, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file({"weight": metagrad.ones(2)}, folder + "/model.safetensors", {"made by": "me"})
    ...     load_file(folder + "/model.safetensors"), read_metadata(folder + "/model.safetensors")
    ({'weight': tensor([1., 1.])}, {'made by': 'me'})
    """
    write_atomically(Path(filename), _parts(tensors, metadata))


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise SafetensorsError(f"the header has the key {shown(key)} twice")
        found[key] = value
    return found


def _misfit(head: bytes, size: int, length: int) -> str:
    """Why a file that begins like this is no safetensors file."""
    if head[8:9] != b"{":
        for magic, what in _FOREIGN.items():
            if re.match(magic, head):
                return f"expected a safetensors file, got {what}"
    if size < 8:
        return "expected a safetensors file, got " + (f"its first {size} bytes alone" if size else "an empty file")
    if length > _LONGEST_HEADER:
        return f"not a safetensors file: it promises a header of {length} bytes, expected at most {_LONGEST_HEADER}"
    if 8 + length > size:
        return f"truncated: the header takes {length} bytes, but only {size - 8} follow"
    return f"not a safetensors file, or damaged: expected the header to begin with b'{{', got {head[8:9]!r}"


def _read_header(file: io.BufferedIOBase, size: int) -> tuple[dict[str, Any], int]:
    """The header as JSON gives it, and where the data begin."""
    head = file.read(16)
    length = int.from_bytes(head[:8], "little")
    if size < 8 or length > min(size - 8, _LONGEST_HEADER) or head[8:9] != b"{":
        raise SafetensorsError(_misfit(head, size, length))
    file.seek(8)
    text = file.read(length)
    if sum(cost * text.count(sign) for sign, cost in _COSTS.items()) > TIMES * size + FREE:
        raise SafetensorsError(
            "its header would take far more memory than the file: it is damaged, or made to fill the memory"
        )
    try:
        header: dict[str, Any] = json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except SafetensorsError:
        raise
    except (ValueError, RecursionError) as error:
        raise SafetensorsError(f"not a safetensors file, or damaged: the header is not JSON ({error})") from error
    return header, 8 + length


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _checked(name: str, entry: Any, available: int) -> _Place:
    """The place that an entry of the header gives a tensor, if the entry makes sense by itself."""

    def refuse(what: str) -> SafetensorsError:
        return SafetensorsError(f"tensor {shown(name)}: {what}")

    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise refuse(f"expected an object with dtype, shape and data_offsets, got {shown(entry)}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _STORED:
        raise refuse(f"expected a dtype out of {', '.join(_STORED)}, got {shown(dtype)}")
    if not isinstance(shape, list) or not all(map(_is_count, shape)):
        raise refuse(f"expected as shape a list of integers of at least 0, got {shown(shape)}")
    if len(shape) > _MOST_DIMENSIONS:
        raise refuse(f"expected at most {_MOST_DIMENSIONS} dimensions, got {len(shape)}")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_count, offsets)):
        raise refuse(f"expected as data_offsets [start, end], two integers of at least 0, got {shown(offsets)}")
    itemsize = _STORED[dtype].itemsize
    if math.prod(n or 1 for n in shape) * itemsize > _MOST_BYTES:
        raise refuse(f"an array cannot be as large as {dtype} of shape {shown(shape)}")
    start, end = offsets
    needed = math.prod(shape) * itemsize
    if end - start != needed:
        raise refuse(f"{dtype} of shape {shown(shape)} takes {needed} bytes, but data_offsets are {shown(offsets)}")
    if end > available:
        raise refuse(f"its data end at byte {end}, but the file has only {available} bytes of data: it is truncated")
    return _Place(dtype, tuple(shape), start, end)


def _contents(file: io.BufferedIOBase) -> tuple[dict[str, _Place], dict[str, str], int]:
    """Every tensor's place, all of them checked; the metadata; and where the data begin."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    header, begin = _read_header(file, size)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise SafetensorsError(f"expected __metadata__ to map strings to strings, got {shown(metadata)}")
    places = {name: _checked(name, entry, size - begin) for name, entry in header.items()}
    filled = 0
    for name, place in sorted(places.items(), key=lambda item: (item[1].start, item[1].end)):
        if place.start != filled:
            fault = "overlaps the tensor before it" if place.start < filled else "leaves a gap before it"
            raise SafetensorsError(
                f"tensor {shown(name)} {fault}: its data start at byte {place.start}, expected {filled}"
            )
        filled = place.end
    if filled != size - begin:
        raise SafetensorsError(f"expected {filled} bytes of data, got {size - begin}: the rest belongs to no tensor")
    return places, metadata, begin


def _read_tensors(file: io.BufferedIOBase) -> dict[str, Tensor]:
    places, _, begin = _contents(file)
    tensors = {}
    for name, place in places.items():
        array = np.empty(place.shape, _STORED[place.dtype])
        file.seek(begin + place.start)
        if array.size and (got := file.readinto(array.data)) != array.nbytes:
            raise SafetensorsError(
                f"tensor {shown(name)}: got {got} bytes, expected {array.nbytes}: the file has shrunk"
            )
        if place.dtype == "BOOL" and (most := array.view(np.uint8).max(initial=0)) > 1:
            raise SafetensorsError(f"tensor {shown(name)}: expected bytes 0 and 1 as BOOL, got {most}: it is damaged")
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        number_type = _NARROW.get(place.dtype, "")
        if is_widened(number_type):
            bits, array = array.reshape(-1), np.empty(place.shape, np.float32)
            widen(bits, number_type, array.reshape(-1))
        else:
            array = native(array, number_type)
        tensors[name] = wrap(array)
    return tensors


def load(data: bytes | bytearray | memoryview) -> dict[str, Tensor]:
    """The tensors in the bytes of a safetensors file, in the header's order, sharing no memory with the bytes.

    F8, for which NumPy has no dtypes, become float32 of the same values, and so does BF16 where ml_dtypes is not installed.
    SafetensorsError says what is damaged.

    >>> import metagrad
    >>> load(save({"a": metagrad.tensor([1, 2]), "b": metagrad.tensor(0.5)}))
    {'a': tensor([1, 2]), 'b': tensor(0.5000)}
    """
    return _read_tensors(io.BytesIO(data))


@contextmanager
def _opened(filename: str | os.PathLike[str]) -> Iterator[io.BufferedReader]:
    """The file, open for reading; a SafetensorsError in the block gets its name."""
    path = os.fspath(filename)
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            what = "a directory" if stat.S_ISDIR(mode) else "something that is not a regular file"
            raise SafetensorsError(f"expected a safetensors file, got {what}")
        with open(path, "rb") as file:
            yield file
    except SafetensorsError as error:
        raise SafetensorsError(f"{path}: {error}") from error.__cause__


def load_file(filename: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, as ``load`` gives them.

    Raises SafetensorsError, which names the file and the fault, if it is damaged or something else; OSError if it is not
    there or may not be read.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.safetensors")
    ...     _ = path.write_bytes(save({"a": np.arange(3)})[:-1])
    ...     try:
    ...         load_file(path)
    ...     except SafetensorsError as error:
    ...         print(str(error).removeprefix(f"{path}: "))
    tensor 'a': its data end at byte 24, but the file has only 23 bytes of data: it is truncated
    """
    with _opened(filename) as file:
        return _read_tensors(file)


def read_metadata(filename: str | os.PathLike[str]) -> dict[str, str]:
    """The metadata of a safetensors file, {} if it has none, without reading its tensors; errors as in ``load_file``.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file({}, folder + "/empty.safetensors", {"format": "pt"})
    ...     read_metadata(folder + "/empty.safetensors")
    {'format': 'pt'}
    """
    with _opened(filename) as file:
        return _contents(file)[1]
