"""Optimizer: what SGD, Adam and their relatives share: groups of parameters, hooks, and the round over the parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from metagrad.autograd.mode import enable_grad, no_grad
from metagrad.autograd.variable import Variable
from metagrad.base.warning import warn
from metagrad.optim.groups import check_capturable, check_pairs, listed, set_to_zero
from metagrad.optim.hooks import Hooks, hooked, register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from metagrad.optim.state import State, packed, unpacked
from metagrad.tensors.tensor import Tensor

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook", "required"]


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class Optimizer(Hooks):
    """The base of every optimizer: p ← update(p, ∂L/∂p), for every parameter p that has a gradient.

    params: parameters, (name, parameter) pairs, or dictionaries ``{"params": [...], "lr": ...}``, one for each group with
    settings of its own. defaults: the settings of a group that does not give them. A subclass writes ``update``, or a
    ``step`` of its own.

    ==================  ==========================================================================================
    ``param_groups``    the groups: dictionaries of settings, with the parameters under "params"
    ``state``           by parameter, what is remembered from step to step
    ``like_param``      of a subclass: entries of the state that have the parameter's shape
    ==================  ==========================================================================================

    Raises TypeError for a single tensor, and ValueError without parameters.

    >>> import metagrad
    >>> class Signs(Optimizer):
    ...     def update(self, param, grad, group):
    ...         param.sub_(grad.sign() * group["lr"])
    >>> p = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Signs([p], {"lr": 0.5})
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.tolist()
    [0.5, 1.5]
    """

    like_param: ClassVar[tuple[str, ...]] = ()

    defaults: dict[str, Any]
    param_groups: list[dict[str, Any]]
    state: State
    _stepped: bool | None = None  # whether step was called since a scheduler first asked; None: none has asked

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in {"step"} & cls.__dict__.keys():
            setattr(cls, name, hooked(cls.__dict__[name]))

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Variable):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {getattr(params, 'type', lambda: type(params).__name__)()}: put it in a list"
            )
        if defaults.get("fused") and defaults.get("differentiable"):
            raise RuntimeError("`fused` does not support `differentiable`")
        self.__setstate__({"defaults": defaults, "state": defaultdict(dict), "param_groups": []})
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list: has the model any parameters?")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own; what is not given is taken from the defaults.

        Raises ValueError for a parameter that is no leaf or is in another group, for a missing required setting, and if
        some parameters have names and some do not; TypeError for what is no tensor, or has no order.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}: {param_group!r:.80}")
        if "params" not in param_group:
            raise KeyError(f"a parameter group needs 'params'; this one has {sorted(param_group)}")
        group = dict(param_group)
        params, names = listed(group["params"])
        group["params"] = params
        if names:
            group["param_names"] = names
        for p in params:
            if not isinstance(p, Variable):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not (self.defaults.get("differentiable") or p.is_leaf or getattr(p, "retains_grad", False)):
                raise ValueError("can't optimize a non-leaf Tensor: optimize what it was computed from, or detach() it")
        for name, default in self.defaults.items():
            if default is required and name not in group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            group.setdefault(name, default)
        if len({id(p) for p in params}) != len(params):
            warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; see "
                "github.com/pytorch/pytorch/issues/40967 for more information",
            )
        for other in self.param_groups:
            if ("param_names" in group) != ("param_names" in other):
                this = "with names" if "param_names" in group else "without names"
                raise ValueError(
                    f"all optimizer param groups should be with/without names. cannot add param group {this} to the optimizer"
                )
            if {id(p) for p in other["params"]} & {id(p) for p in params}:
                raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(group)

    def update(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        """One parameter's step: change it in place, and ``self.state[param]``. Runs under ``no_grad``."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def update_group(self, pairs: Sequence[tuple[Tensor, Tensor]], group: dict[str, Any]) -> None:
        """``update`` for all parameters of a group that have a gradient."""
        for p, grad in pairs:
            self.update(p, grad, group)

    @hooked
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient. ``closure``, if given, first computes the loss, which is returned.

        Raises RuntimeError for a gradient that is not of its parameter's shape and dtype, or a parameter in read-only
        memory; nothing has changed then.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad(), np.errstate(all="ignore"):  # PyTorch overflows to inf without a warning
            pairs = [[(p, g) for p in group["params"] if (g := p.grad) is not None] for group in self.param_groups]
            check_pairs([pair for some in pairs for pair in some])
            check_capturable(pairs, self.param_groups)
            for some, group in zip(pairs, self.param_groups, strict=True):
                self.update_group(some, group)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; with ``set_to_none=False`` fill them with zeros instead, where they are.

        A parameter without a gradient is left out of ``step``; one with a zero gradient still decays and keeps its momentum.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    set_to_zero(p.grad)

    # ------------------------------------------------ saving

    def state_dict(self) -> dict[str, Any]:
        """``{"state": {number: ...}, "param_groups": [...]}``, with numbers instead of parameters.

        >>> import metagrad
        >>> from metagrad import optim
        >>> optim.SGD([metagrad.ones(2, requires_grad=True)], lr=0.5).state_dict()["param_groups"][0]["params"]
        [0]
        """
        for hook in list(self._saving_hooks.values()):
            hook(self)
        state = packed(self.state, self.param_groups)
        for hook in list(self._saved_hooks.values()):
            changed = hook(self, state)
            state = state if changed is None else changed
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved state, of which copies are made; tensors may also be PyTorch's or NumPy arrays.

        Raises ValueError, before anything changes, if it belongs to other parameter groups. Make a scheduler before this
        call: making one sets the learning rates to the start of its schedule.
        """
        state_dict = {**state_dict}
        for hook in list(self._loading_hooks.values()):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        state, groups = unpacked(state_dict, self.param_groups, self.defaults, self.like_param)
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in list(self._loaded_hooks.values()):
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles carry: all but the hooks."""
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._without_hooks()

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
            lines.append("")
        return "\n".join([*lines[:-1], ")"])
