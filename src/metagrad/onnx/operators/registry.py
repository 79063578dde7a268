"""Which function computes which operator.

An operator's function is called as ``compute(call, *inputs, **attributes)``: tensors (None where an input is left out, lists for
sequences), and attributes as Python values; it returns a tensor, or a tuple of several.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.onnx.internals import Variable, dtypes, need, wrap

Operator = Callable[..., Any]

OPERATORS: dict[tuple[str, str], Operator] = {}
STANDARD = ("", "ai.onnx")


def operator(*names: str, domain: str = "") -> Callable[[Operator], Operator]:
    """Marks what computes the operators of these names."""

    def mark(compute: Operator) -> Operator:
        for name in names:
            OPERATORS[domain, name] = compute
        return compute

    return mark


def simple(name: str, compute: Callable[..., Any]) -> None:
    """An operator of tensors alone."""
    OPERATORS["", name] = lambda call, *inputs, **_: compute(*inputs)


class Call:
    """What an operator may want to know beyond its inputs: its name, the opset, how many results are wanted, its graphs."""

    def __init__(self, kind: str, opset: int, wanted: list[bool], run_graph: Callable[..., Any]) -> None:
        self.kind, self.opset, self.wanted, self.run_graph = kind, opset, wanted, run_graph


def numbers(x: Any) -> Any:
    """The array of a tensor."""
    return x.array if isinstance(x, Variable) else np.asarray(x)


def ints(x: Any) -> list[int]:
    """A tensor of integers, or an attribute, as a list."""
    if isinstance(x, Variable):
        return [int(v) for v in x.array.reshape(-1)]
    return [int(v) for v in x] if isinstance(x, (list, tuple)) else [int(x)]


def scalar(x: Any) -> Any:
    """A tensor of one element as a Python number."""
    return x.array.reshape(-1)[0].item() if isinstance(x, Variable) else x


def tensor(array: Any) -> Any:
    """An array as a tensor."""
    return wrap(np.asarray(array))


def dtype_of(number: int) -> Any:
    """metagrad's dtype for ONNX's number of one."""
    onnx = need("onnx", "onnx")
    name = onnx.TensorProto.DataType.Name(number)
    if name == "BFLOAT16":
        return dtypes.bfloat16
    kind = onnx.helper.tensor_dtype_to_np_dtype(number)
    if kind.kind not in "fiubc" or kind.name not in KNOWN:
        raise NotImplementedError(f"numbers of type {name}")
    return dtypes.of(kind)


KNOWN = {
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "complex64", "complex128",
}  # fmt: skip


def axes_of(axes: Any, rank: int) -> tuple[int, ...]:
    """Axes counted from the front."""
    return tuple(a % rank if rank else 0 for a in ints(axes))
