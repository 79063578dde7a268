"""Sums, extremes, products, norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.onnx.operators import ops as mg
from metagrad.onnx.operators.registry import axes_of, ints, numbers, operator, tensor


def _reduced(kind: str, x: Any, axes: tuple[int, ...], keep: bool) -> Any:
    if kind == "Sum":
        return x.sum(axes, keepdim=keep).to(x.dtype)
    if kind == "Mean":
        return x.mean(axes, keepdim=keep) if x.is_floating_point() else _by_numpy(np.mean, x, axes, keep)
    if kind == "Prod":
        for axis in sorted(axes, reverse=True):
            x = x.prod(axis, keepdim=keep).to(x.dtype)
        return x
    if kind in ("Max", "Min"):
        if not all(x.shape[a] for a in axes):
            return _of_nothing(kind, x, axes, keep)
        if x.dtype == mg.bool:
            return _by_numpy(np.max if kind == "Max" else np.min, x, axes, keep)
        return (mg.amax if kind == "Max" else mg.amin)(x, axes, keepdim=keep)
    if kind == "L1":
        return _reduced("Sum", x.abs(), axes, keep)
    if kind == "L2":
        return _reduced("Sum", x * x, axes, keep).sqrt().to(x.dtype)
    if kind == "SumSquare":
        return _reduced("Sum", x * x, axes, keep)
    if kind == "LogSum":
        return _reduced("Sum", x, axes, keep).log()
    if x.numel() == 0:
        return _reduced("Sum", x.exp(), axes, keep).log()
    return x.logsumexp(axes, keepdim=keep).to(x.dtype)


def _by_numpy(compute: Any, x: Any, axes: tuple[int, ...], keep: bool) -> Any:
    return tensor(np.asarray(compute(numbers(x), axis=axes, keepdims=keep)).astype(numbers(x).dtype))


def _of_nothing(kind: str, x: Any, axes: tuple[int, ...], keep: bool) -> Any:
    """The largest (smallest) of no numbers is the smallest (largest) there is."""
    dtype = numbers(x).dtype
    least = -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min
    most = np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max
    extents = [1 if d in axes else n for d, n in enumerate(x.shape) if keep or d not in axes]
    return tensor(np.full(extents, least if kind == "Max" else most, dtype))


def _operator(kind: str) -> None:
    @operator(f"Reduce{kind}")
    def reduce(
        call: Any, x: Any, given: Any = None, *, axes: Any = None, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Any:
        axes = given if given is not None else axes
        chosen = () if axes is None else axes_of(axes, x.ndim)
        if not chosen and noop_with_empty_axes:
            if kind in ("Sum", "Mean", "Prod", "Max", "Min", "LogSumExp"):
                return x
            return {"L1": mg.abs, "L2": mg.abs, "SumSquare": lambda v: v * v, "LogSum": mg.log}[kind](x)
        chosen = chosen or tuple(range(x.ndim))
        return _reduced(kind, x, chosen, bool(keepdims)) if chosen else _reduced(kind, x.reshape(1), (0,), False)


for _kind in ("Sum", "Mean", "Prod", "Max", "Min", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"):
    _operator(_kind)


@operator("ArgMax", "ArgMin")
def arg_extreme(call: Any, x: Any, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Any:
    a = numbers(x)
    find = np.argmax if call.kind == "ArgMax" else np.argmin
    found = a.shape[axis] - 1 - find(np.flip(a, axis), axis) if select_last_index else find(a, axis)
    return tensor(np.expand_dims(found, axis) if keepdims else found)


@operator("Einsum")
def einsum(call: Any, *xs: Any, equation: str) -> Any:
    return mg.einsum(equation, *xs)


@operator("LpNormalization")
def lp_normalization(call: Any, x: Any, axis: int = -1, p: int = 2) -> Any:
    norm = x.abs().sum(axis, keepdim=True) if p == 1 else (x * x).sum(axis, keepdim=True).sqrt()
    nothing = norm == 0
    return mg.where(nothing, mg.zeros_like(x), x / mg.where(nothing, mg.ones_like(norm), norm))


@operator("Gemm")
def gemm(
    call: Any,
    a: Any,
    b: Any,
    c: Any = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    broadcast: int = 0,
) -> Any:
    a = a.transpose(0, 1) if transA else a
    b = b.transpose(0, 1) if transB else b
    y = a @ b
    y = y if alpha == 1 else (y * alpha).to(y.dtype)
    if c is None:
        return y
    return y + (c if beta == 1 else (c * beta).to(y.dtype))


@operator("MatMulInteger")
def matmul_integer(call: Any, a: Any, b: Any, a_zero: Any = None, b_zero: Any = None) -> Any:
    x, y = numbers(a).astype(np.int32), numbers(b).astype(np.int32)
    if a_zero is not None:
        zero = numbers(a_zero).astype(np.int32)
        x = x - (zero[:, None] if zero.ndim == 1 and zero.size > 1 else zero)
    if b_zero is not None:
        y = y - numbers(b_zero).astype(np.int32)
    return tensor(np.matmul(x, y).astype(np.int32))


__all__ = ["ints"]
