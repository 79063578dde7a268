"""How the values of several ranks become one: ``ReduceOp``, and what each means for each dtype.

Backends add up plain arrays of a dtype that every engine knows. ``Reduction`` goes there and back: halves are added up in
float32 and rounded once, bools are bytes whose sum is *or*, complex sums are sums of pairs, a mean is a sum divided.
"""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

Array = Any


class ReduceOp(enum.Enum):
    """What a reduction does with the values of the ranks.

    >>> ReduceOp.SUM, ReduceOp.AVG.name
    (<ReduceOp.SUM: 'sum'>, 'AVG')
    """

    SUM = "sum"
    AVG = "mean"
    PRODUCT = "product"
    MIN = "min"
    MAX = "max"
    BAND = "bitwise and"
    BOR = "bitwise or"
    BXOR = "bitwise exclusive or"


ReduceOp.RedOpType = ReduceOp  # type: ignore[attr-defined]  # what PyTorch calls the type of its members

_UFUNCS = {
    ReduceOp.SUM: np.add,
    ReduceOp.PRODUCT: np.multiply,
    ReduceOp.MIN: np.minimum,
    ReduceOp.MAX: np.maximum,
    ReduceOp.BAND: np.bitwise_and,
    ReduceOp.BOR: np.bitwise_or,
    ReduceOp.BXOR: np.bitwise_xor,
}
_OF_BOOLS = {
    ReduceOp.SUM: ReduceOp.BOR,
    ReduceOp.MAX: ReduceOp.BOR,
    ReduceOp.PRODUCT: ReduceOp.BAND,
    ReduceOp.MIN: ReduceOp.BAND,
}
_BITWISE = (ReduceOp.BAND, ReduceOp.BOR, ReduceOp.BXOR)


class Reduction:
    """One op on arrays of one dtype, over ``ranks`` ranks. Raises ValueError where the op has no meaning for the dtype.

    ``raw`` is the op that a backend carries out on what ``pack`` makes of an array; ``unpack`` makes the result of it.

    >>> mean = Reduction(ReduceOp.AVG, np.dtype(np.float16), 2)
    >>> mean.raw, mean.pack(np.ones(2, np.float16)).dtype, mean.unpack(np.array([3.0, 4.0], np.float32))
    (<ReduceOp.SUM: 'sum'>, dtype('float32'), array([1.5, 2. ], dtype=float16))
    """

    def __init__(self, op: ReduceOp, kind: np.dtype[Any], ranks: int) -> None:
        if not isinstance(op, ReduceOp):
            raise TypeError(f"expected one of metagrad.distributed.ReduceOp's values, such as ReduceOp.SUM, got {op!r}")
        if kind.kind == "c" and op not in (ReduceOp.SUM, ReduceOp.AVG):
            raise ValueError(f"{op} has no meaning for complex tensors, which have no order: got {kind}")
        if op in _BITWISE and kind.kind not in "biu":
            raise ValueError(f"Cannot use {op} with non-integral dtype {kind}")
        if op is ReduceOp.AVG and kind.kind not in "fcV":
            raise ValueError(f"the mean of {kind} is no {kind}: convert the tensor to a floating-point dtype first")
        self.op, self.kind, self.ranks = op, kind, ranks
        self.raw = _OF_BOOLS.get(op, op) if kind.kind == "b" else ReduceOp.SUM if op is ReduceOp.AVG else op

    def pack(self, array: Array) -> Array:
        """Contiguous, in a dtype that every backend can reduce; the array itself where it is so already."""
        if self.kind.kind == "b":
            return array.astype(np.uint8, order="C")
        if self.kind.itemsize == 2 and self.kind.kind in "fV":
            return array.astype(np.float32, order="C")
        array = np.asarray(array, order="C")
        return array.reshape(-1).view(array.real.dtype) if self.kind.kind == "c" else array

    def unpack(self, packed: Array) -> Array:
        """The result in the dtype of the tensors; flat if they are complex."""
        if self.op is ReduceOp.AVG:
            packed /= packed.dtype.type(self.ranks)
        if self.kind.kind == "c":
            return packed.view(self.kind)
        return packed.astype(self.kind, copy=False)


def combine(op: ReduceOp, arrays: list[Array]) -> Array:
    """The arrays of all ranks reduced, in the order of the ranks; a fresh array."""
    ufunc = _UFUNCS[op]
    result = arrays[0].copy()
    with np.errstate(all="ignore"):
        for array in arrays[1:]:
            ufunc(result, array, out=result)
    return result


def combine_into(op: ReduceOp, array: Array, out: Array) -> None:
    """out = out ∘ array, for one op."""
    with np.errstate(all="ignore"):
        _UFUNCS[op](array, out, out=out)
