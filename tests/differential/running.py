"""Runs a program in both libraries, step by step, and says what differs first.

After each step every tensor is compared: values, dtype, shape, strides, whether it requires grad and is a leaf, its version, what
it shares memory with, its gradient. Where values agree within the rounding of their dtype, metagrad's are then overwritten
with PyTorch's: a last digit must not become a difference through floor() or a comparison some steps later.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.differential.program import Program, Step

TOLERANCE = {"float16": 4e-3, "float32": 2e-5, "complex64": 2e-5, "float64": 1e-10, "complex128": 1e-10}
KINDS = (
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,
    AssertionError,
)  # NotImplementedError is one


@dataclass
class Difference:
    """What differs, after which step."""

    step: Step
    what: str
    expected: Any
    found: Any

    @property
    def kind(self) -> str:
        """What differs, without names and numbers."""
        return self.what.split(" of ")[0]

    def __str__(self) -> str:
        return (
            f"after: {self.step}\n{self.what}: PyTorch {self.expected}\n{' ' * len(self.what)}  metagrad {self.found}"
        )


class Side:
    """A library and the variables of the program it runs."""

    def __init__(self, library: Any) -> None:
        self.names: dict[str, Any] = {"torch": library}
        self.library = library
        self.message = ""  # of the last error
        self.versions: dict[str, int] = {}  # of each tensor, when it was first seen

    def written(self, name: str, x: Any) -> int:
        """How often a tensor was written to since it was first seen: how often before is a matter of how it was computed."""
        return x._version - self.versions.setdefault(name, x._version)

    def run(self, step: Step) -> str | None:
        """Run a step; the kind of error it raised, "skipped" if a variable is missing, or None."""
        if any(name not in self.names for name in step.uses):
            return "skipped"
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                exec(str(step), self.names)
        except Exception as error:
            self.message = str(error)
            return next((kind.__name__ for kind in KINDS if isinstance(error, kind)), type(error).__name__)
        return None

    def tensors(self) -> dict[str, Any]:
        """The tensors, by the names of their variables."""
        return {name: x for name, x in self.names.items() if isinstance(x, self.library.Tensor)}


def first_difference(program: Program, torch: Any, metagrad: Any) -> Difference | None:
    """What differs first, or None."""
    left, right = Side(torch), Side(metagrad)
    for step in program.steps:
        kinds = left.run(step), right.run(step)
        if kinds[0] != kinds[1]:
            messages = [side.message if kind else "" for side, kind in zip((left, right), kinds, strict=True)]
            return Difference(step, f"error of {step.text.split('(')[0]}", *zip(kinds, messages, strict=True))
        if kinds[0] and "backward(" in step.text:  # PyTorch has given some leaves their gradients, and others none
            return None
        try:
            found = _compared(step, left, right)
        except RuntimeError:  # PyTorch refuses to speak of a view that its base has left behind
            return None
        if found is not None:
            return found
    return None


def _compared(step: Step, left: Side, right: Side) -> Difference | None:
    xs, ys = left.tensors(), right.tensors()
    coarsest = max((TOLERANCE.get(str(x.dtype).split(".")[-1], 0) for x in xs.values()), default=0)
    for name, x in xs.items():
        if name not in ys:
            return Difference(step, f"type of {name}", "a tensor", type(right.names.get(name)).__name__)
        facts = [*_facts(x, ys[name]), ("version", left.written(name, x), right.written(name, ys[name]))]
        for what, expected, found in facts:
            if expected != found:
                return Difference(step, f"{what} of {name}", expected, found)
        differing = _values(x, ys[name])
        if differing is not None:
            return Difference(step, f"values of {name}", *differing)
        if x.requires_grad or x.is_leaf:
            differing = _gradients(x, ys[name], coarsest)
            if differing is not None:
                return Difference(step, f"gradient of {name}", *differing)
    groups = _sharing(xs), _sharing(ys)
    return None if groups[0] == groups[1] else Difference(step, "shared memory of all", *groups)


def _facts(x: Any, y: Any) -> list[tuple[str, Any, Any]]:
    facts = [
        ("dtype", str(x.dtype).split(".")[-1], str(y.dtype).split(".")[-1]), ("shape", tuple(x.shape), tuple(y.shape)),
        ("requires_grad", x.requires_grad, y.requires_grad), ("is_leaf", x.is_leaf, y.is_leaf),
    ]  # fmt: skip
    if x.numel():
        facts += [("strides", _strides(x), _strides(y)), ("is_contiguous", x.is_contiguous(), y.is_contiguous())]
    return facts


def _strides(x: Any) -> tuple[int, ...]:
    """The strides of the dimensions in which there is a next element."""
    return tuple(s for n, s in zip(x.shape, x.stride(), strict=True) if n > 1)


def as_array(x: Any) -> Any:
    """A copy of a tensor's numbers."""
    return np.array(x.detach().resolve_conj().resolve_neg().cpu().numpy())


def _values(x: Any, y: Any, tolerance: float = 0.0) -> tuple[Any, Any] | None:
    expected, found = as_array(x), as_array(y)
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return (expected.dtype, expected.shape), (found.dtype, found.shape)
    if np.array_equal(expected, found):
        return None
    tolerance = max(tolerance, TOLERANCE.get(str(expected.dtype), 0))
    if not np.allclose(expected, found, tolerance, tolerance, equal_nan=True):
        return expected.tolist(), found.tolist()
    if y.array.flags.writeable:
        y.array[...] = expected
    return None


def _gradients(x: Any, y: Any, coarsest: float) -> tuple[Any, Any] | None:
    """A gradient may have come through a coarser dtype than its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        g, h = x.grad, y.grad
    if g is None or h is None:
        return None if g is None and h is None else (g if g is None else "a gradient", h if h is None else "a gradient")
    for what, expected, found in _facts(g, h):
        if expected != found:
            return f"{what} {expected}", f"{what} {found}"
    return _values(g, h, coarsest)


def _sharing(tensors: dict[str, Any]) -> list[tuple[str, ...]]:
    """Which tensors lie in the same memory."""
    places: dict[int, list[str]] = {}
    for name, x in tensors.items():
        if x.numel():
            places.setdefault(x.untyped_storage().data_ptr(), []).append(name)
    return sorted(tuple(group) for group in places.values() if len(group) > 1)
