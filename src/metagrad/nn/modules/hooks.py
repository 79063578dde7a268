"""Calling a module that has hooks: before forward, after it, and when its gradients are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metagrad.autograd.function import Function
from metagrad.autograd.mode import mode
from metagrad.autograd.variable import Variable

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module


class _Boundary(Function):
    """The identity on several tensors at once: the place at which all their gradients can be seen together."""

    def forward(self, *xs: Any, seen: Any) -> Any:
        self.seen = seen
        return tuple(x.view() if hasattr(x, "view") else x for x in xs)

    def backward(self, *grads: Any) -> Any:
        return self.seen(grads)


class _BackwardHooks:
    """The gradients at a module's outputs, kept until those at its inputs arrive."""

    def __init__(self, module: Module, hooks: list[Any]) -> None:
        self.module, self.hooks = module, hooks
        self.grad_output: tuple[Any, ...] = ()
        self.without_inputs: int | None = None  # how many inputs there are, if no gradient goes to any of them

    def at_output(self, grads: Any) -> Any:
        self.grad_output = grads
        if self.without_inputs is not None:
            self._call((None,) * self.without_inputs)
        return grads

    def at_input(self, grads: Any) -> Any:
        from metagrad.autograd.variable import wrap

        as_tensors = self._call(tuple(g if isinstance(g, Variable) else wrap(g) for g in grads))
        recorded = any(isinstance(g, Variable) for g in grads)
        return tuple(g if recorded else g.array for g in as_tensors)

    def _call(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        from metagrad.autograd.variable import wrap

        outputs = tuple(g if isinstance(g, Variable) else wrap(g) for g in self.grad_output)
        for hook in self.hooks:
            replaced = hook(self.module, inputs, outputs)
            if replaced is not None:
                inputs = replaced if isinstance(replaced, tuple) else (replaced,)
        return inputs


def _passed_through(values: tuple[Any, ...], seen: Any) -> tuple[Any, ...]:
    """The values with their tensors that require grad behind one boundary."""
    places = [i for i, v in enumerate(values) if isinstance(v, Variable) and v.requires_grad]
    if not places:
        return values
    inside = _Boundary.apply_many(*[values[i] for i in places], seen=seen)
    result = list(values)
    for i, x in zip(places, inside, strict=True):
        result[i] = x
    return tuple(result)


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``module.forward`` with the hooks around it, in the order they were registered."""
    own = module.__dict__
    for hook, with_kwargs in list(own.get("_forward_pre_hooks", {}).values()):
        if with_kwargs:
            replaced = hook(module, args, kwargs)
            if replaced is not None:
                args, kwargs = replaced
        else:
            replaced = hook(module, args)
            if replaced is not None:
                args = replaced if isinstance(replaced, tuple) else (replaced,)
    backward = list(own.get("_backward_hooks", {}).values())
    watch = _BackwardHooks(module, backward) if backward and mode.grad else None
    if watch is not None:
        if not any(isinstance(a, Variable) and a.requires_grad for a in args):
            watch.without_inputs = len(args)
        args = _passed_through(args, watch.at_input)
    output = module.forward(*args, **kwargs)
    for hook, with_kwargs in list(own.get("_forward_hooks", {}).values()):
        replaced = hook(module, args, kwargs, output) if with_kwargs else hook(module, args, output)
        if replaced is not None:
            output = replaced
    if watch is not None:
        outputs = _passed_through(output if isinstance(output, tuple) else (output,), watch.at_output)
        output = outputs if isinstance(output, tuple) else outputs[0]
    return output
