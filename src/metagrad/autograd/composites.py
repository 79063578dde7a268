"""Functions that are one operator in other programs' files: whoever writes a model down is told of them whole.

And functions whose gradient needs more than their node saved, indices and masks, or whose node would keep more in PyTorch: it
guards them. A backward pass raises if one was written to, or if it is the second. And what marks gradients that have none.

An observer is called as ``observe(function, args, kwargs, result)`` after each call of a function that is marked
``@composite``. While nobody watches, that costs one test of an empty list.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from metagrad.autograd import function as functions
from metagrad.autograd.errors import FREED
from metagrad.autograd.mode import mode, no_grad
from metagrad.autograd.variable import Variable

P = ParamSpec("P")
R = TypeVar("R")

observers: list[Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any], Any], None]] = []


def composite(function: Callable[P, R]) -> Callable[P, R]:
    """The function, and word to the observers of each call.

    >>> @composite
    ... def twice(x):
    ...     return 2 * x
    >>> observers.append(lambda function, args, kwargs, result: print(function.__name__, args, result))
    >>> twice(3)
    twice (3,) 6
    6
    >>> del observers[:]
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        result = function(*args, **kwargs)
        if observers:
            for observe in observers:
                observe(function, args, kwargs, result)
        return result

    return run


def guarding(
    *names: str, results: tuple[int, ...] = (), needed_by: str = ""
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: the node of what a function computes guards the arguments of these names, and these of its results.

    needed_by: only if this argument needs a gradient.

    >>> import metagrad
    >>> x, index = metagrad.ones(3, requires_grad=True), metagrad.tensor([0, 2])
    >>> y = metagrad.gather(x, 0, index).sum()
    >>> index.zero_(), y.backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation: ...
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        written: Any = function
        while hasattr(written, "__wrapped__"):
            written = written.__wrapped__
        places = [(name, written.__code__.co_varnames.index(name)) for name in (*names, needed_by) if name]

        if len(places) + len(results) == 1:  # as for most: each call of an op pays for what stands here
            return _guarding_one(function, *(places or [("", -1)])[0], *results)

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            result = function(*args, **kwargs)
            outputs: Any = result if isinstance(result, tuple) else (result,)
            first = outputs[0]
            if isinstance(first, Variable) and first._grad_fn is not None:
                given: list[Any] = [args[i] if i < len(args) else kwargs.get(name) for name, i in places]
                if not needed_by or given.pop().requires_grad:
                    needed = [x for x in given if x is not first]  # what an op in place was given is gone as it is
                    guard(first._grad_fn, *needed, *[outputs[i] for i in results if i < len(outputs)])
            return result

        return guarded

    return decorate


def _guarding_one(function: Callable[P, R], name: str, place: int, output: int = 0) -> Callable[P, R]:
    """The function, whose node guards the argument of a name, at a place, or without a name one of the results."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        result: Any = function(*args, **kwargs)
        first = result[0] if isinstance(result, tuple) else result
        node = first._grad_fn if isinstance(first, Variable) else None
        if node is not None:
            value: Any
            if name:
                value = args[place] if place < len(args) else kwargs.get(name)
            else:
                value = result[output] if isinstance(result, tuple) and output < len(result) else None
            if value.__class__ is not first.__class__ or value is first or functions.saved_hooks:
                guard(node, None if value is first else value)
            else:
                node = node.as_edge()[0]
                counter = value._counter
                node.origins = (*node.origins, (None, counter, counter[0]))
        return result

    return guarded


def guard(node: Any, *values: Any) -> None:
    """Have a node, if there is one, guard the tensors among these values, and within lists of them; or have them packed, where
    hooks pack what nodes save."""
    if node is None:
        return
    node = node.as_edge()[0]
    tensors: list[Variable] = []
    for value in values:
        given = value if isinstance(value, (list, tuple)) else (value,)
        tensors += [x for x in given if isinstance(x, Variable)]
    if functions.saved_hooks:
        functions.saved_hooks[-1].pack_beside(node, tensors)
        tensors = []  # what was packed is not overwritten
    origins: list[functions.Origin] = [(None, x._counter, x._counter[0]) for x in tensors]
    node.origins = (*node.origins, *(origins or [functions.NOWHERE]))


def free_all(node: Any) -> None:
    """What a node whose gradient is made of arrays kept as attributes does for ``release``: they go, and no second pass comes.

    >>> import metagrad
    >>> loss = metagrad.nn.functional.nll_loss(metagrad.zeros(1, 2, requires_grad=True), metagrad.tensor([1]))
    >>> node = loss.grad_fn.next_functions[0][0]
    >>> "classes" in vars(node), loss.backward(), "classes" in vars(node)
    (True, None, False)
    """
    node.forget()
    node.saved, node.origins = FREED, functions.STALE


def repeatable(y: Any) -> Any:
    """A result whose node refuses no second pass for the numbers it keeps: those of which PyTorch makes no tensors.

    >>> import metagrad
    >>> y = repeatable(metagrad.ones(2, requires_grad=True) * 3).sum()
    >>> y.backward(), y.backward()
    (None, None)
    """
    if y._grad_fn is not None:
        y._grad_fn.frees_numbers = False
    return y


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a static ``backward`` that does not itself record: differentiating through it a second time raises."""

    @functools.wraps(backward)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        tracked = mode.grad and any(isinstance(g, Variable) and g.requires_grad for g in grads)
        with no_grad():
            results = backward(ctx, *grads)
        if not tracked:
            return results
        several = isinstance(results, tuple)
        outs = [None if r is None else _Once.apply(_asked_for(r)) for r in (results if several else [results])]
        return tuple(outs) if several else outs[0]

    return wrapper


def _asked_for(grad: Any) -> Any:
    """A gradient as a leaf that requires one itself."""
    leaf = grad.detach()
    leaf.requires_grad = True
    return leaf


class _Once(functions.Function):
    """y = x, for a gradient that cannot be differentiated again."""

    def forward(self, x: Any) -> Any:
        return x

    def backward(self, grad: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
