"""PyTorch's old names for tensors of one dtype: ``FloatTensor(2, 3)``, ``isinstance(x, LongTensor)``."""

from __future__ import annotations

import functools
import sys
from types import FunctionType
from typing import Any

from metagrad.base import dtypes
from metagrad.base.layouts import strided
from metagrad.base.naming import public
from metagrad.base.warning import warn_once
from metagrad.ops.create.conversion import type_names
from metagrad.tensors.tensor import Tensor

__all__ = [
    "BFloat16Tensor", "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor",
    "LongTensor", "ShortTensor", "set_default_tensor_type", "typename",
]  # fmt: skip


class tensortype(type):
    """The class of these names. Their instances are the tensors of their dtype on the CPU; calling one makes a tensor."""

    dtype: dtypes.dtype
    is_cuda = is_sparse = False
    layout = strided

    def __repr__(cls) -> str:
        return f"<class '{public(cls.__name__)}'>"

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype and not instance.is_cuda

    def __call__(cls, *data: Any, device: Any = None) -> Tensor:
        if len(data) == 1 and isinstance(data[0], Tensor):
            if data[0].dtype is not cls.dtype:
                raise TypeError(f"expected {cls.dtype} (got {data[0].dtype}): use .type(metagrad.{cls.__name__})")
            return data[0].detach()
        return Tensor(*data, dtype=cls.dtype, device=device)


class cudatype(tensortype):
    """The class of the same names in ``metagrad.cuda``: their instances are on a GPU."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype and instance.is_cuda

    def __call__(cls, *data: Any, device: Any = "cuda") -> Tensor:
        return super().__call__(*data, device=device)


class FloatTensor(metaclass=tensortype):
    """Tensors of float32.

    >>> FloatTensor([1, 2])
    tensor([1., 2.])
    >>> isinstance(FloatTensor(2, 3), FloatTensor)
    True
    """

    dtype = dtypes.float32


class DoubleTensor(metaclass=tensortype):
    """Tensors of float64."""

    dtype = dtypes.float64


class HalfTensor(metaclass=tensortype):
    """Tensors of float16."""

    dtype = dtypes.float16


class BFloat16Tensor(metaclass=tensortype):
    """Tensors of bfloat16."""

    dtype = dtypes.bfloat16


class LongTensor(metaclass=tensortype):
    """Tensors of int64."""

    dtype = dtypes.int64


class IntTensor(metaclass=tensortype):
    """Tensors of int32."""

    dtype = dtypes.int32


class ShortTensor(metaclass=tensortype):
    """Tensors of int16."""

    dtype = dtypes.int16


class CharTensor(metaclass=tensortype):
    """Tensors of int8."""

    dtype = dtypes.int8


class ByteTensor(metaclass=tensortype):
    """Tensors of uint8."""

    dtype = dtypes.uint8


class BoolTensor(metaclass=tensortype):
    """Tensors of bool."""

    dtype = dtypes.bool_


@functools.cache
def on_gpu(name: str) -> type:
    """The class of that name whose instances are on a GPU.

    >>> isinstance(FloatTensor(2), on_gpu("FloatTensor"))
    False
    """
    return cudatype(name, (), {"dtype": globals()[name].dtype, "is_cuda": True})


def set_default_tensor_type(t: Any) -> None:
    """``set_default_dtype`` by the old name of a kind of tensors, ``FloatTensor`` or its name as a string."""
    warn_once("set_default_tensor_type() is deprecated: use set_default_dtype() and set_default_device()")
    kind = dtypes.of(type_names[t.rpartition(".")[2]]) if isinstance(t, str) else t.dtype
    dtypes.set_default_dtype(kind)


def typename(obj: Any) -> str:
    """The name of an object's type, with its module; of a tensor, by its dtype: ``metagrad.FloatTensor``.

    >>> typename(FloatTensor(2)), typename([])
    ('metagrad.FloatTensor', 'list')
    """
    if isinstance(obj, Tensor):
        return str(obj.type())
    if isinstance(obj, FunctionType):
        own = vars(sys.modules["metagrad"]).get(obj.__name__) is obj
        return public(obj.__name__) if own else f"{obj.__module__}.{obj.__qualname__}"
    kind = obj if isinstance(obj, type) else type(obj)
    module = "" if kind.__module__ in ("builtins", "__builtin__") else f"{kind.__module__}."
    return module + kind.__qualname__
