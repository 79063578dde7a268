"""One node's part in a backward pass that is itself recorded: its formula on tensors, joined to the graph.

The formula in ``backward`` is plain NumPy, and tensors answer NumPy's protocols: given tensors, each of its lines is an op
that is recorded. What the node saved must take part as the tensors they were: an input is joined by the edge it came from,
a result by the node itself. A node with a ``reference`` implementation applies that anew and differentiates it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from metagrad.autograd.function import OUTPUT, Function
from metagrad.autograd.mode import enable_grad
from metagrad.autograd.variable import Variable, as_tensor, wrap

Propagate = Callable[..., dict[Any, Any]]  # the engine's


def recorded(node: Function, grads: Sequence[Any], propagate: Propagate) -> Any:
    """The gradients of a node's inputs as tensors with a history, given those of its results."""
    tensors = tuple([None if g is None else as_tensor(g) for g in grads])
    with enable_grad():
        if node.reference is not None:
            return _through_reference(node, tensors, propagate)
        arrays = node.saved
        try:
            if node.origins:
                node.saved = tuple(
                    [_rejoined(node, a, where) for a, (where, _, _) in zip(arrays, node.origins, strict=False)]
                )
            return node.backward(*tensors)
        finally:
            node.saved = arrays


def _rejoined(node: Function, array: Any, where: int | None) -> Any:
    """A saved array as the tensor it was: the input it came from, or a result of the node."""
    if where is None:
        return array
    if where <= OUTPUT:
        return _with_history(array, node.output(OUTPUT - where))
    edge = node.edges[where]
    if edge is None:
        return wrap(array)
    if not isinstance(edge, Variable):
        return _with_history(array, edge)
    return edge if edge.array is array else _with_history(array, alias(edge, array))


def _with_history(array: Any, node: Function) -> Any:
    tensor = wrap(array)
    tensor._grad_fn, tensor._requires_grad = node, True
    return tensor


class Alias(Function):
    """y = x, under another name."""

    def backward(self, grad: Any) -> Any:
        return grad


def alias(edge: Any, array: Any) -> Function:
    """A node that hands a gradient on as it is: where what lies beyond an edge needs a name of its own."""
    return Alias.made([edge], array.shape, array.dtype)


def _own_copy(node: Function, i: int, x: Any) -> Any:
    """Input i under an alias of its own: where one tensor is given twice, each occurrence has its own gradient."""
    edge = node.edges[i]
    if not isinstance(x, Variable):
        return x
    return wrap(x.array) if edge is None else _with_history(x.array, alias(edge, x.array))


def _through_reference(node: Function, grads: tuple[Any, ...], propagate: Propagate) -> tuple[Any, ...]:
    """Gradients of a fast kernel by way of its reference implementation, which can be differentiated any number of times."""
    inputs, params = node.reference_arguments
    joined = [_own_copy(node, i, x) for i, x in enumerate(inputs)]
    outputs = type(node).reference(*joined, **params)  # type: ignore[misc]
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    roots = [(o.grad_fn or o, g) for o, g in zip(outputs, grads, strict=True) if o.requires_grad and g is not None]
    wanted = [None if edge is None else x.grad_fn for x, edge in zip(joined, node.edges, strict=True)]
    found = propagate(roots, True, True, [edge for edge in wanted if edge is not None])
    return tuple([None if edge is None else found.get(edge) for edge in wanted])
