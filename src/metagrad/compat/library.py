"""``torch.library`` and ``torch.ops``: ops that a program gives a name, ``namespace::name``, and calls by it.

>>> import metagrad
>>> @custom_op("example::twice", mutates_args=())
... def twice(x: metagrad.Tensor) -> metagrad.Tensor:
...     return x * 2
>>> ops.example.twice(metagrad.ones(2))
tensor([2., 2.])
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from metagrad.compat.custom_ops import CustomOpDef, OpOverload, OpOverloadPacket
from metagrad.compat.op_schemas import infer_schema
from metagrad.nn import functional
from metagrad.tensors.tensor import Tensor
from metagrad.utils._pytree import tensors_in

__all__ = [
    "CustomOpDef", "Library", "OpCheckError", "custom_op", "define", "get_ctx", "impl", "impl_abstract", "infer_schema",
    "opcheck", "ops", "register_autograd", "register_fake", "register_kernel", "register_vmap", "triton_op",
]  # fmt: skip

_defined: dict[str, CustomOpDef] = {}


def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: str | Iterable[str],
    device_types: Any = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """A function as the op ``name``, "namespace::name"; without a function, a decorator. ``ops`` finds it.

    Its arguments are what its annotations say, unless a schema does. Raises ValueError where they do not say enough.
    """
    if name.count("::") != 1:
        raise ValueError(f'expected a name such as "namespace::name", got {name!r}')

    def make(function: Callable[..., Any]) -> CustomOpDef:
        found = infer_schema(function, mutates_args=mutates_args) if schema is None else schema
        _defined[name] = CustomOpDef(name, found, function, device_types)
        return _defined[name]

    return make if fn is None else make(fn)


triton_op = custom_op


def _op(name: Any) -> CustomOpDef:
    if isinstance(name, OpOverload):
        return name.definition
    found = name if isinstance(name, CustomOpDef) else _defined.get(str(name).removesuffix(".default"))
    if found is None:
        raise RuntimeError(f"operator {name} does not exist: define it with custom_op() or define()")
    return found


def define(qualname: str, schema: str | None = None, *, lib: Any = None, tags: Any = None) -> None:
    """An op by name, to be given an implementation by ``impl``. Raises RuntimeError for a name that is taken."""
    name, bracket, rest = qualname.partition("(")
    schema = bracket + rest if schema is None else schema
    if name in _defined:
        raise RuntimeError(
            f"Tried to register an operator ({name}{schema}) with the same name and overload name multiple times. Each overload's "
            "schema should only be registered with a single call to def()."
        )
    _defined[name] = CustomOpDef(name, schema)
    if lib is not None:
        lib._names.append(name)


_ABSENT = object()


def _forget(names: list[str], registered: list[tuple[dict[Any, Any], Any, Any, Any]]) -> None:
    """Undo what a library registered, the last first, and what it defined."""
    for place, key, found, before in reversed(registered):
        if place.get(key) is not found:  # another has replaced it since
            continue
        if before is _ABSENT:
            del place[key]
        else:
            place[key] = before
    for name in names:
        _defined.pop(name, None)
        whole, _, overload = name.partition(".")
        packet = OpOverloadPacket.of[whole]
        packet._made.pop(overload or "default", None)
        if not packet._made:
            del OpOverloadPacket.of[whole]


def _give(lib: Library | None, place: dict[Any, Any], key: Any, found: Any) -> None:
    """Register something, and have a library take it back when it ends."""
    if lib is not None:
        lib._registered.append((place, key, found, place.get(key, _ABSENT)))
    place[key] = found


_DEVICES = {"CPU": "cpu", "CUDA": "cuda", "MPS": "mps", "XPU": "xpu"}  # another key is for any


def impl(qualname: str, types: Any, func: Callable[..., Any] | None = None, *, lib: Any = None) -> Any:
    """The function that computes an op, on devices of these kinds; "default" are all."""
    kernels = _op(qualname)._kernels

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for kind in [types] if isinstance(types, str) else types:
            _give(lib, kernels, None if kind == "default" else _DEVICES.get(kind, kind.lower()), function)
        return function

    return register if func is None else register(func)


def register_kernel(op: Any, device_types: Any, func: Callable[..., Any] | None = None, /, *, lib: Any = None) -> Any:
    """The function that computes an op, on devices of these kinds."""
    return _op(op).register_kernel(device_types, func)


def register_fake(op: Any, func: Callable[..., Any] | None = None, /, *, lib: Any = None, **_: Any) -> Any:
    """What an op gives on the device "meta". An op that is not there may be one of a compiled library, left out."""
    missing = isinstance(op, str) and op not in _defined

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if not missing:
            _give(lib, _op(op).__dict__, "fake", function)
        return function

    return register if func is None else register(func)


impl_abstract = register_fake


def register_vmap(op: Any, func: Callable[..., Any] | None = None, /, *, lib: Any = None) -> Any:
    """What an op does of many examples: see ``CustomOpDef.register_vmap``."""
    return _op(op).register_vmap(func)


def register_autograd(op: Any, backward: Callable[..., Any], /, *, setup_context: Any = None, lib: Any = None) -> None:
    """The gradient of an op: see ``CustomOpDef.register_autograd``."""
    found = _op(op).__dict__
    before = dict(found)
    _op(op).register_autograd(backward, setup_context=setup_context)
    if lib is not None:
        lib._registered += [(found, key, found[key], before[key]) for key in ("_gradient", "_node")]


def get_ctx() -> None:
    """None: shapes are found by computing."""


_TESTS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")


class OpCheckError(Exception):
    """What ``opcheck`` found."""


def opcheck(
    op: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None, *, test_utils: str | Sequence[str] = _TESTS,
    raise_exception: bool = True, atol: float | None = None, rtol: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Run an op: whether it writes to what it does not say, and whether its fake gives results of the right shapes and dtypes.

    Raises OpCheckError for what is wrong, unless it is only to be told.

    >>> import metagrad
    >>> opcheck(abs, (metagrad.ones(2),), test_utils="test_schema")
    {'test_schema': 'SUCCESS'}
    """
    found: dict[str, Any] = {}
    op = op.definition if isinstance(op, OpOverload) else op
    for test in [test_utils] if isinstance(test_utils, str) else test_utils:
        wrong = _CHECKS[test](op, args, kwargs or {}) if test in _CHECKS else None
        if wrong and raise_exception:
            raise OpCheckError(f"opcheck(op, ...): {test} failed with {wrong}")
        found[test] = OpCheckError(wrong) if wrong else "SUCCESS"
    return found


def _writes(op: Any, args: Any, kwargs: Any) -> str | None:
    given = tensors_in((args, kwargs))
    before = [x._version for x in given]
    results = tensors_in([op(*args, **kwargs)])
    schema = getattr(op, "schema", None)
    if (schema is None or not schema.is_mutable) and any(x._version != n for x, n in zip(given, before, strict=True)):
        return "an argument that is not defined as mutable but was mutated"
    if any(y is x for x in given for y in results):
        return "an output that is also an input: custom ops return new tensors"
    return None


def _misshapes(op: Any, args: Any, kwargs: Any) -> str | None:
    if getattr(op, "fake", None) is None:
        if not getattr(op, "functional", False):
            return None
        return (
            f"There was no fake impl registered for {op}. This is necessary for torch.compile/export/fx tracing to work. Please "
            f"use `{op.__name__}.register_fake` to add an fake impl."
        )
    given = [[(tuple(x.shape), x.dtype) for x in tensors_in([f(*args, **kwargs)])] for f in (op, op.fake)]
    return None if given[0] == given[1] else f"shapes and dtypes {given[1]} of the fake, where the op has {given[0]}"


_CHECKS = {"test_schema": _writes, "test_faketensor": _misshapes}


class Library:
    """Ops of one namespace: ``Library("example", "DEF")``, then ``define("twice(Tensor x) -> Tensor")`` and ``impl``.

    What it defined, and what it gave to ops of others, is there as long as the library is.
    """

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        if kind not in ("DEF", "FRAGMENT", "IMPL"):
            raise ValueError(f"Unsupported kind: {kind}")
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key
        self._names: list[str] = []
        self._registered: list[tuple[dict[Any, Any], Any, Any, Any]] = []  # where, what now, what before
        self._end = weakref.finalize(self, _forget, self._names, self._registered)

    def __repr__(self) -> str:
        return f"Library(kind={self.kind}, ns={self.ns}, dispatch_key={self.dispatch_key})>"

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """An op of this namespace; its name is what stands before the bracket. Returns it, without the overload's."""
        name = schema.partition("(")[0].strip()
        define(f"{self.ns}::{schema.strip()}")
        self._names.append(f"{self.ns}::{name}")
        return name.partition(".")[0]

    def impl(self, op_name: Any, fn: Callable[..., Any], dispatch_key: str = "", **_: Any) -> None:
        """The function that computes it, on a kind of device or on all; for "Meta" shapes, for "Autograd" what calls the others."""
        if not callable(fn):
            raise TypeError(f"Input function is required to be a callable but found type {type(fn)}")
        name = op_name._name if isinstance(op_name, OpOverload) else str(op_name)
        op = _op(f"{self.ns}::{name.rpartition('::')[2]}")
        key = dispatch_key or self.dispatch_key
        place: dict[Any, Any] = op.__dict__
        if key == "Meta":
            slot: str | None = "fake"
        elif key.startswith("Autograd"):
            slot = "above"
        else:
            place, slot = op._kernels, _DEVICES.get(key)
        _give(self, place, slot, fn)

    def _destroy(self) -> None:
        self._end()


@contextlib.contextmanager
def _scoped_library(*args: Any, **kwargs: Any) -> Iterator[Library]:
    library = Library(*args, **kwargs)
    try:
        yield library
    finally:
        library._destroy()


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
        if op.startswith("__"):  # of an object that is being copied, which has no name yet
            raise AttributeError(op)
        if self.name == "profiler":
            importlib.import_module("metagrad.compat.profiler_ops")
        found = OpOverloadPacket.of.get(f"{self.name}::{op}")
        if found is not None:
            return found
        if self.name in ("aten", "prims"):
            function = _aten(op)
            if function is not None:
                return _Builtin(function)
        raise AttributeError(f"'_OpNamespace' '{self.name}' object has no attribute '{op}'")

    def __iter__(self) -> Iterator[str]:
        return (name.partition("::")[2] for name in OpOverloadPacket.of if name.startswith(f"{self.name}::"))


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
