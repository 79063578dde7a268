"""Running a model on traced inputs: as given, and with other extents and values."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from metagrad.base.device import CPU, move
from metagrad.onnx.converters import registry
from metagrad.onnx.dimensions import Free, given_sizes, other_sizes, resized, ways
from metagrad.onnx.errors import ExportError
from metagrad.onnx.inputs import Inputs
from metagrad.onnx.internals import (
    Module,
    PackedSequence,
    Variable,
    no_grad,
    pad_packed_sequence,
    wrap,
)
from metagrad.onnx.merging import live
from metagrad.onnx.tape import Tape, watching
from metagrad.onnx.traced import Traced, plain
from metagrad.onnx.values import Value

_exporting = [False]


def is_in_onnx_export() -> bool:
    """Whether a model is being exported at this moment: forward may then leave out what a file cannot have.

    >>> is_in_onnx_export()
    False
    """
    return _exporting[0]


class Run:
    """One run of the model on traced arrays."""

    def __init__(self, model: Any, inputs: Inputs, arrays: Sequence[Any], names: Sequence[str], opset: int) -> None:
        self.tape = Tape(partial(_bound, opset))
        self.given = [np.array(a) for a in arrays]
        self.inputs = [self.tape.traced(a.copy(), n) for a, n in zip(self.given, names, strict=True)]
        self.starts = [x.value for x in self.inputs]
        self.parameters: dict[str, Value] = {}
        self.numbers: dict[str, Any] = {}
        with _traced_state(model, self.tape, self), no_grad(), watching(self.tape), _export_mode():
            args, kwargs = inputs.filled([wrap(a) for a in self.inputs])
            self.result = model(*args, **kwargs)
            found = list(_flat(self.result, self.tape))
            self.outputs = [self._output(leaf) for leaf in found]
            self.answers = [np.array(plain(leaf.array)) for leaf in found]
        self.nodes = live(self.outputs)

    def _output(self, leaf: Any) -> Value:
        array = leaf.array if isinstance(leaf, Variable) else np.asarray(leaf)
        if isinstance(array, Traced):
            return array.value
        node = self.tape.note("asarray", (array,), {})
        node.outputs.append(Value(np.asarray(array), node))
        return node.outputs[0]


def _bound(opset: int, op: Any, args: Any = (), kwargs: Any = None) -> bool:
    return registry.bound(op, opset, args, kwargs)


def _flat(result: Any, tape: Tape) -> Iterator[Any]:
    """The tensors of a result, in order; a packed sequence becomes a padded batch and its lengths."""
    if isinstance(result, PackedSequence):
        yield from pad_packed_sequence(result)
    elif isinstance(result, Mapping):
        for part in result.values():
            yield from _flat(part, tape)
    elif isinstance(result, (tuple, list)):
        for part in result:
            yield from _flat(part, tape)
    elif isinstance(result, Variable):
        yield result
    elif result is not None:
        raise ExportError(f"the model returns a {type(result).__name__}: a file's outputs are tensors")


@contextmanager
def _export_mode() -> Iterator[None]:
    _exporting[0] = True
    try:
        yield
    finally:
        _exporting[0] = False


@contextmanager
def _traced_state(model: Any, tape: Tape, run: Run) -> Iterator[None]:
    """Parameters and buffers traced meanwhile; afterwards they have their own arrays again, as they were."""
    tensors: dict[int, tuple[Any, Any, Any]] = {}
    if isinstance(model, Module):
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if id(tensor) not in tensors:
                own = move(tensor.array, CPU)
                traced = tape.traced(own.copy(), name)
                tensors[id(tensor)] = tensor, tensor.array, tensor._counter[:]
                run.parameters[name], run.numbers[name] = traced.value, own
                tensor.array = traced
    try:
        yield
    finally:
        for tensor, array, counter in tensors.values():
            tensor.array = array
            tensor._counter[:] = counter


@contextmanager
def evaluating(model: Any, training: Any) -> Iterator[None]:
    """The model in eval mode, unless it is to be exported as it is; afterwards each module as it was."""
    modes = [(m, m.training) for m in model.modules()] if isinstance(model, Module) else []
    wanted = str(getattr(training, "name", training)).upper()
    if modes and wanted not in ("PRESERVE", "TRAINING", "TRUE"):
        model.eval()
    if modes and wanted in ("TRAINING", "TRUE"):
        model.train()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def runs_of(model: Any, inputs: Inputs, names: list[str], free: Free, opset: int) -> list[Run]:
    """Runs with different extents, or if none is free with different values."""
    shapes = dict(zip(names, [a.shape for a in inputs.arrays], strict=True))
    runs = [Run(model, inputs, inputs.arrays, names, opset)]
    lengths = _lengths(runs[0], names)
    for number in (1, 2) if any(free.values()) else (1,):
        runs.append(_another(model, inputs, names, free, shapes, opset, number, lengths))
    return runs


def _lengths(run: Run, names: list[str]) -> dict[str, Any]:
    """The inputs that are lengths of packed sequences, and the tensor each belongs to."""
    found = {}
    for node in run.nodes:
        if node.op == "pack" and isinstance(node.kwargs["lengths"], Value):
            name, rearranged = _origin(node.kwargs["lengths"])
            if name in names:
                found[name] = (
                    node.kwargs["ordered"] and not rearranged,
                    node.args[0].shape[1 if node.kwargs["batch_first"] else 0],
                )
    return found


def _origin(value: Value) -> tuple[str, bool]:
    """The name of the input that a value is, and whether its elements were put into another order."""
    rearranged = False
    while value.node is not None and value.node.op in ("astype", "identity", "copy", "getitem", "reshape"):
        rearranged |= value.node.op == "getitem"
        value = value.node.args[0]
    return value.name, rearranged


def _another(
    model: Any, inputs: Inputs, names: list[str], free: Free, shapes: Any, opset: int, number: int, lengths: Mapping[str, Any]
) -> Run:  # fmt: skip
    """A run with other extents and values; if the model fails on it, with multiples of the extents, or the same order of values."""
    failures: list[Exception] = []
    given = given_sizes(free, shapes)
    for how, shift in itertools.product(ways(list(given)), (number, 0)):
        extents = other_sizes(given, how, number)
        arrays = []
        for name, array in zip(names, inputs.arrays, strict=True):
            other = resized(array, free[name], extents, 0 if name in lengths else shift)
            if name in lengths:
                other = _other_lengths(other, lengths[name], extents, free, shapes, number)
            arrays.append(other)
        try:
            return Run(model, inputs, arrays, names, opset)
        except ExportError:
            raise
        except Exception as error:
            failures.append(error)
    told = ", ".join(f"{n} = {v}" for n, v in extents.items()) or "other values"
    raise ExportError(f"the model fails on inputs with {told}: {failures[-1]}") from failures[-1]


def _other_lengths(array: Any, known: tuple[bool, int], extents: Any, free: Free, shapes: Any, number: int) -> Any:
    """Lengths that reach the new number of steps, and still fall if they must."""
    ordered, steps = known
    symbol = next(
        (s for n, axes in free.items() for a, s in axes.items() if shapes[n][a] == steps and s in extents), None
    )
    longest = extents[symbol] if symbol is not None else steps
    array = np.sort(array)[::-1].copy() if ordered else array.copy()
    if array.size and array.max() < longest and symbol is not None:
        array[int(array.argmax())] = longest
    if array.size > 1 and symbol is None:
        array[-1] = max(1, int(array[-1]) - number) if int(array[-1]) > 1 else array[-1]
    return array
