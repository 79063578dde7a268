"""Large elementwise ops, piece by piece on all threads.

NumPy does one operation over the whole of an array, then the next, on one thread. For an array that the cache does not
hold, each of them waits for memory. So an op that works element by element is run over pieces that the cache does hold,
each piece through all of the formula, and the pieces are shared out to the threads. The formula does not know: this file
cuts the inputs, runs ``forward`` on a node of its own for each piece, and joins the results and what was saved;
``backward`` likewise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Array
from metagrad.kernels.threads import get_num_threads, run_on_threads

LARGE = 1 << 18  # elements from which pieces pay
PIECE = 1 << 16  # elements: a few arrays of so many floats stay in a core's own cache

_new = object.__new__


class Elementwise(Function):
    """Base of ops whose results, and whatever they keep for the gradient, have the shape the inputs broadcast to.

    Each element of a result must depend on the elements at the same place alone.
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "forward" in cls.__dict__:
            cls.forward = _forward_in_pieces(cls.forward)  # type: ignore[method-assign]
        if "backward" in cls.__dict__:
            cls.backward = _backward_in_pieces(cls.backward)  # type: ignore[method-assign]


def _is_large(x: Any) -> bool:
    return x.__class__ is np.ndarray and x.size >= LARGE


def _forward_in_pieces(forward: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(forward)
    def run(self: Function, *inputs: Any, **params: Any) -> Any:
        for x in inputs:
            if _is_large(x):
                cuts = _Cuts.of(x.shape, inputs)
                return (
                    forward(self, *inputs, **params) if cuts is None else _forward(self, forward, cuts, inputs, params)
                )
        return forward(self, *inputs, **params)

    return run


def _backward_in_pieces(backward: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(backward)
    def run(self: Function, *grads: Any) -> Any:
        if len(grads) == 1 and _is_large(grads[0]):
            kept = [*self.saved, *self.__dict__.values()]
            cuts = _Cuts.of(grads[0].shape, [grads[0], *kept])
            if cuts is not None:
                return _backward(self, backward, cuts, grads[0])
        return backward(self, *grads)

    return run


class _Cuts:
    """How arrays of one shape are cut into pieces: into rows as long as the smaller array that is repeated over them."""

    def __init__(self, shape: tuple[int, ...], unit: int) -> None:
        self.shape, self.unit = shape, unit
        self.size = int(np.prod(shape))
        rows = self.size // unit
        step = max(1, PIECE // unit)
        self.pieces = [(start, min(start + step, rows)) for start in range(0, rows, step)]

    @classmethod
    def of(cls, shape: tuple[int, ...], values: Sequence[Any]) -> _Cuts | None:
        """The cuts that serve all of these values, or None if there are none, as for strided memory."""
        unit = 1
        for x in values:
            if not isinstance(x, np.ndarray) or x.size == 1:
                continue
            if x.shape == shape:
                if not x.flags.c_contiguous:
                    return None
            elif x.shape == shape[len(shape) - x.ndim :] and unit in (1, x.size):
                unit = x.size
            else:
                return None
        return cls(shape, unit) if unit <= PIECE else None

    def of_whole(self, x: Any) -> bool:
        """Whether x is one of the arrays that are cut."""
        return isinstance(x, np.ndarray) and x.shape == self.shape

    def rows(self, x: Any) -> Any:
        """An array that is cut, as rows; anything else as it is."""
        if not self.of_whole(x):
            return x
        return x.reshape(-1) if self.unit == 1 else x.reshape(-1, self.unit)

    def empty(self, like: Array) -> Array:
        """Memory for a whole result of which ``like`` is a piece."""
        return np.empty(self.shape, like.dtype)

    def run(self, work: Callable[[int, int], None]) -> None:
        """``work(start, stop)`` for every piece but the first, shared out to the threads."""
        rest, count = self.pieces[1:], get_num_threads()
        shares = [rest[len(rest) * k // count : len(rest) * (k + 1) // count] for k in range(count)]
        run_on_threads([functools.partial(_all_of, work, share) for share in shares if share])


def _all_of(work: Callable[[int, int], None], share: list[tuple[int, int]]) -> None:
    for start, stop in share:
        work(start, stop)


def _piece_of(node: Function) -> Function:
    piece = _new(type(node))
    piece.needs, piece.saved = node.needs, ()
    return piece


def _forward(
    node: Function, forward: Callable[..., Any], cuts: _Cuts, inputs: Sequence[Any], params: dict[str, Any]
) -> Array:
    views = [cuts.rows(x) for x in inputs]
    whole = [cuts.of_whole(x) for x in inputs]

    def piece(start: int, stop: int) -> tuple[Function, list[Any], Array]:
        own = _piece_of(node)
        arrays = [v[start:stop] if w else v for v, w in zip(views, whole, strict=True)]
        return own, arrays, forward(own, *arrays, **params)

    (start, stop), *_ = cuts.pieces
    own, arrays, first = piece(start, stop)
    out = cuts.empty(first)
    # What each saved value and attribute is: an input, the result, a number, or an array made by forward.
    made: dict[Any, Array] = {}

    def joined(key: Any, value: Any) -> Any:
        for x, a in zip(inputs, arrays, strict=True):
            if a is value:
                return x
        if value is first:
            return out
        if isinstance(value, np.ndarray) and value.shape == first.shape:
            made[key] = cuts.empty(value)
            return made[key]
        return value

    node.saved = tuple([joined(i, value) for i, value in enumerate(own.saved)])
    node.__dict__.update({name: joined(name, value) for name, value in own.__dict__.items()})
    out_rows, made_rows = cuts.rows(out), {key: cuts.rows(a) for key, a in made.items()}

    def store(start: int, stop: int, own: Function, result: Array) -> None:
        out_rows[start:stop] = result
        for key, rows in made_rows.items():
            rows[start:stop] = own.saved[key] if isinstance(key, int) else own.__dict__[key]

    def work(start: int, stop: int) -> None:
        own, _, result = piece(start, stop)
        store(start, stop, own, result)

    store(start, stop, own, first)
    cuts.run(work)
    return out


def _backward(node: Function, backward: Callable[..., Any], cuts: _Cuts, grad: Array) -> Any:
    grad_rows = cuts.rows(grad)
    saved = [(cuts.rows(a), cuts.of_whole(a)) for a in node.saved]
    attributes = {name: (cuts.rows(a), cuts.of_whole(a)) for name, a in node.__dict__.items()}

    def piece(start: int, stop: int) -> tuple[Array, tuple[Any, ...]]:
        own = _piece_of(node)
        own.saved = tuple([a[start:stop] if w else a for a, w in saved])
        own.__dict__.update({name: a[start:stop] if w else a for name, (a, w) in attributes.items()})
        g = grad_rows[start:stop]
        results = backward(own, g)
        return g, results if results.__class__ is tuple else (results,)

    (start, stop), *_ = cuts.pieces
    g, first = piece(start, stop)
    if any(isinstance(r, np.ndarray) and r.shape != g.shape for r in first):
        return backward(node, grad)
    wholes = [grad if r is g else cuts.empty(r) if isinstance(r, np.ndarray) else r for r in first]
    rows = [
        cuts.rows(w) if isinstance(r, np.ndarray) and r is not g else None for w, r in zip(wholes, first, strict=True)
    ]

    def store(start: int, stop: int, results: tuple[Any, ...]) -> None:
        for target, result in zip(rows, results, strict=True):
            if target is not None:
                target[start:stop] = result

    store(start, stop, first)
    if any(target is not None for target in rows):
        cuts.run(lambda start, stop: store(start, stop, piece(start, stop)[1]))
    return tuple(wholes)
