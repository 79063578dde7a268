"""ShapeProp: a graph run once, with shapes and dtypes noted at every step."""

from __future__ import annotations

from typing import Any, NamedTuple

from metagrad.base.dtypes import dtype
from metagrad.base.layouts import channels_last, channels_last_3d, contiguous_format, memory_format
from metagrad.base.size import Size
from metagrad.compat.fx.interpreter import Interpreter
from metagrad.compat.fx.node import Node, map_aggregate
from metagrad.tensors.tensor import Tensor

__all__ = ["ShapeProp", "TensorMetadata"]


class TensorMetadata(NamedTuple):
    """What of a tensor is known without its elements."""

    shape: Size
    dtype: dtype
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: memory_format | None
    is_quantized: bool
    qparams: dict[str, Any]


def _extract_tensor_metadata(result: Tensor, include_contiguity: bool = True) -> TensorMetadata:
    """What is known of a tensor; its memory format only where it is asked for."""
    kinds = (contiguous_format, channels_last, channels_last_3d) if include_contiguity else ()
    laid_out = [f for f in kinds if result.dim() == {channels_last: 4, channels_last_3d: 5}.get(f, result.dim())]
    order = next((f for f in laid_out if result.is_contiguous(memory_format=f)), None)
    strides: Any = result.stride()
    return TensorMetadata(result.shape, result.dtype, result.requires_grad, strides, order, False, {})


class ShapeProp(Interpreter):
    """Runs a module's graph and notes ``tensor_meta`` and ``type`` in the ``meta`` of every node.

    >>> import metagrad
    >>> from metagrad import fx
    >>> traced = fx.symbolic_trace(lambda x: x.sum(0))
    >>> _ = ShapeProp(traced).propagate(metagrad.zeros(2, 3))
    >>> [tuple(node.meta["tensor_meta"].shape) for node in traced.graph.nodes]
    [(2, 3), (3,), (3,)]
    """

    def run_node(self, n: Node) -> Any:
        """What a step gives, noted."""
        result = super().run_node(n)
        found = False

        def described(x: Any) -> Any:
            nonlocal found
            if isinstance(x, Tensor):
                found = True
                return _extract_tensor_metadata(x)
            return x

        meta = map_aggregate(result, described)
        if found:
            n.meta["tensor_meta"] = meta
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args: Any) -> Any:
        """Run with these arguments; returns what the module would."""
        return super().run(*args)
