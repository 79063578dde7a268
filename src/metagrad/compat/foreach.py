"""PyTorch's ``_foreach_`` functions: a method of each of several tensors, called one after the other.

``_foreach_add(tensors, 1)`` is ``tuple(t.add(1) for t in tensors)``; with an underscore at the end the tensors themselves are
changed, and their list returned. An operand is one for all, or a list of one for each. There is no gain in speed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.tensors.tensor import Tensor

_OF_ONE = """
    abs acos asin atan ceil clone cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 max neg norm powsum
    reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc zero
""".split()
_OF_SEVERAL = "add addcdiv addcmul clamp_max clamp_min copy div lerp maximum minimum mm mul pow sub".split()
_MOST = {"norm": 2, "powsum": 2, "copy": 2, "lerp": 2, "addcdiv": 3, "addcmul": 3}  # operands; else 0, and 1 of several
_KEYWORDS = (
    "self tensors other exponent tensor1 tensors1 tensor2 weight weights src scalar scalars ord".split()
)  # in their order
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
    method = {"maximum": "clamp_min", "minimum": "clamp_max"}.get(method.rstrip("_"), method.rstrip("_")) + method[
        len(method.rstrip("_")) :
    ]
    one: Callable[..., Any] = _ONE.get(method.rstrip("_")) or functools.partial(_call, method)
    if method.rstrip("_") in _ONE and method.endswith("_"):
        one = functools.partial(_written, one)

    base = method.rstrip("_")
    most = _MOST.get(base, int(base in _OF_SEVERAL))

    def over_tensors(*arguments: Any, **options: Any) -> Any:
        tensors, *operands = [*arguments, *(options.pop(key) for key in _KEYWORDS if key in options)]
        if method == "pow" and not isinstance(tensors, (list, tuple)):  # a number to the power of each
            return tuple(tensors**exponent for exponent in _checked(name, operands[0]))
        count = len(_checked(name, tensors))
        if len(operands) > most:
            raise TypeError(f"{name}() takes {most} operands after the tensors, but {len(operands)} were given")
        if "alpha" in options and not isinstance(operands[0], (list, tuple, Tensor)):
            raise _misfit(name, operands[0], "alpha=", options["alpha"])
        rows = [_for_each(name, operand, count, i) for i, operand in enumerate(operands)]
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
        raise RuntimeError(
            f"Tensor list must have at least one tensor. There were no tensor arguments to this function: {name}()"
        )
    return tensors


def _for_each(name: str, operand: Any, count: int, i: int) -> Sequence[Any]:
    """The i-th operand for each tensor. Raises RuntimeError for another number of them, and TypeError for what is none."""
    only_lists = ("addc" in name and i < 2) or ("lerp" in name and not i)
    if isinstance(operand, Tensor):
        if "addc" in name:  # factors in a tensor
            if operand.dim() != 1:
                raise RuntimeError(f"Expected packed scalar Tensor to be of dimension 1. Got {operand.dim()} instead.")
            operand = operand.tolist()
        elif operand.dim() and "add" not in name and "mul" not in name and "div" not in name:
            raise _misfit(name, operand)
        elif operand.dim():
            raise RuntimeError(f"scalar tensor expected to be 0 dim but it has {operand.dim()} dimensions: {name}()")
    if not isinstance(operand, (list, tuple)):
        if only_lists or not isinstance(operand, (Tensor, complex, float, int, np.generic)) and "norm" not in name:
            raise _misfit(name, operand)
        return [operand] * count
    if len(operand) != count:
        if any(isinstance(value, Tensor) for value in operand):
            raise RuntimeError(f"Tensor lists must have the same number of tensors, got {count} and {len(operand)}")
        raise RuntimeError(f"Tensor list must have same number of elements as scalar list: {name}()")
    return operand


def _misfit(name: str, *operands: Any) -> TypeError:
    got = ", ".join(["list", *(value if isinstance(value, str) else type(value).__name__ for value in operands)])
    return TypeError(f"{name}() received an invalid combination of arguments - got ({got})")


def _call(method: str, tensor: Tensor, *operands: Any, **options: Any) -> Any:
    return getattr(tensor, method)(*operands, **options)


def _written(compute: Callable[..., Tensor], tensor: Tensor, *operands: Any, **options: Any) -> Tensor:
    return tensor.copy_(compute(tensor, *operands, **options))


def _addcmul(t: Tensor, a: Tensor, b: Tensor, value: Any = 1) -> Tensor:
    return t.addcmul(a, b, value=value)


def _addcdiv(t: Tensor, a: Tensor, b: Tensor, value: Any = 1) -> Tensor:
    return t.addcdiv(a, b, value=value)


def _powsum(t: Tensor, ord: Any = 2, dtype: Any = None) -> Tensor:
    return (t.abs() ** ord).sum(dtype=dtype)


def _norm(t: Tensor, ord: Any = 2, dtype: Any = None) -> Tensor:
    if not (t.is_floating_point() or t.is_complex()):
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {t.dtype}")
    ord = ord.item() if isinstance(ord, Tensor) else ord
    if not isinstance(ord, (int, float)):
        raise TypeError(f"_foreach_norm(): argument 'ord' must be Number, not {type(ord).__name__}")
    return t.norm(ord, dtype=dtype)


_ONE: dict[str, Callable[..., Tensor]] = {
    "addcmul": _addcmul, "addcdiv": _addcdiv, "powsum": _powsum, "norm": _norm,
}  # fmt: skip
