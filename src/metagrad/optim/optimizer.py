"""Optimizer: what SGD, Adam and their relatives share: groups of parameters, their state, and saving both."""

from __future__ import annotations

import itertools
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from metagrad.autograd.mode import enable_grad, no_grad
from metagrad.autograd.variable import Variable
from metagrad.nn.modules.module import RemovableHandle
from metagrad.tensor import Tensor


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class Optimizer:
    """The base of every optimizer. A subclass has ``defaults`` for a group's settings, and ``update(param, group)``.

    params: parameters, (name, parameter) pairs, or dictionaries ``{"params": [...], "lr": ...}``, one for each group with
    settings of its own.
    """

    defaults: dict[str, Any]
    param_groups: list[dict[str, Any]]
    state: defaultdict[Tensor, dict[str, Any]]

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Variable):
            raise TypeError(
                f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got {type(params)}"
            )
        self.defaults, self.state, self.param_groups = defaults, defaultdict(dict), []
        self._pre_hooks: OrderedDict[int, Any] = OrderedDict()
        self._post_hooks: OrderedDict[int, Any] = OrderedDict()
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own; what is not given is taken from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = dict(param_group)
        given = group["params"]
        if isinstance(given, Variable):
            given = [given]
        elif isinstance(given, set):
            raise TypeError("optimizer parameters need to be organized in ordered collections, but sets have no order")
        listed = list(given)
        if listed and all(isinstance(entry, tuple) for entry in listed):
            group["param_names"] = [name for name, _ in listed]
            listed = [p for _, p in listed]
        for p in listed:
            if not isinstance(p, Variable):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not (self.defaults.get("differentiable") or p.is_leaf):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            group.setdefault(name, default)
        known = {id(p) for other in self.param_groups for p in other["params"]}
        if known & {id(p) for p in listed}:
            raise ValueError("some parameters appear in more than one parameter group")
        if len({id(p) for p in listed}) != len(listed):
            raise ValueError("optimizer contains a parameter group with duplicate parameters")
        group["params"] = listed
        self.param_groups.append(group)

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One parameter's step: change it, and its state, in place."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient. ``closure``, if given, computes the loss again, and its result is
        returned."""
        for hook in list(self._pre_hooks.values()):
            hook(self, (closure,), {})
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self.update(p, p.grad, self.state[p], group)
        for hook in list(self._post_hooks.values()):
            hook(self, (closure,), {})
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad = None if set_to_none else p.grad.detach().zero_()

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before every step."""
        return RemovableHandle(self._pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after every step."""
        return RemovableHandle(self._post_hooks, hook)

    # ------------------------------------------------ saving

    def state_dict(self) -> dict[str, Any]:
        """{"state": by the parameters' numbers, "param_groups": with numbers in the place of parameters}."""
        numbers = {id(p): i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        groups = []
        for g in self.param_groups:
            settings = {k: v for k, v in g.items() if k != "params"}
            groups.append({**settings, "params": [numbers[id(p)] for p in g["params"]]})
        return {"state": {numbers[id(p)]: dict(s) for p, s in self.state.items() if s}, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved state; ValueError, before anything changes, if it belongs to other parameter groups."""
        saved, own = state_dict["param_groups"], self.param_groups
        if len(saved) != len(own):
            raise ValueError(f"loaded state dict has {len(saved)} parameter groups, this optimizer {len(own)}")
        for i, (theirs, ours) in enumerate(zip(saved, own, strict=True)):
            if len(theirs["params"]) != len(ours["params"]):
                raise ValueError(
                    f"loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {i} has {len(theirs['params'])} parameters there, {len(ours['params'])} here"
                )
        numbers = itertools.chain.from_iterable(g["params"] for g in saved)
        parameters = [p for g in own for p in g["params"]]
        by_number = dict(zip(numbers, parameters, strict=True))
        state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for number, values in state_dict["state"].items():
            if number not in by_number:
                raise ValueError(f"loaded state dict has state for parameter {number}, which is in none of its groups")
            p = by_number[number]
            state[p] = {name: _restored(name, value, p) for name, value in values.items()}
        self.state = state
        self.param_groups = [
            {**deepcopy({k: v for k, v in theirs.items() if k != "params"}), "params": ours["params"]}
            for theirs, ours in zip(saved, own, strict=True)
        ]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _restored(name: str, value: Any, param: Tensor) -> Any:
    """A value of a saved state, copied; tensors in the parameter's dtype and device, but for the count of steps."""
    if not isinstance(value, Variable):
        return deepcopy(value)
    copied: Tensor = value.detach().clone()  # type: ignore[attr-defined]
    if name != "step" and param.is_floating_point():
        copied = copied.to(param.device, param.dtype)
    return copied


def check_not_negative(**settings: float) -> None:
    """ValueError, as PyTorch's, for a setting below 0."""
    for name, value in settings.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {name} value: {value}: it must be at least 0")


def refuse(**unsupported: Any) -> None:
    """NotImplementedError for arguments of PyTorch's that mean nothing here."""
    for name, value in unsupported.items():
        if value:
            raise NotImplementedError(
                f"{name}={value} is not supported: metagrad's optimizers update in place, on the CPU"
            )
