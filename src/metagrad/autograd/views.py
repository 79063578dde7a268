"""Tensors that share memory: views, in-place writes, and how the graph keeps up with them.

A view knows its *base* and the *path* of view ops that leads from the base to it. Writing into a tensor in place
makes it, for the graph, the result of the write. The difficulty is that its relatives change with it:

* writing through a view changes the base. The base becomes the result of ``WriteThrough``: the old base, with the
  region of the view replaced by what was written;
* writing to the base changes its views. Each notices, by the version number they share, that its node is out of
  date, and walks its path again from the base's new node. That happens when it is next used (``View.refresh``).
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import NOWHERE, Function
from metagrad.autograd.function import observers as observers_of_ops
from metagrad.autograd.hooks import Packed
from metagrad.autograd.mode import enable_grad, mode
from metagrad.autograd.transforms import check_own, check_room, opened, shares, tangents_of
from metagrad.autograd.variable import Variable, unwrap, wrap
from metagrad.base import dtypes
from metagrad.base.typing import Array, Number
from metagrad.kernels import tuning
from metagrad.kernels.copying import assign
from metagrad.kernels.libraries import is_writable, made_writable, repeats_elements

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

_BACKWARD = re.compile(r"Backward\d*$")
Step = tuple[type[Function], dict[str, Any]]
_new = object.__new__


# Called after every in-place write, as observe(target, result): tangents follow values.
observers: list[Callable[[Any, Any], None]] = []

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
            _make_result(view, again._grad_fn)
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


def cleared(x: Any, path: tuple[Step, ...]) -> Any:
    """``x``, in order in memory, with zeros written into the region at the end of ``path``."""
    path = tuple([step for step in path if not step[0].computes])  # for what is conjugated or negated, zero is zero
    region = walk(path, x)
    if shares_memory(unwrap(region), unwrap(x)):
        made_writable(unwrap(region))  # beneath an expand it is read-only, though none of its elements repeats
        region[...] = 0
    else:  # as_strided cannot make a view of an array laid out otherwise than its own: find the elements by number
        numbers = np.arange(1, unwrap(x).size + 1, like=unwrap(x)).reshape(tuple(x.shape))
        found = walk(path, numbers)
        found = found[found > 0] - 1  # 0 is memory that x does not show
        x.reshape(-1)[wrap(found) if isinstance(x, Variable) else found] = 0
    return x


class WriteThrough(Function):
    """y = x with the region at the end of ``path`` replaced by v;   ∂L/∂x = ∂L/∂y outside the region, ∂L/∂v inside."""

    computes = False
    path: tuple[Step, ...]

    def backward(self, grad: Any) -> Any:
        inside = walk(self.path, grad)
        if not isinstance(grad, Variable):
            return cleared(grad.copy(), self.path), inside.copy()
        return cleared(grad.contiguous().clone(), self.path), inside  # type: ignore[attr-defined]

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The base's node, and where the op on the view has its other inputs from: the op itself is within, in PyTorch."""
        base, inner = super().next_functions
        at = self.edges[1].edges[0]
        while isinstance(at, ViewFunction) and at is not self.edges[0]:
            at = at.edges[0]
        return (base, *inner[0].next_functions[1:]) if at is self.edges[0] else (base, inner)


class Overwrite(Function):
    """y = v, broadcast to the shape of x and in its dtype;   ∂L/∂x = 0,   ∂L/∂v = ∂L/∂y."""

    computes = False

    def forward(self, x: Array, v: Array) -> Array:
        y = np.empty_like(x)
        y[...] = v
        return y

    def backward(self, grad: Any) -> Any:
        return np.zeros_like(grad), grad


def write(target: Any, result: Any) -> Any:
    """Give ``target`` the values and the history of ``result``, in place: every in-place op ends here.

    Raises if the target is a leaf that requires grad (its history is the user's), if the result does not fit its
    shape, or if the dtype would lose its category.
    """
    check_writable(target)
    check_own(target)
    if result.array.shape != target.array.shape:
        raise RuntimeError(
            f"output with shape {list(target.array.shape)} doesn't match the broadcast shape {list(result.array.shape)}: an "
            "in-place operation cannot change the shape, use the out-of-place form"
        )
    if not dtypes.can_cast(result.dtype, target.dtype):
        raise RuntimeError(
            f"result type {dtypes.scalar_name(result.dtype)} can't be cast to the desired output type "
            f"{dtypes.scalar_name(target.dtype)}: "
            "use the out-of-place form, or convert the tensor first"
        )
    recorded = mode.grad and (result._requires_grad or target.requires_grad)
    if recorded:
        if not result._requires_grad:
            result = Overwrite.apply(target, result)
        elif result.dtype != target.dtype:
            result = result.to(target.dtype)
        if target._view is not None and target._view.guard is not None:
            refuse_to_record(target)
        _keep_overwritten(result._grad_fn, target)
    if result.array is not target.array:
        if result.array.__class__ is not target.array.__class__:
            check_room(target.array, result.array)
        put(target.array, result.array)
    bump(target)
    if recorded:
        rewrite_history(target, result._grad_fn)
    for observe in observers:
        observe(target, result)
    return target


def written_at_once(target: Any, result: Any) -> Any:
    """``write`` of what nobody records, and lies in the target's memory already, which was found to be writable."""
    bump(target)
    for observe in observers:
        observe(target, result)
    return target


def put(array: Array, values: Array | Number) -> None:
    """``array[...] = values``, a large one on all threads."""
    if array.size >= tuning.POINTWISE_LARGE:
        assign(array, values)
    else:
        array[...] = values


def check_history(target: Any) -> None:
    """Raise if changing ``target`` in place would change the history of a leaf that requires grad."""
    view = target._view
    if mode.grad and (view is not None or target._requires_grad):
        if view is not None and view.guard in (UNRECORDED, INFERENCE) and view.base._requires_grad:
            refuse_to_record(target)
        if target.is_leaf and target.requires_grad:
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation: put it under "
                "`with metagrad.no_grad():` if this is an update, or work on a clone()"
            )
        if view is not None and view.guard is not None and (target._requires_grad or view.base._requires_grad):
            refuse_to_record(target)
        # the leaf is the base, or a view of it that was asked for a gradient: then the base requires none
        if (
            view is not None
            and view.base._grad_fn is None
            and (view.base._requires_grad or target._grad_fn is not None)
        ):
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place operation: put it under "
                "`with metagrad.no_grad():` if this is an update, or work on a clone()"
            )


def refuse_to_record(target: Any) -> None:
    """Raise for a write that the graph could not follow, though the numbers would be right."""
    view = target._view
    what = f"{view.output(target)} is being modified inplace. "
    raise RuntimeError(
        f"{what if view.guard in (SEVERAL, OWN_FUNCTION) else ''}{view.guard}: this could not be recorded for the gradient. "
        "Use the out-of-place form, or clone() it first"
    )


def check_writable(target: Any) -> None:
    """Raise if writing to ``target`` in place would be an error, whatever is written."""
    check_history(target)
    if not (is_writable(target.array) or made_writable(target.array)):
        if repeats_elements(target.array):
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                "Please clone() the tensor before performing the operation: several of its elements share one place in memory "
                "(expand)"
            )
        raise RuntimeError("this tensor cannot be written to: it came from a read-only array. clone() it first")


def bump(target: Any) -> None:
    """Count an in-place write, so that whoever saved the old values notices, and mirrors follow."""
    target._counter[0] += 1
    if mirrors:
        reflect(target)


def reflect(target: Any) -> None:
    """Bring what mirrors the memory of a tensor up to date, after a write."""
    memory = memory_of(target.array)
    for mirror in mirrors.get(id(memory), ()):
        mirror.reflect(memory)


def _keep_overwritten(node: Function, target: Any) -> None:
    """If the op that computed the result saved the very array it now overwrites, let it keep a copy of its own."""
    array = target.array
    if node.unpack is not None:  # a hook was given it, and may have kept it as it is
        node.saved = tuple([a.of_a_copy(array) if a.__class__ is Packed else a for a in node.saved])
    count = len(node.saved)
    if len(node.origins) > count:  # what it guards, it has used
        after = [o for o in node.origins[count:] if o[1] is not target._counter]
        node.origins = (*node.origins[:count], *(after or [NOWHERE]))
    if any(a is array for a in node.saved):
        kept = wrap(array.copy())
        for level, tangent in tangents_of(target):
            level.set(kept, tangent)
        own = [(o[0], [0], 0) if a is array else o for a, o in zip(node.saved, node.origins, strict=False)]
        node.origins = (*own, *node.origins[count:])
        node.saved = tuple([kept.array if a is array else a for a in node.saved])


def rewrite_history(target: Any, node: Function) -> None:
    """Make a tensor that was written in place the result of ``node``, and its base the result of the write.

    A view walks its path from the new base, as its relatives do: hooks on it see what reaches the view, not all that is written.
    """
    view = target._view
    if view is None:
        _make_result(target, node)
        return
    if view.guard is not None:
        refuse_to_record(target)
    base = view.base
    edges = [(base._grad_fn or base) if base._requires_grad else None, node]
    through = WriteThrough.made(edges, base.array.shape, base.array.dtype, path=view.path)
    through.origins = (NOWHERE,)  # so that a second pass is refused, as in PyTorch
    _make_result(base, through)
    before = target._grad_fn
    target._grad_fn, target._requires_grad, view.seen = node, True, -1
    if before is not None and before.result_hooks is not None and before.result_hooks.hand_over(target):
        view.refresh(target)
        target._grad_fn.hooks_of_result().keep_on(target)


def _make_result(target: Any, node: Function) -> None:
    """Make a tensor the result of a node, which keeps the gradient on it if the node before did."""
    before = target._grad_fn
    if before is not None and before.result_hooks is not None and before.result_hooks.hand_over(target):
        node.hooks_of_result().keep_on(target)
    target._grad_fn, target._requires_grad = node, True
