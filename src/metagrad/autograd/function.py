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
* ``backward`` must be plain NumPy (or ``Other.on(...)``, another Function). On an ordinary backward pass it runs on arrays;
  with ``create_graph=True`` the same line runs on tensors, is recorded, and can be differentiated again. For that to
  be right, only inputs and outputs of the op may be saved, or values that do not depend on them smoothly (a mask,
  an index). A kernel that keeps other intermediate results names a ``reference`` implementation instead.
* A gradient may have the broadcast shape and the promoted dtype: the backward pass sums and casts it to the input's own.
* A gradient is a fresh array, or the incoming one, or a view of it; never something that was saved.
* ``self.needs[i]`` says whether input i needs a gradient, where computing it in vain would be expensive.

A subclass whose ``forward`` is a static method is taken to be written for PyTorch: see ``custom.py``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from metagrad.autograd.mode import mode
from metagrad.autograd.variable import Variable, wrap
from metagrad.base.typing import Array

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

_new = object.__new__
next_order = itertools.count().__next__  # the order in which nodes were made: an op comes after everything it used

observers: list[Callable[[Function, list[Any], Any], None]] = []  # called after every forward: debug and anomaly modes
packers: list[Any] = []  # the ``saved_tensors_hooks`` in force, the innermost last

OUTPUT = -1

quiet = np.errstate(all="ignore")  # PyTorch's answer to log(0) is -inf, without a warning


def misfit(name: str, error: ValueError) -> Exception:
    """What to raise when an op failed: where NumPy says that shapes do not broadcast, PyTorch's kind of error."""
    if "broadcast" not in str(error):
        return error
    return RuntimeError(f"{name}: {error}: from the last dimension on, extents must be equal, or 1 to be repeated")


class Function:
    """One application of an op: how it was made, what it keeps for its gradient, and where its gradients go.

    ``edges[i]`` is where the gradient of input i goes: the node that made the input, or the input itself if it is a
    leaf, or None. A node never refers to its result, so a graph has no cycles and dies by reference count.
    """

    __slots__ = ("__dict__", "dtype", "edges", "needs", "order", "saved", "shape")

    saved: tuple[Any, ...]
    needs: list[bool]
    edges: list[Any]
    order: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    # Seldom used, so kept out of the slots that every node fills:
    origins: tuple[tuple[int | None, list[int], int], ...] = ()
    hooks: list[Callable[[Any], Any]] | None = None
    keeps_grad: Any = None  # weak reference to the result, if its gradient is to be kept
    node_hooks: NodeHooks | None = None  # functions called before and after backward
    unpack: Callable[[Any], Any] | None = None  # gives back what ``saved_tensors_hooks`` packed
    # Set by classes:
    computes: ClassVar[bool] = True  # whether forward does arithmetic, which may overflow; views do not
    fills_in_zeros: bool = True  # whether backward gets zeros, rather than None, for a result nobody used
    reference: ClassVar[Callable[..., Any] | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        forward = cls.__dict__.get("forward")
        if isinstance(forward, staticmethod):  # written for PyTorch: forward(ctx, …), on tensors
            from metagrad.autograd.custom import apply_static

            cls.apply = classmethod(apply_static)  # type: ignore[assignment]
        elif forward is not None and cls.computes:
            cls.forward = quiet(forward)  # type: ignore[method-assign]

    def forward(self, *inputs: Any, **params: Any) -> Any:
        """Arrays in, an array (or a tuple of arrays) out."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, *grads: Any) -> Any:
        """Gradients of the outputs in, gradients of the inputs out."""
        raise NotImplementedError(f"{type(self).__name__} has no derivative")

    def save(self, *arrays: Any) -> None:
        """Keep inputs or outputs of the op for ``backward``."""
        self.saved = arrays

    @classmethod
    def apply(cls, *inputs: Any, **params: Any) -> Tensor:
        """Run forward on the inputs' arrays, and make the node if some input requires a gradient."""
        node = _new(cls)
        node.saved = ()
        arrays: list[Any] = []
        edges: list[Any] = []
        needs: list[bool] = []
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
        node.needs = needs
        try:
            result = node.forward(*arrays, **params)
        except ValueError as error:
            raise misfit(cls.__name__, error) from None
        if isinstance(result, np.generic):
            result = node._solid(result)
        if observers:
            for observe in observers:
                observe(node, arrays, result)
        if result.__class__ is tuple:
            return cast("Tensor", _several(node, inputs, edges, record, params, result))
        out = wrap(result)
        if record and out.array.dtype.kind in "fc":
            node._record(inputs, edges, params, (out,))
            node.shape = out.array.shape
            node.dtype = out.array.dtype
            out._grad_fn = node
            out._requires_grad = True
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
        node.saved = ()
        node.needs = [False] * len(inputs)
        return node.forward(*inputs, **params)

    def _solid(self, scalar: np.generic) -> Array:
        """A 0-d result, which NumPy makes a scalar, as an array; also where it was saved."""
        result = np.asarray(scalar)
        self.saved = tuple([result if a is scalar else a for a in self.saved])
        return result

    def _record(
        self, inputs: tuple[Any, ...], edges: list[Any], params: dict[str, Any], outputs: tuple[Variable, ...]
    ) -> None:
        self.edges = edges
        self.order = next_order()
        if self.reference is not None:
            self.reference_arguments = inputs, params
        if self.saved:
            self.origins = tuple([_origin(a, inputs, outputs) for a in self.saved])
            if packers:
                packers[-1].pack(self)

    def release(self) -> None:
        """Drop what was saved once the gradient has been computed."""
        if self.saved:
            self.saved = FREED
        if self.reference is not None:
            self.reference_arguments = FREED

    @property
    def op_name(self) -> str:
        """The op's name."""
        return type(self).__name__

    def name(self) -> str:
        """The name of this node of the graph, as PyTorch shows it."""
        return f"{self.op_name}Backward0"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes the gradients go to, and to which of their results; ``AccumulateGrad`` stands for a leaf."""
        return tuple([_next_function(edge) for edge in self.edges])

    def register_result_hook(self, hook: Callable[[Any], Any]) -> Handle:
        """Call ``hook(grad)`` with the gradient of this node's result; what it returns, if anything, replaces it."""
        self.hooks = [] if self.hooks is None else self.hooks
        return Handle(self.hooks, hook)

    def register_hook(self, hook: Callable[[Any, Any], Any]) -> Handle:
        """Call ``hook(grad_inputs, grad_outputs)`` after backward; the tuple it returns, if any, replaces the first."""
        self.node_hooks = NodeHooks() if self.node_hooks is None else self.node_hooks
        return Handle(self.node_hooks.after, hook)

    def register_prehook(self, hook: Callable[[Any], Any]) -> Handle:
        """Call ``hook(grad_outputs)`` before backward; the tuple it returns, if any, replaces them."""
        self.node_hooks = NodeHooks() if self.node_hooks is None else self.node_hooks
        return Handle(self.node_hooks.before, hook)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {hex(id(self))}>"


class Output(Function):
    """Result i of a node with several: its gradient becomes gradient i of that node."""

    index: int

    @property
    def op_name(self) -> str:
        """The name of the op this is a result of."""
        return cast(str, self.edges[0].op_name)

    def name(self) -> str:
        """The name of the node this is a result of."""
        return cast(str, self.edges[0].name())

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """Where the gradients of the node's inputs go."""
        return cast("tuple[tuple[Any, int], ...]", self.edges[0].next_functions)


class AccumulateGrad:
    """Stands in ``next_functions`` for a leaf, whose ``grad`` is where the gradient ends; equal for the same leaf."""

    next_functions = ()

    def __init__(self, variable: Variable) -> None:
        self.variable = variable

    def name(self) -> str:
        """The name PyTorch knows it by."""
        return "torch::autograd::AccumulateGrad"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self) -> int:
        return id(self.variable)

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {hex(id(self.variable))}>"


class NodeHooks:
    """Functions called with all gradients of a node: ``before`` its backward, and ``after``."""

    def __init__(self) -> None:
        self.before: list[Any] = []
        self.after: list[Any] = []


def __getattr__(name: str) -> Any:
    if name in ("FunctionCtx", "once_differentiable"):  # PyTorch has them in a module of this name
        from metagrad.autograd import custom

        return custom.Context if name == "FunctionCtx" else custom.once_differentiable
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _next_function(edge: Any) -> tuple[Any, int]:
    if isinstance(edge, Output):
        return edge.edges[0], edge.index
    return (AccumulateGrad(edge) if isinstance(edge, Variable) else edge), 0


FREED: tuple[Any, ...] = ("freed",)


def _several(
    node: Function, inputs: tuple[Any, ...], edges: list[Any], record: bool, params: dict[str, Any], results: Any
) -> tuple[Any, ...]:
    """Tensors for the results of an op with several: each one's ``grad_fn`` is an ``Output`` of the node."""
    outs = tuple(wrap(a) for a in results)
    if record:
        node._record(inputs, edges, params, outs)
        node.result_likes = [(a.array.shape, a.array.dtype) for a in outs]  # type: ignore[attr-defined]
        for i, out in enumerate(outs):
            if out.array.dtype.kind in "fc":  # an integer result, such as the indices of max, has no gradient
                port = _new(Output)
                port.saved, port.needs, port.edges, port.index = (), [True], [node], i
                port.order, port.shape, port.dtype = next_order(), out.array.shape, out.array.dtype
                out._grad_fn, out._requires_grad = port, True
    return outs


def _origin(array: Array, inputs: tuple[Any, ...], outputs: tuple[Variable, ...]) -> tuple[int | None, list[int], int]:
    """Where a saved array came from, (input number | OUTPUT - i | None), and its version counter with its value now.

    The counter tells a later backward pass whether the array was overwritten; the place lets a backward pass that records itself
    join the array to the graph again.
    """
    for i, x in enumerate(inputs):
        if isinstance(x, Variable) and x.array is array:
            return i, x._counter, x._counter[0]
    for i, out in enumerate(outputs):
        if out.array is array:
            return OUTPUT - i, out._counter, out._counter[0]
    return None, [0], 0


class Handle:
    """What registering a hook returns; ``remove()`` takes the hook away again. Also a context manager."""

    def __init__(self, hooks: list[Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self.hooks, self.hook = hooks, hook
        hooks.append(hook)

    def remove(self) -> None:
        """Take the hook away; doing it twice does no harm."""
        self.hooks[:] = [h for h in self.hooks if h is not self.hook]

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
