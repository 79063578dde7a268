"""Running a written model in ``onnx.reference``, and comparing with what metagrad gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metagrad.onnx.errors import ExportError
from metagrad.onnx.internals import need

NO_LENGTHS = {"LSTM", "GRU", "RNN"}  # onnx.reference does not read their sequence_lens


def verify_model(proto: Any, runs: Sequence[Any], names: Sequence[str]) -> None:
    """Check the file, run it on the inputs of every run, and raise where an output is not metagrad's."""
    onnx = need("onnx", "onnx")
    onnx.checker.check_model(proto, full_check=not any(node.domain for node in proto.graph.node))
    for node in proto.graph.node:
        if node.op_type in NO_LENGTHS and len(node.input) > 4 and node.input[4]:
            raise ExportError(
                "verify=True: onnx.reference does not know the lengths of a recurrent layer's sequences: export without it, and "
                "compare with a runtime that does"
            )
    session = need("onnx.reference", "onnx").ReferenceEvaluator(proto)
    for run in runs:
        found = session.run(None, dict(zip(names, run.given, strict=True)))
        for output, value, ours in zip(proto.graph.output, found, run.answers, strict=True):
            _compare(output.name, np.asarray(value), ours)


def _compare(name: str, theirs: Any, ours: Any) -> None:
    if theirs.shape != ours.shape or theirs.dtype != ours.dtype:
        raise ExportError(
            f"verify=True: output {name!r} is {theirs.dtype}{list(theirs.shape)} in onnx.reference, and {ours.dtype}"
            f"{list(ours.shape)} in metagrad"
        )
    if ours.dtype.kind == "f":
        tolerance = 1e-3 if ours.dtype.itemsize == 2 else 1e-5
        scale = max(1.0, float(np.abs(ours[np.isfinite(ours)]).max(initial=0.0)))
        same = np.allclose(theirs, ours, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    else:
        same = np.array_equal(theirs, ours)
    if not same:
        worst = float(np.nanmax(np.abs(theirs.astype(float) - ours.astype(float))))
        raise ExportError(
            f"verify=True: output {name!r} differs from metagrad's in onnx.reference, by up to {worst:.3g}"
        )
