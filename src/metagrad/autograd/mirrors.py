"""Conjugated and negated views: numbers computed at once, in memory of their own, and two memories that follow each other.

PyTorch marks such a view by a bit, and computes when it reads. NumPy's arrays have no such bit. So the view has its numbers, and
an op that writes to the one memory has the other brought up to date (``bump`` in ``writing.py``): as if there were but one. What
NumPy writes to an array that a tensor shares is not seen, until ``increment_version`` tells of it.
"""

from __future__ import annotations

import threading
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

    It is on its own, as any result, of an array that is not NumPy's, may not be written to or has elements in one place, and in
    ``func.grad`` and its kind.
    """
    found = op.apply(x)
    if mode.levels or opened:
        inherit(found, x)
        return mark(found, marks)
    before = _source_of(x.array, change)
    if before is not None:
        found.array = before
    if before is not None or _follow(x.array, found.array, change):
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
        if copied is None:  # another thread let go of it just now
            return
        copy = as_strided(copied, *self.place)
        if memory is copied:
            self.change(copy, out=self.source)
            memory = memory_of(self.source)
        else:
            self.change(self.source, out=copy)
            memory = copied
        for other in tuple(mirrors.get(id(memory), ())):
            if other is not self:
                other.reflect(memory)


_changing = threading.RLock()  # for ``mirrors``: a copy may end in any thread, at any time


def _source_of(copy: Array, change: np.ufunc) -> Array | None:
    """What an array mirrors by the same change, all of it: changed again, it is that."""
    for made in tuple(mirrors.get(id(memory_of(copy)), ())):
        if (copy.shape, copy.strides) == made.place and made.change is change and made() is memory_of(copy):
            return made.source
    return None


def _follow(source: Array, copy: Array, change: np.ufunc) -> bool:
    """Let two arrays follow each other, if that is possible."""
    if source.__class__ is not np.ndarray or copy.__class__ is not np.ndarray or not source.flags.writeable:
        return False
    if _overlaps(source):
        return False
    memory = memory_of(copy)
    if memory is not copy and place_of(copy) != place_of(memory):
        return False
    made = Mirror(memory, _forget)
    made.source, made.change, made.place, made.number = source, change, (copy.shape, copy.strides), id(memory)
    with _changing:
        mirrors[made.number] = [made]
        mirrors.setdefault(id(memory_of(source)), []).append(made)
    return True


def _overlaps(x: Array) -> bool:
    """Whether some elements may share their place in memory, as after ``unfold``."""
    reach = x.itemsize
    for step, n in sorted((abs(s), n) for n, s in zip(x.shape, x.strides, strict=True) if n > 1):
        if step < reach:
            return True
        reach += step * (n - 1)
    return False


def _forget(gone: Mirror) -> None:
    """The copy is gone."""
    begin = id(memory_of(gone.source))
    with _changing:
        del mirrors[gone.number]
        mirrors[begin] = [m for m in mirrors[begin] if m is not gone]
        if not mirrors[begin]:
            del mirrors[begin]
