"""Hooks: functions of the user's that gradients pass through on their way back, and that pack what is kept."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Self

from metagrad.autograd.mode import mode, no_grad
from metagrad.autograd.variable import Variable, as_tensor, wrap
from metagrad.base import dtypes
from metagrad.base.typing import Array

Hook = Callable[..., Any]
Hooks = OrderedDict[int, Hook]  # by the number of the handle


class RemovableHandle:
    """A registered hook: ``remove()`` takes it away again, and so does leaving a ``with`` block.

    >>> from metagrad.utils.hooks import RemovableHandle
    >>> hooks = {}
    >>> handle = RemovableHandle(hooks, print)
    >>> len(hooks), handle.remove(), len(hooks)
    (1, None, 0)
    """

    next_id = 0  # the number of the handle made next
    _numbers = itertools.count()

    def __init__(
        self, hooks_dict: dict[int, Any], hook: Any = None, prepend: bool = False, *, extra_dict: Any = None
    ) -> None:
        self.id, self._hooks = next(RemovableHandle._numbers), _reference(hooks_dict)  # threads get different ones
        RemovableHandle.next_id = self.id + 1
        self._beside = (
            tuple(extra_dict) if isinstance(extra_dict, list) else () if extra_dict is None else (extra_dict,)
        )
        if hook is not None:
            hooks_dict[self.id] = hook
        if prepend and isinstance(hooks_dict, OrderedDict):
            hooks_dict.move_to_end(self.id, last=False)

    def remove(self) -> None:
        """Take the hook away; doing it twice does no harm."""
        for hooks in (self._hooks(), *self._beside):
            if hooks is not None:
                hooks.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __getstate__(self) -> tuple[Any, int]:
        return self._hooks(), self.id

    def __setstate__(self, state: tuple[Any, int]) -> None:
        hooks, self.id = state
        self._hooks, self._beside = _reference(OrderedDict() if hooks is None else hooks), ()
        if RemovableHandle.next_id <= self.id:
            RemovableHandle.next_id = self.id + 1
            RemovableHandle._numbers = itertools.count(self.id + 1)


def _reference(hooks: dict[int, Any]) -> Callable[[], dict[int, Any] | None]:
    """A way to the hooks that does not keep what they hang on alive, where their kind of dictionary allows that."""
    return weakref.ref(hooks) if isinstance(hooks, OrderedDict) else lambda: hooks


class ResultHooks:
    """What the gradient of one result passes: ``hooks``, and then the tensors that keep it (``retain_grad``)."""

    def __init__(self) -> None:
        self.hooks: Hooks = OrderedDict()
        self.keeper: weakref.ref[Any] | None = None  # the tensor; weak, for a node must not hold its result

    def keep_on(self, tensor: Any) -> None:
        """From now on the gradient is added to this tensor's ``grad``."""
        self.keeper = weakref.ref(tensor)

    def hand_over(self, tensor: Any) -> bool:
        """Stop keeping the gradient on this tensor, which has another history now; whether it was kept."""
        kept = self.keeper is not None and self.keeper() is tensor
        if kept:
            self.keeper = None
        return kept

    def __call__(self, grad: Any) -> Any:
        """The gradient after the hooks, kept where it is to be kept."""
        grad = through(self.hooks, grad)
        tensor = None if self.keeper is None else self.keeper()
        if tensor is not None:
            kept = as_tensor(grad if isinstance(grad, Variable) else grad.copy())
            tensor._grad = kept if tensor._grad is None else tensor._grad + kept
        return grad


class LeafHooks:
    """What the gradient of a leaf passes: ``hooks``, and in ``after`` those called once it has been accumulated.

    After these are called, before and after accumulating, those of the node that stands for it (``at_node``, ``after_node``).
    """

    def __init__(self) -> None:
        self.hooks: Hooks = OrderedDict()
        self.after: Hooks = OrderedDict()
        self.at_node: Hooks = OrderedDict()
        self.after_node: Hooks = OrderedDict()
        self.dtype: dtypes.dtype | None | bool = False  # the gradient's: False, the leaf's own; None, whatever it is

    def passed(self, grad: Any) -> Any:
        """The gradient in the dtype that was asked for, passed through the hooks."""
        if isinstance(self.dtype, dtypes.dtype):
            recorded: Any = isinstance(grad, Variable)
            grad = grad.to(self.dtype) if recorded else grad.astype(self.dtype.dtype, copy=False)
        return through(self.at_node, through(self.hooks, grad))

    def after_accumulating(self, x: Any, recorded: bool) -> None:
        """Call the functions that wait for ``x.grad``; what they compute is recorded if the backward pass was."""
        before, mode.grad = mode.grad, recorded
        try:
            for hook in [*self.after.values(), *self.after_node.values()]:
                answer = hook(x)
                if answer is not None and not isinstance(answer, Variable):  # what x.sub_() returns does no harm
                    raise TypeError(f"expected Variable, but hook returned '{type(answer).__name__}'")
        finally:
            mode.grad = before


class NodeHooks:
    """Functions called with all gradients of a node: ``before`` its backward, and ``after``."""

    def __init__(self) -> None:
        self.before: Hooks = OrderedDict()
        self.after: Hooks = OrderedDict()


def through(hooks: Hooks, grad: Any) -> Any:
    """A gradient passed through functions of it, each of which may return another in its place."""
    if not hooks:
        return grad
    tensor = as_tensor(grad)
    for hook in list(hooks.values()):
        replaced = hook(tensor)
        if replaced is not None:
            _check_replaced(hook, replaced, tensor)
            tensor = replaced
    return (
        tensor if isinstance(grad, Variable) else tensor.array.copy()
    )  # whoever keeps a gradient sees no later one in it


def _check_replaced(hook: Hook, replaced: Any, grad: Any) -> None:
    """Raise if a hook made something else of a gradient than another gradient for the same tensor."""
    name = getattr(hook, "__name__", repr(hook))
    if not isinstance(replaced, Variable):
        raise TypeError(f"expected Variable, but hook '{name}' returned '{type(replaced).__name__}'")
    for what in ("shape", "dtype"):
        if getattr(replaced, what) != getattr(grad, what):
            raise RuntimeError(
                f"hook '{name}' has changed the {'size' if what == 'shape' else 'type'} of value (was {getattr(grad, what)} "
                f"got {getattr(replaced, what)})"
            )


def through_all(hooks: Hooks, grads: Sequence[Any], *more: Sequence[Any]) -> Any:
    """A tuple of gradients passed through functions of it (and of other tuples), each of which may return another."""
    if not hooks:
        return grads
    arrays = not any(isinstance(g, Variable) for g in grads)
    current, *others = [tuple([g if g is None else as_tensor(g) for g in t]) for t in (grads, *more)]
    for hook in list(hooks.values()):
        answer = hook(current, *others)
        if answer is not None:
            if not isinstance(answer, tuple):
                raise TypeError(f"expected tuple, but hook returned '{type(answer).__name__}'")
            before, current = current, answer
            if not all(g is None or isinstance(g, Variable) for g in current):
                raise TypeError(f"expected tuple of gradients, but hook returned '{type(answer).__name__}'")
            if len(current) != len(grads):
                name = getattr(hook, "__name__", repr(hook))
                raise RuntimeError(
                    f"hook '{name}' has returned an incorrect number of values (got {len(current)}, but expected {len(grads)})"
                )
            for g, earlier in zip(current, before, strict=True):
                if g is not earlier and g is not None and earlier is not None:
                    _check_replaced(hook, g, earlier)
    return tuple([g if g is None else g.array.copy() for g in current]) if arrays else current


class Packed:
    """What ``pack`` made of a tensor."""

    def __init__(self, pack: Callable[[Any], Any], tensor: Any) -> None:
        self.content, self.pack = pack(tensor), pack
        self.source: Callable[[], Any] = weakref.ref(tensor.array)

    def of_a_copy(self, array: Array) -> Packed:
        """The same of a copy, if it is this array that was packed, which is about to be written to."""
        return Packed(self.pack, wrap(array.copy())) if self.source() is array else self


def packed_by(pack_hook: Callable[[Any], Any], tensor: Any) -> Any:
    """What the user's function makes of a tensor; raises RuntimeError if it writes to it."""
    before = tensor._counter[0]
    with no_grad():
        found = pack_hook(tensor)
    if tensor._counter[0] != before:
        raise RuntimeError(
            "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be "
            "modified by in-place operations as this can lead to unexpected side-effects."
        )
    return found


def unpacked_by(unpack_hook: Callable[[Any], Any], content: Any) -> Any:
    """The tensor again; raises TypeError if the user's function gives something else."""
    found = unpack_hook(content)
    if not isinstance(found, Variable):
        raise TypeError(
            f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(found).__name__}"
        )
    return found
