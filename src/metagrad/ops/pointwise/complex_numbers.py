"""Complex numbers: their parts, their angle, and tensors of pairs of real numbers as complex ones.

The gradient of a real loss L with respect to z = x + iy is ∂L/∂x + i ∂L/∂y, as in PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.mirrors import mirror
from metagrad.autograd.views import ViewFunction, conjugated, mark, negated
from metagrad.base import dtypes
from metagrad.base.result_order import laid_out_by, memory_by
from metagrad.base.typing import Array
from metagrad.ops.arguments import asks_for_a_tensor, floating, takes_exact_out, takes_out, takes_out_by
from metagrad.ops.operands import as_tensor, need_tensors
from metagrad.ops.pointwise.arithmetic import Conj
from metagrad.ops.shape.copying import contiguous

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "angle", "complex", "conj", "conj_physical", "imag", "polar", "resolve_conj", "resolve_neg", "view_as_complex",
    "view_as_real",
]  # fmt: skip


class Complex(Function):
    """z = x + iy,   ∂L/∂x = Re ∂L/∂z,   ∂L/∂y = Im ∂L/∂z."""

    guards: tuple[int, ...] = (0, 1)

    def forward(self, x: Array, y: Array) -> Array:
        self.guards = tuple([i for i in (0, 1) if self.needs[i]])
        shape, dtype = np.broadcast_shapes(x.shape, y.shape), np.result_type(x.dtype, np.complex64)
        z = memory_by(np.broadcast_to(x, shape), dtype, y)
        z.real, z.imag = x, y
        return z

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        needs_x, needs_y = self.needs
        return np.real(grad) if needs_x else None, np.imag(grad) if needs_y else None


@takes_out_by(
    exactly=True, words="Expected object of scalar type {wanted} but got scalar type {given} for argument 'out'"
)
def complex(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    """real + i · imag, of two tensors of the same floating-point dtype.

    Raises TypeError if one is no tensor, and RuntimeError if they are not float32 or float64, both the same.

    >>> import metagrad
    >>> metagrad.complex(metagrad.tensor([1.0]), metagrad.tensor([2.0]))
    tensor([1.+2.j])
    """
    _pair("complex", "real", real, "imag", imag)
    return Complex.apply(real, imag)


class Polar(Function):
    """z = r e^iφ,   ∂L/∂r = Re(∂L/∂z · (z / r)*), 0 at 0,   ∂L/∂φ = Re(∂L/∂z · (iz)*)."""

    def forward(self, r: Array, phi: Array) -> Array:
        real = laid_out_by(r * np.cos(phi), r, phi)
        z = np.empty_like(real, np.result_type(r.dtype, np.complex64))
        z.real, z.imag = real, r * np.sin(phi)
        self.save(z, np.sign(r))
        return z

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        (z, direction), (needs_r, needs_phi) = self.saved, self.needs
        grad_phi = np.real(grad * np.conjugate(z * 1j)) if needs_phi else None
        if not needs_r:
            return None, grad_phi
        r = np.where(direction == 0, 1, np.abs(z))
        return np.real(grad * np.conjugate(z)) / r * direction, grad_phi


@takes_exact_out
def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex number of this magnitude and angle, abs · cos(angle) + i · abs · sin(angle).

    Raises TypeError if one is no tensor, and RuntimeError if they are not float32 or float64, both the same.

    >>> import metagrad
    >>> metagrad.polar(metagrad.tensor([2.0]), metagrad.tensor([0.0]))
    tensor([2.+0.j])
    """
    _pair("polar", "abs", abs, "angle", angle)
    return Polar.apply(abs, angle)


def _pair(function: str, first: str, x: Tensor, second: str, y: Tensor) -> None:
    """Check the two real tensors that complex numbers are made of."""
    need_tensors(function, **{first: x, second: y})
    if x.array.dtype.kind != "f" or y.array.dtype.kind != "f" or min(x.array.itemsize, y.array.itemsize) < 4:
        raise RuntimeError(
            f"{function}: Expected both inputs to be Half, Float or Double tensors but got {dtypes.scalar_name(x.dtype)} and "
            f"{dtypes.scalar_name(y.dtype)}: convert them with .float(); halves have no complex numbers here"
        )
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"{function}: Expected object of scalar type {dtypes.scalar_name(x.dtype)} but got scalar type "
            f"{dtypes.scalar_name(y.dtype)} for second argument: use .to()"
        )


class Imag(ViewFunction):
    """y = Im x, the same memory;   ∂L/∂x = i ∂L/∂y."""

    def forward(self, x: Array) -> Array:
        return x.imag

    def backward(self, grad: Array) -> Array:
        return grad * 1j


@asks_for_a_tensor
def imag(input: Tensor) -> Tensor:
    """The imaginary part of each element of a complex tensor: a view, so that writing to it changes the tensor.

    Raises RuntimeError for a real tensor.

    >>> import metagrad
    >>> metagrad.imag(metagrad.tensor([1 + 2j]))
    tensor([2.])
    """
    if input.array.dtype.kind != "c":
        raise NotImplementedError("imag is not implemented for tensors with non-complex dtypes.")
    found = Imag.apply(input)
    return mark(found, negated) if id(input) in conjugated else found


class Angle(Function):
    """y, the angle of z;   ∂L/∂z = ∂L/∂y · iz / |z|² (0 at 0)."""

    def forward(self, z: Array) -> Array:
        self.save(z)
        return np.angle(z)

    def backward(self, grad: Array) -> Array:
        (z,) = self.saved
        square = np.real(z * np.conjugate(z))
        return np.where(square == 0, 0, grad / np.where(square == 0, 1, square)) * z * 1j


class RealAngle(Function):
    """y = 0 for x ≥ 0, π for x < 0;   ∂L/∂x = 0."""

    guards = (0,)

    def forward(self, x: Array) -> Array:
        return np.where(np.isnan(x), x, np.where(x < 0, x.dtype.type(np.pi), x.dtype.type(0)))

    def backward(self, grad: Array) -> Array:
        return np.zeros_like(grad)


@takes_out
def angle(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle of each number in the complex plane, in radians; of a real number 0 or π.

    >>> import metagrad
    >>> metagrad.angle(metagrad.tensor([1j, -1 + 0j]))
    tensor([1.5708, 3.1416])
    """
    return Angle.apply(contiguous(input)) if input.array.dtype.kind == "c" else RealAngle.apply(floating(input))


@asks_for_a_tensor
def conj(input: Tensor) -> Tensor:
    """The complex conjugate x − iy of x + iy; a real tensor as it is. A view: what is written to it is written to x, and back.

    >>> import metagrad
    >>> metagrad.conj(metagrad.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    if input.array.dtype.kind != "c":
        return as_tensor(input)
    return mirror(input, Conj, np.conjugate, conjugated)


@takes_exact_out
def conj_physical(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex conjugate; a real tensor as it is. ``conj`` does the same, and marks it for ``is_conj``.

    >>> import metagrad
    >>> metagrad.conj_physical(metagrad.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return Conj.apply(input) if input.array.dtype.kind == "c" else as_tensor(input)


def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself, or a copy without the mark if ``is_conj`` says that it has one.

    >>> import metagrad
    >>> metagrad.resolve_conj(metagrad.tensor([1 + 2j]).conj())
    tensor([1.-2.j])
    """
    return input.clone() if id(input) in conjugated else as_tensor(input)


def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself, or a copy without the mark if ``is_neg`` says that it has one.

    >>> import metagrad
    >>> metagrad.resolve_neg(metagrad.tensor([1.0]))
    tensor([1.])
    """
    return input.clone() if id(input) in negated else as_tensor(input)


class ViewAsReal(ViewFunction):
    """Pairs (Re z, Im z) in a new last dimension, the same memory;   ∂L/∂z = ∂L/∂x + i ∂L/∂y."""

    def forward(self, z: Array) -> Array:
        return z[..., None].view(z.real.dtype)

    def backward(self, grad: Array) -> Array:
        return Complex.on(grad[..., 0], grad[..., 1])


@asks_for_a_tensor
def view_as_real(input: Tensor) -> Tensor:
    """A complex tensor (*) as pairs of real and imaginary parts (*, 2); a view.

    Raises RuntimeError for a real tensor.

    >>> import metagrad
    >>> metagrad.view_as_real(metagrad.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    if input.array.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    if id(input) in conjugated:
        raise RuntimeError("view_as_real doesn't work on unresolved conjugated tensors: use resolve_conj() before")
    return ViewAsReal.apply(input)


class ViewAsComplex(ViewFunction):
    """z = x + iy of pairs (x, y) in the last dimension, the same memory."""

    def forward(self, x: Array) -> Array:
        return x.view(np.result_type(x.dtype, np.complex64))[..., 0]

    def backward(self, grad: Array) -> Array:
        return np.stack([np.real(grad), np.imag(grad)], axis=-1)


@asks_for_a_tensor
def view_as_complex(input: Tensor) -> Tensor:
    """Pairs of real and imaginary parts (*, 2) as complex numbers (*); a view.

    Raises RuntimeError if the tensor is not float32 or float64, or its last dimension is not 2 neighbours in memory.

    >>> import metagrad
    >>> metagrad.view_as_complex(metagrad.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
    """
    x = input.array
    if x.dtype.kind != "f" or x.itemsize < 4:
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{dtypes.scalar_name(input.dtype)}"
        )
    if x.ndim == 0:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if x.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if x.strides[-1] != x.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1: call .contiguous() first")
    if any(n != 1 and s // x.itemsize % 2 for n, s in zip(x.shape[:-1], x.strides[:-1], strict=True)):
        raise RuntimeError(
            "Tensor must have a stride divisible by 2 for all but last dimension: call .contiguous() first"
        )
    return ViewAsComplex.apply(input)
