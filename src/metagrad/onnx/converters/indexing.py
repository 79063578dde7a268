"""x[index], x[index] = v, and what is taken from, put at or added to places that are named by integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.onnx.converters.registry import NUMPY, find, numpy_call
from metagrad.onnx.merging import Extent, Handle, Step, Varying
from metagrad.onnx.values import SELF, leaves, mapped

LAST = np.iinfo(np.int64).max


def _is_array(part: Any) -> bool:
    return isinstance(part, (Handle, Varying, np.ndarray, list, np.bool_)) or isinstance(part, bool)


def _parts(g: Any, index: Any, count: int) -> list[Any]:
    """The parts of an index, one for every dimension and None for every new one, without an Ellipsis."""
    parts = list(index) if isinstance(index, tuple) else [index]
    parts = [np.asarray(p) if isinstance(p, (list, bool, np.bool_)) else p for p in parts]
    used = sum(_dims(g, p) for p in parts if p is not None and p is not Ellipsis)
    gap = [slice(None)] * (count - used)
    for i, part in enumerate(parts):
        if part is Ellipsis:
            return [*parts[:i], *gap, *parts[i + 1 :]]
    return parts + gap


def _dims(g: Any, part: Any) -> int:
    if _is_array(part) and np.dtype(g.dtype_of(part)).kind == "b":
        return len(g.shape_of(part))
    return 1


@numpy_call("getitem")
def getitem(g: Any, step: Any, x: Any, index: Any) -> Any:
    parts = _parts(g, index, len(g.shape_of(x)))
    if any(_is_array(p) for p in parts):
        return _gathered(g, x, parts)
    return _sliced(g, g.tensor(x), parts, g.shape_of(x))


def _sliced(g: Any, name: str, parts: list[Any], shape: Any) -> str:
    cuts: list[tuple[Any, Any, int, Any]] = []  # start, end, axis, step
    gone, new = [], []
    axis = place = 0
    for part in parts:
        if part is None:
            new.append(place)
            place += 1
            continue
        if isinstance(part, slice):
            if part != slice(None):
                start, end, by = _bounds(g, part)
                cuts.append((start, end, axis, by))
            place += 1
        else:
            last = isinstance(part, int) and part == -1
            cuts.append((part, LAST if last else part + 1, axis, 1))
            gone.append(axis)
        axis += 1
    if cuts:
        name = g.slice(name, *zip(*cuts, strict=True))
    if gone:
        name = g.op("Squeeze", name, g.ints(gone))
    if new:
        name = g.op("Unsqueeze", name, g.ints(new))
    return name if cuts or new else str(g.op("Identity", name))


def _bounds(g: Any, part: slice) -> tuple[Any, Any, Any]:
    by = 1 if part.step is None else g.static(part.step, "the step of a slice")
    start = part.start if part.start is not None else (0 if by > 0 else -1)
    end = part.stop if part.stop is not None else (LAST if by > 0 else -(1 << 62))
    return start, end, by


def _gathered(g: Any, x: Any, parts: list[Any]) -> str:
    """Some parts are arrays of integers or bools: NumPy's rules put what they select where they stand, if side by side."""
    name = g.tensor(x)
    new = [i for i, p in enumerate(_by_dimension(g, parts)) if p is None]
    parts = [slice(None) if p is None else p for p in parts]
    if new:
        name = g.op("Unsqueeze", name, g.ints(new))
    slices, arrays, axis = [], {}, 0
    for part in parts:
        if isinstance(part, slice):
            slices.append(part)
            axis += 1
        else:
            for index in _as_integers(g, part):
                slices.append(slice(None))
                arrays[axis] = index
                axis += 1
    if any(s != slice(None) for s in slices):
        name = _sliced(g, name, list(slices), None)
    axes = sorted(arrays)
    if len(axes) == 1:
        return str(g.op("Gather", name, _integers(g, arrays[axes[0]]), axis=axes[0]))
    rank = len(slices)
    width, index = _side_by_side(g, [arrays[a] for a in axes])
    rest = [a for a in range(rank) if a not in axes]
    if axes + rest != list(range(rank)):
        name = g.op("Transpose", name, perm=axes + rest)
    found = g.op("GatherND", name, index)
    together = axes == list(range(axes[0], axes[-1] + 1))
    before = [width + rest.index(a) for a in rest if a < axes[0]] if together else []
    order = [*before, *range(width), *[width + i for i in range(len(rest)) if width + i not in before]]
    return found if order == list(range(len(order))) else str(g.op("Transpose", found, perm=order))


def _by_dimension(g: Any, parts: list[Any]) -> list[Any]:
    """The parts with one of several dimensions repeated for each of them."""
    found: list[Any] = []
    for p in parts:
        found += [p] * (1 if p is None or isinstance(p, slice) else _dims(g, p))
    return found


def _as_integers(g: Any, part: Any) -> list[Any]:
    """An index array; one of bools is the places where it is true, one vector for each dimension."""
    if _is_array(part) and np.dtype(g.dtype_of(part)).kind == "b":
        if isinstance(part, np.ndarray):
            return list(np.nonzero(part))
        rank = len(g.shape_of(part))
        found = g.op("NonZero", g.tensor(part))
        rows = [found] if rank == 1 else g.op("Split", found, g.ints([1] * rank), outputs=rank, axis=0)
        return [(g.op("Reshape", row, g.ints([-1])), 1) for row in rows]
    return [part]


def _integers(g: Any, part: Any) -> str:
    return str(part[0]) if isinstance(part, tuple) else str(g.tensor(part, np.int64))


def _side_by_side(g: Any, arrays: list[Any]) -> tuple[int, str]:
    """Index arrays, broadcast, as one of vectors; and how many dimensions they have."""
    width = max(a[1] if isinstance(a, tuple) else len(g.shape_of(a)) for a in arrays)
    if all(isinstance(a, (np.ndarray, int)) for a in arrays):
        return width, g.constant(np.stack(np.broadcast_arrays(*arrays), -1).astype(np.int64))
    names = [_integers(g, a) for a in arrays]
    shapes = {a[1] if isinstance(a, tuple) else g.shape_of(a) for a in arrays}
    if len(shapes) > 1:
        total = names[0]
        for other in names[1:]:
            total = g.op("Add", total, other)
        shape = g.op("Shape", total)
        names = [g.op("Expand", n, shape) for n in names]
    return width, str(g.op("Concat", *[g.op("Unsqueeze", n, g.ints([-1])) for n in names], axis=-1))


# ------------------------------------------------ writing


def numbered(g: Any, shape: tuple[Any, ...]) -> Any:
    """The numbers of the elements of an array of a shape, in that shape: an array if it is not symbolic."""
    if not any(isinstance(n, Extent) for n in shape):
        return np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    size: Any = 1
    for n in shape:
        size = n * size
    return Handle(shape, np.int64, g.reshape(g.range(size), shape))


def _symbolic(tree: Any) -> bool:
    return any(isinstance(leaf, (Handle, Extent, Varying)) for leaf in leaves(tree))


def places_at(g: Any, shape: tuple[Any, ...], index: Any) -> Any:
    """The numbers of the elements at an index."""
    numbers = numbered(g, shape)
    if isinstance(numbers, np.ndarray) and not _symbolic(index):
        return np.asarray(numbers[index])
    step = Step("getitem", None, {}, g.step.line)
    step.outputs = [Handle((), np.int64)]
    return getitem(g, step, numbers, index)


def put(g: Any, x: Any, places: Any, v: Any, reduction: str | None = None) -> str:
    """x with v, broadcast, at the elements of these numbers, or combined with what is there."""
    kind = x.dtype
    flat = g.op("Reshape", g.tensor(x), g.ints([-1]))
    where = g.tensor(places)
    values = g.op("Expand", g.tensor(v, kind), g.op("Shape", where))
    where, values = (g.op("Reshape", n, g.ints([-1])) for n in (where, values))
    changed = g.op("ScatterElements", flat, where, values, axis=0, reduction=reduction)
    return str(g.reshape(changed, x.shape))


def _whole(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(p is Ellipsis or isinstance(p, slice) and p == slice(None) for p in parts)


@numpy_call("setitem")
def setitem(g: Any, step: Any, x: Any, index: Any, v: Any) -> Any:
    kind = step.outputs[0].dtype
    x = _as_handle(g, x)
    if _whole(index):
        return g.expand(_fitted(g, v, kind, x), x.shape)
    if _is_array(index) and np.dtype(g.dtype_of(index)).kind == "b" and len(g.shape_of(v)) == 0:
        mask = g.tensor(index)
        more = len(x.shape) - len(g.shape_of(index))
        if more:
            mask = g.op("Unsqueeze", mask, g.ints(range(-more, 0)))
        return g.op("Where", mask, g.tensor(v, kind), g.tensor(x))
    return put(g, x, places_at(g, x.shape, index), v)


def _fitted(g: Any, v: Any, kind: Any, x: Any) -> str:
    """v in a dtype, without leading dimensions of 1 that the target does not have."""
    name, extra = g.tensor(v, kind), len(g.shape_of(v)) - len(x.shape)
    return g.op("Squeeze", name, g.ints(range(extra))) if extra > 0 else name


def _as_handle(g: Any, x: Any) -> Any:
    return x if isinstance(x, Handle) else Handle(g.shape_of(x), g.dtype_of(x), g.tensor(x))


def _at(reduction: str) -> Callable[..., Any]:
    def convert(g: Any, step: Any, x: Any, index: Any, v: Any = 1) -> Any:
        x = _as_handle(g, x)
        if g.opset < 18 and reduction in ("max", "min"):
            raise g.refusal("scattering the largest needs opset 18")
        return put(g, x, places_at(g, x.shape, index), v, reduction)

    return convert


NUMPY.update({"add.at": _at("add"), "multiply.at": _at("mul"), "maximum.at": _at("max"), "minimum.at": _at("min")})


@numpy_call("write_through")
def write_through(g: Any, step: Any, x: Any, v: Any, path: Any) -> Any:
    """x with v in the region that a path of views leads to."""
    x = _as_handle(g, x)
    numbers = numbered(g, x.shape)
    for op, (args, kwargs), shape in path:

        def filled(leaf: Any, now: Any = numbers) -> Any:
            return now if leaf is SELF else leaf

        args, kwargs = mapped(args, filled), mapped(kwargs, filled)
        if not _symbolic((args, list(kwargs.values()))):
            numbers = _by_numpy(op, args, kwargs)
            continue
        converter = find(op)
        if converter is None:
            raise g.refusal(f"writing in place through a view that {op} made")
        part = Step(op, args, kwargs, step.line)
        part.outputs = [Handle(shape, np.int64)]
        numbers = Handle(shape, np.int64, converter(g, part, *args, **kwargs))
    return put(g, x, numbers, v)


def _by_numpy(op: str, args: Any, kwargs: Any) -> Any:
    if op == "getitem":
        return np.asarray(args[0][args[1]])
    if op in ("astype", "view"):
        return args[0]
    return np.asarray(getattr(np, op)(*args, **kwargs))


# ------------------------------------------------ by functions


@numpy_call("take_along_axis")
def take_along_axis(g: Any, step: Any, x: Any, index: Any, axis: int = -1) -> Any:
    out = step.outputs[0]
    axis %= len(out.shape)
    wanted = [n if d == axis else m for d, (n, m) in enumerate(zip(out.shape, g.shape_of(x), strict=True))]
    name = g.tensor(index, np.int64)
    if tuple(g.shape_of(index)) != tuple(out.shape):
        name = g.expand(name, out.shape)
    source = g.tensor(x)
    if any(m != n for d, (m, n) in enumerate(zip(g.shape_of(x), out.shape, strict=True)) if d != axis):
        source = g.expand(
            source, [m if d == axis else n for d, (m, n) in enumerate(zip(g.shape_of(x), out.shape, strict=True))]
        )
    del wanted
    return g.op("GatherElements", source, name, axis=axis)


@numpy_call("put_along_axis")
def put_along_axis(g: Any, step: Any, x: Any, index: Any, v: Any, axis: int) -> Any:
    name = g.tensor(index, np.int64)
    return g.op(
        "ScatterElements", g.tensor(x), name, g.op("Expand", g.tensor(v, x.dtype), g.op("Shape", name)), axis=axis
    )


@numpy_call("take")
def take(g: Any, step: Any, x: Any, index: Any, axis: Any = None, **_: Any) -> Any:
    name = g.tensor(x) if axis is not None else g.op("Reshape", g.tensor(x), g.ints([-1]))
    return g.op("Gather", name, g.tensor(index, np.int64), axis=axis or 0)


@numpy_call("nonzero")
def nonzero(g: Any, step: Any, x: Any) -> Any:
    rank = len(g.shape_of(x))
    found = g.op("NonZero", g.tensor(x))
    rows = [found] if rank == 1 else g.op("Split", found, g.ints([1] * rank), outputs=rank, axis=0)
    return [g.op("Reshape", row, g.ints([-1])) for row in rows]


@numpy_call("flatnonzero")
def flatnonzero(g: Any, step: Any, x: Any) -> Any:
    return g.op("Reshape", g.op("NonZero", g.op("Reshape", g.tensor(x), g.ints([-1]))), g.ints([-1]))


@numpy_call("argwhere")
def argwhere(g: Any, step: Any, x: Any) -> Any:
    return g.op("Transpose", g.op("NonZero", g.tensor(x)), perm=[1, 0])


@numpy_call("diagonal")
def diagonal(g: Any, step: Any, x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    rank, out = len(g.shape_of(x)), step.outputs[0]
    axis1, axis2 = axis1 % rank, axis2 % rank
    rest = [a for a in range(rank) if a not in (axis1, axis2)]
    name = g.op("Transpose", g.tensor(x), perm=[axis1, axis2, *rest])
    i = g.range(out.shape[-1])
    rows = g.op("Add", i, np.array(max(-offset, 0), np.int64))
    columns = g.op("Add", i, np.array(max(offset, 0), np.int64))
    index = g.op("Concat", *[g.op("Unsqueeze", n, g.ints([-1])) for n in (rows, columns)], axis=-1)
    found = g.op("GatherND", name, index)
    return g.op("Transpose", found, perm=[*range(1, rank - 1), 0]) if rank > 2 else found
