"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from metagrad.ops.shape.joining import cat
from metagrad.tensors.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters, one after the other.

    >>> import metagrad
    >>> layer = metagrad.nn.Linear(3, 2)
    >>> parameters_to_vector(layer.parameters()).shape
    metagrad.Size([8])
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give the parameters the values of a vector that ``parameters_to_vector`` made.

    Raises TypeError if it is no tensor.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for p in parameters:
        p.data = vec[start : start + p.numel()].reshape(tuple(p.shape)).data
        start += p.numel()
