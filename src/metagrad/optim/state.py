"""An optimizer's state as plain numbers and tensors, in PyTorch's layout, and back again.

Parameters have no names here. They are numbered, in the order of the groups::

    {"state": {0: {"momentum_buffer": tensor}, ...}, "param_groups": [{"lr": 0.1, ..., "params": [0, 1]}, ...]}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from metagrad.autograd.variable import Variable
from metagrad.ops.create.from_data import tensor
from metagrad.tensors.tensor import Tensor

State = defaultdict[Any, dict[str, Any]]
Groups = list[dict[str, Any]]


def packed(state: Mapping[Any, Any], groups: Groups) -> dict[str, Any]:
    """The layout above. Tensors are the optimizer's own, not copies."""
    numbers: dict[int, int] = {}
    for n, p in enumerate(p for group in groups for p in group["params"]):
        numbers.setdefault(id(p), n)
    return {
        "state": {numbers[id(p)] if isinstance(p, Variable) else p: values for p, values in state.items()},
        "param_groups": [
            {**{name: value for name, value in group.items() if name != "params"},
             "params": [numbers[id(p)] for p in group["params"]]}
            for group in groups
        ],
    }  # fmt: skip


def unpacked(
    saved: Mapping[str, Any], groups: Groups, defaults: Mapping[str, Any], like_param: tuple[str, ...]
) -> tuple[State, Groups]:
    """The state and the groups that a saved state describes, for the parameters of ``groups``; all of it is copied.

    Raises KeyError if it is no state, and ValueError if it is that of other groups. Settings that it lacks are taken from
    ``defaults``.
    """
    for part in ("param_groups", "state"):
        if part not in saved:
            raise KeyError(part)
    theirs = saved["param_groups"]
    if len(theirs) != len(groups):
        raise ValueError(
            f"loaded state dict has a different number of parameter groups: {len(theirs)} there, {len(groups)} here"
        )
    by_number: dict[Any, Tensor] = {}
    for i, (their, own) in enumerate(zip(theirs, groups, strict=True)):
        if len(their["params"]) != len(own["params"]):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                f"group {i} has {len(their['params'])} parameters there, {len(own['params'])} here"
            )
        by_number.update(zip(their["params"], own["params"], strict=True))
    state: State = defaultdict(dict)
    for number, values in saved["state"].items():
        if isinstance(number, str):  # what a subclass remembers that belongs to no parameter
            state[number] = deepcopy(values)
            continue
        if number not in by_number:
            raise ValueError(f"loaded state dict has state for parameter {number!r}, which is in none of its groups")
        p = by_number[number]
        for name in like_param:
            shape = tuple(p.shape) if values.get(name) is None else tuple(getattr(values[name], "shape", ()))
            if shape != tuple(p.shape):
                raise ValueError(
                    f"loaded state dict: {name} of parameter {number} has shape {shape}, the parameter has "
                    f"{tuple(p.shape)}: it was saved for other parameters, or in another order"
                )
        state[p] = {name: _copied(value, p, name) for name, value in values.items()}
    return state, [_loaded(their, own, defaults) for their, own in zip(theirs, groups, strict=True)]


def _loaded(their: Mapping[str, Any], own: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A saved group with this optimizer's parameters, in the order it was saved in; what it lacks comes last."""
    kept = {**defaults, **{name: own[name] for name in ("param_names",) if name in own}}
    found = {**{k: deepcopy(v) for k, v in their.items()}, "params": own["params"]}
    return {**found, **{k: v for k, v in kept.items() if k not in found}}


def _copied(value: Any, param: Tensor, name: str = "") -> Any:
    """A copy; tensors, also another library's, in the parameter's dtype and on its device, but for the count of steps."""
    if isinstance(value, dict):
        return {k: _copied(v, param, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_copied(v, param) for v in value])
    if not isinstance(value, Variable):
        if isinstance(value, np.generic) or not hasattr(value, "__array__"):
            return deepcopy(value)
        value = tensor(np.asarray(value))
    copied: Tensor = value.detach().clone()
    if name == "step":
        return copied
    return copied.to(param.device, param.dtype) if param.is_floating_point() else copied.to(param.device)
