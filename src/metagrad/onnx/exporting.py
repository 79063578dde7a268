"""``export``: a model as an ONNX file.

The model is run three times (twice, if no extent is free) with inputs of different extents and values, each time on arrays
that note what is done with them; the runs are laid over each other, and what they have in common is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from metagrad.onnx.assembling import Assembler
from metagrad.onnx.converters import registry
from metagrad.onnx.dimensions import free_extents
from metagrad.onnx.errors import ExportError
from metagrad.onnx.inputs import Inputs, argument_names, arguments, input_names_of
from metagrad.onnx.runs import evaluating, runs_of
from metagrad.onnx.writing import write_model

DEFAULT_OPSET = 23
OPSETS = range(18, 25)


def export(
    model: Any,
    args: Any = (),
    path: Any = None,
    *,
    f: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamic_axes: Mapping[str, Any] | None = None,
    dynamic_shapes: Any = None,
    verify: bool = False,
    external_data: bool | None = None,
    training: Any = False,
    metadata: Mapping[str, str] | None = None,
    **ignored: Any,
) -> Any:
    """Write a model as an ONNX file, and return the ``onnx.ModelProto``.

    model: a Module (written as in eval mode, unless training says "preserve") or any function of tensors. args: its
    arguments; the tensors among them are the file's inputs, in order; a PackedSequence is two, the padded batch (T, B, *) and
    its lengths (B). path (PyTorch's ``f``): where to; None writes nothing. input_names, output_names: names, else
    ``input_0``, …, ``output_0``, …. dynamic_axes: ``{"input_0": {0: "batch"}}``, extents that are to be free; or dynamic_shapes, a
    tuple with one such dict for each input, or a dict by argument or input. opset_version: 18 to 24, 23 if None. verify:
    run the file in ``onnx.reference`` and compare. external_data: keep the numbers in a file beside it, which is done anyway for
    2 GB and more. metadata: strings for the file. PyTorch's other settings are accepted, and change nothing.

    Parameters keep the names they have in ``state_dict``. Raises ``ExportError`` with the line for what cannot be written down.

    >>> import metagrad
    >>> from metagrad import nn
    >>> proto = metagrad.onnx.export(nn.Linear(3, 2), metagrad.ones(5, 3), dynamic_axes={"input_0": {0: "batch"}})
    >>> [node.op_type for node in proto.graph.node], [w.name for w in proto.graph.initializer]
    (['Gemm'], ['weight', 'bias'])
    """
    _check_settings(ignored)
    path = f if path is None else path
    opset = DEFAULT_OPSET if opset_version is None else int(opset_version)
    if opset not in OPSETS:
        raise ExportError(f"opset_version must be from {OPSETS[0]} to {OPSETS[-1]}, got {opset}")
    args, kwargs = arguments(args, kwargs)
    inputs = Inputs(args, kwargs)
    names = input_names_of(inputs, input_names)
    free = free_extents(
        names, [a.shape for a in inputs.arrays], dynamic_axes, dynamic_shapes, argument_names(model, inputs)
    )
    with evaluating(model, training):
        runs = runs_of(model, inputs, names, free, opset)
    proto = Assembler(runs, names, free, opset, output_names, dynamic_axes).proto(model, metadata)
    if verify:
        from metagrad.onnx.verifying import verify_model

        verify_model(proto, runs, names)
    if path is not None:
        write_model(proto, path, external_data)
    return proto


_KNOWN = {
    "export_params", "verbose", "input_names", "keep_initializers_as_inputs", "do_constant_folding", "dynamo", "report", "optimize",
    "profile", "dump_exported_program", "artifacts_dir", "fallback", "custom_opsets", "operator_export_type",
    "export_modules_as_functions", "autograd_inlining", "custom_translation_table",
}  # fmt: skip


def _check_settings(ignored: Mapping[str, Any]) -> None:
    unknown = sorted(set(ignored) - _KNOWN)
    if unknown:
        raise TypeError(f"export() got an unexpected keyword argument {unknown[0]!r}")
    if ignored.get("export_params") is False:
        raise ExportError("export_params=False: a file without the parameters is not written")
    if ignored.get("custom_translation_table"):
        raise ExportError(
            "custom_translation_table is PyTorch's: register converters with metagrad.onnx.register_converter"
        )


def register_converter(op: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Marks how an op of your own is written down.

    op: a subclass of ``metagrad.autograd.Function``. The converter is called as ``convert(g, step, *inputs, **params)`` with what
    ``apply`` was called with, handles standing for tensors; ``g.op("Relu", x)`` adds a node and gives its result's name,
    ``domain=`` one of another set of operators. It returns the name of the result, or a list of names.

    >>> import metagrad
    >>> class Double(metagrad.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    >>> @metagrad.onnx.register_converter(Double)
    ... def double(g, step, x):
    ...     return g.op("Add", x, x)
    >>> proto = metagrad.onnx.export(lambda x: Double.apply(x), metagrad.ones(2))
    >>> [node.op_type for node in proto.graph.node]
    ['Add']
    """

    def mark(converter: Callable[..., Any]) -> Callable[..., Any]:
        registry.CUSTOM[op] = converter
        return converter

    return mark
