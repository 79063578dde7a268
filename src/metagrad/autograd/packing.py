"""Packing what nodes save for their gradients: on disk, compressed, on another device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np

from metagrad.autograd import function
from metagrad.autograd.hooks import Packed, packed_by, unpacked_by
from metagrad.autograd.variable import Variable, unwrap, wrap

_refusals: list[str] = []  # messages of the ``disable_saved_tensors_hooks`` in force


_SECOND_FIRST = frozenset({"Mul", "Div", "Matmul"})  # ops whose second operand PyTorch packs before the first


class saved_tensors_hooks:
    """While it is on, what an op saves for its gradient is passed through ``pack``, and through ``unpack`` when it is needed.

    ``pack(tensor)`` may return anything: a file's name, a compressed copy. Source: PyTorch's hooks of the same name.

    >>> import metagrad
    >>> x = metagrad.tensor([2.0], requires_grad=True)
    >>> with saved_tensors_hooks(lambda t: bytearray(t.numpy()), lambda b: metagrad.frombuffer(b, dtype=metagrad.float32)):
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
        for hook in (self.pack_hook, self.unpack_hook):
            if not callable(hook):
                raise TypeError(f"saved_tensors_hooks expects functions, got {type(hook).__name__}")
        function.saved_hooks.append(self)

    def __exit__(self, *_: object) -> None:
        function.saved_hooks.remove(self)

    def pack(self, node: Any, inputs: tuple[Any, ...]) -> None:
        """Replace what a node saved; a tensor it was saved from keeps its place in the graph by the node's edges.

        An input is given to the user's function as it is, with its history; a result without, or the node would hold itself.
        """
        kept, froms = list(node.saved), [where for where, _, _ in node.origins]
        order = range(len(kept))
        for at in reversed(order) if type(node).__name__ in _SECOND_FIRST else order:
            if isinstance(kept[at], np.ndarray):
                known = froms[at] is not None and froms[at] >= 0
                kept[at] = Packed(self.packed, inputs[froms[at]] if known else wrap(kept[at]))
        node.saved = tuple(kept)
        self.pack_beside(node, [inputs[i] for i in node.guards if i >= 0 and i not in froms[: len(kept)]])
        node.origins = tuple([(where, [0], 0) for where, _, _ in node.origins])  # what was packed is not overwritten
        node.unpack, node.attended = self.unpacked, True

    def pack_beside(self, node: Any, tensors: list[Any]) -> None:
        """Pack what PyTorch's node would save, and this one has masks or indices made of: it is unpacked, and that is all."""
        packed = [*getattr(node, "beside", ())]
        known = [a.source() for a in packed]
        given = [
            Packed(self.packed, x) for x in tensors if isinstance(x, Variable) and all(x.array is not a for a in known)
        ]
        if given:
            node.beside = packed + given
            node.unpack, node.attended = self.unpacked, True

    def packed(self, tensor: Any) -> Any:
        """What the user's function makes of a tensor."""
        return packed_by(self.pack_hook, tensor)

    def unpacked(self, content: Any) -> Any:
        """The tensor again."""
        return unpacked_by(self.unpack_hook, content)


@contextmanager
def unpacked(node: Any) -> Iterator[None]:
    """The node with what it saved as it was before it was packed."""
    packed, unpack = node.saved, node.unpack
    node.saved = tuple([unwrap(unpack(a.content)) if isinstance(a, Packed) else a for a in packed])
    for a in getattr(node, "beside", ()):
        unpack(a.content)
    node.unpack = None
    try:
        yield
    finally:
        node.saved, node.unpack = packed, unpack


class allow_mutation_on_saved_tensors(saved_tensors_hooks):
    """While it is on, what was saved for a gradient may be overwritten: ops save copies.

    >>> import metagrad
    >>> x = metagrad.tensor([3.0], requires_grad=True)
    >>> with allow_mutation_on_saved_tensors():
    ...     y = x.clone()
    ...     z = (y ** 2).sum()
    ...     _ = y.zero_()
    ...     z.backward()
    >>> x.grad
    tensor([6.])
    """

    def __init__(self) -> None:
        super().__init__(lambda t: (self.cleared, t.detach().clone()), self._kept)
        self.open, self.cleared = False, 0

    def clear(self) -> None:
        """Give up the copies made so far: what needs them can no longer be differentiated."""
        self.cleared += 1

    def _kept(self, content: tuple[int, Any]) -> Any:
        """The copy. Raises AssertionError once the context was left, as in PyTorch, where it is gone by then."""
        if not self.open or content[0] != self.cleared:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in which the graph was originally "
                "recorded."
            )
        return content[1]

    def __enter__(self) -> Self:  # type: ignore[override]
        """Raises RuntimeError within another one."""
        if any(isinstance(hooks, allow_mutation_on_saved_tensors) for hooks in function.saved_hooks):
            raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
        super().__enter__()
        self.open = True
        return self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.open = False


class save_on_cpu(saved_tensors_hooks):
    """What ops save is kept in the processor's memory, and brought back to its device for the gradient."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: (t.device, t.cpu()), lambda kept: kept[1].to(kept[0]))


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """While it is on, entering ``saved_tensors_hooks`` raises RuntimeError with this message."""
    if function.saved_hooks:
        raise RuntimeError(error_message)
    _refusals.append(error_message)
    try:
        yield
    finally:
        _refusals.pop()
