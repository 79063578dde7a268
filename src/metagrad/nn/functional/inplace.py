"""The in-place forms of activation functions: ``relu_(x)`` writes into x, as ``relu(x, inplace=True)`` does."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from metagrad.nn.functional import activation, dropouts
from metagrad.ops.arguments import WithoutOut, no_out

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "alpha_dropout_", "celu_", "dropout_", "elu_", "feature_alpha_dropout_", "hardtanh_", "leaky_relu_", "relu_", "rrelu_",
    "selu_", "threshold_",
]  # fmt: skip


def _in_place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(function, assigned=())
    def written(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if "out" in kwargs:
            raise no_out(written.__name__)
        return function(input, *args, inplace=True, **kwargs)

    vars(written)["__wrapped__"] = WithoutOut(function)
    written.__name__ = written.__qualname__ = f"{function.__name__}_"
    written.__doc__ = f"In-place form of ``{function.__name__}``: the tensor itself takes the result, and is returned."
    return written


alpha_dropout_ = _in_place(dropouts.alpha_dropout)
celu_ = _in_place(activation.celu)
dropout_ = _in_place(dropouts.dropout)
elu_ = _in_place(activation.elu)
feature_alpha_dropout_ = _in_place(dropouts.feature_alpha_dropout)
hardtanh_ = _in_place(activation.hardtanh)
leaky_relu_ = _in_place(activation.leaky_relu)
relu_ = _in_place(activation.relu)
rrelu_ = _in_place(activation.rrelu)
selu_ = _in_place(activation.selu)
threshold_ = _in_place(activation.threshold)
