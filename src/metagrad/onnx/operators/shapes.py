"""Shapes, joining and cutting, making."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.onnx.internals import Variable
from metagrad.onnx.operators import ops as mg
from metagrad.onnx.operators.registry import axes_of, dtype_of, ints, numbers, operator, scalar, tensor

LARGEST = 1 << 28  # elements: a file that asks for a larger tensor than this is refused


def sound(shape: Any, what: str) -> tuple[int, ...]:
    """A shape that a file asks for, if it is one that can be."""
    shape = tuple(int(n) for n in shape)
    if any(n < 0 for n in shape) or math.prod(shape) > LARGEST:
        raise ValueError(f"{what}: the file asks for a tensor of shape {list(shape)}")
    return shape


@operator("Shape")
def shape(call: Any, x: Any, start: int = 0, end: Any = None) -> Any:
    full = np.asarray(x).shape if not isinstance(x, Variable) else tuple(x.shape)
    return tensor(np.array(full[slice(start, end)], np.int64))


@operator("Size")
def size(call: Any, x: Any) -> Any:
    return tensor(np.array(np.size(numbers(x)), np.int64))


@operator("Reshape")
def reshape(
    call: Any, x: Any, wanted: Any = None, *, shape: Any = None, allowzero: int = 0, consumed_inputs: Any = None
) -> Any:
    extents = ints(wanted if wanted is not None else shape)
    if not allowzero:
        extents = [x.shape[i] if n == 0 else n for i, n in enumerate(extents)]
    return x.reshape(extents)


@operator("Flatten")
def flatten(call: Any, x: Any, axis: int = 1) -> Any:
    axis = axis + x.ndim if axis < 0 else axis
    rows = math.prod(x.shape[:axis])
    return x.reshape(rows, math.prod(x.shape[axis:]))


@operator("Transpose")
def transpose(call: Any, x: Any, perm: Any = None) -> Any:
    return x.permute(*(range(x.ndim)[::-1] if perm is None else perm)) if x.ndim else x


@operator("Squeeze")
def squeeze(call: Any, x: Any, given: Any = None, *, axes: Any = None) -> Any:
    axes = axes if given is None else given
    gone = {d for d, n in enumerate(x.shape) if n == 1} if axes is None else set(axes_of(axes, x.ndim))
    wrong = [d for d in gone if x.shape[d] != 1]
    if wrong:
        raise ValueError(f"Squeeze of dimension {wrong[0]} of shape {tuple(x.shape)}")
    return x.reshape([n for d, n in enumerate(x.shape) if d not in gone])


@operator("Unsqueeze")
def unsqueeze(call: Any, x: Any, given: Any = None, *, axes: Any = None) -> Any:
    axes = ints(axes if given is None else given)
    new = set(axes_of(axes, x.ndim + len(axes)))
    source = iter(x.shape)
    return x.reshape([1 if d in new else next(source) for d in range(x.ndim + len(axes))])


@operator("Concat")
def concat(call: Any, *xs: Any, axis: int = 1) -> Any:
    return mg.cat(list(xs), axis)


@operator("Split")
def split(call: Any, x: Any, given: Any = None, *, axis: int = 0, split: Any = None, num_outputs: Any = None) -> Any:
    sizes = given if given is not None else split
    if sizes is not None:
        return tuple(x.split(ints(sizes), axis))
    count = len(call.wanted)
    if num_outputs not in (None, count):
        raise ValueError(f"num_outputs is {num_outputs}, and the node has {count} results")
    each = -(-x.shape[axis] // count)
    extents = [min(each, max(0, x.shape[axis] - i * each)) for i in range(count)]
    return tuple(x.split(extents, axis))


@operator("Slice")
def slice_(call: Any, x: Any, *given: Any, starts: Any = None, ends: Any = None, axes: Any = None) -> Any:
    if given:
        starts, ends, axes, steps = (*given, None, None)[:4]
        steps = None if steps is None else ints(steps)
    else:
        steps = None
    starts, ends = ints(starts), ints(ends)
    axes = range(len(starts)) if axes is None else axes_of(axes, x.ndim)
    steps = [1] * len(starts) if steps is None else steps
    index: list[Any] = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        picked = range(x.shape[axis])[_slice(start, end, step, x.shape[axis])]
        index[axis] = slice(picked.start, picked.stop, picked.step)
        if step < 0:  # tensors have no steps backwards
            x = x.index_select(axis, tensor(np.array(picked, np.int64)))
            index[axis] = slice(None)
    return x[tuple(index)] if index else x


def _slice(start: int, end: int, step: int, n: int) -> slice:
    if step > 0:
        return slice(start, end, step)
    end = None if end < -n else end  # type: ignore[assignment]
    return slice(min(start, n - 1) if start >= 0 else start, end, step)


@operator("Expand")
def expand(call: Any, x: Any, wanted: Any) -> Any:
    full = sound(np.broadcast_shapes(tuple(x.shape), sound(ints(wanted), "Expand")), "Expand")
    return x.expand(full)


@operator("Tile")
def tile(call: Any, x: Any, repeats: Any, *_: Any) -> Any:
    times = ints(repeats)
    sound([n * t for n, t in zip(x.shape, times, strict=True)], "Tile")
    return x.repeat(times) if times else x


@operator("Constant")
def constant(call: Any, **value: Any) -> Any:
    (name, found), *_ = value.items()
    if name in ("value_string", "value_strings"):
        return np.array(found, object)
    if name == "sparse_value":
        raise NotImplementedError("a sparse constant")
    if name == "value":
        return found
    kind = np.float32 if "float" in name else np.int64
    return tensor(np.array(found, kind))


@operator("ConstantOfShape")
def constant_of_shape(call: Any, wanted: Any, value: Any = None) -> Any:
    extents = sound(ints(wanted), "ConstantOfShape")
    fill = np.zeros(1, np.float32) if value is None else numbers(value)
    return tensor(np.full(extents, fill.reshape(-1)[0], fill.dtype))


@operator("EyeLike")
def eye_like(call: Any, x: Any, dtype: Any = None, k: int = 0) -> Any:
    kind = numbers(x).dtype if dtype is None else dtype_of(dtype).dtype
    return tensor(np.eye(x.shape[0], x.shape[1], k, kind))


@operator("Range")
def range_(call: Any, start: Any, limit: Any, delta: Any, **_: Any) -> Any:
    a, b, d = (numbers(v).reshape(-1)[0] for v in (start, limit, delta))
    if not d or (float(b) - float(a)) / float(d) > LARGEST:
        raise ValueError(f"Range from {a} to {b} by {d}")
    count = max(0, math.ceil((float(b) - float(a)) / float(d)))
    return tensor((a + np.arange(count).astype(np.asarray(a).dtype) * d).astype(np.asarray(a).dtype))


@operator("Trilu")
def trilu(call: Any, x: Any, k: Any = None, upper: int = 1) -> Any:
    k = 0 if k is None else int(scalar(k))
    k = max(-(1 << 30), min(1 << 30, k))
    return (mg.triu if upper else mg.tril)(x, k)


@operator("Pad")
def pad(call: Any, x: Any, pads: Any = None, value: Any = None, axes: Any = None, **old: Any) -> Any:
    """Constant, reflected, from the edge or from the other end; negative widths cut off."""
    mode = old.get("mode", "constant")
    if pads is None or "pads" in old or "paddings" in old:
        pads, value = old.get("pads", old.get("paddings", pads)), old.get("value", 0.0)
    widths, along = ints(pads), range(x.ndim) if axes is None else axes_of(axes, x.ndim)
    half = len(widths) // 2
    pairs = [(0, 0)] * x.ndim
    for i, axis in enumerate(along):
        pairs[axis] = widths[i], widths[half + i]
    sound([n + max(a, 0) + max(b, 0) for n, (a, b) in zip(x.shape, pairs, strict=True)], "Pad")
    if mode == "constant":
        flat = [w for pair in reversed(pairs) for w in pair]
        fill = 0 if value is None else scalar(value)
        if x.dtype == mg.bool:
            return mg.constant_pad_nd(x.to(mg.uint8), flat, int(fill)).to(mg.bool)
        return mg.constant_pad_nd(x, flat, fill)
    for axis, (a, b) in enumerate(pairs):
        if a or b:
            kept = np.arange(max(0, -a), x.shape[axis] - max(0, -b))
            modes = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}
            index = np.pad(kept, (max(a, 0), max(b, 0)), modes[mode])  # type: ignore[call-overload]
            x = x.index_select(axis, tensor(index))
    return x


@operator("DepthToSpace")
def depth_to_space(call: Any, x: Any, blocksize: int, mode: str = "DCR") -> Any:
    b, c, h, w = x.shape
    n = blocksize
    if mode == "DCR":
        y = x.reshape(b, n, n, c // n**2, h, w).permute(0, 3, 4, 1, 5, 2)
    else:
        y = x.reshape(b, c // n**2, n, n, h, w).permute(0, 1, 4, 2, 5, 3)
    return y.reshape(b, c // n**2, h * n, w * n)


@operator("SpaceToDepth")
def space_to_depth(call: Any, x: Any, blocksize: int, mode: str = "DCR") -> Any:
    b, c, h, w = x.shape
    n = blocksize
    y = x.reshape(b, c, h // n, n, w // n, n)
    y = y.permute(0, 3, 5, 1, 2, 4) if mode == "DCR" else y.permute(0, 1, 3, 5, 2, 4)
    return y.reshape(b, c * n * n, h // n, w // n)


@operator("CenterCropPad")
def center_crop_pad(call: Any, x: Any, wanted: Any, axes: Any = None) -> Any:
    along = range(x.ndim) if axes is None else axes_of(axes, x.ndim)
    for axis, n in zip(along, ints(wanted), strict=True):
        have = x.shape[axis]
        if n < have:
            x = x.narrow(axis, (have - n) // 2, n)
        elif n > have:
            before = (n - have) // 2
            flat = [0, 0] * (x.ndim - axis - 1) + [before, n - have - before]
            x = mg.constant_pad_nd(x, flat, 0)
    return x
