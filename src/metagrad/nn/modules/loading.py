"""A state, loaded module by module in PyTorch's order; what is to be written waits until everything has been found to fit.

A module that loads in a way of its own, and a hook that is called once a module was loaded, may look at the values. There they are
written at once, and taken back if something does not fit after all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import Variable
from metagrad.base.warning import warn
from metagrad.nn.parameter import Parameter, UninitializedTensorMixin, is_lazy

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module
    from metagrad.tensors.tensor import Tensor

EXTRA = _EXTRA_STATE_KEY_SUFFIX = "_extra_state"  # the key of what ``get_extra_state`` gives


_BOTH = "a module that has extra state overrides get_extra_state and set_extra_state"


class NoExtra:
    """A module without extra state, as modules are that do not say otherwise."""

    def get_extra_state(self) -> Any:
        """What a subclass wants in the ``state_dict`` beside tensors, under the key ``_extra_state``.

        Raises RuntimeError unless overridden.
        """
        raise RuntimeError(f"Reached a code path in Module.get_extra_state() that should never be called: {_BOTH}")

    def set_extra_state(self, state: Any) -> None:
        """Take back what ``get_extra_state`` gave. Raises RuntimeError unless overridden."""
        raise RuntimeError(f"Reached a code path in Module.set_extra_state() that should never be called: {_BOTH}")


class _IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Errors(list[str]):
    """The errors of one load, and with them what is done when there are none, and undone when there are some."""

    def __init__(self, at_once: bool) -> None:
        self.at_once = at_once  # whether somebody may look at what was loaded before all of it is
        self.waiting: list[Callable[[], None]] = []
        self.undoing: list[Callable[[], None]] = []

    def write(self, module: Module, copy: Callable[[], None], looks: bool) -> None:
        """Copy into a module: at once if its class looks at the values, or somebody else may."""
        if self.at_once or looks:
            self.undoing.append(_as_it_is(module))
            copy()
        else:
            self.waiting.append(copy)

    def undo(self) -> None:
        """Give the modules back what was written over."""
        for restore in reversed(self.undoing):
            restore()

    def refuse(self, module: Module, keys: _IncompatibleKeys, strict: bool) -> None:
        """Raise if there are errors, which missing and unexpected keys are when ``strict``."""
        problems = list(self)
        for kind, names in (("Unexpected", keys.unexpected_keys), ("Missing", keys.missing_keys)) if strict else ():
            if names:
                problems.insert(0, f"{kind} key(s) in state_dict: " + ", ".join(f'"{key}"' for key in names) + ". ")
        if problems:
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(module).__name__}:\n\t" + "\n\t".join(problems)
            )


def load_all(module: Module, state: dict[str, Any], versions: Mapping[str, Any], strict: bool, assign: bool) -> Any:
    """Load a state into a tree of modules, or change nothing and raise; which keys did not match."""
    errors = Errors(any(hooks_of(m, "_load_state_dict_post_hooks") for m in module.modules()))
    keys = _IncompatibleKeys([], [])
    try:
        _walk(module, state, "", versions, assign, keys, errors)
        errors.refuse(module, keys, strict)
    except BaseException:
        errors.undo()
        raise
    for copy in errors.waiting:
        copy()
    errors.refuse(module, keys, strict)
    return keys


def _walk(
    module: Module, state: dict[str, Any], prefix: str, versions: Mapping[str, Any], assign: bool,
    keys: _IncompatibleKeys, errors: Errors,
) -> None:  # fmt: skip
    """Load a module, then each child from the part of the state that has its prefix by then, and call the hooks."""
    local = dict(versions.get(prefix[:-1], {}))
    if assign:
        local["assign_to_params_buffers"] = True
    module._load_from_state_dict(state, prefix, local, True, *keys, errors)
    parts: dict[str, dict[str, Any]] = {}
    for key, value in state.items() if module._modules else ():
        if key.startswith(prefix):
            parts.setdefault(key[len(prefix) :].partition(".")[0] + ".", {})[key] = value
    for name, child in module._modules.items():
        if child is not None:
            _walk(child, parts.get(f"{name}.", {}), f"{prefix}{name}.", versions, assign, keys, errors)
    for hook in hooks_of(module, "_load_state_dict_post_hooks"):
        if hook(module, keys) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values: "
                "change the keys in place"
            )


def _as_it_is(module: Module) -> Callable[[], None]:
    """A function that gives a module's own tensors the values they have now."""
    parameters, buffers = dict(module._parameters), dict(module._buffers)
    values = [(t, t.detach().clone()) for t in own_state(module).values() if not is_lazy(t)]

    def restore() -> None:
        module._parameters.update(parameters)
        module._buffers.update(buffers)
        with no_grad():
            for tensor, value in values:
                tensor.copy_(value)

    return restore


def hooks_of(module: Module, kind: str) -> list[Any]:
    """The module's hooks of a kind, in the order in which they were registered."""
    return list(module.__dict__.get(kind, {}).values())


def own_state(module: Module) -> dict[str, Tensor]:
    """A module's own parameters and persistent buffers, without its children's."""
    hidden = module.__dict__.get("_non_persistent_buffers_set", ())  # modules that were pickled long ago have none
    buffers = {name: b for name, b in module._buffers.items() if name not in hidden}
    return {name: t for name, t in {**module._parameters, **buffers}.items() if t is not None}


def keeps_extra(module: Module, method: str) -> bool:
    """Whether a module's class has its own ``get_extra_state`` or ``set_extra_state``."""
    return getattr(type(module), method) is not getattr(NoExtra, method)


def check_own(
    module: Module, state: Mapping[str, Any], prefix: str, keys: _IncompatibleKeys, errors: list[str]
) -> None:
    """Report what of a module's own state is missing in ``state`` or does not fit, and which keys are nobody's."""
    own = own_state(module)
    for name, tensor in own.items():
        key = prefix + name
        if key not in state:
            keys.missing_keys.append(key)
            continue
        value = state[key]
        if not (is_lazy(value) or _is_tensor(value)):
            errors.append(
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
            errors.append(
                f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
                f"the shape in current model is {tensor.shape}."
            )
    extra = prefix + EXTRA
    if keeps_extra(module, "set_extra_state"):
        if extra not in state:
            keys.missing_keys.append(extra)
    elif extra in state:
        keys.unexpected_keys.append(extra)
    for key in state:
        if key.startswith(prefix) and key != extra:
            name, dot, _ = key[len(prefix) :].partition(".")
            if name not in (module._modules if dot else own):
                keys.unexpected_keys.append(key)


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
    if prefix + EXTRA in state and keeps_extra(module, "set_extra_state"):
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
