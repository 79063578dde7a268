"""Settings of functions that slide over one, two or three axes: one number for all of them, or one for each."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

Setting = int | Sequence[int]
Ratio = float | Sequence[float] | None
OutputSize = int | Sequence[int | None] | None  # None: as in the input


def each(value: object, count: int, function: str, name: str) -> tuple[int, ...]:
    """A setting as a tuple of ``count`` integers.

    Raises TypeError for what are no integers, and RuntimeError for another number of them.

    >>> each(3, 2, "conv2d", "stride"), each((1, 2), 2, "conv2d", "stride")
    ((3, 3), (1, 2))
    """
    if value.__class__ is tuple and [v.__class__ for v in value] == [int] * count:
        return cast("tuple[int, ...]", value)
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return (operator.index(value),) * count
    if not isinstance(value, (tuple, list)) or not all(hasattr(v, "__index__") for v in value):
        raise TypeError(f"{function}: {name} must be an int or a tuple of ints, got {value!r}")
    if len(value) not in (1, count):
        if function.startswith("conv"):
            raise RuntimeError(
                f"{function}: expected {name} to be a single integer value or a list of {count} values to match the convolution "
                f"dimensions, but got {name}={list(value)}"
            )
        many = "one int" if count == 1 else f"{count} ints"
        raise RuntimeError(f"{function}() argument '{name}' should contain {many} (got {len(value)})")
    return tuple(operator.index(v) for v in value) * (count if len(value) == 1 else 1)


def batched(input: Tensor, axes: int, function: str, *, leading: int = 1) -> tuple[Tensor, bool]:
    """The input with a batch dimension in front, and whether it had one; ``leading``: dimensions after the batch's.

    Raises RuntimeError for another number of dimensions.
    """
    check_batched(input.array.shape, axes, function, leading)
    return (input, True) if input.array.ndim == axes + leading + 1 else (input.unsqueeze(0), False)


def check_batched(shape: tuple[int, ...], axes: int, function: str, leading: int = 1) -> None:
    """Raise RuntimeError for a shape that has neither a batch's number of dimensions nor that of one of its elements."""
    if len(shape) not in (axes + leading, axes + leading + 1):
        raise RuntimeError(
            f"Expected {axes + leading}D (unbatched) or {axes + leading + 1}D (batched) input to {function}, but got "
            f"input of size: {list(shape)}"
        )
