"""Several runs of a model laid over each other: what is the same in all of them is a constant, what differs is symbolic.

The runs' inputs differ in the extents that are to be free, and in their values. An ``Extent`` is an integer that differed, a
``Varying`` an array or a number that did. Where the runs did different things, or compared a number with another, the model
cannot be written down for all extents, and the line is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.onnx.errors import ExportError
from metagrad.onnx.values import SELF, Node, Value, leaves, mapped


class Extent:
    """An integer that is not the same in all runs, such as an extent; arithmetic goes run by run."""

    __slots__ = ("values",)

    def __init__(self, values: Sequence[int]) -> None:
        self.values = tuple(values)

    def __repr__(self) -> str:
        return f"Extent{self.values}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Extent) and self.values == other.values

    def __hash__(self) -> int:
        return hash(self.values)

    def _with(self, other: Any, compute: Callable[[int, int], int]) -> Any:
        others = other.values if isinstance(other, Extent) else [int(other)] * len(self.values)
        return settled([compute(a, b) for a, b in zip(self.values, others, strict=True)])

    def __add__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a + b)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a // b)

    def __neg__(self) -> Any:
        return settled([-a for a in self.values])


def settled(values: Sequence[int]) -> Any:
    """An int if all are equal, else an ``Extent``."""
    return int(values[0]) if all(v == values[0] for v in values) else Extent([int(v) for v in values])


class Varying:
    """A constant of the model that is not the same in all runs."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = [np.asarray(v) for v in values]
        self.scalar = not any(isinstance(v, np.ndarray) for v in values)
        shapes = [v.shape for v in self.values]
        self.shape = (
            tuple(settled(n) for n in zip(*shapes, strict=True)) if len({len(s) for s in shapes}) == 1 else None
        )
        self.dtype = self.values[0].dtype


class Handle:
    """A value of all runs: its shape, in which extents may be symbolic, its dtype, and its name in the file."""

    __slots__ = ("dtype", "name", "producer", "shape", "stale")

    def __init__(self, shape: tuple[Any, ...], dtype: Any, name: str = "", producer: Any = None) -> None:
        self.shape, self.dtype, self.name, self.producer = shape, np.dtype(dtype), name, producer

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)


class Step:
    """A node of all runs."""

    __slots__ = ("args", "kwargs", "line", "op", "outputs")

    def __init__(self, op: Any, args: Any, kwargs: dict[str, Any], line: str) -> None:
        self.op, self.args, self.kwargs, self.line = op, args, kwargs, line
        self.outputs: list[Handle] = []

    @property
    def name(self) -> str:
        """The op's name."""
        return self.op if isinstance(self.op, str) else self.op.__name__


ALIASES = {"copy", "ascontiguousarray", "identity", "positive"}  # of these, and of Clone, the result is the input


def itself(value: Any) -> Any:
    """The value that one is another name for: whether memory had to be copied is no part of the model."""
    while isinstance(value, Value) and value.node is not None:
        op = value.node.op
        if not (
            op in ALIASES if isinstance(op, str) else op.__name__ == "Clone" and op.__module__.startswith("metagrad.")
        ):
            break
        source = value.node.args[0]
        if not isinstance(source, Value) or (source.shape, source.dtype) != (value.shape, value.dtype):
            break
        value = source
    return value


def live(outputs: Sequence[Value]) -> list[Node]:
    """The nodes that the outputs depend on, in the order they were noted."""
    found: dict[int, Node] = {}
    stack = [v.node for v in map(itself, outputs) if v.node is not None]
    while stack:
        node = stack.pop()
        if id(node) in found:
            continue
        found[id(node)] = node
        for leaf in leaves((node.args, list(node.kwargs.values()))):
            leaf = itself(leaf)
            if isinstance(leaf, Value) and leaf.node is not None and id(leaf.node) not in found:
                stack.append(leaf.node)
    return sorted(found.values(), key=_order(found.values()))


def _order(nodes: Any) -> Callable[[Node], Any]:
    return lambda node: node.number


class Merger:
    """Lays runs over each other."""

    def __init__(self) -> None:
        self.handles: list[dict[int, Handle]] = []
        self.kept: list[Value] = []  # so that no id is given again

    def handle(self, values: Sequence[Value], name: str = "", producer: Any = None) -> Handle:
        """The handle of a value in all runs."""
        shapes = [v.shape for v in values]
        if len({len(s) for s in shapes}) != 1 or len({v.dtype for v in values}) != 1:
            raise ExportError(f"a tensor has {[len(s) for s in shapes]} dimensions in runs of different extents")
        merged = Handle(tuple(settled(n) for n in zip(*shapes, strict=True)), values[0].dtype, name, producer)
        while len(self.handles) < len(values):
            self.handles.append({})
        for known, value in zip(self.handles, values, strict=True):
            known[id(value)] = merged
            self.kept.append(value)
        return merged

    def steps(self, runs: Sequence[list[Node]]) -> list[Step]:
        """The nodes of all runs as steps."""
        for together in zip(*runs, strict=False):
            if any(node.op != together[0].op for node in together):
                raise ExportError(_diverged(together))
        if len({len(run) for run in runs}) != 1:
            longest = max(runs, key=len)
            extra = longest[min(len(run) for run in runs)]
            raise ExportError(_diverged([extra]))
        found = []
        for together in zip(*runs, strict=True):
            first = together[0]
            step = Step(first.op, None, {}, first.line)
            step.args = self.merge([n.args for n in together], step)
            step.kwargs = self.merge([n.kwargs for n in together], step)
            step.outputs = [self.handle(v, producer=step) for v in zip(*[n.outputs for n in together], strict=True)]
            found.append(step)
        return found

    def merge(self, trees: Sequence[Any], step: Step) -> Any:
        """One tree of the same tree in all runs."""
        first = trees[0]
        if any(type(t) is not type(first) for t in trees):
            if all(isinstance(t, (int, np.integer)) and not isinstance(t, bool) for t in trees):
                return settled([int(t) for t in trees])
            raise ExportError(
                f"{step.line}: an argument of {step.name} is of another type in another run: {[type(t).__name__ for t in trees]}"
            )
        if isinstance(first, (tuple, list)):
            if any(len(t) != len(first) for t in trees):
                if all(isinstance(leaf, (int, float, np.number)) for t in trees for leaf in leaves(t)):
                    return Varying([np.asarray(t) for t in trees])
                raise ExportError(_diverged_at(step))
            parts = [self.merge(part, step) for part in zip(*trees, strict=True)]
            return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
        if isinstance(first, dict):
            return {key: self.merge([t[key] for t in trees], step) for key in first}
        if isinstance(first, slice):
            return slice(*[self.merge([getattr(t, part) for t in trees], step) for part in ("start", "stop", "step")])
        return self._leaf(trees, step)

    def _leaf(self, found: Sequence[Any], step: Step) -> Any:
        first = found[0]
        if isinstance(first, Value):
            found = [itself(v) for v in found]
            handles = [known.get(id(v)) for known, v in zip(self.handles, found, strict=True)]
            if handles[0] is None or any(h is not handles[0] for h in handles):
                raise ExportError(_diverged_at(step))
            return handles[0]
        if isinstance(first, (int, np.integer)) and not isinstance(first, bool):
            return first if all(v == first for v in found) else settled([int(v) for v in found])
        if isinstance(first, (float, complex, bool, np.generic)):
            return first if all(v == first or v != v and first != first for v in found) else Varying(found)
        if isinstance(first, np.ndarray):
            same = all(
                v.shape == first.shape and np.array_equal(v, first, equal_nan=v.dtype.kind in "fc") for v in found
            )
            return first if same else Varying(found)
        if first is SELF or all(v is first for v in found):
            return first
        if not _equal(found):
            raise ExportError(_diverged_at(step))
        return first


def _equal(found: Sequence[Any]) -> bool:
    try:
        return all(bool(v == found[0]) for v in found)
    except Exception:
        return False


def _diverged_at(step: Step) -> str:
    return (
        f"{step.line}: {step.name} gets something else when the extents differ: a shape became a Python number there, or before. "
        "Leave that dimension out of dynamic_axes, or write the model so that the same ops run whatever the extent"
    )


def _diverged(nodes: Sequence[Node]) -> str:
    names = " or ".join(sorted({n.op if isinstance(n.op, str) else n.op.__name__ for n in nodes}))
    return (
        f"{nodes[0].line}: the model does something else ({names}) when the extents or values of its inputs differ: a shape or a "
        "value became a Python number, and the program went by it (a loop, an if). Leave that dimension out of dynamic_axes, or "
        "write the model so that the same ops run"
    )


__all__ = ["Extent", "Handle", "Merger", "Step", "Varying", "live", "mapped", "settled"]
