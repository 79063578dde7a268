"""segment_reduce: each of several runs of rows summed up, or reduced otherwise, to one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.ops.arguments import dimension
from metagrad.ops.create.creation import full
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.index.scatter_reduce import index_reduce
from metagrad.ops.index.scattering import index_add
from metagrad.ops.pointwise.selection import where
from metagrad.ops.shape.joining import stack
from metagrad.ops.shape.views import reshape

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["segment_reduce"]

_EMPTY = {"sum": 0.0, "mean": 0.0, "max": -math.inf, "min": math.inf, "prod": 1.0}
_BY_INDEX = {"max": "amax", "min": "amin", "prod": "prod"}


def segment_reduce(
    data: Tensor, reduce: str, *, lengths: Tensor | None = None, indices: Tensor | None = None,
    offsets: Tensor | None = None, axis: int = 0, unsafe: bool = False, initial: float | None = None,
) -> Tensor:  # fmt: skip
    """Runs of rows, one after the other, each reduced to one: (*, N, …) to (*, S, …), N in dimension ``axis``.

    reduce: "sum", "mean", "max", "min" or "prod" (or "amax", "amin"). lengths (*, S): how long each run is; or offsets
    (*, S + 1): where they begin, and the last ends. initial: what every run starts with; without it an empty run gives 0,
    nan, -inf, inf and 1.

    Raises RuntimeError for another ``reduce``, without lengths and offsets, for ``indices``, and, unless ``unsafe``, for
    lengths that are negative or do not add up to N.

    >>> import metagrad
    >>> metagrad.segment_reduce(metagrad.tensor([1.0, 2.0, 3.0]), "sum", lengths=metagrad.tensor([2, 1]))
    tensor([3., 3.])
    """
    reduce = {"amax": "max", "amin": "min"}.get(reduce, reduce)
    if reduce not in _EMPTY:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet: give lengths or offsets")
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    if data.dtype.category != 2:
        raise NotImplementedError(f"segment_reduce(): expected floating-point data, got {data.dtype}")
    given: Any = lengths if lengths is not None else offsets
    refuse("segment_reduce", given, "fcV")
    counts = given.numpy() if lengths is not None else np.diff(given.numpy(), axis=-1)
    axis = dimension(axis, data.array.ndim)
    if axis != counts.ndim - 1:
        raise RuntimeError(f"segment_reduce(): Expected axis to be the last dimension of lengths but got {axis}.")
    if not unsafe:
        if (counts < 0).any():
            raise RuntimeError("segment_reduce(): lengths contains negative value!")
        if lengths is not None and (counts.sum(-1) != data.array.shape[axis]).any():
            raise RuntimeError(
                f"segment_reduce(): Expected all rows of lengths along axis to sum to data.size({axis}), "
                f"{data.array.shape[axis]}, when !unsafe."
            )
    batch, runs = counts.shape[:-1], counts.shape[-1]
    rows = reshape(data, (-1, *data.array.shape[axis:])) if batch else reshape(data, (1, *data.array.shape))
    results = [
        _of_one(row, reduce, own, initial) for row, own in zip(rows.unbind(0), counts.reshape(-1, runs), strict=True)
    ]
    return reshape(stack(results), (*batch, runs, *data.array.shape[axis + 1 :]))


def _of_one(data: Tensor, reduce: str, counts: Any, initial: float | None) -> Tensor:
    """The runs of (N, …), of these lengths: (S, …)."""
    used = int(counts.sum())
    run = wrap(np.repeat(np.arange(len(counts)), counts))
    start = full((len(counts), *data.array.shape[1:]), _EMPTY[reduce] if initial is None else initial, dtype=data.dtype)
    if initial is not None and reduce in ("max", "min"):  # it takes no share of the gradient
        found = _of_one(data, reduce, counts, None)
        reached = found >= initial if reduce == "max" else found <= initial
        return where(reached | (found != found), found, start)
    if reduce in _BY_INDEX:
        return index_reduce(start, 0, run, data[:used], _BY_INDEX[reduce])
    total = index_add(start, 0, run, data[:used])
    if reduce == "sum":
        return total
    length = counts.reshape(-1, *[1] * (data.array.ndim - 1)).astype(data.array.dtype)
    return total / wrap(length if initial is None else np.maximum(length, 1))
