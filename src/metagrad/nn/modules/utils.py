"""Settings with one number for each axis, which may be given as one number for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from metagrad.autograd.variable import Variable


def _ntuple(count: int) -> Callable[[Any], tuple[Any, ...]]:
    """A function that gives what it is given as a tuple: a single value ``count`` times, as many as there are else.

    >>> _ntuple(2)(3), _ntuple(2)([1, 2])
    ((3, 3), (1, 2))
    """
    return lambda value: tuple(value) if isinstance(value, Iterable) else (value,) * count


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Take a prefix off the names of a state dictionary, such as the "module." that ``DataParallel`` adds; in place.

    >>> state = {"module.weight": 1, "bias": 2}
    >>> consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'bias': 2, 'weight': 1}
    """
    for name in list(state_dict):
        if name.startswith(prefix):
            state_dict[name.removeprefix(prefix)] = state_dict.pop(name)
    versions: Any = getattr(state_dict, "_metadata", None) or {}
    for name in list(versions):
        if name and (name.startswith(prefix) or name == prefix.rstrip(".")):
            versions[name[len(prefix) :]] = versions.pop(name)


_single, _pair, _triple, _quadruple = (_ntuple(count) for count in (1, 2, 3, 4))


def type_name(value: Any) -> str:
    """What messages call a class, or the type of a value, a tensor's by its number type.

    >>> from metagrad import ones
    >>> type_name(3), type_name(ones(1).double()).split(".")[-1]
    ('int', 'DoubleTensor')
    """
    if isinstance(value, Variable):
        return str(value.type())  # type: ignore[attr-defined]
    kind = value if isinstance(value, type) else type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
