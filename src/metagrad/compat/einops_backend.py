"""einops on metagrad's tensors under metagrad's own name: ``metagrad.einops_backend.install()``, once, and einops takes them.

einops asks the subclasses of its ``AbstractBackend`` which of them knows a tensor; ``install`` defines one more, and einops itself
is left as it is. Its layers (``einops.layers.torch``) import PyTorch by name: for them there is ``metagrad.alias.install()``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.base import dtypes
from metagrad.base.optional import need
from metagrad.base.typing import Array
from metagrad.ops.create.from_data import as_tensor
from metagrad.ops.create.ranges import arange
from metagrad.ops.linalg.contraction import einsum
from metagrad.ops.shape.joining import cat, stack
from metagrad.tensors.tensor import Tensor

__all__ = ["Operations", "install"]

_installed: list[type] = []  # einops finds a class only as long as somebody holds it


def install() -> None:
    """From here on einops works on metagrad's tensors. Raises MissingExtra if einops is not installed.

    >>> import metagrad
    >>> metagrad.einops_backend.install()
    >>> import einops
    >>> einops.rearrange(metagrad.arange(6), "(h w) -> w h", w=2)
    tensor([[0, 2, 4],
            [1, 3, 5]])
    """
    if not _installed:
        abstract = need("einops._backends", extra="einops").AbstractBackend
        _installed.append(type("MetagradBackend", (Operations, abstract), {}))


class Operations:
    """What einops asks of a library, answered by the ops."""

    framework_name = "metagrad"

    def is_appropriate_type(self, tensor: object) -> bool:
        """Whether it is a tensor of metagrad's."""
        return isinstance(tensor, Tensor)

    def from_numpy(self, x: Array) -> Tensor:
        """A tensor with the values of an array; floating-point ones want a gradient."""
        tensor = as_tensor(x)
        return tensor.requires_grad_(self.is_float_type(tensor))

    def to_numpy(self, x: Tensor) -> Array:
        """The values as an array of NumPy's."""
        return np.asarray(x.detach().cpu().numpy())

    def arange(self, start: int, stop: int) -> Tensor:
        """The integers from ``start`` to ``stop`` − 1."""
        return arange(start, stop, dtype=dtypes.int64)

    def reduce(self, x: Tensor, operation: str, axes: tuple[int, ...]) -> Tensor:
        """One of min, max, sum, mean, prod, any and all along several dimensions."""
        if operation in ("min", "max"):
            return getattr(x, f"a{operation}")(dim=tuple(axes))
        if operation in ("sum", "mean"):
            return getattr(x, operation)(dim=tuple(axes))
        for axis in sorted(axes, reverse=True):  # prod, any and all take one dimension
            x = getattr(x, operation)(dim=axis)
        return x

    def transpose(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        """The dimensions in another order."""
        return x.permute(axes)

    def stack_on_zeroth_dimension(self, tensors: list[Tensor]) -> Tensor:
        """Tensors of one shape along a new first dimension."""
        return stack(tensors)

    def add_axes(self, x: Tensor, n_axes: int, pos2len: dict[int, int]) -> Tensor:
        """New dimensions that repeat the tensor, without a copy."""
        repeats = [-1] * n_axes
        for position, length in pos2len.items():
            x = self.add_axis(x, position)
            repeats[position] = length
        return x.expand(repeats)

    def add_axis(self, x: Tensor, new_position: int) -> Tensor:
        """A new dimension of one element."""
        return x.unsqueeze(new_position)

    def tile(self, x: Tensor, repeats: tuple[int, ...]) -> Tensor:
        """The tensor repeated along each dimension."""
        return x.repeat(repeats)

    def concat(self, tensors: list[Tensor], axis: int) -> Tensor:
        """Tensors one after another along a dimension."""
        return cat(tensors, dim=axis)

    def is_float_type(self, x: Tensor) -> bool:
        """Whether its dtype is a floating-point one: those have means."""
        return x.dtype.is_floating_point

    def einsum(self, pattern: str, *x: Any) -> Tensor:
        """A sum of products along named dimensions."""
        return einsum(pattern, *x)
