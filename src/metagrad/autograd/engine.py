"""The backward pass: the chain rule, applied to the nodes of a graph in the reverse order of their creation.

A node is always younger than the nodes its inputs came from. So when the backward pass reaches a node, youngest first, all
consumers of its result have been visited, and the sum of what they sent is the whole gradient of that result.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function, Output
from metagrad.autograd.mode import mode
from metagrad.autograd.reverse import differentiate
from metagrad.autograd.variable import Variable, as_array, unwrap, wrap
from metagrad.base import dtypes
from metagrad.kernels import reductions

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

_by_order = attrgetter("order")
_MANY = 1 << 14  # elements from which NumPy's sums over the first axis, which add one after the other, lose digits


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add the gradient of the sum of ``tensors`` to the ``grad`` of every leaf they were computed from.

    grad_tensors: ∂L/∂tensor for each, where a tensor is not a scalar. retain_graph: keep what was saved, for another
    sweep. create_graph: record the backward pass itself, for higher derivatives. inputs: only these leaves.

    >>> import metagrad
    >>> x = metagrad.tensor([1.0, 2.0], requires_grad=True)
    >>> metagrad.autograd.backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    roots = _roots(_listed(tensors), grad_tensors if grad_tensors is not None else grad_variables, create_graph)
    targets = None if inputs is None else _targets(_listed(inputs))
    if targets == []:
        raise RuntimeError("backward(inputs=[]): give at least one tensor, or leave `inputs` out for every leaf")
    found = _sweep(roots, create_graph if retain_graph is None else retain_graph, create_graph, targets)
    for edge, grad in found.items():
        if isinstance(edge, Variable):
            _accumulate(edge, grad)
            if edge._hooks is not None:
                for hook in list(edge._hooks.after):
                    hook(edge)
        elif targets is not None:
            for x in _listed(inputs):
                if x.grad_fn is edge:
                    _accumulate(x, grad)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of the sum of ``outputs`` with respect to ``inputs``, returned and not accumulated.

    only_inputs: must be True; accepted for old programs. is_grads_batched: ``grad_outputs`` has one vector a row.

    With ``create_graph=True`` they can be differentiated again:

    >>> import metagrad
    >>> x = metagrad.tensor(3.0, requires_grad=True)
    >>> (dy,) = metagrad.autograd.grad(x ** 3, x, create_graph=True)
    >>> (ddy,) = metagrad.autograd.grad(dy, x)
    >>> dy.item(), ddy.item()
    (27.0, 18.0)
    """
    if is_grads_batched:
        options: dict[str, Any] = {
            "create_graph": create_graph,
            "allow_unused": allow_unused,
            "materialize_grads": materialize_grads,
        }
        return _row_by_row(outputs, inputs, grad_outputs, **options)
    allow_unused = materialize_grads if allow_unused is None else allow_unused
    wanted = _listed(inputs)
    keep = create_graph if retain_graph is None else retain_graph
    targets = _targets(wanted)
    found = _sweep(_roots(_listed(outputs), grad_outputs, create_graph), keep, create_graph, targets)
    results: list[Any] = []
    for i, (x, edge) in enumerate(zip(wanted, targets, strict=True)):
        g = found.get(edge)
        if g is None and not allow_unused:
            raise RuntimeError(
                f"input {i} of grad(), of shape {tuple(x.shape)}, was not used to compute the outputs; "
                "allow_unused=True returns None for it, materialize_grads=True zeros"
            )
        if g is None and materialize_grads:
            g = np.zeros_like(x.array)
        results.append(g if g is None or isinstance(g, Variable) else wrap(g))
    return tuple(results)


def _row_by_row(outputs: Any, inputs: Any, grad_outputs: Any, **options: Any) -> tuple[Tensor, ...]:
    """Gradients for every row of ``grad_outputs``, whose first dimension counts them, stacked."""
    from metagrad.ops.shape.joining import stack

    each = [grad(outputs, inputs, row, True, **options) for row in zip(*_listed(grad_outputs), strict=True)]
    return tuple([stack(g) if isinstance(g[0], Variable) else g[0] for g in zip(*each, strict=True)])


def _listed(tensors: Any) -> list[Any]:
    return [tensors] if isinstance(tensors, Variable) else list(tensors)


def _targets(inputs: Sequence[Any]) -> list[Any]:
    """Where the gradient of each input arrives: at its node, or at itself if it is a leaf."""
    for x in inputs:
        if not x.requires_grad:
            raise RuntimeError("one of the inputs does not require grad: call requires_grad_() on it before using it")
    return [x.grad_fn or x for x in inputs]


def _roots(tensors: list[Any], grads: Any, create_graph: bool) -> list[tuple[Any, Any]]:
    """Where the backward pass starts, with the gradient each starting point gets."""
    given = [None] * len(tensors) if grads is None else _listed(grads)
    if len(given) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors but {len(given)} gradients for them; give one for each")
    roots = []
    for x, g in zip(tensors, given, strict=True):
        if not x.requires_grad:
            raise RuntimeError(
                "this tensor does not require grad and was not computed from one that does: there is nothing to "
                "differentiate. Set requires_grad=True on the inputs, and look for no_grad() or detach() on the way"
            )
        if g is None:
            if x.array.size != 1:
                raise RuntimeError(
                    f"backward() needs a scalar, got a tensor of shape {tuple(x.shape)}: reduce it first "
                    "(.sum() or .mean()), or pass the gradient of the loss with respect to it"
                )
            g = np.ones_like(x.array)
        elif unwrap(g).shape != x.array.shape:
            raise RuntimeError(
                f"the gradient's shape must be the tensor's: got {tuple(g.shape)} for a tensor of {tuple(x.shape)}"
            )
        if create_graph:
            g = g if isinstance(g, Variable) else wrap(g)
        else:
            g = unwrap(g)
        roots.append((x.grad_fn or x, _conform(g, x.grad_fn or x)))
    return roots


def _reachable(roots: list[tuple[Any, Any]], targets: list[Any] | None) -> tuple[list[Function], set[Any] | None]:
    """The nodes to visit, youngest first; with targets, only these and the nodes that lead to them.

    The second result is the set of nodes to differentiate: a target that leads to no other target is not.
    """
    seen: set[Any] = set()
    nodes: list[Function] = []
    stack = [edge for edge, _ in roots]
    while stack:
        edge = stack.pop()
        if edge not in seen:
            seen.add(edge)
            if isinstance(edge, Function):
                nodes.append(edge)
                stack.extend([e for e in edge.edges if e is not None])
    nodes.sort(key=_by_order)
    interior: set[Any] | None = None
    if targets is not None:
        leads, interior = set(targets), set()
        for node in nodes:  # oldest first, so that what lies behind a node has been decided before it
            if any(edge in leads for edge in node.edges):
                leads.add(node)
                interior.add(node)
        nodes = [node for node in nodes if node in leads]
    nodes.reverse()
    return nodes, interior


@np.errstate(all="ignore")  # infinite and undefined derivatives are answers, as in PyTorch, not warnings
def _sweep(
    roots: list[tuple[Any, Any]], retain_graph: bool, create_graph: bool, targets: list[Any] | None
) -> dict[Any, Any]:
    """Visit the graph; return the gradient of every leaf, or of every target."""
    pending: dict[Any, Any] = {}
    for edge, g in roots:
        pending[edge] = g if edge not in pending else _sum(pending[edge], g)
    wanted = None if targets is None else set(targets)
    found: dict[Any, Any] = {}
    nodes, interior = _reachable(roots, targets)
    for node in nodes:
        grads = pending.pop(node, None)
        if grads is None:
            continue
        if not isinstance(grads, list):  # a list: the node has several results, and its ports passed their hooks
            grads = _through_hooks(node, grads)
            if wanted is not None and node in wanted:
                found[node] = grads
        if interior is not None and node not in interior:
            continue
        if node.__class__ is Output:
            _deliver(node, grads, pending)
            continue
        results = differentiate(node, grads, create_graph)
        for edge, g in zip(node.edges, results, strict=True):
            if edge is None or g is None:
                continue
            g = _conform(g, edge)
            earlier = pending.get(edge)
            pending[edge] = g if earlier is None else _sum(earlier, g)
        if not retain_graph:
            node.release()
    for edge, g in pending.items():
        if isinstance(edge, Variable) and (wanted is None or edge in wanted):
            found[edge] = _through_leaf_hooks(edge, g)
    return _unshared(found, [g for _, g in roots])


def _sum(a: Any, b: Any) -> Any:
    """a + b; an array also where NumPy makes the sum of 0-d arrays a scalar."""
    return as_array(a + b)


def _deliver(port: Function, g: Any, pending: dict[Any, Any]) -> None:
    """Hand the gradient of one of several results to the node they all came from."""
    (node,) = port.edges
    grads = pending.setdefault(node, [None] * len(node.result_likes))
    i = port.index  # type: ignore[attr-defined]
    grads[i] = g if grads[i] is None else _sum(grads[i], g)


def _conform(g: Any, edge: Any) -> Any:
    """The gradient in the shape and dtype of what it belongs to: summed where forward broadcast, cast where it cast."""
    if isinstance(edge, Variable):
        shape, kind = edge.array.shape, edge.array.dtype
    else:
        shape, kind = edge.shape, edge.dtype
    if isinstance(g, Variable):
        return _conform_tensor(g, shape, kind)
    if g.shape != shape:
        g = np.asarray(sum_to_shape(g, shape)) if g.__class__ is np.ndarray else sum_to_shape(g, shape)
    if g.dtype != kind:
        g = g.real.astype(kind) if g.dtype.kind == "c" and kind.kind != "c" else g.astype(kind)
    return np.asarray(g) if isinstance(g, np.generic) else g


def _conform_tensor(g: Any, shape: tuple[int, ...], kind: Any) -> Any:
    if g.array.shape != shape:
        g = sum_to_shape(g, shape)
    if g.array.dtype != kind:
        real = g.array.dtype.kind == "c" and kind.kind != "c"
        g = (g.real if real else g).to(dtypes.of(kind))
    return g


def sum_to_shape(g: Any, shape: tuple[int, ...]) -> Any:
    """The transpose of broadcasting: add up everything that was one element of ``shape``."""
    have = tuple(g.shape)
    extra = len(have) - len(shape)
    same = extra >= 0 and all(n in (1, m) for n, m in zip(shape, have[extra:], strict=True))
    if not same:
        raise RuntimeError(f"a backward returned a gradient of shape {have} for an input of shape {shape}")
    stretched = tuple(extra + i for i, (n, m) in enumerate(zip(shape, have[extra:], strict=True)) if n != m)
    axes = (*range(extra), *stretched)
    if g.dtype == np.float16 and g.__class__ is np.ndarray:
        return g.sum(axis=axes, keepdims=True, dtype=np.float32).reshape(shape).astype(np.float16)
    if g.__class__ is np.ndarray and g.size >= _MANY:
        return reductions.sum(g, axes, True).reshape(shape)
    return g.sum(axis=axes, keepdims=True).reshape(shape)


def _through_hooks(node: Function, g: Any) -> Any:
    """A result's gradient after its hooks; kept on the result if ``retain_grad`` asked for it."""
    if node.hooks:
        g = _call_hooks(node.hooks, g)
    if node.keeps_grad is not None:
        tensor = node.keeps_grad()
        if tensor is not None:
            tensor.grad = g if isinstance(g, Variable) else wrap(g.copy())
    return g


def _through_leaf_hooks(leaf: Variable, g: Any) -> Any:
    return _call_hooks(leaf._hooks, g) if leaf._hooks else g


def _call_hooks(hooks: list[Any], g: Any) -> Any:
    tensor = g if isinstance(g, Variable) else wrap(g)
    for hook in list(hooks):
        replaced = hook(tensor)
        if replaced is not None:
            if tuple(replaced.shape) != tuple(tensor.shape):
                raise RuntimeError(
                    f"a hook changed the gradient's shape from {tuple(tensor.shape)} to {tuple(replaced.shape)}"
                )
            tensor = replaced
    return tensor if isinstance(g, Variable) else tensor.array


def _unshared(found: dict[Any, Any], lent: list[Any]) -> dict[Any, Any]:
    """Copies where two gradients would share memory with each other or with the caller's, for `grad` is writable."""
    taken = {id(_owner(g)) for g in lent if not isinstance(g, Variable)}
    for edge, g in found.items():
        if isinstance(g, Variable):
            continue
        owner = _owner(g)
        if g.base is not None and not _is_all_of(g, owner) or id(owner) in taken:
            found[edge] = owner = g.copy()
        taken.add(id(owner))
    return found


def _owner(g: Any) -> Any:
    """The array whose memory this is: itself, or what it is a view of."""
    owner = g.base
    return owner if owner.__class__ is g.__class__ else g


def _is_all_of(g: Any, owner: Any) -> bool:
    """Whether a view shows all of its owner's memory, in order: a gradient that was but reshaped."""
    return bool(owner.base is None and g.size == owner.size and g.flags.c_contiguous)


def _accumulate(leaf: Any, g: Any) -> None:
    """Add to ``leaf.grad``: in place if the backward pass was not recorded, as PyTorch does."""
    if leaf.grad is None:
        leaf.grad = g if isinstance(g, Variable) else wrap(g)
    elif isinstance(g, Variable) or mode.grad and leaf.grad.requires_grad:
        leaf.grad = leaf.grad + (g if isinstance(g, Variable) else wrap(g))
    else:
        np.add(leaf.grad.array, g, out=leaf.grad.array)
        leaf.grad._counter[0] += 1
