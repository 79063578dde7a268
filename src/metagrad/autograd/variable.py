"""What the graph knows of a tensor: an array, whether it needs a gradient, and the node that made it.

``metagrad.Tensor`` is this class with the operations bound on top. The engine sits below the operations, so it must
not import ``Tensor``; ``wrap`` makes one through ``Variable.tensor_class``, which ``tensors/tensor.py`` fills in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy import ndarray

from metagrad.autograd.errors import check_gradient, warn_of_no_gradient
from metagrad.autograd.mode import mode
from metagrad.base import dtypes
from metagrad.base.typing import Array

if TYPE_CHECKING:
    from metagrad.autograd.function import Function
    from metagrad.autograd.hooks import LeafHooks
    from metagrad.autograd.views import View
    from metagrad.tensors.tensor import Tensor


class Variable:
    """An array with a place in the graph.

    ==================  ==========================================================================================
    ``array``           the numbers; always an array, never a NumPy scalar
    ``_grad``           the gradient a backward pass left here, or None
    ``_requires_grad``  leaf: the user asked for a gradient; otherwise: some ancestor's user did
    ``_grad_fn``        the node this is the result of; None for a leaf
    ``_counter``        [number of in-place writes], one list shared by every view of the same memory
    ``_view``           for a view: what it is a view of, and how (see ``views.py``)
    ``_hooks``          functions that a leaf's gradient passes through
    ==================  ==========================================================================================
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_counter",
        "_grad",
        "_grad_fn",
        "_hooks",
        "_requires_grad",
        "_view",
        "array",
    )

    tensor_class: ClassVar[Any]

    array: Array
    _grad: Tensor | None
    _requires_grad: bool
    _grad_fn: Function | None
    _counter: list[int]
    _view: View | None
    _hooks: LeafHooks | None

    @property
    def _version(self) -> int:
        """How often the memory has been written to in place."""
        return next(iter(self._counter))  # not by its index, by which ops read also that of inference mode

    @property
    def grad(self) -> Tensor | None:
        """The gradient a backward pass left here, or None."""
        if self._grad is None and self._grad_fn is not None:
            warn_of_no_gradient(self)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            check_gradient(self, value, Variable)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient will be computed for this tensor, or for something it was computed from."""
        if self._view is not None:
            self._view.refresh(self, asked=True)
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value.__class__ is not bool:
            raise RuntimeError(f"requires_grad must be a bool, got {value!r:.60}")
        if self._node is not None:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables; this one is the result of "
                f"{self._grad_fn}: use .detach() to get a tensor that is cut off from the graph"
            )
        if value and self.array.dtype.kind not in "fcV":
            raise RuntimeError(
                "only Tensors of floating point and complex dtype can require gradients, this one is "
                f"{self.array.dtype}: convert it with .float() first"
            )
        if value and self._counter.__class__ is not list and not mode.inference:
            raise RuntimeError(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed: clone() it"
            )
        if self._view is not None and self._view.borrowed:
            self._view.borrowed = not value
            return
        self._requires_grad = value

    @property
    def _node(self) -> Function | None:
        """The graph node this tensor is the result of, or None for a leaf."""
        if self._view is not None:
            self._view.refresh(self)
        return self._grad_fn

    @property
    def is_leaf(self) -> bool:
        """Whether this tensor was made by the user rather than computed from one that requires grad."""
        return self._node is None

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each dimension."""
        return cast("tuple[int, ...]", self.array.shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """The number type of the elements."""
        return dtypes.of(self.array.dtype)


_new: Callable[[Any], Any] = object.__new__


lifters: list[Callable[[Array], Array]] = []  # while a model is traced: what makes a new tensor's array a traced one


def as_array(value: Any) -> Array:
    """An op's result as an array: NumPy turns 0-d results into scalars, and this is where that stops."""
    if isinstance(value, (np.generic, int, float, complex)):
        value = np.asarray(value)
    return lifters[-1](value) if lifters and value.__class__ is ndarray else value


def wrap(array: Any, requires_grad: bool = False, kind: type[Any] | None = None) -> Tensor:
    """A new leaf around an array, without copying: every tensor is made here. kind: Tensor, or a class derived from it."""
    tensor: Tensor = _new(kind or Variable.tensor_class)
    tensor.array = array if array.__class__ is ndarray and not lifters else as_array(array)
    tensor._requires_grad = requires_grad
    tensor._counter = [0]
    tensor._grad = tensor._grad_fn = tensor._view = tensor._hooks = None
    return tensor


def unwrap(value: Any) -> Any:
    """The array under a tensor; anything else as it is."""
    return value.array if isinstance(value, Variable) else value


def as_tensor(value: Any) -> Tensor:
    """A tensor for an array; a tensor as it is."""
    return cast("Tensor", value) if isinstance(value, Variable) else wrap(value)


def recording(*values: Any) -> bool:
    """Whether an op on these values would be recorded in the graph, or have a tangent."""
    for v in values:
        if isinstance(v, Variable) and (
            mode.grad and v.requires_grad or any(level.carries(v) for level in mode.levels)
        ):
            return True
    return False
