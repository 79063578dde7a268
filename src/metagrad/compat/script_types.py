"""The names of TorchScript's types and of the parts of its graphs, which programs write in annotations: there are none here."""

from __future__ import annotations

from typing import Any

__all__ = ["NAMES", "named"]

NAMES = frozenset(
    """
    AggregationType AnyType AwaitType Block BoolType ClassType ComplexType ConcreteModuleType DeviceObjType DictType EnumType
    FloatType FutureType Graph InferredType IntType InterfaceType ListType Node NoneType NumberType OptionalType PyObjectType
    RRefType StreamObjType StringType SymBoolType SymIntType TensorType TupleType Type UnionType Value
    """.split()
)
_made: dict[str, type] = {}


def _refuse(self: Any, *args: object, **kwargs: object) -> None:
    raise TypeError(f"torch._C.{type(self).__name__}: No constructor defined!")


def named(name: str) -> type:
    """The class of this name, made once. Making an object of it raises TypeError; every ``…Type`` is a ``Type``.

    >>> named("TensorType").__mro__[1] is named("Type"), named("Value").__name__
    (True, 'Value')
    """
    if name not in _made:
        bases = (named("Type"),) if name.endswith("Type") and name != "Type" else (object,)
        _made[name] = type(name, bases, {"__init__": _refuse, "__module__": "torch"})
    return _made[name]
