"""PyTorch's old names for storages of one dtype: ``FloatStorage(4)``, ``isinstance(x.storage(), FloatStorage)``."""

from __future__ import annotations

from collections.abc import Sequence

from metagrad.base import dtypes
from metagrad.base.naming import public
from metagrad.base.typing import Number
from metagrad.tensors.storage import TypedStorage, UntypedStorage, check_wrapped

DTYPES = {
    "BFloat16Storage": dtypes.bfloat16, "BoolStorage": dtypes.bool_, "ByteStorage": dtypes.uint8, "CharStorage": dtypes.int8,
    "ComplexDoubleStorage": dtypes.complex128, "ComplexFloatStorage": dtypes.complex64, "DoubleStorage": dtypes.float64,
    "FloatStorage": dtypes.float32, "HalfStorage": dtypes.float16, "IntStorage": dtypes.int32, "LongStorage": dtypes.int64,
    "ShortStorage": dtypes.int16,
}  # fmt: skip
__all__ = [*DTYPES, "is_storage"]


class storagetype(type):
    """The class of these names. Their instances are the typed storages of their dtype; calling one makes a storage.

    >>> FloatStorage([1, 2]).tolist(), isinstance(FloatStorage(3), DoubleStorage)
    ([1.0, 2.0], False)
    """

    dtype: dtypes.dtype

    def __repr__(cls) -> str:
        return f"<class '{public(cls.__name__)}'>"

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, TypedStorage) and instance.dtype is cls.dtype

    def __subclasscheck__(cls, other: type) -> bool:
        return isinstance(other, storagetype) and other.dtype is cls.dtype

    def __call__(
        cls,
        source: Sequence[Number] | int = 0,
        *more: object,
        wrap_storage: UntypedStorage | None = None,
        **named: object,
    ) -> TypedStorage:
        if more or named:
            wrong = (
                "Too many positional arguments"
                if more
                else f"Keyword argument {next(iter(named))!r} cannot be specified"
            )
            raise RuntimeError(f"{cls!r}.__new__ received an invalid combination of arguments. {wrong}")
        if wrap_storage is not None:
            check_wrapped(f"{cls!r}.__new__", source, wrap_storage, cls.dtype)
        return TypedStorage(source, wrap_storage=wrap_storage, dtype=cls.dtype)


def is_storage(obj: object) -> bool:
    """Whether an object is a storage.

    >>> is_storage(FloatStorage(2)), is_storage([1.0, 2.0])
    (True, False)
    """
    return isinstance(obj, UntypedStorage)


for _name, _dtype in DTYPES.items():
    globals()[_name] = storagetype(
        _name, (TypedStorage,), {"dtype": _dtype, "__module__": __name__, "__doc__": f"Storages of {_dtype}."}
    )
