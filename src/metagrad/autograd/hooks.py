"""Hooks: functions of the user's that gradients pass through on their way back, and what registering one returns."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Self

from metagrad.autograd.variable import Variable, as_tensor, unwrap

Hook = Callable[..., Any]


class Handle:
    """What registering a hook returns; ``remove()`` takes the hook away again. Also a context manager."""

    def __init__(self, hooks: list[Hook], hook: Hook) -> None:
        self.hooks, self.hook = hooks, hook
        hooks.append(hook)

    def remove(self) -> None:
        """Take the hook away; doing it twice does no harm."""
        self.hooks[:] = [h for h in self.hooks if h is not self.hook]

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class RemovableHandle:
    """A registered hook: ``remove()`` takes it away again, and so does leaving a ``with`` block.

    >>> from metagrad.utils.hooks import RemovableHandle
    >>> hooks = {}
    >>> handle = RemovableHandle(hooks, print)
    >>> len(hooks), handle.remove(), len(hooks)
    (1, None, 0)
    """

    _ids = itertools.count()

    def __init__(self, hooks: dict[int, Any], hook: Any, prepend: bool = False) -> None:
        self.hooks, self.id = hooks, next(self._ids)
        hooks[self.id] = hook
        if prepend and isinstance(hooks, OrderedDict):
            hooks.move_to_end(self.id, last=False)

    def remove(self) -> None:
        """Take the hook away; doing it twice does no harm."""
        self.hooks.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class ResultHooks:
    """What the gradient of one result passes: ``hooks``, and then the tensors that keep it (``retain_grad``)."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
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
    """What the gradient of a leaf passes: ``hooks``, and in ``after`` those called once it has been accumulated."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        self.after: list[Hook] = []


class NodeHooks:
    """Functions called with all gradients of a node: ``before`` its backward, and ``after``."""

    def __init__(self) -> None:
        self.before: list[Hook] = []
        self.after: list[Hook] = []


def through(hooks: Sequence[Hook], grad: Any) -> Any:
    """A gradient passed through functions of it, each of which may return another in its place."""
    if not hooks:
        return grad
    tensor = as_tensor(grad)
    for hook in list(hooks):
        replaced = hook(tensor)
        if replaced is not None:
            if tuple(replaced.shape) != tuple(tensor.shape):
                raise RuntimeError(
                    f"a hook changed the gradient's shape from {tuple(tensor.shape)} to {tuple(replaced.shape)}"
                )
            tensor = replaced
    return tensor if isinstance(grad, Variable) else tensor.array


def through_all(hooks: Sequence[Hook], grads: Sequence[Any], *more: Sequence[Any]) -> Any:
    """A tuple of gradients passed through functions of it (and of other tuples), each of which may return another."""
    if not hooks:
        return grads
    arrays = not any(isinstance(g, Variable) for g in grads)
    current, *others = [tuple([g if g is None else as_tensor(g) for g in t]) for t in (grads, *more)]
    for hook in list(hooks):
        answer = hook(current, *others)
        if answer is not None:
            current = answer if isinstance(answer, tuple) else (answer,)
            if len(current) != len(grads):
                raise RuntimeError(f"a node's hook returned {len(current)} gradients, expected {len(grads)}")
    return tuple([unwrap(g) for g in current]) if arrays else current
