"""Forward mode: the tangent of each result, as soon as the result is computed.

With x a function of one variable, and ẋ its derivative, y = f(x) has the *tangent* ẏ = J ẋ, where J is f's Jacobian. No op says
what that is, and none need: its ``backward`` is u ↦ Jᵀ u, a linear function of u, and the gradient of *that*, by its own backward
pass, is v ↦ J v. Transposed twice, a matrix is itself. So each op is applied anew to stand-ins, differentiated once by its
formula and once more by the formula's own graph: some four times the work of the op alone. Views are linear: the tangent of a view
is the view of the tangent. A user's ``autograd.Function`` says in ``jvp`` what its tangents are.

While a ``Level`` is open, ``Function.apply`` goes by way of ``_applied`` below. Tangents are known by the array they
belong to, for what a node saved is known by its array alone: so a backward pass within a level has tangents too, and levels nest.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from metagrad.autograd import views, writing
from metagrad.autograd.engine import grad
from metagrad.autograd.function import Function
from metagrad.autograd.higher_order import alias
from metagrad.autograd.mode import enable_grad, mode
from metagrad.autograd.variable import Variable, wrap
from metagrad.base.typing import Array

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


class Level:
    """The tangents of one differentiation: from the array each belongs to, for as long as that lives. A context manager."""

    tangents = True

    def __init__(self) -> None:
        self._tangents: dict[int, tuple[weakref.ref[Array], Tensor]] = {}

    def __enter__(self) -> Self:
        mode.levels = (*mode.levels, self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode.levels = tuple(level for level in mode.levels if level is not self)
        self._tangents.clear()

    def set(self, x: Variable, tangent: Tensor) -> None:
        """From now on ``tangent`` belongs to ``x``."""
        key, tangents = id(x.array), self._tangents
        tangents[key] = weakref.ref(x.array, lambda _: tangents.pop(key, None)), tangent

    def of(self, x: Any) -> Tensor | None:
        """The tangent of a tensor, or None."""
        if not isinstance(x, Variable):
            return None
        view = x._view
        whole = None if view is None else self.of(view.base)
        if view is None or whole is None:
            entry = self._tangents.get(id(x.array))
            return None if entry is None else entry[1]
        for op, params in view.path:
            whole = op.apply(whole, **params)
        self.set(x, whole)  # by its array, for nodes that save it
        return whole

    def prepared(self, inputs: tuple[Any, ...], params: dict[str, Any]) -> tuple[Any, ...]:
        """An op's inputs as they are."""
        return inputs

    alike = prepared

    def as_many(self, x: Any, of: Any) -> Any:
        """A tensor as it is."""
        return x

    def carries(self, x: Variable) -> bool:
        """Whether a tensor has a tangent."""
        return self.of(x) is not None

    def give(self, x: Any, tangent: Any) -> None:
        """Set the tangent of a result of a function, after a check of its shape."""
        if tuple(x.array.shape) != tuple(tangent.array.shape):
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
                f"supported. Tensor is of size {list(x.array.shape)} while the given forward gradient is of size "
                f"{list(tangent.array.shape)}."
            )
        self.set(x, tangent)

    def write(self, target: Any, tangent: Tensor | None) -> None:
        """After an in-place write: the target's tangent is overwritten too, and made (zeros, in its base) if there was none."""
        own = self.of(target)
        if own is None and tangent is None:
            return
        base = target if target._view is None else target._view.base
        whole: Any = wrap(np.zeros_like(base.array)) if own is None else self.of(base)
        if tangent is not None and tangent.array.__class__ is not base.array.__class__:
            for level in mode.levels:  # vmap has many tangents for one value
                whole = level.as_many(whole, tangent)
        self.set(base, whole.clone())  # for others may have the same tangent: what it was copied from, say
        own = self.of(target)
        writing.write(own, wrap(np.zeros_like(target.array)) if tangent is None else _cast(tangent, target))


def follows_tangents() -> bool:
    """Whether results have tangents: some level is one of forward mode."""
    return any(level.tangents for level in mode.levels)


class outside:
    """Within this block only the first ``count`` levels are open; none by default."""

    def __init__(self, count: int = 0) -> None:
        self.count = count

    def __enter__(self) -> None:
        self.before, mode.levels = mode.levels, mode.levels[: self.count]

    def __exit__(self, *_: object) -> None:
        mode.levels = self.before


def _cast(tangent: Any, like: Variable) -> Any:
    return tangent if tangent.array.dtype == like.array.dtype else tangent.to(like.dtype)


def _applied(cls: type[Function], inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """``Function.apply``, and the tangents of the results."""
    levels = mode.levels
    with outside():
        for level in levels:
            inputs = level.prepared(inputs, params)
        out = _of_many(cls, inputs, params, levels)
    for i, level in enumerate(mode.levels):
        with outside(i):
            tangents = [level.of(x) for x in inputs]
            if any(t is not None for t in tangents):
                results = out if isinstance(out, tuple) else (out,)
                for result, tangent in zip(results, _pushed(cls, inputs, params, tangents, results), strict=True):
                    if tangent is not None:
                        level.set(result, tangent)
    return out


def _of_many(cls: type[Function], inputs: tuple[Any, ...], params: dict[str, Any], levels: Sequence[Any]) -> Any:
    """The op where some inputs are many examples; a kernel that wants all inputs alike is given them so."""
    try:
        return _plain(cls, inputs, params)
    except Exception:
        alike = inputs
        for level in levels:
            alike = level.alike(alike, params)
        if alike is inputs:
            raise
    return _plain(cls, alike, params)


def _plain(cls: type[Function], inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """The op, without what a class of ops does beside it."""
    return Function.__dict__["apply"].__func__(cls, *inputs, **params)


def _pushed(
    cls: type[Function], inputs: Sequence[Any], params: dict[str, Any], tangents: list[Any], results: Sequence[Any]
) -> list[Tensor | None]:
    """The tangents of an op's results, given those of its inputs."""
    if not issubclass(cls, views.ViewFunction):
        return _transposed_twice(cls, inputs, params, tangents)
    if tangents[0] is None:
        return [None]
    found: Any = cls.apply(tangents[0], *inputs[1:], **params)
    copied = not views.shares_memory(results[0].array, inputs[0].array)
    return [found.clone() if copied and views.shares_memory(found.array, tangents[0].array) else found]


def _transposed_twice(
    cls: type[Function], inputs: Sequence[Any], params: dict[str, Any], tangents: list[Any]
) -> list[Tensor | None]:
    """J v: the gradient by u of Jᵀ u, which is linear in u, in the direction v."""
    record = mode.grad and any(isinstance(x, Variable) and x.requires_grad for x in (*inputs, *tangents))
    stand_ins = [_stand_in(x, t is not None, record) for x, t in zip(inputs, tangents, strict=True)]
    moved = [(x, _cast(t, x)) for x, t in zip(stand_ins, tangents, strict=True) if t is not None]
    with enable_grad():
        out: Any = _plain(cls, stand_ins, params)
        results = out if isinstance(out, tuple) else (out,)
        chosen = [r for r in results if r._requires_grad]
        if not chosen:
            return [None] * len(results)
        us = [wrap(np.zeros_like(r.array), True) for r in chosen]
        slopes = grad(chosen, [x for x, _ in moved], us, create_graph=True, allow_unused=True)
        pairs = [(s, v) for s, (_, v) in zip(slopes, moved, strict=True) if s is not None and s._requires_grad]
        found: Any = [None] * len(us)
        if pairs:
            on_tensors = record or follows_tangents()  # so that tangents have tangents of the levels outside
            found = grad([s for s, _ in pairs], us, [v for _, v in pairs], create_graph=on_tensors, allow_unused=True)
    if not record:
        found = [t if t is None else unrecorded(t) for t in found]
    rest = iter(found)
    return [next(rest) if r._requires_grad else None for r in results]


def _stand_in(x: Any, moves: bool, record: bool) -> Any:
    """An input under another name, so that the gradient stops there; it goes on from there if that is to be recorded."""
    if not isinstance(x, Variable) or not moves:
        return x if record or not isinstance(x, Variable) else wrap(x.array)
    if not record or not x.requires_grad:
        return wrap(x.array, True)
    stand_in = wrap(x.array)
    stand_in._grad_fn, stand_in._requires_grad = alias(x._grad_fn or x, x.array), True
    return stand_in


def _after_write(target: Any, result: Any) -> None:
    for i, level in enumerate(mode.levels):
        tangent = level.of(result)
        with outside(i):
            level.write(target, tangent)


writing.observers.append(_after_write)
Function.apply_with_tangents = _applied


def unrecorded(x: Any) -> Any:
    """The array of ``x`` without its history; its tangents stay, without theirs."""
    for level in mode.levels:
        tangent = level.of(x)
        if tangent is not None:
            level.set(x, wrap(tangent.array))
    return wrap(x.array)


def renamed(x: Any) -> Any:
    """The array of ``x`` as a leaf that requires grad, with the tangents that ``x`` has: what a transform differentiates by."""
    for level in mode.levels:
        level.of(x)  # a view's tangent is known by its array from here on
    return wrap(x.array, True)
