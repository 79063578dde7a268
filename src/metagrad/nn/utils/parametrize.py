"""Parametrizations: a parameter that is computed from others, each time it is read.

``register_parametrization(layer, "weight", f)`` keeps the trained tensor as ``layer.parametrizations.weight.original``, and from
then on ``layer.weight`` is f(original). The layer's class becomes a subclass of its former one with that name a property.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from metagrad.autograd.mode import no_grad
from metagrad.base.size import Size
from metagrad.nn.modules.container import ModuleDict, ModuleList
from metagrad.nn.modules.module import Module
from metagrad.nn.parameter import Parameter
from metagrad.tensors.tensor import Tensor

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "transfer_parametrizations_and_params", "type_before_parametrizations",
]  # fmt: skip

_cache_enabled = 0  # how many ``cached`` are open
_cache: dict[tuple[int, str], Any] = {}


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Inside, each parametrized tensor is computed once, and kept until the outermost ``cached`` ends."""
    global _cache_enabled
    _cache_enabled += 1
    try:
        yield
    finally:
        _cache_enabled -= 1
        if not _cache_enabled:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one after the other to ``original`` (or ``original0``, ``original1`` …).

    The originals are what ``right_inverse`` makes of the tensor, from the last parametrization to the first; a module without
    one takes the tensor as it is. Raises ValueError without modules, or if what they give does not have the tensor's
    shape and dtype.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        new: Tensor | Sequence[Tensor] = original
        with no_grad():
            for module in reversed(list(modules)):
                if hasattr(module, "right_inverse"):
                    with contextlib.suppress(NotImplementedError):  # it may depend on the module's settings
                        new = module.right_inverse(new)
        if not isinstance(new, Tensor) and not isinstance(new, Sequence):
            raise ValueError(
                f"'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if isinstance(new, Tensor):
            if not unsafe and new.dtype != dtype:
                raise ValueError(
                    f"When `right_inverse` outputs one tensor, it may not change the dtype {dtype} to {new.dtype}"
                )
            if isinstance(original, Parameter):
                with no_grad():
                    original.data = new.data
                self.original = original
            else:
                self.register_buffer("original", new)
        else:
            for i, part in enumerate(new):
                if not isinstance(part, Tensor):
                    raise ValueError(f"'right_inverse' must return tensors, got {type(part).__name__} as number {i}")
                if isinstance(original, Parameter):
                    made = Parameter(part.detach(), requires_grad=original.requires_grad and part.is_floating_point())
                    self.register_parameter(f"original{i}", made)
                else:
                    self.register_buffer(f"original{i}", part)
        if not unsafe:
            found = self()
            if not isinstance(found, Tensor):
                raise ValueError(f"A parametrization must return a tensor. Got {type(found).__name__}.")
            if found.dtype != dtype or tuple(found.shape) != tuple(shape):
                what, was, now = (
                    ("dtype", dtype, found.dtype) if found.dtype != dtype else ("shape", Size(shape), found.shape)
                )
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is enabled.\n"
                    f"unparametrized {what}: {was}\nparametrized {what}: {now}"
                )

    def _originals(self) -> list[Any]:
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    @no_grad()
    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes ``value``.

        Raises RuntimeError if a parametrization has none.
        """
        new: Tensor = value
        for module in reversed(list(self)):
            if not hasattr(module, "right_inverse"):
                raise RuntimeError(
                    f"parametrization {type(module).__name__} does not implement right_inverse, which assigning needs"
                )
            new = module.right_inverse(new)
        for original, part in zip(self._originals(), [new] if self.is_tensor else new, strict=True):
            original.data = part.detach().data

    def forward(self) -> Tensor:
        """The parametrized tensor."""
        first, *others = list(self)
        x = first(*self._originals())
        for module in others:
            x = module(x)
        return x


def _property(name: str) -> property:
    def read(self: Any) -> Any:
        if not _cache_enabled:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def write(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(read, write)


def _own_class(module: Module) -> None:
    """Give a module a class of its own, on which properties can be put."""
    base = module.__class__

    def deep_copy(self: Any, memo: dict[int, Any]) -> Any:
        import copy

        replica = self.__new__(self.__class__)
        memo[id(self)] = replica
        replica.__dict__.update({k: copy.deepcopy(v, memo) for k, v in self.__dict__.items()})
        _copy_class(self, replica)
        return replica

    def get_state(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(). See:\nhttps://pytorch.org/"
            "tutorials/beginner/saving_loading_models.html#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
        )

    members: dict[str, Any] = {"__getstate__": get_state, "__deepcopy__": deep_copy, "_parametrized": True}

    def set_attribute(self: Any, name: str, value: Any) -> None:
        if isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
        else:
            base.__setattr__(self, name, value)

    members["__setattr__"] = set_attribute
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), members)
    Module.__setattr__(module, "parametrizations", ModuleDict())


def _copy_class(source: Module, replica: Module) -> None:
    made = type(source)
    replica.__class__ = type(made.__name__, made.__bases__, dict(made.__dict__))


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrizations, or one of the given tensor."""
    found = getattr(module, "_modules", {}).get("parametrizations")
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """From now on ``module.tensor_name`` is ``parametrization(original)``; with several, each gets what the last one made.

    Raises ValueError for an unknown name, or another shape or dtype unless ``unsafe``.

    >>> import metagrad
    >>> from metagrad import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = nn.utils.parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all()), [name for name, _ in layer.named_parameters()]
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        present = module.parametrizations[tensor_name]
        if not unsafe:
            value = getattr(module, tensor_name)
            found = parametrization(value)
            if not isinstance(found, Tensor) or found.dtype != value.dtype or tuple(found.shape) != tuple(value.shape):
                raise ValueError(
                    "Registering a parametrization may not change the tensor's shape or dtype, unless unsafe=True"
                )
        if hasattr(parametrization, "right_inverse"):
            value = parametrization.right_inverse(getattr(module, tensor_name).detach())
            present.append(parametrization)
            with no_grad():
                inner = ModuleList(list(present)[:-1])
                new: Tensor = value
                for each in reversed(list(inner)):
                    if hasattr(each, "right_inverse"):
                        new = each.right_inverse(new)
                for original, part in zip(present._originals(), [new] if present.is_tensor else new, strict=True):
                    original.data = part.detach().data
        else:
            present.append(parametrization)
        present.unsafe |= unsafe
    elif tensor_name in module._parameters or tensor_name in module._buffers:
        original = getattr(module, tensor_name)
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not getattr(type(module), "_parametrized", False):
            _own_class(module)
        module.parametrizations[tensor_name] = made
        setattr(type(module), tensor_name, _property(tensor_name))
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'"
        )
    return module


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a tensor an ordinary parameter again, with its present value, or with the original's if so wished.

    Raises ValueError where there are none, or if several originals would be left.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    held = module.parametrizations[tensor_name]
    if held.is_tensor:
        result = held.original
        if leave_parametrized:
            with no_grad():
                value = getattr(module, tensor_name).detach().clone()
            if isinstance(result, Parameter):
                result.data = value.data
            else:
                result = value
    elif leave_parametrized:
        value = getattr(module, tensor_name).detach().clone()
        result = Parameter(value) if isinstance(held.original0, Parameter) else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in "
            "terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if not len(module.parametrizations):
        del module._modules["parametrizations"]
        module.__class__ = type(module).__bases__[0]
    if isinstance(result, Parameter):
        module.register_parameter(tensor_name, result)
    else:
        module.register_buffer(tensor_name, result)
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class a module had before it was parametrized."""
    return type(module).__bases__[0] if getattr(type(module), "_parametrized", False) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Put one module's parametrizations, and the values of their tensors, on another."""
    import copy

    if not is_parametrized(from_module):
        return to_module
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        for each in from_module.parametrizations[name]:
            register_parametrization(to_module, name, copy.deepcopy(each), unsafe=True)
        with no_grad():
            pairs = zip(
                to_module.parametrizations[name]._originals(),
                from_module.parametrizations[name]._originals(),
                strict=True,
            )
            for mine, theirs in pairs:
                mine.data = theirs.detach().clone().data
    return to_module
