"""Derivatives against finite differences: entry by entry, or in random directions.

For f: Rⁿ → Rᵐ, a direction v in Rⁿ and a cotangent u in Rᵐ,

    uᵀ J v  ≈  uᵀ (f(x + εv) − f(x − εv)) / 2ε        (numerical)
    uᵀ J v  =  (Jᵀ u) · v                              (what the backward pass gives)
    J v                                                (what forward mode gives)

The whole of J takes two evaluations of the function per input element, the directions being those of single elements. A random
direction needs two in all, and a wrong entry of J shows in almost every one. Differences lose half of the digits, so float64
is needed. Complex numbers are pairs of real ones throughout, with the inner product Re Σ a* b.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from metagrad.autograd.engine import grad
from metagrad.autograd.forward import Level
from metagrad.autograd.forward_ad import made_dual
from metagrad.autograd.interface import grad as batched_grad
from metagrad.autograd.jacobians import get_analytical_jacobian, get_numerical_jacobian, unit
from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import Variable, wrap
from metagrad.base.device import move, of_array
from metagrad.base.warning import warn

__all__ = ["GradcheckError", "get_analytical_jacobian", "get_numerical_jacobian", "gradcheck", "gradgradcheck"]

_DIRECTIONS = 3


class GradcheckError(RuntimeError):
    """A derivative that finite differences contradict."""


class _Check(NamedTuple):
    """One call of ``gradcheck``: what is differentiated, and what is asked of it."""

    func: Callable[..., Any]
    inputs: tuple[Any, ...]
    eps: float
    atol: float
    rtol: float
    nondet_tol: float
    fast: bool
    forward: bool
    backward: bool
    undefined: bool
    dtypes: bool
    batched: bool

    def outputs(self) -> list[Any]:
        """The differentiable results of the function."""
        return _differentiable(self.func(*self.inputs))


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
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of ``func`` with respect to those ``inputs`` that require grad match finite differences.

    func: from tensors to a tensor or a tuple of them, deterministic. inputs: a tuple; differentiable ones in float64
    (or complex128). fast_mode: in random directions, not the whole Jacobian. nondet_tol: how much the gradient may
    differ from one pass to the next. check_forward_ad, check_backward_ad: which ways are checked. check_undefined_grad: that
    each result can be differentiated without the others. check_grad_dtypes: that gradients have the inputs' dtypes.
    check_batched_grad: the gradients of a batch of vectors too. masked: accepted.

    Raises GradcheckError where they differ by more than atol + rtol · |numerical|, or returns False
    with ``raise_exception=False``; ValueError if no input requires grad; AssertionError for options that exclude each other.

    >>> import metagrad
    >>> x = metagrad.randn(3, 2, dtype=metagrad.float64, requires_grad=True)
    >>> gradcheck(lambda x: (x.tanh() * x).sum(0), (x,), check_forward_ad=True)
    True
    """
    for wanted, needed, text in (
        (
            True,
            check_forward_ad or check_backward_ad,
            "Expected at least one of check_forward_ad or check_backward_ad to be True",
        ),
        (
            check_batched_grad,
            check_backward_ad,
            "Setting check_batched_grad=True requires check_backward_ad to be True",
        ),
        (
            check_batched_forward_grad,
            check_forward_ad,
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True",
        ),
    ):
        if wanted and not needed:
            raise AssertionError(text)
    check = _Check(
        func, _as_tuple(inputs), eps, atol, rtol, nondet_tol, fast_mode, check_forward_ad, check_backward_ad,
        check_undefined_grad, check_grad_dtypes, check_batched_grad,
    )  # fmt: skip
    _check_inputs(check.inputs)
    try:
        _run(check)
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
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """``gradcheck`` of the gradient itself: whether second derivatives match finite differences.

    grad_outputs: in which direction the results are differentiated first, drawn if left out (with gen_non_contig_grad_outputs
    not contiguous). check_fwd_over_rev, check_rev_over_rev: how the gradient is differentiated: by forward mode, by the backward
    pass. The rest, and what raises, as in ``gradcheck``.

    >>> import metagrad
    >>> x = metagrad.randn(3, dtype=metagrad.float64, requires_grad=True)
    >>> gradgradcheck(lambda x: x.sin() * x, (x,))
    True
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    if check_undefined_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_undefined_grad=True requires check_rev_over_rev to be True")
    given = _as_tuple(inputs)
    _check_inputs(given)
    outputs = _differentiable(func(*given))
    if grad_outputs is None:
        source = np.random.default_rng(0)
        drawn = [_drawn(source, o.array) for o in outputs]
        cotangents = [wrap(_scattered(u) if gen_non_contig_grad_outputs else u, requires_grad=True) for u in drawn]
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

    return gradcheck(
        gradient, (*given, *cotangents), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev, fast_mode=fast_mode, masked=masked,
    )  # fmt: skip


# ------------------------------------------------ inputs and directions


def _as_tuple(inputs: Any) -> tuple[Any, ...]:
    return tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)


def _differentiable(outputs: Any) -> list[Any]:
    return [o for o in _as_tuple(outputs) if isinstance(o, Variable) and o.requires_grad]


def _check_inputs(inputs: tuple[Any, ...]) -> None:
    """Raise if nothing is to be differentiated, or elements of an input are one in memory; warn where digits will lack."""
    chosen = [(i, x) for i, x in enumerate(inputs) if isinstance(x, Variable) and x.requires_grad]
    if not chosen:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for i, x in chosen:
        if x.array.dtype not in (np.float64, np.complex128):
            warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely "
                f"fail if all the inputs are not of double precision floating point or complex: got {x.dtype}.",
            )
        if x.array.size and any(
            n > 1 and stride == 0 for n, stride in zip(x.array.shape, x.array.strides, strict=True)
        ):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping: call "
                ".contiguous() on it before"
            )


def _drawn(source: np.random.Generator, like: Any) -> Any:
    """A random direction of the length of the array's elements."""
    v = source.standard_normal(like.shape)
    if like.dtype.kind == "c":
        v = v + 1j * source.standard_normal(like.shape)
    return move(np.asarray(v, like.dtype), of_array(like))


def _scattered(u: Any) -> Any:
    """The same numbers, every other one in memory."""
    whole = np.zeros((*u.shape, 2), u.dtype, like=u)
    whole[..., 0] = u
    return whole[..., 0]


def _inner(a: Any, b: Any) -> float:
    """The real inner product, Re Σ a* b."""
    return float(np.real(np.vdot(a, b)))


def _units(like: Any) -> Iterator[Any]:
    """The directions of single elements; of complex ones, of their real and imaginary parts."""
    for part in (1, 1j) if like.dtype.kind == "c" else (1,):
        for k in range(like.size):
            yield unit(like, k, part)


# ------------------------------------------------ the checks


def _run(check: _Check) -> None:
    outputs = check.outputs()
    if not outputs:
        _check_constant(check)
        return
    chosen = [x for x in check.inputs if isinstance(x, Variable) and x.requires_grad]
    if check.backward:
        _check_repeated(check, outputs, chosen)
    source = np.random.default_rng(0)
    for i, x in enumerate(chosen):
        directions = [_drawn(source, x.array) for _ in range(_DIRECTIONS)] if check.fast else list(_units(x.array))
        slopes = [_slope(check, x, v) for v in directions]
        if check.backward:
            _check_backward(check, i, x, source, directions, slopes)
        if check.forward:
            _check_forward(check, i, x, directions, slopes)


def _slope(check: _Check, x: Variable, v: Any) -> list[Any]:
    """J v by finite differences."""
    ahead, behind = (_moved(check, x, step * v) for step in (check.eps, -check.eps))
    return [(a - b) / (2 * check.eps) for a, b in zip(ahead, behind, strict=True)]


def _moved(check: _Check, x: Variable, step: Any) -> list[Any]:
    """The outputs with input x moved by a step."""
    original = x.array
    try:
        x.array = original.copy()
        x.array += step  # a sum of 0-d arrays would be no array
        return [o.array.copy() for o in check.outputs()]  # copied before x is put back: an output may be x itself
    finally:
        x.array = original


def _gradients(outputs: list[Any], xs: Sequence[Any], us: Sequence[Any]) -> tuple[Any, ...]:
    """Jᵀ u by the backward pass, zeros where there is no way."""
    tensors = [wrap(u) for u in us]
    return grad(outputs, list(xs), tensors, retain_graph=True, allow_unused=True, materialize_grads=True)


def _check_backward(check: _Check, i: int, x: Any, source: Any, directions: list[Any], slopes: list[list[Any]]) -> None:
    """Compare (Jᵀ u) · v with u · (J v): for random u, or for each element of the outputs."""
    outputs = check.outputs()
    if check.fast:
        cotangents = {0: [[_drawn(source, o.array) for o in outputs] for _ in directions]}
    else:
        zeros = [np.zeros_like(o.array) for o in outputs]
        cotangents = {k: [[*zeros[:k], u, *zeros[k + 1 :]] for u in _units(o.array)] for k, o in enumerate(outputs)}
    for k, several in cotangents.items():
        pulled = [_gradients(outputs, [x], us)[0] for us in several]
        for g in pulled:
            if check.dtypes and g.dtype != x.dtype:
                raise GradcheckError(f"input {i} is {x.dtype}, its gradient {g.dtype}")
        analytical = [[_inner(g.array, v) for g in pulled] for v in directions]
        numerical = [[sum(_inner(u, s) for u, s in zip(us, slope, strict=True)) for us in several] for slope in slopes]
        parts = "outputs" if outputs[k].array.dtype.kind == "c" else ""
        _compare(check, f"Jacobian mismatch for output {k} with respect to input {i}", analytical, numerical, parts)


def _check_forward(check: _Check, i: int, x: Any, directions: list[Any], slopes: list[list[Any]]) -> None:
    """Compare J v by forward mode with finite differences."""
    found = []
    for v in directions:
        with Level() as level:
            moved = [made_dual(level, y, wrap(v)) if y is x else y for y in check.inputs]
            outputs = _differentiable(check.func(*moved))
            found.append([np.zeros_like(o.array) if t is None else t.array for o in outputs for t in (level.of(o),)])
            del moved
    for k in range(len(slopes[0]) if slopes else 0):
        like = slopes[0][k]
        units = [_drawn(np.random.default_rng(1), like)] if check.fast else list(_units(like))
        analytical, numerical = ([[_inner(u, row[k]) for u in units] for row in rows] for rows in (found, slopes))
        text = f"Jacobian computed with forward mode mismatch for output {k} with respect to input {i}"
        _compare(check, text, analytical, numerical, "inputs" if x.array.dtype.kind == "c" else "")


def _compare(check: _Check, text: str, analytical: list[list[float]], numerical: list[list[float]], parts: str) -> None:
    """Raise unless both are alike: a row for each direction of the input, a column for each of the output.

    parts: which of them are complex; the real parts come first, and the imaginary ones after them.
    """
    a, n = np.array(analytical, np.float64), np.array(numerical, np.float64)
    off = ~(np.abs(a - n) <= check.atol + check.rtol * np.abs(n))
    if not off.any():
        return
    note = ""
    if parts:
        rows = off.T if parts == "outputs" else off
        part = "imaginary" if check.fast or rows[len(rows) // 2 :].any() else "real"
        text = f"While considering the {part} part of complex {parts} only, {text}"
    if check.fast:
        wrong = np.unravel_index(int(np.argmax(np.abs(a - n))), a.shape)
        a, n, note = a[wrong], n[wrong], "these are in one random direction: without fast_mode you see the Jacobians\n"
    raise GradcheckError(f"{text},\nnumerical:{_shown(n)}\nanalytical:{_shown(a)}\n{note}")


def _shown(table: Any) -> str:
    return repr(wrap(table)) if np.ndim(table) else str(float(table))


def _check_repeated(check: _Check, outputs: list[Any], chosen: list[Any]) -> None:
    """Check that a second pass gives the same, that each result can be differentiated alone, and batches of vectors."""
    source = np.random.default_rng(0)
    us = [_drawn(source, o.array) for o in outputs]
    first, second = _gradients(outputs, chosen, us), _gradients(outputs, chosen, us)
    for a, b in zip(first, second, strict=True):
        if a.array.size and not float(np.max(np.abs(a.array - b.array))) <= check.nondet_tol:
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different "
                f"values, although analytical gradient matches numerical gradient. The tolerance was nondet_tol={check.nondet_tol}."
            )
    if check.undefined:
        for k, u in enumerate(us):
            grad([check.outputs()[k]], chosen, [wrap(u)], allow_unused=True)
    if check.batched:
        _check_batched(check, chosen, us)


def _check_batched(check: _Check, chosen: list[Any], us: list[Any]) -> None:
    """Check that the gradients of two vectors at once are those of each."""
    pairs = [wrap(np.stack([u, 2 * u])) for u in us]
    found = batched_grad(check.outputs(), chosen, pairs, is_grads_batched=True, allow_unused=True)
    for whole, one in zip(found, _gradients(check.outputs(), chosen, us), strict=True):
        if whole is not None and not np.allclose(whole.array, np.stack([one.array, 2 * one.array])):
            raise GradcheckError("gradients of a batch of vectors differ from those of its vectors")


def _check_constant(check: _Check) -> None:
    """Where no result requires grad: raise if one depends on an input all the same."""
    chosen = [x for x in check.inputs if isinstance(x, Variable) and x.requires_grad]
    smooth = [o for o in _as_tuple(check.func(*check.inputs)) if isinstance(o, Variable) and o.array.dtype.kind in "fc"]
    if smooth and any(_changes(check, x) for x in chosen):
        raise GradcheckError("Numerical gradient for function expected to be zero: the outputs depend on the inputs, but none of "
                             "them requires grad")  # fmt: skip


def _changes(check: _Check, x: Variable) -> bool:
    original = x.array
    try:
        with no_grad():
            before = [np.array(o.array) for o in _as_tuple(check.func(*check.inputs)) if isinstance(o, Variable)]
            x.array = np.asarray(original + check.eps)
            after = [np.array(o.array) for o in _as_tuple(check.func(*check.inputs)) if isinstance(o, Variable)]
    finally:
        x.array = original
    return any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(before, after, strict=True))
