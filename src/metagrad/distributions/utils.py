"""What distributions are written with: parameters of one shape, probabilities and logits, a property computed once."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number as AnyNumber
from typing import Any

from metagrad.autograd.mode import enable_grad
from metagrad.base.dtypes import finfo, get_default_dtype
from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.nn.functional.loss import binary_cross_entropy_with_logits
from metagrad.ops.create import from_data
from metagrad.ops.create.sampling import randn
from metagrad.ops.pointwise import exponential
from metagrad.ops.shape import broadcasting, triangular
from metagrad.tensors.tensor import Tensor

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits", "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]  # fmt: skip

euler_constant = 0.5772156649015329


def broadcast_all(*values: Tensor | float) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape; numbers take the first tensor's dtype.

    Raises ValueError for what is neither.

    >>> import metagrad
    >>> broadcast_all(metagrad.zeros(2), 1.0)
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    for value in values:
        if not isinstance(value, (Tensor, AnyNumber)):
            raise ValueError(
                "Input arguments must all be instances of Number, metagrad.Tensor or objects implementing __torch_function__, got "
                f"{type(value).__name__}: make a tensor of it"
            )
    known = [v for v in values if isinstance(v, Tensor)]
    kind, device = (known[0].dtype, known[0].device) if known else (get_default_dtype(), None)
    tensors = [v if isinstance(v, Tensor) else from_data.tensor(v, dtype=kind, device=device) for v in values]
    return tuple(broadcasting.broadcast_tensors(*tensors)) if len(tensors) > 1 else tuple(tensors)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """σ(logits) of each, if ``is_binary``; else softmax over the last dimension."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities away from 0 and 1 by the dtype's eps, so that logarithms are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """log p / (1 - p) of each, if ``is_binary``; else log p.

    >>> import metagrad
    >>> probs_to_logits(metagrad.tensor([0.5]), is_binary=True)
    tensor([0.])
    """
    p = clamp_probs(probs)
    return exponential.log(p) - exponential.log1p(-p) if is_binary else exponential.log(p)


def binary_entropy(logits: Tensor, probs: Tensor) -> Tensor:
    """-p log p - (1 - p) log (1 - p), by both."""
    return binary_cross_entropy_with_logits(logits, probs, reduction="none")


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """What stands on and below a diagonal, row by row: (*, n, n) to (*, how many).

    Raises ValueError for a diagonal that the matrix has not.
    """
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = triangular.tril_indices(n, n, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """The way back: numbers into the lower triangle, row by row. Raises ValueError for a number of them that fits none.

    >>> import metagrad
    >>> vec_to_tril_matrix(metagrad.tensor([1.0, 2.0, 3.0]))
    tensor([[1., 0.],
            [2., 3.]])
    """
    count = vec.shape[-1]
    n = round((-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2)
    rows, columns = triangular.tril_indices(n, n, diag)
    if len(rows) != count:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower triangular part"
        )
    return vec.new_zeros((*vec.shape[:-1], n, n)).index_put((..., rows, columns), vec)


class lazy_property:
    """A property that is computed when it is first asked for, and kept.

    >>> class Square:
    ...     def __init__(self, side): self.side = side
    ...     @lazy_property
    ...     def area(self): return self.side**2
    >>> Square(3).area
    9
    """

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def _sum_rightmost(value: Tensor, dim: int) -> Tensor:
    """The sum over the last ``dim`` dimensions."""
    return value if dim == 0 else value.reshape(*value.shape[: value.dim() - dim], -1).sum(-1)


def _standard_normal(shape: Any, dtype: DTypeLike, device: DeviceLike) -> Tensor:
    """Standard normal numbers."""
    return randn(tuple(shape), dtype=dtype, device=device)
