"""An op that a program defines: its arguments, the function that computes it, its gradient, what it does under ``vmap``."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

from metagrad.autograd.custom import Context
from metagrad.autograd.function import Function
from metagrad.tensors.tensor import Tensor

__all__ = ["CustomOpDef", "signature_of"]

_COMMA = re.compile(r",(?![^\[]*\])")  # outside the brackets of a default


def signature_of(schema: str) -> inspect.Signature:
    """The arguments that a schema names, each annotated with its type as it is written there.

    >>> str(signature_of("scaled(Tensor x, int[] dim=[0, 1], *, float k=2.0, bool up=True) -> (Tensor, Tensor)"))
    "(x: 'Tensor', dim: 'int[]' = [0, 1], *, k: 'float' = 2.0, up: 'bool' = True)"
    """
    inside = schema.rpartition("->")[0].partition("(")[2].rstrip()[:-1]
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    found = []
    for part in filter(None, map(str.strip, _COMMA.split(inside))):
        if part == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
            continue
        text, equals, value = part.partition("=")
        written, _, name = text.strip().rpartition(" ")
        found.append(inspect.Parameter(name, kind, default=_number(value) if equals else _EMPTY, annotation=written))
    return inspect.Signature(found)


_EMPTY = inspect.Parameter.empty


def _number(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except ValueError:
        return text.strip()


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


class CustomOpDef:
    """An op by name: the function that computes it, and its gradient where one was registered."""

    def __init__(
        self, name: str, function: Callable[..., Any] | None = None, schema: str | None = None, mutates: Any = ()
    ) -> None:
        self._name, self._qualname = name.rpartition("::")[2], name
        self._function, self._schema, self.mutates = function, schema, mutates
        self._gradient: tuple[Callable[..., Any], Callable[..., Any] | None] | None = None
        self._vmap: Callable[..., Any] | None = None
        self._node: Any = None  # a Function, where there is a gradient or something to do under vmap
        self.fake: Callable[..., Any] | None = None
        if function is not None:
            functools.update_wrapper(self, function)

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """Its arguments, by its schema if it has one."""
        return inspect.signature(self._function) if self._schema is None else signature_of(self._schema)  # type: ignore[arg-type]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute it."""
        if self._function is None:
            raise NotImplementedError(
                f"{self._qualname} is defined, and has no implementation: register one with impl()"
            )
        if self._schema is None and self._node is None:
            return self._function(*args, **kwargs)
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()  # what a context and a gradient are given does not depend on how the op was called
        if self._node is None:
            return self._function(*bound.args, **bound.kwargs)
        call = _Call(bound.args, bound.kwargs)
        found = self._node.apply(call, *call.flat)
        return list(found) if call.gives_list else found

    @property
    def default(self) -> CustomOpDef:
        """The op: there are no overloads."""
        return self

    def register_kernel(self, device_types: Any, func: Callable[..., Any] | None = None, /) -> Any:
        """The function that computes it, on whichever device."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self._function = function
            return function

        return register if func is None else register(func)

    def register_fake(self, func: Callable[..., Any], /) -> Callable[..., Any]:
        """Kept for ``opcheck``: shapes are found by computing."""
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
        """Its gradient: ``backward(ctx, *grads)``, with what ``setup_context(ctx, inputs, output)`` kept."""
        self._gradient = backward, setup_context
        self._node = self._made()

    def _made(self) -> type[Function]:
        """A Function of what was registered."""
        op = self

        class Custom(Function):
            _transforms = True  # grad and vmap may go through it

            @staticmethod
            def forward(ctx: Context, call: _Call, *flat: Any) -> Any:
                assert op._function is not None
                inputs = call.nested([x.detach() if isinstance(x, Tensor) else x for x in flat])
                output = op._function(*inputs, **call.further)
                ctx._call, ctx._needs = call, ctx.needs_input_grad[1:]  # type: ignore[attr-defined]
                if op._gradient is not None and op._gradient[1] is not None:
                    by_name = any(p.kind is p.KEYWORD_ONLY for p in op.signature.parameters.values())
                    named = {"keyword_only_inputs": call.further} if by_name else {}
                    op._gradient[1](ctx, call.nested(flat), output=output, **named)
                call.gives_list = isinstance(output, list)
                return tuple(output) if call.gives_list else output

            @staticmethod
            def backward(ctx: Context, *grads: Any) -> Any:
                if op._gradient is None:
                    raise RuntimeError(
                        f"Trying to backward through {op._qualname.replace('::', '.')}.default but no autograd formula was "
                        "registered. Please use register_autograd to add one."
                    )
                call: _Call = ctx._call  # type: ignore[attr-defined]
                ctx.needs_input_grad = call.nested(ctx._needs)  # type: ignore[attr-defined]
                given = op._gradient[0](ctx, list(grads)) if call.gives_list else op._gradient[0](ctx, *grads)
                return None, *call.flattened(given)

        if self._vmap is not None:
            own = self._vmap

            def mapped(info: Any, in_dims: Sequence[Any], call: _Call, *flat: Any) -> Any:
                return own(info, call.nested(in_dims[1:]), *call.nested(flat), **call.further)

            Custom.vmap = staticmethod(mapped)  # type: ignore[attr-defined]
        Custom.__name__ = Custom.__qualname__ = self._name
        return Custom
