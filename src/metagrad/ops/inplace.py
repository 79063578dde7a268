"""The in-place form of an op: compute, then give the tensor the result's values and history."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.views import Overwrite, write
from metagrad.ops.indexing import value_for

if TYPE_CHECKING:
    from metagrad.tensor import Tensor


def in_place(op: Callable[..., Any]) -> Callable[..., Any]:
    """``op_``: like ``op``, but the result is written into the first argument, which is returned."""

    @functools.wraps(op, assigned=("__module__",))
    def written(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        return write(input, op(input, *args, **kwargs))

    written.__name__ = written.__qualname__ = f"{op.__name__}_"
    written.__doc__ = f"In-place form of ``{op.__name__}``: the tensor itself takes the result, and is returned."
    return written


def copy_(input: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Take the values of ``src``, broadcast to this shape and converted to this dtype."""
    return write(input, Overwrite.apply(input, value_for(input, src)))  # type: ignore[no-any-return]


def fill_(input: Tensor, value: Any) -> Tensor:
    """Set every element to one number."""
    return copy_(input, value)


def zero_(input: Tensor) -> Tensor:
    """Set every element to 0."""
    return copy_(input, 0)


def fill_diagonal_(input: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Set the elements with equal indices to one number."""
    n = min(input.array.shape)
    index = tuple([np.arange(n)] * input.array.ndim)
    input[index] = fill_value
    return input
