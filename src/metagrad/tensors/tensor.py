"""Tensor: an array with a place in the graph, and the ops as its methods.

Each op is written once, as a function; here it becomes the method of the same name. Nothing else happens here.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from metagrad.autograd import engine, interface
from metagrad.autograd.errors import check_gradient_dtype
from metagrad.autograd.hooks import LeafHooks, RemovableHandle
from metagrad.autograd.mode import mode
from metagrad.autograd.transforms import check_own, refuse_asking, refuse_backward, running
from metagrad.autograd.variable import Variable, wrap
from metagrad.autograd.views import conjugated, inherit, negated
from metagrad.base import dtypes
from metagrad.base.device import device as Device
from metagrad.base.device import of_array
from metagrad.base.later import later_modules
from metagrad.base.size import Size, unchecked
from metagrad.base.typing import Array
from metagrad.base.warning import warn_once
from metagrad.kernels.libraries import repeats_opened
from metagrad.ops.arguments import is_extent, no_dimension
from metagrad.ops.create import conversion, creation, from_data
from metagrad.ops.shape import splitting, views
from metagrad.tensors.copies import Turned, as_pickled, copied_array
from metagrad.tensors.methods import Methods
from metagrad.tensors.methods.base import static

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from metagrad.autograd.function import Function
    from metagrad.ops.create import ranges, sampling
else:
    ranges, sampling = later_modules("metagrad.ops.create", "ranges sampling")


class Tensor(Methods):
    """A multi-dimensional array that remembers how it was computed, so that gradients can flow back.

    ``Tensor(data)`` has the default dtype, float32, whatever the data's; ``metagrad.tensor`` infers it. ``Tensor(2, 3)``,
    ``Tensor(4)`` and ``Tensor(size)`` have a shape, and arbitrary content.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ()
    when_subclassed: ClassVar[Callable[[type], None] | None] = None  # called of each class that a program derives

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if Tensor.when_subclassed is not None and not cls.__module__.startswith("metagrad."):
            Tensor.when_subclassed(cls)

    # NumPy asks the operand with the higher priority first: `array * tensor` is the tensor's business
    __array_priority__ = 1000

    def __new__(
        cls, data: Any = (), *more: int, requires_grad: bool = False, dtype: Any = None, device: Any = None
    ) -> Tensor:
        """A tensor of data; ints, or a ``Size``, are a shape, to be filled, as in PyTorch."""
        if more or is_extent(data):
            source = creation.empty(data, *more, dtype=dtype, device=device)
        elif data.__class__ is Size:
            source = creation.empty(*data, dtype=dtype, device=device)
        elif isinstance(data, Variable) and dtype is None and device is None:
            source = data.detach()  # type: ignore[attr-defined]
        else:
            if data is None or isinstance(data, (bool, float, complex, np.generic)):
                raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
            numbers = data.array if isinstance(data, Variable) else data
            source = from_data.tensor(
                numbers, dtype=dtypes.get_default_dtype() if dtype is None else dtype, device=device
            )
        self = wrap(source.array, kind=cls)
        if requires_grad is not False:  # a class with a say in what is done with its tensors is not asked for nothing
            self.requires_grad = requires_grad
        return self

    # ------------------------------------------------ what it is

    @property
    def shape(self) -> Size:
        """The extent of each dimension."""
        return unchecked(Size, self.array.shape)

    def size(self, dim: int | None = None, *, axis: int | None = None) -> Any:
        """The shape, or the extent of one dimension."""
        if dim is None:
            dim = axis
        try:
            return self.shape if dim is None else self.shape[dim]
        except IndexError:
            raise no_dimension(dim, self.array.ndim) from None  # type: ignore[arg-type]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return int(self.array.ndim)

    def dim(self) -> int:
        """The number of dimensions."""
        return int(self.array.ndim)

    ndimension = dim

    @property
    def device(self) -> Device:
        """Where the numbers are."""
        return of_array(self.array)

    @property
    def is_cuda(self) -> bool:
        """Whether the numbers are in a GPU's memory."""
        return self.device.type == "cuda"

    # ------------------------------------------------ its place in the graph

    @property
    def data(self) -> Tensor:
        """The same memory as a tensor that knows nothing of the graph, not even that it is being watched."""
        out = wrap(self.array.view())  # an array is one tensor's, by which a node knows what it saved
        if self._counter.__class__ is not list:  # made in inference mode: so is what shares its memory
            out._counter = self._counter
        if conjugated or negated:
            inherit(out, self)
        return out

    @data.setter
    def data(self, value: Tensor | Array) -> None:
        if not isinstance(value, Variable) and not hasattr(value, "__array_function__"):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        array = from_data.to_array(value)
        if array.dtype.kind not in "fcV" and self.requires_grad:
            raise RuntimeError(
                f"data set to a tensor that requires gradients must be floating point or complex dtype, got {array.dtype}"
            )
        self.array, self._view = array.view() if isinstance(value, Variable) else array, None
        self._counter = [self._counter[0]]  # no longer the views'
        if conjugated or negated:
            for marked in (conjugated, negated):
                marked.pop(id(self), None)
            if isinstance(value, Variable):
                inherit(self, value)

    @property
    def _base(self) -> Variable | None:
        """The tensor this one is a view of."""
        return None if self._view is None else self._view.base

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for a gradient (or no longer); the tensor itself is returned."""
        if not isinstance(requires_grad, bool):
            raise TypeError(
                f"requires_grad_(): argument 'requires_grad' must be bool, not {type(requires_grad).__name__}"
            )
        refuse_asking("requires_grad_")
        if not requires_grad or self._node is None:
            self.requires_grad = requires_grad
        return self

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Add ∂self/∂leaf to the ``grad`` of every leaf this tensor was computed from.

        gradient: ∂L/∂self, needed where self is not a scalar. retain_graph: keep the graph for another backward pass.
        create_graph: record the backward pass itself, for higher derivatives. inputs: only these leaves.
        """
        if running.count:
            refuse_backward()
        if inputs is not None or create_graph:
            interface.backward(self, gradient, retain_graph, create_graph, inputs=inputs)
        else:
            engine.backward(self, gradient, retain_graph, create_graph)

    @property
    def grad_fn(self) -> Function | None:
        """The graph node this tensor is the result of, or None for a leaf."""
        node = self._node
        return node and node.as_edge()[0].shown()

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor too, though it is not a leaf."""
        refuse_asking("retain_grad")
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._node is not None:
            self._node.hooks_of_result().keep_on(self)

    @property
    def retains_grad(self) -> bool:
        """Whether ``retain_grad`` was called."""
        return getattr(self._node and self._node.result_hooks, "keeper", None) is not None

    @property
    def grad_dtype(self) -> dtypes.dtype | None:
        """The dtype of the gradient that a leaf gets: its own unless another was set; None lets any be assigned."""
        if self._node is not None:
            raise RuntimeError("grad_dtype can only be accessed on leaf tensors.")
        return self.dtype if self._hooks is None or self._hooks.dtype is False else self._hooks.dtype  # type: ignore[return-value]

    @grad_dtype.setter
    def grad_dtype(self, value: dtypes.dtype | None) -> None:
        check_gradient_dtype(self, value)
        self._hooks = LeafHooks() if self._hooks is None else self._hooks
        self._hooks.dtype = value

    @property
    def output_nr(self) -> int:
        """Which of its op's results this tensor is."""
        return 0 if self._node is None else self._node.as_edge()[1]

    def register_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call ``hook(grad)`` when this tensor's gradient has been computed; what it returns, if anything, replaces it."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._node is not None:
            return RemovableHandle(self._node.hooks_of_result().hooks, hook)
        self._hooks = LeafHooks() if self._hooks is None else self._hooks
        return RemovableHandle(self._hooks.hooks, hook)

    @property
    def _backward_hooks(self) -> Any:
        """The functions that the gradient passes through, by their numbers, or None."""
        return getattr(self._hooks or getattr(self._node, "result_hooks", None), "hooks", None) or None

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call ``hook(self)`` after ``backward`` has added to this leaf's ``grad``: an optimizer's step may be taken there."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._node is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        self._hooks = LeafHooks() if self._hooks is None else self._hooks
        return RemovableHandle(self._hooks.after, hook)

    def as_subclass(self, cls: type[Any]) -> Any:
        """The same memory and history as an instance of a subclass of Tensor."""
        if not (isinstance(cls, type) and issubclass(cls, Variable)):
            raise TypeError(f"as_subclass expects a subclass of Tensor, got {cls!r}")
        same = views.view_as(self, self)
        other = wrap(same.array, same._requires_grad, cls)
        other._grad_fn, other._counter, other._view = same._grad_fn, same._counter, same._view
        return other

    @staticmethod
    def _make_subclass(cls: type[Any], data: Any, require_grad: bool = False) -> Any:
        """A leaf of a class derived from Tensor over the memory of ``data``."""
        made = wrap(data.array, kind=cls)
        if require_grad:
            made.requires_grad = True
        return made

    def detach_(self) -> Tensor:
        """Cut this tensor off from the graph."""
        if self._view is not None and not hasattr(self._view.base, "_former"):
            raise RuntimeError("Can't detach views in-place. Use detach() instead")
        check_own(self)
        self._grad_fn, self._requires_grad, self._view = None, False, None
        return self

    # ------------------------------------------------ Python's protocols

    def __repr__(self) -> str:
        from metagrad.tensors.printing import format_tensor

        return format_tensor(self)

    def __format__(self, spec: str) -> str:
        from metagrad.tensors.printing import format_as

        return format_as(self, spec)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise RuntimeError(
                f"Boolean value of Tensor with {'no values' if not self.array.size else 'more than one value'} is "
                "ambiguous: use .any() or .all()"
            )
        if self.array.__class__ is not np.ndarray and hasattr(self.array, "no_truth"):
            raise self.array.no_truth()
        return bool(self.array)

    def _scalar(self) -> Any:
        if self.array.size != 1:
            raise ValueError(
                f"only one element tensors can be converted to Python scalars, got shape {tuple(self.array.shape)}: use tolist()"
            )
        return self.item()

    def __float__(self) -> float:
        return float(self._real(self._cut_off(), "double"))

    def __int__(self) -> int:
        return int(self._real(self._scalar(), "int64_t"))

    @staticmethod
    def _real(number: Any, kind: str) -> Any:
        """A complex number without an imaginary part as its real one."""
        if isinstance(number, complex):
            if number.imag:
                raise RuntimeError(
                    f"value cannot be converted to type {kind} without overflow: it is complex, use .real"
                )
            return number.real
        return number

    def __complex__(self) -> complex:
        return complex(self._cut_off())

    def _cut_off(self) -> Any:
        if self._requires_grad and mode.grad:
            warn_once(
                "Converting a tensor with requires_grad=True to a scalar cuts it off from the graph: use detach() or item()"
            )
        return self._scalar()

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iub" or self.array.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __len__(self) -> int:
        if self.array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return int(self.array.shape[0])

    def __iter__(self) -> Iterator[Tensor]:
        if self.array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(splitting.unbind(self))

    def __reversed__(self) -> Tensor:
        return self.flip(0) if self.array.ndim else self

    def __delitem__(self, index: Any) -> None:
        raise TypeError("Tensor does not support deleting items: select what is to stay")

    def __contains__(self, element: Any) -> bool:
        if not isinstance(element, (Variable, int, float, complex, np.ndarray, np.generic)):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}: a tensor holds numbers"
            )
        return bool((self == element).any())

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self._node is not None:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment: detach() "
                "it first"
            )
        copied = memo[id(self)] = wrap(copied_array(self, memo), self._requires_grad, type(self))
        if self.grad is not None:
            copied.grad = self.grad.__deepcopy__(memo)
        copied.__dict__.update(deepcopy(self.__dict__, memo))
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        kind = None if type(self) is Tensor else type(self)
        return _rebuilt, (kind, as_pickled(self.array), self._requires_grad), self.__dict__ or None

    # ------------------------------------------------ other libraries' protocols

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = conversion.numpy(self)
        return np.array(array, dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from metagrad.tensors.numpy_protocol import apply_ufunc

        return apply_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from metagrad.tensors.numpy_protocol import apply_function

        return apply_function(function, args, kwargs)

    def __dlpack__(self, **kwargs: Any) -> Any:
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        if self.is_conj():
            raise BufferError("Can't export tensors with the conjugate bit set")
        if self.is_meta:
            raise BufferError("Cannot pack tensors on meta")
        with repeats_opened(self.array):  # NumPy hands out no memory that it says is read-only
            return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()

    # ------------------------------------------------ constructors the article knows

    zeros = staticmethod(creation.zeros)
    ones = staticmethod(creation.ones)
    empty = staticmethod(creation.empty)
    full = staticmethod(creation.full)
    eye = staticmethod(creation.eye)
    arange = static(ranges.arange)
    rand, randn, randint = static(sampling.rand), static(sampling.randn), static(sampling.randint)


def _rebuilt(kind: Any, array: Any, requires_grad: bool) -> Tensor:
    """A tensor from its pickle, which is how worker processes pass it on, or, beside it, from what a pickle would be made of."""
    return wrap(array.turned if isinstance(array, Turned) else array, requires_grad, kind)


# The path that pickles know it by: this file may move, that one may not.
_rebuilt.__module__, _rebuilt.__qualname__, _rebuilt.__name__ = "metagrad._utils", "_rebuild_tensor", "_rebuild_tensor"
Variable.tensor_class = Tensor
