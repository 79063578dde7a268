"""The order in memory of a result: as PyTorch's, which lets the first operand decide, and the next where that one does not.

NumPy agrees with it where the operands agree with each other, so that only operands in different orders, and such as repeat
their elements (expand), are looked at here.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from metagrad.base.layouts import inverse
from metagrad.base.typing import Array

Ints = tuple[int, ...]


def steps_of(x: Array) -> Ints:
    """How many elements lie between neighbours in each dimension; where there are no neighbours, as if there were some.

    >>> steps_of(np.zeros((2, 3), np.float32)), steps_of(np.zeros((2, 3))[:, None])
    ((3, 1), (3, 3, 1))
    """
    return _steps(x.shape, x.strides, x.itemsize)


def _steps(shape: Ints, strides: Ints, itemsize: int) -> Ints:
    steps = [s // itemsize for s in strides]
    if 0 in steps:  # what NumPy says of dimensions of extent 1 and of tensors without elements
        for d in reversed(range(len(steps))):
            if steps[d] == 0 and (shape[d] == 1 or 0 in shape):
                steps[d] = 1 if d == len(steps) - 1 else steps[d + 1] * max(shape[d + 1], 1)
    return tuple(steps)


def order_of_result(shape: Ints, operands: Sequence[Ints]) -> Ints:
    """The dimensions of a result of this shape, from the widest steps to the narrowest, by its operands' steps (0: repeated).

    An insertion sort from the last dimension on, in which two dimensions that no operand tells apart stay as they are.

    >>> order_of_result((2, 3), [(1, 2), (3, 1)]), order_of_result((2, 3), [(0, 1), (1, 2)])
    ((1, 0), (1, 0))
    """
    narrowest_first = list(range(len(shape)))[::-1]
    for i in range(1, len(shape)):
        at = i
        for before in range(i - 1, -1, -1):
            comparison = _compared(shape, operands, narrowest_first[before], narrowest_first[at])
            if comparison < 0:
                break
            if comparison > 0:
                narrowest_first[before], narrowest_first[at] = narrowest_first[at], narrowest_first[before]
                at = before
    return tuple(reversed(narrowest_first))


def _compared(shape: Ints, operands: Sequence[Ints], a: int, b: int) -> int:
    """1 if the steps of dimension a are wider than those of b, −1 if narrower, 0 if no operand tells."""
    for steps in operands:
        if steps[a] and steps[b]:
            if steps[a] != steps[b]:
                return 1 if steps[a] > steps[b] else -1
            if shape[a] > shape[b]:
                return 1
    return 0


def laid_out_by(y: Array, *operands: object) -> Array:
    """A result in the order in memory that these operands, which broadcast to its shape, give it: itself, or a copy.

    >>> x = np.zeros((3, 2)).T
    >>> (x + np.zeros((2, 3))).strides, laid_out_by(x + np.zeros((2, 3)), x, np.zeros((2, 3))).strides
    ((24, 8), (8, 16))
    """
    if y.__class__ is not np.ndarray or y.ndim < 2:
        return y
    first = operands[0]
    if isinstance(first, np.ndarray) and first.shape == y.shape and y.flags.c_contiguous and descending(first.strides):
        return y
    arrays = [x for x in operands if isinstance(x, np.ndarray) and x.ndim]
    return in_memory_by(y, order_by(y.shape, arrays)) if arrays else y


def descending(steps: Ints) -> bool:
    """Whether dimensions are in order, with gaps or without, so that the operand decides for the usual order.

    >>> descending((24, 8)), descending((8, 24)), descending((8, 0))
    (True, False, False)
    """
    if len(steps) == 2:
        return steps[0] >= steps[1] > 0
    return not steps or steps[-1] > 0 and steps == tuple(sorted(steps, reverse=True))


def order_by(shape: Ints, operands: Sequence[Array]) -> Ints:
    """``order_of_result`` of arrays that broadcast to this shape."""
    return _remembered_order(shape, tuple([(x.shape, x.strides, x.itemsize) for x in operands]))


@functools.lru_cache(4096)
def _remembered_order(shape: Ints, operands: tuple[tuple[Ints, Ints, int], ...]) -> Ints:
    return order_of_result(shape, [_broadcast(_steps(*operand), operand[0], shape) for operand in operands])


def _broadcast(steps: Ints, shape: Ints, wider: Ints) -> Ints:
    front = len(wider) - len(shape)
    return (0,) * front + tuple([0 if n == 1 != m else s for s, n, m in zip(steps, shape, wider[front:], strict=True)])


def copied(x: Array, dtype: np.dtype[Any]) -> Array:
    """A copy in the order in memory of the original, without its gaps and repeated elements.

    >>> copied(np.zeros((2, 3)).T, np.dtype("int8")).strides, copied(np.broadcast_to(0, (2, 3)), np.dtype("int8")).strides
    ((1, 3), (3, 1))
    """
    if 0 not in x.strides:
        return x.astype(dtype, order="K")
    order = order_by(x.shape, [x])
    return x.transpose(order).astype(dtype, order="C").transpose(inverse(order))


def memory_by(x: Array, dtype: np.dtype[Any], *others: Array) -> Array:
    """Fresh memory in the order in which an array lies, without its gaps and repeated elements; others decide where it does not.

    >>> memory_by(np.zeros((2, 6))[:, ::2].T, np.dtype("int8")).strides
    (1, 3)
    """
    order = order_by(x.shape, [x, *others])
    return np.empty([x.shape[d] for d in order], dtype, like=x).transpose(inverse(order))


def in_memory_by(y: Array, order: Ints) -> Array:
    """An array whose dimensions have this order in memory, from the widest steps to the narrowest: itself, or a copy.

    >>> in_memory_by(np.zeros((2, 3)), (1, 0)).strides
    (8, 16)
    """
    turned = y.transpose(order)
    return y if turned.flags.c_contiguous else turned.copy().transpose(inverse(order))


def laid_out_by_indexed(y: Array, x: Array, index: Any) -> Array:
    """y = x[index], for an index of arrays and slices, in PyTorch's order in memory: itself, or a copy.

    x decides for the dimensions that stay, the arrays for those that they bring.

    >>> x, rows = np.zeros((4, 3, 2)).transpose(2, 1, 0), np.array([0, 1])
    >>> laid_out_by_indexed(x[:, rows], x, (slice(None), rows)).strides
    (8, 16, 32)
    """
    if x.__class__ is not np.ndarray or x.flags.c_contiguous or y.ndim < 2 or descending(x.strides):
        return y
    parts = index if isinstance(index, tuple) else (index,)
    steps, at = steps_of(x), 0
    kept: list[int] = []
    places: list[int] = []  # how many dimensions stay in front of each array
    for part in parts:
        if isinstance(part, slice):
            kept.append(steps[at])
        elif part is None:
            kept.append(steps[at] * x.shape[at] if at < x.ndim else 1)
            continue
        else:
            places.append(len(kept))
        at += part.ndim if getattr(part, "dtype", None) == np.bool_ else 1
    kept += steps[at:]
    place = places[0] if len(set(places)) == 1 else 0
    arrays = [part for part in parts if isinstance(part, np.ndarray) and part.dtype != np.bool_]
    new = y.ndim - len(kept)
    operands = [(*kept[:place], *(0,) * new, *kept[place:])]
    for array in arrays:
        own = _broadcast(steps_of(array), array.shape, y.shape[place : place + new])
        operands.append((*(0,) * place, *own, *(0,) * (len(kept) - place)))
    return in_memory_by(y, order_of_result(y.shape, operands))
