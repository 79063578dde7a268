"""One node's part in a backward pass that is itself recorded: its formula on tensors, joined to the graph.

The formula in ``backward`` is plain NumPy, and tensors answer NumPy's protocols: given tensors, each of its lines is an op
that is recorded. What the node saved must take part as the tensors they were: an input is joined by the edge it came from,
a result by the node itself. A node with a ``reference`` implementation applies that anew and differentiates it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from metagrad.autograd.function import OUTPUT, Function
from metagrad.autograd.mode import enable_grad, mode
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
            found = node.backward(*tensors)
            return _connected(node, found) if node.flat_in else found
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


class Flat(Function):
    """y = g, a gradient that is constant, piece by piece, in inputs of its op;   ∂L/∂g = ∂L/∂y, and zeros for each of these.

    So the gradient of relu, a step, is part of the graph of x, as PyTorch's is. No zeros are computed with: the pass is told what
    they would reach (``targets.py``).
    """

    zeros: bool

    def backward(self, grad: Any) -> Any:
        """The gradient; and word of the inputs, unless PyTorch's formula takes them without having a gradient for them."""
        if self.zeros:
            mode.running[3].setdefault(None, set()).update(self.edges[1:])
        return grad, *[None] * (len(self.edges) - 1)


def _connected(node: Function, grads: Any) -> Any:
    """Gradients of a node's inputs, connected with those inputs in which they are constant."""
    ends = [node if i == OUTPUT else node.edges[i] for i in node.flat_in]
    ends = [end for end in ends if end is not None]
    if not ends:
        return grads
    listed = grads if isinstance(grads, tuple) else (grads,)
    return tuple([g if g is None or not node.flat_zeros and g.requires_grad else _flat(g, ends, node) for g in listed])


def _flat(grad: Any, ends: list[Any], node: Function) -> Any:
    edges = [grad._grad_fn or (grad if grad.requires_grad else None), *ends]
    return _with_history(grad.array, Flat.made(edges, grad.array.shape, grad.array.dtype, zeros=node.flat_zeros))


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
    roots = [(o._node or o, g) for o, g in zip(outputs, grads, strict=True) if o.requires_grad and g is not None]
    wanted = [None if edge is None else x._node for x, edge in zip(joined, node.edges, strict=True)]
    found = propagate(roots, True, True, [edge for edge in wanted if edge is not None])
    return tuple([None if edge is None else found.get(edge) for edge in wanted])
