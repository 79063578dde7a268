"""An array type that is not NumPy's: it answers NumPy's protocols, as CuPy's does, and refuses to become a NumPy array.

What runs on it makes no silent trip through the CPU's memory, and so can run on a GPU. It wraps a NumPy array; operations
unwrap their arguments, which must all be of this type (or Python scalars, or index-like NumPy arrays of ints where CuPy
takes them), and wrap the result. 0-d results stay arrays, as they do in CuPy.
"""

import numpy as np


def unwrap(value):
    if isinstance(value, Strict):
        return value._hidden
    if isinstance(value, np.ndarray):
        raise TypeError(f"a NumPy array of shape {value.shape} met a stand-in array: CuPy would refuse it")
    if isinstance(value, (tuple, list)):
        return type(value)(unwrap(v) for v in value)
    return value


def wrap(value, source=None):
    """A result as this type; a view of ``source`` knows whose memory it is."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = np.asarray(value)
        viewed = isinstance(source, Strict) and value.base is not None and np.may_share_memory(value, source._hidden)
        return Strict(value, (source if source.base is None else source.base) if viewed else None)
    if isinstance(value, (tuple, list)):
        return type(value)(wrap(v, source) for v in value)
    return value


def _known(value):
    return value is None or isinstance(value, (Strict, np.ndarray, np.generic, bool, int, float, complex, tuple, slice))


class Flags:
    """Contiguity and writability, as attributes."""

    def __init__(self, flags):
        self.c_contiguous, self.writeable = flags.c_contiguous, flags.writeable


class Strict:
    """The stand-in."""

    __array_priority__ = 100

    def __init__(self, hidden, base=None):
        self._hidden, self.base = hidden, base

    def __array__(self, *args, **kwargs):
        raise TypeError("implicit conversion of a stand-in array to a NumPy array: on a GPU this would fail")

    def get(self):
        """The explicit way back, CuPy's name for it."""
        return self._hidden

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if not all(_known(x) for x in inputs):
            return NotImplemented
        plain = {k: unwrap(v) for k, v in kwargs.items()}
        if out is not None:
            plain["out"] = tuple(unwrap(o) for o in out)
        result = getattr(ufunc, method)(*[unwrap(x) for x in inputs], **plain)
        if out is not None:
            return out[0] if len(out) == 1 else out
        return wrap(result)

    def __array_function__(self, function, types, args, kwargs):
        if not all(issubclass(t, (Strict, np.ndarray)) for t in types):
            return NotImplemented  # as CuPy answers: the other type's turn
        plain = {k: unwrap(v) for k, v in kwargs.items() if k != "like"}
        result = function(*unwrap(tuple(args)), **plain)
        if function is np.diagonal:
            result.flags.writeable = True  # as CuPy's is
        return wrap(result, args[0] if args else None)

    shape = property(lambda self: self._hidden.shape)
    ndim = property(lambda self: self._hidden.ndim)
    size = property(lambda self: self._hidden.size)
    dtype = property(lambda self: self._hidden.dtype)
    strides = property(lambda self: self._hidden.strides)
    itemsize = property(lambda self: self._hidden.itemsize)
    nbytes = property(lambda self: self._hidden.nbytes)
    flags = property(lambda self: Flags(self._hidden.flags))
    T = property(lambda self: wrap(self._hidden.T, self))
    real = property(lambda self: wrap(self._hidden.real, self))
    imag = property(lambda self: wrap(self._hidden.imag, self))

    def __getitem__(self, index):
        return wrap(self._hidden[unwrap(index)], self)

    def __setitem__(self, index, value):
        self._hidden[unwrap(index)] = unwrap(value)

    def __len__(self):
        return len(self._hidden)

    def __iter__(self):
        return (wrap(row) for row in self._hidden)

    def __bool__(self):
        return bool(self._hidden)

    def __float__(self):
        return float(self._hidden)

    def __int__(self):
        return int(self._hidden)

    def __index__(self):
        return self._hidden.__index__()


def _method(name):
    def method(self, *args, **kwargs):
        return wrap(getattr(self._hidden, name)(*unwrap(args), **{k: unwrap(v) for k, v in kwargs.items()}), self)

    method.__name__ = name
    return method


METHODS = "all any argmax argmin astype conj copy cumsum item max mean min nonzero prod ravel reshape sort sum tolist tobytes view"
for _name in METHODS.split():
    setattr(Strict, _name, _method(_name))

_BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "floordiv": np.floor_divide,
    "mod": np.remainder, "pow": np.power, "matmul": np.matmul, "and": np.bitwise_and, "or": np.bitwise_or,
    "xor": np.bitwise_xor, "lshift": np.left_shift, "rshift": np.right_shift,
}  # fmt: skip
_COMPARE = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
_UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}


def _operator(ufunc, swapped=False, in_place=False):
    def operator(self, other):
        if in_place:
            return ufunc(self, other, out=self)
        return ufunc(other, self) if swapped else ufunc(self, other)

    return operator


for _name, _ufunc in _BINARY.items():
    setattr(Strict, f"__{_name}__", _operator(_ufunc))
    setattr(Strict, f"__r{_name}__", _operator(_ufunc, swapped=True))
    setattr(Strict, f"__i{_name}__", _operator(_ufunc, in_place=True))
for _name, _ufunc in _COMPARE.items():
    setattr(Strict, f"__{_name}__", _operator(_ufunc))
for _name, _ufunc in _UNARY.items():
    setattr(Strict, f"__{_name}__", lambda self, ufunc=_ufunc: ufunc(self))
Strict.__hash__ = object.__hash__


class FakeDevice:
    """A GPU that is always number 0."""

    def __init__(self, number=0):
        self.id = number

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class FakeCupy:
    """What metagrad uses of the CuPy module, making stand-in arrays."""

    class cuda:
        Device = FakeDevice

        class runtime:
            getDeviceCount = staticmethod(lambda: 1)

    @staticmethod
    def asarray(array):
        return array if isinstance(array, Strict) else Strict(np.array(array))
