"""Masked softmax and its relatives, and vectors made to have length 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from metagrad.base.typing import DTypeLike
from metagrad.masked.reductions import kept, norm, of_dtype
from metagrad.ops.arguments import floats
from metagrad.ops.reduce import softmax as softmaxes

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def softmax(input: Tensor, dim: int, *, dtype: DTypeLike = None, mask: Tensor | None = None) -> Tensor:
    """eˣ / Σ eˣ along ``dim`` over the elements that the mask lets in, 0 for the others; nan where there are none.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.softmax(x, 0, mask=mask)
    tensor([0.7311, 0.0000, 0.2689])
    """
    return softmaxes.softmax(kept(floats("softmax_kernel_impl", of_dtype(input, dtype)), mask, -math.inf), dim)


def log_softmax(input: Tensor, dim: int, *, dtype: DTypeLike = None, mask: Tensor | None = None) -> Tensor:
    """x − ln Σ eˣ along ``dim`` over the elements that the mask lets in, −∞ for the others.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.log_softmax(x, 0, mask=mask)
    tensor([-0.3133,    -inf, -1.3133])
    """
    return softmaxes.log_softmax(kept(floats("log_softmax_kernel_impl", of_dtype(input, dtype)), mask, -math.inf), dim)


def softmin(input: Tensor, dim: int, *, dtype: DTypeLike = None, mask: Tensor | None = None) -> Tensor:
    """The softmax of −x along ``dim`` over the elements that the mask lets in, 0 for the others.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.softmin(x, 0, mask=mask)
    tensor([0.2689, 0.0000, 0.7311])
    """
    return softmaxes.softmax(-kept(of_dtype(input, dtype), mask, math.inf), dim)


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: DTypeLike = None, mask: Tensor | None = None
) -> Tensor:
    """x / max(‖x‖, eps), the norm along ``dim`` that of the elements that the mask lets in; 0 for the others.

    Raises TypeError if the mask is not bool, and IndexError if it has more dimensions than the input.

    >>> import metagrad
    >>> x, mask = metagrad.tensor([3.0, 1.0, 2.0]), metagrad.tensor([True, False, True])
    >>> metagrad.masked.normalize(x, 2, 0, mask=mask)
    tensor([0.8321, 0.0000, 0.5547])
    """
    x = of_dtype(input, dtype)
    return kept(x, mask, 0) / norm(x, ord, dim, keepdim=True, mask=mask).clamp(min=eps)
