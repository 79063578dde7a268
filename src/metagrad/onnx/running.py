"""Executing a graph, node by node."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metagrad.onnx.errors import LoadError, UnsupportedOperators
from metagrad.onnx.internals import Variable, need, wrap
from metagrad.onnx.operators import registry
from metagrad.onnx.operators.registry import OPERATORS, STANDARD, Call
from metagrad.onnx.reading import array_of, check_graph


class Scope:
    """The values of the names in a graph; what is not there is in the graph around it."""

    def __init__(self, outer: Scope | None = None) -> None:
        self.values: dict[str, Any] = {}
        self.outer = outer

    def __getitem__(self, name: str) -> Any:
        if not name:
            return None
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.outer
        raise LoadError(f"nothing computes {name!r}")


class Library:
    """The functions of a file, the operator sets it uses, and where its other files are."""

    def __init__(self, proto: Any, folder: Path | None) -> None:
        self.folder = folder
        self.opsets = {_domain(o.domain): o.version for o in proto.opset_import}
        self.functions = {(_domain(f.domain), f.name, f.overload): f for f in proto.functions}
        self.programs: dict[Any, Program] = {}


def _domain(domain: str) -> str:
    return "" if domain in STANDARD else domain


class Node:
    """A node with its attributes read."""

    def __init__(self, proto: Any, library: Library, opsets: Mapping[str, int]) -> None:
        self.kind, self.domain, self.name, self.proto = proto.op_type, _domain(proto.domain), proto.name, proto
        self.inputs, self.outputs = list(proto.input), list(proto.output)
        self.attributes = {a.name: _attribute(a, library, opsets) for a in proto.attribute if not a.ref_attr_name}
        self.references = {a.name: a.ref_attr_name for a in proto.attribute if a.ref_attr_name}

    @property
    def shown(self) -> str:
        """Its name in messages."""
        return f"{self.kind} {self.name!r}" if self.name else self.kind


def _attribute(a: Any, library: Library, opsets: Mapping[str, int]) -> Any:
    kinds = need("onnx", "onnx").AttributeProto
    if a.type == kinds.TENSOR:
        found = array_of(a.t, library.folder)
        return wrap(found) if found.dtype != object else found
    if a.type == kinds.GRAPH:
        return Program(a.g, library, opsets)
    if a.type in (kinds.STRING, kinds.STRINGS):
        decoded = [s.decode("utf-8", "replace") for s in ([a.s] if a.type == kinds.STRING else a.strings)]
        return decoded[0] if a.type == kinds.STRING else decoded
    plain = {kinds.FLOAT: "f", kinds.INT: "i", kinds.FLOATS: "floats", kinds.INTS: "ints"}
    if a.type in plain:
        found = getattr(a, plain[a.type])
        return found if isinstance(found, (int, float)) else list(found)
    if a.type == kinds.TYPE_PROTO:
        return a.tp
    if a.type == kinds.TENSORS:
        return [wrap(array_of(t, library.folder)) for t in a.tensors]
    if a.type == kinds.SPARSE_TENSOR:
        return a.sparse_tensor
    raise LoadError(f"attribute {a.name!r} has an unknown type {a.type}")


class Program:
    """A graph, or the body of a function, ready to be run."""

    def __init__(
        self, graph: Any, library: Library, opsets: Mapping[str, int], values: Mapping[str, Any] | None = None
    ) -> None:
        self.library, self.opsets = library, opsets
        self.is_function = is_function = not hasattr(graph, "initializer")
        self.inputs = list(graph.input) if is_function else [i.name for i in graph.input]
        self.output = list(graph.output)
        self.results = self.output if is_function else [o.name for o in graph.output]
        self.constants: dict[str, Any] = dict(values or {})
        for tensor in [] if is_function else graph.initializer:
            if tensor.name not in self.constants:
                found = array_of(tensor, library.folder)
                self.constants[tensor.name] = wrap(found) if found.dtype != object else found
        self.nodes = [Node(n, library, opsets) for n in graph.node]
        self.last = self._last_uses()

    def _last_uses(self) -> list[list[str]]:
        """For each node, the names that no later node needs."""
        last: dict[str, int] = {}
        for i, node in enumerate(self.nodes):
            for name in [*node.inputs, *node.outputs, *_captured(node)]:
                last[name] = i
        kept = {*self.results, *self.constants, *self.inputs}
        found: list[list[str]] = [[] for _ in self.nodes]
        for name, i in last.items():
            if name and name not in kept:
                found[i].append(name)
        return found

    def run(
        self, given: Sequence[Any], outer: Scope | None = None, attributes: Mapping[str, Any] | None = None
    ) -> list[Any]:
        """The results for inputs in order."""
        if len(given) > len(self.inputs):
            raise LoadError(f"a graph of {len(self.inputs)} inputs is given {len(given)}")
        scope = Scope(outer)
        scope.values.update(self.constants)
        scope.values.update(dict.fromkeys(self.inputs) if outer is None and attributes is not None else {})
        scope.values.update(zip(self.inputs, given, strict=False))
        for node, done in zip(self.nodes, self.last, strict=True):
            self._step(node, scope, attributes or {})
            for name in done:
                scope.values.pop(name, None)
        if self.is_function:  # it need not compute results that nobody wants
            return [scope.values.get(name) for name in self.results]
        return [scope[name] for name in self.results]

    def _step(self, node: Node, scope: Scope, bound: Mapping[str, Any]) -> None:
        inputs = [scope[name] for name in node.inputs]
        own = {**node.attributes, **{n: bound[r] for n, r in node.references.items() if r in bound}}
        try:
            found = self._compute(node, inputs, own, scope)
        except (LoadError, KeyboardInterrupt):
            raise
        except MemoryError as error:
            raise MemoryError(f"{node.shown}: {error}") from None
        except Exception as error:
            shapes = ", ".join(str(list(x.shape)) if hasattr(x, "shape") else type(x).__name__ for x in inputs)
            raise RuntimeError(f"{node.shown} of inputs {shapes}: {type(error).__name__}: {error}") from error
        results = found if isinstance(found, tuple) else (found,)
        if len(results) < len(node.outputs) and any(node.outputs[len(results) :]):
            raise RuntimeError(f"{node.shown} gives {len(results)} results, and {len(node.outputs)} are wanted")
        scope.values.update({name: value for name, value in zip(node.outputs, results, strict=False) if name})

    def _compute(self, node: Node, inputs: list[Any], attributes: dict[str, Any], scope: Scope) -> Any:
        function = self.library.functions.get((node.domain, node.kind, node.proto.overload))
        if function is not None:
            return self._call(function, inputs, attributes)
        compute = OPERATORS.get((node.domain, node.kind))
        if compute is None or not _takes(compute, attributes):
            body = _body(node.proto, self.opsets, inputs)
            if body is None:
                what = _full_name(node.domain, node.kind)
                unknown = sorted(set(attributes) - (_keywords(compute) or set())) if compute is not None else []
                raise UnsupportedOperators(
                    f"metagrad has no {what}" + (f" with {', '.join(unknown)}" if unknown else "")
                )
            return self._call(body, inputs, attributes)
        if any(isinstance(x, np.ndarray) and x.dtype == object for x in inputs) and node.kind not in OF_ANYTHING:
            raise NotImplementedError("strings")

        def run_graph(program: Program, given: Sequence[Any]) -> list[Any]:
            return program.run(given, scope)

        call = Call(node.kind, self.opsets.get(node.domain, 1), [bool(n) for n in node.outputs], run_graph)
        return compute(call, *inputs, **attributes)

    def _call(self, function: Any, inputs: list[Any], attributes: dict[str, Any]) -> Any:
        key = id(function)
        if key not in self.library.programs:
            opsets = {_domain(o.domain): o.version for o in function.opset_import} or dict(self.opsets)
            program = Program(function, self.library, opsets)
            program.function = function  # type: ignore[attr-defined]  # so that its id is not given again
            self.library.programs[key] = program
        defaults = {a.name: _attribute(a, self.library, self.opsets) for a in function.attribute_proto}
        return tuple(self.library.programs[key].run(inputs, None, {**defaults, **attributes}))


OF_ANYTHING = {
    "Identity",
    "Shape",
    "Constant",
    "If",
    "Loop",
    "Scan",
    "SequenceConstruct",
    "Equal",
    "Cast",
    "Optional",
    "OptionalHasElement",
    "OptionalGetElement",
}
_bodies: dict[Any, Any] = {}


@functools.cache
def _keywords(compute: Any) -> frozenset[str] | None:
    """The attributes a function takes; None: any."""
    parameters = inspect.signature(compute).parameters.values()
    return None if any(p.kind == p.VAR_KEYWORD for p in parameters) else frozenset(p.name for p in parameters)


def _takes(compute: Any, attributes: Mapping[str, Any]) -> bool:
    """Whether an operator's function knows all attributes; newer ones it leaves to the operator's definition by others."""
    known = _keywords(compute)
    return known is None or known.issuperset(attributes)


def _captured(node: Node) -> set[str]:
    """What the graphs among a node's attributes use of the graph around them."""
    found: set[str] = set()
    for value in node.attributes.values():
        if isinstance(value, Program):
            for inner in value.nodes:
                found.update(inner.inputs)
                found.update(_captured(inner))
            found.update(value.results)
    return found


def _schema(domain: str, kind: str, opsets: Mapping[str, int]) -> Any:
    defs = need("onnx.defs", "onnx")
    try:
        return defs.get_schema(kind, opsets.get(domain, 1), domain)
    except Exception:  # SchemaError, which older releases do not export
        return None


def _body(proto: Any, opsets: Mapping[str, int], inputs: list[Any]) -> Any:
    """The operator's own definition by other operators, if ONNX has one."""
    domain = _domain(proto.domain)
    schema = _schema(domain, proto.op_type, opsets)
    if schema is None:
        return None
    if schema.has_function:
        key: Any = (domain, proto.op_type, opsets.get(domain, 1))
        if key not in _bodies:
            _bodies[key] = schema.function_body
        return _bodies[key]
    if not schema.has_context_dependent_function:
        return None
    onnx = need("onnx", "onnx")
    types = [_type_of(onnx, x).SerializeToString() for x in inputs]
    key = (proto.SerializeToString(), tuple(types), opsets.get(domain, 1))
    if key not in _bodies:
        body = onnx.FunctionProto()
        version = max(v for v in schema.context_dependent_function_opset_versions if v <= opsets.get(domain, 1))
        body.ParseFromString(schema.get_context_dependent_function_with_opset_version(version, *key[:1], types))
        _bodies[key] = body
    return _bodies[key]


def _type_of(onnx: Any, x: Any) -> Any:
    if x is None:
        return onnx.TypeProto()
    if isinstance(x, list):
        return onnx.helper.make_sequence_type_proto(_type_of(onnx, x[0]))
    array = x.array if isinstance(x, Variable) else x
    return onnx.helper.make_tensor_type_proto(onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def _full_name(domain: str, kind: str) -> str:
    return f"{domain}.{kind}" if domain else kind


def lacking(graph: Any, library: Library, opsets: Mapping[str, int]) -> set[str]:
    """The operators in a graph that nothing computes."""
    found: set[str] = set()
    for node in graph.node:
        domain = _domain(node.domain)
        known = (domain, node.op_type) in OPERATORS or (domain, node.op_type, node.overload) in library.functions
        if not known:
            schema = _schema(domain, node.op_type, opsets)
            if schema is None or not (schema.has_function or schema.has_context_dependent_function):
                found.add(_full_name(domain, node.op_type))
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                found |= lacking(inner, library, opsets)
    return found


__all__ = ["Library", "Node", "Program", "Scope", "check_graph", "lacking", "registry"]
