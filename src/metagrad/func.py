"""``metagrad.func``: functions made of functions: gradients, products with the Jacobian, and calls with other parameters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from metagrad.autograd import functional
from metagrad.autograd.engine import grad as _grad
from metagrad.autograd.mode import enable_grad
from metagrad.autograd.variable import Variable
from metagrad.nn.utils.stateless import functional_call
from metagrad.ops.create.random import get_rng_state, set_rng_state
from metagrad.ops.shape.joining import stack

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module
    from metagrad.tensors.tensor import Tensor


__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "stack_module_state",
    "vjp", "vmap",
]  # fmt: skip

Numbers = int | tuple[int, ...]
Tree: TypeAlias = Any  # a tensor, or dictionaries, lists and tuples of trees


def _split(args: tuple[Tree, ...], argnums: Numbers) -> tuple[Tree, Callable[..., tuple[Tree, ...]]]:
    """The chosen arguments, and a function that puts others instead."""
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in positions:
        if not -len(args) <= n < len(args):
            raise RuntimeError(f"Got argnum={n}, but only {len(args)} positional inputs")

    def put(*values: Tree) -> tuple[Tree, ...]:
        whole = list(args)
        for n, value in zip(positions, values, strict=True):
            whole[n] = value
        return tuple(whole)

    chosen = tuple(args[n] for n in positions)
    return (chosen[0] if isinstance(argnums, int) else chosen), put


def _leaves(tree: Tree) -> list[Tree]:
    """The tensors in nested dictionaries, lists and tuples."""
    if isinstance(tree, Variable):
        return [tree]
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (list, tuple)) else ()
    return [leaf for part in parts for leaf in _leaves(part)]


def _mapped(tree: Tree, fn: Callable[[Tree], Any]) -> Tree:
    if isinstance(tree, Variable):
        return fn(tree)
    if isinstance(tree, dict):
        return {k: _mapped(v, fn) for k, v in tree.items()}
    return type(tree)(_mapped(v, fn) for v in tree) if isinstance(tree, (list, tuple)) else tree


def _as_input(x: Tensor) -> Tensor:
    """A tensor to differentiate with respect to: a view of one that is part of a graph, else a leaf of its own."""
    return x.view_as(x) if x.requires_grad else x.detach().requires_grad_()


def _with_gradients(inputs: Tree, found: Iterable[Tensor | None]) -> Tree:
    """The gradients in the form of the inputs, zeros for those that have none."""
    grads = iter(found)

    def gradient_of(x: Tensor) -> Tensor:
        grad = next(grads)
        return x.detach().new_zeros(tuple(x.shape)) if grad is None else grad

    return _mapped(inputs, gradient_of)


def grad_and_value(func: Callable[..., Tree], argnums: Numbers = 0, has_aux: bool = False) -> Callable[..., Tree]:
    """A function that gives the gradient of ``func``, which must return a 0-d tensor, and its value.

    Raises RuntimeError, when called, if the value is no 0-d tensor or argnums are out of range.

    >>> import metagrad
    >>> metagrad.func.grad_and_value(lambda x: x**2)(metagrad.tensor(3.0))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    @enable_grad()
    def gradient(*args: Tree, **kwargs: object) -> Tree:
        chosen, put = _split(args, argnums)
        outer = any(x.requires_grad for x in _leaves(args))
        own = _mapped(chosen, _as_input)
        out = func(*put(*([own] if isinstance(argnums, int) else own)), **kwargs)
        value, aux = out if has_aux else (out, None)
        if not isinstance(value, Variable) or value.array.ndim:
            raise RuntimeError(
                "grad: the function should return a 0-d tensor" + (" and something beside it" if has_aux else "")
            )
        leaves = _leaves(own)
        found = (
            _grad([value], leaves, create_graph=outer, allow_unused=True)
            if value._requires_grad
            else [None] * len(leaves)
        )
        result = _with_gradients(own, found)
        value = value if outer else value.detach()  # type: ignore[attr-defined]
        return result, ((value, _mapped(aux, lambda x: x.detach())) if has_aux else value)

    return gradient


def grad(func: Callable[..., Tree], argnums: Numbers = 0, has_aux: bool = False) -> Callable[..., Tree]:
    """A function that gives the gradient of ``func`` by its argument ``argnums``; gradients of gradients are ``grad(grad(f))``.

    Raises RuntimeError, when called, if the value is no 0-d tensor or argnums are out of range.

    >>> import metagrad
    >>> metagrad.func.grad(metagrad.func.grad(lambda x: x ** 3))(metagrad.tensor(2.0))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Tree, **kwargs: object) -> Tree:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def _track(inputs: Tree) -> bool:
    return any(x.requires_grad for x in _leaves(inputs))


def jacrev(
    func: Callable[..., Tree], argnums: Numbers = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Tree]:
    """A function that gives the Jacobian of ``func`` by its argument ``argnums``; with ``has_aux`` also what is beside the value.

    >>> import metagrad
    >>> metagrad.func.jacrev(lambda x: x ** 2)(metagrad.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Tree, **kwargs: object) -> Tree:
        chosen, put = _split(args, argnums)
        beside: list[Tree] = []

        def value_of(*x: Tree) -> Tree:
            out = func(*put(*x), **kwargs)
            if has_aux:
                out, aux = out
                beside.append(_mapped(aux, lambda t: t.detach()))
            return out

        found = functional.jacobian(value_of, chosen, create_graph=_track(args))
        return (found, beside[-1]) if has_aux else found

    return jacobian


def jacfwd(
    func: Callable[..., Tree], argnums: Numbers = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Tree]:
    """``jacrev`` under the name of another way to compute it: the same numbers, here by the same way.

    >>> import metagrad
    >>> metagrad.func.jacfwd(lambda x: x**2)(metagrad.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Callable[..., Tree], argnums: Numbers = 0) -> Callable[..., Tree]:
    """A function that gives the Hessian ∂²f / ∂xᵢ ∂xⱼ of ``func``: the Jacobian of its Jacobian.

    >>> import metagrad
    >>> metagrad.func.hessian(lambda x: (x**3).sum())(metagrad.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    @functools.wraps(func)
    def second(*args: Tree, **kwargs: object) -> Tree:
        chosen, put = _split(args, argnums)

        def slope(*x: Tree) -> Tree:
            x = x if isinstance(argnums, tuple) else x[0]
            whole = put(*(x if isinstance(argnums, tuple) else (x,)))
            return functional.jacobian(lambda *y: func(*_split(whole, argnums)[1](*y), **kwargs), x, create_graph=True)

        return functional.jacobian(slope, chosen, create_graph=_track(args))

    return second


def vjp(func: Callable[..., Tree], *primals: Tree, has_aux: bool = False) -> tuple[Tree, ...]:
    """``func(*primals)`` and a function from v to vᵀ J, one gradient for each of the primals.

    has_aux: ``func`` returns a pair, and what is beside the value is returned as it is.

    >>> import metagrad
    >>> value, pull = metagrad.func.vjp(lambda x: x**2, metagrad.tensor([1.0, 2.0]))
    >>> pull(metagrad.tensor([1.0, 10.0]))
    (tensor([ 2., 40.]),)
    """
    with enable_grad():
        own = tuple(_mapped(p, _as_input) for p in primals)
        out = func(*own)
    value, aux = out if has_aux else (out, None)
    outer = _track(primals)

    def pull(cotangents: Tree) -> Tree:
        pairs = [(y, v) for y, v in zip(_leaves(value), _leaves(cotangents), strict=True) if y.requires_grad]
        leaves = _leaves(own)
        found: Any = [None] * len(leaves)
        if pairs:
            found = _grad(
                [y for y, _ in pairs], leaves, [v for _, v in pairs], create_graph=outer or _track(cotangents),
                retain_graph=True, allow_unused=True,
            )  # fmt: skip
        result = _with_gradients(own, found)
        return result if len(primals) > 1 else (result[0],)

    result = value if outer else _mapped(value, lambda x: x.detach())
    return (result, pull, aux) if has_aux else (result, pull)


def jvp(
    func: Callable[..., Tree], primals: Tree, tangents: Tree, *, strict: bool = False, has_aux: bool = False
) -> tuple[Tree, ...]:
    """``func(*primals)``, and J v, its derivative in the direction v of the tangents.

    has_aux: ``func`` returns a pair, and what is beside the value is returned as it is.

    >>> import metagrad
    >>> metagrad.func.jvp(lambda x: x**2, (metagrad.tensor([1.0, 2.0]),), (metagrad.tensor([1.0, 10.0]),))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    beside: list[Tree] = []
    form: list[Tree] = []

    def flat(*leaves: Tree) -> tuple[Tree, ...]:
        given = iter(leaves)
        out = func(*_mapped(tuple(primals), lambda _: next(given)))
        if has_aux:
            out, aux = out
            beside.append(_mapped(aux, lambda t: t.detach()))
        form.append(out)
        return tuple(_leaves(out))

    values, slopes = functional.jvp(
        flat,
        tuple(_leaves(tuple(primals))),
        tuple(_leaves(tuple(tangents))),
        create_graph=_track(primals),
        strict=strict,
    )
    both = [_mapped(form[-1], functools.partial(_next, iter(found))) for found in (values, slopes)]
    return (*both, beside[-1]) if has_aux else tuple(both)


def _next(values: Iterator[Tree], _: Tree) -> Tree:
    return next(values)


def linearize(func: Callable[..., Tree], *primals: Tree) -> tuple[Tree, Callable[..., Tree]]:
    """``func(*primals)``, and the linear function that best agrees with it there: tangents to derivatives.

    >>> import metagrad
    >>> value, slope = metagrad.func.linearize(lambda x: x ** 2, metagrad.tensor(3.0))
    >>> value, slope(metagrad.tensor(1.0))
    (tensor(9.), tensor(6.))
    """
    return func(*primals), lambda *tangents: jvp(func, primals, tangents)[1]


def stack_module_state(models: Iterable[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of several models of one kind, stacked: with ``vmap`` and ``functional_call`` an ensemble.

    Raises RuntimeError for no model, and for models of several classes or modes.

    >>> from metagrad import nn
    >>> parameters, buffers = stack_module_state([nn.Linear(3, 2) for _ in range(5)])
    >>> parameters["weight"].shape
    metagrad.Size([5, 2, 3])
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({type(m) for m in models}) > 1 or len({m.training for m in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to be of the same class and in the same train/eval mode."
        )

    def stacked(tables: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {
            name: stack([t[name].detach() for t in tables]).requires_grad_(tables[0][name].requires_grad)
            for name in tables[0]
        }

    return stacked([dict(m.named_parameters()) for m in models]), stacked([dict(m.named_buffers()) for m in models])


def vmap(
    func: Callable[..., Tree],
    in_dims: Tree = 0,
    out_dims: Tree = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Tree]:
    """A function that maps ``func`` over a dimension of its arguments, one slice after the other, and stacks the results.

    in_dims: the dimension of each argument, None for one that is the same for all; out_dims: where the new dimension of each
    result is. What PyTorch computes for all slices at once is computed here slice by slice: the same numbers, no faster than a
    loop. randomness="same": every slice draws the same random numbers. ``chunk_size`` is accepted.
    An argument may be a dict, list or tuple of tensors.

    Raises RuntimeError for another randomness, and ValueError, when called, if in_dims do not fit the arguments.

    >>> import metagrad
    >>> metagrad.func.vmap(metagrad.dot)(metagrad.ones(3, 2), metagrad.ones(3, 2))
    tensor([2., 2., 2.])
    """

    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"vmap: randomness must be 'error', 'different' or 'same', got {randomness!r}")

    @functools.wraps(func)
    def mapped(*args: Tree, **kwargs: object) -> Tree:
        dims = tuple(in_dims) if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(args)
        if len(dims) != len(args):
            raise ValueError(f"vmap: in_dims has {len(dims)} entries for {len(args)} arguments")
        counts = {n for a, d in zip(args, dims, strict=True) for n in _extents(a, d)}
        if len(counts) != 1:
            raise ValueError(f"vmap: the mapped dimensions must have one extent, got {sorted(counts)}")
        (count,) = counts
        found, state = [], get_rng_state() if randomness == "same" else None
        for i in range(count):
            if state is not None:
                set_rng_state(state)
            found.append(func(*[_slice(a, d, i) for a, d in zip(args, dims, strict=True)], **kwargs))
        return _stacked(found, out_dims)

    return mapped


def _parts(tree: Tree, dims: Tree) -> list[tuple[Tree, Any]]:
    """What a container holds, with the mapped dimension of each: one for all, or a container of the same form."""
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree))
    own = isinstance(dims, (dict, list, tuple))
    return [(tree[k], dims[k] if own else dims) for k in keys]


def _extents(tree: Tree, dim: Tree) -> list[int]:
    """How many slices every tensor in an argument has."""
    if isinstance(tree, (dict, list, tuple)):
        return [n for part, d in _parts(tree, dim) for n in _extents(part, d)]
    if dim is None:
        return []
    if not isinstance(tree, Variable):
        raise ValueError(f"vmap: Got in_dim={dim} for an input but the input is of type {type(tree)}: use in_dim=None")
    if not -tree.array.ndim <= dim < tree.array.ndim:
        raise ValueError(f"vmap: Got in_dim={dim} for some input, which has {tree.array.ndim} dimensions")
    return [tree.array.shape[dim]]


def _slice(tree: Tree, dim: Tree, i: int) -> Tree:
    """Slice ``i`` of every tensor in an argument."""
    if isinstance(tree, dict):
        return {k: _slice(part, d, i) for k, (part, d) in zip(tree, _parts(tree, dim), strict=True)}
    if isinstance(tree, (list, tuple)):
        parts = [_slice(part, d, i) for part, d in _parts(tree, dim)]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return tree if dim is None else tree.select(dim, i)


def _stacked(results: list[Tree], dims: Tree) -> Tree:
    """Results of one form, each tensor in them stacked along its dimension."""
    first = results[0]
    if dims is None:
        return first
    if isinstance(first, (tuple, list)):
        each = dims if isinstance(dims, (tuple, list)) else (dims,) * len(first)
        return type(first)(_stacked([r[k] for r in results], d) for k, d in enumerate(each))
    if isinstance(first, dict):
        return {k: _stacked([r[k] for r in results], dims[k] if isinstance(dims, dict) else dims) for k in first}
    if not isinstance(first, Variable):
        raise ValueError(f"vmap: the function must only return Tensors, got type {type(first)} as a return")
    return stack(results, dims)
