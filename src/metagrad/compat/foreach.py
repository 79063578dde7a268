"""PyTorch's ``_foreach_`` functions: a method of each of several tensors, called one after the other.

``_foreach_add(tensors, 1)`` is ``tuple(t.add(1) for t in tensors)``; with an underscore at the end the tensors themselves are
changed, and their list returned. An operand is one for all, or a list of one for each. There is no gain in speed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from metagrad.tensors.tensor import Tensor

_OF_ONE = """
    abs acos asin atan ceil clone cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 max neg norm powsum
    reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc zero
""".split()
_OF_SEVERAL = "add addcdiv addcmul clamp_max clamp_min copy div lerp maximum minimum mm mul pow sub".split()
_MOST = {"norm": 2, "powsum": 2, "copy": 2, "lerp": 2, "addcdiv": 3, "addcmul": 3}  # operands; else 0, and 1 of several
_NEW_ONLY, _IN_PLACE_ONLY = {"clone", "max", "norm", "powsum", "mm"}, {"zero", "copy"}

NAMES = {f"_foreach_{name}" for name in (*_OF_ONE, *_OF_SEVERAL) if name not in _IN_PLACE_ONLY}
NAMES |= {f"_foreach_{name}_" for name in (*_OF_ONE, *_OF_SEVERAL) if name not in _NEW_ONLY}


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _over_tensors(name)


@functools.cache
def _over_tensors(name: str) -> Callable[..., Any]:
    """The function of this name."""
    method = name.removeprefix("_foreach_")
    one: Callable[..., Any] = _ONE.get(method.rstrip("_")) or functools.partial(_call, method)
    if method.rstrip("_") in _ONE and method.endswith("_"):
        one = functools.partial(_written, one)

    def over_tensors(tensors: Any, *operands: Any, **options: Any) -> Any:
        if method == "pow" and not isinstance(tensors, (list, tuple)):  # a number to the power of each
            return tuple(tensors**exponent for exponent in _checked(name, operands[0]))
        count = len(_checked(name, tensors))
        most = _MOST.get(method.rstrip("_"), int(method.rstrip("_") in _OF_SEVERAL))
        if len(operands) > most:
            raise TypeError(f"{name}() takes {most} operands after the tensors, but {len(operands)} were given")
        rows = [_for_each(name, operand, count) for operand in operands]
        results = [one(*each, **options) for each in zip(tensors, *rows, strict=True)]
        return tensors if method.endswith("_") else tuple(results)

    over_tensors.__name__ = over_tensors.__qualname__ = name
    over_tensors.__doc__ = f"``{method}`` of each of the tensors."
    return over_tensors


def _checked(name: str, tensors: Any) -> Sequence[Tensor]:
    """The tensors. Raises TypeError for what is no list of them, and RuntimeError for an empty one."""
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{name}(): the first argument must be a list or tuple of Tensors, not {type(tensors).__name__}"
        )
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"{name}(): expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    if not tensors:
        raise RuntimeError(f"{name}(): Tensor list must have at least one tensor.")
    return tensors


def _for_each(name: str, operand: Any, count: int) -> Sequence[Any]:
    """An operand for each tensor. Raises RuntimeError for another number of them, and for a tensor with dimensions."""
    if isinstance(operand, Tensor):
        if operand.dim() == 1 and "addc" in name:  # factors in a tensor
            operand = operand.tolist()
        elif operand.dim():
            raise RuntimeError(f"{name}(): scalar tensor expected to be 0 dim but it has {operand.dim()} dimensions")
    if not isinstance(operand, (list, tuple)):
        return [operand] * count
    if len(operand) != count:
        raise RuntimeError(
            f"{name}(): Tensor lists must have the same number of elements, got {count} tensors and {len(operand)} operands"
        )
    return operand


def _call(method: str, tensor: Tensor, *operands: Any, **options: Any) -> Any:
    return getattr(tensor, method)(*operands, **options)


def _written(compute: Callable[..., Tensor], tensor: Tensor, *operands: Any, **options: Any) -> Tensor:
    return tensor.copy_(compute(tensor, *operands, **options))


def _addcmul(t: Tensor, a: Tensor, b: Tensor, value: Any = 1) -> Tensor:
    return t.addcmul(a, b, value=value)


def _addcdiv(t: Tensor, a: Tensor, b: Tensor, value: Any = 1) -> Tensor:
    return t.addcdiv(a, b, value=value)


def _maximum(t: Tensor, other: Any) -> Tensor:
    return t.maximum(other if isinstance(other, Tensor) else t.new_tensor(other))


def _minimum(t: Tensor, other: Any) -> Tensor:
    return t.minimum(other if isinstance(other, Tensor) else t.new_tensor(other))


def _powsum(t: Tensor, ord: Any = 2, dtype: Any = None) -> Tensor:
    return (t.abs() ** ord).sum(dtype=dtype)


def _norm(t: Tensor, ord: Any = 2, dtype: Any = None) -> Tensor:
    return t.norm(ord, dtype=dtype)


_ONE: dict[str, Callable[..., Tensor]] = {
    "addcmul": _addcmul, "addcdiv": _addcdiv, "maximum": _maximum, "minimum": _minimum, "powsum": _powsum, "norm": _norm,
}  # fmt: skip
