"""What the names in a file stand for, and what may be made with them.

A pickle may name any function of any module to be called. The names that state dicts need are answered here, with functions that
make tensors and plain containers, and look at what they are given; every other name is refused before it is looked up.
"""

from __future__ import annotations

import functools
import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metagrad.base import dtypes, layouts
from metagrad.base.device import device as Device
from metagrad.base.size import Size
from metagrad.nn.parameter import Parameter
from metagrad.ops.create.like import empty_strided
from metagrad.serialization.errors import CheckpointError
from metagrad.serialization.limits import DEEPEST, Budget, check_key
from metagrad.serialization.number_types import NARROW, STORAGES, stored
from metagrad.serialization.storages import StoredNumbers
from metagrad.tensors.tensor import Tensor

Arguments = tuple[Any, ...]
Maker = Callable[..., object]


class Function(NamedTuple):
    """A function that a file may call: its name there, and what is called instead, with the budget and the arguments."""

    name: str
    make: Maker


class NumberType(NamedTuple):
    """A narrow number type that is named in a file and has no dtype here."""

    name: str


class StorageType(NamedTuple):
    """What a file calls the class of a storage."""

    name: str


class NumpyType:
    """NumPy's description of a number type: its code, and then, by BUILD, its byte order."""

    def __init__(self, code: str) -> None:
        if code not in _NUMPY_CODES:
            raise CheckpointError(f"a NumPy scalar of type {code[:20]!r}: numbers are made from a file, nothing else")
        self.dtype = np.dtype(code)

    def build(self, state: object) -> None:
        """(version, byte order, …): all but the order is for types that are not numbers."""
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise CheckpointError("damaged: a NumPy type with no byte order")
        self.dtype = self.dtype.newbyteorder(state[1])


_NUMPY_CODES = "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split()


# ------------------------------------------------ tensors


def _tensor(
    budget: Budget,
    storage: object,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool = False,
    hooks: object = None,
    metadata: object = None,
) -> Tensor:
    """``_rebuild_tensor_v2``: a stretch of a storage, in the storage's dtype."""
    return _placed(budget, storage, None, offset, size, stride, requires_grad, metadata)


def _tensor_of_dtype(
    budget: Budget,
    storage: object,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
    hooks: object,
    dtype: object,
    metadata: object = None,
) -> Tensor:
    """``_rebuild_tensor_v3``: the same, the storage being bytes of a dtype given here."""
    if not isinstance(dtype, (dtypes.dtype, NumberType)):
        raise CheckpointError("damaged: a tensor whose dtype is none")
    return _placed(budget, storage, dtype.name, offset, size, stride, requires_grad, metadata)


def _placed(
    budget: Budget,
    storage: object,
    name: str | None,
    offset: int,
    size: object,
    stride: object,
    requires_grad: object,
    metadata: object,
) -> Tensor:
    if not isinstance(storage, StoredNumbers) or not isinstance(size, tuple) or not isinstance(stride, tuple):
        raise CheckpointError("damaged: a tensor refers to something that is no storage, size or stride")
    marks = metadata or {}
    if not isinstance(marks, dict) or not marks.keys() <= {"conj", "neg"} or not isinstance(requires_grad, bool):
        raise CheckpointError(f"a tensor with properties that metagrad does not know: {str(marks)[:50]}")
    name = storage.name if name is None else name
    budget.spend(500)
    if marks:
        budget.spend(math.prod(n for n in size if type(n) is int) * stored(name).itemsize)
    if storage.widens(name):
        budget.spend(8 * storage.nbytes())
    tensor = storage.tensor(name, offset, size, stride, bool(marks.get("conj")), bool(marks.get("neg")))
    if requires_grad:
        tensor.requires_grad = True
    return tensor


def _of_meta(budget: Budget, dtype: object, size: object, stride: object, requires_grad: object) -> Tensor:
    """``_rebuild_meta_tensor_no_storage``: a tensor on the device meta, which has no numbers."""
    extents = [n for given in (size, stride) if isinstance(given, tuple) for n in given]
    if not isinstance(dtype, dtypes.dtype) or not isinstance(size, tuple) or not isinstance(stride, tuple):
        raise CheckpointError("damaged: a tensor without numbers that has no dtype, size or stride")
    if len(size) != len(stride) or len(size) > 64 or not all(type(n) is int and 0 <= n < 2**62 for n in extents):
        raise CheckpointError("damaged: a tensor without numbers of an impossible size")
    budget.spend(500)
    tensor = empty_strided(size, stride, dtype=dtype, device="meta")
    if requires_grad is True:
        tensor.requires_grad = True
    return tensor


def _parameter(budget: Budget, data: object, requires_grad: bool = True, hooks: object = None) -> Parameter:
    if not isinstance(data, Tensor) or not isinstance(requires_grad, bool):
        raise CheckpointError("damaged: a parameter of something that is no tensor")
    budget.spend(500)
    return Parameter(data, requires_grad)


def _parameter_with_state(budget: Budget, data: object, requires_grad: bool, hooks: object, state: object) -> Tensor:
    """A parameter with attributes of the program's own."""
    return _with_attributes(_parameter(budget, data, requires_grad), state)


def _from_type(budget: Budget, rebuild: object, kind: object, arguments: object, state: object) -> Tensor:
    """``_rebuild_from_type_v2``: a tensor with attributes of the program's own."""
    if not isinstance(kind, type) or not issubclass(kind, Tensor) or not isinstance(arguments, tuple):
        raise CheckpointError("damaged: a tensor of a class that is none of tensors")
    make = functools.partial(rebuild.make, budget) if isinstance(rebuild, Function) else rebuild
    if not isinstance(make, functools.partial):
        raise CheckpointError("damaged: a tensor made by a function that makes none")
    tensor = make(*arguments)
    if not isinstance(tensor, Tensor):
        raise CheckpointError("damaged: a tensor made by a function that makes none")
    return _with_attributes(tensor if isinstance(tensor, kind) else tensor.as_subclass(kind), state)


def _with_attributes(tensor: Tensor, state: object) -> Tensor:
    found = state[0] if isinstance(state, tuple) and len(state) == 2 and not state[1] else state
    set_attributes(tensor, found or {}, Parameter)
    return tensor


def set_attributes(target: object, state: object, kind: type) -> None:
    """Attributes that a file gives an object, beside those that its class has."""
    if not isinstance(state, dict) or not all(type(name) is str for name in state):
        raise CheckpointError("damaged: attributes that are no dict of names")
    for name in state:
        if hasattr(kind, name) or name.startswith("__"):
            raise CheckpointError(f"this file sets the attribute {name[:50]!r}, which {kind.__name__} has already")
    target.__dict__.update(state)


def _copied_to_device(budget: Budget, data: object, dtype: object, device: object, requires_grad: bool) -> Tensor:
    """A tensor of a device without storages, which was saved as a copy on the CPU."""
    if not isinstance(data, Tensor):
        raise CheckpointError("damaged: a tensor of something that is no tensor")
    return data.requires_grad_() if requires_grad is True else data


# ------------------------------------------------ plain values


def _bytes(budget: Budget, text: str, encoding: str = "latin1") -> bytes:
    """How a pickle of protocol 2 writes bytes."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise CheckpointError("damaged: bytes that are not written as Latin-1")
    budget.spend(40 + len(text))
    return text.encode("latin-1")


def _bytearray(budget: Budget, data: bytes | str = b"", encoding: str = "latin-1") -> bytearray:
    if type(data) not in (bytes, str):
        raise CheckpointError("damaged: a bytearray of something that is no bytes")
    budget.spend(60 + len(data))
    return bytearray(data) if isinstance(data, bytes) else bytearray(_bytes(budget, data, encoding))


def _from_items(kind: type, cost: int) -> Maker:
    """A maker of a container from one of its items, or empty."""

    def make(budget: Budget, items: object = ()) -> object:
        if not isinstance(items, (list, tuple, dict)):
            raise CheckpointError(f"damaged: {kind.__name__} of something that is no list")
        for item in () if isinstance(items, dict) else items:
            check_key(item)
        budget.spend(cost + 110 * len(items))
        return kind(items)

    return make


_as_dict = _from_items(dict, 64)


def _defaultdict(budget: Budget, factory: object = None, items: object = ()) -> object:
    if factory is not None and factory not in _FACTORIES:
        raise CheckpointError("a defaultdict with a function of its own: save dict(it) instead")
    budget.defaultdicts += 1
    if budget.defaultdicts > DEEPEST:  # one within the other, so many of them end the interpreter when they are freed
        raise CheckpointError(f"more than {DEEPEST} defaultdicts in a file: save each of them as dict(it)")
    budget.spend(300)
    return defaultdict(factory, _as_dict(budget, items))  # type: ignore[call-overload]


def _size(budget: Budget, extents: object = ()) -> Size:
    if not isinstance(extents, (tuple, list)) or not all(type(n) is int for n in extents):
        raise CheckpointError("damaged: a size that is no tuple of integers")
    budget.spend(60 + 8 * len(extents))
    return Size(extents)


def _from_numbers(kind: type) -> Maker:
    def make(budget: Budget, *numbers: object) -> object:
        if len(numbers) > 3 or not all(n is None or type(n) in (int, float) for n in numbers):
            raise CheckpointError(f"damaged: {kind.__name__} of something that is no number")
        budget.spend(60)
        return kind(*numbers)

    return make


def _device(budget: Budget, name: str, index: int | None = None) -> Device:
    if type(name) is not str or (index is not None and type(index) is not int):
        raise CheckpointError("damaged: a device without a name")
    budget.spend(60)
    return Device(name, index)


def _layout(budget: Budget, name: object) -> object:
    if name != "torch.strided":
        raise CheckpointError(f"a tensor of the layout {str(name)[:50]}: save it dense, as strided")
    return layouts.strided


def _numpy_type(budget: Budget, code: object, *more: object) -> NumpyType:
    budget.spend(200)
    return NumpyType(str(code))


def _numpy_scalar(budget: Budget, kind: object, data: bytes) -> np.generic:
    if not isinstance(kind, NumpyType) or type(data) is not bytes or len(data) != kind.dtype.itemsize:
        raise CheckpointError("damaged: a NumPy scalar that is no number")
    budget.spend(60)
    return np.frombuffer(data, kind.dtype)[0].astype(kind.dtype.newbyteorder("="))


# ------------------------------------------------ the table

_CLASSES: dict[str, type] = {  # named as such, and called by the makers below
    "torch.Tensor": Tensor,
    "torch.nn.parameter.Parameter": Parameter,
    "torch.Size": Size,
    "torch.device": Device,
    "collections.OrderedDict": OrderedDict,
    "collections.defaultdict": defaultdict,
    "collections.Counter": Counter,
    **{f"builtins.{kind.__name__}": kind for kind in (
        bool, bytearray, bytes, complex, dict, float, frozenset, int, list, range, set, slice, str, tuple,
    )},
}  # fmt: skip
_FACTORIES = (bool, complex, dict, float, int, list, set, str, tuple, OrderedDict, Counter)
MAKERS: dict[type, Maker] = {
    Parameter: _parameter,
    Size: _size,
    Device: _device,
    OrderedDict: _from_items(OrderedDict, 300),
    Counter: _from_items(Counter, 300),
    set: _from_items(set, 220),
    frozenset: _from_items(frozenset, 220),
    defaultdict: _defaultdict,
    bytearray: _bytearray,
    complex: _from_numbers(complex),
    range: _from_numbers(range),
    slice: _from_numbers(slice),
}
_FUNCTIONS: dict[str, Maker] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_dtype,
    "torch._utils._rebuild_meta_tensor_no_storage": _of_meta,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter_with_state,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _copied_to_device,
    "torch._tensor._rebuild_from_type_v2": _from_type,
    "torch.serialization._get_layout": _layout,
    "_codecs.encode": _bytes,
    "numpy.dtype": _numpy_type,
    "numpy._core.multiarray.scalar": _numpy_scalar,
    "numpy.core.multiarray.scalar": _numpy_scalar,
}
# As protocol 2 has it, which Python 2 can read.
_OLD_NAMES = {"builtins.xrange": "builtins.range", "builtins.long": "builtins.int", "builtins.unicode": "builtins.str"}
_OLD_MODULES = {"__builtin__": "builtins", "torch.tensor": "torch._tensor"}


def meaning(module: str, name: str) -> object:
    """What a name of a file stands for; None for a name that is not known, and so refused.

    >>> meaning("collections", "OrderedDict"), meaning("torch", "float16"), meaning("os", "system")
    (<class 'collections.OrderedDict'>, metagrad.float16, None)
    """
    path = f"{_OLD_MODULES.get(module, module)}.{name}"
    path = _OLD_NAMES.get(path, path)
    if path in _CLASSES:
        return _CLASSES[path]
    if path in _FUNCTIONS:
        return Function(path, _FUNCTIONS[path])
    if module in ("torch", "torch.storage", "torch.cuda"):
        return StorageType(STORAGES[name]) if name in STORAGES else _number_type(name) if module == "torch" else None
    return None


def _number_type(name: str) -> dtypes.dtype | NumberType | None:
    known = [d for d in (*dtypes.ALL, dtypes.bfloat16) if d.name == name]
    return known[0] if known else NumberType(name) if name in NARROW else None
