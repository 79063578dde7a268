"""Writing down what a model does: it is run once on arrays that note every NumPy call they take part in.

Every op of metagrad asks nothing of an array but NumPy's protocols. ``Traced`` (``traced.py``) answers them: it computes with
the array that it hides, and notes a ``Node`` on the ``Tape``. A function that is one operator in ONNX (softmax, convolution,
a recurrent layer) is noted as a whole afterwards: its result is *bound* to a node of its own, and the nodes that it was made
of lead nowhere, and are dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from metagrad.onnx.callers import caller
from metagrad.onnx.errors import ExportError
from metagrad.onnx.internals import PackedSequence, Variable, composites, function, variable
from metagrad.onnx.traced import Traced, seen
from metagrad.onnx.values import SELF, Memory, Node, Value, leaves, mapped


class Tape:
    """The nodes of one run. ``bound`` says which classes and functions are noted as a whole."""

    def __init__(self, bound: Callable[..., bool]) -> None:
        self.bound = bound
        self.thread = threading.get_ident()
        self.nodes: list[Node] = []
        # Results that are not traced, and not yet in a tensor: the array, its value, and what it was when it was made.
        self.plain: dict[int, tuple[Any, Value, Any]] = {}
        self.packs: dict[int, tuple[Any, Any]] = {}  # id of batch_sizes' array: (the array, lengths and whether sorted)

    def traced(self, array: Any, name: str) -> Traced:
        """An input or a parameter."""
        return Traced(self, array, Memory(Value(array, name=name)))

    def lifted(self, array: Any) -> Any:
        """A new tensor's array, made of nothing that is traced, as a constant of the model."""
        if threading.get_ident() != self.thread:
            return array
        known = self.plain.pop(id(array), None)
        if known is not None and np.array_equal(known[2], array, equal_nan=array.dtype.kind in "fc"):
            return Traced(self, array, Memory(known[1]))
        node = self.note("constant", (array.copy(),), {})
        node.outputs.append(Value(array, node))
        return Traced(self, array, Memory(node.outputs[0]))

    def note(self, op: Any, args: Any, kwargs: dict[str, Any]) -> Node:
        """A new node, without results yet; the arguments may be arrays, traced arrays, or tensors."""
        node = Node(op, mapped(args, seen), mapped(kwargs, seen), caller(), len(self.nodes))
        self.nodes.append(node)
        return node

    def result(self, node: Node, array: Any, source: Traced | None = None) -> Any:
        """The result of a node as a traced array; a view of ``source`` shares its memory."""
        if not isinstance(array, (np.ndarray, np.generic)):
            if isinstance(array, (tuple, list)):
                parts = [self.result(node, part, source) for part in array]
                return type(array)(*parts) if hasattr(array, "_fields") else type(array)(parts)
            return array
        array = np.asarray(array)
        value = Value(array, node, len(node.outputs))
        node.outputs.append(value)
        if source is not None and array.base is not None and np.may_share_memory(array, source._hidden):
            return Traced(
                self,
                array,
                source._memory,
                (*source._path, (node.op, _without(node, source), array.shape)),
                value,
                source,
            )
        return Traced(self, array, Memory(value))

    def bind(self, node: Node, result: Any, inputs: list[Traced]) -> None:
        """Make traced arrays the results of a node, whatever they were made of; not those that are views of its inputs."""
        own = {id(x._memory) for x in inputs}
        for leaf in leaves(result):
            array = leaf.array if isinstance(leaf, Variable) else leaf
            if isinstance(array, Traced) and id(array._memory) in own:
                return
        for leaf in leaves(result):
            array = leaf.array if isinstance(leaf, Variable) else leaf
            if isinstance(array, Traced):
                value = Value(array._hidden, node, len(node.outputs))
                node.outputs.append(value)
                array._memory, array._path, array._known = Memory(value), (), None
            elif isinstance(array, (np.ndarray, np.generic)):
                value = Value(np.asarray(array), node, len(node.outputs))
                node.outputs.append(value)
                self.plain[id(array)] = array, value, array

    # ------------------------------------------------ what is told of ops as a whole

    def after_function(self, node: Any, arrays: list[Any], result: Any, params: dict[str, Any]) -> None:
        """A Function was applied."""
        inputs = [x for x in leaves((arrays, params)) if isinstance(x, Traced)]
        if inputs and threading.get_ident() == self.thread:
            computed_elsewhere = any(isinstance(x, np.ndarray) for x in leaves(result))
            if computed_elsewhere or self.bound(type(node)):
                self.bind(self.note(type(node), arrays, params), result, inputs)

    def after_composite(self, whole: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """A function that is one operator was called."""
        if threading.get_ident() != self.thread:
            return
        tensors = [x for x in leaves((args, kwargs)) if isinstance(x, Variable)]
        name = whole.__name__
        special = {
            "pack_padded_sequence": self._packed,
            "pad_packed_sequence": self._padded,
            "_run": self._recurrent,
            "marginals": self._field,
            "decode": self._field,
        }
        inputs = [x.array for x in tensors if isinstance(x.array, Traced)]
        if name == "apply_static":
            if self.bound(args[0]):
                self.bind(self.note(args[0], args[1:], kwargs), result, inputs)
        elif name in special:
            special[name](args, kwargs, result, inputs)
        elif inputs and self.bound(name, args, kwargs):
            self.bind(self.note(name, args, kwargs), result, inputs)

    def _packed(self, args: Any, kwargs: Any, result: Any, inputs: Any) -> None:
        settings = _named(("input", "lengths", "batch_first", "enforce_sorted"), args, kwargs)
        if not isinstance(settings["input"].array, Traced):
            return
        lengths = settings["lengths"]
        lengths = seen(lengths if isinstance(lengths, Variable) else np.asarray(list(lengths), np.int64))
        how = {"lengths": lengths, "ordered": settings.get("enforce_sorted", True)}
        self.packs[id(result.batch_sizes.array)] = result.batch_sizes.array, how
        node = self.note("pack", (settings["input"],), {"batch_first": settings.get("batch_first", False), **how})
        self.bind(node, result.data, inputs)

    def pack_of(self, sequence: Any) -> dict[str, Any]:
        """How a packed sequence was packed."""
        known = self.packs.get(id(sequence.batch_sizes.array))
        if known is None:
            raise ExportError(
                f"{caller()}: a PackedSequence that pack_padded_sequence did not make cannot be exported: the file needs the "
                "padded batch and its lengths"
            )
        return known[1]

    def _padded(self, args: Any, kwargs: Any, result: Any, inputs: Any) -> None:
        names = ("sequence", "batch_first", "padding_value", "total_length")
        settings = _named(names, args, kwargs)
        sequence = settings.pop("sequence")
        if not isinstance(sequence.data.array, Traced):
            return
        how = self.pack_of(sequence)
        node = self.note("unpack", (sequence.data,), {**settings, **how})
        padded, lengths = result
        self.bind(node, padded, inputs)
        held = how["lengths"]
        if isinstance(held, Value):
            value = Value(lengths.array, self.note("identity", (held,), {}))
            value.node.outputs.append(value)  # type: ignore[union-attr]
            lengths.array = Traced(self, lengths.array, Memory(value))

    def _recurrent(self, args: Any, kwargs: Any, result: Any, inputs: Any) -> None:
        called = _named(("module", "x", "given"), args, kwargs)
        module, x, given = called["module"], called["x"], called["given"]
        if module.proj_size or module.training and module.dropout:
            return
        packed = isinstance(x, PackedSequence)
        data = x.data if packed else x
        if not isinstance(data.array, Traced):
            return
        rest = {
            name: getattr(module, name)
            for name in ("mode", "num_layers", "bidirectional", "batch_first", "hidden_size")
        }
        how = self.pack_of(x) if packed else {"lengths": None, "ordered": True}
        settings = {
            **rest,
            **how,
            "packed": packed,
            "weights": module.all_weights,
            "bias": module.bias,
            "proj_size": module.proj_size,
        }
        node = self.note("recurrent", (data, given), settings)
        output, final = result
        self.bind(node, (output.data if packed else output, final), inputs)

    def _field(self, args: Any, kwargs: Any, result: Any, inputs: Any) -> None:
        """The marginals or the best paths of a conditional random field."""
        settings = _named(("crf", "scores", "lengths"), args, kwargs)
        crf, scores, lengths = settings["crf"], settings["scores"], settings.get("lengths")
        packed = isinstance(scores, PackedSequence)
        data = scores.data if packed else scores
        if not isinstance(data.array, Traced):
            return
        if packed:
            how = self.pack_of(scores)
        else:
            how = {
                "lengths": None
                if lengths is None
                else seen(lengths)
                if isinstance(lengths, Variable)
                else np.asarray(lengths)
            }
        weights = crf.start, crf.end, crf.between
        op = "crf_decode" if (result.data if packed else result).dtype.dtype.kind == "i" else "crf_marginals"
        node = self.note(
            op, (data, *weights), {"ordered": False, **how, "packed": packed, "batch_first": crf.batch_first}
        )
        self.bind(node, result.data if packed else result, inputs)


def _named(names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return {**dict(zip(names, args, strict=False)), **kwargs}


def _without(node: Node, source: Traced) -> tuple[Any, dict[str, Any]]:
    """The arguments of a view's node, with ``SELF`` where its source stood."""
    value = source.value

    def hole(leaf: Any) -> Any:
        return SELF if leaf is value else leaf

    return mapped(node.args, hole), mapped(node.kwargs, hole)


@contextmanager
def watching(tape: Tape) -> Iterator[None]:
    """Have the tape told of every function that is applied."""
    function.observers.append(tape.after_function)
    composites.observers.append(tape.after_composite)
    variable.lifters.append(tape.lifted)
    try:
        yield
    finally:
        variable.lifters.remove(tape.lifted)
        function.observers.remove(tape.after_function)
        composites.observers.remove(tape.after_composite)
