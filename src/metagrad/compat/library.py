"""``torch.library`` and ``torch.ops``: ops that a program gives a name, ``namespace::name``, and calls by it.

>>> import metagrad
>>> @custom_op("example::twice", mutates_args=())
... def twice(x: metagrad.Tensor) -> metagrad.Tensor:
...     return x * 2
>>> ops.example.twice(metagrad.ones(2))
tensor([2., 2.])
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any

from metagrad.autograd.custom import Context
from metagrad.autograd.function import Function
from metagrad.nn import functional
from metagrad.tensors.tensor import Tensor

__all__ = [
    "CustomOpDef", "Library", "custom_op", "define", "get_ctx", "impl", "impl_abstract", "infer_schema", "opcheck", "ops",
    "register_autograd", "register_fake", "register_kernel", "triton_op",
]  # fmt: skip

_defined: dict[str, CustomOpDef] = {}


class CustomOpDef:
    """An op by name: the function that computes it, and its gradient where one was registered."""

    def __init__(self, name: str, function: Callable[..., Any] | None = None) -> None:
        self._name, self._qualname = name.rpartition("::")[2], name
        self._function, self._apply = function, function
        if function is not None:
            functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute it."""
        if self._apply is None:
            raise NotImplementedError(
                f"{self._qualname} is defined, and has no implementation: register one with impl()"
            )
        return self._apply(*args, **kwargs)

    @property
    def default(self) -> CustomOpDef:
        """The op: there are no overloads."""
        return self

    def register_kernel(self, device_types: Any, func: Callable[..., Any] | None = None, /) -> Any:
        """The function that computes it, on whichever device."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self._function = self._apply = function
            return function

        return register if func is None else register(func)

    def register_fake(self, func: Callable[..., Any], /) -> Callable[..., Any]:
        """Accepted: shapes are found by computing."""
        return func

    register_vmap = register_torch_dispatch = register_autocast = register_fake

    def register_autograd(
        self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """Its gradient: ``backward(ctx, *grads)``, with what ``setup_context(ctx, inputs, output)`` kept."""
        op = self
        signature = inspect.signature(self._function) if self._function is not None else None
        kinds = [] if signature is None else [parameter.kind for parameter in signature.parameters.values()]
        by_name = inspect.Parameter.KEYWORD_ONLY in kinds

        class Custom(Function):
            _transforms = True  # grad and vmap may go through it

            @staticmethod
            def forward(ctx: Context, further: dict[str, Any], *inputs: Any) -> Any:
                assert op._function is not None
                output = op._function(*[x.detach() if isinstance(x, Tensor) else x for x in inputs], **further)
                if setup_context is not None:
                    named = {"keyword_only_inputs": further} if by_name else {}
                    setup_context(ctx, inputs, output=output, **named)
                return output

            @staticmethod
            def backward(ctx: Context, *grads: Any) -> Any:
                given = backward(ctx, *grads)
                return (None, *given) if isinstance(given, (tuple, list)) else (None, given)

        def apply(*inputs: Any, **further: Any) -> Any:
            # What a context and a gradient are given does not depend on how the op was called.
            if signature is not None:
                bound = signature.bind(*inputs, **further)
                bound.apply_defaults()
                inputs, further = bound.args, bound.kwargs
            return Custom.apply(further, *inputs)

        Custom.__name__ = Custom.__qualname__ = self._name
        self._apply = apply


def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: str | Iterable[str] = (),
    device_types: Any = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """A function as the op ``name``, "namespace::name"; without a function, a decorator. ``ops`` finds it."""
    if name.count("::") != 1:
        raise ValueError(f'expected a name such as "namespace::name", got {name!r}')

    def make(function: Callable[..., Any]) -> CustomOpDef:
        _defined[name] = CustomOpDef(name, function)
        return _defined[name]

    return make if fn is None else make(fn)


triton_op = custom_op


def _op(name: Any) -> CustomOpDef:
    found = name if isinstance(name, CustomOpDef) else _defined.get(str(name).partition(".")[0])
    if found is None:
        raise RuntimeError(f"there is no op {name!r}: define it with custom_op() or define()")
    return found


def define(qualname: str, schema: str | None = None, *, lib: Any = None, tags: Any = None) -> None:
    """An op by name, to be given an implementation by ``impl``."""
    _defined[qualname.partition("(")[0]] = CustomOpDef(qualname.partition("(")[0])


def impl(qualname: str, types: Any, func: Callable[..., Any] | None = None, *, lib: Any = None) -> Any:
    """The function that computes an op, on whichever device."""
    return _op(qualname).register_kernel(types, func)


def register_kernel(op: Any, device_types: Any, func: Callable[..., Any] | None = None, /, *, lib: Any = None) -> Any:
    """The function that computes an op, on whichever device."""
    return _op(op).register_kernel(device_types, func)


def register_fake(op: Any, func: Callable[..., Any] | None = None, /, **_: Any) -> Any:
    """Accepted: shapes are found by computing."""
    return (lambda function: function) if func is None else func


impl_abstract = register_vmap = register_fake


def register_autograd(op: Any, backward: Callable[..., Any], /, *, setup_context: Any = None, lib: Any = None) -> None:
    """The gradient of an op: see ``CustomOpDef.register_autograd``."""
    _op(op).register_autograd(backward, setup_context=setup_context)


def get_ctx() -> None:
    """None: shapes are found by computing."""


def infer_schema(
    prototype_function: Callable[..., Any], /, *, mutates_args: Any = (), op_name: str | None = None
) -> str:
    """The signature, as text."""
    return (op_name or "") + str(inspect.signature(prototype_function))


def opcheck(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None, **_: Any) -> dict[str, str]:
    """Run an op once; raises what it raises.

    >>> opcheck(abs, (-1,))
    {'test_schema': 'SUCCESS'}
    """
    op(*args, **(kwargs or {}))
    return {"test_schema": "SUCCESS"}


class Library:
    """Ops of one namespace: ``Library("example", "DEF")``, then ``define("twice(Tensor x) -> Tensor")`` and ``impl``."""

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        self.ns, self.kind = ns, kind

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """An op of this namespace; its name is what stands before the bracket."""
        name = schema.partition("(")[0].strip()
        define(f"{self.ns}::{name}")
        return name

    def impl(self, op_name: Any, fn: Callable[..., Any], dispatch_key: str = "", **_: Any) -> None:
        """The function that computes it. One registered for "Meta" says shapes, which are found by computing."""
        name = str(op_name).partition(".")[0].rpartition("::")[2]
        if dispatch_key != "Meta":
            _op(f"{self.ns}::{name}").register_kernel(None, fn)


class _Builtin:
    """One of metagrad's own functions as an op: its overloads, ``add.Tensor``, are the function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __getattr__(self, overload: str) -> Any:
        if overload.startswith("__"):
            raise AttributeError(overload)
        return self.function


def _to_copy(self: Tensor, **options: Any) -> Tensor:
    """A copy, with what is to be different: dtype, device, memory_format."""
    return self.to(copy=True, **{name: value for name, value in options.items() if value is not None})


def _internal(name: str) -> Callable[..., Any]:
    """One of PyTorch's internal steps, ``aten::_name``: programs name them in tables of overrides, and few ever call one."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"'aten::{name}' is an internal step of PyTorch's, and metagrad has none of that name"
        )

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


def _slice(self: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """self[start:end:step] along a dimension."""
    return self[(*(slice(None),) * (dim % self.ndim), slice(start, end, step))]


def _index(self: Tensor, indices: Iterable[Tensor | None]) -> Tensor:
    """self[indices], where None takes the whole of a dimension."""
    return self[tuple(slice(None) if index is None else index for index in indices)]


_STEPS = {
    "_to_copy": _to_copy,
    "slice": _slice,
    "index": _index,
    "alias": lambda self: self.view_as(self),
}  # names of the operators' own
_FAMILIES = ("fft", "linalg", "special")  # fft_rfft is metagrad.fft.rfft


def _aten(op: str) -> Callable[..., Any] | None:
    """metagrad's function for ``aten::op``."""
    metagrad = sys.modules["metagrad"]
    found: Any = _STEPS.get(op)
    places: tuple[Any, ...] = (functional, metagrad, Tensor)
    for place in places:
        found = found or getattr(place, op, None)
    family, _, name = op.partition("_")
    if found is None and family in _FAMILIES and name:
        found = getattr(getattr(metagrad, family), name, None)
    if found is not None:
        return found
    return _internal(op) if op.startswith("_") else None


class _Namespace:
    """The ops of a namespace, ``ops.example``; those of "aten" are metagrad's functions."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, op: str) -> Any:
        found = _defined.get(f"{self.name}::{op}")
        if found is not None:
            return found
        if self.name in ("aten", "prims") and not op.startswith("__"):
            function = _aten(op)
            if function is not None:
                return _Builtin(function)
        raise AttributeError(f"there is no op '{self.name}::{op}'")


class _Ops:
    """``torch.ops``."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Namespace(name)

    def load_library(self, path: str) -> None:
        """Raises: a compiled library has nothing to link to."""
        raise OSError(f"{path} cannot be loaded: metagrad is Python, and compiled ops have nothing to link to")


ops = _Ops()
