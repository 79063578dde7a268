"""The number types of PyTorch's files, and what becomes of their numbers here.

A dtype's name says how the numbers of a storage are stored. Most are NumPy's. The narrow floating-point types that NumPy does not
have are widened to float32, which holds each of their values exactly; ``stored`` and ``widen`` are the whole of that. bfloat16
stays what it is where the package ml_dtypes is installed (``is_widened``).

===================  ======================  ================================================
name                 sign exponent mantissa  the rest
===================  ======================  ================================================
``bfloat16``         1 8 7 bits              the upper half of a float32
``float8_e4m3fn``    1 4 3 bits, bias 7      no infinities; nan where all other bits are 1
``float8_e5m2``      1 5 2 bits, bias 15     the upper half of a float16
``float8_e4m3fnuz``  1 4 3 bits, bias 8      no infinities; nan in the place of -0
``float8_e5m2fnuz``  1 5 2 bits, bias 16     no infinities; nan in the place of -0
``float8_e8m0fnu``   0 8 0 bits, bias 127    powers of two; nan where all bits are 1
===================  ======================  ================================================

Micikevicius et al., "FP8 formats for deep learning" (2022), and the OCP's "Microscaling formats" (2023).
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import numpy as np

from metagrad.base import dtypes
from metagrad.base.typing import Array

# The class that PyTorch names for a storage of each number type.
STORAGES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8",
    "BoolStorage": "bool", "ComplexFloatStorage": "complex64", "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
}  # fmt: skip
STORAGE_NAMES = {name: storage for storage, name in STORAGES.items() if storage != "UntypedStorage"}
# Number types without a storage class of their own are stretches of bytes, with the dtype said beside them.
UNTYPED = ("uint16", "uint32", "uint64")

_EIGHT_BITS = {  # bits of the exponent and of the mantissa, bias
    "float8_e4m3fn": (4, 3, 7),
    "float8_e5m2": (5, 2, 15),
    "float8_e4m3fnuz": (4, 3, 8),
    "float8_e5m2fnuz": (5, 2, 16),
    "float8_e8m0fnu": (8, 0, 127),
}
_CHUNK = 1 << 16
NARROW = ("bfloat16", *_EIGHT_BITS)


def is_widened(name: str) -> bool:
    """Whether numbers of this type become float32 here.

    >>> is_widened("float16"), is_widened("float8_e5m2")
    (False, True)
    """
    return name in _EIGHT_BITS or (name == "bfloat16" and find_spec("ml_dtypes") is None)


def native(bits: Array, name: str) -> Array:
    """Numbers that are not widened, as they are computed with: bfloat16 is read as its bits.

    >>> native(np.ones(2), "float64")
    array([1., 1.])
    """
    return bits.view(dtypes.bfloat16.dtype) if name == "bfloat16" else bits


def stored(name: str) -> np.dtype[np.generic]:
    """The NumPy type that numbers are stored as: unsigned integers with the same bits where NumPy has no such type."""
    return np.dtype("u2" if name == "bfloat16" else "u1" if name in _EIGHT_BITS else name)


def widen(bits: Array, name: str, out: Array) -> None:
    """Write numbers of one of the narrow types as float32.

    >>> out = np.empty(2, np.float32)
    >>> widen(np.array([0x3FC0, 0xC000], np.uint16), "bfloat16", out)
    >>> out.tolist()
    [1.5, -2.0]
    >>> widen(np.array([0xB9, 0x7E], np.uint8), "float8_e4m3fn", out)
    >>> out.tolist()
    [-1.125, 448.0]
    """
    if name == "bfloat16":
        np.left_shift(bits, 16, out=out.view(np.uint32), dtype=np.uint32)
        return
    values = _values(name)
    for i in range(0, len(bits), _CHUNK):  # for as indices the bytes take eight times their memory
        out[i : i + _CHUNK] = values[bits[i : i + _CHUNK]]


@cache
def _values(name: str) -> Array:
    """The value of each of the 256 bytes."""
    exponent_bits, mantissa_bits, bias = _EIGHT_BITS[name]
    byte = np.arange(256)
    if name == "float8_e8m0fnu":
        return np.append(np.ldexp(1.0, byte[:-1] - bias), np.nan).astype(np.float32)
    exponent = byte >> mantissa_bits & (1 << exponent_bits) - 1
    fraction = (byte & (1 << mantissa_bits) - 1) / (1 << mantissa_bits)
    size = np.where(exponent > 0, np.ldexp(1 + fraction, exponent - bias), np.ldexp(fraction, 1 - bias))
    if name == "float8_e4m3fn":
        size[byte & 0x7F == 0x7F] = np.nan
    elif name == "float8_e5m2":
        highest = exponent == 31
        size[highest] = np.where(fraction[highest] > 0, np.nan, np.inf)
    values = np.where(byte > 127, -size, size)
    if name.endswith("uz"):
        values[0x80] = np.nan
    return values.astype(np.float32)
