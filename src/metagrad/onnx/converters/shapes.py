"""Shapes, joining, broadcasting, and making arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.onnx.converters.registry import numpy_call
from metagrad.onnx.merging import Extent, Handle, Varying


@numpy_call("reshape", "ravel", "expand_dims", "squeeze", "atleast_2d", "atleast_3d")
def reshape(g: Any, step: Any, x: Any, *_: Any, **__: Any) -> Any:
    """Whatever the call, the result's shape says it."""
    out = step.outputs[0]
    if step.op == "expand_dims" and len(out.shape) == len(g.shape_of(x)) + 1:
        return (
            g.op("Unsqueeze", g.tensor(x), g.ints([int(_[0])]))
            if _ and isinstance(_[0], int)
            else g.reshape(g.tensor(x), out.shape)
        )
    return g.reshape(g.tensor(x), out.shape)


@numpy_call("broadcast_to")
def broadcast_to(g: Any, step: Any, x: Any, shape: Any = None, **_: Any) -> Any:
    return g.expand(g.tensor(x), step.outputs[0].shape)


@numpy_call("broadcast_arrays")
def broadcast_arrays(g: Any, step: Any, *xs: Any, **_: Any) -> Any:
    return [g.expand(g.tensor(x), out.shape) for x, out in zip(xs, step.outputs, strict=True)]


def _permuted(g: Any, x: Any, dims: Any) -> str:
    if len(g.shape_of(x)) < 2:
        return str(g.op("Identity", g.tensor(x)))
    return str(g.op("Transpose", g.tensor(x), perm=[int(d) for d in dims]))


@numpy_call("transpose", "permute_dims")
def transpose(g: Any, step: Any, x: Any, axes: Any = None) -> Any:
    count = len(g.shape_of(x))
    return _permuted(g, x, range(count)[::-1] if axes is None else [a % count for a in axes])


@numpy_call("swapaxes")
def swapaxes(g: Any, step: Any, x: Any, one: int, other: int) -> Any:
    dims = list(range(len(g.shape_of(x))))
    dims[one], dims[other] = dims[other], dims[one]
    return _permuted(g, x, dims)


@numpy_call("moveaxis")
def moveaxis(g: Any, step: Any, x: Any, source: Any, destination: Any) -> Any:
    count = len(g.shape_of(x))
    return _permuted(g, x, _moved(count, source, destination))


def _moved(count: int, source: Any, destination: Any) -> list[int]:
    source = [s % count for s in ([source] if isinstance(source, int) else source)]
    destination = [d % count for d in ([destination] if isinstance(destination, int) else destination)]
    order = [n for n in range(count) if n not in source]
    for to, at in sorted(zip(destination, source, strict=True)):
        order.insert(to, at)
    return order


@numpy_call("concatenate")
def concatenate(g: Any, step: Any, xs: Any, axis: Any = 0, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    return g.op("Concat", *[g.tensor(x, kind) for x in xs], axis=int(axis))


@numpy_call("stack")
def stack(g: Any, step: Any, xs: Any, axis: int = 0, **_: Any) -> Any:
    kind, at = step.outputs[0].dtype, g.ints([axis % len(step.outputs[0].shape)])
    return g.op(
        "Concat", *[g.op("Unsqueeze", g.tensor(x, kind), at) for x in xs], axis=axis % len(step.outputs[0].shape)
    )


@numpy_call("split", "array_split")
def split(g: Any, step: Any, x: Any, where: Any, axis: int = 0) -> Any:
    name, sizes = g.tensor(x), [out.shape[axis] for out in step.outputs]
    return (
        g.op("Split", name, g.ints(sizes), outputs=len(sizes), axis=axis)
        if len(sizes) > 1
        else [g.op("Identity", name)]
    )


@numpy_call("constant")
def constant(g: Any, step: Any, array: Any) -> Any:
    return g.tensor(array)


@numpy_call("zeros", "zeros_like", "empty", "empty_like")
def zeros(g: Any, step: Any, *_: Any, **__: Any) -> Any:
    return filled(g, step.outputs[0], 0)


@numpy_call("ones", "ones_like")
def ones(g: Any, step: Any, *_: Any, **__: Any) -> Any:
    return filled(g, step.outputs[0], 1)


@numpy_call("full", "full_like")
def full(g: Any, step: Any, shape: Any, value: Any, *_: Any, **__: Any) -> Any:
    if isinstance(value, (Handle, Varying, Extent)) or np.ndim(value):
        return g.expand(g.tensor(value, step.outputs[0].dtype), step.outputs[0].shape)
    return filled(g, step.outputs[0], value)


def filled(g: Any, like: Any, value: Any) -> str:
    """A tensor of one number."""
    return str(g.expand(g.scalar(value, like.dtype), like.shape))


@numpy_call("arange")
def arange(g: Any, step: Any, *args: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    start, stop, by = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3]
    if kind.kind == "f" and not all(isinstance(a, (int, Extent)) for a in (start, stop, by)):
        start, by = g.static(start, "the start"), g.static(by, "the step")
        counted = g.range(step.outputs[0].shape[0], kind)
        return g.op("Add", g.op("Mul", counted, g.scalar(by, kind)), g.scalar(start, kind))
    found = g.op("Range", *[g.tensor(a, np.int64) for a in (start, stop, by)])
    return g.cast(found, kind, np.dtype(np.int64))


@numpy_call("eye", "identity_matrix")
def eye(g: Any, step: Any, *_: Any, **kwargs: Any) -> Any:
    out = step.outputs[0]
    k = kwargs.get("k", 0)
    return g.op("EyeLike", filled(g, out, 0), k=k)


@numpy_call("tril", "triu")
def triangle(g: Any, step: Any, x: Any, k: int = 0) -> Any:
    kind = step.outputs[0].dtype
    upper = int(step.op == "triu")
    if kind.kind == "b":  # onnxruntime has Trilu for numbers only
        found = g.op(
            "Trilu",
            g.tensor(x, np.int64) if g.dtype_of(x) != np.int64 else g.tensor(x),
            np.array(k, np.int64),
            upper=upper,
        )
        return g.cast(found, kind, np.dtype(np.int64))
    wide = np.dtype(np.float32) if kind == np.float16 else np.dtype(np.int64) if kind.kind in "iu" else kind
    return g.cast(g.op("Trilu", g.tensor(x, wide), np.array(k, np.int64), upper=upper), kind, wide)


@numpy_call("pad")
def pad(g: Any, step: Any, x: Any, widths: Any, mode: str = "constant", constant_values: Any = 0, **_: Any) -> Any:
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise g.refusal(f"padding mode {mode!r}")
    pairs = np.broadcast_to(np.asarray(widths), (len(step.outputs[0].shape), 2))
    kind = step.outputs[0].dtype
    value = [g.scalar(constant_values, kind)] if mode == "constant" else []
    return g.op("Pad", g.tensor(x), g.ints([*pairs[:, 0], *pairs[:, 1]]), *value, mode=mode)


@numpy_call("flip")
def flip(g: Any, step: Any, x: Any, axis: Any = None) -> Any:
    axes = range(len(g.shape_of(x))) if axis is None else [axis] if isinstance(axis, int) else axis
    axes, low = list(axes), -(1 << 62)
    if not axes:
        return g.op("Identity", g.tensor(x))
    return g.slice(g.tensor(x), [-1] * len(axes), [low] * len(axes), axes, [-1] * len(axes))


@numpy_call("roll")
def roll(g: Any, step: Any, x: Any, shift: Any, axis: Any = None) -> Any:
    name, shape = g.tensor(x), g.shape_of(x)
    if axis is None:
        size: Any = 1
        for n in shape:
            size = n * size
        return g.reshape(_rolled(g, g.op("Reshape", name, g.ints([-1])), shift, 0, size), shape)
    shifts = [shift] if isinstance(shift, (int, Extent)) else list(shift)
    for s, a in zip(shifts, [axis] * len(shifts) if isinstance(axis, int) else axis, strict=True):
        name = _rolled(g, name, s, a, shape[a])
    return name


def _rolled(g: Any, name: str, shift: Any, axis: int, n: Any) -> str:
    if isinstance(n, int) and isinstance(shift, int):
        shift = shift % n if n else 0
    if shift == 0:
        return name
    end = g.slice(name, [-shift], [np.iinfo(np.int64).max], [axis])
    return str(g.op("Concat", end, g.slice(name, [0], [-shift], [axis]), axis=axis))


@numpy_call("repeat")
def repeat(g: Any, step: Any, x: Any, times: Any, axis: Any = None) -> Any:
    if isinstance(times, np.ndarray) and times.size == 1:
        times = int(times.reshape(-1)[0])
    shape = g.shape_of(x)
    if not isinstance(times, int):
        return _repeated(g, x, times, axis)
    if axis is None:
        return g.reshape(g.expand(g.op("Reshape", g.tensor(x), g.ints([-1, 1])), [1, times]), step.outputs[0].shape)
    axis %= len(shape)
    wide = g.expand(
        g.op("Unsqueeze", g.tensor(x), g.ints([axis + 1])), [*[1] * (axis + 1), times, *[1] * (len(shape) - axis - 1)]
    )
    return g.reshape(wide, step.outputs[0].shape)


def _repeated(g: Any, x: Any, times: Any, axis: Any) -> str:
    """Each element as often as its number says: the i-th result is of the first element whose running sum is above i."""
    total = g.op("CumSum", g.tensor(times, np.int64), np.array(0, np.int64))
    count = g.op("Reshape", g.reduce("ReduceSum", g.tensor(times, np.int64), [0], True), g.ints([1]))
    places = g.op("Unsqueeze", g.range(count), g.ints([1]))
    passed = g.op("GreaterOrEqual", places, g.op("Unsqueeze", total, g.ints([0])))
    index = g.reduce("ReduceSum", g.cast(passed, np.int64, np.dtype(bool)), [1], False)
    if axis is None:
        return str(g.op("Gather", g.op("Reshape", g.tensor(x), g.ints([-1])), index, axis=0))
    return str(g.op("Gather", g.tensor(x), index, axis=axis))


@numpy_call("tile")
def tile(g: Any, step: Any, x: Any, reps: Any) -> Any:
    reps = [reps] if isinstance(reps, (int, Extent)) else list(reps)
    shape = g.shape_of(x)
    name = (
        g.reshape(g.tensor(x), [1] * (len(reps) - len(shape)) + list(shape)) if len(reps) > len(shape) else g.tensor(x)
    )
    return g.op("Tile", name, g.ints([1] * (len(shape) - len(reps)) + reps))


@numpy_call("meshgrid")
def meshgrid(g: Any, step: Any, *xs: Any, indexing: str = "xy", **_: Any) -> Any:
    found, count = [], len(xs)
    for i, (x, out) in enumerate(zip(xs, step.outputs, strict=True)):
        axis = {0: 1, 1: 0}.get(i, i) if indexing == "xy" and count > 1 else i
        found.append(
            g.expand(g.op("Reshape", g.tensor(x), g.ints([-1 if d == axis else 1 for d in range(count)])), out.shape)
        )
    return found


@numpy_call("view")
def view(g: Any, step: Any, x: Any, dtype: Any) -> Any:
    if g.opset >= 26:
        return g.op("BitCast", g.tensor(x), to=g.elem_type(dtype))
    raise g.refusal("the same bytes as numbers of another dtype: ONNX has that from opset 26 on")
