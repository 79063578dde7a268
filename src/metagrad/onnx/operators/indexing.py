"""Elements picked from places and put at places, found and sorted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.onnx.operators import ops as mg
from metagrad.onnx.operators.registry import ints, numbers, operator, scalar, tensor
from metagrad.onnx.operators.shapes import sound


@operator("Gather")
def gather(call: Any, x: Any, index: Any, axis: int = 0) -> Any:
    i = numbers(index).astype(np.int64)
    axis %= x.ndim
    n = x.shape[axis]
    if i.size and (i.min() < -n or i.max() >= n):
        raise IndexError(f"Gather: index {i.min()} to {i.max()} of dimension {axis} of extent {n}")
    i = np.where(i < 0, i + n, i)
    return x[(*[slice(None)] * axis, tensor(i))]


@operator("GatherElements")
def gather_elements(call: Any, x: Any, index: Any, axis: int = 0) -> Any:
    return x.gather(axis, _wrapped(index, x.shape[axis]))


def _wrapped(index: Any, n: int) -> Any:
    i = numbers(index).astype(np.int64)
    if i.size and (i.min() < -n or i.max() >= n):
        raise IndexError(f"an index from {i.min()} to {i.max()} into a dimension of extent {n}")
    return tensor(np.where(i < 0, i + n, i))


@operator("GatherND")
def gather_nd(call: Any, x: Any, index: Any, batch_dims: int = 0) -> Any:
    i = numbers(index).astype(np.int64)
    lead: Any = np.indices(i.shape[:batch_dims]) if batch_dims else []
    more = i.ndim - 1 - batch_dims
    batch = [tensor(b.reshape(b.shape + (1,) * more)) for b in lead]
    parts = [tensor(i[..., k]) for k in range(i.shape[-1])]
    return x[(*batch, *parts)]


_COMBINED = {"none": None, "add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


@operator("ScatterElements", "Scatter")
def scatter_elements(call: Any, x: Any, index: Any, updates: Any, axis: int = 0, reduction: str = "none") -> Any:
    i = _wrapped(index, x.shape[axis])
    how = _COMBINED[reduction]
    return x.scatter(axis, i, updates) if how is None else x.scatter_reduce(axis, i, updates, how, include_self=True)


@operator("ScatterND")
def scatter_nd(call: Any, x: Any, index: Any, updates: Any, reduction: str = "none") -> Any:
    i = numbers(index).astype(np.int64)
    depth = i.shape[-1]
    strides = [math.prod(x.shape[k + 1 : depth]) for k in range(depth)]
    for k in range(depth):
        _wrapped(i[..., k], x.shape[k])
    flat = sum(
        (np.where(i[..., k] < 0, i[..., k] + x.shape[k], i[..., k]) * s for k, s in enumerate(strides)),
        np.zeros(i.shape[:-1], np.int64),
    )
    rest = tuple(x.shape[depth:])
    rows, where = x.reshape(math.prod(x.shape[:depth]), *rest), tensor(flat.reshape(-1))
    values = updates.reshape(where.shape[0], *rest)
    how = _COMBINED[reduction]
    if how is None:
        found = rows.index_copy(0, where, values) if where.shape[0] else rows
    else:
        found = rows.index_reduce(0, where, values, how) if how != "sum" else rows.index_add(0, where, values)
    return found.reshape(tuple(x.shape))


@operator("TensorScatter")
def tensor_scatter(call: Any, past: Any, update: Any, indices: Any = None, axis: int = -2, mode: str = "linear") -> Any:
    axis %= past.ndim
    starts = [0] * past.shape[0] if indices is None else ints(indices)
    array = numbers(past).copy()
    for b, start in enumerate(starts):
        places = start + np.arange(update.shape[axis])
        places = places % past.shape[axis] if mode == "circular" else places
        array[b][(*[slice(None)] * (axis - 1), places)] = numbers(update)[b]
    return tensor(array)


@operator("Compress")
def compress(call: Any, x: Any, condition: Any, axis: Any = None) -> Any:
    keep = np.flatnonzero(numbers(condition))
    source = x.reshape(-1) if axis is None else x
    along = 0 if axis is None else axis
    return source.index_select(along, tensor(keep[keep < source.shape[along]]))


@operator("NonZero")
def nonzero(call: Any, x: Any) -> Any:
    return (
        tensor(np.array(np.nonzero(np.atleast_1d(numbers(x))), np.int64))
        if x.ndim
        else tensor(np.zeros((0, int(bool(x))), np.int64))
    )


@operator("OneHot")
def one_hot(call: Any, index: Any, depth: Any, values: Any, axis: int = -1) -> Any:
    n = int(scalar(depth))
    i = numbers(index).astype(np.int64)
    sound([*i.shape, n], "OneHot")
    i = np.where(i < 0, i + n, i)
    hot = np.expand_dims(i, axis) == np.arange(n).reshape(
        [-1 if d == axis % (i.ndim + 1) else 1 for d in range(i.ndim + 1)]
    )
    off, on = values
    return mg.where(tensor(hot), on, off)


@operator("ReverseSequence")
def reverse_sequence(call: Any, x: Any, lengths: Any, batch_axis: int = 1, time_axis: int = 0) -> Any:
    steps, each = x.shape[time_axis], numbers(lengths).reshape(1, -1)
    t = np.arange(steps)[:, None]
    index = np.where(t < each, each - 1 - t, t)
    index = index if time_axis < batch_axis else index.T
    full = index.reshape(index.shape + (1,) * (x.ndim - 2))
    return x.gather(time_axis, tensor(np.broadcast_to(full, tuple(x.shape)).copy()))


@operator("Unique")
def unique(call: Any, x: Any, axis: Any = None, sorted: int = 1) -> Any:
    values, index, inverse, counts = np.unique(numbers(x), True, True, True, axis)
    inverse = inverse.reshape(-1)
    if not sorted:
        order = np.argsort(index, kind="stable")
        back = np.argsort(order, kind="stable")
        values = np.take(values, order, 0 if axis is None else axis)
        index, counts, inverse = index[order], counts[order], back[inverse]
    return tuple(tensor(a) for a in (values, *(v.astype(np.int64) for v in (index, inverse, counts))))


@operator("TopK")
def top_k(
    call: Any, x: Any, count: Any = None, *, k: Any = None, axis: int = -1, largest: int = 1, sorted: int = 1
) -> Any:
    n = int(scalar(count)) if count is not None else k
    if not 0 <= n <= x.shape[axis]:
        raise ValueError(f"TopK of {n} of {x.shape[axis]}")
    keys = numbers(x)
    if largest:  # the first of equals comes first, whichever way
        order = np.flip(np.argsort(np.flip(keys, axis), axis, kind="stable"), axis)
        order = keys.shape[axis] - 1 - order
    else:
        order = np.argsort(keys, axis, kind="stable")
    index = tensor(np.take(order, np.arange(n), axis).astype(np.int64))
    return x.gather(axis, index), index


@operator("NonMaxSuppression")
def non_max_suppression(
    call: Any,
    boxes: Any,
    scores: Any,
    most: Any = None,
    overlap: Any = None,
    least: Any = None,
    center_point_box: int = 0,
) -> Any:
    b, s = numbers(boxes).astype(np.float64), numbers(scores)
    count = int(scalar(most)) if most is not None else 0
    limit = float(scalar(overlap)) if overlap is not None else 0.0
    low = float(scalar(least)) if least is not None else -np.inf
    if center_point_box:
        x, y, w, h = np.moveaxis(b, -1, 0)
        b = np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], -1)
    b = np.concatenate([np.minimum(b[..., :2], b[..., 2:]), np.maximum(b[..., :2], b[..., 2:])], -1)
    found = []
    for image in range(s.shape[0]):
        for kind in range(s.shape[1]):
            order = [i for i in np.argsort(-s[image, kind], kind="stable") if s[image, kind, i] > low]
            chosen: list[int] = []
            for i in order:
                if len(chosen) >= count:
                    break
                if all(_overlap(b[image, i], b[image, j]) <= limit for j in chosen):
                    chosen.append(int(i))
            found += [(image, kind, i) for i in chosen]
    return tensor(np.array(found, np.int64).reshape(-1, 3))


def _overlap(a: Any, b: Any) -> float:
    inner = np.maximum(0, np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])).prod()
    return float(inner / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - inner))
