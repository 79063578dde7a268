"""``rearrange``: axes that are split, swapped and joined, as a line of text says (Rogozhnikov 2022)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from metagrad.ops.shape.joining import stack
from metagrad.tensors.tensor import Tensor

_TOKEN = re.compile(r"\s*(\.\.\.|\w+|\S)")
_REST = "..."


def rearrange(tensor: Tensor | Sequence[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """The elements in the order that ``"names before -> names after"`` says; names in brackets share one dimension.

    ``...`` stands for any dimensions, 1 or () for one of extent 1. Of the names in a bracket on the left all extents but one
    are given by keyword. Several tensors are stacked first. Raises ValueError for a pattern, or extents, that do not fit, and
    TypeError for an extent that is no int.

    >>> import metagrad
    >>> images = metagrad.arange(24).reshape(2, 3, 4)
    >>> rearrange(images, "b h w -> h (b w)").shape, rearrange(images, "... (w s) -> (... s) w", s=2).shape
    (metagrad.Size([3, 8]), metagrad.Size([12, 2]))
    """
    x: Any = tensor if isinstance(tensor, Tensor) else stack(tensor)
    for extent in axes_lengths.values():
        if not isinstance(extent, int):
            raise TypeError(f"rearrange axis lengths must be integers, got: {type(extent)}")
    if pattern.count("->") != 1:
        raise ValueError(f"Pattern must contain a single '->' separator, got {pattern!r}")
    left, right = (_dimensions(side, pattern) for side in pattern.split("->"))
    _compare(left, right, axes_lengths, pattern)
    named = [dim for dim in left if dim is not None]
    if x.dim() != len(named) and (len(named) == len(left) or x.dim() < len(named)):
        raise ValueError(
            f"Number of dimensions in pattern ({len(named)}) must be equal to the number of dimensions in the tensor "
            f"({x.dim()}): {pattern}"
        )
    rest = [f"{_REST}{i}" for i in range(x.dim() - len(named))]
    whole, result = (_spread(side, rest) for side in (left, right))
    names = [name for dim in whole for name in dim]
    extents = [n for dim, size in zip(whole, x.shape, strict=True) for n in _extents(dim, size, axes_lengths)]
    of = dict(zip(names, extents, strict=True))
    order = [names.index(name) for dim in result for name in dim]
    return x.reshape(extents).permute(order).reshape([math.prod(of[name] for name in dim) for dim in result])


def _spread(side: list[list[str] | None], rest: list[str]) -> list[list[str]]:
    """One side with the dimensions that an ellipsis stands for."""
    apart = [dim for given in side for dim in ([[name] for name in rest] if given is None else [given])]
    return [[n for name in dim for n in (rest if name == _REST else [name])] for dim in apart]


def _dimensions(side: str, pattern: str) -> list[list[str] | None]:
    """The names in each dimension of one side; None for an ellipsis outside of brackets."""
    found: list[list[str] | None] = []
    inside: list[str] | None = None
    for token in _TOKEN.findall(side):
        if token in "()":
            if (inside is None) != (token == "("):
                raise ValueError(f"Brackets are not balanced, or one is inside another: {pattern!r}")
            inside = [] if token == "(" else None
            if inside is not None:
                found.append(inside)
        elif token not in ("1", _REST) and not (token.isidentifier() and token.strip("_") == token):
            raise ValueError(f"Invalid axis identifier: {token} in {pattern!r} (of numbers there is but 1)")
        elif inside is not None:
            inside += [] if token == "1" else [token]
        else:
            found.append(None if token == _REST else [] if token == "1" else [token])
    if inside is not None:
        raise ValueError(f"Brackets are not balanced: {pattern!r}")
    return found


def _compare(
    left: list[list[str] | None], right: list[list[str] | None], lengths: dict[str, int], pattern: str
) -> None:
    """Raise ValueError unless both sides have the same names once, and the lengths are of some of them."""
    before, after = ([name for dim in side for name in ([_REST] if dim is None else dim)] for side in (left, right))
    for names in (before, after):
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"Indexing expression contains duplicate dimension {name!r}: {pattern!r}")
    if any(dim is not None and _REST in dim for dim in left):
        raise ValueError(f"An ellipsis in brackets is not allowed on the left side: {pattern!r}")
    if alone := set(before) ^ set(after):
        raise ValueError(
            f"Identifiers only on one side of rearrange expression (should be on both): {alone} in {pattern!r}"
        )
    if unknown := set(lengths) - set(before):
        raise ValueError(f"Identifiers not found in rearrange expression: {unknown} in {pattern!r}")


def _extents(dim: list[str], size: int, lengths: dict[str, int]) -> list[int]:
    """The extents of the names that share a dimension of this size; one that is not given is what remains."""
    known = math.prod(lengths.get(name, 1) for name in dim)
    unknown = [name for name in dim if name not in lengths]
    if len(unknown) > 1:
        raise ValueError(f"cannot infer the sizes of {' and '.join(unknown)} at once: give all but one")
    if known == 0 or size % known or (not unknown and known != size):
        raise ValueError(f"Dimension sizes do not match: {dim} with {lengths} in a dimension of {size}")
    return [lengths.get(name, size // known) for name in dim]
