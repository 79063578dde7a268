"""``vmap``: a function of one example, applied to many."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import numpy as np

from metagrad.autograd.interface import repeating
from metagrad.autograd.mode import no_grad
from metagrad.autograd.targets import nodes_behind
from metagrad.autograd.transforms import transforming
from metagrad.autograd.variable import Variable, lifters
from metagrad.func.batched import Refused, numbers
from metagrad.func.batched_random import ManyStreams
from metagrad.func.levels import Mapped
from metagrad.func.trees import Tree
from metagrad.ops.create.random import get_all_states, refusals, set_all_states, wrappers
from metagrad.ops.shape.joining import cat, stack
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
    """A function that maps ``func`` over a dimension of its arguments: all slices at once, as one more dimension of every array.

    in_dims: the dimension of each argument, None for one that is the same for all; a container has one for all of its tensors, or
    a container of the same form. out_dims: in the same way where the new dimension of each result is; None for a result that is
    the same for all slices. randomness: "error" refuses random numbers, "same" draws the same for all slices, "different" others
    for each. chunk_size: how many slices at once. What cannot be done at once (``batched.py``) is done slice by slice, to the same
    numbers; ``item()`` and conditions on a mapped tensor's numbers are refused. A custom Function is mapped as any other, or by
    its own static ``vmap(info, in_dims, *args)``.

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
        call = _Call(lambda *own: func(*own, **kwargs), name, spec, out_dims, randomness)
        count = _count(leaves, dims)
        if chunk_size is None or chunk_size >= count:
            return call(leaves, dims, count)
        parts = []
        with _randomness(randomness) as again:
            for i in range(0, count, chunk_size):
                again()
                length = min(chunk_size, count - i)
                own = [_narrowed(x, d, i, length) for x, d in zip(leaves, dims, strict=True)]
                parts.append(call(own, dims, length))
        return _chunks_joined(parts, out_dims, name)

    return mapped


class _Call:
    """A function to be mapped, and how."""

    def __init__(self, func: Callable[..., Tree], name: str, spec: Any, out_dims: Tree, randomness: str) -> None:
        self.func, self.name, self.spec, self.out_dims, self.randomness = func, name, spec, out_dims, randomness

    def __call__(self, leaves: list[Any], dims: list[int | None], count: int) -> Tree:
        """All examples at once; one after the other where that cannot be."""
        if not count or lifters or any(not _on_numpy(x) for x in leaves):
            return self._by_slices(leaves, dims, count)
        versions = [x._version for x in leaves if isinstance(x, Variable)]
        states = None if self.randomness == "error" else get_all_states()
        level = Mapped(count, self.randomness)
        try:
            result = self._at_once(level, leaves, dims)
        except Refused:
            raise
        except Exception:  # whatever it is: it comes again, if it is not of what one of many cannot do
            if versions != [x._version for x in leaves if isinstance(x, Variable)]:
                raise
            if states is not None:
                set_all_states(states)
            return self._by_slices(leaves, dims, count)
        found, form = tree_flatten(result)
        placed = _places(result, self.out_dims, self.name)
        return tree_unflatten([self._whole(level, y, d, leaves) for y, d in zip(found, placed, strict=True)], form)

    def _at_once(self, level: Mapped, leaves: list[Any], dims: list[int | None]) -> Tree:
        with level, _randomness(self.randomness, level), _graphs_kept() as used:
            given = [x if d is None else level.examples(x, d) for x, d in zip(leaves, dims, strict=True)]
            with transforming():
                result = self.func(*tree_unflatten(given, self.spec))
        _free(used)
        return result

    def _whole(self, level: Mapped, y: Any, dim: int | None, leaves: list[Any]) -> Any:
        """One result of all examples."""
        if dim is None:
            if level.has(y):
                raise ValueError(
                    f"vmap({self.name}, ...): `{self.name}` can not return a BatchedTensor when out_dim is None"
                )
            return y
        _check_tensor(y, self.name)
        out = level.whole(y, dim)
        shared = any(
            isinstance(x, Variable) and np.may_share_memory(numbers(out.array), numbers(x.array)) for x in leaves
        )
        return out.clone() if shared else out

    def _by_slices(self, leaves: list[Any], dims: list[int | None], count: int) -> Tree:
        shared = [(x, x._version) for x, d in zip(leaves, dims, strict=True) if d is None and isinstance(x, Variable)]
        with _randomness(self.randomness) as again:
            found = []
            for i in range(count):
                again()
                slices = tree_unflatten([_slice(x, d, i) for x, d in zip(leaves, dims, strict=True)], self.spec)
                with _graphs_kept() if i < count - 1 else nullcontext(), transforming():
                    found.append(self.func(*slices))
                if count > 1 and any(x._version != version for x, version in shared):
                    raise RuntimeError(
                        "vmap: inplace arithmetic on an argument that is not mapped over is not possible: it is one tensor for all "
                        "slices. Use the out-of-place form"
                    )
            if not count:
                with no_grad():  # for the form of the result; no slice is there
                    blanks = [_blank(x, d) for x, d in zip(leaves, dims, strict=True)]
                    found = [self.func(*tree_unflatten(blanks, self.spec))]
        return _stacked(found, self.out_dims, self.name, count)


def _on_numpy(x: Any) -> bool:
    """Whether a leaf is no tensor of a GPU, or without numbers."""
    return not isinstance(x, Variable) or isinstance(numbers(x.array), np.ndarray)


def _narrowed(x: Any, dim: int | None, start: int, length: int) -> Any:
    return x if dim is None else x.narrow(dim, start, length)


def _chunks_joined(parts: list[Tree], out_dims: Tree, name: str) -> Tree:
    """The results of several chunks of the examples."""
    flat, (_, form) = [tree_flatten(part)[0] for part in parts], tree_flatten(parts[0])
    joined = [
        xs[0] if dim is None else cat(list(xs), dim)
        for *xs, dim in zip(*flat, _places(parts[0], out_dims, name), strict=True)
    ]
    return tree_unflatten(joined, form)


@contextmanager
def _graphs_kept() -> Iterator[list[Any]]:
    """A gradient of what was computed before ``vmap`` goes through the same graph for every slice; gives what it began from."""
    used: list[Any] = []
    repeating.append(used)
    try:
        yield used
    finally:
        repeating.pop()


def _free(used: list[Any]) -> None:
    """Free the graphs that gradients went through and that nobody asked to keep; within another ``vmap``, later."""
    if repeating:
        repeating[-1].extend(used)
        return
    for outputs in used:
        listed = [outputs] if isinstance(outputs, Variable) else outputs
        for node in nodes_behind([x._node for x in listed if x._node is not None]):
            node.release()


@contextmanager
def _randomness(kind: str, level: Mapped | None = None) -> Iterator[Callable[[], None]]:
    """Sets what drawing random numbers does; gives a function to be called before each slice."""
    if kind == "error":
        refusals.append(RANDOM)
    several = kind == "different" and level is not None
    if level is not None and several:
        wrappers.append(lambda stream: cast(Any, ManyStreams(stream, level.number, level.count)))
    states = get_all_states() if kind == "same" else None
    try:
        yield lambda: None if states is None else set_all_states(states)
    finally:
        if kind == "error":
            refusals.pop()
        if several:
            wrappers.pop()


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
        or (len(parts) == 1 and parts[0] is tree)
        or isinstance(tree, dict)
        and list(tree) != list(dims)
    ):
        other = "outputs" if what.endswith("out_dims") else "inputs"
        raise ValueError(f"{what} has structure {tree_flatten(dims)[1]} but {other} has structure {leaves_form}.")
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


def _places(result: Tree, out_dims: Tree, name: str) -> list[int | None]:
    """Where each leaf of a result has its new dimension."""
    if isinstance(out_dims, str) or not isinstance(out_dims, (int, tuple, list, dict, type(None))):
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of ints "
            "representing where in the outputs the vmapped dimension should appear."
        )
    if tree_flatten(result)[1].is_leaf() and isinstance(out_dims, tuple) and len(out_dims) == 1:
        (out_dims,) = out_dims
    what = f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. out_dims"
    return _matched(out_dims, result, what)


def _stacked(results: list[Tree], out_dims: Tree, name: str, count: int) -> Tree:
    """Results of one form, each tensor in them stacked along its dimension."""
    flat = [tree_flatten(result)[0] for result in results]
    dims = _places(results[0], out_dims, name)
    return tree_unflatten(
        [_joined(list(xs), d, name, count) for *xs, d in zip(*flat, dims, strict=True)], tree_flatten(results[0])[1]
    )


def _joined(xs: list[Any], dim: int | None, name: str, count: int) -> Any:
    """One result of all slices."""
    if dim is None:
        if any(x is not xs[0] and not (isinstance(x, Variable) and bool((x.array == xs[0].array).all())) for x in xs):
            raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
        return xs[0]
    for x in xs:
        _check_tensor(x, name)
    if any(x.array.shape != xs[0].array.shape for x in xs):
        raise RuntimeError(
            f"vmap: We do not support batching operators that can output dynamic shape: `{name}` returned tensors of shapes "
            f"{[tuple(x.shape) for x in xs]}"
        )
    whole = stack(xs, dim)
    return whole if count else whole.narrow(dim, 0, 0)


def _check_tensor(x: Any, name: str) -> None:
    """Raise ValueError for a result that cannot be many."""
    if not isinstance(x, Variable):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did you mean to set out_dims= to None "
            "for output?"
        )
