"""Derivatives by the backward pass: gradients, products of a vector and the Jacobian, the Jacobian itself."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.engine import grad as _grad
from metagrad.autograd.forward import follows_tangents, renamed, unrecorded
from metagrad.autograd.mode import enable_grad, mode
from metagrad.autograd.targets import nodes_behind
from metagrad.autograd.transforms import not_transforming, owning, transforming
from metagrad.autograd.variable import Variable, wrap
from metagrad.base.device import move, of_array
from metagrad.func.mapping import vmap
from metagrad.func.tangents import jacfwd
from metagrad.func.trees import Numbers, Tree, check_differentiable, check_real, split, tensors_of, with_aux, zeros_like
from metagrad.ops.shape.joining import cat
from metagrad.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def _as_input(x: Tensor) -> Tensor:
    """A tensor to differentiate with respect to: a view of one that is part of a graph, else a leaf of its own."""
    return x.view_as(x) if x.requires_grad and mode.grad else renamed(x)


def _goes_on(values: Sequence[Any], own: Sequence[Any]) -> bool:
    """Whether the values depend on a leaf that is none of ``own``: then the derivative is part of a graph too."""
    if any(x._grad_fn is not None for x in own):
        return True
    nodes = nodes_behind([x._node or x for x in values if x.requires_grad])
    ends = {id(edge) for node in nodes for edge in node.edges if isinstance(edge, Variable)}
    return not ends <= {id(x) for x in own}


def _as_many(v: Any, y: Any) -> Any:
    """A cotangent, as many as its result is where functions are mapped."""
    for level in mode.levels:
        v = level.as_many(v, y)
    return v


class _Pull:
    """A function's value at some inputs, and the way back from it."""

    def __init__(
        self, func: Callable[..., Tree], inputs: Tree, name: str, has_aux: bool = False, beside: Any = ()
    ) -> None:
        leaves, self.spec = tree_flatten(inputs)
        check_differentiable(leaves)
        recorded = mode.grad
        self.own = [_as_input(x) for x in leaves]
        with enable_grad(), transforming(), owning([*self.own, *tree_flatten(beside)[0]]):
            out = func(tree_unflatten(self.own, self.spec))
        value, self.aux = with_aux(out, has_aux, name)
        self.outs, self.out_spec = tensors_of(value, f"{name}: expected f(*primals) to return only tensors")
        if not self.outs:
            raise RuntimeError(f"{name}: Expected f to be a function that has non-empty output (got output = {value})")
        for y in self.outs if name.startswith("vjp") else ():
            if y.array.dtype.kind not in "fcV":
                raise RuntimeError(
                    "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype "
                    f"{y.dtype}"
                )
        self.goes_on = recorded and _goes_on(self.outs, self.own)
        self.value = value if self.goes_on else tree_map(unrecorded, value)

    def __call__(self, cotangents: Sequence[Any], keep: bool = True) -> list[Tensor]:
        """vᵀ J as a list, one for each of the inputs; ``keep`` what the graph has saved, for another time."""
        pairs = [(y, _as_many(v, y)) for y, v in zip(self.outs, cotangents, strict=True) if y.requires_grad]
        record = self.goes_on or mode.grad and any(v.requires_grad for v in cotangents)
        if not pairs:
            return [zeros_like(x) for x in self.own]
        with not_transforming():
            found = _grad(
                [y for y, _ in pairs], self.own, [v for _, v in pairs], create_graph=record or follows_tangents(),
                retain_graph=keep, allow_unused=True,
            )  # fmt: skip
        return [
            zeros_like(x) if g is None else g if record else unrecorded(g) for x, g in zip(self.own, found, strict=True)
        ]

    def rows(self, y: Tensor, chunk: int | None) -> list[Tensor]:
        """The Jacobian of one result: one tensor for each input, of the result's shape followed by the input's."""
        which, count = next(i for i, out in enumerate(self.outs) if out is y), y.array.size
        if not count:
            return [x.detach().new_zeros((*y.shape, *x.shape)) for x in self.own]
        step = chunk or count
        parts = [self._some_rows(which, start, min(start + step, count)) for start in range(0, count, step)]
        return [cat(list(column)).reshape((*y.shape, *column[0].shape[1:])) for column in zip(*parts, strict=True)]

    def _some_rows(self, which: int, start: int, stop: int) -> list[Tensor]:
        """Rows of the Jacobian of a result, all at once, or else one after the other."""
        y, zeros = self.outs[which], [zeros_like(out) for out in self.outs]

        def pull(v: Any) -> tuple[Tensor, ...]:
            return tuple(self([*zeros[:which], v, *zeros[which + 1 :]]))

        units = move(np.eye(stop - start, y.array.size, start, y.array.dtype), of_array(y.array))
        return list(vmap(pull, randomness="same")(wrap(units.reshape((stop - start, *y.shape)))))


def grad_and_value(func: Callable[..., Tree], argnums: Numbers = 0, has_aux: bool = False) -> Callable[..., Tree]:
    """A function that gives the gradient of ``func``, which must return a 0-d tensor, and its value.

    argnums: by which argument, or a tuple of them; each may be a container of tensors. has_aux: ``func`` returns a pair, whose
    second part is returned beside the value. Raises RuntimeError, when called, if the value is no 0-d tensor or argnums are
    out of range.

    >>> import metagrad
    >>> metagrad.func.grad_and_value(lambda x: x**2)(metagrad.tensor(3.0))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def gradient(*args: Tree, **kwargs: object) -> Tree:
        chosen, put = split(args, argnums)
        pull = _Pull(
            _scalar(lambda own: func(*put(own), **kwargs), has_aux),
            chosen,
            "grad_and_value(f)(*args)",
            has_aux,
            (args, kwargs),
        )
        found = tree_unflatten(pull([zeros_like(pull.outs[0]) + 1]), pull.spec)
        return found, ((pull.value, pull.aux) if has_aux else pull.value)

    return gradient


def _scalar(func: Callable[[Tree], Tree], has_aux: bool) -> Callable[[Tree], Tree]:
    """``func``, and an error if its value is no 0-d tensor."""

    def checked(own: Tree) -> Tree:
        out = func(own)
        value, _ = with_aux(out, has_aux, "grad_and_value(f)(*args)")
        if not isinstance(value, Variable):
            raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(value)}")
        if value.array.dtype.kind == "c":
            raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {value.dtype}")
        if value.array.ndim:
            raise RuntimeError(
                "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                f"{value.array.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        return out

    return checked


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


def vjp(func: Callable[..., Tree], *primals: Tree, has_aux: bool = False) -> tuple[Tree, ...]:
    """``func(*primals)`` and a function from v to vᵀ J, one gradient for each of the primals.

    has_aux: ``func`` returns a pair, and what is beside the value is returned as it is. Raises RuntimeError for results that are
    no tensors, and, when the second function is called, for a v of another form than the value.

    >>> import metagrad
    >>> value, pull = metagrad.func.vjp(lambda x: x**2, metagrad.tensor([1.0, 2.0]))
    >>> pull(metagrad.tensor([1.0, 10.0]))
    (tensor([ 2., 40.]),)
    """
    back = _Pull(lambda own: func(*own), primals, "vjp(f, *primals)", has_aux)

    def pull(cotangents: Tree, retain_graph: bool = True, create_graph: bool | None = None) -> Tree:
        given, spec = tree_flatten(cotangents)
        if spec != back.out_spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
                f"cotangents: {spec}, primal output: {back.out_spec}"
            )
        return tree_unflatten(back(given, retain_graph), back.spec)

    return (back.value, pull, back.aux) if has_aux else (back.value, pull)


def jacrev(
    func: Callable[..., Tree],
    argnums: Numbers = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Tree]:
    """A function that gives the Jacobian of ``func`` by its argument ``argnums``: a backward pass for all rows at once.

    For each tensor of the result, of shape S, and each of the argument, of shape T, a tensor of shape S + T; in the form of the
    result, with the form of the argument inside. chunk_size: how many rows at once. Raises ValueError for one below 1.

    >>> import metagrad
    >>> metagrad.func.jacrev(lambda x: x**2)(metagrad.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def jacobian(*args: Tree, **kwargs: object) -> Tree:
        check_real(tree_leaves(args), "jacrev", "input")
        chosen, put = split(args, argnums)
        pull = _Pull(lambda own: func(*put(own), **kwargs), chosen, "vjp(f, *primals)", has_aux, (args, kwargs))
        check_real(pull.outs, "jacrev", "output")
        found = tree_unflatten([tree_unflatten(pull.rows(y, chunk_size), pull.spec) for y in pull.outs], pull.out_spec)
        return (found, pull.aux) if has_aux else found

    return jacobian


def hessian(func: Callable[..., Tree], argnums: Numbers = 0) -> Callable[..., Tree]:
    """A function that gives the Hessian ∂²f / ∂xᵢ ∂xⱼ of ``func``: the Jacobian of its Jacobian.

    >>> import metagrad
    >>> metagrad.func.hessian(lambda x: (x**3).sum())(metagrad.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
