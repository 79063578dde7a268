"""Conjugated and negated views: numbers computed at once, in memory of their own, and two memories that follow each other.

PyTorch marks such a view by a bit, and computes when it reads. NumPy's arrays have no such bit. So the view has its numbers, and
whoever writes to the one memory has the other brought up to date (``bump`` in ``writing.py``): as if there were but one.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from metagrad.autograd.function import Function
from metagrad.autograd.mode import mode
from metagrad.autograd.transforms import opened
from metagrad.autograd.views import inherit, mark, mark_view, memory_of, mirrors
from metagrad.base.layouts import place_of
from metagrad.base.typing import Array


def mirror(x: Any, op: type[Function], change: np.ufunc, marks: dict[int, Any]) -> Any:
    """What an op makes of x that undoes itself, conjugation or negation: a view that has the mark, or x's no more.

    It is on its own, as any result, of an array that is not NumPy's or may not be written to, and in ``func.grad`` and its kind.
    """
    found = op.apply(x)
    if not (mode.levels or opened) and _follow(x.array, found.array, change):
        mark_view(found, x, (op, {}))
    else:
        inherit(found, x)
    return mark(found, marks)


class Mirror(weakref.ref[Array]):
    """``copy = change(source)``, and back, for a change that undoes itself; it is known by the copy's memory, and ends with it."""

    __slots__ = ("change", "number", "place", "source")

    source: Array
    change: np.ufunc
    number: int  # of the copy's memory
    place: tuple[tuple[int, ...], tuple[int, ...]]  # shape and strides of the copy

    def reflect(self, memory: Array) -> None:
        """Bring the other side up to date, after the memory of one was written to, and what mirrors that."""
        copied: Any = self()
        copy = as_strided(copied, *self.place)
        if memory is copied:
            self.change(copy, out=self.source)
            memory = memory_of(self.source)
        else:
            self.change(self.source, out=copy)
            memory = copied
        for other in mirrors[id(memory)]:
            if other is not self:
                other.reflect(memory)


def _follow(source: Array, copy: Array, change: np.ufunc) -> bool:
    """Let two arrays follow each other, if that is possible."""
    if source.__class__ is not np.ndarray or copy.__class__ is not np.ndarray or not source.flags.writeable:
        return False
    memory = memory_of(copy)
    if memory is not copy and place_of(copy) != place_of(memory):
        return False
    made = Mirror(memory, _forget)
    made.source, made.change, made.place, made.number = source, change, (copy.shape, copy.strides), id(memory)
    mirrors[made.number] = [made]
    mirrors.setdefault(id(memory_of(source)), []).append(made)
    return True


def _forget(gone: Mirror) -> None:
    """The copy is gone."""
    del mirrors[gone.number]
    begin = id(memory_of(gone.source))
    mirrors[begin].remove(gone)
    if not mirrors[begin]:
        del mirrors[begin]
