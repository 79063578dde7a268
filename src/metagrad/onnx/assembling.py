"""Steps that all runs have in common as a message: inputs, parameters under their names, nodes, outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from metagrad.onnx.converters import registry
from metagrad.onnx.dimensions import Free
from metagrad.onnx.errors import ExportError
from metagrad.onnx.graph import Graph
from metagrad.onnx.internals import (
    Module,
)
from metagrad.onnx.merging import Extent, Handle, Merger, Step
from metagrad.onnx.runs import Run


class Assembler:
    """The steps of all runs as a graph."""

    def __init__(
        self,
        runs: list[Run],
        names: list[str],
        free: Free,
        opset: int,
        output_names: Sequence[str] | None,
        dynamic_axes: Any,
    ) -> None:
        self.g = Graph(opset)
        self.runs, self.free = runs, free
        merger = Merger()
        self.g.taken.update(names)
        self.g.taken.update(output_names or ())
        self.inputs = [merger.handle([run.starts[i] for run in runs], name) for i, name in enumerate(names)]
        # The values that the inputs held at first; they may have been written to in place since.
        self.parameters = {}
        for name in runs[0].parameters:
            own = name if name not in self.g.taken else f"{name}.parameter"
            self.g.taken.add(own)
            self.parameters[name] = merger.handle([run.parameters[name] for run in runs], own)
        self.steps = merger.steps([run.nodes for run in runs])
        if len({len(run.outputs) for run in runs}) != 1:
            raise ExportError(
                "the model returns another number of tensors when the extents or values of its inputs differ"
            )
        ending = Step("output", None, {}, "?")
        self.outputs = [
            merger.merge(list(values), ending) for values in zip(*[run.outputs for run in runs], strict=True)
        ]
        self.output_names = [*(output_names or [])][: len(self.outputs)]
        self.output_names += [f"output_{i}" for i in range(len(self.output_names), len(self.outputs))]
        self.g.taken.update(self.output_names)

    def proto(self, model: Any, metadata: Mapping[str, str] | None) -> Any:
        """The model as a protobuf message."""
        g, helper = self.g, self.g.onnx.helper
        for handle in self.inputs:
            g.learn(handle)
        for step in self.steps:
            self._convert(step)
        g.step = None
        for handle, name in zip(self.outputs, self.output_names, strict=True):
            g.nodes.append(helper.make_node("Identity", [handle.name], [name]))
        self._drop_identities()
        self._drop_dead()
        used = {n for node in g.nodes for n in _names_in(node)}
        initializers = self._initializers(used)
        graph = helper.make_graph(
            g.nodes, type(model).__name__ if isinstance(model, Module) else getattr(model, "__name__", "model"),
            [self._info(h, h.name, self.free[h.name]) for h in self.inputs],
            [self._info(h, n, {}) for h, n in zip(self.outputs, self.output_names, strict=True)], initializers,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", g.opset), *[helper.make_opsetid(d, v) for d, v in g.domains.items()]]
        from metagrad.base.version import __version__

        proto = helper.make_model(graph, opset_imports=opsets, producer_name="metagrad", producer_version=__version__)
        proto.ir_version = helper.find_min_ir_version_for(opsets, ignore_unknown=True)
        helper.set_model_props(proto, dict(metadata or {}))
        return proto

    def _convert(self, step: Step) -> None:
        g = self.g
        g.step = step
        converter = registry.find(step.op)
        if converter is None:
            why = "ONNX has no operator for it" + (
                "" if step.name in registry.REFUSED else ", or metagrad no converter"
            )
            raise g.refusal(f"{why}. A converter can be registered with metagrad.onnx.register_converter")
        try:
            found = converter(g, step, *step.args, **step.kwargs)
        except ExportError:
            raise
        except Exception as error:
            raise g.refusal(f"with these arguments ({type(error).__name__}: {error})") from error
        names = [found] if isinstance(found, str) else list(found)
        for handle, name in zip(step.outputs, names, strict=False):
            handle.name = name
            g.learn(handle)

    def _drop_identities(self) -> None:
        """Without Identity nodes that only rename a result, except where an input or parameter is itself an output."""
        g = self.g
        fixed = {h.name for h in self.inputs} | {h.name for h in self.parameters.values()} | set(g.initializers)
        renamed: dict[str, str] = {}
        outputs, kept = set(self.output_names), []
        for node in g.nodes:
            for i, name in enumerate(node.input):
                node.input[i] = renamed.get(name, name)
            if node.op_type == "Identity" and not node.domain:
                source, target = node.input[0], node.output[0]
                if target not in outputs:
                    renamed[target] = source
                    continue
            kept.append(node)
        made = {name: node for node in kept for name in node.output}
        final = {}
        for node in kept:
            if node.op_type == "Identity" and node.output[0] in outputs:
                source = node.input[0]
                if source not in fixed and source not in outputs and source in made and source not in final:
                    final[source] = node.output[0]
        g.nodes[:] = []
        for node in kept:
            if node.op_type == "Identity" and final.get(node.input[0]) == node.output[0]:
                continue
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    names[i] = final.get(name, name)
            g.nodes.append(node)

    def _drop_dead(self) -> None:
        needed, kept = set(self.output_names), []
        for node in reversed(self.g.nodes):
            if needed & set(node.output):
                kept.append(node)
                needed.update(_names_in(node))
        self.g.nodes[:] = kept[::-1]

    def _initializers(self, used: set[str]) -> list[Any]:
        make = self.g.onnx.numpy_helper.from_array
        found = []
        for name, array in self.runs[0].numbers.items():
            if self.parameters[name].name in used:
                found.append(make(np.asarray(array, order="C"), self.parameters[name].name))
        return found + [make(np.asarray(a, order="C"), n) for n, a in self.g.initializers.items() if n in used]

    def _info(self, handle: Handle, name: str, axes: Mapping[int, str]) -> Any:
        known = {
            h.shape[a].values: s
            for h in self.inputs
            for a, s in self.free[h.name].items()
            if isinstance(h.shape[a], Extent)
        }
        shape: list[Any] = []
        for axis, n in enumerate(handle.shape):
            shape.append(axes.get(axis) or known.get(n.values, f"{name}_dim_{axis}") if isinstance(n, Extent) else n)
        return self.g.onnx.helper.make_tensor_value_info(name, self.g.elem_type(handle.dtype), shape)


def _names_in(node: Any) -> Iterator[str]:
    """The names a node uses, also inside the graphs among its attributes."""
    yield from node.input
    for attribute in node.attribute:
        for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
            for other in inner.node:
                yield from _names_in(other)
