"""Copies and pickles: what they make lies in memory as before; of tensors that share memory, the copies share it, too."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.autograd.variable import Variable
from metagrad.base.layouts import has_no_gaps, inverse, order_of, place_of
from metagrad.base.typing import Array


def copied_array(x: Variable, memo: dict[int, Any]) -> Array:
    """A copy of a tensor's array; views of one tensor that are copied with one ``memo`` are views of one copy.

    >>> import copy, metagrad
    >>> a = metagrad.zeros(3)
    >>> a, b = copy.deepcopy((a, a[1:]))
    >>> b[0] = 5.0
    >>> a
    tensor([0., 5., 0.])
    """
    array = x.array
    whole = array if x._view is None else x._view.base.array
    if not (isinstance(array, np.ndarray) and isinstance(whole, np.ndarray)):
        return array.copy()
    order = order_of(whole)
    in_order = whole.transpose(order)
    start = place_of(array) - place_of(whole)
    if not in_order.flags.c_contiguous or not 0 <= start <= whole.nbytes - _reach(array):
        return array.copy(order="K")
    key = hash((place_of(whole), whole.nbytes, "memory"))
    if key not in memo:
        memo[key] = in_order.copy().reshape(-1).view(np.uint8)
        memo.setdefault(id(memo), []).append(whole)  # its address must not be taken by another array meanwhile
    copied = np.ndarray(array.shape, array.dtype, memo[key], start if array.size else 0, array.strides)
    copied.flags.writeable = array.flags.writeable or not any(
        s == 0 and n > 1 for n, s in zip(array.shape, array.strides, strict=True)
    )
    return copied


class Turned:
    """An array whose dimensions have another order in memory, as pickles write it: in order, and turned when it is read."""

    def __init__(self, array: Array, order: tuple[int, ...]) -> None:
        self.turned, self.order = array, order

    def __reduce__(self) -> tuple[Any, ...]:
        return np.transpose, (self.turned.transpose(self.order), inverse(self.order))


def as_pickled(array: Array) -> Any:
    """What a pickle writes for an array, so that it lies in memory again as it did; gaps and repeated elements are not kept.

    >>> import pickle
    >>> pickle.loads(pickle.dumps(as_pickled(np.zeros((2, 3, 4)).transpose(0, 2, 1)))).strides
    (96, 8, 32)
    """
    if not isinstance(array, np.ndarray) or array.flags.c_contiguous or not has_no_gaps(array):
        return array
    return Turned(array, order_of(array))


def _reach(x: Array) -> int:
    """How many bytes an array reaches over, from its first element on."""
    return x.itemsize + sum((n - 1) * s for n, s in zip(x.shape, x.strides, strict=True)) if x.size else 0
