"""Objects as bytes, and back: tensors in plain containers, numbers, strings. Nothing that arrives is run, whoever sent it.

The bytes are a line of JSON that describes the object, and then the numbers of its tensors. In the line a value that JSON knows
stands for itself, and anything else is a list of its kind and what it is made of: ``["tensor", "float32", [3]]``.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from metagrad.autograd.variable import Variable, wrap
from metagrad.base import dtypes

Array = Any
_DTYPES = "bfloat16 bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64 complex64 complex128".split()


def encode(value: Any) -> Array:
    """An object as bytes (n,), uint8. Raises TypeError for what is no tensor, number, string or plain container.

    >>> import metagrad
    >>> decode(encode({"a": (1, 2.5, "text", None), 3: [b"bytes", {4, 5}, 1j], "x": metagrad.ones(2)}))
    {'a': (1, 2.5, 'text', None), 3: [b'bytes', {4, 5}, 1j], 'x': tensor([1., 1.])}
    """
    numbers: list[bytes] = []
    described = json.dumps(_describe(value, numbers)).encode()
    return np.frombuffer(b"".join([described, b"\n", *numbers]), np.uint8)


def plain(value: Any, name: str) -> Any:
    """The value as ``decode`` gives it back: its containers plain ones, its tensors the same. Raises TypeError, saying where in
    ``name`` it stands, for what ``encode`` refuses.

    >>> import collections
    >>> plain(collections.OrderedDict(a=[1, (2.5, None)]), "state")
    {'a': [1, (2.5, None)]}
    """
    kind = type(value)
    if isinstance(value, dict):
        return {plain(k, f"a key of {name}"): plain(v, f"{name}[{k!r}]") for k, v in value.items()}
    if kind in (list, tuple):
        return kind(plain(item, f"{name}[{i}]") for i, item in enumerate(value))
    if kind in (set, frozenset):
        return kind(plain(item, f"an element of {name}") for item in value)
    if isinstance(value, np.generic):
        return plain(value.item(), name)
    if not isinstance(value, Variable):
        try:
            _describe(value, [])
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
    return value


def _describe(value: Any, numbers: list[bytes]) -> Any:
    """What stands for a value in the line; the bytes of tensors are put at the end of ``numbers``."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return ["float", value.hex() if math.isfinite(value) else repr(value)]
    if kind is complex:
        return ["complex", _describe(value.real, numbers), _describe(value.imag, numbers)]
    if kind is bytes:
        numbers.append(value)
        return ["bytes", len(value)]
    if isinstance(value, (list, tuple, set, frozenset)) and kind in (list, tuple, set, frozenset):
        return [kind.__name__, [_describe(item, numbers) for item in value]]
    if isinstance(value, dict):  # an OrderedDict too, such as a state_dict
        return ["dict", [[_describe(k, numbers), _describe(v, numbers)] for k, v in value.items()]]
    if isinstance(value, Variable):
        array = np.asarray(value.array, order="C")
        numbers.append(array.tobytes())
        return ["tensor", array.dtype.name, list(array.shape)]
    if isinstance(value, np.generic):
        return _describe(value.item(), numbers)
    raise TypeError(
        f"objects travel between ranks if they are tensors, numbers, strings or plain containers of them, got {kind.__name__}"
    )


class _Reader:
    """Takes the numbers of the tensors one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        if not 0 <= size <= len(self.data) - self.at:
            raise ValueError("the bytes of an object are cut off")
        self.at += size
        return self.data[self.at - size : self.at]


def decode(array: Array) -> Any:
    """The object that ``encode`` made bytes of. Raises ValueError if they are no such bytes."""
    line, _, rest = array.tobytes().partition(b"\n")
    try:
        return _value(json.loads(line), _Reader(rest))
    except (TypeError, KeyError, IndexError) as error:
        raise ValueError(f"these are not the bytes of an object: {error}") from error


_CONTAINERS = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}


def _value(found: Any, numbers: _Reader) -> Any:
    if not isinstance(found, list):
        return found
    kind, *parts = found
    if kind == "float":
        return float.fromhex(parts[0])
    if kind == "complex":
        return complex(_value(parts[0], numbers), _value(parts[1], numbers))
    if kind == "bytes":
        return numbers.take(parts[0])
    if kind == "dict":
        return {_value(k, numbers): _value(v, numbers) for k, v in parts[0]}
    if kind == "tensor":
        return _tensor(parts[0], parts[1], numbers)
    return _CONTAINERS[kind](_value(item, numbers) for item in parts[0])


def _tensor(name: str, shape: list[int], numbers: _Reader) -> Any:
    if name not in _DTYPES:
        raise ValueError(f"a tensor of unknown dtype {name!r}")
    kind = dtypes.of(name).dtype
    return wrap(np.frombuffer(numbers.take(math.prod(shape) * kind.itemsize), kind).reshape(shape).copy())
