"""PyTorch's names for what has nothing to do here: a function without in-place writes, the tensor below wrappers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metagrad.autograd.variable import wrap
from metagrad.func.batched import BatchedArray
from metagrad.tensors.tensor import Tensor


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """``func``, from outside the same: PyTorch replaces its in-place writes for compilers, of which there are none here.

    remove: "mutations", or "mutations_and_views". Raises RuntimeError for anything else.

    >>> import metagrad
    >>> functionalize(lambda x: x.clone().add_(1))(metagrad.ones(2))
    tensor([2., 2.])
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            "functionalize(f, remove='mutations'): received invalid argument for remove=, which must be 'mutations' or "
            f"'mutations_and_views', got {remove!r}"
        )

    def functionalized(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return functionalized


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """What ``vmap`` made one example of: all examples. recurse: those of every ``vmap`` around, not of the innermost alone.

    ``grad`` and its kind hand out no wrappers here: what they hand out is returned as it is.

    >>> import metagrad
    >>> debug_unwrap(metagrad.ones(1))
    tensor([1.])
    """
    array: Any = tensor.array
    while isinstance(array, BatchedArray):
        array = array.examples
        if not recurse:
            break
    return tensor if array is tensor.array else wrap(array)
