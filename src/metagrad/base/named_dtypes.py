"""Number types that programs name and compare with, and of which there are no tensors: float8, half complex, quantized ones."""

from __future__ import annotations

from typing import Any

from metagrad.base.dtypes import dtype

_NAMES = """
    float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 complex32
    qint8 quint8 qint32 quint4x2 quint2x4 bits8 bits16 uint1 uint2 uint3 uint4 uint5 uint6 uint7 int1 int2 int3 int4 int5 int6 int7
""".split()
_LIMITS = {  # the largest, the smallest, the step at 1, the smallest normal number
    "float8_e4m3fn": (448.0, -448.0, 2.0**-3, 2.0**-6),
    "float8_e4m3fnuz": (240.0, -240.0, 2.0**-3, 2.0**-7),
    "float8_e5m2": (57344.0, -57344.0, 2.0**-2, 2.0**-14),
    "float8_e5m2fnuz": (57344.0, -57344.0, 2.0**-3, 2.0**-15),
    "float8_e8m0fnu": (2.0**127, 2.0**-127, 1.0, 2.0**-127),
}


class NamedOnly(dtype):
    """A number type that may be named and compared with. Making a tensor of it raises NotImplementedError.

    >>> NAMED["float8_e5m2"].itemsize, NAMED["float8_e5m2"].is_floating_point
    (1, True)
    """

    __slots__ = ()

    def __init__(self, name: str) -> None:
        self.name, self.category = name, 3 if name == "complex32" else 2 if name.startswith("float") else 1

    def __getattr__(self, attribute: str) -> Any:
        if attribute != "dtype":
            raise AttributeError(attribute)
        raise NotImplementedError(f"there are no tensors of {self.name}: use float32, or float16")

    @property
    def limits(self) -> tuple[float, float, float, float] | None:
        """What ``finfo`` says of it."""
        return _LIMITS.get(self.name)

    @property
    def itemsize(self) -> int:
        """Bytes an element takes."""
        return {"complex32": 4, "qint32": 4, "bits16": 2}.get(self.name, 1)

    @property
    def is_floating_point(self) -> bool:
        """Whether it is a real floating-point type."""
        return self.category == 2

    @property
    def is_complex(self) -> bool:
        """Whether it is a complex type."""
        return self.category == 3

    @property
    def is_signed(self) -> bool:
        """Whether it holds negative numbers."""
        return not self.name.startswith(("uint", "quint", "bits", "float8_e8m0"))

    __eq__ = object.__eq__

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> Any:
        return named, (self.name,)


NAMED = {name: NamedOnly(name) for name in _NAMES}
NAMED["chalf"] = NAMED["complex32"]


def named(name: str) -> NamedOnly:
    """The number type of this name.

    >>> named("float8_e4m3fn")
    metagrad.float8_e4m3fn
    """
    return NAMED[name]
