"""What a node saved for its gradient, by PyTorch's names: ``y.grad_fn._saved_self``, ``_saved_result``, ``_raw_saved_self``.

Which of the arrays that a node keeps is the input, and which the result, is known from where they came (``origins``).
"""

from __future__ import annotations

import functools
import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.autograd.errors import FREED, freed, gone
from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import Variable, unwrap, wrap
from metagrad.base.typing import Array

# PyTorch's names of a node's inputs and of its result, and their numbers here.
_INPUTS = {"self": 0, "mat1": 0, "input": 0, "other": 1, "mat2": 1, "weight": 1, "exponent": 1}
_RESULTS = {"result": -1, "output": -1}
_ATTRIBUTES = {"dim": "axis", "dims": "dims", "alpha": "alpha", "negative_slope": "slope"}
_OF_SHAPES: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], Any]] = {  # by the input's and the result's
    "self_sym_sizes": lambda given, _: given,
    "self_sym_numel": lambda given, _: math.prod(given),
    "keepdim": lambda given, found: len(given) == len(found),
}
SAVED_NAMES = (*_INPUTS, *_RESULTS, *_ATTRIBUTES, *_OF_SHAPES)


_SHOWN = {  # under which of these names a node of PyTorch's lists its inputs; any other: self and other
    "Addmm": ("mat1", "mat2"), "Bmm": ("self", "mat2"), "Mm": ("self", "mat2"), "Pow": ("self", "exponent"),
    **dict.fromkeys(("Convolution", "NativeBatchNorm", "NativeLayerNorm", "NativeGroupNorm"), ("input", "weight")),
}  # fmt: skip


def hidden_names(node: Any) -> set[str]:
    """The names of what a node saved that are not listed, as another one names the same.

    >>> import metagrad
    >>> x = metagrad.ones(2, requires_grad=True)
    >>> [name for name in dir((x * x).grad_fn) if name.startswith("_saved_")]
    ['_saved_other', '_saved_self']
    """
    shown = (*_SHOWN.get(node.name().partition("Backward")[0], ("self", "other")), "result", *_ATTRIBUTES)
    if not node.saved:
        shown += ("self_sym_sizes",)
    return {f"{raw}saved_{name}" for name in SAVED_NAMES if name not in shown for raw in ("_", "_raw_")}


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


class SavedTensor:
    """One of the tensors that a node saved, which ``register_hooks`` packs."""

    def __init__(self, node: Any, position: int) -> None:
        self._node, self._position = node, position

    def register_hooks(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        """Keep what ``pack_hook`` makes of the tensor; ``unpack_hook`` makes the tensor of that again, where it is needed.

        Raises RuntimeError if hooks are there already, if the backward pass has freed the tensor, if ``pack_hook`` writes to it.
        """
        node, at = self._node, self._position
        if node.saved is FREED:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor after it has been freed. " + freed(node.op_name).args[0]
            )
        if node.unpack is not None:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set is not allowed"
            )
        packed = Packed(lambda x: packed_by(pack_hook, x), _tensor(node, at).detach())
        node.saved = (*node.saved[:at], packed, *node.saved[at + 1 :])
        node.origins = (*node.origins[:at], (node.origins[at][0], [0], 0), *node.origins[at + 1 :])
        node.unpack, node.attended = functools.partial(unpacked_by, unpack_hook), True


class SavedAttribute:
    """``_saved_…`` or ``_raw_saved_…`` of every node: found when it is asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, node: Any, owner: type) -> Any:
        return self if node is None else saved_attribute(node, self.name)


def saved_attribute(node: Any, name: str) -> Any:
    """The value of ``node._saved_…`` or ``node._raw_saved_…``. AttributeError for what the node does not keep.

    >>> import metagrad
    >>> x = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).grad_fn._saved_self is x, x.exp().grad_fn._saved_result
    (True, tensor([2.7183, 7.3891], grad_fn=<ExpBackward0>))
    """
    raw, _, wanted = name.partition("saved_")
    if node.saved is FREED and raw == "_raw_":
        return SavedTensor(node, 0)
    if node.saved is FREED:
        raise freed(node.op_name)
    at = _position(node, wanted)
    if at is not None:
        return SavedTensor(node, at) if raw == "_raw_" else _tensor(node, at)
    edge = node.edges[0] if node.edges else None
    if wanted in _OF_SHAPES and edge is not None and (wanted != "keepdim" or "axis" in vars(node)):
        return _OF_SHAPES[wanted](tuple(unwrap(edge).shape), tuple(node.shape))
    if wanted in _ATTRIBUTES and _ATTRIBUTES[wanted] in vars(node):
        return vars(node)[_ATTRIBUTES[wanted]]
    raise AttributeError(f"{node.name()} object has no attribute {name!r}")


def _position(node: Any, wanted: str) -> int | None:
    """Where among what the node saved the wanted input or result is."""
    number = _INPUTS.get(wanted, _RESULTS.get(wanted))
    if number is None:
        return None
    for at, origin in enumerate(node.origins[: len(node.saved)]):
        if origin[0] == number:
            return at
    if number > 0 and len(node.saved) > number:  # the same tensor as the first input, or a number
        return number
    return None


def _tensor(node: Any, at: int) -> Any:
    """What was saved, as a tensor with the history it had; a number as it is."""
    kept = node.saved[at]
    if node.origins[at][1][0] != node.origins[at][2]:
        raise gone(node)
    if isinstance(kept, Packed):
        return node.unpack(kept.content)
    if not isinstance(kept, np.ndarray):
        return kept
    where = node.origins[at][0]
    edge = node if where is not None and where < 0 else None if where is None else node.edges[where]
    if isinstance(edge, Variable):
        return edge
    found = wrap(kept)
    if edge is not None:
        found._grad_fn, found._requires_grad = edge, True
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
