"""The backward pass: the chain rule, applied to the nodes of a graph in the reverse order of their creation.

A node is always younger than the nodes its inputs came from. So when the pass reaches a node, youngest first, all
consumers of its result have been visited, and the sum of what they sent is the whole gradient of that result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy import ndarray

from metagrad.autograd.broadcasting import fitted
from metagrad.autograd.emulation import backward_in_float32
from metagrad.autograd.errors import gone, miscounted, not_a_scalar, nothing_to_differentiate, unused, wrong_gradient
from metagrad.autograd.function import Function, Output
from metagrad.autograd.higher_order import recorded
from metagrad.autograd.hooks import through_all
from metagrad.autograd.mode import mode
from metagrad.autograd.packing import unpacked
from metagrad.autograd.targets import leading_to, with_zeros
from metagrad.autograd.variable import Variable, as_array, as_tensor, unwrap
from metagrad.autograd.writing import bump
from metagrad.base.dtypes import emulated
from metagrad.base.layouts import has_no_gaps
from metagrad.kernels.copying import copied, laid_out_like

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

Edge = Any  # where a gradient goes: a node, or a leaf
Gradient = Any  # an array; a tensor if the backward pass is itself recorded

observers: list[Callable[[Function, tuple[Any, ...]], None]] = []  # called as observe(node, gradients of its inputs)


def backward(
    tensors: Any,
    gradients: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradient of the sum of ``tensors`` to the ``grad`` of every leaf they were computed from.

    gradients: ∂L/∂tensor for each, where a tensor is not a scalar. retain_graph: keep what was saved, for another
    backward pass. create_graph: record this one, for higher derivatives. inputs: only these leaves.

    Raises RuntimeError if a tensor does not require grad, is no scalar and has no gradient given, or if the graph was
    used before and not kept.
    """
    roots = _roots(tensors, gradients, create_graph)
    targets = None if inputs is None else _targets(inputs)
    if targets == []:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty: leave it out for every leaf")
    for x in () if inputs is None else _listed(inputs):
        x.retain_grad()  # of what is no leaf
    found = propagate(roots, create_graph if retain_graph is None else retain_graph, create_graph, targets)
    for edge, grad in found.items():
        if isinstance(edge, Variable):
            _accumulate(edge, grad)
    while mode.afterwards and mode.running is None:
        function, mode.afterwards = mode.afterwards[0], mode.afterwards[1:]
        function()


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of the sum of ``outputs`` with respect to ``inputs``, returned and not accumulated.

    allow_unused: None for an input that the outputs do not depend on, or with materialize_grads zeros; otherwise that
    raises RuntimeError. The rest is as in ``backward``.
    """
    allow_unused = materialize_grads if allow_unused is None else allow_unused
    targets = _targets(inputs)
    keep = create_graph if retain_graph is None else retain_graph
    found = propagate(_roots(outputs, grad_outputs, create_graph), keep, create_graph, targets)
    results: list[Any] = []
    for i, (x, edge) in enumerate(zip(_listed(inputs), targets, strict=True)):
        g = found.get(edge)
        if g is None and not allow_unused:
            raise unused(i, tuple(x.shape))
        if g is None and materialize_grads:
            g = np.zeros_like(x.array)
        results.append(None if g is None else as_tensor(g))
    return tuple(results)


# ------------------------------------------------ the pass


@np.errstate(all="ignore")  # infinite and undefined derivatives are answers, as in PyTorch, not warnings
def propagate(
    roots: Sequence[tuple[Edge, Gradient]], keep: bool, create_graph: bool, targets: list[Edge] | None
) -> dict[Edge, Gradient]:
    """Visit the graph; return the gradient of every leaf, or of every target. keep: what nodes saved is not freed."""
    wanted = None if targets is None else set(targets)
    leads = None if wanted is None else leading_to(wanted, [edge for edge, _ in roots])
    found: dict[Edge, Gradient] = {}
    pending: dict[Edge, Gradient] = {}  # the sum of what has arrived at each edge
    waiting: list[tuple[int, Function]] = []  # the nodes among these edges: a heap, the youngest in front
    before, mode.grad, mode.running = (mode.grad, mode.running), create_graph, (roots, leads, wanted, found)
    try:
        for edge, g in roots:
            _arrive(edge, g, pending, waiting)
        while waiting:
            node = heappop(waiting)[1]
            grads = pending.pop(node)
            if leads is not None or node.attended:
                grads = _at_result(node, grads, wanted, leads, found)
                if grads is None:
                    continue
                if isinstance(node, Output):
                    _hand_on(node, grads, pending, waiting)
                    continue
            if create_graph or observers or node.attended or grads.__class__ is list or emulated:
                results = differentiate(node, grads, create_graph)
            else:  # as ``differentiate`` does, if there is nothing more to it
                for _, counter, version in node.origins:
                    if counter[0] != version:
                        raise gone(node)
                results = node.backward(grads)
                if results.__class__ is not tuple:
                    results = (results,)
            if len(results) != len(node.edges):
                raise miscounted(node, len(results))
            for edge, g in zip(node.edges, results):  # noqa: B905 - strict takes longer, and they were counted above
                if edge is None or g is None:
                    continue
                target = edge.array if isinstance(edge, Variable) else edge
                shape, dtype = target.shape, target.dtype
                if g.__class__ is not ndarray or g.shape != shape or (g.dtype is not dtype and g.dtype != dtype):
                    g = fitted(g, shape, dtype)
                earlier = pending.get(edge)
                if earlier is None:
                    pending[edge] = g
                    if target is edge:
                        heappush(waiting, (-edge.order, edge))
                else:
                    total = earlier + g
                    pending[edge] = total if total.__class__ is ndarray else as_array(total)
            if not keep:
                node.release()
        for edge, g in (with_zeros(pending, found) if None in found else pending).items():  # leaves
            if wanted is None or edge in wanted:
                found[edge] = g if edge._hooks is None else edge._hooks.passed(g)
    finally:
        mode.grad, mode.running = before
    return _unshared(found, roots)


def _arrive(edge: Edge, g: Gradient, pending: dict[Edge, Gradient], waiting: list[tuple[int, Function]]) -> None:
    """Add a gradient to what has arrived at an edge; as_array, for NumPy makes 0-d sums scalars."""
    if edge in pending:
        pending[edge] = as_array(pending[edge] + g)
        return
    pending[edge] = g
    if not isinstance(edge, Variable):
        heappush(waiting, (-edge.order, edge))


def _at_result(
    node: Function, grads: Gradient, wanted: set[Edge] | None, leads: set[Edge] | None, found: dict[Edge, Gradient]
) -> Gradient | None:
    """The gradient of a node's result after its hooks, noted if it is wanted; None if the pass need not go on from here."""
    if wanted is not None and leads is not None and node not in wanted and node not in leads:
        return None
    if not isinstance(grads, list):  # a list: the node has several results, and its outputs passed their hooks
        if node.result_hooks is not None:
            grads = node.result_hooks(grads)
        if wanted is not None and node in wanted:
            found[node] = grads
    return grads if leads is None or node in leads else None


def differentiate(node: Function, grads: Gradient | list[Gradient], create_graph: bool) -> tuple[Gradient, ...]:
    """The gradients of a node's inputs, given those of its result (a list, if it has several)."""
    if any(counter[0] != version for _, counter, version in node.origins):
        raise gone(node)
    if node.unpack is not None:
        with unpacked(node):
            return differentiate(node, grads, create_graph)
    arrived: Sequence[Gradient] = grads if isinstance(grads, list) else (grads,)
    arrived = arrived if node.node_hooks is None else through_all(node.node_hooks.before, arrived)
    given = _all_given(node, arrived) if isinstance(grads, list) else arrived
    if create_graph:
        results = recorded(node, given, propagate)
    else:
        results = backward_in_float32(node, given) if emulated else node.backward(*given)
    if results.__class__ is not tuple:
        results = (results,)
    for observe in observers:
        observe(node, results)
    if node.node_hooks is not None:
        results = through_all(node.node_hooks.after, results, arrived)
    return cast("tuple[Gradient, ...]", results)


def _all_given(node: Function, grads: Sequence[Gradient]) -> Sequence[Gradient]:
    """The gradients of several results, zeros (of the device of the others) for those that the loss does not depend on."""
    if not node.fills_in_zeros:
        return grads
    some = next(g for g in grads if g is not None)
    found: list[Gradient] = []
    for g, (shape, dtype) in zip(grads, node.results, strict=True):
        if g is None:
            zeros = np.zeros(shape, dtype, like=unwrap(some))
            g = as_tensor(zeros) if isinstance(some, Variable) else zeros
        found.append(g)
    return found


def _hand_on(output: Output, g: Gradient, pending: dict[Edge, Gradient], waiting: list[tuple[int, Function]]) -> None:
    """Give the gradient of one of several results to the node they all came from."""
    (node,) = output.edges
    if node not in pending:
        _arrive(node, [None] * len(node.results), pending, waiting)
    grads = pending[node]
    earlier = grads[output.index]
    grads[output.index] = g if earlier is None else as_array(earlier + g)


# ------------------------------------------------ where it starts and ends


def _listed(tensors: Any) -> Sequence[Any]:
    return [tensors] if isinstance(tensors, Variable | np.ndarray) else list(tensors)


def _targets(inputs: Any) -> list[Edge]:
    """Where the gradient of each input arrives: at its node, or at itself if it is a leaf."""
    for x in _listed(inputs):
        if not x.requires_grad:
            raise RuntimeError(
                "One of the differentiated Tensors does not require grad: call requires_grad_() on it first"
            )
    return [x._node or x for x in _listed(inputs)]


def _roots(tensors: Any, gradients: Any, create_graph: bool) -> list[tuple[Edge, Gradient]]:
    """Where the pass starts, with the gradient each starting point gets."""
    xs = [tensors] if isinstance(tensors, Variable) else list(tensors)
    given = [None] * len(xs) if gradients is None else _listed(gradients)
    if len(given) != len(xs):
        raise RuntimeError(f"got {len(xs)} tensors and {len(given)} gradients: give one for each")
    roots = []
    for i, (x, g) in enumerate(zip(xs, given, strict=True)):
        if not x.requires_grad:
            raise nothing_to_differentiate(i)
        if g is None:
            if x.array.size != 1 or x.array.dtype.kind == "c":
                raise not_a_scalar(x)
            g = np.array(1, x.array.dtype, ndmin=x.array.ndim, like=x.array)  # np.ones_like, in less time
        elif _suits(unwrap(g), x.array):
            g = fitted(g, x.array.shape, x.array.dtype)
        else:
            raise wrong_gradient(i, g, x)
        roots.append((x._node or x, as_tensor(g) if create_graph else unwrap(g)))
    return roots


def _suits(gradient: Gradient, x: Any) -> bool:
    """Whether a gradient to start from has the shape of a result, and is complex where the result is, and only there."""
    return getattr(gradient, "shape", None) == x.shape and (gradient.dtype.kind == "c") is (x.dtype.kind == "c")


def _unshared(found: dict[Edge, Gradient], lent: Sequence[tuple[Edge, Gradient]]) -> dict[Edge, Gradient]:
    """Copies where two gradients would share memory with each other or with the caller's, for ``grad`` is writable."""
    taken = set()
    for _, g in lent:
        if not isinstance(g, Variable):
            taken.add(id(_owner(g)))
    for edge, g in found.items():
        if isinstance(g, Variable):
            continue
        owner = _owner(g)
        reshaped = (
            owner.base is None and g.size == owner.size and (g.flags.c_contiguous or has_no_gaps(g))
        )  # all of its memory
        if not reshaped or not getattr(g.flags, "writeable", True) or id(owner) in taken:
            found[edge] = owner = copied(g, g.dtype)
        taken.add(id(owner))
    return found


def _owner(g: Any) -> Any:
    """The array whose memory this is: itself, or what it is a view of."""
    return g.base if g.base.__class__ is g.__class__ else g


def _accumulate(x: Any, g: Gradient) -> None:
    """Add to ``x.grad``, in place if the pass was not recorded, as PyTorch does; then call the hooks that wait for it."""
    if not x._requires_grad or x._view is not None and x._view.borrowed:
        return
    if isinstance(g, Variable):
        x._grad = as_tensor(g).clone() if x._grad is None else x._grad + as_tensor(g)
        x._grad.array = laid_out_like(x._grad.array, x.array)
    elif x._grad is None:
        x._grad = as_tensor(g if g.strides == x.array.strides else laid_out_like(g, x.array))
    else:
        np.add(x._grad.array, g, out=x._grad.array)
        bump(x._grad)
    if x._hooks is not None:
        x._hooks.after_accumulating(x, isinstance(g, Variable))
