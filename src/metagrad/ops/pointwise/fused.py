"""Pointwise ops of a GPU's arrays: forward, and backward, as one kernel each (``kernels/fused.py``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable
from metagrad.base.typing import Array
from metagrad.kernels import fused
from metagrad.kernels.fusion import NotPointwise, Tape
from metagrad.kernels.libraries import is_on_gpu

_stepwise: set[tuple[Any, ...]] = set()  # formulas that are no kernel, by op, direction and dtypes


def on_gpu(*inputs: object) -> bool:
    """Whether these are numbers and a GPU's arrays, and formulas of them are made kernels."""
    found = False
    for x in inputs:
        if x.__class__ is ndarray or isinstance(x, Variable):
            return False
        found = found or is_on_gpu(x)
    return found and fused.can_fuse()


class _Note:
    """A formula noted with samples that stand for a GPU's arrays."""

    def __init__(self) -> None:
        self.tape = Tape([], on_gpu=True)
        self.wanted: list[int] = []
        self._samples: dict[int, Array] = {}
        self.given: dict[int, Array] = {}

    def sample(self, x: Any) -> Any:
        """What stands for x."""
        if not is_on_gpu(x):
            return x
        if id(x) not in self._samples:
            self.given[len(self.tape.values)] = x
            self._samples[id(x)] = self.tape.sample(np.ones(2, x.dtype))
        return self._samples[id(x)]

    def want(self, value: Any) -> Callable[[dict[int, Array]], Any]:
        """How to find what a value of the formula stands for, when all that is wanted is computed."""
        number = self.tape.number(value)
        if number is None:
            if isinstance(value, ndarray) and value.size > 1:
                raise NotPointwise("an array made inside")
            return lambda _: value
        if number not in self.given and number not in self.wanted:
            self.wanted.append(number)
        return lambda found: found[number]

    def compute(self) -> dict[int, Array]:
        """What was wanted, and the inputs, by number."""
        found = fused.compute(self.tape, self.given, self.wanted)
        return {**self.given, **dict(zip(self.wanted, found, strict=True))}


def forward_on_gpu(node: Function, forward: Callable[..., Any], inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """An op's result from one kernel, with what its gradient needs; step by step where its formula is no kernel."""

    def fuse() -> Any:
        note, noting = _Note(), _like(node)
        found = forward(noting, *[note.sample(x) for x in inputs], **params)
        results = found if found.__class__ is tuple else (found,)
        if any(note.tape.number(x) in (None, *note.given) for x in results):
            raise NotPointwise("a result that was not computed")
        wanted, saved = [note.want(x) for x in results], [note.want(x) for x in noting.saved]
        kept = {name: note.want(x) for name, x in noting.__dict__.items()}
        values = note.compute()
        node.saved = tuple([of(values) for of in saved])
        node.__dict__.update({name: of(values) for name, of in kept.items()})
        made = tuple([of(values) for of in wanted])
        return made if found.__class__ is tuple else made[0]

    return _fused_or(fuse, (type(node), "forward"), inputs, lambda: forward(node, *inputs, **params))


def backward_on_gpu(node: Function, backward: Callable[..., Any], *grads: Array) -> Any:
    """The gradients of an op's inputs from one kernel; step by step where their formula is no kernel."""

    def fuse() -> Any:
        note, noting = _Note(), _like(node)
        noting.saved = tuple([note.sample(x) for x in node.saved])
        noting.__dict__.update({name: note.sample(x) for name, x in node.__dict__.items()})
        found = backward(noting, *[note.sample(grad) for grad in grads])
        wanted = [note.want(x) for x in (found if found.__class__ is tuple else (found,))]
        values = note.compute()
        results = tuple([of(values) for of in wanted])
        return results if found.__class__ is tuple else results[0]

    return _fused_or(fuse, (type(node), "backward"), (*grads, *node.saved), lambda: backward(node, *grads))


def _fused_or(
    fuse: Callable[[], Any], what: tuple[Any, ...], arrays: Sequence[Any], otherwise: Callable[[], Any]
) -> Any:
    """One kernel's answer, or the other way's, also in future, where the formula is none."""
    key = (*what, *[getattr(x, "dtype", None) for x in arrays])
    if key not in _stepwise:
        try:
            with np.errstate(all="ignore"):
                return fuse()
        except NotPointwise:
            _stepwise.add(key)
    return otherwise()


def _like(node: Function) -> Function:
    other = object.__new__(type(node))
    other.needs, other.saved = node.needs, ()
    return other
