"""Tensors that share memory: views, and how the graph keeps up with them when they are written to (``writing.py``).

A view knows its *base* and the *path* of view ops that leads from the base to it. Writing to the base changes its views. Each
notices, by the version number they share, that its node is out of date, and walks its path again from the base's new node. That
happens when it is next used (``View.refresh``).
"""

from __future__ import annotations

import re
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.function import observers as observers_of_ops
from metagrad.autograd.mode import enable_grad, mode
from metagrad.autograd.transforms import opened, shares
from metagrad.autograd.variable import Variable, wrap
from metagrad.base.typing import Array

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

_BACKWARD = re.compile(r"Backward\d*$")
Step = tuple[type[Function], dict[str, Any]]
_new = object.__new__

# Why a view must not be written to while operations are recorded:
SEVERAL = (
    "This view is the output of a function that returns multiple views. Such functions do not allow the output views to be "
    "modified inplace"
)
UNRECORDED = "A view was created in no_grad mode and is being modified inplace with grad mode enabled"
INFERENCE = "A view was created in inference mode and is being modified inplace in normal mode"
OWN_FUNCTION = (
    "This view was created inside a custom Function (or because an input was returned as-is), and what is written to it "
    "would override the gradient that the custom Function says"
)


# Tensors marked as conjugated or negated, by their number: PyTorch puts both off, and tells by a bit; here they are done at once.
conjugated, negated = dict[int, Any](), dict[int, Any]()

# What follows a memory that is written to, by the memory's number: the conjugated and negated, see ``mirrors.py``.
mirrors: dict[int, list[Any]] = {}


class View:
    """How a tensor is a view: of which base, by which path, and the version for which its node was made.

    guard: why it must not be written to as part of the graph, or None. recorded: it was not made under no_grad.
    """

    __slots__ = ("_base", "borrowed", "guard", "number", "path", "recorded", "seen")

    guard: str | None

    def __init__(self, base: Variable, path: tuple[Step, ...], recorded: bool) -> None:
        self._base, self.path, self.recorded, self.seen = base, path, recorded, base._counter[0]
        self.guard = None if recorded else INFERENCE if mode.inference else UNRECORDED
        self.number = 0  # which result of its op it is
        self.borrowed = False  # made under no_grad, it requires grad as its base does, and has no gradient of its own

    @property
    def base(self) -> Variable:
        """The tensor the path starts from: should it have been reshaped in place since, its former self."""
        if self._base._view is not None:
            self._base = self._base._view.base
        return self._base

    def output(self, view: Variable) -> str:
        """Which result of which function the view is, for messages."""
        name = "a function" if view._grad_fn is None else _BACKWARD.sub("", view._grad_fn.name())
        return f"Output {self.number} of {name} is a view and"

    def refresh(self, view: Variable, asked: bool = False) -> None:
        """Bring the view's node up to date with its base. asked: only whether it requires grad, which is no error."""
        base = self.base
        if self.borrowed and not base._requires_grad:
            self.borrowed = view._requires_grad = False
        if self.seen == base._counter[0]:
            return
        if self.guard in (UNRECORDED, INFERENCE):
            if base._requires_grad and mode.grad and not asked:
                text = str(self.guard).replace("is being", "its base or another view of its base has been")
                raise RuntimeError(f"{text}. clone() one of them first")
            if base._requires_grad and not view._requires_grad:
                self.borrowed = view._requires_grad = True
            return
        if self.guard is OWN_FUNCTION or self.guard is SEVERAL and base._requires_grad and mode.grad:
            raise RuntimeError(
                f"{self.output(view)} its base or another view of its base has been modified inplace. {self.guard}. clone() "
                "one of them first"
            )
        self.seen = base._counter[0]
        if base._requires_grad and self.recorded:
            again: Any = base
            with enable_grad():
                for op, params in self.path:
                    again = op.apply(again, **params)
            make_result(view, again._grad_fn)
            if again._grad_fn is not base._grad_fn and not any(op.computes for op, _ in self.path):
                again._grad_fn.__dict__ |= {"_known_as": "AsStrided", "edges_shown": [base._grad_fn]}


class ViewFunction(Function):
    """An op whose result shares memory with its first input, where NumPy can arrange it."""

    computes = False

    @classmethod
    def apply(cls, *inputs: Any, **params: Any) -> Tensor:
        """Apply, with a node only where one is needed, and remember on the result what it is a view of."""
        x = inputs[0]
        if len(inputs) > 1 or is_followed(x):
            out = super().apply(*inputs, **params)
        else:
            try:
                out = wrap(_new(cls).forward(x.array, **params))
            except (TypeError, ValueError, IndexError, MemoryError):
                out = super().apply(*inputs, **params)  # which puts the error into words
        if shares_memory(out.array, x.array):
            mark_view(out, x, (cls, params))
        return out


def unrecorded_view(x: Any, array: Array, op: type[Function], params: dict[str, Any]) -> Any:
    """A tensor for a view of x's array, of which nobody must hear: what ``op`` makes of x with these parameters."""
    out = wrap(array)
    mark_view(out, x, (op, params))
    return out


def is_followed(x: Variable) -> bool:
    """Whether somebody must hear of an op on x: the graph, a tangent, an observer, inference mode, another library."""
    if mode.grad:
        if x._view is not None:
            x._view.refresh(x)
        if x._requires_grad:
            return True
    return bool(mode.levels or observers_of_ops) or mode.inference or x.array.__class__ is not np.ndarray


def mark_view(out: Any, of: Any, step: Step) -> None:
    """Remember on a tensor that it is the view of another to which this step leads."""
    counter = out._counter = of._counter
    if opened:
        shares(out, of)
    if conjugated or negated:
        inherit(out, of)
    if counter.__class__ is not list:  # made in inference mode: no graph will ever follow
        return
    view = of._view
    if view is None:
        out._view = View(of, (step,), mode.grad)
    else:
        out._view = View(view.base, (*view.path, step), mode.grad and view.recorded)
        if view.guard is not None:
            out._view.guard = view.guard
    if of._requires_grad and not mode.grad:
        out._requires_grad = out._view.borrowed = True


def mark(x: Any, marks: dict[int, Any]) -> Any:
    """The tensor, which from now on has a mark, or has it no more if it had it."""
    if marks.pop(key := id(x), None) is None:
        marks[key] = weakref.ref(x, lambda _: marks.pop(key, None))
    return x


def inherit(view: Any, of: Any) -> None:
    """Give a view the marks of its tensor; a conjugated one's real part is what it was."""
    for m in (conjugated, negated):
        if id(of) in m and (m is negated or view.array.dtype.kind == "c") and id(view) not in m:
            mark(view, m)


def views_of(x: Any, pieces: tuple[Any, ...], op: type[Function], indices: list[Any]) -> tuple[Any, ...]:
    """The pieces of ``x``, results of one op, marked as views: piece i is what ``op`` makes of x with index i."""
    for number, (piece, index) in enumerate(zip(pieces, indices, strict=True)):
        mark_view(piece, x, (op, {"index": index}))
        if piece._view is not None:
            piece._view.guard, piece._view.number = piece._view.guard or SEVERAL, number
    return pieces


def alias(x: Any) -> Any:
    """Another tensor for the memory of ``x``, as a custom Function returns it: not to be written to in place."""
    out = wrap(x.array.view())
    mark_alias(out, x)
    return out


def mark_alias(out: Any, x: Any) -> None:
    """What a custom Function returned shows the memory of ``x``."""
    out._counter = x._counter
    if out._counter.__class__ is list:
        out._view = View(x if x._view is None else x._view.base, (), False)
        out._view.guard = OWN_FUNCTION


def shares_memory(view: Array, of: Array) -> bool:
    """Whether an op returned a view of its input, rather than a copy. NumPy's views point at the memory's owner."""
    if view is of:
        return True
    owner = view.base
    return owner is not None and (owner is of or owner is of.base)


def memory_of(array: Array) -> Array:
    """The array that owns the memory another shows."""
    owner = array.base
    return owner if isinstance(owner, np.ndarray) else array


def walk(path: tuple[Step, ...], x: Any) -> Any:
    """The view of ``x``, an array or a tensor, at the end of a path."""
    for op, params in path:
        x = op.on(x, **params)
    return x


def make_result(target: Any, node: Function) -> None:
    """Make a tensor the result of a node, which keeps the gradient on it if the node before did."""
    before = target._grad_fn
    if before is not None and before.result_hooks is not None and before.result_hooks.hand_over(target):
        node.hooks_of_result().keep_on(target)
    target._grad_fn, target._requires_grad = node, True
