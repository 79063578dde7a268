"""A module's state as a dictionary, and back: every problem is found and named before anything is changed."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from metagrad.autograd.hooks import RemovableHandle
from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import Variable
from metagrad.base.warning import warn
from metagrad.nn.parameter import Parameter, UninitializedTensorMixin, is_lazy

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module
    from metagrad.tensors.tensor import Tensor

EXTRA = _EXTRA_STATE_KEY_SUFFIX = "_extra_state"  # the key of what ``get_extra_state`` gives


def _package() -> Any:
    """The whole library as its users see it: a layer knows nothing of files, and asks as they would."""
    return sys.modules["metagrad"]


class _IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Report:
    """What was found while a state is loaded: keys that one side lacks, and errors."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []

    def refuse(self, module: Module, strict: bool) -> None:
        """Raise if there are errors, which missing and unexpected keys are when ``strict``."""
        problems = [f"{e}" for e in self.errors]
        for kind, keys in (("Unexpected", self.unexpected), ("Missing", self.missing)) if strict else ():
            if keys:
                problems.insert(0, f"{kind} key(s) in state_dict: " + ", ".join(f'"{key}"' for key in keys) + ". ")
        if problems:
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(module).__name__}:\n\t" + "\n\t".join(problems)
            )


def own_state(module: Module) -> dict[str, Tensor]:
    """A module's own parameters and persistent buffers, without its children's."""
    hidden = module.__dict__.get("_non_persistent_buffers_set", ())  # modules that were pickled long ago have none
    buffers = {name: b for name, b in module._buffers.items() if name not in hidden}
    return {name: t for name, t in {**module._parameters, **buffers}.items() if t is not None}


def _keeps_extra(module: Module, method: str) -> bool:
    return getattr(type(module), method) is not getattr(StateKeeper, method)


def check_own(module: Module, state: Mapping[str, Any], prefix: str, keys: Iterable[str], report: Report) -> None:
    """Report what of a module's own state is missing in ``state`` or does not fit, and which ``keys`` are none of its."""
    own = own_state(module)
    for name, tensor in own.items():
        key = prefix + name
        if key not in state:
            report.missing.append(key)
            continue
        value = state[key]
        if not (is_lazy(value) or _is_tensor(value)):
            report.errors.append(
                f'While copying the parameter named "{key}", '
                "expected torch.Tensor or Tensor-like object "
                f"from checkpoint but received {type(value)}"
            )
            continue
        if is_lazy(tensor):  # a lazy layer's: it takes the shape that comes
            if not is_lazy(value):
                cast("UninitializedTensorMixin", tensor).materialize(value.shape)
            continue
        if tuple(value.shape) != tuple(tensor.shape) and not _is_one_number(value, tensor):
            report.errors.append(
                f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
                f"the shape in current model is {tensor.shape}."
            )
    extra = prefix + EXTRA
    if _keeps_extra(module, "set_extra_state"):
        if extra not in state:
            report.missing.append(extra)
    elif extra in state:
        report.unexpected.append(extra)
    report.unexpected += [key for key in keys if key != extra and key[len(prefix) :] not in own]


def _is_tensor(value: Any) -> bool:
    """Whether a state's value is a tensor, or of a class that answers for one."""
    return isinstance(value, Variable) or hasattr(value, "__torch_function__")


def _is_one_number(value: Any, tensor: Tensor) -> bool:
    """Whether a state has one number for a 0-d tensor, as it was saved before there were any."""
    return tuple(tensor.shape) == () and tuple(value.shape) == (1,)


def copy_own(module: Module, state: Mapping[str, Any], prefix: str, assign: bool, errors: list[str]) -> None:
    """Copy (or assign) what ``state`` has, and fits, into a module's own parameters and buffers; say what cannot be."""
    with no_grad():
        for name, tensor in own_state(module).items():
            key = prefix + name
            value: Any = state.get(key)
            if is_lazy(tensor):  # and so is the value
                continue
            if _is_tensor(value) and _is_one_number(value, tensor):
                value = value[0]
            if not _is_tensor(value) or tuple(value.shape) != tuple(tensor.shape):
                continue
            if tensor.is_meta and not assign and not getattr(value, "is_meta", False):
                warn(
                    f"for {key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the current "
                    "model, which is a no-op: pass assign=True to take the tensors of the checkpoint themselves"
                )
            try:
                _put(module, name, tensor, value, assign)
            except Exception as error:  # and every other tensor is loaded
                errors.append(
                    f'While copying the parameter named "{key}", whose dimensions in the model are {tensor.shape} and '
                    f"whose dimensions in the checkpoint are {value.shape}, an exception occurred : {error.args}."
                )
    if prefix + EXTRA in state and _keeps_extra(module, "set_extra_state"):
        module.set_extra_state(state[prefix + EXTRA])


def _put(module: Module, name: str, tensor: Tensor, value: Any, assign: bool) -> None:
    """Copy a value into one of a module's tensors, or take it in its place."""
    if not assign:
        tensor.copy_(value)
    elif isinstance(tensor, Parameter):
        given = value if isinstance(value, Parameter) else Parameter(value, requires_grad=tensor.requires_grad)
        given.requires_grad = tensor.requires_grad
        module._parameters[name] = given
    else:
        module._buffers[name] = cast("Tensor", value if isinstance(value, Variable) else tensor.new_tensor(value))


class StateKeeper:
    """The part of Module that gives its state as a dictionary, and takes it back."""

    _version = 1  # of the layout of the state, for those that read older ones

    def state_dict(self: Any, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Dotted names to parameters and persistent buffers, detached but sharing memory (with ``keep_vars`` themselves)."""
        if args:  # the form of old programs
            warn("Positional args are being deprecated, use kwargs instead.", FutureWarning)
            destination, prefix, keep_vars = args + (destination, prefix, keep_vars)[len(args) :]
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local
        for hook in _hooks(self, "_state_dict_pre_hooks"):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in _hooks(self, "_state_dict_hooks"):
            replaced = hook(self, destination, prefix, local)
            if replaced is not None and getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None: change the state in place")
            destination = destination if replaced is None else replaced
        return destination

    def _save_to_state_dict(self: Any, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own state, without its children's, into ``destination``."""
        for name, tensor in own_state(self).items():
            destination[prefix + name] = tensor if keep_vars or is_lazy(tensor) else tensor.detach()
        if _keeps_extra(self, "get_extra_state"):
            destination[prefix + EXTRA] = self.get_extra_state()

    def load_state_dict(
        self: Any, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy a state into the parameters and buffers; ``assign`` takes the given tensors themselves.

        Raises RuntimeError that names every missing key, unexpected key and mismatched shape, before anything has
        changed; with ``strict=False`` only mismatched shapes are errors, and the keys are returned. Modules that have
        their own ``_load_from_state_dict`` are asked last, when all others have been found to fit.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        state: OrderedDict[str, Any] = OrderedDict(state_dict)  # hooks may change it
        versions = getattr(state_dict, "_metadata", None) or {}
        report = Report()
        modules = list(_modules_with_keys(self, ""))
        for module, prefix in modules:
            local = _local_metadata(versions, prefix, assign)
            for hook, with_module in _hooks(module, "_load_state_dict_pre_hooks"):
                given = (state, prefix, local, True, report.missing, report.unexpected, report.errors)
                hook(module, *given) if with_module else hook(*given)
            if not _loads_itself(module):
                module._complete_state(state, prefix, local.get("version"))
        keys_of = _by_module(state, {prefix for _, prefix in modules})
        for module, prefix in modules:
            if not _loads_itself(module):
                check_own(module, state, prefix, keys_of.get(prefix, ()), report)
        forgiving = any(_hooks(module, "_load_state_dict_post_hooks") for module, _ in modules)
        report.refuse(self, strict and not forgiving)
        for module, prefix in modules:
            if _loads_itself(module):
                found = Report()
                local = _local_metadata(versions, prefix, assign)
                module._load_from_state_dict(state, prefix, local, True, found.missing, found.unexpected, found.errors)
                report.missing += found.missing
                report.unexpected += found.unexpected
                report.errors += found.errors
            else:
                copy_own(module, state, prefix, assign, report.errors)
        keys = _IncompatibleKeys(report.missing, report.unexpected)
        for module, _ in reversed(modules):
            for hook in _hooks(module, "_load_state_dict_post_hooks"):
                if hook(module, keys) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values: "
                        "change the keys in place"
                    )
        report.refuse(self, strict)
        return keys

    def save(self: Any, path: str | os.PathLike[str]) -> None:
        """Write the state to a file, whole or not at all: ``metagrad.save(module.state_dict(), path)``."""
        _package().save(self.state_dict(), path)

    def load(self: Any, path: str | os.PathLike[str]) -> _IncompatibleKeys:
        """Read the state from a file that ``save`` wrote: ``module.load_state_dict(metagrad.load(path))``.

        Raises what those two raise, before anything has changed.

        >>> import os, tempfile
        >>> from metagrad import nn
        >>> path = os.path.join(tempfile.mkdtemp(), "layer.pt")
        >>> nn.Linear(2, 1).save(path)
        >>> nn.Linear(2, 1).load(path)
        <All keys matched successfully>
        """
        return self.load_state_dict(_package().load(path))

    def _load_from_state_dict(
        self: Any, state_dict: Mapping[str, Any], prefix: str, local_metadata: dict[str, Any], strict: bool,
        missing_keys: list[str], unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        """Load this module's own state, without its children's: what a subclass that wants it otherwise overrides."""
        report = Report()
        below = tuple(f"{prefix}{name}." for name in self._modules)
        own = [key for key in state_dict if key.startswith(prefix) and not key.startswith(below)]
        check_own(self, state_dict, prefix, own, report)
        copy_own(self, state_dict, prefix, bool(local_metadata.get("assign_to_params_buffers")), report.errors)
        if strict:
            missing_keys += report.missing
            unexpected_keys += report.unexpected
        error_msgs += report.errors

    def _complete_state(self, state: dict[str, Any], prefix: str, version: int | None) -> None:
        """Add to a state of an older version what it lacks; nothing, unless a layer's layout has changed."""

    def get_extra_state(self) -> Any:
        """What a subclass wants in the ``state_dict`` beside tensors, under the key ``_extra_state``.

        Raises RuntimeError unless overridden.
        """
        raise RuntimeError("a module that has extra state overrides get_extra_state and set_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Take back what ``get_extra_state`` gave. Raises RuntimeError unless overridden."""
        raise RuntimeError("a module that has extra state overrides get_extra_state and set_extra_state")

    # ------------------------------------------------ hooks

    def _state_hook(self, kind: str, hook: Any) -> RemovableHandle:
        return RemovableHandle(self.__dict__.setdefault(kind, OrderedDict()), hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before the module's state is collected."""
        return self._state_hook("_state_dict_pre_hooks", hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` when the state is collected; it may change it in place."""
        with contextlib.suppress(AttributeError):  # a method cannot be marked
            hook._from_public_api = True  # type: ignore[attr-defined]  # it must return nothing
        return self._state_hook("_state_dict_hooks", hook)

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The same for a hook that may return another state."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was registered publicly"
            )
        return self._state_hook("_state_dict_hooks", hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)``
        before a state is checked and loaded; it may change the state, which is a copy, and add to the lists."""
        return self._state_hook("_load_state_dict_pre_hooks", (hook, True))

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        return self._state_hook("_load_state_dict_pre_hooks", (hook, with_module))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` when a state is loaded; it may change the lists of keys in place."""
        return self._state_hook("_load_state_dict_post_hooks", hook)


def _hooks(module: Module, kind: str) -> list[Any]:
    return list(module.__dict__.get(kind, {}).values())


def _modules_with_keys(module: Any, prefix: str) -> Any:
    """All modules of a tree, a shared one as often as it is there, with the prefixes of their keys."""
    yield module, prefix
    for name, child in module._modules.items():
        if child is not None:
            yield from _modules_with_keys(child, f"{prefix}{name}.")


def _by_module(state: Mapping[str, Any], prefixes: set[str]) -> dict[str, list[str]]:
    """The keys by the innermost module that they are of."""
    keys: dict[str, list[str]] = {}
    for key in state:
        prefix = key
        while prefix and prefix not in prefixes:
            prefix = prefix.rstrip(".").rpartition(".")[0]
            prefix = prefix and prefix + "."
        keys.setdefault(prefix, []).append(key)
    return keys


def _loads_itself(module: Any) -> bool:
    return type(module)._load_from_state_dict is not StateKeeper._load_from_state_dict


def _local_metadata(versions: Mapping[str, Any], prefix: str, assign: bool) -> dict[str, Any]:
    local = dict(versions.get(prefix[:-1], {}))
    if assign:
        local["assign_to_params_buffers"] = True
    return local
