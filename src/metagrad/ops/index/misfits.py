"""What to raise where an index, or a value to be stored at one, does not fit; in the words that programs look for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metagrad.base.dtypes import scalar_name
from metagrad.base.warning import warn_once
from metagrad.ops.fitting import number_for

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def is_mask(index: object) -> bool:
    """Whether an index, or a part of one, says of each element whether it is taken.

    >>> is_mask(True), is_mask(1)
    (True, False)
    """
    return isinstance(index, bool) or getattr(getattr(index, "dtype", None), "kind", "") == "b"


def unassignable(input: Tensor, value: object) -> TypeError:
    """What to raise for a value to be stored that is neither a tensor nor a number.

    >>> import metagrad
    >>> metagrad.zeros(2)[:] = [1, 2]
    Traceback (most recent call last):
    TypeError: can't assign a list to a torch.FloatTensor: argument 'other' (position 1) must be Tensor, not list
    """
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    target = f"a torch.{scalar_name(input.dtype)}Tensor"
    return TypeError(f"can't assign a {name} to {target}: argument 'other' (position 1) must be Tensor, not {name}")


def check_source(input: Tensor, index: Any, source: Tensor) -> None:
    """Raise RuntimeError unless a tensor to be stored at gathered positions has the dtype of the one it goes into.

    One number is an exception where a mask says where it goes, for then it is filled in.

    >>> import metagrad
    >>> x = metagrad.zeros(3)
    >>> x[metagrad.tensor([0, 2])] = metagrad.tensor([1, 2])
    Traceback (most recent call last):
    RuntimeError: Index put requires the source and destination dtypes match, got Float for the destination and Long for the source
    """
    if source.dtype is input.dtype:
        return
    if source.array.size == 1:
        parts = [p for p in (index if isinstance(index, tuple) else (index,)) if not isinstance(p, (int, slice))]
        if len([p for p in parts if p is not None and p is not Ellipsis]) == 1 and any(map(is_mask, parts)):
            number_for(input, source)
            return
    raise RuntimeError(
        f"Index put requires the source and destination dtypes match, got {scalar_name(input.dtype)} for the destination and "
        f"{scalar_name(source.dtype)} for the source"
    )


def misplaced(value: Sequence[int], region: Sequence[int], basic: bool) -> RuntimeError:
    """What to raise for a value of a shape that does not broadcast to the part of a tensor it goes into.

    >>> misplaced((3,), (2, 4), basic=True).args[0][:77]
    'The expanded size of the tensor (4) must match the existing size (3) at non-s'
    """
    value, region = tuple(value), tuple(region)
    if not basic:
        return RuntimeError(
            f"shape mismatch: value tensor of shape {list(value)} cannot be broadcast to indexing result of shape {list(region)}"
        )
    for d in range(1, min(len(value), len(region)) + 1):
        if value[-d] not in (1, region[-d]):
            return RuntimeError(
                f"The expanded size of the tensor ({region[-d]}) must match the existing size ({value[-d]}) at non-singleton "
                f"dimension {len(region) - d}: target sizes {list(region)}, tensor sizes {list(value)}"
            )
    return RuntimeError(f"shape mismatch: value tensor of shape {list(value)} cannot be broadcast to {list(region)}")


def unlike_mask(index: Any, shape: Sequence[int]) -> IndexError | None:
    """What to raise for a mask that has not the shape of the tensor it is laid on; None if there is none such.

    >>> import numpy as np
    >>> unlike_mask(np.array([True, False]), (3, 4)).args[0]
    'The shape of the mask [2] at index 0 does not match the shape of the indexed tensor [3, 4] at index 0'
    """
    d = 0
    for part in index if isinstance(index, tuple) else (index,):
        if part is Ellipsis:  # what comes after it is counted from the end
            return None
        if is_mask(part) and not isinstance(part, bool):
            for i, n in enumerate(part.shape):
                if d + i < len(shape) and n != shape[d + i]:
                    return IndexError(
                        f"The shape of the mask {list(part.shape)} at index {i} does not match the shape of the indexed tensor "
                        f"{list(shape)} at index {d + i}"
                    )
            d += part.ndim
        else:
            d += part is not None
    return None


def warn_of_repeats(name: str) -> None:
    """Warn that elements which share a place in memory are written to, some of them only."""
    warn_once(
        f"Use of {name} on expanded tensors is deprecated. Please clone() the tensor before performing this operation. "
        "This also applies to advanced indexing e.g. tensor[mask] = scalar"
    )
