"""``autograd.forward_ad``: dual numbers. A dual tensor carries its tangent along; see ``forward.py`` for how."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from metagrad.autograd.forward import Level, outside
from metagrad.autograd.mode import mode
from metagrad.autograd.variable import Variable, wrap

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class Dual(Level):
    """The one level of ``forward_ad``."""


class UnpackedDualTensor(NamedTuple):
    """A dual tensor in its parts; ``tangent`` is None for a tensor that has none."""

    primal: Any
    tangent: Any


def _current() -> Dual | None:
    return next((level for level in reversed(mode.levels) if isinstance(level, Dual)), None)


def enter_dual_level() -> int:
    """Open the level: until it is closed, results have tangents. Raises RuntimeError if it is open."""
    if _current() is not None:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    Dual().__enter__()
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the level: tensors lose their tangents. Raises RuntimeError if there is none, or ``level`` is not the last."""
    dual = _current()
    if level not in (None, 0 if dual else -1):
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    if dual is None:
        raise RuntimeError("no dual level is open: call enter_dual_level() first")
    dual.__exit__(None, None, None)


class dual_level:
    """A block within which dual tensors carry their tangents along.

    >>> import metagrad
    >>> from metagrad.autograd import forward_ad
    >>> with dual_level():
    ...     x = forward_ad.make_dual(metagrad.tensor(3.0), metagrad.tensor(1.0))
    ...     forward_ad.unpack_dual(x ** 2)
    UnpackedDualTensor(primal=tensor(9.), tangent=tensor(6.))
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        exit_dual_level()


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """A dual tensor: a view of ``tensor`` with ``tangent`` as the derivative it stands for.

    Raises RuntimeError outside a level, for a tangent of another shape, and where one of both is dual already; ValueError for
    integers.

    >>> import metagrad
    >>> with dual_level():
    ...     x = make_dual(metagrad.ones(2), metagrad.tensor([1.0, 2.0]))
    ...     unpack_dual(x.sum()).tangent
    tensor(3.)
    """
    if not _is_fwd_grad_enabled():
        return tensor.view_as(tensor)
    dual = _current()
    if dual is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for name, x in (("primal", tensor), ("tangent", tangent)):
        if not isinstance(x, Variable):
            raise TypeError(f"make_dual: the {name} must be a tensor, got {type(x).__name__}")
        if x.array.dtype.kind not in "fcV":
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {x.dtype}")
    if level not in (None, 0):
        raise RuntimeError("Invalid level given to make_dual: there is level 0 only")
    if dual.carries(tensor):
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not supported."
        )
    if dual.carries(tangent):
        raise RuntimeError(
            "Setting a forward grad that itself has a forward gradient at the same level 0 is not supported."
        )
    return made_dual(dual, tensor, tangent)


def made_dual(level: Level, x: Any, tangent: Any) -> Any:
    """A view of ``x`` with a tangent at this level; a tangent laid out otherwise is copied, for views of both must agree."""
    out = without(level, x)
    if tangent.array.shape == x.array.shape and tangent.array.strides != x.array.strides and x.array.size > 1:
        with outside():
            tangent = wrap(np.empty_like(x.array, tangent.array.dtype)).copy_(tangent)
    level.give(out, tangent)
    return out


class _set_fwd_grad_enabled:
    """Whether ``make_dual`` gives a tangent, for a block or from here on; in a block without, results have none either."""

    def __init__(self, mode: bool) -> None:
        self.before, _enabled[:] = _is_fwd_grad_enabled(), [mode]
        self.aside: AbstractContextManager[Any] = nullcontext() if mode else outside()

    def __enter__(self) -> None:
        self.aside.__enter__()

    def __exit__(self, *_: object) -> None:
        self.aside.__exit__(None, None, None)
        _enabled[:] = [self.before]


_enabled = [True]


def _is_fwd_grad_enabled() -> bool:
    """What ``_set_fwd_grad_enabled`` said last; True at first."""
    return _enabled[0]


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """The tensor without its tangent, and the tangent; None if it has none, or no level is open.

    >>> import metagrad
    >>> unpack_dual(metagrad.ones(2))
    UnpackedDualTensor(primal=tensor([1., 1.]), tangent=None)
    """
    dual = _current()
    if dual is None:
        return UnpackedDualTensor(tensor, None)
    if level not in (None, 0):
        raise RuntimeError("Invalid level given to unpack_dual: there is level 0 only")
    tangent = dual.of(tensor)
    if tangent is None:
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(without(dual, tensor), tangent)


def without(level: Level, x: Any) -> Any:
    """A view of ``x`` that has no tangent at this level, and the ones it has at others."""
    primal = x.view_as(x)
    primal.array = x.array.view()
    for other in mode.levels:
        tangent = other.of(x)
        if other is not level and tangent is not None:
            other.set(primal, tangent)
    primal._view = None
    return primal
