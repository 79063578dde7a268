"""Packing a tensor that a node saved for its gradient, and forgetting what it saved; ``saved_attributes.py`` shows it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import Variable, wrap
from metagrad.base.typing import Array


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


def forget(node: Any) -> None:
    """Drop the arrays among a node's attributes, such as masks and indices, and the tuples in which there are some.

    >>> import metagrad
    >>> y = metagrad.ones(3, requires_grad=True).clamp(0, 2)
    >>> "within" in vars(y.grad_fn), y.sum().backward(), "within" in vars(y.grad_fn)
    (True, None, False)
    """
    kept = vars(node)
    for name, value in tuple(kept.items()):
        kind = value.__class__
        if kind is np.ndarray or name == "beside":  # as most are; what is packed
            del kept[name]
        elif kind is not int and kind is not bool and kind is not float and kind is not str:
            if any(hasattr(v, "__array_ufunc__") for v in (value if isinstance(value, (tuple, list)) else (value,))):
                del kept[name]
