"""Arguments and results as trees: nested containers of tensors, taken apart and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from metagrad.autograd.variable import Variable
from metagrad.utils._pytree import TreeSpec, tree_flatten, tree_leaves, tree_map

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

Numbers: TypeAlias = int | tuple[int, ...]
Tree: TypeAlias = Any  # a tensor, or dictionaries, lists and tuples of trees


def split(args: tuple[Tree, ...], argnums: Numbers) -> tuple[Tree, Callable[[Tree], tuple[Tree, ...]]]:
    """The chosen arguments (one, or a tuple for a tuple of numbers), and a function that puts others instead.

    Raises RuntimeError for numbers that name no argument, or one twice.
    """
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    single = isinstance(argnums, int)
    given = (argnums,) if isinstance(argnums, int) else argnums
    if not given:
        raise RuntimeError("argnums must be non-empty")
    for n in given:
        if not -len(args) <= n < len(args):
            raise RuntimeError(f"Got argnum={n}, but only {len(args)} positional inputs")
    positions = tuple(n % len(args) for n in given)
    if len(set(positions)) != len(positions):
        raise RuntimeError(f"argnums elements must be unique, got {positions}")

    def put(values: Tree) -> tuple[Tree, ...]:
        whole = list(args)
        for n, value in zip(positions, (values,) if single else values, strict=True):
            whole[n] = value
        return tuple(whole)

    chosen = tuple(args[n] for n in positions)
    return (chosen[0] if single else chosen), put


def tensors_of(tree: Tree, what: str) -> tuple[list[Tensor], TreeSpec]:
    """The leaves of a tree and its shape; raises RuntimeError if one of them is no tensor. what: the start of the message."""
    leaves, spec = tree_flatten(tree)
    for leaf in leaves:
        if not isinstance(leaf, Variable):
            raise RuntimeError(f"{what}, got unsupported type {type(leaf)}")
    return leaves, spec


def with_aux(out: Tree, has_aux: bool, what: str) -> tuple[Tree, Tree]:
    """The value and what is beside it, cut off from the graph; raises RuntimeError if the function returned no pair."""
    if not has_aux:
        return out, None
    if not isinstance(out, tuple) or len(out) != 2:
        raise RuntimeError(f"{what}: output of function f should be a tuple: (output, aux) if has_aux is True")
    for leaf in tree_leaves(out[1]):
        if not isinstance(leaf, Variable):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(leaf)}")
    return out[0], tree_map(lambda x: x.detach(), out[1])


def check_real(leaves: Sequence[Any], what: str, where: str) -> None:
    """Raise RuntimeError for a complex tensor among the inputs or the outputs of a function whose Jacobian is asked for."""
    for i, x in enumerate(leaves):
        if isinstance(x, Variable) and x.array.dtype.kind == "c":
            raise RuntimeError(
                f"{what}: Expected all {where}s to be real but received complex tensor at flattened input idx: {i}"
            )


def check_differentiable(leaves: Sequence[Any]) -> None:
    """Raise for arguments that are no tensors, or tensors of integers."""
    for x in leaves:
        if not isinstance(x, Variable):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
        if x.array.dtype.kind not in "fcV":
            raise RuntimeError(f"only Tensors of floating point dtype can require gradients, got {x.dtype}")


def zeros_like(x: Tensor) -> Tensor:
    """Zeros of a tensor's shape and dtype, without a history."""
    return x.detach().new_zeros(tuple(x.shape))
