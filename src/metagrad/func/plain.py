"""PyTorch's names for what has nothing to do here: a function without in-place writes, the tensor below wrappers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
    """The tensor itself: ``grad`` and ``vmap`` hand out no wrappers here.

    >>> import metagrad
    >>> debug_unwrap(metagrad.ones(1))
    tensor([1.])
    """
    return tensor
