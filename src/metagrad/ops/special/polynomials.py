"""Orthogonal polynomials of whole degree n, by the recurrences that define them. No derivatives, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import quiet
from metagrad.autograd.variable import Variable, as_array, wrap
from metagrad.base.typing import Array, Operand
from metagrad.kernels.libraries import filled
from metagrad.ops.arguments import floating, takes_out
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.operands import float_operands, need_a_tensor

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p",
    "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
]  # fmt: skip

Next = Callable[[int, Array, Array, Array], Array]  # (k, x, p of degree k, p of degree k − 1) -> p of degree k + 1


@quiet
def _evaluated(input: Operand, n: Operand, first: Callable[[Array], Array], following: Next) -> Tensor:
    """pₙ(x) with p₀ = 1 and p₁ = ``first``; 0 for negative n."""
    need_a_tensor("a polynomial of degree n", input, n)
    x, degree = float_operands(input, n)
    given: Any = x if isinstance(x, Variable) else degree
    refuse(following.__name__.lstrip("_"), given, "ce")
    like = given.array
    kind = like.dtype
    x, degree = (v.array if hasattr(v, "array") else filled((), v, kind, like) for v in (x, degree))
    degree = np.where(np.isfinite(degree), np.trunc(degree), -1)
    highest = _highest_degree(degree)
    x, degree = np.broadcast_arrays(x, degree)
    before, now = np.zeros_like(x), np.ones_like(x)
    y = np.where(degree == 0, now, 0).astype(x.dtype, copy=False)
    for k in range(highest):
        after = following(k, x, now, before) if k else first(x)
        before, now = now, as_array(after).astype(x.dtype, copy=False)
        y = np.where(degree == k + 1, now, y)
    return wrap(y)


def _highest_degree(degree: Array) -> int:
    """How many steps there are: an export to ONNX refuses a degree that it does not know (``onnx/callers.py``)."""
    return int(degree.max()) if degree.size else -1


def _chebyshev(k: int, x: Array, now: Array, before: Array) -> Array:
    return 2 * x * now - before


def _shifted(input: Operand) -> Operand:
    return floating(input) * 2 - 1 if isinstance(input, Variable) else input * 2 - 1


@takes_out
def chebyshev_polynomial_t(input: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Tₙ(x), of the first kind: T₁ = x, Tₖ₊₁ = 2x Tₖ − Tₖ₋₁.

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.special.chebyshev_polynomial_t(metagrad.tensor([0.5]), 2)
    tensor([-0.5000])
    """
    return _evaluated(input, n, lambda x: x, _chebyshev)


@takes_out
def chebyshev_polynomial_u(input: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Uₙ(x), of the second kind: U₁ = 2x, the recurrence as for T.

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.special.chebyshev_polynomial_u(metagrad.tensor([0.5, 1.0]), 2)
    tensor([0., 3.])
    """
    return _evaluated(input, n, lambda x: 2 * x, _chebyshev)


@takes_out
def chebyshev_polynomial_v(input: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Vₙ(x), of the third kind: V₁ = 2x − 1, the recurrence as for T.

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.special.chebyshev_polynomial_v(metagrad.tensor([0.5, 1.0]), 2)
    tensor([-1.,  1.])
    """
    return _evaluated(input, n, lambda x: 2 * x - 1, _chebyshev)


@takes_out
def chebyshev_polynomial_w(input: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Wₙ(x), of the fourth kind: W₁ = 2x + 1, the recurrence as for T.

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.special.chebyshev_polynomial_w(metagrad.tensor([0.5, 1.0]), 2)
    tensor([1., 5.])
    """
    return _evaluated(input, n, lambda x: 2 * x + 1, _chebyshev)


@takes_out
def shifted_chebyshev_polynomial_t(input: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Tₙ(2x − 1).

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.special.shifted_chebyshev_polynomial_t(metagrad.tensor([0.75]), 2)
    tensor([-0.5000])
    """
    return chebyshev_polynomial_t(_shifted(input), n)


@takes_out
def shifted_chebyshev_polynomial_u(input: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Uₙ(2x − 1).

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.special.shifted_chebyshev_polynomial_u(metagrad.tensor([0.75]), 2)
    tensor([0.])
    """
    return chebyshev_polynomial_u(_shifted(input), n)


@takes_out
def shifted_chebyshev_polynomial_v(input: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Vₙ(2x − 1).

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.special.shifted_chebyshev_polynomial_v(metagrad.tensor([0.75]), 2)
    tensor([-1.])
    """
    return chebyshev_polynomial_v(_shifted(input), n)


@takes_out
def shifted_chebyshev_polynomial_w(input: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Wₙ(2x − 1).

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.special.shifted_chebyshev_polynomial_w(metagrad.tensor([0.75]), 2)
    tensor([1.])
    """
    return chebyshev_polynomial_w(_shifted(input), n)


@takes_out
def hermite_polynomial_h(input: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Hₙ(x), the physicist's: H₁ = 2x, Hₖ₊₁ = 2x Hₖ − 2k Hₖ₋₁.

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.special.hermite_polynomial_h(metagrad.tensor([1.0]), metagrad.tensor([0, 1, 2, 3]))
    tensor([ 1.,  2.,  2., -4.])
    """
    return _evaluated(input, n, lambda x: 2 * x, lambda k, x, now, before: 2 * x * now - 2 * k * before)


@takes_out
def hermite_polynomial_he(input: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Heₙ(x), the probabilist's: He₁ = x, Heₖ₊₁ = x Heₖ − k Heₖ₋₁.

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.special.hermite_polynomial_he(metagrad.tensor([2.0]), metagrad.tensor([0, 1, 2, 3]))
    tensor([1., 2., 3., 2.])
    """
    return _evaluated(input, n, lambda x: x, lambda k, x, now, before: x * now - k * before)


@takes_out
def laguerre_polynomial_l(input: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Lₙ(x): L₁ = 1 − x, (k + 1) Lₖ₊₁ = (2k + 1 − x) Lₖ − k Lₖ₋₁.

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.special.laguerre_polynomial_l(metagrad.tensor([1.0]), metagrad.tensor([0, 1, 2]))
    tensor([ 1.0000,  0.0000, -0.5000])
    """
    return _evaluated(
        input, n, lambda x: 1 - x, lambda k, x, now, before: ((2 * k + 1 - x) * now - k * before) / (k + 1)
    )


@takes_out
def legendre_polynomial_p(input: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Pₙ(x): P₁ = x, (k + 1) Pₖ₊₁ = (2k + 1) x Pₖ − k Pₖ₋₁.

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.special.legendre_polynomial_p(metagrad.tensor([0.5]), metagrad.tensor([0, 1, 2]))
    tensor([ 1.0000,  0.5000, -0.1250])
    """
    return _evaluated(input, n, lambda x: x, lambda k, x, now, before: ((2 * k + 1) * x * now - k * before) / (k + 1))
