"""``torch._utils``: small functions on tensors and devices that libraries import."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from metagrad.base.device import device as Device
from metagrad.base.dtypes import dtype
from metagrad.nn.parameter import Parameter
from metagrad.ops.create.creation import empty
from metagrad.ops.shape.joining import cat
from metagrad.tensors.tensor import _rebuilt

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

_rebuild_tensor = _rebuilt

__all__ = ["ExceptionWrapper", "classproperty"]


class classproperty:
    """A property of a class: read without an instance."""

    def __init__(self, func: Any) -> None:
        self.func = func

    def __get__(self, instance: object, owner: type) -> Any:
        return self.func(owner)


class ExceptionWrapper:
    """An exception from another thread or process, to be raised in this one by ``reraise``."""

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        import sys
        import traceback

        self.exc_type: Any
        self.exc_type, error, trace = exc_info or sys.exc_info()
        self.exc_msg = "".join(traceback.format_exception(self.exc_type, error, trace))
        self.where = where

    def reraise(self) -> None:
        """Raise it, with where it came from in the message."""
        message = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        try:
            error = self.exc_type(message)
        except TypeError:  # a class that takes other arguments
            error = RuntimeError(message)
        raise error


def _element_size(dtype: dtype) -> int:
    """Bytes an element of a dtype takes."""
    return int(dtype.itemsize)


def _flatten_dense_tensors(tensors: Sequence[Tensor]) -> Tensor:
    """All numbers of several tensors in one vector."""
    return cat([t.reshape(-1) for t in tensors])


def _unflatten_dense_tensors(flat: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The parts of such a vector in the shapes of ``tensors``."""
    parts = flat.split([t.numel() for t in tensors])
    return tuple([part.view_as(t) for part, t in zip(parts, tensors, strict=True)])


def _take_tensors(tensors: Iterable[Tensor], size_limit: int) -> Iterator[list[Tensor]]:
    """Lists of tensors of one type each, in their order, of at most so many bytes together unless one alone has more.

    >>> import metagrad
    >>> [[len(x) for x in taken] for taken in _take_tensors([metagrad.ones(n) for n in (1, 1, 2, 1)], 8)]
    [[1, 1], [2], [1]]
    """
    taken: dict[str, tuple[list[Tensor], int]] = {}
    for tensor in tensors:
        kind, size = str(tensor.type()), tensor.numel() * tensor.element_size()
        held, so_far = taken.get(kind, ([], 0))
        if so_far > 0 and so_far + size > size_limit:
            yield held
            held, so_far = [], 0
        held.append(tensor)
        taken[kind] = held, so_far + size
    yield from [held for held, _ in taken.values()]


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """The number of a device; with ``allow_cpu`` the CPU's is -1."""
    if isinstance(device, int):
        return device
    found = Device(device) if device is not None else Device("cuda", 0)
    if found.type == "cpu":
        if allow_cpu:
            return -1
        raise ValueError(f"expected a device with a number, got {found}")
    return found.index or 0


def _rebuild_tensor_v2(
    storage: Any,
    storage_offset: int,
    size: Any,
    stride: Any,
    requires_grad: bool,
    backward_hooks: Any,
    metadata: Any = None,
) -> Tensor:
    """A tensor that shows a stretch of a storage, as pickles of PyTorch's tensors name it.

    >>> import metagrad
    >>> _rebuild_tensor_v2(metagrad.FloatStorage([1.0, 2.0, 3.0]), 1, (2,), (1,), False, {})
    tensor([2., 3.])
    """
    found: Tensor = empty(0, dtype=storage.dtype).set_(storage, storage_offset, size, stride)
    return found.requires_grad_(requires_grad)


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Parameter:
    """A parameter over ``data``."""
    return Parameter(data, requires_grad)
