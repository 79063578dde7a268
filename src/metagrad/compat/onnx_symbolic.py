"""How PyTorch's older exporter was taught to write a library's own ops, which libraries register when they are imported.

What they register is kept and never asked: it is written with the steps of that exporter, which metagrad does not have.
``metagrad.onnx.register_converter`` teaches metagrad's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metagrad.tensors.tensor import Tensor

__all__ = ["parse_args", "register_custom_op_symbolic", "unregister_custom_op_symbolic"]

_registered: dict[tuple[str, int], Callable[..., Any]] = {}


def parse_args(*arg_descriptors: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that returns what it decorates."""
    return lambda function: function


def register_custom_op_symbolic(symbolic_name: str, symbolic_fn: Callable[..., Any], opset_version: int) -> None:
    """Keep how ``namespace::op`` is written from a version of ONNX's operators on. Raises ValueError for another form of name.

    >>> register_custom_op_symbolic("example::twice", lambda g, x: g.op("Add", x, x), 11)
    """
    if symbolic_name.count("::") != 1:
        raise ValueError(f'expected a name such as "namespace::op", got {symbolic_name!r}')
    _registered[symbolic_name, opset_version] = symbolic_fn


def unregister_custom_op_symbolic(symbolic_name: str, opset_version: int) -> None:
    """Forget it.

    >>> unregister_custom_op_symbolic("example::twice", 11)
    """
    _registered.pop((symbolic_name, opset_version), None)


def __getattr__(name: str) -> Any:
    """A step of that exporter, which has the name of the op it writes: raises NotImplementedError when it is called."""
    if name.startswith("_") or not hasattr(Tensor, name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"{name} is a step of PyTorch's older exporter: metagrad.onnx.register_converter says how an op is written here"
        )

    return refuse
