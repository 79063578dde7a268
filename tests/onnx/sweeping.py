"""The op table, exported: what happens to each call of each row. ``python -m tests.onnx.sweeping`` prints it."""

import sys
from collections import Counter

import numpy as np
from tests.onnx.running import arrays_of, assert_same
from tests.ops.rows import Made, find, flat
from tests.ops.table import ROWS, WRITES

import metagrad
from metagrad.autograd.variable import Variable, wrap
from metagrad.onnx.dimensions import given_sizes, other_sizes, resized

WRITTEN = {name for row in WRITES for name in row.names}


def in_place(name):
    return lambda x, *args, **kwargs: getattr(x.clone(), name)(*args, **kwargs)


def dtype_of(row):
    return "float32" if "float32" in row.dtypes or "float64" in row.dtypes else row.dtypes[0]


class Call:
    """One call of a row as a function of its tensors."""

    def __init__(self, row, call):
        self.function = in_place(row.name) if row.name in WRITTEN else find(metagrad, row.name)
        self.made = Made(metagrad, call, dtype_of(row), grad=False)
        self.tensors = []
        self.args, self.kwargs = self._marked(self.made.arguments())

    def _marked(self, value):
        if isinstance(value, Variable):
            self.tensors.append(value)
            return len(self.tensors) - 1, Call
        if isinstance(value, (tuple, list)):
            return type(value)(self._marked(v) for v in value)
        return {k: self._marked(v) for k, v in value.items()} if isinstance(value, dict) else value

    def __call__(self, *tensors):
        def filled(value):
            if isinstance(value, tuple) and len(value) == 2 and value[1] is Call:
                return tensors[value[0]]
            if isinstance(value, (tuple, list)):
                return type(value)(filled(v) for v in value)
            return {k: filled(v) for k, v in value.items()} if isinstance(value, dict) else value

        found = self.function(*filled(self.args), **filled(self.kwargs))
        return [v for v in flat(found) if isinstance(v, Variable)]


def axes_of(tensors, extents):
    """Free axes: those of these extents, equal ones of one name."""
    found = {}
    for i, t in enumerate(tensors):
        found[f"input_{i}"] = {a: f"n{n}" for a, n in enumerate(t.shape) if n in extents}
    return found


def attempt(call, free):
    """Export with these free axes, and compare at the traced extents and at others; the error, or None."""
    try:
        proto = metagrad.onnx.export(call, tuple(call.tensors), dynamic_axes=free)
        assert_same(proto, call, *call.tensors)
        if any(free.values()):
            arrays = [t.numpy() for t in call.tensors]
            shapes = {f"input_{i}": a.shape for i, a in enumerate(arrays)}
            given = given_sizes(free, shapes)
            new = other_sizes(given, dict.fromkeys(given, "larger"), 2)
            others = [wrap(resized(a, free[f"input_{i}"], new, 0)) for i, a in enumerate(arrays)]
            assert_same(proto, call, *others)
    except Exception as error:
        return error
    return None


def outcome(row, call):
    """("free" | "fixed" | "no tensors" | "failed", the reason). All extents free if it can be, else each by itself, else none."""
    made = Call(row, call)
    if not made.tensors or not arrays_of(made(*made.tensors)):
        return "no tensors", ""
    if any(not t.numel() for t in made.tensors):
        return "no tensors", "empty"
    extents = sorted({n for t in made.tensors for n in t.shape if n > 0})
    for some in [extents] if len(extents) < 2 else [extents, *[[n] for n in extents]]:
        if some and attempt(made, axes_of(made.tensors, some)) is None:
            return "free", ""
    error = attempt(made, {f"input_{i}": {} for i in range(len(made.tensors))})
    return ("fixed", "") if error is None else ("failed", f"{type(error).__name__}: {error}")


def main():
    only = set(sys.argv[1:])
    tally = Counter()
    for row in [*ROWS, *WRITES]:
        if only and row.name not in only:
            continue
        if not np.issubdtype(np.dtype(dtype_of(row)), np.complexfloating):
            for i, call in enumerate(row.calls):
                try:
                    kind, why = outcome(row, call)
                except Exception as error:
                    kind, why = "failed", f"outside: {type(error).__name__}: {error}"
                tally[kind] += 1
                if kind in ("failed", "fixed"):
                    print(kind, row.name, i, " ".join(why.split())[:300], flush=True)
    print(tally)


if __name__ == "__main__":
    main()
