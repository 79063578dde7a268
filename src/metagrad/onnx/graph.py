"""Building the file: nodes, constants, and integers that are computed from the inputs' extents."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from metagrad.onnx.errors import ExportError
from metagrad.onnx.internals import need
from metagrad.onnx.merging import Extent, Handle, Step, Varying, settled

MAX_INT = np.iinfo(np.int64).max


class Graph:
    """Nodes in order, and what they refer to. ``op`` adds a node and gives its result's name."""

    def __init__(self, opset: int) -> None:
        self.onnx: Any = need("onnx", "onnx")
        self.opset = opset
        self.nodes: list[Any] = []
        self.initializers: dict[str, np.ndarray[Any, Any]] = {}
        self.domains: dict[str, int] = {}
        self._constants: dict[Any, str] = {}
        self._extents: dict[tuple[int, ...], str] = {}
        self._sources: dict[tuple[int, ...], tuple[str, int]] = {}  # where an extent can be read off
        self._names = itertools.count()
        self.taken: set[str] = set()
        self.step: Step | None = None
        self.caches: dict[Any, Any] = {}

    # ------------------------------------------------ nodes

    def fresh(self, hint: str) -> str:
        """A name that nothing has yet."""
        while True:
            name = f"{hint}_{next(self._names)}"
            if name not in self.taken:
                self.taken.add(name)
                return name

    def op(self, kind: str, *inputs: Any, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        """A node; inputs are names, handles, arrays, or None for one left out. Gives the name of its result, or several."""
        names = ["" if x is None else self.name(x) for x in inputs]
        while names and not names[-1]:
            names.pop()
        results = [self.fresh(kind) for _ in range(outputs)]
        settings = {k: v for k, v in attributes.items() if v is not None}
        self.nodes.append(self.onnx.helper.make_node(kind, names, results, domain=domain or None, **settings))
        if domain:
            self.domains.setdefault(domain, 1)
        return results[0] if outputs == 1 else results

    def name(self, x: Any) -> str:
        """The name of what may be an input of a node."""
        if isinstance(x, str):
            return x
        if isinstance(x, Handle):
            if not x.name:
                raise AssertionError("a value is used before it is made")
            return x.name
        if isinstance(x, np.ndarray):
            return self.constant(x)
        if isinstance(x, Varying):
            return self.varying(x)
        raise self.refusal(f"{type(x).__name__} {x!r:.60} cannot stand in a graph")

    def constant(self, array: Any, dtype: Any = None) -> str:
        """The name of an array's initializer, the same for equal arrays."""
        array = np.asarray(array, dtype)
        if array.dtype.kind == "c":
            raise self.refusal("complex numbers: ONNX's operators do not take them")
        key: Any = (array.dtype.str, array.shape, array.tobytes()) if array.size <= 64 else id(array)
        if key not in self._constants:
            name = self.fresh("constant")
            self.initializers[name] = array
            self._constants[key] = name
        return self._constants[key]

    def refusal(self, why: str) -> ExportError:
        """The error that says why an op cannot be written, with its line."""
        step = self.step
        if step is None:
            return ExportError(why)
        return ExportError(f"{step.line}: {step.name} cannot be exported: {why}")

    # ------------------------------------------------ arguments as tensors

    def dtype_of(self, x: Any) -> Any:
        """The dtype of an argument; Python numbers have none of their own."""
        if isinstance(x, (Handle, np.ndarray, np.generic)):
            return x.dtype
        if isinstance(x, Varying):
            return x.values[0].dtype if not x.scalar else x.values[0].dtype.type(0).item()
        return 0 if isinstance(x, Extent) else x

    def tensor(self, x: Any, dtype: Any = None) -> str:
        """An argument of a NumPy call as a tensor, in a dtype if one is given."""
        dtype = None if dtype is None else np.dtype(dtype)
        if isinstance(x, str):
            return x
        if isinstance(x, Handle):
            return self.name(x) if dtype is None or x.dtype == dtype else self.cast(x, dtype)
        if isinstance(x, Extent):
            return self.cast(self.op("Squeeze", self.extent(x)), dtype or np.dtype(np.int64), np.dtype(np.int64))
        if isinstance(x, Varying):
            return self.varying(x, dtype)
        if isinstance(x, (tuple, list)) and any(isinstance(v, (Handle, Extent, Varying)) for v in x):
            kind = dtype or np.result_type(*[self.dtype_of(v) for v in x])
            parts = [self.op("Unsqueeze", self.tensor(v, kind), self.ints([0])) for v in x]
            return str(self.op("Concat", *parts, axis=0))
        return self.constant(np.asarray(x, dtype))

    def cast(self, x: Any, dtype: Any, given: Any = None) -> str:
        """x in another dtype. ONNX's Cast is NumPy's but for bool from floats, which is made by a comparison."""
        dtype = np.dtype(dtype)
        given = x.dtype if isinstance(x, Handle) else given
        if given is not None and given == dtype:
            return self.name(x)
        return str(self.op("Cast", x, to=self.elem_type(dtype)))

    def elem_type(self, dtype: Any) -> int:
        """ONNX's number for a dtype."""
        dtype = np.dtype(dtype)
        if dtype.kind not in "fiub":
            raise self.refusal(f"dtype {dtype}: ONNX's operators do not take it")
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(dtype))

    def shape_of(self, x: Any) -> tuple[Any, ...]:
        """The shape of an argument."""
        if isinstance(x, (Handle, Varying)):
            return x.shape or ()
        return () if isinstance(x, Extent) else np.shape(x)

    # ------------------------------------------------ integers

    def ints(self, values: Sequence[Any]) -> str:
        """A vector of integers, some of which may be symbolic."""
        values = list(values)
        if not any(isinstance(v, (Extent, Handle)) for v in values):
            return self.constant(np.array([int(v) for v in values], np.int64))
        parts: list[str] = []
        fixed: list[int] = []
        for v in [*values, None]:
            if isinstance(v, (Extent, Handle)) or v is None:
                if fixed:
                    parts.append(self.constant(np.array(fixed, np.int64)))
                    fixed = []
                if isinstance(v, Extent):
                    parts.append(self.extent(v))
                elif isinstance(v, Handle):
                    parts.append(self.op("Reshape", self.tensor(v, np.int64), self.ints([1])))
            else:
                fixed.append(int(v))
        return parts[0] if len(parts) == 1 else str(self.op("Concat", *parts, axis=0))

    def learn(self, handle: Handle) -> None:
        """Remember where the extents of a value can be read."""
        for axis, n in enumerate(handle.shape):
            if isinstance(n, Extent):
                self._sources.setdefault(n.values, (handle.name, axis))

    def extent(self, n: Any) -> str:
        """An integer as a vector of one element: read off a value's shape, or computed from what can be."""
        if not isinstance(n, Extent):
            return self.constant(np.array([n], np.int64))
        if n.values not in self._extents:
            self._extents[n.values] = self._made(n)
        return self._extents[n.values]

    def _made(self, n: Extent) -> str:
        source = self._sources.get(n.values)
        if source is not None:
            return str(self.op("Shape", source[0], start=source[1], end=source[1] + 1))
        for kind, parts in self._ways(n):
            return str(self.op(kind, *[self.extent(p) for p in parts]))
        for kind, parts in self._longer_ways(n):
            return str(self.op(kind, *[self.extent(p) for p in parts]))
        raise self.refusal(
            f"an integer that is {' and '.join(map(str, n.values))} in runs of different extents does not follow from the "
            "shapes of its inputs: a shape or a value became a Python number"
        )

    def _ways(self, n: Extent) -> Any:
        """How it can be computed of one known extent and a number, or of two known extents."""
        known = [Extent(v) for v in self._sources]
        for a in known:
            times = n.values[0] / a.values[0] if a.values[0] else 0
            if times and times == int(times) and a * int(times) == n:
                yield "Mul", (a, int(times))
            parts = a.values[0] // n.values[0] if n.values[0] else 0
            for divisor in (parts, parts + 1):
                if divisor > 1 and a // divisor == n:
                    yield "Div", (a, divisor)
                if divisor > 1 and (a + (divisor - 1)) // divisor == n:
                    yield "Div", (a + (divisor - 1), divisor)
        for a, b in itertools.combinations_with_replacement(known, 2):
            if a * b == n:
                yield "Mul", (a, b)
        for a in known:
            plus = n - a
            if isinstance(plus, int):
                yield "Add", (a, plus)
            if isinstance(n + a, int):
                yield "Sub", (n + a, a)
        for a, b in itertools.combinations_with_replacement(known, 2):
            if a + b == n:
                yield "Add", (a, b)
            if a - b == n:
                yield "Sub", (a, b)
            if b - a == n:
                yield "Sub", (b, a)

    def _longer_ways(self, n: Extent) -> Any:
        known = [Extent(v) for v in self._sources]
        for a in known:
            for b in known:
                if all(v and m % v == 0 for v, m in zip(b.values, n.values, strict=True)):
                    rest = settled([m // v for v, m in zip(b.values, n.values, strict=True)])
                    if rest == a or isinstance(rest, int) or rest.values in self._sources:
                        yield "Mul", (b, rest)
                    for kind, _ in self._ways(rest) if isinstance(rest, Extent) else ():
                        yield "Mul", (b, rest)
                        del kind
                        break
        for a in known:
            for factor in range(2, 9):
                plus = n - a * factor
                if isinstance(plus, int):
                    yield "Add", (a * factor, plus)

    def static(self, x: Any, what: str) -> Any:
        """x, which must not be symbolic."""
        from metagrad.onnx.values import leaves

        if any(isinstance(leaf, (Extent, Varying, Handle)) for leaf in leaves(x)):
            raise self.refusal(
                f"{what} must be the same in all runs, and is not: leave that dimension out of dynamic_axes"
            )
        return x

    # ------------------------------------------------ constants that depend on the extents

    def varying(self, x: Varying, dtype: Any = None) -> str:
        """A constant that differs between runs, where it is a known function of the extents."""
        from metagrad.onnx import patterns

        made = patterns.recognized(self, x)
        if made is None:
            raise self.refusal(
                "a constant differs between runs with other inputs: a shape or a value became a Python number (or an array) "
                "here, or before. What follows from tensors must be computed with tensors"
            )
        return made if dtype is None or np.dtype(dtype) == x.dtype else self.cast(made, dtype, x.dtype)

    # ------------------------------------------------ frequent combinations

    def reshape(self, x: Any, shape: Sequence[Any]) -> str:
        """x in another shape; one symbolic extent is left to be worked out."""
        shape = list(shape)
        free = [i for i, n in enumerate(shape) if isinstance(n, Extent)]
        if len(free) == 1 and 0 not in shape:
            shape[free[0]] = -1
        return str(self.op("Reshape", x, self.ints(shape), allowzero=1 if 0 in shape else None))

    def expand(self, x: Any, shape: Sequence[Any]) -> str:
        """x repeated to a shape."""
        return str(self.op("Expand", x, self.ints(shape)))

    def slice(
        self,
        x: Any,
        starts: Sequence[Any],
        ends: Sequence[Any],
        axes: Sequence[int],
        steps: Sequence[int] | None = None,
    ) -> str:
        """Part of x along some axes."""
        more = [] if steps is None or all(s == 1 for s in steps) else [self.ints(steps)]
        return str(self.op("Slice", x, self.ints(starts), self.ints(ends), self.ints(axes), *more))

    def range(self, n: Any, dtype: Any = np.int64) -> str:
        """0, 1, … below n."""
        if not isinstance(n, (Extent, str)):
            return self.constant(np.arange(n, dtype=dtype))
        end = self.op("Squeeze", n if isinstance(n, str) else self.extent(n))
        found = self.op("Range", np.array(0, np.int64), end, np.array(1, np.int64))
        return self.cast(found, dtype, np.dtype(np.int64))

    def reduce(self, kind: str, x: Any, axes: Sequence[int] | None, keepdims: bool) -> str:
        """A reduction over axes, or over all of them."""
        return str(self.op(kind, x, None if axes is None else self.ints(axes), keepdims=int(keepdims)))

    def scalar(self, value: Any, dtype: Any) -> str:
        """A number as a 0-d tensor."""
        return self.constant(np.asarray(value, dtype))
