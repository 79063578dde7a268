"""Derivatives against finite differences, in random directions.

A whole Jacobian takes two evaluations of the function per input element. A random direction needs two in all: for
f: Rⁿ → Rᵐ, a direction v in Rⁿ and a cotangent u in Rᵐ,

    uᵀ J v  ≈  uᵀ (f(x + εv) − f(x − εv)) / 2ε        (numerical)
    uᵀ J v  =  (Jᵀ u) · v                              (what the backward pass gives)

A wrong entry of J shows in almost every direction. Differences lose half of the digits, so float64 is required.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.autograd.engine import grad
from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import Variable, wrap

_DIRECTIONS = 3


class GradcheckError(RuntimeError):
    """A derivative that finite differences contradict."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    fast_mode: bool = True,
    **_: Any,
) -> bool:
    """Whether the gradients of ``func`` with respect to those ``inputs`` that require grad match finite differences.

    func: from tensors to a tensor or a tuple of them, deterministic. inputs: a tuple; differentiable ones in float64
    (or complex128). Raises GradcheckError where they differ by more than atol + rtol · |numerical|, or returns False
    with ``raise_exception=False``.

    >>> import metagrad
    >>> x = metagrad.randn(3, 2, dtype=metagrad.float64, requires_grad=True)
    >>> gradcheck(lambda x: (x.tanh() * x).sum(0), (x,))
    True
    """
    try:
        _check(func, _as_tuple(inputs), eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **_: Any,
) -> bool:
    """``gradcheck`` of the gradient itself: whether second derivatives match finite differences.

    >>> import metagrad
    >>> x = metagrad.randn(3, dtype=metagrad.float64, requires_grad=True)
    >>> gradgradcheck(lambda x: x.sin() * x, (x,))
    True
    """
    given = _as_tuple(inputs)
    outputs = _differentiable(func(*given))
    if grad_outputs is None:
        source = np.random.default_rng(0)
        cotangents = [wrap(_drawn(source, o.array), requires_grad=True) for o in outputs]
    else:
        cotangents = list(_as_tuple(grad_outputs))
    chosen = [i for i, x in enumerate(given) if isinstance(x, Variable) and x.requires_grad]

    def gradient(*args: Any) -> Any:
        values, grads = args[: len(given)], args[len(given) :]
        found = grad(
            _differentiable(func(*values)),
            [values[i] for i in chosen],
            list(grads),
            create_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        return tuple(g for g in found if g.requires_grad)

    return gradcheck(gradient, (*given, *cotangents), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception)


def _as_tuple(inputs: Any) -> tuple[Any, ...]:
    return tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)


def _differentiable(outputs: Any) -> list[Any]:
    return [o for o in _as_tuple(outputs) if isinstance(o, Variable) and o.requires_grad]


def _drawn(source: np.random.Generator, like: Any) -> Any:
    """A random direction of the length of the array's elements."""
    v = source.standard_normal(like.shape)
    if like.dtype.kind == "c":
        v = v + 1j * source.standard_normal(like.shape)
    return np.asarray(v, like.dtype)


def _inner(a: Any, b: Any) -> float:
    """The real inner product, Re Σ a* b."""
    return float(np.real(np.vdot(a, b)))


def _check(func: Callable[..., Any], inputs: tuple[Any, ...], eps: float, atol: float, rtol: float) -> None:
    chosen = [x for x in inputs if isinstance(x, Variable) and x.requires_grad]
    if not chosen:
        raise ValueError("gradcheck expects at least one input tensor to require gradient")
    for x in chosen:
        if x.array.dtype not in (np.float64, np.complex128):
            raise ValueError(
                f"gradcheck needs float64 inputs, finite differences lose half of the digits; got {x.dtype}"
            )
    outputs = _differentiable(func(*inputs))
    if not outputs:
        with_grad = [o for o in _as_tuple(func(*inputs)) if isinstance(o, Variable) and o.array.dtype.kind in "fcV"]
        if with_grad and any(_changes(func, inputs, x, eps) for x in chosen):
            raise GradcheckError("the outputs depend on the inputs, but none of them requires grad")
        return
    source = np.random.default_rng(0)
    for i, x in enumerate(chosen):
        for _ in range(_DIRECTIONS):
            cotangents = [_drawn(source, o.array) for o in outputs]
            direction = _drawn(source, x.array)
            (found,) = grad(
                _differentiable(func(*inputs)),
                x,
                [wrap(u) for u in cotangents],
                allow_unused=True,
                materialize_grads=True,
            )
            if tuple(found.shape) != tuple(x.shape) or found.dtype != x.dtype:
                raise GradcheckError(
                    f"input {i} is {tuple(x.shape)} {x.dtype}, its gradient {tuple(found.shape)} {found.dtype}"
                )
            analytical = _inner(found.array, direction)
            ahead, behind = (_moved(func, inputs, x, step * direction) for step in (eps, -eps))
            numerical = sum(_inner(u, a - b) for u, a, b in zip(cotangents, ahead, behind, strict=True)) / (2 * eps)
            if not abs(analytical - numerical) <= atol + rtol * abs(numerical):
                raise GradcheckError(
                    f"the gradient of input {i}, of shape {tuple(x.shape)}, is wrong: in a random direction backward "
                    f"gives {analytical:.8g}, finite differences give {numerical:.8g}"
                )


def _moved(func: Callable[..., Any], inputs: Sequence[Any], x: Variable, step: Any) -> list[Any]:
    """The outputs with input x moved by a step."""
    original = x.array
    differentiable = [isinstance(o, Variable) and o.requires_grad for o in _as_tuple(func(*inputs))]
    try:
        x.array = np.asarray(original + step)
        outputs = _as_tuple(func(*inputs))
        # Copied before x is put back: an output may be x itself.
        return [np.array(o.array) for o, wanted in zip(outputs, differentiable, strict=True) if wanted]
    finally:
        x.array = original


def _changes(func: Callable[..., Any], inputs: Sequence[Any], x: Variable, eps: float) -> bool:
    original = x.array
    try:
        with no_grad():
            before = [np.array(o.array) for o in _as_tuple(func(*inputs)) if isinstance(o, Variable)]
            x.array = np.asarray(original + eps)
            after = [np.array(o.array) for o in _as_tuple(func(*inputs)) if isinstance(o, Variable)]
    finally:
        x.array = original
    return any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(before, after, strict=True))
