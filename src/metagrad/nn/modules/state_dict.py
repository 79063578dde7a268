"""A module's state as a dictionary, and back: every problem is found and named before anything is changed."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from metagrad.autograd.hooks import RemovableHandle
from metagrad.base.warning import warn
from metagrad.nn.modules.loading import (
    EXTRA,
    Errors,
    NoExtra,
    _IncompatibleKeys,
    check_own,
    copy_own,
    hooks_of,
    keeps_extra,
    load_all,
    own_state,
)  # fmt: skip
from metagrad.nn.parameter import is_lazy


def _package() -> Any:
    """The whole library as its users see it: a layer knows nothing of files, and asks as they would."""
    return sys.modules["metagrad"]


class StateKeeper(NoExtra):
    """The part of Module that gives its state as a dictionary, and takes it back."""

    _version = 1  # of the layout of the state, for those that read older ones

    def state_dict(self: Any, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Dotted names to parameters and persistent buffers, detached but sharing memory (with ``keep_vars`` themselves)."""
        if args:  # the form of old programs
            warn(
                "Positional args are being deprecated, use kwargs instead. Refer to https://pytorch.org/docs/main/generated/"
                "torch.nn.Module.html#torch.nn.Module.state_dict for details.",
                FutureWarning,
            )
            destination, prefix, keep_vars = args + (destination, prefix, keep_vars)[len(args) :]
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local
        for hook in hooks_of(self, "_state_dict_pre_hooks"):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in hooks_of(self, "_state_dict_hooks"):
            replaced = hook(self, destination, prefix, local)
            if replaced is not None and getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None: change the state in place")
            destination = destination if replaced is None else replaced
        return destination

    def _save_to_state_dict(self: Any, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own state, without its children's, into ``destination``."""
        for name, tensor in own_state(self).items():
            destination[prefix + name] = tensor if keep_vars or is_lazy(tensor) else tensor.detach()
        if keeps_extra(self, "get_extra_state"):
            destination[prefix + EXTRA] = self.get_extra_state()

    def load_state_dict(
        self: Any, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy a state into the parameters and buffers; ``assign`` takes the given tensors themselves.

        Raises RuntimeError that names every missing key, unexpected key and mismatched shape, before anything has
        changed; with ``strict=False`` only mismatched shapes are errors, and the keys are returned.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        state: OrderedDict[str, Any] = OrderedDict(state_dict)  # hooks may change it
        versions = getattr(state_dict, "_metadata", None)
        if versions is not None:
            state._metadata = versions  # type: ignore[attr-defined]
        return cast("_IncompatibleKeys", load_all(self, state, versions or {}, strict, assign))

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
        self._complete_state(state_dict, prefix, local_metadata.get("version"))
        given = (state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        for hook, with_module in hooks_of(self, "_load_state_dict_pre_hooks"):
            hook(self, *given) if with_module else hook(*given)
        keys = _IncompatibleKeys(missing_keys, unexpected_keys) if strict else _IncompatibleKeys([], [])
        check_own(self, state_dict, prefix, keys, error_msgs)
        assign = bool(local_metadata.get("assign_to_params_buffers"))
        copy = partial(copy_own, self, state_dict, prefix, assign, error_msgs)
        if isinstance(error_msgs, Errors):
            error_msgs.write(self, copy, type(self)._load_from_state_dict is not StateKeeper._load_from_state_dict)
        else:
            copy()

    def _complete_state(self, state: dict[str, Any], prefix: str, version: int | None) -> None:
        """Add to a state of an older version what it lacks; nothing, unless a layer's layout has changed."""

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
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
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
