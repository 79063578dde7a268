"""What an index says, in NumPy's terms: whether it selects a view, and what is to be taken first."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import Variable
from metagrad.base.device import CPU, move
from metagrad.base.typing import Array, Index
from metagrad.base.warning import warn
from metagrad.kernels.libraries import beside
from metagrad.ops.argument_types import is_sequence
from metagrad.ops.index.misfits import is_mask

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def as_slices(index: Index, x: Array) -> tuple[Any, ...]:
    """The same index with an Ellipsis at its end, which makes NumPy return a 0-d view and not a scalar.

    >>> np.arange(3)[as_slices(1, np.arange(3))]
    array(1)
    """
    index = index if isinstance(index, tuple) else (index,)
    return index if any(i is Ellipsis for i in index) else (*index, Ellipsis)


def checked(input: Tensor, index: Index) -> tuple[Any, bool]:
    """An index of a tensor without tensors in it, and whether it selects a view.

    Raises IndexError for too many indices, or for what is no index.
    """
    if index.__class__ is list and _stands_for_a_tuple(index):
        warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated: use x[tuple(seq)] instead of x[seq]"
        )
        index = tuple(index)
    index, basic = plain(index)
    count = sum(1 for i in index if i is not None and i is not Ellipsis) if isinstance(index, tuple) else 1
    if basic and index is not None and index is not Ellipsis and count > input.array.ndim:
        if not input.array.ndim:
            if isinstance(index[0] if isinstance(index, tuple) else index, slice):
                raise IndexError("slice() cannot be applied to a 0-dim tensor.")
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim "
                "tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {input.array.ndim}: {count}")
    return index if basic else beside(index, input.array), basic


def _stands_for_a_tuple(index: list[Any]) -> bool:
    """Whether a list says what to take from each dimension: a short one does that holds more than numbers, as in PyTorch."""
    return len(index) < 32 and any(
        i is None
        or i is Ellipsis
        or isinstance(i, (Variable, slice, list, tuple, range))
        or hasattr(i, "__array_function__")
        and not isinstance(i, np.generic)
        for i in index
    )


def plain(index: object) -> tuple[Any, bool]:
    """An index without tensors, and whether it selects a view."""
    if isinstance(index, tuple):
        parts = [plain(list(i) if isinstance(i, tuple) else i) for i in _with_one_ellipsis(index)]
        return tuple(p for p, _ in parts), all(basic for _, basic in parts)
    if isinstance(index, Variable):
        a = index.array
        whole = a.dtype.char in "?ilqB" or (not a.ndim and a.dtype.kind in "iu")  # l, q: both are int64
        if not whole:
            raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors, got {index.dtype}")
        if a.dtype == np.uint8:  # PyTorch's masks from before it had bool
            warn(
                "indexing with dtype uint8 is deprecated, for it is a mask and no index: use a bool tensor",
                UserWarning,
            )
            return a.astype(bool), False
        if a.dtype.kind == "b":
            return a, False
        return (int(a), True) if not a.ndim else (a, False)
    if isinstance(index, (bool, np.bool_)):
        return index, False
    if isinstance(index, slice):
        if index.step is not None and operator.index(index.step) <= 0:
            if not operator.index(index.step):
                raise ValueError("slice step cannot be zero")
            raise ValueError(f"step must be greater than zero, got {index.step}: use flip() to reverse a dimension")
        try:
            return slice(*[i if i is None else operator.index(i) for i in (index.start, index.stop, index.step)]), True
        except TypeError as error:
            raise TypeError(f"slice indices must be integers or None or have an __index__ method: {error}") from None
    if index is None or index is Ellipsis:
        return index, True
    if isinstance(index, (list, range)):
        return _plain_list(list(index)), False
    if hasattr(index, "__index__") and getattr(index, "ndim", 0) == 0:
        return int(index), True
    if isinstance(index, np.ndarray) or hasattr(index, "__array_function__"):
        return index, False
    if is_sequence(type(index)):
        items: Any = index
        return _plain_list([items[i] for i in range(len(items))]), False
    said = "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
    if isinstance(index, str):
        raise TypeError(f"new(): invalid data type 'str': {said}(got str)")
    raise IndexError(f"{said}(got {type(index).__name__})")


def _with_one_ellipsis(index: tuple[Any, ...]) -> tuple[Any, ...]:
    """The first Ellipsis stands for all dimensions that nothing else names, a further one for none."""
    if sum([i is Ellipsis for i in index]) < 2:
        return index
    first = next(n for n, i in enumerate(index) if i is Ellipsis)
    return tuple([i for n, i in enumerate(index) if i is not Ellipsis or n == first])


def _plain_list(index: list[Any]) -> Array:
    array = np.asarray([move(i.array, CPU) if isinstance(i, Variable) else i for i in index])
    return array.astype(np.int64) if array.size == 0 else array


def in_stages(index: Any, ndim: int) -> tuple[Any, Any]:
    """An index with arrays as a view to take first, or None, and the index of arrays into that view.

    PyTorch counts an int as a view, NumPy as an array without dimensions, which puts the dimensions of ``x[0, :, rows]``
    into another order. So ints, and what stands beside them, are taken first. And an Ellipsis that stands for no dimension
    separates nothing.
    """
    if not isinstance(index, tuple) or not any(i.__class__ is int or i is Ellipsis for i in index):
        return None, index
    taken = [getattr(i, "ndim", 0) if is_mask(i) else i is not None and i is not Ellipsis for i in index]
    rest = [slice(None)] * (ndim - sum(taken))
    first: list[Any] = []
    then: list[Any] = []
    for i, count in zip(index, taken, strict=True):
        if i is Ellipsis:
            first += rest
            then += rest
        elif i.__class__ is int:
            first.append(i)
        elif i is None or isinstance(i, slice):
            first.append(i)
            then.append(slice(None))
        else:
            first += [slice(None)] * count
            then.append(i)
    return tuple(first), tuple(then)
