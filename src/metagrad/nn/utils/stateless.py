"""Calling a module with other tensors instead of its parameters and buffers."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from metagrad.autograd.variable import Variable
from metagrad.base.warning import warn

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module

__all__ = ["functional_call"]


def _functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """``module(*args, **kwargs)`` with tensors of the given names instead of the module's own, which it has back afterwards.

    A buffer that the module replaces meanwhile is replaced in the dictionary, too. tie_weights: a parameter shared by two names
    is replaced under both. strict: every name must be given, and no other; otherwise names that the module does not have are
    passed over.

    Raises ValueError for a name given twice, and for the names of one shared parameter given different tensors; RuntimeError
    if ``strict`` and the names are others.

    >>> import metagrad
    >>> from metagrad import nn
    >>> layer = nn.Linear(2, 1)
    >>> given = {"weight": metagrad.ones(1, 2), "bias": metagrad.zeros(1)}
    >>> metagrad.func.functional_call(layer, given, metagrad.tensor([1.0, 2.0]))
    tensor([3.])
    """
    dicts = (
        [parameter_and_buffer_dicts] if isinstance(parameter_and_buffer_dicts, Mapping) else parameter_and_buffer_dicts
    )
    if not isinstance(dicts, Sequence):
        raise ValueError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dicts)}"
        )
    if not all(isinstance(d, Mapping) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    given: dict[str, Any] = {}
    for each in dicts:
        twice = given.keys() & each.keys()
        if twice:
            raise ValueError(
                f"{sorted(twice)} appeared in multiple dictionaries; behavior of functional call is ambiguous"
            )
        given.update(each)
    slots_of: dict[str, tuple[dict[str, Any], str]] = {}
    for prefix, owner in module.named_modules(remove_duplicate=False):
        for slots in (owner._parameters, owner._buffers):
            for name in slots:
                slots_of[f"{prefix}.{name}" if prefix else name] = slots, name
    unexpected = [n for n in given if n not in slots_of]
    for name in unexpected:
        holder: Any = module
        for part in name.split(".")[:-1]:
            if part not in holder._modules:
                raise AttributeError(f"{type(holder).__name__} has no attribute `{part}`")
            holder = holder._modules[part]
    for name, value in given.items():
        if not name:
            raise KeyError('tensor name can\'t be empty string ""')
        if value is not None and not isinstance(value, Variable):
            raise TypeError(f"{value} is not an instance of metagrad.Tensor")
    given = {name: value for name, value in given.items() if name in slots_of}
    chosen = [(*slots_of[name], value) for name, value in given.items()]
    if tie_weights:
        _check_tied(slots_of, given)
        by_tensor = {id(slots_of[name][0][slots_of[name][1]]): value for name, value in given.items()}
        chosen += [
            (slots, name, by_tensor[id(slots[name])])
            for full, (slots, name) in slots_of.items()
            if full not in given and slots[name] is not None and id(slots[name]) in by_tensor
        ]
    if strict:
        reached = {(id(slots), name) for slots, name, _ in chosen}
        missing = [
            full
            for full, (slots, name) in slots_of.items()
            if slots[name] is not None and (id(slots), name) not in reached
        ]
        _check_names(module, unexpected, missing)
    before = [(slots, name, slots[name]) for slots, name, _ in chosen]
    try:
        for slots, name, value in chosen:
            slots[name] = value
        arguments = () if args is None else args if isinstance(args, tuple) else (args,)
        return module(*arguments, **(kwargs or {}))
    finally:
        _hand_back([d for d in dicts if isinstance(d, MutableMapping)], slots_of)
        for slots, name, value in before:
            slots[name] = value


def functional_call(module: Module, parameters_and_buffers: Any, *args: Any, **settings: Any) -> Any:
    """``metagrad.func.functional_call``, by its older name, which warns."""
    warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future version of "
        "PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
    )
    return _functional_call(module, parameters_and_buffers, *args, **settings)


def _hand_back(dicts: list[Any], slots_of: dict[str, tuple[dict[str, Any], str]]) -> None:
    """Put what the call made of a buffer or a parameter, where it is another tensor, into the dictionary it was given in."""
    for given in dicts:
        for full in given.keys() & slots_of.keys():
            slots, name = slots_of[full]
            if slots.get(name) is not given[full]:
                given[full] = slots.get(name)


def _check_names(module: Module, unexpected: list[str], missing: list[str]) -> None:
    """Raise if a name is none of the module's, or a tensor of the module has no other in its place."""
    said = [
        f"{what} key(s): {', '.join(map(repr, sorted(names)))}."
        for what, names in (("Unexpected", unexpected), ("Missing", missing))
        if names
    ]
    if said:
        raise RuntimeError("\n\t".join([f"Error(s) in reparametrizing for {type(module).__name__}:", *said]))


def _check_tied(slots_of: dict[str, tuple[dict[str, Any], str]], given: dict[str, Any]) -> None:
    """Raise if the names of one shared parameter are given different tensors."""
    names_of: dict[int, list[str]] = {}
    for full in given:
        slots, name = slots_of[full]
        if slots[name] is not None:
            names_of.setdefault(id(slots[name]), []).append(full)
    for names in names_of.values():
        if any(given[name] is not given[names[0]] for name in names):
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. Consider using tie_weights=False"
            )
