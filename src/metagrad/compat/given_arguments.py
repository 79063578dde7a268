"""What a class that is asked gets of a call's arguments.

PyTorch's functions in C hand on what they were given. Those in Python give their required arguments by position and all
others by name, defaults among them; so a graph of a program says ``dropout(x, p = 0.5, training = True, inplace = False)``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["IN_FUNCTIONAL", "Given", "given_by"]

Given = Callable[[Any, Any], tuple[Any, Any]]

_IN_C = set(  # of nn.functional: those that hand on what they were given
    "adaptive_avg_pool1d alpha_dropout_ avg_pool1d avg_pool2d avg_pool3d bilinear celu_ channel_shuffle conv1d conv2d conv3d "
    "conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity dropout_ elu_ feature_alpha_dropout_ gelu "
    "hardshrink hardtanh_ leaky_relu_ linear logsigmoid native_channel_shuffle one_hot pairwise_distance pdist pixel_shuffle "
    "pixel_unshuffle prelu relu_ rrelu_ scaled_dot_product_attention selu_ sigmoid softplus softshrink tanh threshold_".split()
)
_IN_PYTHON = set(
    "cdist norm split stft tensordot lu unravel_index meshgrid unique unique_consecutive".split()
)  # of torch
IN_FUNCTIONAL = _IN_PYTHON | set(  # known as torch.functional.norm and so on
    "einsum atleast_1d atleast_2d atleast_3d block_diag broadcast_tensors cartesian_prod chain_matmul".split()
)
_IN_PYTHON |= set("pca_lowrank svd_lowrank constant_ kaiming_uniform_ normal_ uniform_".split())  # and of nn.init
_METHODS = set("backward istft lu norm split stft unique unique_consecutive".split())
_BY_POSITION = {"split": 2, "unravel_index": 1, "constant_": 0, "kaiming_uniform_": 0, "normal_": 0, "uniform_": 0}
_LAST = ("dtype",)  # in ``norm``, after ``out``
_NOT_THERE = {  # arguments that PyTorch has not, or not there; handed on where they were given
    "layer_norm": "cudnn_enable", "softmax": "axis", "log_softmax": "axis", "split": "split_size", "threshold": "out",
    "l1_loss": "weight",
}  # fmt: skip


def given_by(space: str, name: str, function: Callable[..., Any]) -> Given | None:
    """What makes of a function's arguments those that a class gets; None if it gets them as they are."""
    if space == "Tensor":
        return _Python(name, function).given if name in _METHODS else None
    there = name not in _IN_C if space == "nn.functional" else name in _IN_PYTHON and space in ("", "nn.init")
    return _Python(name, function).given if there else None


class _Python:
    """A function that PyTorch has in Python."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name, self.function = name, function
        self.signature: inspect.Signature | None = None

    def given(self, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """The required arguments, and the others by their names; as they are if the call is a wrong one."""
        if self.signature is None:
            self.signature = inspect.signature(self.function)
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError:
            return args, kwargs
        parameters = list(self.signature.parameters.values())
        if self.name == "norm":
            parameters.sort(key=lambda p: p.name in _LAST)
        required = sum(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in parameters)
        count = _BY_POSITION.get(self.name, required)
        first: list[Any] = []
        named: dict[str, Any] = {}
        for position, p in enumerate(parameters):
            value = bound.arguments.get(p.name, p.default)
            if p.kind is p.VAR_POSITIONAL:
                first += bound.arguments.get(p.name, ())
            elif p.kind is p.VAR_KEYWORD:
                named |= bound.arguments.get(p.name, {})
            elif position < count and p.kind is not p.KEYWORD_ONLY:
                first.append(value)
            elif p.name in bound.arguments or p.name != _NOT_THERE.get(self.name):
                named[p.name] = value
        return tuple(first), named
