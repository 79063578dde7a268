"""Parameters: the tensors a module learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metagrad.autograd.variable import Variable, wrap
from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.ops.create.creation import empty, tensor
from metagrad.tensors.tensor import Tensor


class Parameter(Tensor):
    """A tensor that a Module registers when it is assigned as an attribute, and that requires grad unless told not to.

    It shares memory with the tensor it is made from.

    >>> import metagrad
    >>> Parameter(metagrad.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | Sequence[float] = (), requires_grad: bool = True) -> Parameter:
        """A leaf over the memory of ``data``."""
        self: Any = wrap((data if isinstance(data, Variable) else tensor(data)).array, kind=cls)
        self.requires_grad = requires_grad
        return self

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that a Module registers as a buffer when it is assigned as an attribute: state that is not learned.

    >>> import metagrad
    >>> module = metagrad.nn.Module()
    >>> module.mean = Buffer(metagrad.zeros(1))
    >>> list(module.state_dict())
    ['mean']
    """

    __slots__ = ("persistent",)
    persistent: bool

    def __new__(cls, data: Tensor | Sequence[float] = (), *, persistent: bool = True) -> Buffer:
        """A leaf over the memory of ``data``; a persistent one is part of the ``state_dict``."""
        self: Any = wrap((data if isinstance(data, Variable) else tensor(data)).array, kind=cls)
        self.persistent = persistent
        return self


class UninitializedParameter(Parameter):
    """A parameter whose shape is not known yet; ``materialize(shape)`` makes it an ordinary one."""

    __slots__ = ()

    def __new__(
        cls, requires_grad: bool = True, device: DeviceLike = None, dtype: DTypeLike = None
    ) -> UninitializedParameter:
        """A parameter of this dtype whose shape is yet to come."""
        self: Any = super().__new__(cls, empty(0, device=device, dtype=dtype), requires_grad)
        return self

    def materialize(self, shape: Sequence[int], device: DeviceLike = None, dtype: DTypeLike = None) -> None:
        """Take memory for this shape, of arbitrary content."""
        made = empty(tuple(shape), device=device, dtype=self.dtype if dtype is None else dtype)
        self.__class__ = Parameter  # type: ignore[assignment]
        self.data = made

    def __repr__(self) -> str:
        return "<UninitializedParameter>"


def is_lazy(param: object) -> bool:
    """Whether a parameter has no shape yet.

    >>> import metagrad
    >>> is_lazy(metagrad.nn.LazyLinear(2).weight)
    True
    """
    return isinstance(param, UninitializedParameter)
