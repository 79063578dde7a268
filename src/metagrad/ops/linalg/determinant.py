"""Determinants and their logarithms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import as_array, unwrap
from metagrad.base import results
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array
from metagrad.ops.arguments import takes_exact_out
from metagrad.ops.linalg.matrices import H, check_square, eye
from metagrad.ops.linalg.singular import SVD
from metagrad.ops.linalg.solving import Solve
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.pointwise.selection import where

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


class Det(Function):
    """d = det A,   ∂L/∂A = ∂L/∂d d* A⁻ᴴ   (Giles 2008, 2.2.4).

    d A⁻¹ is the adjugate of A, which singular matrices have too: for A = U diag(s) Vᴴ, ∂L/∂A is
    ∂L/∂d (det U det Vᴴ)* U diag(t) Vᴴ with tᵢ the product of all s but sᵢ.
    """

    def forward(self, a: Array) -> Array:
        # Aᵀ is what backward solves with: where A is nearly singular, d and A⁻ᴴ must come of the same pivots
        d = in_order(as_array(np.linalg.det(np.swapaxes(a, -1, -2))))
        self.save(a, d)
        return d

    def backward(self, grad: Array) -> Array:
        a, d = self.saved
        if bool((unwrap(d) == 0).any()):
            u, s, vh = SVD.on(a, full_matrices=False)
            factor = grad * conj(Det.on(u) * Det.on(vh))
            return (u * (factor[..., None] * products_of_the_others(s))[..., None, :]) @ vh
        return Solve.on(H(a), (grad * conj(d))[..., None, None] * eye(a.shape[-1], a), name="linalg.det")


def products_of_the_others(s: Array) -> Array:
    """tᵢ = ∏ⱼ﹤ᵢ sⱼ · ∏ⱼ﹥ᵢ sⱼ along the last dimension, without a division.

    >>> products_of_the_others(np.array([2.0, 3.0, 5.0]))
    array([15., 10.,  6.])
    """
    one = np.ones_like(s[..., :1])
    before: list[Any] = []
    after: list[Any] = []
    n = s.shape[-1]
    for i in range(n):
        before.append(one if i == 0 else before[-1] * s[..., i - 1 : i])
        after.append(one if i == 0 else after[-1] * s[..., n - i : n - i + 1])
    return np.concatenate([b * a for b, a in zip(before, reversed(after), strict=True)], axis=-1) if n else s


class SlogDet(Function):
    """z = det A / |det A|,  l = ln |det A|.   ∂L/∂A = c A⁻ᴴ with c = ∂L/∂l + i Im(z* ∂L/∂z).

    For d(ln det A) = tr(A⁻¹ dA), of which l takes the real part and the phase of z the imaginary one.
    """

    fills_in_zeros = False

    def forward(self, a: Array) -> tuple[Array, Array]:
        z, l = np.linalg.slogdet(a if a.ndim < 4 else in_order(a))
        z, l = as_array(z), as_array(l)
        if z.dtype.kind == "f":
            z = np.where(np.isnan(l), 0, z)  # what is not a number has no sign
        self.save(a, z)
        return z, l

    def backward(self, grad_z: Array | None, grad_l: Array | None) -> Array:
        a, z = self.saved
        c = 0 * z if grad_l is None else grad_l
        if grad_z is not None and unwrap(z).dtype.kind == "c":
            turned = conj(z) * grad_z
            c = c + (turned - conj(turned)) / 2
        singular = (unwrap(z) == 0)[..., None, None]
        inverse = Solve.on(
            np.where(singular, eye(a.shape[-1], a), H(a)), c[..., None, None] * eye(a.shape[-1], a), name="slogdet"
        )
        return np.where(singular, math.nan, inverse)


@takes_exact_out
def det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinants (*) of square matrices (*, n, n); 1 for n = 0.

    Raises RuntimeError unless they are square.

    >>> import metagrad
    >>> metagrad.linalg.det(metagrad.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    check_square("linalg.det", A)
    return Det.apply(A)


@takes_exact_out
def slogdet(A: Tensor, *, out: tuple[Tensor, ...] | None = None) -> results.linalg_slogdet:
    """The sign (of absolute value 1, or 0) and ln |det A| of square matrices (*, n, n), without overflow.

    Raises RuntimeError unless they are square.

    >>> import metagrad
    >>> metagrad.linalg.slogdet(metagrad.tensor([[1.0, 2.0], [3.0, 4.0]]))
    metagrad.return_types.linalg_slogdet(
    sign=tensor(-1.),
    logabsdet=tensor(0.6931))
    """
    check_square("linalg.slogdet", A)
    return results.linalg_slogdet(SlogDet.apply_many(A))


def logdet(input: Tensor) -> Tensor:
    """ln det A of square matrices (*, n, n): nan where the determinant is negative, −inf where it is 0.

    Raises RuntimeError unless they are square.

    >>> import metagrad
    >>> metagrad.logdet(metagrad.tensor([[2.0, 0.0], [0.0, 3.0]]))
    tensor(1.7918)
    """
    check_square("logdet", input)
    sign, log = SlogDet.apply_many(input)
    if sign.array.dtype.kind == "c":
        return sign.log() + log
    return where(sign == -1, math.nan, log)
