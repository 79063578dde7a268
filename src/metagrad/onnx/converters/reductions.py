"""Sums, extremes, sorting, and running sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.onnx.converters.elementwise import truth
from metagrad.onnx.converters.registry import NUMPY, numpy_call
from metagrad.onnx.merging import Extent

NOTHING = np._NoValue


def _axes(g: Any, x: Any, axis: Any) -> list[int]:
    rank = len(g.shape_of(x))
    if axis is None or axis is NOTHING:
        return list(range(rank))
    return [int(a) % max(rank, 1) for a in ((axis,) if isinstance(axis, (int, np.integer)) else axis)]


def _reduction(op: str) -> Any:
    def convert(
        g: Any,
        step: Any,
        x: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        **more: Any,
    ) -> Any:
        kind, axes = step.outputs[0].dtype, _axes(g, x, axis)
        keep = bool(keepdims) and keepdims is not NOTHING
        if more.get("initial", NOTHING) not in (NOTHING, 0, 1) or more.get("where", True) not in (True, NOTHING):
            raise g.refusal("a reduction with initial= or where=")
        name = g.tensor(x, kind)
        return g.reduce(op, name, axes, keep) if axes else g.op("Identity", name)

    return convert


NUMPY.update({"sum": _reduction("ReduceSum"), "prod": _reduction("ReduceProd"), "mean": _reduction("ReduceMean")})


def _from_ufunc(op: str) -> Any:
    convert = _reduction(op)

    def reduced(
        g: Any, step: Any, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False, **more: Any
    ) -> Any:
        return convert(g, step, x, axis, dtype, out, keepdims, **more)

    return reduced


NUMPY.update({"add.reduce": _from_ufunc("ReduceSum"), "multiply.reduce": _from_ufunc("ReduceProd")})


def _extreme(op: str, from_ufunc: bool = False) -> Any:
    def convert(
        g: Any, step: Any, x: Any, axis: Any = 0 if from_ufunc else None, *rest: Any, keepdims: Any = False, **more: Any
    ) -> Any:
        kind, axes = step.outputs[0].dtype, _axes(g, x, axis)
        keep = bool(keepdims) and keepdims is not NOTHING
        name = g.tensor(x, kind)
        if not axes:
            return g.op("Identity", name)
        if more.get("initial", NOTHING) is not NOTHING:
            raise g.refusal("a reduction with initial=")
        if kind.kind == "b" and g.opset < 20:
            return g.cast(g.reduce(op, g.cast(name, np.uint8, kind), axes, keep), kind, np.uint8)
        return g.reduce(op, name, axes, keep)

    return convert


NUMPY.update({
    "max": _extreme("ReduceMax"), "amax": _extreme("ReduceMax"), "min": _extreme("ReduceMin"), "amin": _extreme("ReduceMin"),
    "maximum.reduce": _extreme("ReduceMax", True), "minimum.reduce": _extreme("ReduceMin", True),
})  # fmt: skip


@numpy_call("any", "all", "logical_or.reduce", "logical_and.reduce")
def any_all(g: Any, step: Any, x: Any, axis: Any = None, *rest: Any, keepdims: Any = False, **_: Any) -> Any:
    axis = 0 if axis is None and ".reduce" in step.op else axis
    axes, name = _axes(g, x, axis), g.cast(truth(g, x), np.int32, np.dtype(bool))
    if axes:
        op = "ReduceMax" if step.op in ("any", "logical_or.reduce") else "ReduceMin"
        name = g.reduce(op, name, axes, bool(keepdims) and keepdims is not NOTHING)
    return g.cast(name, bool, np.dtype(np.int32))


@numpy_call("count_nonzero")
def count_nonzero(g: Any, step: Any, x: Any, axis: Any = None, *, keepdims: Any = False, **_: Any) -> Any:
    return g.reduce("ReduceSum", g.cast(truth(g, x), np.int64, np.dtype(bool)), _axes(g, x, axis), bool(keepdims))


@numpy_call("var", "std")
def variance(
    g: Any,
    step: Any,
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    **_: Any,
) -> Any:
    kind, axes, name = step.outputs[0].dtype, _axes(g, x, axis), g.tensor(x, step.outputs[0].dtype)
    apart = g.op("Sub", name, g.reduce("ReduceMean", name, axes, True))
    keep = bool(keepdims) and keepdims is not NOTHING
    total = g.reduce("ReduceSum", g.op("Mul", apart, apart), axes, keep)
    count: Any = 1
    for a in axes:
        count = g.shape_of(x)[a] * count
    found = g.op(
        "Div", total, g.tensor(count - ddof if isinstance(ddof, int) or not isinstance(count, Extent) else count, kind)
    )
    return g.op("Sqrt", found) if step.op == "std" else found


@numpy_call("argmax", "argmin")
def argmax(g: Any, step: Any, x: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **_: Any) -> Any:
    name, kind = g.tensor(x), np.dtype(g.dtype_of(x))
    if kind.kind == "b":
        name = g.cast(name, np.int32, kind)
    op = "ArgMax" if step.op == "argmax" else "ArgMin"
    if axis is None:
        return g.op(op, g.op("Reshape", name, g.ints([-1])), axis=0, keepdims=0)
    return g.op(op, name, axis=axis, keepdims=int(bool(keepdims) and keepdims is not NOTHING))


def _sorted(g: Any, x: Any, axis: int) -> Any:
    """Values and places from the smallest to the largest: TopK of all, which keeps the order of equals."""
    rank, kind = len(g.shape_of(x)), np.dtype(g.dtype_of(x))
    name = g.tensor(x)
    wide = (
        kind if kind in (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.int32)) else None
    )
    if wide is None:
        wide = np.dtype(np.float32) if kind.kind == "f" else np.dtype(np.int64)
        name = g.cast(name, wide, kind)
    count = g.op("Shape", name, start=axis % rank, end=axis % rank + 1)
    values, places = g.op("TopK", name, count, outputs=2, axis=axis, largest=0, sorted=1)
    return g.cast(values, kind, wide), places


@numpy_call("sort", "partition")
def sort(g: Any, step: Any, x: Any, *rest: Any, axis: Any = -1, **_: Any) -> Any:
    axis = rest[0] if rest and step.op == "sort" else axis
    return _sorted(g, x, axis)[0]


@numpy_call("argsort", "argpartition")
def argsort(g: Any, step: Any, x: Any, *rest: Any, axis: Any = -1, **_: Any) -> Any:
    axis = rest[0] if rest and step.op == "argsort" else axis
    return _sorted(g, x, axis)[1]


def _running(op: str) -> Any:
    """A running sum, or product, or extreme, along an axis."""

    def convert(g: Any, step: Any, x: Any, axis: Any = None, *rest: Any, **_: Any) -> Any:
        kind, rank = step.outputs[0].dtype, len(g.shape_of(x))
        name = g.tensor(x, kind)
        if axis is None and "." in str(step.op):
            axis = 0
        if axis is None and rank != 1:
            name, axis, rank = g.op("Reshape", name, g.ints([-1])), 0, 1
        axis = (axis or 0) % rank
        if op == "Add":
            return g.op("CumSum", name, np.array(axis, np.int64))
        return _scanned(g, name, op, axis, kind, [n for d, n in enumerate(step.outputs[0].shape) if d != axis])

    return convert


def _scanned(g: Any, name: str, op: str, axis: int, kind: Any, rest: list[Any]) -> str:
    """A loop over the axis that combines each element with what came before."""
    helper = g.onnx.helper
    neutral = {"Mul": 1, "Max": -np.inf, "Min": np.inf, "LogAddExp": -np.inf}[op]
    if kind.kind in "iu" and op in ("Max", "Min"):
        limits = np.iinfo(kind)
        neutral = limits.min if op == "Max" else limits.max
    first = g.expand(g.scalar(neutral, kind), rest)
    before, now, after, out = (g.fresh(n) for n in ("before", "now", "after", "out"))
    kind_number = g.elem_type(kind)
    value = helper.make_tensor_value_info
    nodes = []
    if op == "LogAddExp":
        names = [g.fresh("part") for _ in range(8)]
        zero = g.fresh("minus")
        nodes = [
            helper.make_node("Max", [before, now], [names[0]]), helper.make_node("Sub", [before, names[0]], [names[1]]),
            helper.make_node("Sub", [now, names[0]], [names[2]]), helper.make_node("Exp", [names[1]], [names[3]]),
            helper.make_node("Exp", [names[2]], [names[4]]), helper.make_node("Add", [names[3], names[4]], [names[5]]),
            helper.make_node("Log", [names[5]], [names[6]]), helper.make_node("Add", [names[0], names[6]], [names[7]]),
            helper.make_node("IsInf", [names[0]], [zero]), helper.make_node("Where", [zero, names[0], names[7]], [after]),
        ]  # fmt: skip
    else:
        nodes = [helper.make_node(op, [before, now], [after])]
    nodes.append(helper.make_node("Identity", [after], [out]))
    body = helper.make_graph(
        nodes, g.fresh("running"), [value(before, kind_number, None), value(now, kind_number, None)],
        [value(after, kind_number, None), value(out, kind_number, None)],
    )  # fmt: skip
    last, found = g.op(
        "Scan", first, name, outputs=2, body=body, num_scan_inputs=1, scan_input_axes=[axis], scan_output_axes=[axis]
    )
    del last
    return str(found)


NUMPY.update({
    "cumsum": _running("Add"), "add.accumulate": _running("Add"), "cumprod": _running("Mul"),
    "multiply.accumulate": _running("Mul"),
    "maximum.accumulate": _running("Max"), "minimum.accumulate": _running("Min"), "logaddexp.accumulate": _running("LogAddExp"),
})  # fmt: skip


@numpy_call("diff")
def diff(g: Any, step: Any, x: Any, n: int = 1, axis: int = -1, **_: Any) -> Any:
    name, kind = g.tensor(x), step.outputs[0].dtype
    last = np.iinfo(np.int64).max
    for _i in range(n):
        later, earlier = g.slice(name, [1], [last], [axis]), g.slice(name, [0], [-1], [axis])
        name = g.op("Xor", later, earlier) if kind.kind == "b" else g.op("Sub", later, earlier)
    return name


@numpy_call("unique")
def unique(
    g: Any,
    step: Any,
    x: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    **_: Any,
) -> Any:
    values, index, inverse, counts = g.op("Unique", g.tensor(x), outputs=4, axis=axis, sorted=1)
    found = [
        values,
        *[v for v, wanted in ((index, return_index), (inverse, return_inverse), (counts, return_counts)) if wanted],
    ]
    if return_inverse and axis is None:
        place = 1 + return_index
        found[place] = g.reshape(found[place], g.shape_of(x))
    return found


@numpy_call("searchsorted")
def searchsorted(g: Any, step: Any, boundaries: Any, v: Any, side: str = "left", **_: Any) -> Any:
    """How many boundaries are below (or not above) each value."""
    kind = np.result_type(g.dtype_of(boundaries), g.dtype_of(v))
    wide = g.op("Unsqueeze", g.tensor(v, kind), g.ints([-1]))
    below = g.op("Less" if side == "left" else "LessOrEqual", g.tensor(boundaries, kind), wide)
    return g.reduce("ReduceSum", g.cast(below, np.int64, np.dtype(bool)), [-1], False)


@numpy_call("bincount")
def bincount(g: Any, step: Any, x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """The numbers of the bins are compared with every element, and the matches added up."""
    out, name = step.outputs[0], g.tensor(x, np.int64)
    largest = g.op("Add", g.reduce("ReduceMax", name, None, False), np.array(1, np.int64))
    count = g.op("Max", g.op("Reshape", largest, g.ints([1])), g.ints([minlength]))
    match = g.op("Equal", g.op("Unsqueeze", g.range(count), g.ints([1])), g.op("Unsqueeze", name, g.ints([0])))
    found = g.cast(match, out.dtype, np.dtype(bool))
    if weights is not None:
        found = g.op("Mul", found, g.op("Unsqueeze", g.tensor(weights, out.dtype), g.ints([0])))
    return g.reduce("ReduceSum", found, [1], False)


@numpy_call("isin")
def isin(g: Any, step: Any, x: Any, among: Any, *_: Any, invert: bool = False, **__: Any) -> Any:
    kind = np.result_type(g.dtype_of(x), g.dtype_of(among))
    flat = g.op("Reshape", g.tensor(among, kind), g.ints([-1]))
    same = g.op("Equal", g.op("Unsqueeze", g.tensor(x, kind), g.ints([-1])), flat)
    found = g.cast(g.reduce("ReduceMax", g.cast(same, np.int32, np.dtype(bool)), [-1], False), bool, np.dtype(np.int32))
    return g.op("Not", found) if invert else found
