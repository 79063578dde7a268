"""Arrays that note what is done with them.

An array written in place is a new ``Value`` in the same ``Memory``. A view knows the steps that lead to it from its memory,
and takes them again when the memory has changed since.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.base.operators import BINARY, COMPARISONS, UNARY
from metagrad.onnx.callers import asked_by_user, caller
from metagrad.onnx.errors import ExportError
from metagrad.onnx.internals import Variable
from metagrad.onnx.values import SELF, Memory, Value, leaves, mapped

if TYPE_CHECKING:
    from metagrad.onnx.tape import Tape


def plain(leaf: Any) -> Any:
    """The array that a traced one hides; anything else as it is."""
    return leaf._hidden if isinstance(leaf, Traced) else leaf


def seen(leaf: Any) -> Any:
    """What a node keeps of an argument: the value of a traced array, or of a tensor that holds one."""
    if isinstance(leaf, Traced):
        return leaf.value
    if isinstance(leaf, Variable):
        return seen(leaf.array)
    return leaf


class _Flags:
    """Contiguity and writability, as attributes."""

    def __init__(self, flags: Any) -> None:
        self.c_contiguous, self.writeable = flags.c_contiguous, flags.writeable


class Traced:
    """An array that notes what is done with it."""

    __array_priority__ = 100
    device = "cpu"

    def __init__(
        self,
        tape: Tape,
        hidden: Any,
        memory: Memory,
        path: tuple[Any, ...] = (),
        known: Value | None = None,
        base: Any = None,
    ) -> None:
        self._tape, self._hidden, self._memory, self._path = tape, hidden, memory, path
        self._known = None if known is None else (memory.version, known)
        self.base = None if base is None else (base if base.base is None else base.base)

    @property
    def value(self) -> Value:
        """What the array holds now."""
        if not self._path:
            return self._memory.value
        assert self._known is not None
        if self._known[0] != self._memory.version:  # written to since: take the steps again
            now: Any = self._memory.value
            for op, (args, kwargs), shape in self._path:

                def filled(leaf: Any, now: Any = now) -> Any:
                    return now if leaf is SELF else leaf

                node = self._tape.note(op, mapped(args, filled), mapped(kwargs, filled))
                node.outputs.append(Value(np.broadcast_to(np.zeros((), now.dtype), shape), node))
                now = node.outputs[0]
            self._known = self._memory.version, now
        return self._known[1]

    def _write(self, value: Value) -> None:
        """Let the array, and all that share its memory, hold a value of the same shape."""
        memory = self._memory
        if self._path:
            node = self._tape.note("write_through", (memory.value, value, self._path), {})
            node.outputs.append(Value(_like(memory.value), node))
            memory.value = node.outputs[0]
        else:
            memory.value = value
        memory.version += 1
        if self._path:
            self._known = memory.version, value

    # ------------------------------------------------ NumPy's protocols

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        self._leak("an array")
        found = np.array(self._hidden, *args, **{k: v for k, v in kwargs.items() if k != "copy"})
        if found.dtype == self.dtype:
            self._tape.plain[id(found)] = found, self.value, self._hidden.copy()
        return found

    def get(self) -> Any:
        """The numbers, no longer traced."""
        self._leak("an array")
        return self._hidden

    def __array_ufunc__(self, ufunc: Any, method: Any, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if any(isinstance(x, Variable) for x in inputs):
            return NotImplemented
        if method == "at":
            target, index, *values = inputs
            node = self._tape.note(f"{ufunc.__name__}.at", (target, index, *values), {})
            ufunc.at(*mapped(inputs, plain))
            if isinstance(target, Traced):
                node.outputs.append(Value(target._hidden, node))
                target._write(node.outputs[0])
            return None
        kwargs = {k: v for k, v in kwargs.items() if not (k == "where" and v is True)}
        found = getattr(ufunc, method)(*mapped(inputs, plain), **mapped(kwargs, plain))
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        node = self._tape.note(name, inputs, kwargs)
        result = self._tape.result(node, found)
        return result if out is None else _written(out, result)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(issubclass(t, Variable) for t in types):
            return NotImplemented
        kwargs = {k: v for k, v in kwargs.items() if k != "like"}
        out = kwargs.pop("out", None)
        if func in _WRITES:
            return _WRITES[func](self._tape, *args, **kwargs)
        found = func(*mapped(tuple(args), plain), **mapped(kwargs, plain))
        if func is np.diagonal:
            found.flags.writeable = True
        if func in _QUESTIONS:
            return found
        node = self._tape.note(
            func.__name__ if func.__module__ == "numpy" else f"{func.__module__[6:]}.{func.__name__}", args, kwargs
        )
        first = args[0] if args and isinstance(args[0], Traced) else None
        result = self._tape.result(node, found, first)
        return result if out is None else _written((out,), result)

    shape = property(lambda self: self._hidden.shape)
    ndim = property(lambda self: self._hidden.ndim)
    size = property(lambda self: self._hidden.size)
    dtype = property(lambda self: self._hidden.dtype)
    strides = property(lambda self: self._hidden.strides)
    itemsize = property(lambda self: self._hidden.itemsize)
    nbytes = property(lambda self: self._hidden.nbytes)
    flags = property(lambda self: _Flags(self._hidden.flags))
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))

    @property
    def real(self) -> Any:
        """The real part."""
        return self if self.dtype.kind != "c" else self._called("real", np.real)

    @real.setter
    def real(self, value: Any) -> None:
        raise ExportError(f"{caller()}: complex numbers cannot be exported: ONNX's operators do not take them")

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return self._called("imag", np.imag)

    def _called(self, name: str, compute: Any, *args: Any, **kwargs: Any) -> Any:
        found = compute(self._hidden, *mapped(args, plain), **mapped(kwargs, plain))
        return self._tape.result(self._tape.note(name, (self, *args), kwargs), found, self)

    def __getitem__(self, index: Any) -> Any:
        return self._called("getitem", lambda x, i: x[i], index)

    def __setitem__(self, index: Any, value: Any) -> None:
        node = self._tape.note("setitem", (self, index, value), {})
        self._hidden[mapped(index, plain)] = mapped(value, plain)
        node.outputs.append(Value(self._hidden, node))
        self._write(node.outputs[0])

    # ------------------------------------------------ numbers for Python

    def _leak(self, what: str) -> None:
        if asked_by_user() and not _is_constant(self.value):
            raise ExportError(
                f"{caller()}: the model makes {what} of a tensor. The file would keep the one of this run for ever: compute with "
                "tensors instead (where, masks), or move it out of the model"
            )

    def __len__(self) -> int:
        return len(self._hidden)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self._hidden)))

    def __bool__(self) -> bool:
        self._leak("a Python bool")
        return bool(self._hidden)

    def __float__(self) -> float:
        self._leak("a Python number")
        return float(self._hidden)

    def __int__(self) -> int:
        self._leak("a Python number")
        return int(self._hidden)

    def __index__(self) -> int:
        self._leak("a Python number")
        return int(self._hidden.__index__())

    def item(self, *args: Any) -> Any:
        """The only element."""
        self._leak("a Python number")
        return self._hidden.item(*args)

    def tolist(self) -> Any:
        """Nested lists."""
        self._leak("a list")
        return self._hidden.tolist()

    def tobytes(self) -> bytes:
        """The bytes."""
        self._leak("bytes")
        return bytes(self._hidden.tobytes())

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        """In another shape."""
        shape = shape[0] if len(shape) == 1 else shape
        return self._called("reshape", np.reshape, shape)

    def astype(self, dtype: Any, *args: Any, copy: bool = True, **kwargs: Any) -> Any:
        """In another dtype."""
        if not copy and np.dtype(dtype) == self.dtype:
            return self
        return self._called("astype", lambda x, d: x.astype(d), np.dtype(dtype))

    def view(self, dtype: Any = None) -> Any:
        """The same bytes as numbers of another dtype; without one, the same numbers as an array of its own."""
        if dtype is None:
            return copy.copy(self)
        return self._called("view", lambda x, d: x.view(d), np.dtype(dtype))

    def nonzero(self) -> Any:
        """The places of what is not 0."""
        return self._called("nonzero", np.nonzero)

    def transpose(self, *dims: Any) -> Any:
        """With the dimensions in another order."""
        return np.transpose(self, dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else (dims or None))

    __hash__ = object.__hash__


def _is_constant(value: Value) -> bool:
    """Whether a value follows from no input and no parameter."""
    stack, met = [value], set()
    while stack:
        v = stack.pop()
        if v.node is None:
            return False
        if id(v.node) not in met:
            met.add(id(v.node))
            stack += [x for x in leaves((v.node.args, v.node.kwargs)) if isinstance(x, Value)]
    return True


def _like(value: Value) -> Any:
    return np.broadcast_to(np.zeros((), value.dtype), value.shape)


def _written(out: tuple[Any, ...], result: Any) -> Any:
    """Results put into the arrays given as ``out``."""
    results = result if isinstance(result, tuple) else (result,)
    for target, found in zip(out, results, strict=True):
        if isinstance(target, Traced):
            target[...] = found
        elif target is not None:
            raise ExportError(f"{caller()}: a result was written into a plain array, and lost to the trace")
    return out[0] if len(out) == 1 else out


def _forwarded(name: str) -> Any:
    def method(self: Traced, *args: Any, **kwargs: Any) -> Any:
        return getattr(np, name)(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"``numpy.{name}`` of the array."
    return method


_METHODS = (
    "all any argmax argmin argsort clip cumprod cumsum diagonal max mean min prod ravel repeat round sort squeeze std sum "
    "swapaxes take trace var"
)
for _name in _METHODS.split():
    setattr(Traced, _name, _forwarded(_name))
Traced.conj = lambda self: self if self.dtype.kind != "c" else np.conjugate(self)  # type: ignore[attr-defined]
Traced.copy = lambda self, order="C": np.copy(self, order)  # type: ignore[attr-defined]  # an array's own copy is in order
Traced.flatten = lambda self: np.copy(self).reshape(-1)  # type: ignore[attr-defined]


def _copyto(tape: Tape, target: Any, source: Any, **kwargs: Any) -> None:
    if kwargs.get("where", True) is not True:
        source = np.where(kwargs["where"], source, target)
    target[...] = source


def _put_along_axis(tape: Tape, target: Any, indices: Any, values: Any, axis: int) -> None:
    node = tape.note("put_along_axis", (target, indices, values, axis), {})
    np.put_along_axis(plain(target), plain(indices), plain(values), axis)
    node.outputs.append(Value(target._hidden, node))
    target._write(node.outputs[0])


_WRITES: dict[Any, Any] = {np.copyto: _copyto, np.put_along_axis: _put_along_axis}
_QUESTIONS = {
    np.may_share_memory,
    np.shares_memory,
    np.result_type,
    np.ndim,
    np.shape,
    np.size,
    np.iscomplexobj,
    np.can_cast,
    np.min_scalar_type,
}


def _operator(ufunc: Any, swapped: bool = False, in_place: bool = False) -> Any:
    def operator(self: Any, other: Any) -> Any:
        if isinstance(other, Variable):
            return NotImplemented
        if in_place:
            return ufunc(self, other, out=self)
        return ufunc(other, self) if swapped else ufunc(self, other)

    return operator


for _name, _ufunc in BINARY.items():
    setattr(Traced, f"__{_name}__", _operator(_ufunc))
    setattr(Traced, f"__r{_name}__", _operator(_ufunc, swapped=True))
    setattr(Traced, f"__i{_name}__", _operator(_ufunc, in_place=True))
for _name, _ufunc in COMPARISONS.items():
    setattr(Traced, f"__{_name}__", _operator(_ufunc))
for _name, _ufunc in UNARY.items():
    setattr(Traced, f"__{_name}__", lambda self, ufunc=_ufunc: ufunc(self))
