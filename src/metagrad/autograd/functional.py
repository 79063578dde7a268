"""Derivatives of functions: products with the Jacobian and the Hessian, and these matrices themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.autograd.engine import grad
from metagrad.autograd.forward import Level, renamed, unrecorded
from metagrad.autograd.forward_ad import made_dual
from metagrad.autograd.mode import enable_grad
from metagrad.autograd.variable import Variable

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _several(x: Any, name: str, caller: str) -> tuple[Any, ...]:
    for t in x if isinstance(x, tuple) else (x,):
        if not isinstance(t, Variable):
            raise TypeError(
                f"The {name} given to {caller} must be either a Tensor or a tuple of Tensors but the given {name} has "
                f"type {type(x)}."
            )
    return x if isinstance(x, tuple) else (x,)


def _as(template: Any, values: tuple[Any, ...]) -> Any:
    return values if isinstance(template, tuple) else values[0]


def _inputs(inputs: Any, create_graph: bool, caller: str) -> tuple[Any, ...]:
    """The inputs under new names, for a graph of our own; still behind the caller's if that is to be continued."""
    given = _several(inputs, "inputs", caller)
    return tuple(t.view_as(t) if create_graph and t.requires_grad else t.detach().requires_grad_() for t in given)


def _called(
    func: Callable[..., Any], xs: tuple[Any, ...], caller: str, strict: bool = False
) -> tuple[Any, tuple[Any, ...]]:
    out = func(*xs)
    ys = _several(out, "outputs of the user-provided function", caller)
    for i, y in enumerate(ys):
        if strict and not y.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs must be computed in a "
                "differentiable manner from the input when running in strict mode."
            )
    return out, ys


def _vectors(v: Any, like: tuple[Any, ...], what: str, caller: str) -> tuple[Any, ...]:
    """v, or ones where a single number is differentiated; raises if it does not fit."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"The vector v can only be None if {what} a single Tensor with a single element.")
        return (like[0].detach().new_ones(tuple(like[0].shape)),)
    found = _several(v, "v", caller)
    if len(found) != len(like):
        if len(like) == 1:
            raise RuntimeError(f"The given v should contain a single Tensor, for there is one: got {len(found)}.")
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(found)}.")
    for i, (a, b) in enumerate(zip(found, like, strict=True)):
        if tuple(a.shape) != tuple(b.shape):
            entry = f"Entry {i} in v" if len(like) > 1 else "v"
            raise RuntimeError(f"{entry} has invalid size: should be {b.shape} but got {a.shape}.")
    return found


def _grads(ys: Any, xs: Any, vs: Any, create_graph: bool) -> tuple[Any, ...]:
    """Σ vᵀ ∂y/∂x; None where there is no way from x to y."""
    used = [(y, v) for y, v in zip(ys, vs, strict=True) if y.requires_grad]
    if not used:
        return (None,) * len(xs)
    return grad(
        [y for y, _ in used],
        list(xs),
        [v for _, v in used],
        create_graph=create_graph,
        retain_graph=True,
        allow_unused=True,
    )


OUTPUT = "The output of the user-provided function is independent of input {}. This is not allowed in strict mode."
JACOBIAN = (
    "The jacobian of the user-provided function is independent of input {}. This is not allowed in strict mode when "
    "create_graph=True."
)
_CONSTANT = (
    "While computing the hessian, found that the jacobian of the user-provided function with respect to input {0} is independent "
    "of the input. This is not allowed in strict mode. You should ensure that your function is "
)
SLOPE = (
    _CONSTANT
    + "twice differentiable and that the jacobian depends on the inputs (this would be violated by a linear function for example)."
)
HESSIAN = _CONSTANT + "thrice differentiable and that the hessian depends on the inputs."


def _checked(
    found: Sequence[Any], strict: bool, create_graph: bool, missing: str = OUTPUT, flat: str = JACOBIAN
) -> None:
    """With strict: raise where a gradient is missing, and, if it is to be differentiated again, where it is constant."""
    for i, g in enumerate(found):
        if strict and g is None:
            raise RuntimeError(missing.format(i))
        if strict and create_graph and not g.requires_grad:
            raise RuntimeError(flat.format(i))


def _filled(found: Sequence[Any], xs: Sequence[Any], create_graph: bool) -> tuple[Any, ...]:
    """The gradients with zeros for those that are missing, cut off from the graph unless that is asked for."""
    whole = tuple(x.detach().new_zeros(tuple(x.shape)) if g is None else g for g, x in zip(found, xs, strict=True))
    return _finished(whole, create_graph)


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
    xs = _inputs(inputs, create_graph, "vjp")
    out, ys = _called(func, xs, "vjp", strict)
    found = _grads(ys, xs, _vectors(v, ys, "the user-provided function returns", "vjp"), create_graph)
    _checked(found, strict, create_graph)
    return _as(out, _finished(ys, create_graph)), _as(inputs, _filled(found, xs, create_graph))


@enable_grad()
def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's outputs, and J v: the derivative in direction v. (uᵀ J is linear in u; its derivative by u is J.)

    >>> import metagrad
    >>> metagrad.autograd.functional.jvp(lambda x: x ** 2, metagrad.tensor([1.0, 2.0]), metagrad.ones(2))[1]
    tensor([2., 4.])
    """
    xs = _inputs(inputs, create_graph, "jvp")
    vs = _vectors(v, xs, "the input to the user-provided function is", "jvp")
    out, ys = _called(func, xs, "jvp", strict)
    us = tuple(y.detach().new_zeros(tuple(y.shape)).requires_grad_() for y in ys)
    backwards = _grads(ys, xs, us, True)
    _checked(backwards, strict, False)
    pairs = [(g, v) for g, v in zip(backwards, vs, strict=True) if g is not None]
    found = _grads([g for g, _ in pairs], us, [v for _, v in pairs], create_graph)
    _checked(found, strict, create_graph)
    return _as(out, _finished(ys, create_graph)), _as(out, _filled(found, ys, create_graph))


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
    were given.

    strategy: row by row, by a backward pass for each, or "forward-mode", column by column: then with ``vectorize=True``, which
    makes no difference otherwise. strict: an output that does not depend on an input is an error. Raises RuntimeError for strict
    together with vectorize, and NotImplementedError for forward mode with create_graph, or without vectorize.

    >>> import metagrad
    >>> metagrad.autograd.functional.jacobian(lambda x: x ** 2, metagrad.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(f'Expected strategy to be either "forward-mode" or "reverse-mode", got {strategy!r}.')
    if strict and vectorize:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. Please either "
            "set `strict=False` or `vectorize=False`."
        )
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                'torch.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` are not supported together '
                '(yet). Please either set `create_graph=False` or `strategy="reverse-mode"`.'
            )
        if not vectorize:
            raise NotImplementedError(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian is"
                "only implemented for `vectorize=True`."
            )
        return _by_columns(func, inputs)
    xs = _inputs(inputs, create_graph, "jacobian")
    out, ys = _called(func, xs, "jacobian", strict)
    return _as(out, tuple(_as(inputs, _rows(i, y, xs, create_graph, strict)) for i, y in enumerate(ys)))


def _rows(i: int, y: Any, xs: tuple[Any, ...], create_graph: bool, strict: bool) -> tuple[Any, ...]:
    """The Jacobian of output i by each input, row by row."""
    flat, rows = y.reshape(-1), []
    missing = (
        f"Output {i} of the user-provided function is independent of input {{}}. This is not allowed in strict mode."
    )
    for k in range(flat.numel()):
        found = _grads((flat[k],), xs, (flat[k].detach().new_ones(()),), create_graph)
        _checked(found, strict, create_graph, missing)
        rows.append(_filled(found, xs, create_graph))
    shapes = [(*y.shape, *x.shape) for x in xs]
    if not rows:
        return tuple(x.detach().new_zeros(shape) for x, shape in zip(xs, shapes, strict=True))
    return tuple(np.stack(column).reshape(shape) for column, shape in zip(zip(*rows, strict=True), shapes, strict=True))


def _by_columns(func: Callable[..., Any], inputs: Any) -> Any:
    """The Jacobian by forward mode: one pass for each element of the inputs."""
    xs = tuple(x.detach() for x in _several(inputs, "inputs", "jacobian"))
    out, ys = _called(func, xs, "jacobian")
    parts = [[_columns(func, xs, j, y, i) for j in range(len(xs))] for i, y in enumerate(ys)]
    return _as(out, tuple(_as(inputs, tuple(row)) for row in parts))


def _columns(func: Callable[..., Any], xs: tuple[Any, ...], j: int, y: Any, i: int) -> Any:
    """∂ outputᵢ / ∂ inputⱼ."""
    whole = y.detach().new_zeros((*y.shape, xs[j].numel()))
    for k in range(xs[j].numel()):
        direction = xs[j].new_zeros(tuple(xs[j].shape))
        direction.array.reshape(-1)[k] = 1
        with Level() as level:
            duals = [made_dual(level, x, direction) if n == j else x for n, x in enumerate(xs)]
            tangent = level.of(_several(func(*duals), "outputs of the user-provided function", "jacobian")[i])
        if tangent is not None:
            whole.array[..., k] = tangent.array
    return whole.reshape((*y.shape, *xs[j].shape))


def _number(func: Callable[..., Any], caller: str, shapes: list[Any] | None = None) -> Callable[..., Any]:
    """A function with one number for a result, without dimensions. shapes: where the shape is noted that it had."""

    def checked(*xs: Any) -> Any:
        y = func(*xs)
        ys = _several(y, "outputs of the user-provided function", caller)
        if isinstance(y, tuple):
            raise RuntimeError(f"The function given to {caller} should return a single Tensor")
        if ys[0].numel() != 1:
            raise RuntimeError(f"The Tensor returned by the function given to {caller} should contain a single element")
        if shapes is not None:
            shapes.append(tuple(y.shape))
        return y if y.dim() == 0 else y.reshape(())

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

    outer_jacobian_strategy: "forward-mode" computes the Jacobian of the gradient by forward mode; the rest as in ``jacobian``.

    >>> import metagrad
    >>> metagrad.autograd.functional.hessian(lambda x: (x ** 3).sum(), metagrad.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    xs = _several(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def slope(*given: Any) -> Any:
        found = jacobian(_number(func, "hessian"), given, create_graph=True)
        for i, g in enumerate(found):
            if strict and not g.requires_grad:
                raise RuntimeError(SLOPE.format(i))
        return found if isinstance(inputs, tuple) else found[0]

    if outer_jacobian_strategy == "forward-mode":
        found = jacobian(_tangent_slope(func), xs, create_graph, vectorize=vectorize, strategy="forward-mode")
        return found if isinstance(inputs, tuple) else found[0][0]
    return jacobian(slope, inputs, create_graph=create_graph, strict=strict, vectorize=vectorize)


def _tangent_slope(func: Callable[..., Any]) -> Callable[..., Any]:
    """The gradient as a function that forward mode goes through: its pass runs on tensors."""

    @enable_grad()
    def slope(*given: Any) -> Any:
        own = tuple(renamed(x) for x in given)
        y = _number(func, "hessian")(*own)
        found = _grads((y,), own, (y.detach().new_ones(()),), True)
        return tuple(
            x.detach().new_zeros(tuple(x.shape)) if g is None else unrecorded(g)
            for g, x in zip(found, own, strict=True)
        )

    return slope


@enable_grad()
def _hessian_product(
    func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool, caller: str
) -> Any:
    """The function's result, and vᵀ H, which is H v, for H is symmetric."""
    xs = _inputs(inputs, create_graph, caller)
    vs = _vectors(v, xs, "the input to the user-provided function is", caller)
    shapes: list[Any] = []
    _, ys = _called(_number(func, caller, shapes), xs, caller, strict)
    slope = _grads(ys, xs, (ys[0].detach().new_ones(()),), True)
    _checked(slope, strict, True, OUTPUT, SLOPE)
    pairs = [(g, v) for g, v in zip(slope, vs, strict=True) if g is not None]
    found = _grads([g for g, _ in pairs], xs, [v for _, v in pairs], create_graph)
    _checked(found, strict, create_graph, HESSIAN)
    y = _finished(ys, create_graph)[0]
    return y if y.shape == shapes[0] else y.reshape(shapes[0]), _as(inputs, _filled(found, xs, create_graph))


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's result, and vᵀ H.

    >>> import metagrad
    >>> vhp(lambda x: (x ** 3).sum(), metagrad.tensor([1.0, 2.0]), metagrad.tensor([1.0, 10.0]))
    (tensor(9.), tensor([  6., 120.]))
    """
    found: tuple[Any, Any] = _hessian_product(func, inputs, v, create_graph, strict, "vhp")
    return found


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's result, and H v; the same as vᵀ H, for H is symmetric.

    >>> import metagrad
    >>> hvp(lambda x: (x ** 3).sum(), metagrad.tensor([1.0, 2.0]), metagrad.tensor([1.0, 10.0]))
    (tensor(9.), tensor([  6., 120.]))
    """
    found: tuple[Any, Any] = _hessian_product(func, inputs, v, create_graph, strict, "hvp")
    return found
