"""Conditional random fields: the forward and backward algorithm, and Viterbi's, as loops over the steps (``Scan``).

Padded scores (T, B, K) with lengths; a step beyond a sequence's end leaves its state as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.onnx.converters.recurrence import packing
from metagrad.onnx.converters.registry import COMPOSITES


class _Loop:
    """The body of a ``Scan``: states, then what comes in at a step; the new states, then what goes out at it."""

    def __init__(self, g: Any, kinds: dict[str, Any]) -> None:
        self.g, self.nodes = g, []  # type: ignore[var-annotated]
        self.names = {name: g.fresh(name) for name in kinds}
        self.kinds = kinds

    def op(self, kind: str, *inputs: str, outputs: int = 1, **settings: Any) -> Any:
        """A node of the body."""
        found = [self.g.fresh(kind) for _ in range(outputs)]
        self.nodes.append(self.g.onnx.helper.make_node(kind, list(inputs), found, **settings))
        return found[0] if outputs == 1 else found

    def run(
        self, states: list[str], sequences: list[str], results: list[tuple[str, Any]], backwards: bool = False
    ) -> list[str]:
        """The loop: the last states, and what went out, one after the other."""
        g, helper = self.g, self.g.onnx.helper
        info = [helper.make_tensor_value_info(n, g.elem_type(self.kinds[k]), None) for k, n in self.names.items()]
        out = [(self.op("Identity", name), kind) for name, kind in results]
        ends = [helper.make_tensor_value_info(n, g.elem_type(kind), None) for n, kind in out]
        body = helper.make_graph(self.nodes, g.fresh("loop"), info, ends)
        directions = [int(backwards)] * len(sequences)
        settings = {"num_scan_inputs": len(sequences), "scan_input_directions": directions}
        settings["scan_output_directions"] = [int(backwards)] * (len(out) - len(states))
        found = g.op("Scan", *states, *sequences, outputs=len(out), body=body, **settings)
        return list(found)


def _log_sum(op: Callable[..., Any], x: str, axis: str) -> str:
    return str(op("ReduceLogSumExp", x, axis, keepdims=0))


def _small(op: Callable[..., Any], x: str, last: str) -> str:
    """x less its largest."""
    return str(op("Sub", x, op("ReduceMax", x, last, keepdims=1)))


class _Scores:
    """The scores of a field as a padded tensor (T, B, K), and which steps are inside, (T, B, 1)."""

    def __init__(self, g: Any, data: Any, lengths: Any, ordered: bool, packed: bool, batch_first: bool) -> None:
        self.g, self.kind = g, data.dtype
        name = g.tensor(data)
        self.how = packing(g, lengths, ordered) if lengths is not None else None
        if packed:
            assert self.how is not None
            self.padded = self.how.filled(name, list(data.shape[1:]), self.kind)
            steps: Any = self.how.longest
        else:
            self.padded = g.op("Transpose", name, perm=[1, 0, 2]) if batch_first else name
            steps = g.op("Shape", self.padded, start=0, end=1)
        column = g.op("Unsqueeze", g.range(steps), g.ints([1, 2]))
        if self.how is None:
            batch = g.op("Shape", self.padded, start=1, end=2)
            lengths_name = g.op("Expand", steps, batch)
        else:
            lengths_name = self.how.lengths
        self.inside = g.op("Less", column, g.op("Unsqueeze", lengths_name, g.ints([0, 2])))

    def given_back(self, found: str, packed: bool, batch_first: bool, rank: int) -> str:
        """A padded result in the form the scores came in."""
        if packed:
            assert self.how is not None
            return self.how.rows(found)
        perm = [1, 0, *range(2, rank)]
        return str(self.g.op("Transpose", found, perm=perm)) if batch_first else found


def _first_and_rest(g: Any, x: str) -> tuple[str, str]:
    first = g.op("Squeeze", g.slice(x, [0], [1], [0]), g.ints([0]))
    return first, g.slice(x, [1], [np.iinfo(np.int64).max], [0])


def marginals(
    g: Any, step: Any, data: Any, start: Any, end: Any, between: Any, lengths: Any, ordered: bool, packed: bool, batch_first: bool
) -> Any:  # fmt: skip
    """p(yₜ = k), proportional to exp(αₜ(k) + βₜ(k)); α and β are kept small at every step, for float32 to hold them."""
    scores = _Scores(g, data, lengths, ordered, packed, batch_first)
    kind, last, middle = scores.kind, g.ints([-1]), g.ints([1])
    start, end, between = (g.tensor(w) for w in (start, end, between))
    e0, later = _first_and_rest(g, scores.padded)
    _, inside_later = _first_and_rest(g, scores.inside)
    alpha0 = g.op("Add", e0, start)

    ahead = _Loop(g, {"alpha": kind, "e": kind, "inside": bool})
    alpha, e, inside = ahead.names.values()
    paths = ahead.op("Add", ahead.op("Unsqueeze", alpha, last), between)
    new = ahead.op(
        "Where", inside, _small(ahead.op, ahead.op("Add", _log_sum(ahead.op, paths, middle), e), last), alpha
    )
    final, alphas = ahead.run([alpha0], [later, inside_later], [(new, kind), (new, kind)])
    alphas = g.op("Concat", g.op("Unsqueeze", alpha0, g.ints([0])), alphas, axis=0)

    beta_end = g.op("Expand", end, g.op("Shape", final))
    back = _Loop(g, {"beta": kind, "e": kind, "inside": bool})
    beta, e, inside = back.names.values()
    gain = back.op("Unsqueeze", back.op("Add", beta, e), middle)
    before = back.op(
        "Where", inside, _small(back.op, _log_sum(back.op, back.op("Add", gain, between), last), last), beta
    )
    _, betas = back.run([beta_end], [later, inside_later], [(before, kind), (before, kind)], backwards=True)
    betas = g.op("Concat", betas, g.op("Unsqueeze", beta_end, g.ints([0])), axis=0)

    p = g.op("Softmax", g.op("Add", alphas, betas), axis=-1)
    p = g.op("Where", scores.inside, p, g.scalar(0, kind))
    return scores.given_back(p, packed, batch_first, 3)


def decode(
    g: Any, step: Any, data: Any, start: Any, end: Any, between: Any, lengths: Any, ordered: bool, packed: bool, batch_first: bool
) -> Any:  # fmt: skip
    """The best path: the best predecessor of every label at every step, then back along them."""
    scores = _Scores(g, data, lengths, ordered, packed, batch_first)
    kind, last = scores.kind, g.ints([-1])
    start, end, between = (g.tensor(w) for w in (start, end, between))
    e0, later = _first_and_rest(g, scores.padded)
    _, inside_later = _first_and_rest(g, scores.inside)
    labels = g.op("Shape", start)
    itself = g.op("Unsqueeze", g.range(labels), g.ints([0]))  # beyond the end, each label's predecessor is itself

    ahead = _Loop(g, {"best": kind, "e": kind, "inside": bool})
    best, e, inside = ahead.names.values()
    paths = ahead.op("Add", ahead.op("Unsqueeze", best, last), between)
    value = ahead.op("Add", ahead.op("ReduceMax", paths, g.ints([1]), keepdims=0), e)
    whence = ahead.op("Where", inside, ahead.op("ArgMax", paths, axis=1, keepdims=0), itself)
    new = ahead.op("Where", inside, value, best)
    final, whences = ahead.run([g.op("Add", e0, start)], [later, inside_later], [(new, kind), (whence, np.int64)])

    y_end = g.op("ArgMax", g.op("Add", final, end), axis=-1, keepdims=1)
    back = _Loop(g, {"y": np.int64, "whence": np.int64})
    y, from_ = back.names.values()
    earlier = back.op("GatherElements", from_, y, axis=1)
    _, path = back.run([y_end], [whences], [(earlier, np.int64), (earlier, np.int64)], backwards=True)
    path = g.op("Squeeze", g.op("Concat", path, g.op("Unsqueeze", y_end, g.ints([0])), axis=0), g.ints([2]))
    path = g.op("Where", g.op("Squeeze", scores.inside, g.ints([2])), path, g.scalar(-1, np.int64))
    return scores.given_back(path, packed, batch_first, 2)


COMPOSITES.update({"crf_marginals": marginals, "crf_decode": decode})
