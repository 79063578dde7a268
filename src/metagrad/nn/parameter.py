"""Parameters: the tensors a module learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from metagrad.autograd.inference import in_this_mode
from metagrad.autograd.variable import Variable, wrap
from metagrad.base.naming import is_own
from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.ops.create.creation import empty
from metagrad.ops.create.from_data import tensor
from metagrad.ops.dtype_checks import need_differentiable
from metagrad.tensors.copies import copied_array
from metagrad.tensors.tensor import Tensor


class _ParameterType(type(Tensor)):  # type: ignore[misc]
    """The type of ``Parameter``: what was made a parameter and kept a class of its own is an instance, too."""

    def __instancecheck__(cls, instance: object) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)


class Parameter(Tensor, metaclass=_ParameterType):
    """A tensor that a Module registers when it is assigned as an attribute, and that requires grad unless told not to.

    It shares memory with the tensor it is made from. A tensor of a class of the user's own keeps that class.

    >>> import metagrad
    >>> Parameter(metagrad.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | Sequence[float] | None = None, requires_grad: bool = True) -> Parameter:
        """A leaf over the memory of ``data``, or with no elements."""
        given = () if data is None else data
        own = cls is Parameter and isinstance(given, Tensor) and _is_users(type(given))
        kind: type[Any] = type(given) if own else cls
        self: Any = wrap(given.array.view() if isinstance(given, Variable) else tensor(given).array, kind=kind)
        if isinstance(given, Variable) and given._counter.__class__ is not list:
            self._counter = given._counter
        elif not isinstance(given, Variable):
            in_this_mode(self)
        if requires_grad is True:
            need_differentiable(self.dtype)
        self.requires_grad = requires_grad
        if own:
            self._is_param = True
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied: Any = wrap(copied_array(self, memo), self._requires_grad, type(self))  # without the gradient
        memo[id(self)] = copied  # nor what a program hung on it, as in PyTorch
        return copied

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


def _is_users(kind: type[Any]) -> bool:
    """Whether a class of tensors is a program's own: its instances have attributes, and it is none of those in this file."""
    return kind is not Tensor and not issubclass(kind, (Parameter, Buffer)) and not is_own(kind.__module__)


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
        self: Any = wrap(data.array.view() if isinstance(data, Variable) else tensor(data).array, kind=cls)
        self.persistent = persistent
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied: Any = super().__deepcopy__(memo)
        copied.persistent = getattr(self, "persistent", True)
        return copied


_memory: Any = Variable.__dict__["array"]  # where a tensor's array is kept


class UninitializedTensorMixin:
    """A tensor whose shape is not known yet: ``materialize(shape)`` makes it an ordinary one, of class ``cls_to_become``.

    Until then it has a dtype and a device. To compute with it raises ValueError, and to ask for its shape RuntimeError.
    """

    __slots__ = ()
    cls_to_become: ClassVar[type[Tensor]] = Tensor
    _requires_grad: bool

    def materialize(self, shape: Sequence[int], device: DeviceLike = None, dtype: DTypeLike = None) -> None:
        """Take memory for this shape, of arbitrary content."""
        made = empty(tuple(shape), device=device or self.device, dtype=self.dtype if dtype is None else dtype)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        self.data = made

    @property
    def data(self) -> Tensor:
        """An empty tensor of the dtype, on the device."""
        return wrap(_memory.__get__(self))

    @data.setter
    def data(self, value: Tensor) -> None:
        _memory.__set__(self, value.array)

    @property
    def array(self) -> Any:
        """What every op asks for. Raises ValueError: there are no numbers yet."""
        raise ValueError(
            f"Attempted to use an uninitialized {self._what} in an op. This error happens when you are using a `LazyModule` or "
            f"explicitly manipulating `{type(self).__name__}` objects. When using LazyModules Call `forward` with a dummy batch to "
            "initialize the parameters before calling functions of them"
        )

    @array.setter
    def array(self, memory: Any) -> None:
        _memory.__set__(self, memory)

    @property
    def shape(self) -> Any:
        """Raises RuntimeError: it is not known."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` "
            "when trying to load an uninitialized parameter into an initialized one. Call `forward` to initialize the parameters "
            "before accessing their attributes."
        )

    @property
    def dtype(self) -> Any:
        """The number type that the elements will have."""
        return self.data.dtype

    @property
    def device(self) -> Any:
        """Where the memory will be."""
        return self.data.device

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient will be computed for it."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self: Any, value: bool) -> None:
        self._requires_grad = bool(value)

    @property
    def _what(self) -> str:
        return "parameter" if issubclass(self.cls_to_become, Parameter) else "buffer"

    def is_floating_point(self) -> bool:
        """Whether the elements will be floating-point numbers."""
        return self.data.is_floating_point()

    def is_complex(self) -> bool:
        """Whether the elements will be complex numbers."""
        return self.data.is_complex()

    def share_memory_(self) -> None:
        """Raises RuntimeError: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters before "
            "calling `module.share_memory()`."
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        memo[id(self)] = copied = _uninitialized(type(self), self.requires_grad, self.device, self.dtype)
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _uninitialized, (type(self), self.requires_grad, str(self.device), self.dtype)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def _uninitialized(cls: type[Any], requires_grad: bool, device: DeviceLike, dtype: DTypeLike) -> Any:
    return cls(requires_grad=requires_grad, device=device, dtype=dtype)


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc]
    """A parameter whose shape is not known yet; ``materialize(shape)`` makes it an ordinary one.

    >>> weight = UninitializedParameter()
    >>> weight.materialize((2, 3))
    >>> type(weight).__name__, weight.shape
    ('Parameter', metagrad.Size([2, 3]))
    """

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: DeviceLike = None, dtype: DTypeLike = None
    ) -> UninitializedParameter:
        """A parameter of this dtype whose shape is yet to come."""
        self: Any = super().__new__(cls, empty(0, device=device, dtype=dtype), requires_grad)
        return self


class UninitializedBuffer(UninitializedTensorMixin, Tensor):  # type: ignore[misc]
    """A buffer whose shape is not known yet; ``materialize(shape)`` makes it an ordinary tensor."""

    __slots__ = ()

    def __new__(
        cls, requires_grad: bool = False, device: DeviceLike = None, dtype: DTypeLike = None, persistent: bool = True
    ) -> UninitializedBuffer:
        """A buffer of this dtype whose shape is yet to come."""
        self: Any = wrap(empty(0, device=device, dtype=dtype).array, requires_grad, kind=cls)
        self.persistent = persistent
        return self


def is_lazy(param: object) -> bool:
    """Whether a parameter or buffer has no shape yet.

    >>> import metagrad
    >>> is_lazy(metagrad.nn.LazyLinear(2).weight)
    True
    """
    return isinstance(param, UninitializedTensorMixin)
