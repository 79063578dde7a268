"""``__torch_function__``: classes that have a say in what functions of their instances do, and subclasses that stay subclasses.

Asking costs time in every call, and few programs need it. So nothing asks until the first class is made that could answer: a
subclass of Tensor, under the alias any class with a ``__torch_function__``, or a ``TorchFunctionMode`` that is entered. Then
``start_asking`` puts a function that asks in the place of each public function, and of Tensor's methods and properties.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from metagrad.autograd.variable import Variable, wrap
from metagrad.base import later
from metagrad.base.naming import ShownName, is_own, renamed
from metagrad.base.results import Results
from metagrad.base.warning import warn_once
from metagrad.compat.replacing import replace, replace_held
from metagrad.ops.create.from_data import tensor
from metagrad.tensors.tensor import Tensor

__all__ = ["asked", "hidden", "names", "overloaded", "start_asking", "state"]


class State(threading.local):
    """What holds in this thread: the modes entered, the innermost last, and whether classes and modes are asked."""

    def __init__(self) -> None:
        self.modes: list[Any] = []
        self.classes = True
        self.passing = False  # whether the next call is not to ask: ``redispatch_function``


state = State()
entered: list[Any] = []  # the modes of all threads
names: dict[Any, str] = {}  # each function that asks, and its public name
hidden: set[Any] = set()  # functions that are not found by their public names, for others that ask stand there
_asking = False
_unasked_still: dict[Any, Any] = {}  # functions that a program may hold, and those in their places
_plain: set[type] = {Tensor, int, float, bool, str, type(None)}  # classes that need not be asked

_OPERATORS = {  # the method that is named to whom is asked, where an operator is one
    "__add__": "add", "__radd__": "add", "__iadd__": "add_", "__sub__": "sub", "__isub__": "sub_", "__mul__": "mul",
    "__rmul__": "mul", "__imul__": "mul_", "__truediv__": "div", "__itruediv__": "div_", "__mod__": "remainder",
    "__imod__": "remainder_", "__matmul__": "matmul", "__neg__": "neg", "__pos__": "positive", "__abs__": "abs",
    "__rand__": "bitwise_and", "__ror__": "bitwise_or", "__rxor__": "bitwise_xor", "__ne__": "ne", "__lt__": "lt",
    "__le__": "le", "__gt__": "gt", "__ge__": "ge", "__iand__": "bitwise_and_", "__ior__": "bitwise_or_",
    "__ixor__": "bitwise_xor_",
}  # fmt: skip
_SPECIAL = (
    "__and__ __array__ __bool__ __complex__ __contains__ __deepcopy__ __dlpack__ __dlpack_device__ __eq__ __float__ "
    "__floordiv__ __format__ __getitem__ __ifloordiv__ __ilshift__ __index__ __int__ __invert__ __ipow__ __irshift__ __len__ "
    "__lshift__ __or__ __pow__ __reduce_ex__ __repr__ __reversed__ __rfloordiv__ __rlshift__ __rmatmul__ __rmod__ __rpow__ "
    "__rrshift__ __rshift__ __rsub__ __rtruediv__ __setitem__ __xor__"
).split()
_NOT_ASKED = set(
    "as_subclass as_tensor default_generator fork_rng from_numpy get_rng_state initial_seed is_tensor manual_seed seed "
    "set_rng_state tensor_class".split()
)
_METHODS = ("sigmoid", "tanh")  # of nn.functional: they call the method
_TOP = (
    "compat.undocumented",
    "compat.recurrent_functions",
    "compat.native_functions",
)  # their functions are at the top of ``torch``
_SPACES = ("", "nn.functional", "linalg", "fft", "special", "nn.init", *_TOP)  # the namespaces whose functions ask
_COMPUTING = tuple(f"metagrad.{room}" for room in ("ops.", *_SPACES[1:]))


# ------------------------------------------------ who is asked


def disabled(cls: type, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """``_disabled_torch_function_impl``: a class that has it as ``__torch_function__`` is not asked."""
    was, state.classes = state.classes, False
    try:
        return func(*args, **(kwargs or {}))
    finally:
        state.classes = was


def _is_pytorchs(kind: type) -> bool:
    """Whether a class is PyTorch's own tensor, or made of it, which can answer for PyTorch's functions only."""
    theirs = getattr(sys.modules.get("torch"), "Tensor", Tensor)
    return theirs is not Tensor and issubclass(kind, theirs)


def _answers(kind: type) -> bool:
    """Whether a class is to be asked."""
    found = getattr(kind, "__torch_function__", None)
    if found is None or _is_pytorchs(kind) or getattr(found, "__func__", found) is disabled or found is disabled:
        _plain.add(kind)
        return False
    return True


def overloaded(args: Any, kwargs: Any = None) -> list[Any]:
    """Of the arguments, and of what is in lists and tuples among them, one of each class to be asked: subclasses first."""
    found: list[Any] = []
    for arg in (*args, *kwargs.values()) if kwargs else args:
        for x in arg if isinstance(arg, (list, tuple)) else (arg,):
            kind = x.__class__
            if kind in _plain or not hasattr(kind, "__torch_function__") or any(kind is type(f) for f in found):
                continue
            if _answers(kind):
                at = next((i for i, f in enumerate(found) if issubclass(kind, type(f))), len(found))
                found.insert(at, x)
    return found


def handled(func: Any, relevant: list[Any], args: Any, kwargs: Any) -> Any:
    """What the innermost mode, or else the first class that has an answer, makes of a call. TypeError if none has."""
    types = tuple([type(x) for x in relevant])
    if state.modes:
        mode = state.modes.pop()
        try:
            result = mode.__torch_function__(func, types, args, kwargs)
        finally:
            state.modes.append(mode)
        if result is not NotImplemented:
            return result
    for x in relevant:
        asked = x.__torch_function__
        if getattr(asked, "__self__", None) is x:
            warn_once(
                "Defining your `__torch_function__` as a plain method is deprecated and will be an error in future, please define "
                "it as a classmethod."
            )
        result = asked(func, types, args, kwargs)
        if result is not NotImplemented:
            return result
    refused = "\n".join(
        [f"  - mode object {mode!r}" for mode in state.modes[-1:]] + [f"  - tensor subclass {t}" for t in types]
    )
    raise TypeError(
        f"Multiple dispatch failed for '{names.get(func, getattr(func, '__name__', func))}'; all __torch_function__ handlers "
        f"returned NotImplemented:\n\n{refused}\n\nFor more information, try re-running with TORCH_LOGS=not_implemented"
    )


def asked(
    function: Callable[..., Any],
    known_as: Callable[[], Any] | None = None,
    given: Callable[[Any, Any], tuple[Any, Any]] | None = None,
) -> Callable[..., Any]:
    """A function that first asks its arguments' classes.

    known_as: gives what it is called to them, itself if None. given: what they get of the arguments, these if None.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not kwargs and not entered:
            for x in args:
                if x.__class__ not in _plain:
                    break
            else:  # what is nearly always so
                return function(*args)
        if state.passing:
            state.passing = False
            return function(*args, **kwargs)
        relevant = overloaded(args, kwargs) if state.classes and function is not tensor else []
        if relevant or state.modes:
            if given is not None:
                args, kwargs = given(args, kwargs)
            return handled(call if known_as is None else known_as(), relevant, args, kwargs)
        return function(*args, **kwargs)

    return call


_CODE = asked(len).__code__


def wrap_within(asking: Any, wrap: Callable[[Any], Any]) -> bool:
    """Let a function that asks call, once it has asked, what is made of the one it calls now. False for one that does not ask."""
    if getattr(asking, "__code__", None) is not _CODE:
        return False
    cell = asking.__closure__[asking.__code__.co_freevars.index("function")]
    cell.cell_contents = wrap(cell.cell_contents)
    return True


def unasked(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function in which no class is asked."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return disabled(Tensor, function, (), args, kwargs)

    return call


# ------------------------------------------------ what Tensor answers


@classmethod  # type: ignore[misc]
def of_tensor(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Compute it, and give tensors among the results this class."""
    if not all(issubclass(cls, t) for t in types):
        return NotImplemented
    result = disabled(cls, func, types, args, kwargs)
    return result if func in (Tensor.grad.__get__, Tensor._base.__get__) else converted(result, cls)


def converted(result: Any, cls: type) -> Any:
    """Tensors, and those in tuples and lists, as instances of a class."""
    if isinstance(result, Variable):
        return result if isinstance(result, cls) else _as(cls, result)
    if isinstance(result, (Results, list)) or result.__class__ is tuple:
        return type(result)([converted(part, cls) for part in result])
    return result


def _as(cls: type, x: Any) -> Any:
    """The same tensor as an instance of a class; of a leaf with a gradient a view, for its gradient is its own."""
    if x._requires_grad and x._grad_fn is None:
        return x.as_subclass(cls)
    same = wrap(x.array, x._requires_grad, cls)
    same._grad, same._grad_fn, same._counter, same._view, same._hooks = (
        x._grad,
        x._grad_fn,
        x._counter,
        x._view,
        x._hooks,
    )
    return same


# ------------------------------------------------ from when on


def start_asking(cls: type | None = None) -> None:
    """From here on functions, methods and properties ask. It happens once. ``cls``: a class derived from Tensor."""
    global _asking
    if cls is not None:
        from metagrad.compat import own_names  # few programs have such a class

        own_names.keep(cls)
    if _asking:
        return
    _asking = True
    Tensor.__torch_function__ = of_tensor  # type: ignore[attr-defined]
    from metagrad.compat.given_arguments import IN_FUNCTIONAL, given_by
    from metagrad.nn.parameter import Parameter

    Parameter.__torch_function__ = disabled
    _plain.update((Parameter, bool, int, float, str, type(None), slice, type(Ellipsis)))
    replaced: dict[Any, Any] = {}
    kept: list[Any] = []
    for space in _SPACES:
        module: Any = importlib.import_module(f"metagrad.{space}".rstrip("."))
        for name, function in _functions(module):
            method = space == "nn.functional" and name in _METHODS
            asking = asked(
                function, functools.partial(getattr, Tensor, name) if method else None, given_by(space, name, function)
            )
            home = "functional" if space == "" and name in IN_FUNCTIONAL else "" if space in _TOP else space
            names[asking] = ".".join(filter(None, ("torch", home, name)))
            setattr(module, name, asking)
            kept.append(asking)
            if function not in replaced or name == function.__name__ != replaced[function].__name__:
                replaced[function] = asking
            asking.__name__ = name  # several names may be one function
    top: Any = sys.modules["metagrad"]
    for name in ("backward", "grad"):
        function = getattr(top.autograd, name)
        replaced[function] = asking = asked(function)
        names[asking] = f"torch.autograd.{name}"
        setattr(top.autograd, name, asking)
        kept.append(asking)
    replaced[top.as_tensor] = unasked(top.as_tensor)
    top.as_tensor, Tensor.as_subclass = replaced[top.as_tensor], unasked(Tensor.as_subclass)  # type: ignore[method-assign]
    alias: dict[str, Any] = vars(sys.modules.get("torch", top))
    named = {
        name: getattr(top, name) for name, value in alias.items() if type(value) is FunctionType and value in replaced
    }
    replace(replaced)
    alias.update({name: asking for name, asking in named.items() if asking in names})
    _ask_methods(kept)
    _keep_found(kept)
    hidden.update(replaced)
    _name_anew(kept)
    _unasked_still.update(replaced)


def ask_where_held() -> None:
    """Let functions ask that a program holds since before they asked: in tables, defaults, closures, attributes of objects.

    It takes a tenth of a second, and so it is not done for every class, but for graphs and modes, once.
    """
    start_asking()
    if _unasked_still:
        replace_held(dict(_unasked_still))
        _unasked_still.clear()


def _keep_found(kept: list[Any]) -> None:
    """Let pickle find functions that ask by their names: each is an attribute of what stands, in the end, where its name leads."""
    standing = []
    for asking in kept:
        found: Any = sys.modules.get(asking.__module__)
        for part in asking.__qualname__.split("."):
            found = getattr(found, part, None)
        standing.append(found)
    for number, (asking, found) in enumerate(zip(kept, standing, strict=True)):
        if isinstance(found, FunctionType) and found is not asking:
            setattr(found, f"asking_{number}", asking)
            asking.__qualname__ += f".asking_{number}"


def _name_anew(kept: list[Any]) -> None:
    """Under the alias PyTorch's names are now those of functions that ask; the hidden ones name metagrad's modules again."""
    for function, home in renamed:
        if type(function) is FunctionType and function in hidden:
            function.__module__ = home
    renamed.extend((asking, asking.__module__.home) for asking in kept if isinstance(asking.__module__, ShownName))


def _functions(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The public functions of a namespace that compute something."""
    later.complete(module.__name__)
    for name in getattr(module, "__all__", ()):
        getattr(module, name)  # some are made when they are asked for
    here = module.__name__.removeprefix("metagrad.") in (*_TOP, "nn.init")  # beside others that it imports
    for name, value in list(vars(module).items()):
        home = getattr(value, "__module__", "")
        home = getattr(home, "home", str(home))  # under the alias it reads as PyTorch's
        computes = home.startswith(_COMPUTING) and name not in _NOT_ASKED
        if here and home != module.__name__ and name not in getattr(module, "__all__", ()):
            continue
        if isinstance(value, FunctionType) and (not name.startswith("_") or name == "_assert") and computes:
            yield name, value


def _ask_methods(kept: list[Any]) -> None:
    """Let Tensor's methods and properties ask; the methods are noted."""
    from metagrad.compat.given_arguments import given_by

    operators: dict[str, Any] = {}
    for name in dir(Tensor):
        getattr(Tensor, name)  # some are made when they are asked for
        value = next(vars(c)[name] for c in Tensor.__mro__ if name in vars(c))
        if not is_own(getattr(getattr(value, "fget", value), "__module__", "metagrad")):
            continue  # a program's own, which asks nobody
        if name in _NOT_ASKED or (
            name.startswith("_") and name not in _OPERATORS and name not in _SPECIAL and name != "_base"
        ):
            continue
        if isinstance(value, property):
            setattr(Tensor, name, _asking_property(name, value))
        elif isinstance(value, FunctionType):
            if name in _OPERATORS:
                operators[name] = value
            else:
                asking = asked(value, given=given_by("Tensor", name, value))
                asking.__name__ = name  # several names may be one function, and operators are made by another one
                setattr(Tensor, name, asking)
                names[asking] = f"torch.Tensor.{name}"
                kept.append(asking)
    for name, value in operators.items():
        method = getattr(Tensor, _OPERATORS[name], None)
        setattr(
            Tensor, name, asked(value, None if method is None else functools.partial(getattr, Tensor, _OPERATORS[name]))
        )
    Tensor.__iter__ = _elements  # type: ignore[method-assign]


def _elements(x: Any) -> Iterator[Any]:
    """The elements along the first dimension."""
    if x.dim() == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(x.unbind(0))


def _asking_property(name: str, inner: property) -> property:
    """A property that asks; ``Tensor.shape.__get__`` is what it is called to those who are asked."""
    assert inner.fget is not None
    getter = asked(inner.fget, lambda: vars(Tensor)[name].__get__)
    setter = None if inner.fset is None else asked(inner.fset, lambda: vars(Tensor)[name].__set__)
    return property(getter, setter, inner.fdel, inner.__doc__)


class _Noticing:
    """What makes classes, with a look beforehand at the code that is about to make one.

    Looking up ``__call__`` is what looks; Python's own function is then called as ever. So there is no call of ours around a
    class's body, and what asks there for the frames above, as decorators of methods do, finds the frames it expects.
    """

    @property
    def __call__(self) -> Callable[..., Any]:
        frame = sys._getframe(1)
        if not _asking and not str(frame.f_globals.get("__name__")).startswith("metagrad."):
            for body in frame.f_code.co_consts:
                if isinstance(body, CodeType) and "__torch_function__" in body.co_names:
                    start_asking()
        return _build_class


def notice_classes() -> None:
    """Let every class statement from here on start the asking if its class could answer, whatever it is derived from."""
    builtins.__build_class__ = _Noticing()


def notice_no_classes() -> None:
    """The end of ``notice_classes``."""
    builtins.__build_class__ = _build_class


_build_class = builtins.__build_class__


Tensor.when_subclassed = start_asking
