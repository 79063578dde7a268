"""``torch.ao.quantization`` for models that may be quantized: the marks they carry. Quantization itself is left out.

Until a model is converted, a mark returns what it is given, in PyTorch as here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from metagrad.nn.modules.linear import Identity
from metagrad.nn.modules.module import Module
from metagrad.ops.pointwise.activation import relu
from metagrad.ops.shape.joining import cat
from metagrad.tensors.tensor import Tensor

__all__ = [
    "DeQuantStub", "FakeQuantizeBase", "FloatFunctional", "HistogramObserver", "MinMaxObserver", "ObserverBase",
    "PerChannelMinMaxObserver", "QConfig", "QuantStub", "QuantWrapper",
]  # fmt: skip


class QuantStub(Module):
    """Where integers would begin: y = x, in any shape.

    >>> QuantStub()(1.5)
    1.5
    """

    def __init__(self, qconfig: Any = None) -> None:
        super().__init__()
        if qconfig is not None:
            self.qconfig = qconfig

    def forward(self, x: Tensor) -> Tensor:
        """x."""
        return x


class DeQuantStub(QuantStub):
    """Where they would end: y = x, in any shape."""


class ObserverBase(Module):
    """What would note the range of numbers: a class to ask for. Making one raises NotImplementedError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__}: quantization is left out")


class FakeQuantizeBase(ObserverBase):
    """What would round as integers do."""


class MinMaxObserver(ObserverBase):
    """What would note the smallest and the largest number."""


class PerChannelMinMaxObserver(MinMaxObserver):
    """As the above, of each channel."""


class HistogramObserver(ObserverBase):
    """What would count numbers."""


class QConfig(NamedTuple):
    """What would note the ranges of a layer's results, and of its weight."""

    activation: Any
    weight: Any


class QuantWrapper(Module):
    """A module between the two marks.

    >>> import metagrad
    >>> QuantWrapper(metagrad.nn.ReLU())(metagrad.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, module: Module) -> None:
        super().__init__()
        qconfig = getattr(module, "qconfig", None)
        self.quant, self.dequant, self.module = QuantStub(qconfig), DeQuantStub(qconfig), module
        self.train(module.training)

    def forward(self, X: Tensor) -> Tensor:
        """The module's result."""
        result: Tensor = self.dequant(self.module(self.quant(X)))
        return result


class FloatFunctional(Module):
    """Operators as a module, which a model that may be quantized has in their place.

    >>> import metagrad
    >>> FloatFunctional().add_relu(metagrad.tensor([-1.0, 2.0]), 0.5)
    tensor([0.0000, 2.5000])
    """

    def __init__(self) -> None:
        super().__init__()
        self.activation_post_process = Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Raises RuntimeError: there is one method for each operator."""
        raise RuntimeError("FloatFunctional is not intended to use the 'forward'. Please use the underlying operation")

    def add(self, x: Tensor, y: Any) -> Tensor:
        """x + y."""
        return cast("Tensor", self.activation_post_process(x + y))

    def mul(self, x: Tensor, y: Any) -> Tensor:
        """x · y."""
        return cast("Tensor", self.activation_post_process(x * y))

    add_scalar, mul_scalar = add, mul

    def matmul(self, x: Tensor, y: Tensor) -> Tensor:
        """x @ y."""
        return cast("Tensor", self.activation_post_process(x @ y))

    def cat(self, x: Sequence[Tensor], dim: int = 0) -> Tensor:
        """The tensors one after the other along a dimension."""
        return cast("Tensor", self.activation_post_process(cat(x, dim)))

    def add_relu(self, x: Tensor, y: Any) -> Tensor:
        """max(x + y, 0)."""
        return cast("Tensor", self.activation_post_process(relu(x + y)))


def __getattr__(name: str) -> Any:
    """Everything else says that it is missing."""
    raise AttributeError(f"module 'ao.quantization' has no attribute {name!r}: quantization is left out")
