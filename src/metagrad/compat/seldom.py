"""Names of PyTorch's that few programs use: tensors swapped, which ops a checkpoint keeps, functions that may write in place."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterator
from typing import Any

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable
from metagrad.ops.shape.joining import cat
from metagrad.tensors.tensor import Tensor
from metagrad.utils._pytree import tree_flatten, tree_unflatten
from metagrad.utils.checkpoint import Contexts, noop_context_fn

__all__ = [
    "CheckpointPolicy", "InplaceFunction", "SparseAdam", "associative_scan", "cond", "create_selective_checkpoint_contexts",
    "get_device_states", "set_device_states", "swap_tensors",
]  # fmt: skip


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Give each of two tensors what the other is, so that whoever holds one holds the other from here on.

    Raises RuntimeError for what is no tensor.

    >>> import metagrad
    >>> a, b = metagrad.zeros(1), metagrad.ones(2)
    >>> swap_tensors(a, b)
    >>> a, b
    (tensor([1., 1.]), tensor([0.]))
    """
    for x in (t1, t2):
        if not isinstance(x, Variable):
            raise RuntimeError(f"swap_tensors: expected two tensors, got {type(x).__name__}")
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    t1.__dict__, t2.__dict__ = t2.__dict__, t1.__dict__
    for slot in Variable.__slots__:
        if not slot.startswith("__"):
            one, other = getattr(t1, slot), getattr(t2, slot)
            setattr(t1, slot, other)
            setattr(t2, slot, one)


@contextlib.contextmanager
def _unsafe_preserve_version_counter(tensor: Any) -> Iterator[None]:
    """Writes inside are not counted, to one tensor or several: the backward pass will not notice them."""
    listed = (tensor,) if isinstance(tensor, Variable) else tensor
    before = [x._version for x in listed]
    try:
        yield
    finally:
        for x, version in zip(listed, before, strict=True):
            x._counter[0] = version


class InplaceFunction(Function):
    """A custom function that is told, when it is made, whether to write in place."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class SparseAdam:
    """The class of an optimizer for sparse gradients, of which there are none here: making one raises NotImplementedError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("SparseAdam: sparse gradients are left out; Adam takes the dense ones that there are")


class CheckpointPolicy(enum.IntEnum):
    """What a checkpoint is to do with the result of an op."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Callable[..., Any] | list[Any], allow_cache_entry_mutation: bool = False
) -> Contexts:
    """Contexts for ``checkpoint``'s ``context_fn``: whatever the policy, all is computed again, to the same numbers.

    Raises TypeError for a policy that is neither a function nor a list of ops.
    """
    if not (callable(policy_fn_or_list) or isinstance(policy_fn_or_list, list)):
        raise TypeError(
            f"policy_fn_or_list must be either a function or a list of ops, got {type(policy_fn_or_list).__name__}"
        )
    return noop_context_fn()


def get_device_states(*args: object) -> tuple[list[int], list[Tensor]]:
    """The numbers and the states of random numbers of the GPUs that these tensors are on."""
    devices = sorted({x.device.index or 0 for x in args if isinstance(x, Variable) and x.device.type == "cuda"})  # type: ignore[attr-defined]
    from metagrad.compat import cuda

    return devices, [cuda.get_rng_state(i) for i in devices]


def set_device_states(devices: list[int], states: list[Tensor], *, device_type: str | None = None) -> None:
    """Go on from what ``get_device_states`` returned."""
    from metagrad.compat import cuda

    for i, state in zip(devices, states, strict=True):
        cuda.set_rng_state(state, i)


def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Any = ()) -> Any:
    """``true_fn(*operands)`` if pred, else ``false_fn(*operands)``.

    >>> import metagrad
    >>> cond(metagrad.tensor(True), lambda x: x + 1, lambda x: x, (metagrad.ones(1),))
    tensor([2.])
    """
    return true_fn(*operands) if pred else false_fn(*operands)


def associative_scan(
    combine_fn: Callable[[Any, Any], Any], xs: Any, dim: int, reverse: bool = False, combine_mode: str = "pointwise"
) -> Any:
    """y₀ = x₀ and yᵢ = combine_fn(yᵢ₋₁, xᵢ) along a dimension of a tensor, or of each in a container: the same shapes.

    >>> import metagrad
    >>> associative_scan(lambda x, y: x * y, metagrad.tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 2., 6.])
    """
    leaves, spec = tree_flatten(xs)
    rows = list(zip(*(x.split(1, dim) for x in leaves), strict=True))
    rows = rows[::-1] if reverse else rows
    found = [rows[0]]
    for row in rows[1:]:
        found.append(tuple(tree_flatten(combine_fn(tree_unflatten(found[-1], spec), tree_unflatten(row, spec)))[0]))
    found = found[::-1] if reverse else found
    return tree_unflatten([cat(list(parts), dim) for parts in zip(*found, strict=True)], spec)
