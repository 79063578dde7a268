"""A model's arguments, and the tensors among them: the inputs of the file."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from metagrad.base.device import CPU, move
from metagrad.onnx.errors import ExportError
from metagrad.onnx.internals import (
    Module,
    PackedSequence,
    Variable,
    no_grad,
    pack_padded_sequence,
    pad_packed_sequence,
)
from metagrad.onnx.values import leaves, mapped


class Inputs:
    """The tensors among a model's arguments, in order: each an input of the file, a packed sequence two of them."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.tree = (args, kwargs)
        self.arrays: list[Any] = []
        self.packed: list[int] = []  # numbers of the inputs that are lengths
        self.hints: list[str] = []
        self.given = mapped(_held(self.tree), self._taken)
        if not self.arrays:
            raise ExportError(
                "export needs at least one tensor among args: the file's inputs are the tensors the model is given"
            )

    def _taken(self, leaf: Any) -> Any:
        if isinstance(leaf, _Held):
            padded, lengths = _unpacked(leaf.value)
            self.arrays += [padded, lengths]
            self.packed.append(len(self.arrays) - 1)
            return _Slot(len(self.arrays) - 2, leaf.value.sorted_indices is None)
        if isinstance(leaf, Variable):
            self.arrays.append(move(leaf.array, CPU))
            return _Slot(len(self.arrays) - 1)
        return leaf

    def filled(self, tensors: Sequence[Any]) -> Any:
        """The arguments with other tensors in their places."""

        def put(leaf: Any) -> Any:
            if not isinstance(leaf, _Slot):
                return leaf
            if leaf.ordered is None:
                return tensors[leaf.number]
            return pack_padded_sequence(tensors[leaf.number], tensors[leaf.number + 1], enforce_sorted=leaf.ordered)

        return mapped(self.given, put)


class _Held:
    """A packed sequence, which is a tuple, as one leaf."""

    def __init__(self, value: Any) -> None:
        self.value = value


class _Slot:
    """Where an input stands among the arguments; ``ordered``: of a packed sequence, whether its lengths fall."""

    def __init__(self, number: int, ordered: bool | None = None) -> None:
        self.number, self.ordered = number, ordered


def _held(tree: Any) -> Any:
    if isinstance(tree, PackedSequence):
        return _Held(tree)
    if isinstance(tree, (tuple, list)):
        parts = [_held(part) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return {k: _held(v) for k, v in tree.items()} if isinstance(tree, dict) else tree


def _unpacked(sequence: Any) -> tuple[Any, Any]:
    with no_grad():
        padded, lengths = pad_packed_sequence(sequence)
    return padded.array, lengths.array


def arguments(args: Any, kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments as PyTorch's ``export`` takes them: one, or a tuple, of which a dict at the end holds those by name."""
    if isinstance(args, (Variable, PackedSequence)) or not isinstance(args, (tuple, list)):
        args = (args,)
    args = tuple(args)
    if args and isinstance(args[-1], dict) and not kwargs:
        return args[:-1], args[-1]
    return args, dict(kwargs or {})


def argument_names(model: Any, inputs: Inputs) -> list[str]:
    """The names of forward's arguments, as far as each is one tensor."""
    try:
        signature = inspect.signature(model.forward if isinstance(model, Module) else model)
        bound = signature.bind(*inputs.tree[0], **inputs.tree[1])
    except (TypeError, ValueError):
        return []
    return [n for n, v in bound.arguments.items() for _ in range(_inputs_in(_held(v)))]


def _inputs_in(argument: Any) -> int:
    return sum(2 if isinstance(x, _Held) else isinstance(x, Variable) for x in leaves(argument))


def input_names_of(inputs: Inputs, given: Sequence[str] | None) -> list[str]:
    """A name for every input: the given ones, then ``input_<number>``."""
    count = len(inputs.arrays)
    names = list(given or [])
    if len(names) > count:
        raise ExportError(f"{len(names)} input_names for {count} inputs: {names}")
    names += [f"input_{i}" for i in range(len(names), count)]
    if len(set(names)) != count:
        raise ExportError(f"input_names must be distinct, got {names}")
    return names
