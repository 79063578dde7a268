"""Arrays of many examples with their elements arranged otherwise: views of the examples, where NumPy has views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.func.batched import RULES, BatchedArray, NoRule, counted, shown
from metagrad.func.batching_rules import has, lined_up, moved, spread


def _arranging(level_free: Callable[..., Any]) -> Callable[..., Any]:
    """A rule from a function of the array and its examples, whose result may be a view."""

    def rule(level: int, x: Any, *args: Any, **kwargs: Any) -> Any:
        if not has(level, x) or counted(level, (args, kwargs)) >= 0:
            raise NoRule("an argument of many examples")
        return shown(x, level_free(x, *args, **kwargs))

    return rule


def _reshaped(x: BatchedArray, shape: Any, *_: Any, **kwargs: Any) -> Any:
    sizes = (int(shape),) if isinstance(shape, int | np.integer) else tuple(shape)
    if -1 in sizes and not x.count:
        rest = int(np.prod([n for n in sizes if n != -1], dtype=np.int64))
        sizes = tuple(x.size // max(rest, 1) if n == -1 else n for n in sizes)
    return x.examples.reshape((x.count, *sizes))


def _transposed(x: BatchedArray, axes: Any = None) -> Any:
    order = range(x.ndim)[::-1] if axes is None else [a % x.ndim for a in axes]
    return x.examples.transpose((0, *[a + 1 for a in order]))


def _squeezed(x: BatchedArray, axis: Any = None) -> Any:
    axes = tuple(d for d, n in enumerate(x.shape) if n == 1) if axis is None else axis
    return np.squeeze(x.examples, moved(axes))


def _broadcast(x: BatchedArray, shape: Any, subok: bool = False) -> Any:
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    return np.broadcast_to(lined_up(x.level, x, len(sizes)), (x.count, *sizes))


def _rolled(x: BatchedArray, shift: Any, axis: Any = None) -> Any:
    if axis is None:
        flat = np.roll(x.examples.reshape(x.count, -1), shift, 1)
        return flat.reshape(x.examples.shape)
    return np.roll(x.examples, shift, moved(axis))


def _padded(x: BatchedArray, width: Any, *args: Any, **kwargs: Any) -> Any:
    pairs = np.broadcast_to(width, (x.ndim, 2)).tolist()
    return np.pad(x.examples, [(0, 0), *map(tuple, pairs)], *args, **kwargs)


def _tiled(x: BatchedArray, reps: Any) -> Any:
    times = (reps,) if isinstance(reps, int) else tuple(reps)
    return np.tile(lined_up(x.level, x, max(x.ndim, len(times))), (1, *(1,) * (x.ndim - len(times)), *times))


def _flipped(x: BatchedArray, axis: Any = None) -> Any:
    return np.flip(x.examples, tuple(range(1, x.ndim + 1)) if axis is None else moved(axis))


def _diagonal(x: BatchedArray, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    found = np.diagonal(x.examples, offset, moved(axis1), moved(axis2))
    if isinstance(found, np.ndarray) and x.examples.flags.writeable:
        found.flags.writeable = True  # NumPy's diagonals may not be written to unless this is said
    return found


_arrangements: dict[Any, Callable[..., Any]] = {
    np.reshape: _reshaped,
    np.ravel: lambda x, order="C": _reshaped(x, -1),
    np.transpose: _transposed,
    np.swapaxes: lambda x, a, b: np.swapaxes(x.examples, moved(a), moved(b)),
    np.moveaxis: lambda x, a, b: np.moveaxis(x.examples, moved(a), moved(b)),
    np.squeeze: _squeezed,
    np.expand_dims: lambda x, axis: np.expand_dims(x.examples, moved(axis)),
    np.broadcast_to: _broadcast,
    np.roll: _rolled,
    np.pad: _padded,
    np.tile: _tiled,
    np.flip: _flipped,
    np.rot90: lambda x, k=1, axes=(0, 1): np.rot90(x.examples, k, moved(axes)),
    np.diagonal: _diagonal,
    np.trace: lambda x, offset=0, axis1=0, axis2=1, **kw: np.trace(
        x.examples, offset, moved(axis1), moved(axis2), **kw
    ),
}
for _function, _rule in _arrangements.items():
    RULES[_function] = _arranging(_rule)


def _joining(function: Callable[..., Any], new: bool) -> Callable[..., Any]:
    def rule(level: int, arrays: Sequence[Any], axis: Any = 0, out: Any = None, **kwargs: Any) -> Any:
        if axis is None or out is not None:
            raise NoRule(function.__name__)
        count = counted(level, list(arrays))
        return BatchedArray(level, function([spread(level, x, count) for x in arrays], axis=moved(axis), **kwargs))

    return rule


RULES[np.concatenate] = _joining(np.concatenate, False)
RULES[np.stack] = _joining(np.stack, True)


def _split(level: int, x: Any, where: Any, axis: int = 0) -> Any:
    return [shown(x, part) for part in np.split(x.examples, where, moved(axis))]


RULES[np.split] = _split
