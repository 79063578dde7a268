"""Constants that differ between runs because an extent does: counting up, one number everywhere, and what lies on, above
or below a diagonal. They are computed in the graph from the extent."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.onnx.merging import Extent, Varying, settled


def recognized(g: Any, x: Varying) -> str | None:
    """The name of a tensor that equals the constant in every run, or None."""
    if x.shape is None:
        return None
    for pattern in (_number, _uniform, _counting, _grouped, _diagonal):
        found = pattern(g, x)
        if found is not None:
            return str(found)
    return None


def _number(g: Any, x: Varying) -> Any:
    """A number: an integer, one over an integer, its root, or one over its root, times a constant."""
    if any(v.ndim for v in x.values) or x.dtype.kind not in "fiu":
        return None
    values = [float(v) for v in x.values]
    if all(v == int(v) for v in values if np.isfinite(v)) and all(map(np.isfinite, values)):
        return g.cast(g.op("Squeeze", g.extent(Extent([int(v) for v in values]))), x.dtype, np.dtype(np.int64))
    if x.dtype.kind != "f" or not all(map(np.isfinite, values)) or 0 in values:
        return None
    for power in (-1.0, 0.5, -0.5):
        inner = [v ** (1 / power) if v > 0 else 0.0 for v in values]
        whole = [round(v) for v in inner]
        if all(abs(v - w) < 1e-6 * max(1, w) and w > 0 for v, w in zip(inner, whole, strict=True)):
            n = g.cast(g.op("Squeeze", g.extent(Extent(whole))), np.dtype(np.float64), np.dtype(np.int64))
            return g.cast(g.op("Pow", n, np.array(power)), x.dtype, np.dtype(np.float64))
    return None


def _uniform(g: Any, x: Varying) -> Any:
    """One number everywhere."""
    sample = next((v.flat[0] for v in x.values if v.size), None)
    if sample is None or any(v.size and not _same(v, sample) for v in x.values):
        return None
    return g.expand(g.constant(np.asarray(sample, x.dtype)), x.shape)


def _same(values: Any, sample: Any) -> bool:
    return bool(np.all((values == sample) | ((values != values) & (sample != sample))))


def _counting(g: Any, x: Varying) -> Any:
    """start, start + step, … along one axis, and the same along all others."""
    if x.dtype.kind not in "iuf":
        return None
    for axis, n in enumerate(x.shape or ()):
        if not isinstance(n, Extent):
            continue
        rows = [np.moveaxis(v, axis, -1) for v in x.values]
        if any(r.size == 0 for r in rows):
            continue
        line = [r.reshape(-1, r.shape[-1])[0] for r in rows]
        if any(not np.array_equal(np.broadcast_to(a, r.shape), r) for a, r in zip(line, rows, strict=True)):
            continue
        for first, distance in {(a[0], a[1] - a[0] if len(a) > 1 else 1) for a in line}:
            counted = [first + distance * np.arange(len(a)) for a in line]
            if all(np.allclose(c, a, rtol=1e-6, atol=0) for c, a in zip(counted, line, strict=True)):
                found = (
                    g.op("Mul", g.range(n, x.dtype), g.scalar(distance, x.dtype))
                    if distance != 1
                    else g.range(n, x.dtype)
                )
                found = g.op("Add", found, g.scalar(first, x.dtype)) if first else found
                return _placed(g, found, n, axis, x)
        reverse = [a[::-1] for a in line]
        if all(np.array_equal(r, np.arange(len(r))) for r in reverse):
            last = g.op("Sub", g.op("Squeeze", g.extent(n)), np.array(1, np.int64))
            return _placed(g, g.cast(g.op("Sub", last, g.range(n)), x.dtype, np.dtype(np.int64)), n, axis, x)
    return None


def _grouped(g: Any, x: Varying) -> Any:
    """A vector of 0, 0, …, 1, 1, …, each as often, or of 0, 1, …, 0, 1, … again and again."""
    shape: tuple[Any, ...] = x.shape or ()
    if len(shape) != 1 or x.dtype.kind not in "iu" or any(len(v) < 2 for v in x.values):
        return None
    for op in ("Div", "Mod"):
        sizes = settled([int(np.argmax(v != v[0])) if op == "Div" else int(v.max()) + 1 for v in x.values])
        each = sizes.values if isinstance(sizes, Extent) else [sizes] * len(x.values)
        compute = np.floor_divide if op == "Div" else np.remainder
        if min(each) > 0 and all(
            np.array_equal(compute(np.arange(len(v)), n), v) for v, n in zip(x.values, each, strict=True)
        ):
            return g.cast(g.op(op, g.range(shape[0]), g.extent(sizes)), x.dtype, np.dtype(np.int64))
    return None


def _placed(g: Any, vector: str, n: Any, axis: int, x: Varying) -> str:
    shape: tuple[Any, ...] = x.shape or ()
    found = g.reshape(vector, [n if d == axis else 1 for d in range(len(shape))]) if len(shape) > 1 else vector
    return found if all(m == 1 for d, m in enumerate(shape) if d != axis) else str(g.expand(found, shape))


def _diagonal(g: Any, x: Varying) -> Any:
    """Two numbers in the last two dimensions, one above a diagonal and one not, or one on it and one beside it."""
    if len(x.shape or ()) < 2 or any(not v.size for v in x.values):
        return None
    planes = [v.reshape(-1, *v.shape[-2:]) for v in x.values]
    if any(not all(_equal(p, v[0]) for p in v) for v in planes):
        return None
    largest = max(planes, key=lambda v: v.shape[1] * v.shape[2])[0]
    rows, columns = np.indices(largest.shape)
    kinds = _distinct(largest)
    if len(kinds) != 2:
        return None
    for inside, outside in (kinds, kinds[::-1]):
        places = (columns - rows)[_where(largest, inside)]
        for compare, at in ((np.greater_equal, places.min()), (np.equal, places.min())):
            if all(_equal(_drawn(v.shape[1:], compare, at, inside, outside), v[0]) for v in planes):
                shape: tuple[Any, ...] = x.shape or ()
                row = g.op("Unsqueeze", g.range(shape[-2]), g.ints([1]))
                column = g.op("Unsqueeze", g.range(shape[-1]), g.ints([0]))
                kind = "GreaterOrEqual" if compare is np.greater_equal else "Equal"
                mask = g.op(kind, g.op("Sub", column, row), np.array(at, np.int64))
                found = g.op("Where", mask, g.scalar(inside, x.dtype), g.scalar(outside, x.dtype))
                return found if len(shape) == 2 else g.expand(found, shape)
    return None


def _distinct(values: Any) -> list[Any]:
    return list(np.unique(values))


def _where(values: Any, number: Any) -> Any:
    return np.isnan(values) if number != number else values == number


def _equal(a: Any, b: Any) -> bool:
    return bool(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f"))


def _drawn(shape: Any, compare: Any, at: Any, inside: Any, outside: Any) -> Any:
    rows, columns = np.indices(shape)
    return np.where(compare(columns - rows, at), inside, outside)
