"""Putting a model into a file: whole or not at all, with its numbers beside it if they are too many for one message."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from metagrad.onnx.internals import need, write_atomically

LIMIT = (1 << 31) - (1 << 20)  # bytes: a protobuf message must stay below 2 GiB


def write_model(proto: Any, path: Any, external_data: bool | None = None) -> None:
    """Write a model to a path, or to an open binary file."""
    if hasattr(path, "write"):
        path.write(proto.SerializeToString())
        return
    path = os.fspath(path)
    size = sum(len(t.raw_data) for t in proto.graph.initializer)
    if external_data or size >= LIMIT:
        _write_apart(proto, path)
    else:
        write_atomically(Path(path), [proto.SerializeToString()])


def _write_apart(proto: Any, path: str) -> None:
    """The numbers of every large initializer in ``<name>.data``, one after the other, each at a multiple of 4096 bytes."""
    onnx = need("onnx", "onnx")
    beside = f"{os.path.basename(path)}.data"
    apart = onnx.ModelProto()
    apart.CopyFrom(proto)
    chunks, offset = [], 0
    for tensor in apart.graph.initializer:
        if len(tensor.raw_data) < 1024:
            continue
        data = tensor.raw_data
        gap = -offset % 4096
        chunks.append((gap, data))
        offset += gap
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", beside), ("offset", offset), ("length", len(data))):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(value)
        offset += len(data)
    pieces = [part for gap, data in chunks for part in (bytes(gap), data)]
    write_atomically(Path(path).with_name(beside), pieces)
    write_atomically(Path(path), [apart.SerializeToString()])
