"""Broadcasting backwards: where the forward pass repeated an element or converted it, the gradient is added up or converted."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.kernels import reductions, tuning
from metagrad.kernels.copying import as_type


def fitted(grad: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """A gradient in the shape and dtype of what it belongs to: summed where forward broadcast, cast where it cast."""
    if isinstance(grad, Variable):
        return _fitted_tensor(grad, shape, dtype)
    if grad.shape != shape:
        grad = sum_to_shape(grad, shape)
    if grad.dtype != dtype:
        grad = as_type(grad.real if _drops_imaginary(grad.dtype, dtype) else grad, dtype)
    return np.asarray(grad) if isinstance(grad, np.generic) else grad


def _fitted_tensor(grad: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    if grad.array.shape != shape:
        grad = sum_to_shape(grad, shape)
    if grad.array.dtype != dtype:
        grad = (grad.real if _drops_imaginary(grad.array.dtype, dtype) else grad).to(dtypes.of(dtype))
    return grad


def _drops_imaginary(have: Any, want: Any) -> bool:
    return bool(have.kind == "c" and want.kind != "c")


def sum_to_shape(x: Any, shape: tuple[int, ...]) -> Any:
    """The transpose of broadcasting, of an array or a tensor: add up everything that was one element of ``shape``."""
    have = tuple(x.shape)
    if have == shape:
        return x
    if x.__class__ is np.ndarray and have[1:] == shape and have[0] <= 64 and x.dtype.char in "fd":
        return np.add.reduce(x) if shape else np.asarray(np.add.reduce(x))  # a row, as a bias is: the shortest way
    extra = len(have) - len(shape)
    if extra < 0 or not all(n in (1, m) for n, m in zip(shape, have[extra:], strict=True)):
        raise RuntimeError(f"a backward returned a gradient of shape {have} for an input of shape {shape}")
    stretched = [extra + i for i, (n, m) in enumerate(zip(shape, have[extra:], strict=True)) if n != m]
    axes = (*range(extra), *stretched)
    if x.__class__ is not np.ndarray:
        return x.sum(axis=axes, keepdims=True).reshape(shape)
    if x.dtype == np.float16:
        return np.asarray(reductions.sum_of_halves(x, axes, True)).reshape(shape).astype(np.float16)
    if x.size >= tuning.SUM_LOSES_DIGITS:
        return np.asarray(reductions.sum(x, axes, True)).reshape(shape)
    return np.asarray(x.sum(axis=axes, keepdims=True)).reshape(shape)
