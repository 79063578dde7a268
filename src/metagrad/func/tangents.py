"""Derivatives by forward mode: products of the Jacobian and a vector, the Jacobian itself."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.forward import Level
from metagrad.autograd.forward_ad import made_dual, without
from metagrad.autograd.transforms import owning, transforming
from metagrad.autograd.variable import Variable, wrap
from metagrad.base.device import move, of_array
from metagrad.func.mapping import vmap
from metagrad.func.trees import Numbers, Tree, check_real, split, tensors_of, with_aux, zeros_like
from metagrad.utils._pytree import TreeSpec, tree_flatten, tree_leaves, tree_unflatten

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

NAME = "jvp(f, primals, tangents)"


def _pushed(
    func: Callable[[Tree], Tree],
    leaves: Sequence[Any],
    spec: TreeSpec,
    tangents: Sequence[Any],
    strict: bool,
    has_aux: bool,
    beside: Any = (),
) -> tuple[Tree, Tree, Tree]:
    """The value of ``func``, J v, and what is beside the value."""
    with Level() as level, transforming():
        duals = [made_dual(level, x, v) for x, v in zip(leaves, tangents, strict=True)]
        with owning([*duals, *tree_flatten(beside)[0]]):
            value, aux = with_aux(func(tree_unflatten(duals, spec)), has_aux, NAME)
            outs, form = tensors_of(value, f"{NAME}: expected f(*primals) to return only tensors")
            slopes = [level.of(y) for y in outs]
            primals = [without(level, y) for y in outs]
    if strict and any(s is None for s in slopes):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed with "
            "strict=True."
        )
    found = [zeros_like(y) if s is None else s for y, s in zip(outs, slopes, strict=True)]
    return tree_unflatten(primals, form), tree_unflatten(found, form), aux


def jvp(
    func: Callable[..., Tree], primals: Tree, tangents: Tree, *, strict: bool = False, has_aux: bool = False
) -> tuple[Tree, ...]:
    """``func(*primals)``, and J v, its derivative in the direction v of the tangents.

    has_aux: ``func`` returns a pair, and what is beside the value is returned as it is. strict: a result that does not depend on
    the primals is an error, rather than a derivative of zero. Raises RuntimeError for primals that are no tuple of (containers
    of) tensors, and tangents of another form.

    >>> import metagrad
    >>> metagrad.func.jvp(lambda x: x**2, (metagrad.tensor([1.0, 2.0]),), (metagrad.tensor([1.0, 10.0]),))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{NAME}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals). Got {type(primals)}"
        )
    (leaves, spec), (vs, form) = tree_flatten(primals), tree_flatten(tangents)
    if spec != form:
        raise RuntimeError(
            f"{NAME}: Expected primals and tangents to have the same python structure. For example, if primals is a tuple of 3 "
            f"tensors, tangents also must be. Got primals with structure {spec} and tangents with structure {form}"
        )
    _check(leaves, "primals")
    _check(vs, "tangents")
    value, slope, aux = _pushed(lambda x: func(*x), leaves, spec, vs, strict, has_aux)
    return (value, slope, aux) if has_aux else (value, slope)


def _check(leaves: Sequence[Any], name: str) -> None:
    if not leaves:
        raise RuntimeError(f"{NAME}: Expected {name} to contain at least one Tensor.")
    for x in leaves:
        if not isinstance(x, Variable):
            raise RuntimeError(f"{NAME}: Expected {name} to only contain Tensors, got {type(x)}")
        if x.array.dtype.kind not in "fcV":
            raise ValueError(f"Expected {name.rstrip('s')} to be floating point or complex, but got: {x.dtype}")


def jacfwd(
    func: Callable[..., Tree], argnums: Numbers = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Tree]:
    """A function that gives the Jacobian of ``func`` by its argument ``argnums``: forward mode for all columns at once.

    The same tensors as ``jacrev``'s; the better way where there are fewer inputs than results. randomness: as ``vmap`` has it; by
    default random numbers are an error.

    >>> import metagrad
    >>> metagrad.func.jacfwd(lambda x: x**2)(metagrad.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Tree, **kwargs: object) -> Tree:
        check_real(tree_leaves(args), "jacfwd", "input")
        chosen, put = split(args, argnums)
        leaves, spec = tree_flatten(chosen)
        _check(leaves, "primals")
        last: list[Any] = []  # the form of the result, and what is beside it

        def push(*directions: Any) -> tuple[Tensor, ...]:
            _, slope, aux = _pushed(
                lambda own: func(*put(own), **kwargs), leaves, spec, directions, False, has_aux, (args, kwargs)
            )
            flat, form = tree_flatten(slope)
            check_real(flat, "jacfwd", "output")
            last[:] = form, aux
            return tuple(flat)

        found = [_columns(push, i, leaves, randomness) for i in range(len(leaves))]
        form, aux = last
        whole = tree_unflatten([tree_unflatten(list(of_y), spec) for of_y in zip(*found, strict=True)], form)
        return (whole, aux) if has_aux else whole

    return jacobian


def _columns(push: Callable[..., tuple[Tensor, ...]], i: int, leaves: Sequence[Any], randomness: str) -> list[Tensor]:
    """The derivatives of all results by input i, all columns at once, or else one after the other."""
    zeros, x = [zeros_like(leaf) for leaf in leaves], leaves[i]
    if not x.array.size:
        return [y.detach().new_zeros((*y.shape, *x.shape)) for y in push(*zeros)]
    units = wrap(move(np.eye(x.array.size, dtype=x.array.dtype), of_array(x.array)).reshape((-1, *x.shape)))
    columns = vmap(lambda v: push(*zeros[:i], v, *zeros[i + 1 :]), randomness=randomness)(units)
    return [y.movedim(0, -1).reshape((*y.shape[1:], *x.shape)) for y in columns]


def linearize(func: Callable[..., Tree], *primals: Tree) -> tuple[Tree, Callable[..., Tree]]:
    """``func(*primals)``, and the linear function that best agrees with it there: tangents to derivatives.

    Raises RuntimeError, when the second is called, for tangents of another form, shape or dtype than the primals.

    >>> import metagrad
    >>> value, slope = metagrad.func.linearize(lambda x: x ** 2, metagrad.tensor(3.0))
    >>> value, slope(metagrad.tensor(1.0))
    (tensor(9.), tensor(6.))
    """
    leaves, spec = tree_flatten(primals)

    def push(*tangents: Tree) -> Tree:
        given, form = tree_flatten(tangents)
        if form != spec:
            raise RuntimeError(f"Expected the tangents {form} to have the same argspec as the primals {spec}")
        for i, (x, v) in enumerate(zip(leaves, given, strict=True)):
            for what in ("shape", "dtype"):
                if getattr(x, what) != getattr(v, what):
                    raise RuntimeError(
                        f"tangent:{i} with {what} {getattr(v, what)} in flattened pytree doesn't match the {what} "
                        f"{getattr(x, what)} of the corresponding primal."
                    )
        return jvp(func, primals, tangents)[1]

    return func(*primals), push
