"""Derivatives of functions: products with the Jacobian and the Hessian, and these matrices themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.autograd.engine import grad
from metagrad.autograd.mode import enable_grad
from metagrad.autograd.variable import Variable

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _several(x: Any, name: str) -> tuple[Any, ...]:
    found = tuple(x) if isinstance(x, (tuple, list)) else (x,)
    for i, t in enumerate(found):
        if not isinstance(t, Variable):
            raise TypeError(
                f"The {name} must be a tensor or a tuple of tensors, but number {i} is a {type(t).__name__}"
            )
    return found


def _as(template: Any, values: tuple[Any, ...]) -> Any:
    return values if isinstance(template, (tuple, list)) else values[0]


def _inputs(inputs: Any, create_graph: bool) -> tuple[Any, ...]:
    """The inputs under new names, for a graph of our own; still behind the caller's if that is to be continued."""
    return tuple(
        t.view_as(t) if create_graph and t.requires_grad else t.detach().requires_grad_()
        for t in _several(inputs, "inputs")
    )


def _called(func: Callable[..., Any], xs: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    out = func(*xs)
    return out, _several(out, "outputs of the user-provided function")


def _vectors(v: Any, like: tuple[Any, ...], name: str) -> tuple[Any, ...]:
    """v, or ones where a single number is differentiated; raises if it does not fit."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"The vector v can only be None if the {name} is a single tensor with one element.")
        return (like[0].detach().new_ones(tuple(like[0].shape)),)
    found = _several(v, "vector v")
    if len(found) != len(like) or any(tuple(a.shape) != tuple(b.shape) for a, b in zip(found, like, strict=True)):
        raise RuntimeError(
            f"v must have the shapes of the {name}, {[tuple(t.shape) for t in like]}, got {[tuple(t.shape) for t in found]}"
        )
    return found


def _grads(ys: Any, xs: Any, vs: Any, create_graph: bool, strict: bool, zeros: bool = True) -> tuple[Any, ...]:
    """Σ vᵀ ∂y/∂x; zeros where there is no way from x to y, or an error if ``strict``."""
    used = [(y, v) for y, v in zip(ys, vs, strict=True) if y.requires_grad]
    found: Any = (None,) * len(xs)
    if used:
        found = grad(
            [y for y, _ in used],
            list(xs),
            [v for _, v in used],
            create_graph=create_graph,
            retain_graph=True,
            allow_unused=True,
        )
    if strict and (len(used) < len(ys) or any(g is None for g in found)):
        raise RuntimeError(
            "an output of the user-provided function is independent of an input, which strict=True forbids"
        )
    return tuple(x.detach().new_zeros(tuple(x.shape)) if g is None else g for g, x in zip(found, xs, strict=True))


def _finished(values: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
    return values if create_graph else tuple(v.detach() for v in values)


@enable_grad()
def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's outputs, and vᵀ J: one gradient for each input.

    >>> import metagrad
    >>> metagrad.autograd.functional.vjp(lambda x: x ** 2, metagrad.tensor([1.0, 2.0]), metagrad.ones(2))[1]
    tensor([2., 4.])
    """
    xs = _inputs(inputs, create_graph)
    out, ys = _called(func, xs)
    found = _grads(ys, xs, _vectors(v, ys, "output"), create_graph, strict)
    return _as(out, _finished(ys, create_graph)), _as(inputs, _finished(found, create_graph))


@enable_grad()
def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's outputs, and J v: the derivative in direction v. (uᵀ J is linear in u; its derivative by u is J.)

    >>> import metagrad
    >>> metagrad.autograd.functional.jvp(lambda x: x ** 2, metagrad.tensor([1.0, 2.0]), metagrad.ones(2))[1]
    tensor([2., 4.])
    """
    xs = _inputs(inputs, create_graph)
    vs = _vectors(v, xs, "input")
    out, ys = _called(func, xs)
    us = tuple(y.detach().new_zeros(tuple(y.shape)).requires_grad_() for y in ys)
    backwards = _grads(ys, xs, us, True, strict)
    found = _grads(backwards, us, vs, create_graph, False)
    return _as(out, _finished(ys, create_graph)), _as(out, _finished(found, create_graph))


@enable_grad()
def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """J[i][j] = ∂ outputᵢ / ∂ inputⱼ, of the shape of the output followed by the input's; nested tuples only where several
    were given. vectorize and strategy are accepted: it is done row by row.

    >>> import metagrad
    >>> metagrad.autograd.functional.jacobian(lambda x: x ** 2, metagrad.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    xs = _inputs(inputs, create_graph)
    out, ys = _called(func, xs)
    rows = []
    for y in ys:
        flat, columns = y.reshape(-1), []
        for i in range(flat.numel()):
            columns.append(_grads((flat[i],), xs, (flat[i].detach().new_ones(()),), create_graph, strict))
        parts = []
        for j, x in enumerate(xs):
            shape = (*y.shape, *x.shape)
            whole = np.stack([c[j] for c in columns]).reshape(shape) if columns else x.detach().new_zeros(shape)
            parts.append(whole)
        rows.append(_as(inputs, _finished(tuple(parts), create_graph)))
    return _as(out, tuple(rows))


def _number(func: Callable[..., Any]) -> Callable[..., Any]:
    def checked(*xs: Any) -> Any:
        y = func(*xs)
        if not isinstance(y, Variable) or y.numel() != 1:  # type: ignore[attr-defined]
            raise RuntimeError(
                "The function given to hessian, hvp and vhp should return a single tensor with one element"
            )
        return y.reshape(())  # type: ignore[attr-defined]

    return checked


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """H[i][j] = ∂² func / ∂ inputᵢ ∂ inputⱼ of a function with one number for a result.

    >>> import metagrad
    >>> metagrad.autograd.functional.hessian(lambda x: (x ** 3).sum(), metagrad.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    several = isinstance(inputs, (tuple, list))

    def slope(*xs: Any) -> Any:
        found = jacobian(_number(func), xs, create_graph=True, strict=strict)
        return found if several else found[0]

    return jacobian(slope, inputs, create_graph=create_graph, strict=strict)


@enable_grad()
def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's result, and vᵀ H."""
    xs = _inputs(inputs, create_graph)
    vs = _vectors(v, xs, "input")
    _, ys = _called(_number(func), xs)
    slope = _grads(ys, xs, (ys[0].detach().new_ones(()),), True, strict)
    found = _grads(slope, xs, vs, create_graph, strict)
    return _finished(ys, create_graph)[0], _as(inputs, _finished(found, create_graph))


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's result, and H v; the same as vᵀ H, for H is symmetric."""
    return vhp(func, inputs, v, create_graph, strict)
