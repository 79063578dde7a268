"""What may be given to an optimizer as the parameters of a group: tensors, or (name, tensor) pairs, in an order."""

from __future__ import annotations

from typing import Any

from metagrad.autograd.variable import Variable


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
