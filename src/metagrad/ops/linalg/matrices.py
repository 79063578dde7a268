"""What the decompositions share: checks of their input, and small formulas on batches of matrices.

The formulas run on arrays and, when a gradient is itself recorded, on tensors. Aᴴ is the conjugate transpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.transforms import lies_in
from metagrad.autograd.variable import Variable, unwrap
from metagrad.base.dtypes import scalar_name
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array
from metagrad.ops.dtype_checks import lacking
from metagrad.ops.pointwise.arithmetic import conj

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


SINGULAR = "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."


class LinAlgError(RuntimeError):
    """What was asked for does not exist for this matrix: it is singular, not positive-definite, or not finite.

    info: for each matrix of the batch 0, or the position where it failed, counted from 1; None if that is not known.
    """

    def __init__(self, message: str, info: Array = None) -> None:
        super().__init__(message)
        self.info = info


def check(
    name: str,
    *matrices: Tensor,
    ndim: int = 2,
    half: bool = False,
    called: Sequence[str] = ("The input tensor A", "The input tensor B"),
) -> None:
    """Raise unless these are batches of matrices (or vectors), floating-point and of one dtype. called: by what names.

    >>> import metagrad
    >>> check("svd", metagrad.zeros(5, 2, 3))
    """
    for i, a in enumerate(matrices):
        if not isinstance(a, Variable):
            raise TypeError(f"{name}: expected a tensor, got {type(a).__name__}")
        if a.array.dtype.kind not in "fcV":
            raise NotImplementedError(
                f"{name}: Expected a floating point or complex tensor as input. Got {scalar_name(a.dtype)}: use .float()"
            )
        if a.array.dtype.itemsize == 2 and not half:
            raise NotImplementedError(
                f"{lacking(name, a.dtype)}: {name}: Low precision dtypes not supported. "
                f"Got {scalar_name(a.dtype)}: use .float()"
            )
        if a.array.ndim < ndim:
            raise RuntimeError(
                f"{name}: {called[i]} must have at least {ndim} dimensions. Got one of shape {tuple(a.shape)}"
            )
        if a.array.dtype != matrices[0].array.dtype:
            first, other = (word.split()[-1] for word in (called[0], called[i]))
            raise RuntimeError(
                f"{name}: Expected {first} and {other} to have the same dtype, but found {first} of type "
                f"{scalar_name(matrices[0].dtype)} and {other} of type {scalar_name(a.dtype)} instead"
            )


def check_square(name: str, a: Tensor) -> None:
    """``check`` for matrices with as many rows as columns.

    Raises RuntimeError otherwise.

    >>> import metagrad
    >>> check_square("det", metagrad.zeros(5, 2, 2))
    """
    try:
        check(name, a)
    except NotImplementedError:  # a dtype; shapes are looked at first
        if a.array.ndim > 1 and a.array.shape[-1] != a.array.shape[-2]:
            raise not_square(name, a) from None
        raise
    if a.array.shape[-1] != a.array.shape[-2]:
        raise not_square(name, a)


def not_square(name: str, a: Tensor) -> RuntimeError:
    """What to raise for matrices with more rows than columns, or fewer.

    >>> import metagrad
    >>> not_square("det", metagrad.zeros(5, 2, 3)).args[0]
    'det: A must be batches of square matrices, but they are 2 by 3 matrices'
    """
    n, m = a.array.shape[-2:]
    return RuntimeError(f"{name}: A must be batches of square matrices, but they are {n} by {m} matrices")


def check_info(name: str, info: Array, what: str) -> None:
    """Raise LinAlgError if some matrix failed, with its number in the batch; ``what`` says how, with {} for the position.

    >>> check_info("inv", np.array([0, 0]), "The diagonal element {} is zero")
    """
    if info.any():
        flat = info.reshape(info.size)
        i = int(np.nonzero(flat)[0][0])
        where = f"(Batch element {i}): " if info.ndim else ""
        raise LinAlgError(f"{name}: {where}{what.format(int(flat[i]))}", info)


def is_vector(a: Tensor, b: Tensor) -> bool:
    """Whether the right side of A x = b is a batch of vectors rather than of matrices: PyTorch's rule.

    >>> import metagrad
    >>> is_vector(metagrad.zeros(2, 2), metagrad.zeros(2)), is_vector(metagrad.zeros(2, 2), metagrad.zeros(2, 1))
    (True, False)
    """
    return b.array.ndim == 1 or (b.array.ndim == a.array.ndim - 1 and b.array.shape == a.array.shape[:-1])


# ------------------------------------------------ formulas


def H(x: Array) -> Array:
    """xᴴ, the conjugate transpose.

    >>> H(np.array([[1 + 2j, 3]]))
    array([[1.-2.j],
           [3.-0.j]])
    """
    return np.swapaxes(conj(x), -1, -2)


def column_major(x: Array) -> Array:
    """Matrices column by column in memory, as LAPACK leaves them, and PyTorch with it: themselves, or copies.

    >>> column_major(np.zeros((4, 2, 3))).strides
    (48, 8, 16)
    """
    if isinstance(x, np.ndarray):  # its methods are quicker than NumPy's functions
        rows = x.swapaxes(-1, -2)
        return x if rows.flags.c_contiguous else rows.copy().swapaxes(-1, -2)
    return np.swapaxes(in_order(np.swapaxes(x, -1, -2)), -1, -2)


def in_columns(result: Tensor) -> Tensor:
    """A new tensor's matrices as ``column_major`` has them.

    >>> import metagrad
    >>> in_columns(metagrad.zeros(2, 3)).stride()
    (1, 2)
    """
    found: Tensor = lies_in(result, column_major(result.array))
    found._view = None
    return found


def eye(n: int, like: Array, m: int | None = None) -> Array:
    """The identity matrix, with ones and zeros of the kind ``like`` has.

    >>> eye(2, np.zeros(1, np.float32)).dtype
    dtype('float32')
    """
    array = unwrap(like)
    width = n if m is None else m
    found = np.zeros((n, width), array.dtype, like=array)
    found.reshape(-1)[: min(n, width) * width : width + 1] = 1
    return found


def diagonal(x: Array) -> Array:
    """The vector of the diagonal elements.

    >>> diagonal(np.array([[1, 2], [3, 4]]))
    array([1, 4])
    """
    return np.diagonal(x, axis1=-2, axis2=-1)


def with_diagonal(d: Array, x: Array = 0) -> Array:
    """x with its diagonal replaced by the vector d; a diagonal matrix without x.

    >>> with_diagonal(np.array([1, 2]))
    array([[1, 0],
           [0, 2]])
    """
    return np.where(eye(d.shape[-1], d) != 0, d[..., None, :], x)


def lower_half(x: Array) -> Array:
    """Φ(x): the lower triangle with the diagonal halved, so that Φ(x) + Φ(x)ᴴ = x for Hermitian x.

    >>> lower_half(np.array([[2.0, 5.0], [5.0, 4.0]]))
    array([[1., 0.],
           [5., 2.]])
    """
    return np.tril(x) - with_diagonal(diagonal(x) / 2)


def require_phase_free(name: str, x: Array) -> None:
    """Raise if a loss depends on the phase of vectors that are defined only up to a phase eⁱᵠ.

    x: the diagonal whose imaginary part is the derivative with respect to the phases.

    >>> require_phase_free("linalg.eig", np.array([1.0, 2.0]))
    """
    d = unwrap(x)
    if d.dtype.kind == "c" and d.size and bool(np.abs(d.imag).max() > 1e-2):
        raise RuntimeError(
            f"{name}: the vectors are defined only up to a factor of absolute value 1, and the loss depends on this "
            "factor, so it has no gradient: make it a function of products in which the factor cancels, such as v vᴴ"
        )
