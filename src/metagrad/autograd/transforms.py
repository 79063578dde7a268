"""Whether ``func.grad``, ``vmap`` or another transform of functions runs its function, and what it refuses meanwhile.

A function that is transformed has no leaves of its own whose ``grad`` anybody would read: ``backward()`` inside it would add to
none, and ``requires_grad_()`` would ask for what the transform gives.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from metagrad.autograd import variable
from metagrad.autograd.mode import mode
from metagrad.base.typing import Array


class _Running(threading.local):
    """How many transforms run a function in this thread, one inside the other."""

    count = 0

    def __init__(self) -> None:
        self.own: list[set[int]] = []  # for each ``owning``, the innermost last, the tensors that may be written to


running = _Running()
opened: list[set[int]] = []  # those of all threads
_lock, _new = threading.Lock(), object.__new__


@contextmanager
def transforming() -> Iterator[None]:
    """While it is on, a transform runs its function."""
    running.count += 1
    try:
        yield
    finally:
        running.count -= 1


@contextmanager
def not_transforming() -> Iterator[None]:
    """While it is on, a transform does its own work: a backward pass, in which gradients of custom functions run."""
    before, running.count = running.count, 0
    own, running.own = running.own, []
    try:
        yield
    finally:
        running.count, running.own = before, own


@contextmanager
def owning(inputs: Iterable[Any] = ()) -> Iterator[None]:
    """While it is on, only its inputs, and tensors made meanwhile, may be written to in place.

    >>> from metagrad import ones
    >>> x, y = ones(1), ones(1)
    >>> with owning([x]):
    ...     check_own(x), check_own(ones(1))
    ...     check_own(y)
    Traceback (most recent call last):
    RuntimeError: During a grad (vjp, jvp, grad, etc) transform, the function provided attempted to call in-place operation that ...
    """
    own = {id(x) for x in inputs}
    with _lock:
        opened.append(own)
        variable._new = _noted
    running.own.append(own)
    try:
        yield
    finally:
        running.own.pop()
        if running.own:
            running.own[-1] |= own
        with _lock:
            opened.pop()
            if not opened:
                variable._new = _new


def _noted(kind: type[Any]) -> Any:
    """A new tensor, which belongs to the transform that runs."""
    made = _new(kind)
    if running.own:
        running.own[-1].add(id(made))
    return made


def shares(made: Any, of: Any) -> None:
    """A new tensor shows the memory of another: it belongs to the transform that runs only if the other does."""
    if running.own and id(of) not in running.own[-1]:
        running.own[-1].discard(id(made))


def check_own(target: Any) -> None:
    """Raise RuntimeError where a function that is differentiated writes to a tensor that it was not given, or to a view of one."""
    if opened and running.own and id(target) not in running.own[-1]:
        raise RuntimeError(
            "During a grad (vjp, jvp, grad, etc) transform, the function provided attempted to call in-place operation that "
            "would mutate a captured Tensor. This is not supported; please rewrite the function being transformed to explicitly "
            "accept the mutated Tensor(s) as inputs."
        )


def refuse_backward() -> None:
    """Raise RuntimeError within a transform: ``backward()`` would add to the gradients of its function's own tensors."""
    if running.count:
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use functorch.grad or functorch.vjp "
            "instead or call backward() outside of functorch transforms."
        )


def refuse_asking(method: str) -> None:
    """Raise RuntimeError within a transform, where a method asks for a gradient."""
    if running.count:
        raise RuntimeError(
            f"You are attempting to call Tensor.{method}() inside of a function being transformed by a functorch transform. This "
            "is unsupported: the transforms (grad, vjp, jacrev, jacfwd) give gradients; call it outside of the function"
        )


def check_extent(op: str, *tensors: Any) -> None:
    """Raise RuntimeError where ``vmap`` maps an op whose answer has another form for each example: how many are not zero, say."""
    for x in tensors:
        if hasattr(x.array, "check_extent"):
            x.array.check_extent(op)


def check_room(target: Any, values: Any) -> None:
    """Raise RuntimeError where the arrays of many examples, which ``vmap`` maps over, would be written into what is one for all."""
    if hasattr(values, "check_room"):
        values.check_room(target)


def check_custom(function: Any) -> None:
    """Raise RuntimeError within a transform for a custom Function whose ``forward`` also sets up its context."""
    if running.count and "setup_context" not in dir(function) and not getattr(function, "_transforms", False):
        raise RuntimeError(
            "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must override the "
            f"setup_context staticmethod: {function.__name__}.forward takes ctx. Write forward(*inputs) and "
            "setup_context(ctx, inputs, output)"
        )


def tangents_of(x: Any) -> list[tuple[Any, Any]]:
    """The levels of forward mode in which a tensor has a tangent, each with the tangent."""
    found = [(level, level.of(x)) for level in mode.levels if level.tangents]
    return [(level, tangent) for level, tangent in found if tangent is not None]


def lies_in(x: Any, array: Array) -> Any:
    """A result whose numbers now lie in another array; its tangents, which are known by the array, go with it."""
    known = tangents_of(x) if array is not x.array else ()
    x.array = array
    for level, tangent in known:
        level.set(x, tangent)
    return x
