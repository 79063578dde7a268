"""Large pointwise ops of arrays that lie in another order of dimensions: done on the arrays turned until they are in order.

The chunks and compiled loops (``chunked.py``) want arrays in order in memory. To an op that looks at one position at a time the
order of dimensions is all the same, so that transposed arrays, channels_last images among them, are turned, and the result back.
Of an array with gaps, as ``x[:, ::2]`` is one, they get a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.base.layouts import has_no_gaps, inverse, order_of
from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled.choice import are_there_loops
from metagrad.kernels.copying import copied_in_order

_new = object.__new__


def turning(x: Array, others: Sequence[object]) -> tuple[int, ...] | None:
    """The order in which all arrays of x's shape lie, if not the usual one, and the others have one dimension at the most."""
    if x.flags.c_contiguous or not has_no_gaps(x):
        return None
    for a in others:
        if (
            isinstance(a, np.ndarray)
            and a.ndim
            and (a.strides != x.strides if a.shape == x.shape else not _one_axis(a, x))
        ):
            return None
    return order_of(x)


def _one_axis(a: Array, x: Array) -> bool:
    """Whether a has one dimension beside those of extent 1, and is repeated over x; x must not be repeated over a."""
    if a.ndim > x.ndim or max(a.shape) != a.size or a.itemsize != x.itemsize:
        return False
    return all(n in (1, m) for n, m in zip(a.shape[::-1], x.shape[::-1], strict=False))


class Turn:
    """Arrays of one shape turned, and what is made of them turned back; what was turned turns back into itself."""

    def __init__(self, shape: tuple[int, ...], order: tuple[int, ...]) -> None:
        self.shape, self.order, self.back = shape, order, inverse(order)
        self.originals: dict[
            int, tuple[Array, Array]
        ] = {}  # by the identity of a turned one: that one, and the original

    def turned(self, a: Any) -> Any:
        """An array turned; one that is repeated along dimensions loses those of extent 1 in front."""
        if not isinstance(a, np.ndarray) or not a.ndim:
            return a
        wide = a.reshape((1,) * (len(self.order) - a.ndim) + a.shape).transpose(self.order)
        if a.shape != self.shape:
            kept = next((d for d, n in enumerate(wide.shape) if n > 1), wide.ndim - 1)
            wide = wide.reshape(wide.shape[kept:])
        self.originals[id(wide)] = wide, a
        return wide

    def turned_back(self, a: Any) -> Any:
        """The original of a turned array; another of the turned shape turned back; anything else as it is."""
        if id(a) in self.originals:
            return self.originals[id(a)][1]
        if not isinstance(a, np.ndarray) or a.shape != tuple(self.shape[d] for d in self.order):
            return a
        original = a.transpose(self.back)
        self.originals[id(a)] = a, original
        return original

    def forward(self, run: Callable[..., Any], node: Function, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        """A forward on turned inputs; what the node keeps is turned back."""
        result = self.turned_back(run(node, *[self.turned(a) for a in inputs], **params))
        node.saved = tuple([self.turned_back(a) for a in node.saved])
        node.__dict__.update({name: self.turned_back(a) for name, a in node.__dict__.items()})
        return result

    def backward(self, run: Callable[..., Any], node: Function, grad: Array) -> Any:
        """A backward on the turned gradient, with what the node kept turned, too."""
        like = _new(type(node))
        like.needs, like.saved = node.needs, tuple([self.turned(a) for a in node.saved])
        like.__dict__.update({name: self.turned(a) for name, a in node.__dict__.items()})
        found = run(like, self.turned(grad))
        return tuple([self.turned_back(a) for a in found]) if found.__class__ is tuple else self.turned_back(found)


def have_gaps(arrays: Sequence[object]) -> bool:
    """Whether there is a large array whose elements do not lie one after the other, and loops for those that do."""
    return any(map(_has_gaps, arrays)) and are_there_loops()


def _has_gaps(x: object) -> bool:
    return x.__class__ is np.ndarray and x.size >= tuning.POINTWISE_LARGE and not x.flags.c_contiguous


def forward_on_copies(
    large: Callable[..., Any], node: Function, inputs: Sequence[Array], params: dict[str, Any]
) -> Any:
    """``large(node, *inputs)`` of copies in order in memory, which the node does not keep: it keeps what it was given."""
    copies = [copied_in_order(x) if _has_gaps(x) else x for x in inputs]
    y = large(node, *copies, **params)
    given = {id(copy): x for copy, x in zip(copies, inputs, strict=True)}
    node.saved = tuple([given.get(id(a), a) for a in node.saved])
    node.__dict__.update({name: given.get(id(a), a) for name, a in node.__dict__.items()})
    return y


def backward_on_copies(large: Callable[..., Any], node: Function, grad: Array) -> Any:
    """The same of a gradient, and of what the node has kept."""
    kept = node.saved
    node.saved = tuple([copied_in_order(a) if _has_gaps(a) else a for a in kept])
    try:
        return large(node, copied_in_order(grad) if _has_gaps(grad) else grad)
    finally:
        node.saved = kept
