"""Branches, loops, sequences, and values that may be missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.onnx.internals import Variable
from metagrad.onnx.operators import ops as mg
from metagrad.onnx.operators.registry import dtype_of, ints, numbers, operator, scalar, tensor

TURNS = 100_000  # of a loop: a file that asks for more is refused


@operator("If")
def branch(call: Any, condition: Any, *, then_branch: Any, else_branch: Any) -> Any:
    return tuple(call.run_graph(then_branch if bool(scalar(condition)) else else_branch, []))


@operator("Loop")
def loop(call: Any, most: Any, condition: Any, *states: Any, body: Any) -> Any:
    turns = TURNS + 1 if most is None else int(scalar(most))
    going, values = condition is None or bool(scalar(condition)), list(states)
    count = len(values)
    collected: list[list[Any]] = [[] for _ in range(len(body.output) - 1 - count)]
    turn = 0
    while going and turn < turns:
        if turn >= TURNS:
            raise ValueError(f"a loop of more than {TURNS:,} turns")
        again, *found = call.run_graph(body, [tensor(np.array(turn, np.int64)), tensor(np.array(going)), *values])
        going, values = bool(scalar(again)), found[:count]
        for kept, value in zip(collected, found[count:], strict=True):
            kept.append(value)
        turn += 1
    return (
        *values,
        *[_together(kept, 0) if kept else _nothing(body.output[1 + count + i]) for i, kept in enumerate(collected)],
    )


def _nothing(info: Any) -> Any:
    kind = info.type.tensor_type
    return tensor(np.zeros([0, *[d.dim_value for d in kind.shape.dim]], dtype_of(kind.elem_type).dtype))


def _together(values: list[Any], axis: int) -> Any:
    return mg.stack(values, axis)


@operator("Scan")
def scan(call: Any, *inputs: Any, body: Any, num_scan_inputs: int, **directions: Any) -> Any:
    if call.opset < 9:
        return _scan_8(call, inputs, body, num_scan_inputs)
    count = len(inputs) - num_scan_inputs
    return _scanned(call, list(inputs[:count]), list(inputs[count:]), body, directions)


def _scanned(call: Any, states: list[Any], sequences: list[Any], body: Any, how: dict[str, Any]) -> Any:
    results = len(body.output) - len(states)
    axes = how.get("scan_input_axes") or [0] * len(sequences)
    reverse = how.get("scan_input_directions") or [0] * len(sequences)
    steps = {s.shape[a] for s, a in zip(sequences, axes, strict=True)}
    if len(steps) != 1:
        raise ValueError(f"Scan over sequences of different lengths {sorted(steps)}")
    (count,) = steps
    collected: list[list[Any]] = [[] for _ in range(results)]
    for t in range(count):
        now = [s.select(a, count - 1 - t if back else t) for s, a, back in zip(sequences, axes, reverse, strict=True)]
        found = call.run_graph(body, [*states, *now])
        states = found[: len(states)]
        for kept, value in zip(collected, found[len(states) :], strict=True):
            kept.append(value)
    out_axes = how.get("scan_output_axes") or [0] * results
    backwards = how.get("scan_output_directions") or [0] * results
    outputs = []
    for i, (kept, axis, back) in enumerate(zip(collected, out_axes, backwards, strict=True)):
        outputs.append(
            _together(kept[::-1] if back else kept, axis) if kept else _nothing(body.output[len(states) + i])
        )
    return (*states, *outputs)


def _scan_8(call: Any, inputs: Any, body: Any, count: int) -> Any:
    """Opset 8: the first input may be lengths, and everything has a batch in front."""
    states, sequences = list(inputs[1 : len(inputs) - count]), list(inputs[len(inputs) - count :])
    each = [
        _scanned(call, [s[b] for s in states], [s[b] for s in sequences], body, {})
        for b in range(sequences[0].shape[0])
    ]
    return tuple(mg.stack(list(parts)) for parts in zip(*each, strict=True))


# ------------------------------------------------ sequences


@operator("SequenceConstruct")
def sequence_construct(call: Any, *xs: Any) -> Any:
    return (list(xs),)


@operator("SequenceEmpty")
def sequence_empty(call: Any, **_: Any) -> Any:
    return ([],)


@operator("SequenceAt")
def sequence_at(call: Any, sequence: Any, position: Any) -> Any:
    return sequence[int(scalar(position))]


@operator("SequenceLength")
def sequence_length(call: Any, sequence: Any) -> Any:
    return tensor(np.array(len(sequence), np.int64))


@operator("SequenceInsert")
def sequence_insert(call: Any, sequence: Any, x: Any, position: Any = None) -> Any:
    place = len(sequence) if position is None else int(scalar(position))
    place = place + len(sequence) if place < 0 else place
    return ([*sequence[:place], x, *sequence[place:]],)


@operator("SequenceErase")
def sequence_erase(call: Any, sequence: Any, position: Any = None) -> Any:
    place = len(sequence) - 1 if position is None else int(scalar(position)) % len(sequence)
    return ([*sequence[:place], *sequence[place + 1 :]],)


@operator("SplitToSequence")
def split_to_sequence(call: Any, x: Any, sizes: Any = None, axis: int = 0, keepdims: int = 1) -> Any:
    n = x.shape[axis]
    if sizes is None:
        parts = list(x.split(1, axis))
        return (parts if keepdims else [p.squeeze(axis) for p in parts],)
    if sizes.ndim == 0:
        return (list(x.split(int(scalar(sizes)), axis)) if n else [x],)
    return (list(x.split(ints(sizes), axis)),)


@operator("ConcatFromSequence")
def concat_from_sequence(call: Any, sequence: Any, axis: int, new_axis: int = 0) -> Any:
    return mg.stack(sequence, axis) if new_axis else mg.cat(sequence, axis)


@operator("SequenceMap")
def sequence_map(call: Any, sequence: Any, *others: Any, body: Any) -> Any:
    each = [
        call.run_graph(body, [x, *[o[i] if isinstance(o, list) else o for o in others]]) for i, x in enumerate(sequence)
    ]
    return tuple(list(parts) for parts in zip(*each, strict=True)) if each else tuple([] for _ in body.output)


@operator("Optional")
def optional(call: Any, x: Any = None, **_: Any) -> Any:
    return (x,)


@operator("OptionalHasElement")
def optional_has_element(call: Any, x: Any = None) -> Any:
    return tensor(np.array(x is not None))


@operator("OptionalGetElement")
def optional_get_element(call: Any, x: Any) -> Any:
    return (x,) if isinstance(x, list) else x


__all__ = ["Variable", "numbers"]
