"""An array type that is not NumPy's: it answers NumPy's protocols as CuPy's does, and refuses what CuPy refuses.

It wraps a NumPy array. Operations unwrap their arguments, which must all be of this type, or numbers, and wrap the result, which
stays an array where it is 0-d. ``cupy_limits.py`` says what is refused: functions, parameters, methods of ufuncs, dtypes. What a
GPU would do silently in another way is done so here, too: an index out of range wraps around.

It counts how often a value was brought to the CPU's memory (``waits``): each time a GPU would have to finish its work first.
"""

import inspect
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pytest
from tests.devices import cupy_limits as limits


class Refused(TypeError):
    """CuPy has no such thing."""


class Undefined(Refused):
    """What comes of it is not said."""


waits = []  # what brought a value to the CPU, while ``counting`` is active: names of methods


@contextmanager
def counting():
    """The list of what brings values to the CPU inside."""
    waits.clear()
    yield waits


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
        return (
            type(value)(wrap(v, source) for v in value)
            if type(value) in (tuple, list)
            else tuple(wrap(v, source) for v in value)
        )
    return value


def _known(value):
    """Whether CuPy takes this as the argument of a ufunc or of its methods: no list, no tuple, no slice, no None."""
    return isinstance(value, (Strict, np.ndarray, np.generic, bool, int, float, complex))


def _signature(parameters):
    """Of parameters given as text; those with a star take the rest."""
    kinds = inspect.Parameter
    found, after = [], False
    for name in parameters.split():
        if name.startswith("*"):
            found.append(kinds(name[1:], kinds.VAR_POSITIONAL))
            after = True
        else:
            found.append(kinds(name, kinds.KEYWORD_ONLY if after else kinds.POSITIONAL_OR_KEYWORD, default=None))
    return inspect.Signature(found)


_FUNCTIONS = {name: _signature(limit.has) for name, limit in limits.PARAMETERS.items()}
_METHODS = {name: _signature(has) for name, has in limits.ARRAY_METHODS.items()}
_UFUNC_METHODS = {name: _signature(has) for name, has in limits.METHOD_PARAMETERS.items()}


def _check(signature, what, args, kwargs):
    try:
        return signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise Refused(f"cupy.{what}: {error}") from None


# ------------------------------------------------ what depends on the values


def _check_sort(args):
    if args.get("kind") not in (None, "stable"):
        raise ValueError("kind can only be None or 'stable'")
    if unwrap(args["a"]).ndim == 0:
        raise np.exceptions.AxisError("Sorting arrays with the rank of zero is not supported")


def _check_nonzero(args):
    if unwrap(args["a"]).ndim == 0:
        raise ValueError("Calling nonzero on 0d arrays is not allowed.")


def _check_lexsort(args):
    if not isinstance(args["keys"], Strict) or args["keys"].ndim > 2:
        raise Refused("cupy.lexsort takes one array of at most two dimensions")


def _check_no_half(args):
    if any(isinstance(a, Strict) and a.dtype == np.float16 for a in args.values()):
        raise TypeError("float16 is unsupported in linalg")


def _check_pad(args):
    if args.get("mode", "constant") not in limits.PAD_MODES:
        raise ValueError(f"mode '{args['mode']}' is not supported")


def _check_einsum(args):
    if args.get("kwargs", {}).keys() - {*limits.EINSUM} or args.get("out") is not None:
        raise TypeError(f"Did not understand the following kwargs: {[*args.get('kwargs', {}), 'out']}")


_CHECKS = {
    "pad": _check_pad,
    "einsum": _check_einsum,
    "sort": _check_sort,
    "argsort": _check_sort,
    "nonzero": _check_nonzero,
    "lexsort": _check_lexsort,
    **{f"linalg.{name}": _check_no_half for name in "qr svd eigh eigvalsh eig eigvals inv solve det slogdet".split()},
}


class Memory(NamedTuple):
    """Where an array lies."""

    ptr: int


class Flags:
    """Contiguity and ownership, as attributes."""

    def __init__(self, array, owns):
        self.c_contiguous, self.f_contiguous, self.owndata = array.flags.c_contiguous, array.flags.f_contiguous, owns
        self.fnc, self.forc = array.flags.fnc, array.flags.forc


class Strict:
    """The stand-in."""

    __array_priority__ = 100
    __index__ = None
    __contains__ = None

    def __init__(self, hidden, base=None):
        if any(hidden.dtype == name or hidden.dtype.kind == np.dtype(name).kind in "OSU" for name in limits.NO_DTYPES):
            raise ValueError(f"Unsupported dtype {hidden.dtype}")
        self._hidden, self.base = hidden, base

    def __array__(self, *args, **kwargs):
        raise TypeError("implicit conversion of a stand-in array to a NumPy array: on a GPU this would fail")

    def get(self):
        """The explicit way back, CuPy's name for it."""
        waits.append("get")
        return self._hidden

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        name = ufunc.__name__
        if name in limits.MISSING or not hasattr(np, name) or not all(map(_known, inputs)):
            return NotImplemented
        if out is not None and len(out) != 1:
            raise ValueError("The 'out' parameter must have exactly one array value")
        if method == "__call__":
            _check_call(ufunc, inputs, kwargs)
        elif method != "outer":
            self._check_method(ufunc, method, inputs, kwargs)
        plain = {k: unwrap(v) for k, v in kwargs.items()}
        if out is not None:
            plain["out"] = tuple(unwrap(o) for o in out)
        result = getattr(ufunc, method)(*[unwrap(x) for x in inputs], **plain)
        if out is not None:
            return out[0]
        return wrap(result)

    @staticmethod
    def _check_method(ufunc, method, inputs, kwargs):
        name = ufunc.__name__
        if name not in limits.METHODS[method]:
            raise NotImplementedError(f"`cupy_{name}.{method}` is not supported yet")
        _check(_UFUNC_METHODS[method], f"{name}.{method}", inputs, kwargs)
        if method == "at" and inputs[0].dtype.name not in limits.AT_DTYPES[name].split():
            raise TypeError(f"cupy.{name}.at only supports {limits.AT_DTYPES[name]} as data type")

    def __array_function__(self, function, types, args, kwargs):
        module = function.__module__.partition(".")[2]
        name = f"{module}.{function.__name__}" if module else function.__name__
        if name in limits.MISSING or not all(issubclass(t, (Strict, np.ndarray)) for t in types):
            return NotImplemented
        kwargs = {k: v for k, v in kwargs.items() if k != "like"}
        if name in _FUNCTIONS:
            _check(_FUNCTIONS[name], name, args, kwargs)
        if name in _CHECKS:
            _CHECKS[name](inspect.signature(function).bind(*args, **kwargs).arguments)
        if name in limits.WAITS or (name == "where" and len(args) == 1):
            waits.append(name)
        if name == "repeat" and isinstance(
            inspect.signature(function).bind(*args, **kwargs).arguments["repeats"], Strict
        ):
            waits.append(name)
        result = function(*unwrap(tuple(args)), **{k: unwrap(v) for k, v in kwargs.items()})
        if function is np.diagonal or function is np.broadcast_to:
            result.flags.writeable = True  # as CuPy's are
        return wrap(result, args[0] if args else None)

    shape = property(lambda self: self._hidden.shape)
    ndim = property(lambda self: self._hidden.ndim)
    size = property(lambda self: self._hidden.size)
    dtype = property(lambda self: self._hidden.dtype)
    strides = property(lambda self: self._hidden.strides)
    itemsize = property(lambda self: self._hidden.itemsize)
    nbytes = property(lambda self: self._hidden.nbytes)
    flags = property(lambda self: Flags(self._hidden, self.base is None))
    T = property(lambda self: wrap(self._hidden.T, self))
    mT = property(lambda self: wrap(self._hidden.mT, self))
    real = property(
        lambda self: wrap(self._hidden.real, self), lambda self, value: setattr(self._hidden, "real", unwrap(value))
    )
    imag = property(
        lambda self: wrap(self._hidden.imag, self), lambda self, value: setattr(self._hidden, "imag", unwrap(value))
    )
    device = property(lambda self: FakeDevice(0))
    data = property(lambda self: Memory(self._hidden.ctypes.data))

    def __getitem__(self, index):
        return wrap(self._hidden[_wrapped_around(index, self._hidden.shape)], self)

    def __setitem__(self, index, value):
        where, value = _wrapped_around(index, self._hidden.shape), unwrap(value)
        self._hidden[where] = value
        if np.size(value) > 1 and not _holds(self._hidden, where, value):
            raise Undefined("several values were written to one element: CuPy stores any of them")

    def __len__(self):
        return len(self._hidden)

    def __iter__(self):
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))


def _holds(array, where, value):
    """Whether an array has, after ``array[where] = value``, what was written to it."""
    found = array[where]
    return bool(np.all((found == np.asarray(value).astype(array.dtype)) | (found != found)))


def _check_call(ufunc, inputs, kwargs):
    name = ufunc.__name__
    if ufunc.signature is None and kwargs.keys() - {*limits.CALL_PARAMETERS}:
        raise Refused(f"Wrong arguments {kwargs}")
    refused = limits.NO_LOOPS.get(name, ("", ""))[0].split()
    if any(isinstance(x, Strict) and x.dtype.name in refused for x in inputs):
        raise TypeError(f"cupy_{name}: wrong type of arguments")


def _wrapped_around(index, shape):
    """An index as NumPy's, with what is out of range in an array of integers wrapped around, and not an error."""
    parts = list(index) if isinstance(index, tuple) else [index]
    plain = [unwrap(p) if not isinstance(p, list) else np.asarray(unwrap(p), None if p else int) for p in parts]
    taken = sum(_dimensions(p) for p in plain)
    axis = 0
    for i, p in enumerate(plain):
        if p is Ellipsis:
            axis += len(shape) - taken
            continue
        if isinstance(p, np.ndarray):
            if p.dtype.kind in "iu" and axis < len(shape) and shape[axis]:
                plain[i] = p % shape[axis]
            elif p.dtype.kind == "b":
                waits.append("mask")
        axis += _dimensions(p)
    return tuple(plain) if isinstance(index, tuple) else plain[0]


def _dimensions(part):
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype == bool else 1


def _to_host(name, function):
    def method(self, *args):
        waits.append(name)
        return function(self._hidden, *args)

    return method


for _name, _function in {
    "__bool__": bool, "__float__": float, "__int__": int, "__complex__": complex, "item": lambda a: a.item(),
    "tolist": lambda a: a.tolist(), "tobytes": lambda a, order="C": a.tobytes(order), "__repr__": repr, "__str__": str,
}.items():  # fmt: skip
    setattr(Strict, _name, _to_host(_name, _function))


def _method(name):
    signature = _METHODS[name]

    def method(self, *args, **kwargs):
        given = _check(signature, f"ndarray.{name}", args, kwargs)
        if name in ("sort", "argsort"):
            _check_sort({**given, "a": self})
        if name == "sort" and not self.flags.c_contiguous:
            raise NotImplementedError("Sorting non-contiguous array is not supported.")
        if name == "nonzero":
            _check_nonzero({"a": self})
        if name == "take":
            return np.take(self, *args, **kwargs)
        return wrap(getattr(self._hidden, name)(*unwrap(args), **{k: unwrap(v) for k, v in kwargs.items()}), self)

    method.__name__ = name
    return method


for _name in limits.ARRAY_METHODS:
    if _name not in vars(Strict):
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
    """A GPU, number 0 unless another is named."""

    used = []  # what was done with devices, as (what, number)

    def __init__(self, number=None):
        self.id = 0 if number is None else number

    def __enter__(self):
        self.used.append(("enter", self.id))
        return self

    def __exit__(self, *_):
        pass

    def use(self):
        self.used.append(("use", self.id))

    def synchronize(self):
        self.used.append(("synchronize", self.id))


class FakePool:
    """CuPy's memory pool."""

    used, kept = 1000, 4096

    def used_bytes(self):
        return self.used

    def total_bytes(self):
        return self.kept

    def malloc(self, size):
        FakePool.used += size
        return size

    def free_all_blocks(self):
        FakeDevice.used.append(("free_all_blocks", 0))

    def set_limit(self, *, fraction):
        FakeDevice.used.append(("limit", fraction))


class FakeEvent:
    """A mark; it has the parameters of CuPy's."""

    done = True

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.recorded, self.timed = None, not disable_timing

    def record(self, stream=None):
        self.recorded = stream

    def synchronize(self):
        pass


class FakeStream:
    """A queue of work; it has the parameters of CuPy's."""

    done = True

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr, self.waited_for = 0 if null else id(self), []

    def __enter__(self):
        self.before, FakeCupy.cuda.current = FakeCupy.cuda.current, self
        return self

    def __exit__(self, *_):
        FakeCupy.cuda.current = self.before

    def use(self):
        FakeCupy.cuda.current = self

    def synchronize(self):
        pass

    def wait_event(self, event):
        self.waited_for.append(event)

    def begin_capture(self, mode=None):
        if self.ptr == 0:
            raise RuntimeError("cannot capture the legacy stream")  # cupy/cuda/stream.pyx
        self.captured, self.capturing = FakeGraph(), True

    def end_capture(self):
        self.capturing = False
        return self.captured

    capturing = False

    def is_capturing(self):
        return self.capturing


class FakeGraph:
    """Work that was recorded."""

    def __init__(self):
        self.launched_on = []

    def launch(self, stream=None):
        self.launched_on.append(stream)


FakeStream.null = FakeStream(null=True)


class OutOfMemoryError(MemoryError):
    """CuPy's, by its module's name."""

    __module__ = "cupy.cuda.memory"


class FakeCupy:
    """What metagrad uses of the CuPy module, making stand-in arrays."""

    class cuda:
        Device, Event, Stream, current = FakeDevice, FakeEvent, FakeStream, FakeStream.null
        MemoryPool, allocator = FakePool, None

        @staticmethod
        def set_allocator(allocator=None):
            FakeCupy.cuda.allocator = allocator

        @staticmethod
        @contextmanager
        def using_allocator(allocator=None):
            before, FakeCupy.cuda.allocator = FakeCupy.cuda.allocator, allocator
            yield
            FakeCupy.cuda.allocator = before

        get_current_stream = staticmethod(lambda device_id=-1: FakeCupy.cuda.current)
        get_elapsed_time = staticmethod(lambda start, end: 1.5)

        class runtime:
            getDeviceCount = staticmethod(lambda: 1)
            memGetInfo = staticmethod(lambda: (2_000, 10_000))
            getDeviceProperties = staticmethod(
                lambda index: {
                    "name": b"Stand-in",
                    "major": 9,
                    "minor": 0,
                    "totalGlobalMem": 10_000,
                    "multiProcessorCount": 2,
                }
            )

    limit = 10**6  # elements of an array, beyond which memory is full
    get_default_memory_pool = staticmethod(FakePool)

    @staticmethod
    def asarray(array):
        if array.size > FakeCupy.limit:
            raise OutOfMemoryError(f"Out of memory allocating {array.nbytes:,} bytes (allocated so far: 1,000 bytes).")
        return array if isinstance(array, Strict) else Strict(np.array(array))

    @staticmethod
    def empty(shape, dtype=float):
        return Strict(np.empty(shape, dtype))

    @staticmethod
    def full(shape, fill_value, dtype=None):
        if np.prod(shape) > FakeCupy.limit:
            raise OutOfMemoryError(
                f"Out of memory allocating {np.prod(shape):,} elements (allocated so far: 1,000 bytes)."
            )
        return Strict(np.full(shape, fill_value, dtype))

    @staticmethod
    def from_dlpack(array):
        return Strict(array.hidden)


class FakeSpecial:
    """cupyx.scipy.special on stand-in arrays: SciPy's functions of the names that CuPy has."""

    def __getattr__(self, name):
        if name not in limits.SPECIAL:
            raise AttributeError(f"module 'cupyx.scipy.special' has no attribute {name!r}")
        special = pytest.importorskip("scipy.special", reason="needs SciPy (extra: scipy)")
        return lambda *args: wrap(getattr(special, name)(*unwrap(args)))


class CpusNumbers:
    """In the place of a GPU's generator: the numbers that the CPU's would draw, on the device."""

    device = type("device", (), {"type": "cuda"})

    @property
    def stream(self):
        return self

    def manual_seed(self, seed):
        pass

    def __getattr__(self, name):
        from metagrad.ops.create.random import default_generator

        return lambda *args, **kwargs: Strict(np.asarray(getattr(default_generator.numpy, name)(*args, **kwargs)))


def install(monkeypatch):
    """Make metagrad find CuPy, with one GPU: this file."""
    import sys

    import metagrad.compat.cuda.memory
    import metagrad.compat.cuda.random  # noqa: F401

    for module in ("base.device", "compat.cuda", "kernels.libraries", "compat.cuda.memory", "compat.cuda.random"):
        monkeypatch.setattr(sys.modules[f"metagrad.{module}"], "cupy", lambda: FakeCupy)
    monkeypatch.setattr(sys.modules["metagrad.ops.create.random"], "_of_gpus", {})  # no GPU has drawn yet
    FakeDevice.used.clear()
    monkeypatch.setitem(sys.modules, "cupyx.scipy.special", FakeSpecial())
