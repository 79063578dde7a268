"""A node of the graph as it is seen from outside: its name, its neighbours, and the hooks it takes.

The graph itself is made of ``Function`` objects (``function.py``), which derive from ``Node`` and need none of this.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Self, cast

import numpy as np

from metagrad.autograd.broadcasting import fitted
from metagrad.autograd.hooks import Hook, LeafHooks, NodeHooks, RemovableHandle, ResultHooks
from metagrad.autograd.node_names import inputs_without_an_edge, pytorchs_name
from metagrad.autograd.variable import Variable, as_tensor, unwrap
from metagrad.base import dtypes
from metagrad.base.size import Size

# What a node may have beside what its op keeps for the gradient.
_SAVED = ("_saved_", "_raw_saved_")
BESIDE = frozenset({"attended", "result_hooks", "node_hooks", "unpack", "_metadata", "_known_as"})


def forget(node: Any) -> None:
    """Drop the arrays among a node's attributes, such as masks and indices, and the tuples in which there are some.

    >>> import metagrad
    >>> y = metagrad.ones(3, requires_grad=True).clamp(0, 2)
    >>> "within" in vars(y.grad_fn), y.sum().backward(), "within" in vars(y.grad_fn)
    (True, None, False)
    """
    kept = vars(node)
    for name, value in tuple(kept.items()):
        kind = value.__class__
        if kind is np.ndarray or name == "beside":  # as most are; what is packed
            del kept[name]
        elif kind is not int and kind is not bool and kind is not float and kind is not str:
            if any(hasattr(v, "__array_ufunc__") for v in (value if isinstance(value, (tuple, list)) else (value,))):
                del kept[name]


class Node:
    """What programs that walk the graph from ``tensor.grad_fn`` may ask of a node, by PyTorch's names."""

    __slots__ = ("__dict__",)  # hooks go there: seldom used, so kept out of the slots that every node fills

    generate_vmap_rule = False  # whether ``vmap`` may go through the methods of a Function in PyTorch's static style
    edges: list[Any]
    order: int
    shape: tuple[int, ...]
    dtype: Any
    backward: Callable[..., Any]
    attended: bool = (
        False  # whether the backward pass has more to do here than call ``backward``: any of the three below
    )
    is_shown = False  # whether its class has PyTorch's name of it already
    kinds_shown: dict[str, type[Self]]
    result_hooks: ResultHooks | None = None  # what the result's gradient passes before backward
    node_hooks: NodeHooks | None = None  # functions called before and after backward
    flat_in: tuple[int, ...] = ()  # numbers of what the gradient is constant in, piece by piece: see ``Flat``
    flat_zeros = True  # whether its own gradient by these is zeros, rather than nothing
    unpack: Callable[[Any], Any] | None = None  # gives back what ``saved_tensors_hooks`` packed

    @property
    def op_name(self) -> str:
        """The op's name."""
        return type(self).__name__

    def name(self) -> str:
        """The name of this node of the graph, as PyTorch gives it: some of its nodes have a namespace in front."""
        name = pytorchs_name(self)
        return f"torch::autograd::{name}" if name in ("CopyBackwards", "CopySlices", "Error") else name

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes the gradients go to, and to which of their results; ``AccumulateGrad`` stands for a leaf."""
        if self.op_name == "Linear" and len(self.shape) == 2:
            return _as_addmm(self.edges)
        unseen, edges = inputs_without_an_edge(self), self.__dict__.get("edges_shown", self.edges)
        return tuple([_seen_from_outside(e) for i, e in enumerate(edges) if e is not None or i not in unseen])

    def shown(self) -> Self:
        """This node, whose class has PyTorch's name of it from now on, for programs that print ``type(y.grad_fn).__name__``."""
        if not self.is_shown:
            cls, name = type(self), self.name().rpartition("::")[2]
            kinds = cls.__dict__.get("kinds_shown")
            if kinds is None:
                kinds = cls.kinds_shown = {}
            if name not in kinds:
                from metagrad.autograd.saved_attributes import attributes

                own: dict[str, Any] = {"op_name": cls.__name__} if cls.op_name is Node.op_name else {}
                own |= {"__module__": "builtins", "__slots__": (), "__doc__": cls.__doc__, "is_shown": True}
                own |= attributes(name)
                kinds[name] = cls if cls.__name__ == name else type(name, (cls,), own)
            self.__class__ = kinds[name]
        return self

    def __dir__(self) -> list[str]:
        """The names of the attributes, of those for what was saved the ones that this node has."""
        return [n for n in super().__dir__() if not n.startswith(_SAVED) or _is_there(self, n)]

    forget = forget

    def as_edge(self) -> tuple[Any, int]:
        """This node as another one's neighbour: the node, and the number of its result."""
        return self, 0

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for the user's own notes on this node."""
        return cast("dict[str, Any]", self.__dict__.setdefault("_metadata", {}))

    def hooks_of_result(self) -> ResultHooks:
        """What the gradient of this node's result passes; made when it is first asked for."""
        if self.result_hooks is None:
            self.result_hooks, self.attended = ResultHooks(), True
        return self.result_hooks

    def _hooks_of_node(self) -> NodeHooks:
        if self.node_hooks is None:
            self.node_hooks, self.attended = NodeHooks(), True
        return self.node_hooks

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(grad_inputs, grad_outputs)`` after backward; the tuple it returns, if any, replaces the first."""
        return RemovableHandle(self._hooks_of_node().after, hook)

    def register_prehook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(grad_outputs)`` before backward; the tuple it returns, if any, replaces them."""
        return RemovableHandle(self._hooks_of_node().before, hook)

    def _sequence_nr(self) -> int:
        """The number of the node: younger nodes have larger ones."""
        return self.order

    @property
    def _input_metadata(self) -> list[Any]:
        """The shape and dtype of each gradient that ``backward`` takes."""
        found = getattr(self, "results", None) or [(self.shape, self.dtype)]
        return [_kind(shape, dtype) for shape, dtype in found]

    def __call__(self, *grads: Any) -> Any:
        """The gradients of the inputs, given those of the results: one step of the backward pass.

        Raises RuntimeError for a node of no graph: a Function is applied by its class.
        """
        if not hasattr(self, "edges"):
            name = type(self).__name__
            raise RuntimeError(
                "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function "
                f"with static forward method: {name}.apply(...)"
            )
        wanted = len(getattr(self, "results", (0,)))
        if len(grads) != wanted:
            raise TypeError(f"expected {wanted} arguments, got {len(grads)} instead")
        results = self.backward(*[unwrap(g) for g in grads])
        results = results if isinstance(results, tuple) else (results,)
        given = [
            None if edge is None or g is None else _belonging(g, edge)
            for g, edge in zip(results, self.edges, strict=True)
        ]
        return given[0] if len(given) == 1 else tuple(given)

    def __repr__(self) -> str:
        return f"<{self.name().rpartition('::')[2]} object at {hex(id(self))}>"


def _is_there(node: Node, name: str) -> bool:
    try:
        return hasattr(node, name)
    except RuntimeError:  # it was, until the backward pass
        return True


class AccumulateGrad(Node):
    """Stands in ``next_functions`` for a leaf, whose ``grad`` is where the gradient ends."""

    next_functions = ()
    _input_metadata = property(lambda self: [_kind(tuple(self.variable.shape), self.variable.array.dtype)])

    def __init__(self, variable: Variable) -> None:
        self.variable = variable

    def name(self) -> str:
        """The name PyTorch knows it by."""
        return "torch::autograd::AccumulateGrad"

    def _sequence_nr(self) -> int:
        """The largest number there is: gradients of leaves are added before anything else is done."""
        return 2**64 - 1

    def _hooks(self) -> LeafHooks:
        leaf = self.variable
        leaf._hooks = LeafHooks() if leaf._hooks is None else leaf._hooks
        return leaf._hooks

    def register_prehook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook((grad,))`` before the gradient is added; the tuple it returns, if any, replaces it."""
        return RemovableHandle(self._hooks().at_node, lambda grad: _single(hook((grad,))))

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook((), (grad,))`` once the gradient has been added."""
        arrived: list[Any] = []
        hooks = self._hooks()
        note = RemovableHandle(hooks.at_node, arrived.append)
        return RemovableHandle(
            hooks.after_node, lambda _: hook((), (arrived.pop(),)), extra_dict=_Paired(hooks.at_node, note.id)
        )


_accumulators = weakref.WeakValueDictionary[int, AccumulateGrad]()  # by the number of the leaf, which they keep alive


def accumulator_of(leaf: Variable) -> AccumulateGrad:
    """What stands for a leaf, the same as long as somebody has it."""
    found = _accumulators.get(id(leaf))
    if found is None:
        found = _accumulators[id(leaf)] = AccumulateGrad(leaf)
    return found


class TBackward0(Node):
    """Stands in ``next_functions`` for the transposition of a weight, which ``linear`` has within its node."""

    next_functions: tuple[tuple[Any, int], ...] = ()

    def __init__(self, weight: Any) -> None:
        self.next_functions = (_seen_from_outside(weight),)

    def name(self) -> str:
        """The name PyTorch knows it by."""
        return "TBackward0"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TBackward0) and other.next_functions == self.next_functions

    def __hash__(self) -> int:
        return hash(self.next_functions)


def _as_addmm(edges: list[Any]) -> tuple[tuple[Any, int], ...]:
    """The neighbours of a linear layer's node in PyTorch's order: bias, input, transposed weight."""
    x, weight, *bias = edges
    found = [_seen_from_outside(b) for b in bias if b is not None]
    return (*found, _seen_from_outside(x), ((TBackward0(weight) if weight is not None else None), 0))


def _belonging(g: Any, edge: Any) -> Any:
    """A gradient as a tensor of the shape and dtype of what it belongs to."""
    target = edge.array if isinstance(edge, Variable) else edge
    return as_tensor(fitted(g, target.shape, target.dtype))


def _kind(shape: tuple[int, ...], dtype: Any) -> SimpleNamespace:
    return SimpleNamespace(shape=Size(shape), dtype=dtypes.of(dtype), is_nested_tensor=False)


def _single(answer: Any) -> Any:
    return answer[0] if isinstance(answer, tuple) else answer


class _Paired:
    """A hook that goes when another one is removed."""

    def __init__(self, hooks: Any, number: int) -> None:
        self.hooks, self.number = hooks, number

    def pop(self, *_: Any) -> None:
        """The other one is removed."""
        self.hooks.pop(self.number, None)


def _seen_from_outside(edge: Any) -> tuple[Any, int]:
    if isinstance(edge, Node):
        node, number = edge.as_edge()
        return node.shown(), number
    return (accumulator_of(edge) if isinstance(edge, Variable) else edge), 0
