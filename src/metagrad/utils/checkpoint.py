"""Checkpointing: activations that are computed again in the backward pass, rather than kept.

The function runs with a graph, for that shows what its results depend on: arguments, and whatever else it uses. Then the graph
is dropped, and one node, ``Recomputed``, stands for it, with edges to all of these. Its backward runs the function again and
differentiates that, as far as these edges. A pass that is recorded records that, too: so second derivatives need nothing more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from metagrad.autograd import function as op
from metagrad.autograd.engine import propagate
from metagrad.autograd.errors import FREED
from metagrad.autograd.function import STALE, Function, Output, next_order
from metagrad.autograd.higher_order import alias as name_for
from metagrad.autograd.mode import enable_grad, is_grad_enabled, mode, no_grad
from metagrad.autograd.targets import nodes_behind
from metagrad.autograd.variable import Variable, wrap
from metagrad.autograd.views import alias
from metagrad.base.warning import warn
from metagrad.ops.create.random import fork_rng, get_all_states, set_all_states
from metagrad.tensors.tensor import Tensor
from metagrad.utils._pytree import tensors_in

__all__ = [
    "CheckpointError", "check_backward_validity", "checkpoint", "checkpoint_sequential", "detach_variable", "noop_context_fn",
    "set_checkpoint_debug_enabled", "set_checkpoint_early_stop",
]  # fmt: skip

Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]
Trace = list[tuple[tuple[int, ...], Any]]  # shape and dtype of everything a graph saved, in order


class _Inside(threading.local):
    """Whether the backward pass of a checkpoint is running in this thread, which has targets of its own; what its program set."""

    checkpoint = False
    early_stop: bool | None = None


_inside = _Inside()
surroundings: Callable[[], AbstractContextManager[Any]] = nullcontext  # of both runs: see ``compat/amp``


class CheckpointError(RuntimeError):
    """A function did not do the same when it was run again."""


def noop_context_fn() -> Contexts:
    """Two contexts, for the first run and for the second, that do nothing."""
    return nullcontext(), nullcontext()


class Recomputed(Function):
    """Results of a function that is run again for their gradient."""

    fills_in_zeros = False
    again: Callable[[], tuple[list[Any], dict[Any, Function]]] | None
    reentrant: bool
    ends: list[Any]  # its edges as they were when it was made
    names: list[str]  # those of the nodes whose place it takes, one for each result

    @property
    def op_name(self) -> str:
        """The name PyTorch gives to the node of its reentrant form."""
        return "CheckpointFunction"

    def name(self) -> str:
        """That of the node whose place it takes, as nobody sees that a function is run again; the reentrant form has its own."""
        return "CheckpointFunctionBackward" if self.reentrant else self.names[0]

    def output(self, index: int) -> Function:
        """The node of result ``index``, with the name of the one whose place it takes."""
        return _Part.made([self], *self.results[index], index=index) if hasattr(self, "results") else self

    def backward(self, *grads: Any) -> Any:
        if self.reentrant and mode.running[1] is not None and not _inside.checkpoint:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter to "
                ".backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() without passing "
                "the `inputs` argument."
            )
        recorded = any(isinstance(g, Variable) for g in grads)
        if self.again is None:
            raise RuntimeError("a checkpoint's results were differentiated, and what it needs to run again was freed")
        with enable_grad():
            results, names = self.again()
        roots = [(r._grad_fn or r, g) for r, g in zip(results, grads, strict=True) if g is not None and r.requires_grad]
        if self.reentrant and not any(r.requires_grad for r in results):
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        for edge, g in roots:
            have = tuple((edge.array if isinstance(edge, Variable) else edge).shape)
            if have != tuple(g.shape):
                raise RuntimeError(
                    f"a checkpointed function gave a result of shape {tuple(g.shape)}, and when it was run again one of {have}"
                )
        before, _inside.checkpoint = _inside.checkpoint, True
        try:
            found = propagate(roots, recorded, recorded, list(names.values()))
        finally:
            _inside.checkpoint = before
        return tuple([found.get(names.get(edge)) for edge in self.ends])

    def release(self) -> None:
        """Forget the function and its arguments."""
        self.again, self.saved, self.origins = None, FREED, STALE


class _Part(Output):
    """One of several results."""

    def as_edge(self) -> tuple[Any, int]:
        """Of the reentrant form it is one node's; otherwise it is a node for itself, to those who look."""
        return super().as_edge() if self.edges[0].reentrant else (self, 0)

    def name(self) -> str:
        """As above."""
        whole = self.edges[0]
        return str(whole.name() if whole.reentrant else whole.names[self.index])


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, whose intermediate results are not kept: they are computed again for the gradient.

    Memory is traded for time: one more forward pass. preserve_rng_state: dropout draws the same numbers again.
    determinism_check: "default" compares shapes and dtypes of what both runs saved, "none" does not; a function is always run
    again to its end, but without early_stop the second run may save no more than the first. context_fn: gives two contexts,
    for the first run and for the second. use_reentrant=True refuses what PyTorch's older form cannot do: keyword arguments,
    ``autograd.grad``; the way to compute is the same. debug is accepted. Source: Chen et al. 2016, arXiv:1604.06174.

    Raises ValueError for an unknown determinism_check and for what use_reentrant=True refuses; CheckpointError, in the backward
    pass, where the second run did something else.

    >>> import metagrad
    >>> x = metagrad.tensor(2.0, requires_grad=True)
    >>> checkpoint(lambda x: x.exp().log() ** 2, x, use_reentrant=False).backward()
    >>> x.grad
    tensor(4.)
    """
    if use_reentrant is None:
        warn("torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly.")
    if use_reentrant is not False:
        _check_reentrant(args, kwargs, debug, context_fn)
    elif debug and context_fn is not noop_context_fn:
        raise ValueError("debug=True is incompatible with non-default context_fn")
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    if not is_grad_enabled() or use_reentrant is not False and not any(t.requires_grad for t in tensors_in(args)):
        with no_grad():
            return function(*args, **kwargs)
    first, second = context_fn()
    state = get_all_states() if preserve_rng_state else None
    versions = [(t, t._version) for t in tensors_in((args, kwargs))]
    around = surroundings()
    with first, around, _unhooked():
        start, result = next_order(), function(*args, **kwargs)
    tensors = tensors_in(result)
    inner, outer = _around(tensors, start)
    reentrant = use_reentrant is not False  # whose results all require grad
    if not outer and not reentrant:
        return result
    expected, may_save_more = _trace(inner), early_stop if _inside.early_stop is None else _inside.early_stop

    def again() -> tuple[list[Any], dict[Any, Function]]:
        _check_unwritten(versions)
        with second, around, _unhooked(), fork_rng(enabled=state is not None):
            if state is not None:
                set_all_states(state)
            begin, repeated = next_order(), tensors_in(function(*args, **kwargs))
        made, ends = _around(repeated, begin)
        if determinism_check == "default":
            _compare(expected, _trace(made), may_save_more)
        return [repeated[i] for i in chosen], _named(made, ends, begin)

    made = [t._grad_fn is not None and t._grad_fn.order > start for t in tensors]
    chosen = [
        i
        for i, t in enumerate(tensors)
        if made[i] or (reentrant and t.array.dtype.kind in "fcV" and not t.requires_grad)
    ]
    return _with_tensors(result, iter(_detached(tensors, chosen, outer, again, reentrant) if chosen else tensors))


def _check_reentrant(args: Any, kwargs: Any, debug: bool, context_fn: Any) -> None:
    """Raise for what the older form does not take, and warn where it has nothing to differentiate."""
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if debug or context_fn is not noop_context_fn:
        raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    if is_grad_enabled():
        check_backward_validity(tensors_in(args))


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warn if none of the inputs requires grad.

    >>> import metagrad
    >>> check_backward_validity([metagrad.ones(1, requires_grad=True)])
    """
    if not any(isinstance(x, Variable) and x.requires_grad for x in inputs):
        warn("None of the inputs have requires_grad=True. Gradients will be None")


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors cut off from the graph, each as a leaf that requires grad as the tensor does.

    >>> import metagrad
    >>> detach_variable((metagrad.ones(1, requires_grad=True) * 2, 3))
    (tensor([2.], requires_grad=True), 3)
    """
    return tuple(x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs)


@contextmanager
def _unhooked() -> Iterator[None]:
    """Within the function nothing is packed: the graph does not live that long."""
    hidden = op.saved_hooks[:]
    op.saved_hooks.clear()
    try:
        yield
    finally:
        op.saved_hooks[:] = hidden


def _around(results: Sequence[Any], start: int) -> tuple[list[Function], list[Any]]:
    """The nodes made since ``start`` that results come from, the oldest first, and the edges that lead out of them."""
    inner = [node for node in nodes_behind([r._node for r in results if r._node is not None]) if node.order > start]
    outer: dict[Any, None] = {}
    for node in inner:
        for edge in node.edges:
            if edge is not None and (isinstance(edge, Variable) or edge.order < start):
                outer[edge] = None
    return inner, list(outer)


def _named(inner: list[Function], outer: list[Any], begin: int) -> dict[Any, Function]:
    """A name for each edge that leads out, put in its place: so that none of these ends lies behind another one."""
    names = {}
    for i, edge in enumerate(outer):
        array = edge.array if isinstance(edge, Variable) else np.broadcast_to(np.zeros((), edge.dtype), edge.shape)
        names[edge] = name_for(edge, array)
        names[edge].order = begin + (i + 1) / (len(outer) + 1)  # type: ignore[assignment]  # older than what was run since
    for node in inner:
        node.edges = [names.get(edge, edge) for edge in node.edges]
    return names


def _trace(nodes: Sequence[Function]) -> Trace:
    return [(tuple(a.shape), a.dtype) for node in nodes for a in node.saved if hasattr(a, "shape")]


def _compare(first: Trace, second: Trace, may_save_more: bool) -> None:
    """Raise if the second run saved less than the first, or more, or something of another shape or dtype."""
    if len(second) > len(first) and not may_save_more:
        raise CheckpointError(
            "torch.utils.checkpoint: trying to save more tensors during recomputation than during the original forward pass.\n"
            f"Number of tensors saved during forward: {len(first)}\nNumber of tensors saved during recomputation: {len(second)}"
        )
    if len(second) < len(first):
        raise CheckpointError(
            "torch.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation.\n"
            f"Number of tensors saved during forward: {len(first)}\nNumber of tensors saved during recomputation: {len(second)}"
        )
    for i, (have, now) in enumerate(zip(first, second, strict=False)):
        if have != now:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the "
                f"forward pass.\ntensor at position {i}: saved {have[0]} {have[1]}, recomputed {now[0]} {now[1]}"
            )


def _check_unwritten(versions: list[tuple[Any, int]]) -> None:
    for t, version in versions:
        if t._version != version:
            raise RuntimeError(
                f"an argument of a checkpointed function, of shape {tuple(t.shape)}, was overwritten by an in-place operation "
                "before the function could be run again: use the out-of-place form, or give it a clone()"
            )


def _detached(tensors: Sequence[Any], chosen: list[int], outer: list[Any], again: Any, reentrant: bool) -> list[Any]:
    """The results, with those that the function computed as results of one node in the place of its graph."""
    shapes = [(tensors[i].array.shape, tensors[i].array.dtype) for i in chosen]
    node = Recomputed.made(
        outer,
        *shapes[0],
        again=again,
        ends=outer[:],
        reentrant=reentrant,
        saved=("again",),
        origins=(),
        names=[] if reentrant else [tensors[i]._grad_fn.name() for i in chosen],
    )
    if len(shapes) > 1:
        node.results = shapes
    found = list(tensors)
    for place, i in enumerate(chosen):
        view = tensors[i]._view
        found[i] = alias(tensors[i]) if view is not None and view.base.is_leaf else wrap(tensors[i].array)
        found[i]._grad_fn, found[i]._requires_grad = node.output(place), True
    return found


def _with_tensors(value: object, tensors: Iterator[Any]) -> Any:
    """Nested tuples, lists and dictionaries with other tensors instead of theirs."""
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, dict):
        return {key: _with_tensors(part, tensors) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        parts = [_with_tensors(part, tensors) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """``early_stop`` for the checkpoints within, whatever they say.

    >>> import metagrad
    >>> with set_checkpoint_early_stop(False):
    ...     y = checkpoint(metagrad.sin, metagrad.zeros(1, requires_grad=True), use_reentrant=False)
    >>> y
    tensor([0.], grad_fn=<SinBackward0>)
    """
    before, _inside.early_stop = _inside.early_stop, enable
    try:
        yield
    finally:
        _inside.early_stop = before


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Accepted: errors name what differs anyway."""
    yield


def checkpoint_sequential(
    functions: Iterable[Callable[..., Any]],
    segments: int,
    input: Tensor,
    use_reentrant: bool | None = None,
    **kwargs: Any,
) -> Tensor:
    """A chain of modules in ``segments`` parts, each of them checkpointed but for the last.

    Raises ValueError for more segments than modules, and for keywords other than ``preserve_rng_state``.

    >>> import metagrad
    >>> chain = [metagrad.sin, metagrad.cos, metagrad.exp]
    >>> checkpoint_sequential(chain, 2, metagrad.zeros(1), use_reentrant=False)
    tensor([2.7183])
    """
    if use_reentrant is None:
        warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly.",
        )
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    chain = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 1 <= segments <= max(1, len(chain)):
        raise ValueError(
            f"checkpoint_sequential: expected from 1 to {len(chain)} segments, as many as functions, got {segments}"
        )
    size = max(1, len(chain) // segments)
    for start in range(0, size * (segments - 1), size):
        part = _run(chain[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant is not False, preserve_rng_state=preserve)
    return _run(chain[size * (segments - 1) :])(input)


def _run(chain: Sequence[Callable[..., Any]]) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        for function in chain:
            x = function(x)
        return x

    return forward
