"""Pointwise ops of a GPU's arrays: forward, and backward, as one kernel each (``kernels/fused.py``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable
from metagrad.base.typing import Array
from metagrad.kernels import fused
from metagrad.kernels.fusion import NotPointwise, Tape
from metagrad.kernels.libraries import is_on_gpu

_MOST = 10_000  # plans that are kept
# By op, direction and the kinds of what it is given; None where the formula is no kernel.
_plans: dict[Any, tuple[_Plan, Any] | None] = {}


def on_gpu(*inputs: object) -> bool:
    """Whether these are numbers and a GPU's arrays, and formulas of them are made kernels."""
    found = False
    for x in inputs:
        if x.__class__ is ndarray or isinstance(x, Variable):
            return False
        found = found or is_on_gpu(x)
    return found and fused.can_fuse()


class _Plan(NamedTuple):
    """A kernel; which of the values are its arrays; and, of those arrays followed by the kernel's results, which are wanted."""

    kernel: fused.Plan
    given: list[int]
    wanted: list[int | _Constant]

    def compute(self, values: Sequence[Any]) -> list[Any]:
        """What is wanted, of values of the kinds that were noted."""
        arrays = [values[i] for i in self.given]
        arrays += self.kernel.run(arrays)
        return [arrays[x] if x.__class__ is int else x.value for x in self.wanted]  # type: ignore[union-attr]


class _Constant(NamedTuple):
    """Something wanted that is the same whenever values of these kinds are given."""

    value: Any


class _Note:
    """A formula noted with samples that stand for a GPU's arrays among some values."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.tape = Tape([], on_gpu=True)
        self.given: list[int] = []
        first: dict[int, Any] = {}
        self.samples = [self._sample(i, x, first) for i, x in enumerate(values)]

    def _sample(self, i: int, x: Any, first: dict[int, Any]) -> Any:
        if not is_on_gpu(x):
            return x
        if id(x) not in first:
            self.given.append(i)
            first[id(x)] = self.tape.sample(np.ones(2, x.dtype))
        return first[id(x)]

    def plan(self, wanted: Sequence[Any]) -> _Plan:
        """How to compute what these values of the formula stand for."""
        inputs, results = len(self.given), []
        places: list[int | _Constant] = []
        for value in wanted:
            number = self.tape.number(value)
            if number is None:
                if isinstance(value, ndarray) and value.size > 1:
                    raise NotPointwise("an array made inside")
                places.append(_Constant(value))
                continue
            if number >= inputs and number not in results:
                results.append(number)
            places.append(number if number < inputs else inputs + results.index(number))
        return _Plan(fused.plan(self.tape, range(inputs), results), self.given, places)


def forward_on_gpu(node: Function, forward: Callable[..., Any], inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """An op's result from one kernel, with what its gradient needs; step by step where its formula is no kernel."""

    def note() -> tuple[_Plan, Any]:
        noted, noting = _Note(inputs), _like(node)
        found = forward(noting, *noted.samples, **params)
        results = found if found.__class__ is tuple else (found,)
        if any(noted.tape.number(x) in (None, *range(len(noted.given))) for x in results):
            raise NotPointwise("a result that was not computed")
        is_tuple = found.__class__ is tuple
        parts = (len(results) if is_tuple else None, len(noting.saved), list(noting.__dict__))
        return noted.plan([*results, *noting.saved, *noting.__dict__.values()]), parts

    found = _computed(
        note, (node.__class__, "forward", *node.needs, *[(name, _kind(x, ())) for name, x in params.items()]), inputs
    )
    if found is None:
        return forward(node, *inputs, **params)
    values, (count, saved, names) = found
    first = 1 if count is None else count
    node.saved = tuple(values[first : first + saved])
    node.__dict__.update(zip(names, values[first + saved :], strict=True))
    return values[0] if count is None else tuple(values[:count])


def backward_on_gpu(node: Function, backward: Callable[..., Any], *grads: Array) -> Any:
    """The gradients of an op's inputs from one kernel; step by step where their formula is no kernel."""
    names, given = list(node.__dict__), (*grads, *node.saved, *node.__dict__.values())
    attributes = len(given) - len(names)

    def note() -> tuple[_Plan, Any]:
        noted, noting = _Note(given), _like(node)
        noting.saved = tuple(noted.samples[len(grads) : attributes])
        noting.__dict__.update(zip(names, noted.samples[attributes:], strict=True))
        found = backward(noting, *noted.samples[: len(grads)])
        is_tuple = found.__class__ is tuple
        return noted.plan(found if is_tuple else (found,)), is_tuple

    found = _computed(note, (node.__class__, "backward", *node.needs, len(grads), *names), given)
    if found is None:
        return backward(node, *grads)
    values, is_tuple = found
    return tuple(values) if is_tuple else values[0]


def _computed(note: Callable[[], tuple[_Plan, Any]], what: tuple[Any, ...], values: Sequence[Any]) -> Any:
    """What one kernel computes of these values, and what else the plan says; None where the formula is no kernel."""
    key: Any = (*what, *[_kind(x, values) for x in values])
    try:
        is_known = key in _plans
    except TypeError:  # a parameter that is no number
        key, is_known = None, False
    known: tuple[_Plan, Any] | None = None
    try:
        if is_known:
            known = _plans[key]
        else:
            with np.errstate(all="ignore"):
                known = note()
        found = None if known is None else (known[0].compute(values), known[1])
    except NotPointwise:  # in its steps, or because its text does not compile
        found = known = None
    if key is not None and (not is_known or known is None):
        if len(_plans) >= _MOST:
            _plans.clear()
        _plans[key] = known
    return found


def _kind(x: Any, values: Sequence[Any]) -> Any:
    """What a plan depends on of a value: an array's dtype, and whether it comes before; a number itself."""
    if is_on_gpu(x):
        return x.dtype, next(i for i, y in enumerate(values) if y is x)
    return fused.as_key(x)


def _like(node: Function) -> Function:
    other = object.__new__(type(node))
    other.needs, other.saved = node.needs, ()
    return other
