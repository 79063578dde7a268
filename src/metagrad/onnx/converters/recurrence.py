"""Packing, and recurrent layers.

A packed sequence is what its names say also in the file: ``pack`` gathers the rows (Σ lengths, *) that lie within their
sequences from the padded batch, ``unpack`` scatters them, and an op in between sees rows. Only where a recurrent layer reads
what was just packed, or a padded batch is made of what it gave, is the padded tensor taken as it is: the operator has
an input for the lengths.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from metagrad.onnx.converters.registry import COMPOSITES
from metagrad.onnx.merging import Handle

# Which of metagrad's gates stands at each place of ONNX's: input, output, forget, cell; update, reset, hidden.
GATES = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN_TANH": [0], "RNN_RELU": [0]}


class Packing:
    """The lengths of a packed batch, and what is computed from them, each once."""

    def __init__(self, g: Any, lengths: Any, ordered: bool) -> None:
        self.g, self.ordered = g, ordered
        self.lengths = g.tensor(lengths, np.int64)
        self.order = self.inverse = ""
        self.sorted = self.lengths
        if not ordered:
            count = g.op("Shape", self.lengths)
            self.sorted, self.order = g.op("TopK", self.lengths, count, outputs=2, axis=0, largest=1, sorted=1)
            _, self.inverse = g.op("TopK", self.order, count, outputs=2, axis=0, largest=0, sorted=1)
        self.longest = g.reduce("ReduceMax", self.lengths, [0], True)
        self.padded: dict[
            str, str
        ] = {}  # name of the rows: the padded tensor (T, B, *) they were gathered from, in the given order

    def mask(self, lengths: str) -> str:
        """Which of (T, B) lie within their sequences, T the longest."""
        g = self.g
        steps = g.op("Unsqueeze", g.range(self.longest), g.ints([1]))
        return str(g.op("Less", steps, g.op("Unsqueeze", lengths, g.ints([0]))))

    @functools.cached_property
    def places(self) -> str:
        """Time and sequence of each row, (N, 2)."""
        return str(self.g.op("Transpose", self.g.op("NonZero", self.mask(self.sorted)), perm=[1, 0]))

    def rows(self, padded: str) -> str:
        """The rows of a padded tensor (T, B, *) in the given order."""
        g = self.g
        source = padded if self.ordered else g.op("Gather", padded, self.order, axis=1)
        found = str(g.op("GatherND", source, self.places))
        self.padded[found] = padded
        return found

    def filled(self, rows: str, features: Any, kind: Any, value: float = 0.0) -> str:
        """The padded tensor (T, B, *), in the given order, of rows."""
        g = self.g
        shape = g.op(
            "Concat", self.longest, g.op("Shape", self.lengths), *([g.ints(features)] if features else []), axis=0
        )
        found = g.op("ScatterND", g.op("Expand", g.scalar(value, kind), shape), self.places, rows)
        return str(found if self.ordered else g.op("Gather", found, self.inverse, axis=1))


def packing(g: Any, lengths: Any, ordered: bool) -> Packing:
    """The packing by these lengths: the same object for the same lengths."""
    key = ("packing", lengths.name if isinstance(lengths, Handle) else np.asarray(lengths).tobytes(), ordered)
    if key not in g.caches:
        g.caches[key] = Packing(g, lengths, ordered)
    return g.caches[key]


def _time_first(g: Any, name: str, rank: int, batch_first: bool) -> str:
    return str(g.op("Transpose", name, perm=[1, 0, *range(2, rank)])) if batch_first else name


def pack(g: Any, step: Any, x: Any, batch_first: bool, lengths: Any, ordered: bool) -> Any:
    return packing(g, lengths, ordered).rows(_time_first(g, g.tensor(x), len(x.shape), batch_first))


def unpack(
    g: Any, step: Any, rows: Any, lengths: Any, ordered: bool, batch_first: bool = False, padding_value: float = 0.0,
    total_length: Any = None,
) -> Any:  # fmt: skip
    how, kind, features = packing(g, lengths, ordered), rows.dtype, list(rows.shape[1:])
    name = g.tensor(rows)
    padded = how.filled(name, features, kind, padding_value)
    rank = 2 + len(features)
    if total_length is not None:
        missing = g.op("Sub", g.ints([total_length]), how.longest)
        pads = g.op("Concat", g.ints([0] * rank), missing, g.ints([0] * (rank - 1)), axis=0)
        padded = g.op("Pad", padded, pads, g.scalar(padding_value, kind))
    return _time_first(g, padded, rank, batch_first)


def _in_order(g: Any, name: str, gates: list[int]) -> str:
    """The rows of a weight with its gates in ONNX's order, under a new dimension for the direction."""
    if len(gates) > 1:
        parts = g.op("Split", name, outputs=len(gates), axis=0, num_outputs=len(gates))
        name = g.op("Concat", *[parts[i] for i in gates], axis=0)
    return str(g.op("Unsqueeze", name, g.ints([0])))


def _joined(g: Any, parts: list[str], axis: int = 0) -> str:
    return parts[0] if len(parts) == 1 else str(g.op("Concat", *parts, axis=axis))


def recurrent(
    g: Any, step: Any, x: Any, given: Any, mode: str, num_layers: int, bidirectional: bool, batch_first: bool, hidden_size: int,
    lengths: Any, ordered: bool, packed: bool, weights: Any, bias: bool, proj_size: int,
) -> Any:  # fmt: skip
    """A stack of layers: an operator for each."""
    directions = 2 if bidirectional else 1
    how = packing(g, lengths, ordered) if packed else None
    name, kind = g.tensor(x), x.dtype
    single = not packed and len(x.shape) == 2
    if how is not None:
        name = how.padded.get(name) or how.filled(name, list(x.shape[1:]), kind)
    elif single:
        name = g.op("Unsqueeze", name, g.ints([1]))
    else:
        name = _time_first(g, name, 3, batch_first)
    states = [] if given is None else [g.tensor(s) for s in given]
    if single:
        states = [g.op("Unsqueeze", s, g.ints([1])) for s in states]
    settings: dict[str, Any] = {
        "hidden_size": hidden_size, "direction": "bidirectional" if bidirectional else "forward",
        "linear_before_reset": 1 if mode == "GRU" else None, "activations": ["Relu"] * directions if mode == "RNN_RELU" else None,
    }  # fmt: skip
    count = 2 if mode == "LSTM" else 1
    lengths32 = None if how is None else g.cast(how.lengths, np.int32, np.dtype(np.int64))
    finals: list[list[str]] = [[] for _ in range(count)]
    for layer in range(num_layers):
        own = weights[layer * directions : (layer + 1) * directions]
        w, r = (_joined(g, [_in_order(g, g.tensor(d[i]), GATES[mode]) for d in own]) for i in (0, 1))
        b = None
        if bias:
            both = [[_in_order(g, g.tensor(d[i]), GATES[mode]) for i in (2, 3)] for d in own]
            b = _joined(g, [g.op("Concat", *pair, axis=1) for pair in both])
        rows = [layer * directions], [(layer + 1) * directions], [0]
        initial = [s if num_layers == 1 else g.slice(s, *rows) for s in states]
        found = g.op(mode.partition("_")[0], name, w, r, b, lengths32, *initial, outputs=1 + count, **settings)
        y = g.op("Transpose", found[0], perm=[0, 2, 1, 3])
        name = g.op("Reshape", y, g.constant(np.array([0, 0, -1], np.int64)))
        for final, part in zip(finals, found[1:], strict=True):
            final.append(part)
    last = [_joined(g, parts) for parts in finals]
    if single:
        last = [g.op("Squeeze", s, g.ints([1])) for s in last]
        name = g.op("Squeeze", name, g.ints([1]))
    elif how is not None:
        name = how.rows(name)
    else:
        name = _time_first(g, name, 3, batch_first)
    return [name, *last]


COMPOSITES.update({"pack": pack, "unpack": unpack, "recurrent": recurrent})
