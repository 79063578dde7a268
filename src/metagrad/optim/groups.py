"""What may be given to an optimizer: tensors, or (name, tensor) pairs, in an order; and what gradients they may have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from metagrad.autograd.variable import Variable
from metagrad.autograd.writing import bump, check_writable
from metagrad.base.device import of_array
from metagrad.tensors.tensor import Tensor


def listed(given: Any) -> tuple[list[Any], list[str]]:
    """The parameters of a group, and their names, if they have any.

    Raises TypeError for a set, which has no order, and ValueError if some have names and some have not.

    >>> listed([("a", 1), ("b", 2)])
    ([1, 2], ['a', 'b'])
    """
    if isinstance(given, Variable):
        return [given], []
    if isinstance(given, (set, frozenset)):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will change "
            "between runs. Please use a list instead."
        )
    entries = list(given)
    named = [entry for entry in entries if isinstance(entry, tuple)]
    if not named:
        return entries, []
    if len(named) != len(entries):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing: "
            f"{len(named)} of {len(entries)} are (name, parameter) pairs"
        )
    return [p for _, p in named], [name for name, _ in named]


def check_pairs(pairs: Iterable[tuple[Any, Any]]) -> None:
    """RuntimeError if a gradient is not of its parameter's shape and dtype, or a parameter cannot be written to."""
    for param, grad in pairs:
        p, g = param.array, grad.array
        if g.shape != p.shape or g.dtype != p.dtype:
            raise RuntimeError(
                f"a parameter of shape {tuple(p.shape)} and dtype {p.dtype} has a gradient of shape {tuple(g.shape)} and dtype "
                f"{g.dtype}: they must be the same"
            )
        if p.__class__ is not np.ndarray or not p.flags.writeable:
            check_writable(param)


def check_capturable(pairs: Iterable[list[tuple[Tensor, Tensor]]], groups: Iterable[dict[str, Any]]) -> None:
    """AssertionError for a group that is to be captured as a graph of a GPU's work, but has parameters on the CPU."""
    for some, group in zip(pairs, groups, strict=True):
        if group.get("capturable") and any(of_array(p.array).type == "cpu" for p, _ in some):
            raise AssertionError(
                "If capturable=True, params and state_steps must be on supported devices: ['cuda'], but some are on the CPU: "
                "leave capturable away"
            )


def set_to_zero(grad: Tensor) -> None:
    """Fill a gradient with zeros, where it is, and cut it off from what it was computed from.

    >>> import metagrad
    >>> grad = metagrad.ones(2)
    >>> set_to_zero(grad)
    >>> grad.tolist()
    [0.0, 0.0]
    """
    is_plain = grad._grad_fn is None and grad._view is None and grad.array.__class__ is np.ndarray
    if is_plain and grad.array.flags.writeable:
        grad._requires_grad = False
        grad.array.fill(0)
        bump(grad)
        return
    if grad._node is None:
        grad.requires_grad_(False)
    else:
        grad.detach_()
    grad.zero_()
