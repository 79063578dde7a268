"""What may be done to the graph from outside: packing what nodes save, and hooks on nodes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np

from metagrad.autograd import function
from metagrad.autograd.function import AccumulateGrad
from metagrad.autograd.function import Function as Node
from metagrad.autograd.variable import Variable, unwrap, wrap

__all__ = [
    "GradientEdge", "Node", "disable_saved_tensors_hooks", "get_gradient_edge", "register_multi_grad_hook", "save_on_cpu",
    "saved_tensors_hooks",
]  # fmt: skip

_refusals: list[str] = []  # messages of the ``disable_saved_tensors_hooks`` in force


class saved_tensors_hooks:
    """While it is on, what an op saves for its gradient is passed through ``pack``, and through ``unpack`` when it is needed.

    ``pack(tensor)`` may return anything: a file's name, a compressed copy. Source: PyTorch's hooks of the same name.

    >>> import metagrad
    >>> x = metagrad.tensor([2.0], requires_grad=True)
    >>> with saved_tensors_hooks(lambda t: t.numpy().tobytes(), lambda b: metagrad.frombuffer(b, dtype=metagrad.float32)):
    ...     y = x * x
    >>> y.backward()
    >>> x.grad
    tensor([4.])
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if _refusals:
            raise RuntimeError(_refusals[-1])
        function.packers.append(self)

    def __exit__(self, *_: object) -> None:
        function.packers.remove(self)

    def pack(self, node: Any) -> None:
        """Replace what a node saved; a tensor it was saved from keeps its place in the graph by the node's edges."""
        node.saved = tuple([_Packed(self.pack_hook(wrap(a))) if isinstance(a, np.ndarray) else a for a in node.saved])
        node.unpack = self.unpack_hook


class _Packed:
    """What ``pack`` made of a tensor."""

    def __init__(self, content: Any) -> None:
        self.content = content


@contextmanager
def unpacked(node: Any) -> Iterator[None]:
    """The node with what it saved as it was before it was packed."""
    packed, unpack = node.saved, node.unpack
    node.saved = tuple([unwrap(unpack(a.content)) if isinstance(a, _Packed) else a for a in packed])
    node.unpack = None
    try:
        yield
    finally:
        node.saved, node.unpack = packed, unpack


class save_on_cpu(saved_tensors_hooks):
    """What ops save is kept in the processor's memory, and brought back to its device for the gradient."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: (t.device, t.cpu()), lambda kept: kept[1].to(kept[0]))


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """While it is on, entering ``saved_tensors_hooks`` raises RuntimeError with this message."""
    if function.packers:
        raise RuntimeError(error_message)
    _refusals.append(error_message)
    try:
        yield
    finally:
        _refusals.pop()


def call_node_hooks(hooks: list[Any], replaced: Any, *more: Any) -> Any:
    """Pass a tuple of gradients through functions of it (and of other tuples), each of which may return another."""
    if not hooks:
        return replaced
    arrays = not any(isinstance(g, Variable) for g in replaced)
    as_tensors = [tuple([g if g is None or isinstance(g, Variable) else wrap(g) for g in t]) for t in (replaced, *more)]
    current = as_tensors[0]
    for hook in list(hooks):
        answer = hook(current, *as_tensors[1:])
        if answer is not None:
            current = answer if isinstance(answer, tuple) else (answer,)
            if len(current) != len(replaced):
                raise RuntimeError(f"a node's hook returned {len(current)} gradients, expected {len(replaced)}")
    return tuple([unwrap(g) for g in current]) if arrays else current


class GradientEdge(NamedTuple):
    """Where a tensor's gradient goes: a node, and to which of its results."""

    node: Any
    output_nr: int


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """The edge of the graph that leads to a tensor."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(tensor.grad_fn or AccumulateGrad(tensor), tensor.output_nr)


def register_multi_grad_hook(
    tensors: Sequence[Any], fn: Callable[..., Any], *, mode: Literal["all", "any"] = "all"
) -> Handles:
    """Call ``fn`` when the gradients of all these tensors have been computed, with a list of them; with "any", of the first."""
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    found: list[Any] = [None] * len(tensors)
    seen: set[int] = set()

    def arrived(i: int, grad: Any) -> None:
        found[i] = grad
        seen.add(i)
        if mode == "any" and len(seen) == 1:
            fn(grad)
        if len(seen) == len(tensors):
            if mode == "all":
                fn(list(found))
            seen.clear()
            found[:] = [None] * len(tensors)

    return Handles([t.register_hook(functools.partial(arrived, i)) for i, t in enumerate(tensors)])


class Handles:
    """Several hooks, taken away together."""

    def __init__(self, handles: list[Any]) -> None:
        self.handles = handles

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> Handles:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
