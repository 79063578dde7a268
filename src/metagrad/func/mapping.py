"""``vmap``: a function of one example, applied to many."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from metagrad.autograd.interface import repeating
from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import Variable
from metagrad.func.trees import Tree
from metagrad.ops.create.random import get_all_states, refusals, set_all_states
from metagrad.ops.shape.joining import stack
from metagrad.utils._pytree import tree_flatten, tree_unflatten

RANDOM = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' randomness flags "
    "on vmap or perform the randomness operation out of vmap"
)


def vmap(
    func: Callable[..., Tree],
    in_dims: Tree = 0,
    out_dims: Tree = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Tree]:
    """A function that maps ``func`` over a dimension of its arguments, one slice after the other, and stacks the results.

    in_dims: the dimension of each argument, None for one that is the same for all; a container has one for all of its tensors, or
    a container of the same form. out_dims: in the same way where the new dimension of each result is; None for a result that is
    the same for all slices. randomness: "error" refuses random numbers, "same" draws the same each time.
    What PyTorch computes for all slices at once is computed here slice by slice: the same numbers, no faster than a
    loop. So ``chunk_size`` changes nothing, and a custom Function needs no ``vmap`` of its own.

    Raises RuntimeError for another randomness, and ValueError, when called, if in_dims or out_dims do not fit.

    >>> import metagrad
    >>> metagrad.func.vmap(metagrad.dot)(metagrad.ones(3, 2), metagrad.ones(3, 2))
    tensor([2., 2., 2.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def mapped(*args: Tree, **kwargs: object) -> Tree:
        name = getattr(func, "__name__", repr(func))
        leaves, dims, spec = _inputs(args, in_dims, name)
        count = _count(leaves, dims)
        shared = [(x, x._version) for x, d in zip(leaves, dims, strict=True) if d is None and isinstance(x, Variable)]
        with _randomness(randomness) as again:
            found = []
            for i in range(count):
                again()
                slices = tree_unflatten([_slice(x, d, i) for x, d in zip(leaves, dims, strict=True)], spec)
                with _graphs_kept() if i < count - 1 else nullcontext():
                    found.append(func(*slices, **kwargs))
                if count > 1 and any(x._version != version for x, version in shared):
                    raise RuntimeError(
                        "vmap: inplace arithmetic on an argument that is not mapped over is not possible: it is one tensor for all "
                        "slices. Use the out-of-place form"
                    )
            if not count:
                with no_grad():  # for the form of the result; no slice is there
                    found = [
                        func(*tree_unflatten([_blank(x, d) for x, d in zip(leaves, dims, strict=True)], spec), **kwargs)
                    ]
        return _stacked(found, out_dims, name, count)

    return mapped


@contextmanager
def _graphs_kept() -> Iterator[None]:
    """A gradient of what was computed before ``vmap`` goes through the same graph for every slice."""
    repeating.append(None)
    try:
        yield
    finally:
        repeating.pop()


@contextmanager
def _randomness(kind: str) -> Iterator[Callable[[], None]]:
    """Sets what drawing random numbers does; gives a function to be called before each slice."""
    if kind == "error":
        refusals.append(RANDOM)
    states = get_all_states() if kind == "same" else None
    try:
        yield lambda: None if states is None else set_all_states(states)
    finally:
        if kind == "error":
            refusals.pop()


def _matched(dims: Tree, tree: Tree, what: str) -> list[int | None]:
    """The dimension for each leaf of a tree: one number for all leaves of a container, or a container of the same form."""
    leaves, leaves_form = tree_flatten(tree)
    parts, _ = tree_flatten(tree, is_leaf=lambda part: part is not tree)
    if dims is None or type(dims) is int:
        return [dims] * len(leaves)
    own, _ = tree_flatten(dims, is_leaf=lambda part: part is not dims)
    if (
        type(dims) is not type(tree)
        or len(own) != len(parts)
        or parts == [tree]
        or isinstance(tree, dict)
        and list(tree) != list(dims)
    ):
        raise ValueError(f"{what} has structure {tree_flatten(dims)[1]} but the other has structure {leaves_form}.")
    return [d for dim, part in zip(own, parts, strict=True) for d in _matched(dim, part, what)]


def _inputs(args: tuple[Tree, ...], in_dims: Tree, name: str) -> tuple[list[Any], list[int | None], Any]:
    """The arguments' leaves, the dimension each is mapped over, and their form; raises ValueError if they do not fit."""
    call = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    if type(in_dims) not in (int, tuple):
        raise ValueError(
            f"{call}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: "
            f"{type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function "
            "with no inputs. The latter is unsupported."
        )
    leaves, spec = tree_flatten(args)
    dims = _matched(in_dims, args, f"{call}: in_dims is not compatible with the structure of `inputs`. in_dims")
    for i, (x, dim) in enumerate(zip(leaves, dims, strict=True)):
        if dim is None:
            continue
        if not isinstance(x, Variable):
            raise ValueError(
                f"{call}: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot vmap over non-Tensor "
                "arguments, please use None as the respective in_dim"
            )
        if not -x.array.ndim <= dim < x.array.ndim:
            raise ValueError(
                f"{call}: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {x.array.ndim} so expected "
                f"in_dim to satisfy -{x.array.ndim} <= in_dim < {x.array.ndim}."
            )
        dims[i] = dim % x.array.ndim
    return leaves, dims, spec


def _count(leaves: Sequence[Any], dims: Sequence[int | None]) -> int:
    """How many slices there are."""
    extents = [x.array.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None]
    if not extents:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(extents)) > 1:
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {extents} for the "
            "mapped dimension"
        )
    return int(extents[0])


def _slice(x: Any, dim: int | None, i: int) -> Any:
    return x if dim is None else x.select(dim, i)


def _blank(x: Any, dim: int | None) -> Any:
    """Zeros of the shape of a slice, where there is none."""
    return x if dim is None else x.new_zeros((*x.shape[:dim], *x.shape[dim + 1 :]))


def _stacked(results: list[Tree], out_dims: Tree, name: str, count: int) -> Tree:
    """Results of one form, each tensor in them stacked along its dimension."""
    flat = [tree_flatten(result)[0] for result in results]
    _, spec = tree_flatten(results[0])
    if isinstance(out_dims, str) or not isinstance(out_dims, (int, tuple, list, dict, type(None))):
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of ints "
            "representing where in the outputs the vmapped dimension should appear."
        )
    if spec.is_leaf() and isinstance(out_dims, tuple) and len(out_dims) == 1:
        (out_dims,) = out_dims
    what = f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. out_dims"
    dims = _matched(out_dims, results[0], what)
    return tree_unflatten([_joined(list(xs), d, name, count) for *xs, d in zip(*flat, dims, strict=True)], spec)


def _joined(xs: list[Any], dim: int | None, name: str, count: int) -> Any:
    """One result of all slices."""
    if dim is None:
        if any(x is not xs[0] and not (isinstance(x, Variable) and bool((x.array == xs[0].array).all())) for x in xs):
            raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
        return xs[0]
    for x in xs:
        if not isinstance(x, Variable):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did you mean to set out_dims= to None "
                "for output?"
            )
    whole = stack(xs, dim)
    return whole if count else whole.narrow(dim, 0, 0)
