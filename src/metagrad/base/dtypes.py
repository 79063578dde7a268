"""Number types, and PyTorch's rules for mixing them.

NumPy and PyTorch disagree on mixed arithmetic. NumPy widens until every value fits: ``float32 * int64`` is float64.
PyTorch ranks *categories*, bool < integer < float < complex: the highest category among the operands decides, and
only operands of that category decide the width. ``float32 * int64`` stays float32, so a network never becomes
float64 by accident.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any

import numpy as np

from metagrad.base.naming import public
from metagrad.base.optional import need

NumpyDtype = np.dtype[Any]


class dtype:
    """A number type such as ``metagrad.float32``; ``numpy`` is the NumPy type it stands for.

    >>> import metagrad
    >>> metagrad.float32, metagrad.float32.itemsize, metagrad.float32.is_floating_point
    (metagrad.float32, 4, True)
    >>> np.zeros(2, metagrad.int16).dtype
    dtype('int16')
    """

    __slots__ = ("category", "dtype", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.dtype: NumpyDtype = np.dtype(name)  # under this name NumPy finds it: np.dtype(metagrad.float32) works
        self.category = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}[self.dtype.kind]

    @property
    def numpy(self) -> NumpyDtype:
        """The NumPy type it stands for."""
        return self.dtype

    @property
    def itemsize(self) -> int:
        """Bytes an element takes."""
        return self.dtype.itemsize

    @property
    def is_floating_point(self) -> bool:
        """Whether it is a real floating-point type."""
        return self.dtype.kind == "f"

    @property
    def is_complex(self) -> bool:
        """Whether it is a complex type."""
        return self.dtype.kind == "c"

    @property
    def is_signed(self) -> bool:
        """Whether it holds negative numbers."""
        return self.dtype.kind in "ifc"

    def to_real(self) -> dtype:
        """The real type of the same precision: complex64 -> float32."""
        return of(np.empty(0, self.dtype).real.dtype)

    def to_complex(self) -> dtype:
        """The complex type of the same precision: float32 -> complex64; RuntimeError for whole numbers."""
        if self.dtype.kind not in "fc":
            raise RuntimeError(f"Unknown Complex ScalarType for {scalar_name(self)}")
        return of(np.promote_types(self.dtype, np.complex64))

    def __eq__(self, other: object) -> bool:
        return other is self or (isinstance(other, np.dtype) and other == self.dtype)

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return public(self.name)

    @property
    def abbr(self) -> str:
        """A short name: f32 for float32."""
        return "b8" if self.name == "bool" else f"{self.dtype.kind}{8 * self.itemsize}"

    def __reduce__(self) -> str | tuple[Any, ...]:
        return of, (self.name,)


class _Brain(dtype):
    """bfloat16, the upper half of a float32: NumPy has it from the package ml_dtypes, which is imported when it is first needed.

    Whether ml_dtypes is there or not, the number type may be named and compared with. Arrays of it are of NumPy's kind "V".
    """

    __slots__ = ()
    is_floating_point = is_signed = True
    is_complex = False
    itemsize = 2
    abbr = "bf16"

    def __init__(self, name: str) -> None:
        self.name, self.category = name, 2

    def __getattr__(self, attribute: str) -> NumpyDtype:
        if attribute != "dtype":
            raise AttributeError(attribute)
        self.dtype = np.dtype(need("ml_dtypes", extra="bfloat16").bfloat16)
        _by_numpy[self.dtype] = self
        emulated.append(self)
        return self.dtype

    def to_real(self) -> dtype:
        """Itself."""
        return self

    def to_complex(self) -> dtype:
        """complex64: there is no complex type of its precision."""
        return complex64

    def __eq__(self, other: object) -> bool:
        return other is self or (isinstance(other, np.dtype) and other.name == self.name)

    def __hash__(self) -> int:
        return hash(self.name)


bool_ = dtype("bool")
uint8, uint16, uint32, uint64 = dtype("uint8"), dtype("uint16"), dtype("uint32"), dtype("uint64")
int8, int16, int32, int64 = dtype("int8"), dtype("int16"), dtype("int32"), dtype("int64")
float16, float32, float64 = dtype("float16"), dtype("float32"), dtype("float64")
complex64, complex128 = dtype("complex64"), dtype("complex128")
bfloat16 = _Brain("bfloat16")
emulated: list[dtype] = []  # bfloat16, as soon as there may be arrays of it: ops on it are computed in float32

ALL = (
    bool_,
    uint8,
    uint16,
    uint32,
    uint64,
    int8,
    int16,
    int32,
    int64,
    float16,
    float32,
    float64,
    complex64,
    complex128,
)
_by_numpy = {d.dtype: d for d in ALL}
_python_types: dict[Any, dtype] = {bool: bool_, int: int64, float: float64, complex: complex128}


def of(kind: Any) -> dtype:
    """The dtype for whatever names one: ``metagrad.float32``, ``np.float32``, ``"float32"``, ``float``.

    Python's ``float`` and ``complex`` mean what they are, float64 and complex128, as in PyTorch. Raises TypeError for
    anything else.

    >>> of("int32"), of(np.float64), of(float)
    (metagrad.int32, metagrad.float64, metagrad.float64)
    """
    found = _by_numpy.get(kind)
    if found is not None:
        return found
    if isinstance(kind, dtype):
        return kind
    if kind is None:
        raise TypeError("expected a number type such as metagrad.float32, got None")
    if isinstance(kind, type) and kind in _python_types:
        return _python_types[kind]
    try:
        return _by_numpy[np.dtype(kind).newbyteorder("=")]
    except (KeyError, TypeError, ValueError):
        if "bfloat16" in (kind, getattr(kind, "name", None), getattr(kind, "__name__", None)):
            return bfloat16
        known = ", ".join(d.name for d in (*ALL, bfloat16))
        said = f"{kind!r} is not a number type metagrad knows; it knows {known}"
        raise TypeError(f"argument 'dtype' must be torch.dtype, not {type(kind).__name__}: {said}") from None


_default = float32


def get_default_dtype() -> dtype:
    """The dtype that Python floats become: float32 unless ``set_default_dtype`` said otherwise.

    >>> get_default_dtype()
    metagrad.float32
    """
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make ``d``, a floating-point dtype, the one that Python floats become.

    Raises TypeError for any other dtype.

    >>> import metagrad
    >>> metagrad.set_default_dtype(metagrad.float64)
    >>> metagrad.tensor([1.5]).dtype
    metagrad.float64
    >>> metagrad.set_default_dtype(metagrad.float32)
    """
    global _default
    chosen = of(d)
    if not chosen.is_floating_point or not chosen.dtype:
        raise TypeError(f"only floating-point types are supported as the default type, got {chosen}")
    _default = chosen


@cache
def promote_types(type1: Hashable, type2: Hashable) -> dtype:
    """The smallest dtype that holds both by PyTorch's rules. Raises RuntimeError for uint64 and a signed integer: none does.

    >>> promote_types(int64, float32), promote_types(uint8, int8), promote_types(float64, complex64)
    (metagrad.float32, metagrad.int16, metagrad.complex128)
    """
    a, b = of(type1), of(type2)
    if a.category != b.category and min(a.category, b.category) < 2:  # bool and integers yield to the higher category
        return a if a.category > b.category else b
    if bfloat16 in (a, b) and a is not b:  # the wider of the two, or float32, which holds both bfloat16 and float16
        return of(np.promote_types(np.float32, (b if a is bfloat16 else a).dtype))
    found = a if a is b else of(np.promote_types(a.dtype, b.dtype))
    if found.category > max(a.category, b.category):  # NumPy would have float64, which rounds integers beyond 2⁵³
        raise RuntimeError(
            f"no integer type holds both {a} and {b}: Promotion for uint64 types is not supported. Convert one of them first"
        )
    return found


def of_scalar(value: object) -> dtype:
    """The dtype a Python or NumPy number has in arithmetic: its category, at the default width.

    Raises TypeError for anything else.

    >>> of_scalar(1), of_scalar(np.float64(1)), of_scalar(1j)
    (metagrad.int64, metagrad.float32, metagrad.complex64)
    """
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return _default
    if isinstance(value, (complex, np.complexfloating)):
        return _default.to_complex()
    raise TypeError(f"a value must be Number, not {type(value).__name__}: {value!r}")


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether a result of dtype ``from_`` may be written into a tensor of dtype ``to`` (no lower category).

    >>> can_cast(float64, float32), can_cast(float32, int64)
    (True, False)
    """
    a, b = of(from_), of(to)
    return a.category <= b.category


_names_of_scalars = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long", "float16": "Half",
    "bfloat16": "BFloat16", "float32": "Float", "float64": "Double", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
}  # fmt: skip
_types_of_elements = {
    "uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int", "int64": "long int",
    "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float", "float64": "double",
    "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip


def scalar_name(d: object) -> str:
    """What errors call a dtype, as PyTorch's do: its name in C++.

    >>> scalar_name(int64), scalar_name(np.dtype("float32"))
    ('Long', 'Float')
    """
    kind = of(d)
    return _names_of_scalars.get(kind.name, kind.name)


def cpp_name(d: object) -> str:
    """What errors of ``out=`` call a dtype, as PyTorch's do: the type in C++ of an element.

    >>> cpp_name(int64), cpp_name(float16), cpp_name(complex64)
    ('long int', 'c10::Half', 'c10::complex<float>')
    """
    kind = of(d)
    return _types_of_elements.get(kind.name, kind.name)


class finfo:
    """Limits of a floating-point dtype: ``bits eps max min tiny smallest_normal resolution``.

    >>> finfo(float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: object = None) -> None:
        chosen = get_default_dtype() if type is None else of(type)
        if not (chosen.is_floating_point or chosen.is_complex):
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{chosen}'")
        known = getattr(chosen, "limits", None)
        if known is not None:  # of a number type that there are no tensors of
            self.dtype, self.bits, self.resolution = chosen.name, 8 * chosen.itemsize, 1.0
            self.max, self.min, self.eps, self.tiny = known
            self.smallest_normal = self.tiny
            return
        self.dtype = chosen.to_real().name
        if chosen is bfloat16:  # the exponents of a float32, and 7 bits of mantissa
            self.bits, self.eps, self.resolution = 16, 2.0**-7, 0.01
            self.max, self.tiny = (2 - 2.0**-7) * 2.0**127, 2.0**-126
            self.min, self.smallest_normal = -self.max, self.tiny
            return
        limits = np.finfo(chosen.dtype)
        self.bits = int(limits.bits)
        self.eps, self.max, self.min = float(limits.eps), float(limits.max), float(limits.min)
        self.tiny = self.smallest_normal = float(limits.tiny)
        self.resolution = float(f"1e-{limits.precision}")

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(self.dtype)


class iinfo:
    """Limits of an integer dtype: ``bits max min``.

    >>> iinfo(int8).min, iinfo(int8).max
    (-128, 127)
    """

    def __init__(self, type: object) -> None:
        chosen = of(type)
        if chosen.category != 1:
            raise TypeError(
                "torch.bool is not supported by torch.iinfo"
                if chosen is bool_
                else f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{chosen}'"
            )
        limits = np.iinfo(chosen.dtype)
        self.dtype, self.bits, self.max, self.min = chosen.name, int(limits.bits), int(limits.max), int(limits.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(self.dtype)
