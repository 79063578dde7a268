"""An op that a program defines: its arguments, the function that computes it, its gradient, what it does under ``vmap``."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

from metagrad.autograd.custom import Context
from metagrad.autograd.function import Function
from metagrad.autograd.mode import is_grad_enabled, no_grad
from metagrad.compat.op_schemas import FunctionSchema
from metagrad.compat.torch_function import asked
from metagrad.tensors.tensor import Tensor
from metagrad.utils._pytree import tensors_in

__all__ = ["CustomOpDef", "OpOverload", "OpOverloadPacket"]


def _is_several(x: Any) -> bool:
    """Whether an argument is a list of tensors, each of which has a gradient."""
    return isinstance(x, (list, tuple)) and any(isinstance(part, Tensor) for part in x)


class _Call:
    """How an op was called: what was given by keyword alone, and which of its inputs are lists."""

    def __init__(self, inputs: Sequence[Any], further: dict[str, Any]) -> None:
        self.further = further
        self.counts = [len(x) if _is_several(x) else None for x in inputs]
        self.flat = [y for x, n in zip(inputs, self.counts, strict=True) for y in ([x] if n is None else x)]
        self.gives_list = False

    def nested(self, flat: Sequence[Any]) -> tuple[Any, ...]:
        """One value for each input, a list for those that are lists."""
        rest = iter(flat)
        return tuple([next(rest) if n is None else [next(rest) for _ in range(n)] for n in self.counts])

    def flattened(self, grads: Any) -> tuple[Any, ...]:
        """The gradients that a user's function returns, one after the other."""
        alone = not isinstance(grads, (tuple, list)) or (isinstance(grads, list) and self.counts == [len(grads)])
        given = (grads,) if alone else tuple(grads)
        if len(given) != len(self.counts):
            return given  # which the backward pass says
        return tuple(
            [g for x, n in zip(given, self.counts, strict=True) for g in ([x] if n is None else x or [None] * n)]
        )


class _Inside(threading.local):
    """The ops whose ``above`` this thread is in: what it calls of them is what is below."""

    def __init__(self) -> None:
        self.ops: set[CustomOpDef] = set()


_inside = _Inside()


class _Lasting:
    """An op is one thing, to which registrations go: a copy of what holds it holds the same op."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self


class OpOverload(_Lasting):
    """An op as programs call it, ``torch.ops.ns.name.default``: classes and modes are asked first."""

    def __init__(self, definition: CustomOpDef) -> None:
        self.definition = definition
        self._qualname = definition._qualname
        self.namespace, _, name = self._qualname.partition("::")
        self._opname, _, self._overloadname = name.partition(".")
        self._overloadname = self._overloadname or "default"
        self._name = f"{self.namespace}::{name}"
        self.__name__ = self.__qualname__ = f"{self._opname}.{self._overloadname}"
        self.__module__ = f"torch.ops.{self.namespace}"
        self._call = asked(definition.compute, lambda: self)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Compute it."""
        return self._call(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<OpOverload(op='{self.namespace}.{self._opname}', overload='{self._overloadname}')>"

    def __str__(self) -> str:
        return f"{self.namespace}.{self.__name__}"

    @property
    def _schema(self) -> FunctionSchema:
        """Its schema."""
        return self.definition.schema

    @property
    def overloadpacket(self) -> OpOverloadPacket:
        """The op with all its overloads."""
        return OpOverloadPacket.of[f"{self.namespace}::{self._opname}"]

    def name(self) -> str:
        """Namespace and name."""
        return self._name


class OpOverloadPacket(_Lasting):
    """An op with all its overloads, ``torch.ops.ns.name``; called, it is the first that fits."""

    of: dict[str, OpOverloadPacket] = {}

    def __init__(self, qualname: str) -> None:
        self._qualified_op_name, self._made = qualname, dict[str, CustomOpDef]()
        namespace, _, self.__name__ = qualname.partition("::")
        self.__qualname__, self.__module__ = self.__name__, f"torch.ops.{namespace}"
        self._call = asked(self._first, lambda: self)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Compute it."""
        return self._call(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='{self}')>"

    def __str__(self) -> str:
        return self._qualified_op_name.replace("::", ".")

    def __getattr__(self, overload: str) -> OpOverload:
        made = self.__dict__.get("_made", {})
        if overload not in made:
            if overload.startswith("_"):  # what copying and pickling look for in an object that is still empty
                raise AttributeError(overload)
            raise AttributeError(f"The underlying op of '{self}' has no overload name '{overload}'")
        return made[overload]._opoverload

    def overloads(self) -> list[str]:
        """The names of the overloads."""
        return list(self._made)

    def _first(self, *args: Any, **kwargs: Any) -> Any:
        *others, last = self._made.values()
        for definition in others:
            try:
                definition.schema.bound(args, kwargs)
            except RuntimeError:
                continue
            return definition.compute(*args, **kwargs)
        return last.compute(*args, **kwargs)


class CustomOpDef(_Lasting):
    """An op by name: the function that computes it, and its gradient where one was registered.

    functional: whether it was made from a function, whose results are new tensors, with a gradient only if one is registered.
    """

    def __init__(self, name: str, schema: str, function: Callable[..., Any] | None = None, devices: Any = None) -> None:
        self._qualname = name
        self._name = name.rpartition("::")[2]
        self.schema = FunctionSchema(name, schema, function)
        self.functional = function is not None and not self.schema.is_mutable
        self._unrecorded = function is not None  # whatever its function does
        self.above: Callable[..., Any] | None = None  # what is called first, and calls the op again
        self._kernels: dict[str | None, Callable[..., Any]] = {}  # by the kind of device; None: any
        self._disabled: set[str] = set()
        self._gradient: tuple[Callable[..., Any], Callable[..., Any] | None] | None = None
        self._vmap: Callable[..., Any] | None = None
        self._node: Any = None  # a Function, where there is a gradient or something to do under vmap
        self.fake: Callable[..., Any] | None = None
        if function is not None:
            functools.update_wrapper(self, function)
            self._init_fn = function
            self.register_kernel(devices, function)
        self._opoverload = OpOverload(self)
        whole, _, overload = name.partition(".")
        packet = OpOverloadPacket.of.setdefault(whole, OpOverloadPacket(whole))
        packet._made[overload or "default"] = self

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Compute it."""
        return self._opoverload(*args, **kwargs)

    @property
    def default(self) -> OpOverload:
        """The op as ``torch.ops`` has it."""
        return self._opoverload

    def compute(self, /, *args: Any, **kwargs: Any) -> Any:
        """Compute it, without asking anybody. Raises RuntimeError for arguments that the schema does not have."""
        args, kwargs = self.schema.bound(args, kwargs)
        if self.above is not None and self not in _inside.ops:
            _inside.ops.add(self)
            try:
                return self.above(*args, **kwargs)
            finally:
                _inside.ops.discard(self)
        if self._node is None:
            lost = self.functional and is_grad_enabled()
            if not lost or not any(x.requires_grad for x in tensors_in(args)):
                return self._run(args, kwargs)
            self._node = self._made()
        call = _Call(args, kwargs)
        found = self._node.apply(call, *call.flat)
        return list(found) if call.gives_list else found

    def _run(self, args: Any, kwargs: Any) -> Any:
        quick = not self._unrecorded and args and isinstance(args[0], Tensor)
        given = [args[0]] if quick else tensors_in(args)
        if kwargs and not quick:
            given += tensors_in(kwargs)
        kernel = self._kernel(given[0].device.type if given else "cpu")
        if not self._unrecorded:
            return kernel(*args, **kwargs)
        with no_grad():
            result = kernel(*args, **kwargs)
        self._check(given, result)
        return result

    def _check(self, given: list[Tensor], result: Any) -> None:
        """Raise if a result is no tensor where there should be one, or shares its memory with an argument or another result."""
        returns = self.schema.returns
        if not returns and result is not None:
            raise RuntimeError(
                f"Expected PythonKernelHolder for {self._qualname} to return None but it returned something else instead."
            )
        if len(returns) == 1 and returns[0].type == "Tensor" and not isinstance(result, (Tensor, type(None))):
            raise RuntimeError(f"Unable to cast {result!r} to Tensor")
        found = tensors_in(result)
        memories = {id(x._counter) for x in given}
        if not memories.isdisjoint(new := {id(x._counter) for x in found}) or len(new) < len(found):
            raise RuntimeError(
                f"{self._name} (with implementation in {self.__module__}): The output of this custom operator (1) must not also be "
                "an input to this custom operator and (2) may not alias any inputs to this custom operator or other returns. The "
                "most common way to trigger this error is if we have y = custom_op(x) and y and x are the same Tensor. Please "
                "instead return a clone of the offending output tensor(s) (e.g. return x.clone()) or refactor the custom operator "
                "to not return y."
            )

    def _kernel(self, device: str) -> Callable[..., Any]:
        """What computes it on a kind of device."""
        if device == "meta" and self.fake is not None:
            return self.fake
        if device == "meta" and self.functional:
            raise RuntimeError(
                f"There was no fake impl registered for {self}. This is necessary for torch.compile/export/fx tracing to work. "
                f"Please use `{self._init_fn.__name__}.register_fake` to add an fake impl."
            )
        found = None if device in self._disabled else self._kernels.get(device)
        found = found or self._kernels.get(None) or (self._init_fn if device in self._disabled else None)
        if found is None:
            raise NotImplementedError(
                f"Could not run '{self._qualname}' with arguments from the '{device.upper()}' backend: there is no implementation "
                f"for it, only for {sorted(map(str, self._kernels))}. Register one with impl()"
            )
        return found

    def register_kernel(self, device_types: Any, func: Callable[..., Any] | None = None, /) -> Any:
        """The function that computes it on some kinds of devices; None stands for all that have none of their own."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            several = device_types is not None and not isinstance(device_types, str)
            self._kernels.update(dict.fromkeys(device_types if several else [device_types], function))
            return function

        return register if func is None else register(func)

    @contextlib.contextmanager
    def set_kernel_enabled(self, device_type: str, enabled: bool = True) -> Iterator[None]:
        """Inside ``with``, whether the kernel registered for a kind of device is used, or the op's own function."""
        was = set(self._disabled)
        (self._disabled.discard if enabled else self._disabled.add)(device_type)
        try:
            yield
        finally:
            self._disabled = was

    def register_fake(self, func: Callable[..., Any], /) -> Callable[..., Any]:
        """What it gives on the device "meta"; elsewhere shapes are found by computing."""
        self.fake = func
        return func

    def register_torch_dispatch(self, torch_dispatch_class: Any, func: Callable[..., Any] | None = None, /) -> Any:
        """Accepted: there is no dispatcher."""
        return (lambda function: function) if func is None else func

    register_autocast = register_torch_dispatch

    def register_vmap(self, func: Callable[..., Any] | None = None, /) -> Any:
        """What it does of many examples: ``func(info, in_dims, *args)`` gives the result and its out_dims."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self._vmap = function
            self._node = self._made()
            return function

        return register if func is None else register(func)

    def register_autograd(
        self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """Its gradient: ``backward(ctx, *grads)``, with what ``setup_context(ctx, inputs, output)`` kept.

        Raises RuntimeError for an op that writes to its arguments.
        """
        if self.schema.is_mutable:
            raise RuntimeError(
                f"Cannot register autograd formula for non-functional operator {self} with schema {self.schema}. Please create a "
                "functional operator and register an autograd formula for that."
            )
        self._gradient = backward, setup_context
        self._node = self._made()

    def _made(self) -> type[Function]:
        """A Function of what was registered."""
        op = self

        class Custom(Function):
            _transforms = True  # grad and vmap may go through it

            @staticmethod
            def forward(ctx: Context, call: _Call, *flat: Any) -> Any:
                inputs = call.nested([x.detach() if isinstance(x, Tensor) else x for x in flat])
                output = op._run(inputs, call.further)
                ctx._call, ctx._needs = call, ctx.needs_input_grad[1:]  # type: ignore[attr-defined]
                if op._gradient is not None and op._gradient[1] is not None:
                    by_name = any(p.kind is p.KEYWORD_ONLY for p in op.schema.signature.parameters.values())
                    named = {"keyword_only_inputs": call.further} if by_name else {}
                    op._gradient[1](ctx, call.nested(flat), output=output, **named)
                call.gives_list = isinstance(output, list)
                return tuple(output) if call.gives_list else output

            @staticmethod
            def backward(ctx: Context, *grads: Any) -> Any:
                if op._gradient is None:
                    raise RuntimeError(
                        f"Trying to backward through {op._opoverload} but no autograd formula was "
                        "registered. Please use register_autograd to add one."
                    )
                call: _Call = ctx._call
                ctx.needs_input_grad = call.nested(ctx._needs)
                given = op._gradient[0](ctx, list(grads)) if call.gives_list else op._gradient[0](ctx, *grads)
                return None, *call.flattened(given)

        if self._vmap is not None:
            own = self._vmap

            def mapped(info: Any, in_dims: Sequence[Any], call: _Call, *flat: Any) -> Any:
                return own(info, call.nested(in_dims[1:]), *call.nested(flat), **call.further)

            Custom.vmap = staticmethod(mapped)  # type: ignore[attr-defined]
        opname, _, overload = self._qualname.replace("::", "_").partition(".")
        Custom.__name__ = Custom.__qualname__ = f"GeneratedBackwardFor_{opname}_{overload or 'default'}"
        return Custom
