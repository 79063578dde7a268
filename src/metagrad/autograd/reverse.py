"""One node's part in the backward pass: check what it saved, and run its formula on arrays or on tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.autograd.function import FREED, OUTPUT, Function, Output, next_order
from metagrad.autograd.graph import call_node_hooks, unpacked
from metagrad.autograd.mode import enable_grad, mode
from metagrad.autograd.variable import Variable, unwrap, wrap

_new = object.__new__

observers: list[Any] = []  # called as observe(node, gradients of its inputs) after every backward: anomaly mode


def differentiate(node: Function, grads: Any, create_graph: bool) -> tuple[Any, ...]:
    """The gradients of a node's inputs, given those of its result (a list, if it has several)."""
    _check_saved(node)
    if node.unpack is not None:
        with unpacked(node):
            return differentiate(node, grads, create_graph)
    if isinstance(grads, list):
        if node.fills_in_zeros:
            given = next(g for g in grads if g is not None)
            grads = [_zeros(node, i, given) if g is None else g for i, g in enumerate(grads)]
    else:
        grads = (grads,)
    if node.node_hooks is not None:
        grads = call_node_hooks(node.node_hooks.before, grads)
    if create_graph:
        results = _recorded(node, grads)
    else:
        before, mode.grad = mode.grad, False
        try:
            results = node.backward(*grads)
        finally:
            mode.grad = before
    if results.__class__ is not tuple:
        results = (results,)
    if len(results) != len(node.edges):
        raise RuntimeError(f"{node.op_name}.backward returned {len(results)} gradients for {len(node.edges)} inputs")
    for observe in observers:
        observe(node, results)
    if node.node_hooks is not None:
        results = call_node_hooks(node.node_hooks.after, results, grads)
    return results


def _check_saved(node: Function) -> None:
    """Raise if what the node saved is gone, or is no longer what it was."""
    if node.saved is FREED:
        raise RuntimeError(
            f"the graph behind {node.op_name} has already been swept and what it saved was freed: pass retain_graph=True "
            "to the first backward() or grad() if you need a second one, or compute the forward pass again"
        )
    for _, counter, version in node.origins:
        if counter[0] != version:
            raise RuntimeError(
                f"a tensor of shape {_shape_of_changed(node)} that {node.op_name} saved for its gradient was overwritten "
                f"by an in-place operation (it is at version {counter[0]}, expected version {version}): use the "
                "out-of-place form of the operation that changed it, or clone() the tensor before changing it"
            )


def _shape_of_changed(node: Function) -> tuple[int, ...]:
    for a, (_, counter, version) in zip(node.saved, node.origins, strict=True):
        if counter[0] != version:
            return tuple(a.shape)
    return ()


def _zeros(node: Function, i: int, given: Any) -> Any:
    """The gradient of a result that the loss does not depend on, on the device of another result's gradient."""
    shape, kind = node.result_likes[i]  # type: ignore[attr-defined]
    zeros = np.zeros(shape, kind, like=unwrap(given))
    return wrap(zeros) if isinstance(given, Variable) else zeros


def _recorded(node: Function, grads: Any) -> Any:
    """Run the formula on tensors, with what was saved joined to the graph, so that it is itself recorded."""
    tensors = tuple(g if g is None or isinstance(g, Variable) else wrap(g) for g in grads)
    with enable_grad():
        if node.reference is not None:
            return _through_reference(node, tensors)
        arrays = node.saved
        try:
            if node.origins:
                node.saved = tuple(
                    [_rejoin(node, a, where) for a, (where, _, _) in zip(arrays, node.origins, strict=True)]
                )
            return node.backward(*tensors)
        finally:
            node.saved = arrays


def _rejoin(node: Function, array: Any, where: int | None) -> Any:
    """A saved array as the tensor it was: the input it came from, or a result of the node."""
    if where is None:
        return array
    if where <= OUTPUT:
        tensor = wrap(array)
        index = OUTPUT - where
        tensor._grad_fn = node if not hasattr(node, "result_likes") else _port(node, index)
    else:
        edge = node.edges[where]
        if edge is None:
            return wrap(array)
        if isinstance(edge, Variable) and edge.array is array:
            return edge
        tensor = wrap(array)
        tensor._grad_fn = _alias(edge, array) if isinstance(edge, Variable) else edge
    tensor._requires_grad = True
    return tensor


def _own_copy(node: Function, i: int, x: Any) -> Any:
    """Input i under an alias of its own: where one tensor is given twice, each place has its own gradient."""
    edge = node.edges[i]
    if not isinstance(x, Variable) or edge is None:
        return x.detach() if isinstance(x, Variable) else x  # type: ignore[attr-defined]
    tensor = wrap(x.array)
    tensor._grad_fn, tensor._requires_grad = _alias(edge, x.array), True
    return tensor


def _port(node: Function, index: int) -> Function:
    port = _new(Output)
    port.saved, port.needs, port.edges, port.index = (), [True], [node], index
    port.order = next_order()
    port.shape, port.dtype = node.result_likes[index]  # type: ignore[attr-defined]
    return port


class _Alias(Function):
    """y = x, under another name."""

    def backward(self, grad: Any) -> Any:
        return grad


def _alias(edge: Any, array: Any) -> Function:
    node = _new(_Alias)
    node.saved, node.needs, node.edges, node.order = (), [True], [edge], next_order()
    node.shape, node.dtype = array.shape, array.dtype
    return node


def _through_reference(node: Function, grads: tuple[Any, ...]) -> tuple[Any, ...]:
    """Gradients of a fast kernel by way of its reference implementation, which can be differentiated any number of times."""
    from metagrad.autograd.engine import grad

    inputs, params = node.reference_arguments
    joined = [_own_copy(node, i, x) for i, x in enumerate(inputs)]
    outputs = type(node).reference(*joined, **params)  # type: ignore[misc]
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    used = [(o, g) for o, g in zip(outputs, grads, strict=True) if o.requires_grad]
    wanted = [i for i, edge in enumerate(node.edges) if edge is not None]
    found = grad(
        [o for o, _ in used], [joined[i] for i in wanted], [g for _, g in used], create_graph=True, allow_unused=True
    )
    by_input = dict(zip(wanted, found, strict=True))
    return tuple(by_input.get(i) for i in range(len(inputs)))
