"""``load``: an ONNX file as a trainable Module."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.onnx.errors import LoadError, UnsupportedOperators
from metagrad.onnx.internals import Module, Parameter, Variable, wrap
from metagrad.onnx.reading import array_of, check_functions, check_graph, read_model
from metagrad.onnx.running import Library, Program, lacking


class OnnxModel(Module):
    """What ``load`` returns. Its parameters are the file's numbers, under their names; called with the file's inputs, in order or
    by name, it gives the output, or a tuple of several.

    ``input_names``, ``output_names``; ``metadata``, the strings the file was given.
    """

    def __init__(self, proto: Any, folder: Any = None) -> None:
        super().__init__()
        library = Library(proto, folder)
        check_graph(proto.graph)
        check_functions(proto)
        missing = lacking(proto.graph, library, library.opsets)
        for function in proto.functions:
            own = {("" if o.domain == "ai.onnx" else o.domain): o.version for o in function.opset_import}
            missing |= lacking(function, library, own)
        if missing:
            raise UnsupportedOperators(
                f"the model uses operators that metagrad does not have: {', '.join(sorted(missing))}"
            )
        numbers = {t.name: array_of(t, folder) for t in proto.graph.initializer}
        for sparse in proto.graph.sparse_initializer:
            numbers[sparse.values.name] = _dense(sparse, folder)
        self._places = {
            name: self._keep(name, array, name in _statistics(proto.graph)) for name, array in numbers.items()
        }
        self._strings = {n: a for n, a in numbers.items() if a.dtype == object}
        try:
            self._program = Program(proto.graph, library, library.opsets, dict.fromkeys(numbers))
        except NotImplementedError as error:
            raise UnsupportedOperators(f"the model uses {error}, which metagrad does not have") from None
        self.input_names = [i.name for i in proto.graph.input if i.name not in numbers]
        self.output_names = [o.name for o in proto.graph.output]
        self._program.inputs = list(self.input_names)
        self.metadata = {p.key: p.value for p in proto.metadata_props}

    def _keep(self, name: str, array: Any, statistic: bool) -> tuple[Any, str]:
        """Register numbers under a name, modules for its parts: floats with dimensions as parameters, the rest as buffers."""
        if array.dtype == object:
            return self, ""
        *path, last = name.split(".")
        module: Any = self
        for part in path:
            if not part or part in module._parameters or part in module._buffers or not _free(module, part, Module):
                module, last = self, name.replace(".", "_")
                break
            if part not in module._modules:
                module.add_module(part, Module())
            module = module._modules[part]
        last = _unused(module, last or "_")
        # A number without dimensions is a constant of some formula, and what batch norm counted is not learned.
        if array.dtype.kind == "f" and array.ndim and not statistic:
            module.register_parameter(last, Parameter(wrap(array.copy())))
        else:
            module.register_buffer(last, wrap(array.copy()))
        return module, last

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The outputs for inputs in order, or by name."""
        if len(inputs) > len(self.input_names):
            raise TypeError(f"the model takes {len(self.input_names)} inputs {self.input_names}, got {len(inputs)}")
        given = dict(zip(self.input_names, inputs, strict=False))
        twice = [n for n in named if n in given or n not in self.input_names]
        if twice:
            raise TypeError(f"unexpected input {twice[0]!r}: the inputs are {self.input_names}")
        given.update(named)
        lacking_inputs = [n for n in self.input_names if n not in given]
        if lacking_inputs:
            raise TypeError(f"missing inputs {lacking_inputs}: the inputs are {self.input_names}")
        self._program.constants.update(
            {n: self._strings[n] if n in self._strings else getattr(m, a) for n, (m, a) in self._places.items()}
        )
        found = self._program.run([_as_tensor(given[n]) for n in self.input_names])
        return found[0] if len(found) == 1 else tuple(found)

    def extra_repr(self) -> str:
        """What goes in and out."""
        return f"{', '.join(self.input_names)} -> {', '.join(self.output_names)}"


def _as_tensor(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_tensor(v) for v in value]
    return wrap(value) if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiubc" else value


def _free(module: Any, part: str, kind: type) -> bool:
    return part in module._modules or not hasattr(module, part)


def _unused(module: Any, name: str) -> str:
    """A name that the module has not yet."""
    name = name.replace(".", "_")
    candidate, number = name, 1
    while hasattr(module, candidate):
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def _statistics(graph: Any) -> set[str]:
    """The means and variances of batch normalizations."""
    return {name for node in graph.node if node.op_type == "BatchNormalization" for name in list(node.input)[3:5]}


def _dense(sparse: Any, folder: Any) -> Any:
    """A sparse tensor with its zeros."""
    values, places, dims = array_of(sparse.values, folder), array_of(sparse.indices, folder), tuple(sparse.dims)
    if any(n < 0 for n in dims) or math.prod(dims) > 1 << 28:
        raise LoadError(f"a sparse tensor of shape {list(dims)}")
    found = np.zeros(math.prod(dims), values.dtype)
    flat = places if places.ndim == 1 else np.ravel_multi_index(tuple(places.T), dims)
    if flat.shape != values.shape or flat.size and (flat.min() < 0 or flat.max() >= found.size):
        raise LoadError(f"a sparse tensor of shape {list(dims)} has numbers at places outside of it")
    found[flat] = values
    return found.reshape(dims)


def load(path: Any) -> OnnxModel:
    """A Module of an ONNX file, which computes what the file says, and can be trained.

    path: the file; or its bytes, an open file, or an ``onnx.ModelProto``. Parameters have the initializers' names. Raises
    ``LoadError`` for what is no sound model (``UnsupportedOperators``, naming all of them, if it uses operators that metagrad does
    not have), before anything is computed; nothing in a file is run but its operators.

    >>> import metagrad
    >>> from metagrad import nn
    >>> proto = metagrad.onnx.export(nn.Linear(3, 2), metagrad.ones(1, 3))
    >>> model = metagrad.onnx.load(proto)
    >>> list(model.state_dict()), model(metagrad.ones(1, 3)).shape
    (['weight', 'bias'], metagrad.Size([1, 2]))
    """
    proto, folder = read_model(path)
    try:
        return OnnxModel(proto, folder)
    except NotImplementedError as error:
        raise UnsupportedOperators(f"the model uses {error}, which metagrad does not have") from None


__all__ = ["OnnxModel", "Variable", "load"]
