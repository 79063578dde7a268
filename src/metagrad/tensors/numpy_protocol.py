"""NumPy's own functions on tensors: ``np.tanh(tensor)`` is the differentiable ``tensor.tanh()``.

This is what makes a backward formula written in NumPy differentiable: given tensors instead of arrays, ``np.exp`` and
``np.where`` arrive here and become ops that are recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import Variable, recording, unwrap, wrap
from metagrad.autograd.writing import bump, write
from metagrad.base import dtypes
from metagrad.base.typing import Array, DTypeLike, Number, Operand
from metagrad.ops.create import conversion, like
from metagrad.ops.linalg import definite, determinant, eigen, matmul, orthogonal, powers, solving
from metagrad.ops.operands import as_tensor, result_type
from metagrad.ops.pointwise import (
    arithmetic,
    bitwise,
    comparison,
    complex_numbers,
    division,
    exponential,
    hyperbolic,
    rounding,
    selection,
    signs,
    trigonometric,
)
from metagrad.ops.reduce import cumulative, extrema, products, reduction
from metagrad.ops.shape import broadcasting, copying, diagonals, flipping, joining, permuting, triangular, views

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def _on_tensors(op: Callable[..., Any]) -> Callable[..., Any]:
    """An op that takes tensors only, for NumPy, which takes numbers too."""

    def on_tensors(*given: Operand | Array) -> Tensor:
        kind, like = result_type(*given).dtype, next(unwrap(x) for x in given if isinstance(x, Variable))
        return op(*[x if isinstance(x, Variable) else wrap(np.asarray(x, kind, like=like)) for x in given])

    return on_tensors


_UFUNCS: dict[Any, Callable[..., Any]] = {
    np.add: arithmetic.add,
    np.subtract: arithmetic.sub,
    np.multiply: arithmetic.mul,
    np.divide: division.div,
    np.floor_divide: division.floor_divide,
    np.remainder: division.remainder,
    np.fmod: _on_tensors(division.fmod),
    np.power: arithmetic.pow,
    np.negative: arithmetic.neg,
    np.positive: arithmetic.positive,
    np.square: arithmetic.square,
    np.conjugate: arithmetic.Conj.apply,
    np.matmul: matmul.matmul,
    np.exp: exponential.exp,
    np.expm1: exponential.expm1,
    np.log: exponential.log,
    np.log2: exponential.log2,
    np.log10: exponential.log10,
    np.log1p: exponential.log1p,
    np.sqrt: exponential.sqrt,
    np.reciprocal: exponential.reciprocal,
    np.sin: trigonometric.sin,
    np.cos: trigonometric.cos,
    np.tan: trigonometric.tan,
    np.tanh: hyperbolic.tanh,
    np.absolute: signs.abs,
    np.sign: signs.sign,
    np.floor: rounding.floor,
    np.ceil: rounding.ceil,
    np.trunc: rounding.trunc,
    np.rint: rounding.round,
    np.maximum: _on_tensors(selection.maximum),
    np.minimum: _on_tensors(selection.minimum),
    np.equal: _on_tensors(comparison.eq),
    np.not_equal: _on_tensors(comparison.ne),
    np.less: _on_tensors(comparison.lt),
    np.less_equal: _on_tensors(comparison.le),
    np.greater: _on_tensors(comparison.gt),
    np.greater_equal: _on_tensors(comparison.ge),
    np.logical_not: comparison.logical_not,
    np.logical_and: _on_tensors(comparison.logical_and),
    np.logical_or: _on_tensors(comparison.logical_or),
    np.logical_xor: _on_tensors(comparison.logical_xor),
    np.bitwise_and: bitwise.bitwise_and,
    np.bitwise_or: bitwise.bitwise_or,
    np.bitwise_xor: bitwise.bitwise_xor,
    np.invert: bitwise.bitwise_not,
    np.isnan: comparison.isnan,
    np.isinf: comparison.isinf,
    np.isfinite: comparison.isfinite,
}


def _zeros_like(a: Tensor, dtype: DTypeLike = None) -> Tensor:
    return like.zeros_like(a, dtype=dtype)


def _ones_like(a: Tensor, dtype: DTypeLike = None) -> Tensor:
    return like.ones_like(a, dtype=dtype)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.real: conversion.real,
    np.imag: complex_numbers.imag,
    np.sum: reduction.sum,
    np.mean: reduction.mean,
    np.prod: products.prod,
    np.max: extrema.amax,
    np.min: extrema.amin,
    np.argmax: extrema.argmax,
    np.argmin: extrema.argmin,
    np.all: reduction.all,
    np.any: reduction.any,
    np.cumsum: cumulative.cumsum,
    np.where: lambda condition, *values: selection.where(
        as_tensor(condition), *values
    ),  # which may be one of NumPy's bools
    np.clip: selection.clamp,
    np.reshape: views.reshape,
    np.transpose: lambda a, axes=None: permuting.permute(
        a, tuple(axes) if axes is not None else tuple(range(a.ndim))[::-1]
    ),
    np.swapaxes: permuting.transpose,
    np.moveaxis: permuting.movedim,
    np.squeeze: lambda a, axis=None: views.squeeze(a, axis),
    np.expand_dims: lambda a, axis: views.unsqueeze(a, axis),
    np.broadcast_to: lambda array, shape: broadcasting.broadcast_to(array, shape),
    np.ravel: views.ravel,
    np.concatenate: lambda arrays, axis=0: joining.cat(arrays, axis),
    np.stack: lambda arrays, axis=0: joining.stack(arrays, axis),
    np.flip: lambda m, axis=None: flipping.flip(m, tuple(range(m.ndim)) if axis is None else axis),
    np.roll: lambda a, shift, axis=None: flipping.roll(a, shift, axis),
    np.zeros_like: _zeros_like,
    np.ones_like: _ones_like,
    np.empty_like: lambda a, dtype=None: like.empty_like(a, dtype=dtype),
    np.shape: lambda a: tuple(a.shape),
    np.ndim: lambda a: a.ndim,
    np.size: lambda a: a.numel(),
    np.copy: copying.clone,
    np.tril: triangular.tril,
    np.triu: triangular.triu,
    np.diagonal: lambda a, offset=0, axis1=0, axis2=1: diagonals.diagonal(a, offset, axis1, axis2),
    np.linalg.inv: solving.inv,
    np.linalg.solve: solving.solve,
    np.linalg.det: determinant.det,
    np.linalg.slogdet: determinant.slogdet,
    np.linalg.cholesky: definite.cholesky,
    np.linalg.eig: eigen.eig,
    np.linalg.eigvals: eigen.eigvals,
    np.linalg.eigh: eigen.eigh,
    np.linalg.eigvalsh: eigen.eigvalsh,
    np.linalg.qr: orthogonal.qr,
    np.linalg.matrix_power: powers.matrix_power,
}


def _operand(x: Any) -> Variable | Number:
    """An operand as an op takes it: NumPy's arrays become tensors, its numbers Python's."""
    if isinstance(x, np.generic):
        return x.item()
    return as_tensor(x) if isinstance(x, np.ndarray) or not isinstance(x, (Variable, int, float, complex)) else x


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``np.ufunc(tensor, …)``: the op of that name, or the ufunc on the arrays if nothing needs a gradient.

    Raises TypeError where a gradient is needed and there is no op.

    >>> import metagrad
    >>> np.exp(metagrad.zeros(2, requires_grad=True))
    tensor([1., 1.], grad_fn=<ExpBackward0>)
    """
    op = _UFUNCS.get(ufunc)
    if method == "__call__" and op is not None and not kwargs:
        return op(*[_operand(x) for x in inputs])
    out = kwargs.get("out")
    if method == "__call__" and op is not None and out is not None and recording(*inputs, *out):
        return _into(op(*[_operand(x) for x in inputs]), kwargs)
    if recording(*inputs, *(out or ())):
        raise TypeError(
            f"np.{ufunc.__name__}{'' if method == '__call__' else '.' + method} with {sorted(kwargs) or 'these arguments'} "
            "has no gradient in metagrad: use metagrad's own function, or detach() the tensor"
        )
    if out is not None:
        kwargs = {**kwargs, "out": tuple(unwrap(o) for o in out)}
    if "where" in kwargs:
        kwargs = {**kwargs, "where": unwrap(kwargs["where"])}
    result = getattr(ufunc, method)(*[unwrap(x) for x in inputs], **kwargs)
    if out is not None:
        for o in out:
            if isinstance(o, Variable):
                bump(o)
        return out[0] if len(out) == 1 else out
    return tuple(map(wrap, result)) if isinstance(result, tuple) else wrap(result)


def _into(result: Tensor, kwargs: dict[str, Any]) -> Tensor:
    """A result that is recorded, written into ``out``, or only ``where`` a condition holds."""
    (out,) = kwargs["out"]
    condition = kwargs.get("where")
    if not isinstance(out, Variable) or kwargs.keys() - {"out", "where"}:
        raise TypeError(
            f"a result that requires grad cannot be written with {sorted(kwargs)}: use metagrad's own function"
        )
    return write(out, result if condition is None else selection.where(as_tensor(condition), result, out))


def apply_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``np.function(tensor, …)``: the op of that name; without one, and where nothing needs a gradient, NumPy's own result.

    Raises TypeError where a gradient is needed and there is no op.

    >>> import metagrad
    >>> np.concatenate([metagrad.zeros(1), metagrad.ones(1)])
    tensor([0., 1.])
    >>> np.isin(metagrad.tensor([1, 2]), metagrad.tensor([2]))
    array([False,  True])
    """
    op = _FUNCTIONS.get(function)
    if op is not None:
        if kwargs.get("dtype") is not None:
            kwargs = {**kwargs, "dtype": dtypes.of(kwargs["dtype"])}
        return op(*args, **kwargs)
    tensors: list[Variable] = []
    plain_args, plain_kwargs = _unwrapped(args, tensors), _unwrapped(kwargs, tensors)
    if recording(*tensors):
        raise TypeError(
            f"np.{function.__name__} has no gradient in metagrad: use metagrad's own function, or detach() the tensor"
        )
    return function(*plain_args, **plain_kwargs)


def _unwrapped(value: object, found: list[Variable]) -> Any:
    """Nested arguments with arrays instead of tensors, which are collected."""
    if isinstance(value, Variable):
        found.append(value)
        return value.array
    if isinstance(value, (list, tuple)):
        return type(value)([_unwrapped(v, found) for v in value])
    if isinstance(value, dict):
        return {k: _unwrapped(v, found) for k, v in value.items()}
    return value
