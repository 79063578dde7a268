"""``torch.utils.module_tracker``: which modules are running, forward or backward."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from metagrad.autograd.graph import register_multi_grad_hook
from metagrad.nn.modules.hooks import register_module_forward_hook, register_module_forward_pre_hook
from metagrad.utils._pytree import tensors_in

__all__ = ["ModuleTracker"]


class ModuleTracker:
    """Inside ``with``, the names of the modules that are running: ``parents``, "Global" always among them.

    ``is_bw``: whether the backward pass is running; it stays True until the next module runs forward.

    >>> import metagrad
    >>> from metagrad import nn
    >>> model, seen = nn.Sequential(nn.Linear(2, 2)), []
    >>> _ = model[0].register_forward_pre_hook(lambda *_: seen.append(sorted(tracker.parents)))
    >>> with ModuleTracker() as tracker:
    ...     _ = model(metagrad.ones(1, 2))
    >>> seen
    [['Global', 'Sequential', 'Sequential.0']]
    """

    def __init__(self) -> None:
        self.parents = {"Global"}
        self.is_bw = False
        self._names: dict[int, str] = {}
        self._known: list[Any] = []  # the modules that have names, so that no other comes to be where one was

    def __enter__(self) -> Self:
        self._handles = [
            register_module_forward_pre_hook(self._before),
            register_module_forward_hook(self._after, always_call=True),
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()

    def _name(self, module: Any) -> str:
        """The module's name: its class's, or the path from the first module it was found in."""
        if id(module) not in self._names:
            top = type(module).__name__
            for path, part in module.named_modules(remove_duplicate=False):
                self._names.setdefault(id(part), f"{top}.{path}" if path else top)
                self._known.append(part)
        return self._names[id(module)]

    def _before(self, module: Any, args: Any) -> None:
        if self.is_bw:
            self.parents, self.is_bw = {"Global"}, False
        name = self._name(module)
        self.parents.add(name)
        self._on_gradients(args, lambda _: self.parents.discard(name))

    def _after(self, module: Any, args: Any, result: Any) -> None:
        name = self._name(module)
        self.parents.discard(name)
        self._on_gradients(result, lambda _: self._enter_backward(name))

    def _enter_backward(self, name: str) -> None:
        if not self.is_bw:
            self.parents, self.is_bw = {"Global"}, True
        self.parents.add(name)

    @staticmethod
    def _on_gradients(values: Any, hook: Callable[[Any], None]) -> None:
        """Call the hook once the gradients of these tensors are there."""
        tensors = [x for x in tensors_in(values) if x.requires_grad]
        if tensors:
            register_multi_grad_hook(tensors, hook)
