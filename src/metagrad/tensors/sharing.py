"""Memory that processes have in common: a child that is forked writes where its parent reads."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from metagrad.autograd.variable import Variable
from metagrad.autograd.views import walk
from metagrad.base.layouts import inverse, order_of
from metagrad.base.typing import Array


class Shared(mmap.mmap):
    """Anonymous memory that a fork does not copy."""


def shared(array: Array) -> Array:
    """The numbers in memory that forked processes share, with the strides they have; an array that is there already, itself.

    >>> a = shared(np.arange(6.0).reshape(2, 3).T)
    >>> a.tolist(), a.strides, is_shared(a[1:])
    ([[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]], (8, 24), True)
    """
    if not isinstance(array, np.ndarray) or is_shared(array):
        return array
    order = order_of(array)
    whole = np.frombuffer(Shared(-1, max(array.nbytes, 1)), np.uint8)[: array.nbytes].view(array.dtype)
    found = whole.reshape([array.shape[d] for d in order]).transpose(inverse(order))
    found[...] = array
    return found


def is_shared(array: Array) -> bool:
    """Whether the memory is one that forked processes share."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return isinstance(owner.obj if isinstance(owner, memoryview) else owner, Shared)


def share(tensor: Any) -> None:
    """Put a tensor's numbers into shared memory; of a view, those of all that it is a view of."""
    view = tensor._view
    if view is None:
        tensor.array = shared(tensor.array)
    elif not is_shared(tensor.array):
        view.base.array = shared(view.base.array)
        tensor.array = _array(walk(view.path, view.base.array))


def _array(found: Any) -> Array:
    return found.array if isinstance(found, Variable) else found
