"""A module's state as a dictionary, and back: every problem is found and named before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import Variable
from metagrad.nn.parameter import Parameter

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def _own_state(module: Module) -> dict[str, Any]:
    """A module's own parameters and persistent buffers, without its children's."""
    hidden = module.__dict__["_non_persistent_buffers_set"]
    buffers = {name: b for name, b in module._buffers.items() if name not in hidden}
    return {name: t for name, t in {**module._parameters, **buffers}.items() if t is not None}


def collect_state(module: Module, destination: Any, prefix: str, keep_vars: bool) -> Any:
    """Add the state of a tree of modules to a dictionary, in the order of registration."""
    for name, tensor in _own_state(module).items():
        destination[prefix + name] = tensor if keep_vars else tensor.detach()
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    return destination


def _places(module: Module, prefix: str = "") -> dict[str, tuple[Module, str, Any]]:
    """Where each key of the state belongs: (module, attribute, tensor)."""
    places = {prefix + name: (module, name, tensor) for name, tensor in _own_state(module).items()}
    for name, child in module._modules.items():
        if child is not None:
            places.update(_places(child, f"{prefix}{name}."))
    return places


def load_state(module: Module, state: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Copy (or assign) a state into a tree of modules."""
    if not isinstance(state, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state).__name__}.")
    places = _places(module)
    missing = [key for key in places if key not in state]
    unexpected = [key for key in state if key not in places]
    problems = []
    if strict and unexpected:
        problems.append("Unexpected key(s) in state_dict: " + ", ".join(f'"{key}"' for key in unexpected) + ".")
    if strict and missing:
        problems.append("Missing key(s) in state_dict: " + ", ".join(f'"{key}"' for key in missing) + ".")
    for key, (_, _, tensor) in places.items():
        if key in state:
            value = state[key]
            if hasattr(tensor, "materialize") and hasattr(
                value, "shape"
            ):  # a lazy layer's: it takes the shape that comes
                tensor.materialize(value.shape)
            if not hasattr(value, "shape"):
                problems.append(
                    f'While copying the parameter named "{key}", expected a Tensor but received {type(value)}.'
                )
            elif tuple(value.shape) != tuple(tensor.shape):
                problems.append(
                    f"size mismatch for {key}: copying a param with shape {tuple(value.shape)} from checkpoint, the "
                    f"shape in current model is {tuple(tensor.shape)}."
                )
    if problems:
        raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t" + "\n\t".join(problems))
    with no_grad():
        for key, (owner, name, tensor) in places.items():
            if key not in state:
                continue
            if not assign:
                tensor.copy_(state[key])
            elif isinstance(tensor, Parameter):
                value = state[key]
                given = value if isinstance(value, Parameter) else Parameter(value, requires_grad=tensor.requires_grad)
                owner._parameters[name] = given
            else:
                owner._buffers[name] = state[key] if isinstance(state[key], Variable) else tensor.new_tensor(state[key])
    return IncompatibleKeys(missing, unexpected)
