"""Writes in place: what they do to values, to the graph, and to those that share the memory (``views.py``).

Writing into a tensor in place makes it, for the graph, the result of the write. Written through a view, its base becomes the
result of ``WriteThrough``: the old base, with the region of the view replaced by what was written. The other views of the base
notice when they are next used (``View.refresh``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.autograd.function import NOWHERE, Function
from metagrad.autograd.hooks import Packed
from metagrad.autograd.mode import mode
from metagrad.autograd.transforms import check_own, check_room, tangents_of
from metagrad.autograd.variable import Variable, unwrap, wrap
from metagrad.autograd.views import (
    INFERENCE,
    OWN_FUNCTION,
    SEVERAL,
    UNRECORDED,
    Step,
    ViewFunction,
    make_result,
    memory_of,
    mirrors,
    shares_memory,
    walk,
)  # fmt: skip
from metagrad.base import dtypes
from metagrad.base.typing import Array, Number
from metagrad.kernels import tuning
from metagrad.kernels.copying import assign
from metagrad.kernels.libraries import is_writable, made_writable, repeats_elements

# Called after every in-place write, as observe(target, result): tangents follow values.
observers: list[Callable[[Any, Any], None]] = []


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
    for mirror in tuple(mirrors.get(id(memory), ())):
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
        make_result(target, node)
        return
    if view.guard is not None:
        refuse_to_record(target)
    base = view.base
    edges = [(base._grad_fn or base) if base._requires_grad else None, node]
    through = WriteThrough.made(edges, base.array.shape, base.array.dtype, path=view.path)
    through.origins = (NOWHERE,)  # so that a second pass is refused, as in PyTorch
    make_result(base, through)
    before = target._grad_fn
    target._grad_fn, target._requires_grad, view.seen = node, True, -1
    if before is not None and before.result_hooks is not None and before.result_hooks.hand_over(target):
        view.refresh(target)
        target._grad_fn.hooks_of_result().keep_on(target)
