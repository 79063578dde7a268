"""Elements of many examples by index, read and written: the batch is one more dimension in front of the index.

Where an index differs from example to example, the example's own number is one more index beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.func.batched import RULES, BatchedArray, NoRule, shown
from metagrad.func.batching_rules import has


def _is_array(part: Any) -> bool:
    return isinstance(part, np.ndarray | BatchedArray | list)


def _parts(index: Any, ndim: int) -> list[Any]:
    """An index with a part for each dimension: masks as the places where they are true, lists as arrays, no Ellipsis."""
    given = list(index) if isinstance(index, tuple) else [index]
    given = [np.asarray(p, None if p else np.int64) if isinstance(p, list) else p for p in given]
    if any(isinstance(p, bool | np.bool_) for p in given):
        raise NoRule("a bool as an index")
    found: list[Any] = []
    for part in given:
        if not (_is_array(part) and part.dtype.kind == "b"):
            found.append(part)
        elif isinstance(part, BatchedArray):
            raise NoRule("how many elements a mask selects differs")
        else:
            found += part.nonzero() if part.ndim else [part]
    missing = ndim - sum(p is not None and p is not Ellipsis for p in found)
    at = next((i for i, p in enumerate(found) if p is Ellipsis), None)
    rest = [slice(None)] * missing
    return found + rest if at is None else found[:at] + rest + found[at + 1 :]


class _Index:
    """An index of an array at a level: for its examples (``physical``), and where the batch is in what it finds (``at``)."""

    at: Any  # a dimension; of an index that differs from example to example, what ``logical`` does

    def __init__(self, level: int, x: Any, index: Any) -> None:
        parts = _parts(index, np.ndim(x))
        self.arrays = [i for i, p in enumerate(parts) if _is_array(p)]
        many = has(level, x)
        differ = any(has(level, parts[i]) for i in self.arrays)
        if not self.arrays:
            self.physical, self.at = ((slice(None), *parts) if many else tuple(parts)), 0
            return
        advanced = [i for i, p in enumerate(parts) if _is_array(p) or isinstance(p, int | np.integer)]
        ndim = max(np.ndim(parts[i]) for i in advanced)
        together = advanced == list(range(advanced[0], advanced[-1] + 1))
        front = sum(not isinstance(p, int | np.integer) for p in parts[: advanced[0]]) if together else 0
        if not differ:
            self.physical, self.at = (slice(None), *parts), 0 if together else ndim
            return
        count = next(parts[i].count for i in self.arrays if has(level, parts[i]))
        lined = [_lined_up(level, p, ndim) if i in advanced else p for i, p in enumerate(parts)]
        if many:
            number = np.arange(count).reshape((count,) + (1,) * ndim)
            self.physical = (number, *lined)
            self.at = ("front", front, ndim) if not (advanced[0] == 0 and together) else 0
        else:
            self.physical = tuple(lined)
            self.at = front

    def logical(self, found: Any) -> Any:
        """What was found with the batch in front, and the dimensions in the order that one example has them in."""
        if isinstance(self.at, tuple):  # (batch, index's dimensions, the rest): the index's go where its parts stood
            _, front, ndim = self.at
            return np.moveaxis(found, range(1, 1 + ndim), range(1 + front, 1 + front + ndim))
        return np.moveaxis(found, self.at, 0) if self.at else found


def _lined_up(level: int, part: Any, ndim: int) -> Any:
    if has(level, part):
        return part.examples.reshape((part.count, *(1,) * (ndim - part.ndim), *part.shape))
    return part


def _getitem(level: int, x: Any, index: Any) -> Any:
    where = _Index(level, x, index)
    examples = x.examples if has(level, x) else x
    found = where.logical(examples[where.physical])
    return shown(x, found) if has(level, x) and not where.arrays else BatchedArray(level, found)


def _setitem(level: int, x: Any, index: Any, value: Any) -> None:
    if not has(level, x):
        raise NoRule("many examples cannot be written to the place of one")
    mask = index[0] if isinstance(index, tuple) and len(index) == 1 else index
    if isinstance(mask, BatchedArray) and mask.dtype.kind == "b" and np.ndim(value) == 0:
        chosen = mask[(..., *(None,) * (x.ndim - mask.ndim))]
        x[...] = np.where(chosen, value, x).astype(x.dtype)
        return
    where = _Index(level, x, index)
    region = where.logical(x.examples[where.physical]) if where.arrays else x.examples[where.physical]
    if not where.arrays:
        region[...] = _value(level, value, region.ndim - 1)
        return
    wanted = np.broadcast_to(_value(level, value, region.ndim - 1), region.shape)
    x.examples[where.physical] = _unlogical(where, wanted)


def _at(level: int, ufunc: np.ufunc, x: Any, index: Any, *values: Any) -> None:
    """``ufunc.at``: the index's elements, each as often as it is named."""
    if not has(level, x):
        raise NoRule("many examples cannot be written to the place of one")
    where = _Index(level, x, index)
    region = where.logical(x.examples[where.physical])
    wanted = [_unlogical(where, np.broadcast_to(_value(level, v, region.ndim - 1), region.shape)) for v in values]
    ufunc.at(x.examples, where.physical, *wanted)


def _value(level: int, value: Any, ndim: int) -> Any:
    """What is written, with the batch in front; leading dimensions of one, which NumPy lets a value have, are left out."""
    if not has(level, value):
        return value
    extra = value.ndim - ndim
    examples = value.examples if extra <= 0 else value.examples.reshape((value.count, *value.shape[extra:]))
    return examples[(slice(None), *(None,) * max(-extra, 0))]


def _unlogical(where: _Index, value: Any) -> Any:
    """A value as ``physical`` has its dimensions: the other way round than ``logical``."""
    if isinstance(where.at, tuple):
        _, front, ndim = where.at
        return np.moveaxis(value, range(1 + front, 1 + front + ndim), range(1, 1 + ndim))
    return np.moveaxis(value, 0, where.at) if where.at else value


def _take_along(level: int, x: Any, index: Any, axis: Any = -1) -> Any:
    if axis is None:
        x, axis = np.reshape(x, -1), 0
    axis = axis % np.ndim(x)
    if has(level, x) and has(level, index):
        return BatchedArray(level, np.take_along_axis(x.examples, index.examples, axis + 1))
    count = x.count if has(level, x) else index.count
    x, index = (a.examples if has(level, a) else np.broadcast_to(a, (count, *a.shape)) for a in (x, index))
    return BatchedArray(level, np.take_along_axis(x, index, axis + 1))


def _put_along(level: int, x: Any, index: Any, values: Any, axis: Any) -> None:
    if not has(level, x) or axis is None:
        raise NoRule("put_along_axis")
    index, values = (
        a.examples if has(level, a) else a if np.ndim(a) == 0 else np.broadcast_to(a, (x.count, *np.shape(a)))
        for a in (index, values)
    )
    np.put_along_axis(x.examples, index, values, axis % x.ndim + 1)


def _take(level: int, x: Any, index: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
    if out is not None or mode != "raise":
        raise NoRule("take")
    x, axis = (np.reshape(x, -1), 0) if axis is None else (x, axis % np.ndim(x))
    index = index if isinstance(index, BatchedArray) else np.asarray(index)
    return x[(*(slice(None),) * axis, index)]


RULES["getitem"] = _getitem
RULES["setitem"] = _setitem
RULES[np.ufunc, "at"] = _at
RULES[np.take_along_axis] = _take_along
RULES[np.put_along_axis] = _put_along
RULES[np.take] = _take
