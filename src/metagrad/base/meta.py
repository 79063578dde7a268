"""Arrays without numbers: a shape, a dtype and strides, and no memory. What ``device="meta"`` stands for.

A model made on the device ``meta`` costs nothing, however large it is; ``to_empty`` or ``load_state_dict(..., assign=True)``
gives it memory. Ops on such arrays find the shape and the dtype of their result. ``MetaArray`` answers NumPy's protocols:
an elementwise function broadcasts shapes, a product of matrices looks at its outer dimensions, what only arranges elements
arranges strides, and every other function runs on zeros that all lie at one address, and keeps the shape of what comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.base.operators import BINARY, COMPARISONS, UNARY

_NO_DATA = "no data: a tensor on the device 'meta' has a shape and a dtype only"
_DTYPE_AT: dict[Any, int] = {  # what makes arrays, and which of its arguments is the dtype
    np.zeros: 1, np.ones: 1, np.empty: 1, np.full: 2,
    np.zeros_like: 1, np.ones_like: 1, np.empty_like: 1, np.full_like: 2,
}  # fmt: skip
_ARRANGING = {
    np.transpose, np.swapaxes, np.moveaxis, np.squeeze, np.expand_dims, np.broadcast_to, np.flip, np.diagonal, np.real, np.imag,
}  # fmt: skip
_JOINING = {np.where, np.concatenate, np.stack, np.clip}
_DEPEND_ON_NUMBERS = {np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.extract, np.compress}
_SHAPED = (
    "any argmax argmin argsort clip cumprod cumsum diagonal dot max mean min prod repeat sort std sum take trace var"
).split()


class MetaArray:
    """An array without numbers.

    >>> x = made((2, 3), np.dtype(np.float32))
    >>> (np.tanh(x) + 1).shape, (x @ x.T).shape, x.sum(0).dtype
    ((2, 3), (2, 2), dtype('float32'))
    """

    __slots__ = ("base", "layout", "truth")
    __array_priority__ = 100
    device = "meta"

    layout: np.ndarray[Any, Any]  # for its shape, strides and dtype: never to be read, for there is no memory
    base: MetaArray | None  # for a view: what it is a view of
    truth: bool  # what an op that checks its numbers is told: all are as they should be, none is as it should not

    def __init__(self, layout: np.ndarray[Any, Any], base: MetaArray | None = None) -> None:
        self.layout, self.base, self.truth = layout, base, False

    # ------------------------------------------------ what it is

    shape = property(lambda self: self.layout.shape)
    ndim = property(lambda self: self.layout.ndim)
    size = property(lambda self: self.layout.size)
    dtype = property(lambda self: self.layout.dtype)
    strides = property(lambda self: self.layout.strides)
    itemsize = property(lambda self: self.layout.itemsize)
    nbytes = property(lambda self: self.layout.nbytes)
    flags = property(lambda self: _Flags(self.layout))
    T = property(lambda self: self._view(self.layout.T))
    real = property(
        lambda self: self._view(self.layout.real) if self.dtype.kind == "c" else self, lambda self, value: None
    )
    imag = property(
        lambda self: self._view(self.layout.imag) if self.dtype.kind == "c" else made(self.shape, self.dtype),
        lambda self, value: None,
    )

    def _view(self, layout: np.ndarray[Any, Any]) -> MetaArray:
        return MetaArray(layout, self if self.base is None else self.base)

    @property
    def zeros(self) -> np.ndarray[Any, Any]:
        """Zeros of the shape, all at one address: what functions run on for the sake of their result's shape."""
        return np.broadcast_to(np.zeros((), self.dtype), self.shape)

    # ------------------------------------------------ arranged otherwise

    def reshape(self, *shape: Any, order: str = "C") -> MetaArray:
        """As an array's: a view where the strides allow it."""
        sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], (int, np.integer)) else shape
        target = self.zeros.reshape(sizes).shape if self.size and -1 not in sizes else _filled_in(self.size, sizes)
        if math.prod(target) != self.size:
            raise ValueError(f"cannot reshape array of size {self.size} into shape {tuple(sizes)}")
        arranged = self.layout.view()
        try:
            arranged.shape = target
        except AttributeError:  # not without a copy
            return made(target, self.dtype)
        return self._view(arranged)

    def ravel(self, order: str = "C") -> MetaArray:
        """As an array's."""
        return self.reshape(-1)

    def transpose(self, *axes: Any) -> MetaArray:
        """As an array's."""
        return self._view(self.layout.transpose(*axes))

    def swapaxes(self, a: int, b: int) -> MetaArray:
        """As an array's."""
        return self._view(self.layout.swapaxes(a, b))

    def squeeze(self, axis: Any = None) -> MetaArray:
        """As an array's."""
        return self._view(self.layout.squeeze(axis))

    def view(self, dtype: Any = None) -> MetaArray:
        """As an array's."""
        return self._view(self.layout.view() if dtype is None else self.layout.view(dtype))

    def as_strided(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> MetaArray:
        """A view of any shape and strides, in elements."""
        return self._view(made(shape, self.dtype, [s * self.itemsize for s in strides]).layout)

    def astype(self, dtype: Any, copy: bool = True, **_: Any) -> MetaArray:
        """As an array's."""
        return self if not copy and np.dtype(dtype) == self.dtype else made(self.shape, np.dtype(dtype))

    def copy(self, order: str = "C") -> MetaArray:
        """As an array's."""
        return made(self.shape, self.dtype)

    def conj(self) -> MetaArray:
        """As an array's."""
        return made(self.shape, self.dtype)

    def fill(self, value: Any) -> None:
        """Nothing: there is nothing to fill."""

    def __getitem__(self, index: Any) -> MetaArray:
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(p, MetaArray) and p.dtype.kind == "b" for p in parts):
            raise NotImplementedError(f"how many elements a mask selects depends on numbers, and there are {_NO_DATA}")
        if all(p is None or p is Ellipsis or isinstance(p, (int, slice, np.integer)) for p in parts):
            return self._view(self.layout[(*parts, ...) if Ellipsis not in parts else parts])
        return _shaped(self.zeros[tuple(_plain(p) for p in parts)])

    def __setitem__(self, index: Any, value: Any) -> None:
        target = self[index].shape
        np.broadcast_shapes(target, np.shape(value))
        if math.prod(np.broadcast_shapes(target, np.shape(value))) != math.prod(target):
            raise ValueError(f"could not broadcast input array from shape {np.shape(value)} into shape {target}")

    # ------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if method == "at":  # it writes, by positions that may be the CPU's
            return None
        _refuse_numbers(inputs)
        if out is not None:
            return out[0] if len(out) == 1 else out
        if method == "__call__" and ufunc is np.matmul:
            return _shaped(_product(*[_plain(x) for x in inputs]))
        if method == "__call__" and ufunc.signature is None:
            shape = np.broadcast_shapes(*[np.shape(x) for x in inputs])
            kinds = ufunc(*[np.zeros((), x.dtype) if hasattr(x, "dtype") else x for x in inputs], **kwargs)
            if isinstance(kinds, tuple):
                return tuple(made(shape, k.dtype) for k in kinds)
            result = made(shape, kinds.dtype)
            result.truth = ufunc is np.isfinite
            return result
        return _shaped(getattr(ufunc, method)(*[_plain(x) for x in inputs], **_plain(kwargs)))

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if function in _DEPEND_ON_NUMBERS or (function is np.where and len(args) == 1):
            raise NotImplementedError(f"the result of {function.__name__} depends on numbers, and there are {_NO_DATA}")
        kwargs = {name: value for name, value in kwargs.items() if name != "like"}
        if function in _DTYPE_AT:
            return _like(function, args, kwargs)
        if function in (np.all, np.any):
            return getattr(args[0], function.__name__)(*args[1:], **kwargs)
        if function is np.reshape:
            return args[0].reshape(*args[1:], **kwargs)
        if function is np.copyto:
            args[0][...] = args[1]
            return None
        if function in (np.put_along_axis, np.put, np.putmask):
            return None
        if function in _JOINING:
            _refuse_numbers(args[0] if isinstance(args[0], (list, tuple)) else args)
        if function in _ARRANGING and isinstance(args[0], MetaArray):
            return args[0]._view(function(args[0].layout, *args[1:], **kwargs))
        try:
            return _shaped(function(*_plain(args), **_plain(kwargs)))
        except np.linalg.LinAlgError:  # of matrices of zeros: those of ones have an inverse, and the same shape
            return _shaped(function(*[_regular(x) for x in args], **_plain(kwargs)))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise NotImplementedError(f"Cannot copy out of meta tensor; {_NO_DATA}")

    def all(self, *args: Any, **kwargs: Any) -> MetaArray:
        """As an array's."""
        found = made(self.zeros.all(*args, **kwargs).shape, np.dtype(bool))
        found.truth = True
        return found

    def __bool__(self) -> bool:
        return self.truth if self.dtype.kind == "b" else bool(self.__array__())

    @staticmethod
    def no_truth() -> RuntimeError:
        """Why a tensor of such an array is neither true nor false."""
        return RuntimeError("a tensor on the device 'meta' has no numbers: it is neither true nor false")

    def item(self) -> Any:
        """Raises RuntimeError."""
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")

    get = tolist = tobytes = nonzero = __array__
    __int__ = __index__ = __complex__ = __array__

    def __float__(self) -> float:  # an op that counts something, such as the targets of a loss
        return 1.0

    def __len__(self) -> int:
        return len(self.layout)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __reduce__(self) -> Any:
        return made, (self.shape, self.dtype)


class _Flags:
    """Contiguity and writability, as attributes."""

    def __init__(self, layout: np.ndarray[Any, Any]) -> None:
        self.c_contiguous, self.f_contiguous = layout.flags.c_contiguous, layout.flags.f_contiguous
        self.writeable, self.forc = True, layout.flags.forc


def made(shape: tuple[int, ...], dtype: Any, strides: Sequence[int] | None = None) -> MetaArray:
    """An array without numbers, in order unless ``strides`` are given, in bytes.

    >>> made((2, 3), np.dtype(np.float32)).strides
    (12, 4)
    """
    kind = np.dtype(dtype)
    if strides is None:
        strides = [kind.itemsize * math.prod(max(n, 1) for n in shape[d + 1 :]) for d in range(len(shape))]
    return MetaArray(np.lib.stride_tricks.as_strided(np.zeros(1, kind), tuple(shape), strides))


def _like(function: Any, args: Any, kwargs: Any) -> MetaArray:
    """What ``np.zeros`` or ``np.zeros_like`` would make."""
    source, at = args[0], _DTYPE_AT[function]
    shape = kwargs.get("shape", getattr(source, "shape", source))
    dtype = args[at] if len(args) > at else kwargs.get("dtype")
    if dtype is None:
        dtype = getattr(source, "dtype", np.asarray(args[1]).dtype if function is np.full else np.float64)
    return made((shape,) if isinstance(shape, int) else tuple(shape), np.dtype(dtype))


def _filled_in(size: int, shape: Any) -> tuple[int, ...]:
    """A shape in which -1 stands for what is left."""
    known = math.prod(n for n in shape if n != -1)
    return tuple((size // known if known else 0) if n == -1 else int(n) for n in shape)


def _plain(value: Any) -> Any:
    """What functions run on: zeros for an array without numbers."""
    if isinstance(value, MetaArray):
        return value.zeros
    if isinstance(value, (list, tuple)):
        return type(value)([_plain(v) for v in value])
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def _refuse_numbers(values: Sequence[Any]) -> None:
    """Raise TypeError, as a GPU's arrays do, for arrays of numbers beside these: all but those without dimensions, or indices."""
    if any(isinstance(x, np.ndarray) and x.ndim for x in values):
        raise TypeError("arrays of the CPU and of the device 'meta' in one operation")


def _regular(value: Any) -> Any:
    """What functions of regular matrices run on."""
    square = isinstance(value, MetaArray) and value.ndim > 1 and value.shape[-1] == value.shape[-2]
    return np.broadcast_to(np.eye(value.shape[-1], dtype=value.dtype), value.shape) if square else _plain(value)


def _shaped(value: Any) -> Any:
    """Results without their numbers."""
    if isinstance(value, (np.ndarray, np.generic)):
        return made(value.shape, value.dtype)
    if isinstance(value, (list, tuple)):
        parts = [_shaped(v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _product(a: Any, b: Any) -> Any:
    """A product of matrices with one term for each element, for the sake of its shape."""
    rows = b.ndim - 2 if b.ndim > 1 else 0
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[rows]:
        return np.matmul(a, b)  # an error
    first = [slice(None)] * b.ndim
    first[rows] = slice(0, 1)
    return np.matmul(a[..., :1], b[tuple(first)])


def _method(name: str) -> Callable[..., Any]:
    def method(self: MetaArray, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("out") is not None:
            return kwargs["out"]
        return _shaped(getattr(self.zeros, name)(*_plain(args), **_plain(kwargs)))

    method.__name__ = name
    return method


for _name in _SHAPED:
    setattr(MetaArray, _name, _method(_name))


def _operator(ufunc: Any) -> tuple[Any, Any, Any]:
    return lambda a, b: ufunc(a, b), lambda a, b: ufunc(b, a), lambda a, b: a


for _name, _ufunc in BINARY.items():
    for _prefix, _method_of in zip(("", "r", "i"), _operator(_ufunc), strict=True):
        setattr(MetaArray, f"__{_prefix}{_name}__", _method_of)
for _name, _ufunc in COMPARISONS.items():
    setattr(MetaArray, f"__{_name}__", _operator(_ufunc)[0])
for _name, _ufunc in UNARY.items():
    setattr(MetaArray, f"__{_name}__", lambda self, ufunc=_ufunc: ufunc(self))
MetaArray.__hash__ = object.__hash__  # type: ignore[method-assign]
