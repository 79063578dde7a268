"""Function: an operation with its gradient. An instance is one application of it, and a node of the graph.

The contract of an op::

    class Tanh(Function):
        def forward(self, x):          # arrays in, arrays out
            y = np.tanh(x)
            self.save(y)               # what backward needs: inputs and outputs of the op, as they are
            return y

        def backward(self, grad_y):    # ∂L/∂y in, ∂L/∂x out: one for every positional argument of forward
            (y,) = self.saved
            return grad_y * (1 - y * y)

* ``apply(*inputs, **params)``: inputs are tensors or numbers and get gradients; params are settings and get none.
* ``backward`` must be plain NumPy (or ``Other.on(...)``, another Function). On an ordinary backward pass it runs on
  arrays; with ``create_graph=True`` the same line runs on tensors, is recorded, and can be differentiated again. For that
  to be right, only inputs and outputs of the op may be saved, or values that do not depend on them smoothly (a mask,
  an index). A kernel that keeps other intermediate results names a ``reference`` implementation instead.
* A gradient may have the broadcast shape and the promoted dtype: the backward pass sums and casts it to the input's own.
* A gradient is a fresh array, or the incoming one, or a view of it; never something that was saved.
* ``self.needs[i]`` says whether input i needs a gradient, where computing it in vain would be expensive.

What a node shows to the outside (names, neighbours, hooks) is in ``node.py``; functions in PyTorch's static style, whose
``forward`` is a static method, are run by ``custom.py``.
"""

from __future__ import annotations

import contextvars
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, cast

import numpy as np

from metagrad.autograd.emulation import in_float32
from metagrad.autograd.errors import FREED, misfit
from metagrad.autograd.inference import Untracked
from metagrad.autograd.mode import mode
from metagrad.autograd.node import Node
from metagrad.autograd.variable import Variable, wrap
from metagrad.base.dtypes import emulated
from metagrad.base.typing import Array

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

_new = object.__new__
next_order = itertools.count().__next__  # the order in which nodes were made: an op comes after everything it used

# Called after every forward, as observe(node, arrays, result, params): anomaly and debug mode, whoever writes a model down.
observers: list[Callable[[Function, list[Any], Any, dict[str, Any]], None]] = []
saved_hooks: list[Any] = []  # the ``saved_tensors_hooks`` in force, the innermost last

OUTPUT = -1
NOTHING: tuple[Any, ...] = ()
# Input number, OUTPUT − result's, or None; version counter; version:
Origin: TypeAlias = tuple[int | None, list[int], int]
NOWHERE: Origin = (None, [0], 0)
STALE: tuple[Origin, ...] = ((None, [1], 0),)  # its origin: overwritten, as it were, so that one test finds both

# PyTorch's answer to log(0) is -inf, without a warning. ``quiet`` decorates a function; ``apply`` runs forwards in copies of a
# context that was set up so once, which costs a tenth of entering ``errstate`` (and hides the caller's context variables).
quiet = np.errstate(all="ignore")
_quiet_context = contextvars.Context()
_quiet_context.run(np.seterr, all="ignore")


class Function(Node):
    """One application of an op: how it was made, what it keeps for its gradient, and where its gradients go.

    ``edges[i]`` is where the gradient of input i goes: the node that made the input, or the input itself if it is a
    leaf, or None. A node never refers to its result, so a graph has no cycles and dies by reference count.
    ``shape`` and ``dtype`` are the result's; ``results`` has both for each result, where there are several.
    """

    __slots__ = ("dtype", "edges", "needs", "order", "origins", "saved", "shape")

    saved: tuple[Any, ...]
    origins: Sequence[Origin]  # where each saved array came from
    needs: list[bool]
    edges: list[Any]
    order: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    results: list[tuple[tuple[int, ...], np.dtype[Any]]]
    # Set by classes:
    computes: ClassVar[bool] = True  # whether forward does arithmetic; views do not
    fills_in_zeros: bool = True  # whether backward gets zeros, rather than None, for a result nobody used
    frees_numbers: bool = True  # whether a second pass is refused even where no tensor was saved
    reference: ClassVar[Callable[..., Any] | None] = None
    guards: tuple[int, ...] = ()  # numbers, as in origins, of what is not saved, but may not be written to
    # Filled in from above: how a class with a static ``forward`` is applied (``custom.py``); any, with tangents (``forward.py``)
    apply_static: ClassVar[Callable[..., Any]]
    beside_gpu: ClassVar[Callable[..., Any]]  # what replaces a GPU's inputs that do not fit together (``devices.py``)
    apply_with_tangents: ClassVar[Callable[..., Any]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        written = cls.__dict__.get("forward")
        if isinstance(written, (staticmethod, classmethod)):  # for PyTorch: forward(ctx, …), on tensors
            cls.apply = classmethod(cls.apply_static)  # type: ignore[assignment]

    def forward(self, *inputs: Any, **params: Any) -> Any:
        """Arrays in, an array (or a tuple of arrays) out."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    def backward(self, *grads: Any) -> Any:
        """Gradients of the outputs in, gradients of the inputs out."""
        raise NotImplementedError(f"{type(self).__name__} has no derivative")

    def save(self, *arrays: Any) -> None:
        """Keep inputs or outputs of the op for ``backward``."""
        self.saved = arrays

    @classmethod
    def apply(cls, *inputs: Any, **params: Any) -> Tensor:
        """Run forward on the inputs' arrays, and make the node if some input requires a gradient."""
        if mode.levels:
            return cast("Tensor", cls.apply_with_tangents(cls, inputs, params))
        node = _new(cls)
        node.saved, node.origins = NOTHING, ()
        arrays: list[Any] = []
        edges: list[Any] = []
        node.needs = needs = []
        record = False
        grad_mode = mode.grad
        for x in inputs:
            if isinstance(x, Variable):
                arrays.append(x.array)
                if grad_mode:
                    if x._view is not None:
                        x._view.refresh(x)
                    if x._requires_grad:
                        edges.append(x._grad_fn or x)
                        needs.append(True)
                        record = True
                        continue
            else:
                arrays.append(x)
            edges.append(None)
            needs.append(False)
        try:
            run = _quiet_context.copy().run
            if emulated:
                result = run(in_float32, node, arrays, params)
            elif len(arrays) == 2 and not params:
                result = run(node.forward, arrays[0], arrays[1])  # the same as below, in less time
            else:
                result = run(node.forward, *arrays, **params)
        except (TypeError, AttributeError, MemoryError) as error:
            return cls.apply(*Function.beside_gpu(inputs, misfit(cls.__name__, error, arrays), params), **params)
        except (ValueError, IndexError) as error:
            raise misfit(cls.__name__, error) from None
        if result.__class__ is not np.ndarray and isinstance(result, (np.generic, Variable)):
            result = node._as_0d(result)
        for observe in observers:
            observe(node, arrays, result, params)
        if result.__class__ is tuple:
            return cast("Tensor", node._several(inputs, edges, params, result, record))
        out = wrap(result)
        if record and result.dtype.kind in "fcV":
            node.edges, node.order, node.shape, node.dtype = edges, next_order(), result.shape, result.dtype
            if node.saved or cls.guards:
                node.origins = _origins(node, inputs, (out,))
            if saved_hooks or cls.reference is not None:
                node._keep(inputs, params)
            out._grad_fn = node
            out._requires_grad = True
        elif not grad_mode and mode.inference:
            out._counter = Untracked()
        return out

    @classmethod
    def apply_many(cls, *inputs: Any, **params: Any) -> tuple[Tensor, ...]:
        """``apply`` for an op with several results."""
        return cast("tuple[Tensor, ...]", cls.apply(*inputs, **params))

    @classmethod
    def on(cls, *inputs: Any, **params: Any) -> Any:
        """This op inside another's backward: recorded if an input is a tensor, a mere computation on arrays if not."""
        for x in inputs:
            if isinstance(x, Variable):
                return cls.apply(*inputs, **params)
        node = _new(cls)
        node.saved, node.needs = (), [False] * len(inputs)
        return node.forward(*inputs, **params)

    @classmethod
    def made(cls, edges: list[Any], shape: tuple[int, ...], dtype: Any, **attributes: Any) -> Self:
        """A node without a forward: gradients of a result of this shape and dtype go on to ``edges``."""
        node = _new(cls)
        node.saved, node.origins, node.needs = (), (), [edge is not None for edge in edges]
        node.edges, node.order, node.shape, node.dtype = edges, next_order(), shape, dtype
        for name, value in attributes.items():
            setattr(node, name, value)
        return node

    def _keep(self, inputs: tuple[Any, ...], params: dict[str, Any]) -> None:
        """What few nodes keep beside: all that a reference implementation takes; what was saved, packed."""
        if self.reference is not None:
            self.reference_arguments = inputs, params
        if saved_hooks and self.origins:
            saved_hooks[-1].pack(self, inputs)

    def _several(
        self, inputs: tuple[Any, ...], edges: list[Any], params: dict[str, Any], results: Any, record: bool
    ) -> tuple[Tensor, ...]:
        """Tensors for the results of an op with several: each one's ``grad_fn`` is an ``Output`` of the node."""
        outs = tuple([wrap(a) for a in results])
        if record:
            self.results = [(out.array.shape, out.array.dtype) for out in outs]
            self.edges, self.order, (self.shape, self.dtype) = edges, next_order(), self.results[0]
            self.origins = _origins(self, inputs, outs)
            self._keep(inputs, params)
            for i, out in enumerate(outs):
                if out.array.dtype.kind in "fcV":  # an integer result, such as the indices of max, has no gradient
                    out._grad_fn, out._requires_grad = self.output(i), True
        return outs

    def output(self, index: int) -> Function:
        """The node of result ``index``: this one, if it has but one."""
        if not hasattr(self, "results"):
            return self
        return Output.made([self], *self.results[index], index=index)

    def _as_0d(self, scalar: Any) -> Array:
        """A 0-d result, which NumPy makes a scalar, as an array (or a tensor's, if a setting was one); also where it was saved."""
        result = scalar.array if isinstance(scalar, Variable) else np.asarray(scalar)
        if self.saved:
            self.saved = tuple([result if a is scalar else a for a in self.saved])
        return result

    def release(self) -> None:
        """Drop what was saved once the gradient has been computed."""
        if (self.saved or self.origins) and (self.frees_numbers or any(o is not NOWHERE for o in self.origins)):
            if len(self.origins) > len(self.saved) or self.unpack:  # guarded alone: made into masks, or packed
                self.forget()
            self.saved, self.origins = FREED, STALE
        if self.reference is not None:
            self.reference_arguments = FREED


class Output(Function):
    """Result ``index`` of a node with several: its gradient becomes gradient ``index`` of that node."""

    index: int
    attended = True  # its gradient goes on as it is
    op_name = property(lambda self: self.edges[0].op_name, doc="The name of the op this is a result of.")
    next_functions = property(lambda self: self.edges[0].next_functions, doc="Where the gradients of its inputs go.")

    def name(self) -> str:
        """The name of the node this is a result of."""
        return cast(str, self.edges[0].name())

    def as_edge(self) -> tuple[Any, int]:
        """The node this is a result of, and the result's number."""
        return self.edges[0], self.index


def _origins(node: Function, inputs: tuple[Any, ...], outputs: tuple[Variable, ...]) -> list[Origin]:
    """Where each saved array came from, and after these what the node guards.

    The counter tells a later pass whether it was overwritten; by the number one that is recorded joins it to the graph.
    """
    found: list[Origin] = []
    for array in node.saved:
        origin = NOWHERE
        if array is not None:
            number = 0  # counted by hand: enumerate takes as long as the rest
            for x in inputs:
                if isinstance(x, Variable) and x.array is array:
                    origin = number, x._counter, x._counter[0]
                    break
                number += 1
            else:
                number = OUTPUT
                for out in outputs:
                    if out.array is array:
                        origin = number, out._counter, out._counter[0]
                    number -= 1
        found.append(origin)
    for number in node.guards:
        x = inputs[number] if number >= 0 else outputs[OUTPUT - number]
        found.append((number, x._counter, x._counter[0]) if isinstance(x, Variable) else NOWHERE)
    return found
