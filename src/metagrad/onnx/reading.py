"""From bytes to a checked message: nothing in a file is trusted.

A tensor's size must be that of its numbers before memory is taken for it; numbers in another file must lie in the model's own
folder; every name must be defined before it is used, which rules out cycles; functions must not call themselves.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from metagrad.onnx.errors import LoadError
from metagrad.onnx.internals import need
from metagrad.onnx.operators.registry import KNOWN

DEEPEST = 32  # graphs inside graphs


def read_model(source: Any) -> tuple[Any, Path | None]:
    """The message in a file, in bytes or as it is, and the folder its other files are in."""
    onnx = need("onnx", "onnx")
    if isinstance(source, onnx.ModelProto):
        return source, None
    folder = None
    if hasattr(source, "read"):
        data = source.read()
    elif isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    else:
        path = Path(os.fspath(source))
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
        data, folder = path.read_bytes(), path.parent
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except Exception as error:  # protobuf's errors have no common class of their own
        raise LoadError(f"this is no ONNX model, or it is damaged: {error}") from None
    _check_text(proto)
    if not proto.HasField("graph") or not proto.opset_import:
        raise LoadError("this is no ONNX model: it has no graph, or does not say which operators it uses")
    return proto, folder


def _check_text(message: Any) -> None:
    """Raise if a string anywhere in a message is not text; protobuf gives such a one as bytes."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING:
            if not all(isinstance(v, str) for v in ([value] if isinstance(value, (str, bytes)) else value)):
                raise LoadError(f"this is no ONNX model, or it is damaged: {field.name} {value!r:.60} is not UTF-8")
        elif field.type == field.TYPE_MESSAGE:
            for part in [value] if hasattr(value, "ListFields") else value:
                _check_text(part)


def array_of(tensor: Any, folder: Path | None) -> Any:
    """The numbers of a tensor message, after its size has been checked."""
    onnx = need("onnx", "onnx")
    name, dims = tensor.name or "a tensor", tuple(tensor.dims)
    if any(n < 0 for n in dims) or len(dims) > 64:
        raise LoadError(f"{name!r} has shape {list(dims)[:8]}")
    if tensor.data_type == onnx.TensorProto.STRING:
        if len(tensor.string_data) != math.prod(dims):
            raise LoadError(f"{name!r} of shape {list(dims)} has {len(tensor.string_data)} strings")
        return np.array([_text(s) for s in tensor.string_data] or [], object).reshape(dims)
    try:
        label = onnx.TensorProto.DataType.Name(tensor.data_type)
        kind = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
    except (ValueError, KeyError, TypeError):
        raise LoadError(f"{name!r} has numbers of an unknown type {tensor.data_type}") from None
    if kind.name not in KNOWN:
        raise NotImplementedError(f"numbers of type {label}, in {name!r}")
    return _numbers(onnx, tensor, name, dims, kind, folder)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _numbers(onnx: Any, tensor: Any, name: str, dims: tuple[int, ...], kind: Any, folder: Path | None) -> Any:
    count = math.prod(dims)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        data = _external(tensor, name, count * kind.itemsize, folder)
    elif tensor.HasField("raw_data"):
        data = tensor.raw_data
    else:
        return _listed(onnx, tensor, name, dims, kind)
    if len(data) != count * kind.itemsize:
        raise LoadError(
            f"{name!r} of {kind} and shape {list(dims)} has {len(data)} bytes, expected {count * kind.itemsize}"
        )
    if kind.kind == "b":
        return (np.frombuffer(data, np.uint8) != 0).reshape(dims)
    return np.frombuffer(data, kind.newbyteorder("<")).astype(kind).reshape(dims)


def _listed(onnx: Any, tensor: Any, name: str, dims: tuple[int, ...], kind: Any) -> Any:
    """Numbers kept as a list of another type: halves as their bits, complex numbers as pairs."""
    field = onnx.helper.tensor_dtype_to_field(tensor.data_type)
    found, count = getattr(tensor, field), math.prod(dims) * (2 if kind.kind == "c" else 1)
    if len(found) != count:
        raise LoadError(f"{name!r} of {kind} and shape {list(dims)} has {len(found)} numbers, expected {count}")
    if kind == np.float16:
        return np.array([v & 0xFFFF for v in found], np.uint16).view(np.float16).reshape(dims)
    if kind.kind == "c":
        pairs = np.array(found, np.float64).reshape(-1, 2)
        return (pairs[:, 0] + 1j * pairs[:, 1]).astype(kind).reshape(dims)
    source = np.array(found, np.float64 if kind.kind == "f" else np.uint64 if field == "uint64_data" else np.int64)
    return source.astype(kind).reshape(dims)


def _external(tensor: Any, name: str, expected: int, folder: Path | None) -> bytes:
    """The bytes of a tensor that are in another file, which must be in the model's folder."""
    entries = {e.key: e.value for e in tensor.external_data}
    location = entries.get("location", "")
    if folder is None:
        raise LoadError(f"the numbers of {name!r} are in another file, {location!r}: load the model by its path")
    home = folder.resolve()
    path = (home / location).resolve()
    if not location or os.path.isabs(location) or "\\" in location or home not in path.parents or not path.is_file():
        raise LoadError(
            f"the numbers of {name!r} are said to be in {location!r}, which is no file in the model's folder"
        )
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", expected))
    except ValueError:
        raise LoadError(
            f"the numbers of {name!r} are said to begin at {entries.get('offset')!r} of {location!r}"
        ) from None
    size = path.stat().st_size
    if offset < 0 or length != expected or offset + length > size:
        raise LoadError(
            f"{name!r} needs {expected} bytes, and is said to have {length} from byte {offset} of {location!r}, which has {size}"
        )
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(length)


# ------------------------------------------------ what refers to what


def check_graph(graph: Any, outer: frozenset[str] = frozenset(), depth: int = 0) -> None:
    """Raise unless every name is defined once, before it is used."""
    if depth > DEEPEST:
        raise LoadError(f"graphs are nested more than {DEEPEST} deep")
    known = {i.name for i in graph.input} | {t.name for t in graph.initializer}
    known |= {t.values.name for t in graph.sparse_initializer}
    all_outputs = [name for node in graph.node for name in node.output if name]
    if len(set(all_outputs)) != len(all_outputs) or known & set(all_outputs):
        twice = sorted(n for n in set(all_outputs) if all_outputs.count(n) > 1 or n in known)
        raise LoadError(f"the name {twice[0]!r} is given to two results")
    made = set(all_outputs)
    for node in graph.node:
        for name in node.input:
            if name and name not in known and name not in outer:
                why = "which is computed later or from it: a cycle" if name in made else "which nothing computes"
                raise LoadError(f"{node.op_type} {node.name!r} uses {name!r}, {why}")
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                check_graph(inner, outer | known, depth + 1)
        known.update(name for name in node.output if name)
    for output in graph.output:
        if output.name not in known and output.name not in outer:
            raise LoadError(f"nothing computes the output {output.name!r}")


def check_functions(proto: Any) -> None:
    """Raise if a function of the file calls itself, by whatever way."""
    calls = {(f.domain, f.name): {(n.domain, n.op_type) for n in _all_nodes(f.node)} for f in proto.functions}
    done: set[tuple[str, str]] = set()

    def visit(key: tuple[str, str], path: tuple[tuple[str, str], ...]) -> None:
        if key in path:
            raise LoadError(f"the function {key[1]!r} calls itself")
        if key in done or key not in calls:
            return
        if len(path) > DEEPEST:
            raise LoadError(f"functions call each other more than {DEEPEST} deep")
        for other in calls[key]:
            visit(other, (*path, key))
        done.add(key)

    for key in calls:
        visit(key, ())


def _all_nodes(nodes: Any) -> Any:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from _all_nodes(inner.node)
