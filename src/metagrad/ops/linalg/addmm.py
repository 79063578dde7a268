"""Products added to something: addmm, addmv, baddbmm and their kind, β input + α (a @ b)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import numpy as np

from metagrad.autograd.node_names import named
from metagrad.autograd.variable import Variable, recording, wrap
from metagrad.base.dtypes import bool_
from metagrad.base.typing import Number
from metagrad.base.warning import warn_once
from metagrad.ops.arguments import takes_exact_out, takes_out, takes_out_by
from metagrad.ops.fitting import fitting
from metagrad.ops.linalg.matmul import bmm, mm, mv, outer
from metagrad.ops.linalg.misfits import misshapen
from metagrad.ops.operands import cast_to, need_one_dtype, promoted_in_single, real_factor, result_type
from metagrad.ops.pointwise.arithmetic import add, mul
from metagrad.ops.pointwise.selection import where

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


P = ParamSpec("P")
R = TypeVar("R")

__all__ = ["addbmm", "addmm", "addmv", "addr", "baddbmm"]


def _older_form(op: Callable[P, R]) -> Callable[P, R]:
    """Let ``addmm(beta, x, alpha, y, z)`` mean ``addmm(x, y, z, beta=beta, alpha=alpha)``, as PyTorch's first versions
    wrote it; alpha may be left out."""

    @functools.wraps(op)
    def run(*args: Any, **kwargs: Any) -> Any:
        if len(args) > 3:
            tensors = [x for x in args if isinstance(x, Variable)]
            numbers = [x for x in args if not isinstance(x, Variable)]
            if len(tensors) == 3 and len(numbers) < 3:
                warn_once(
                    f"This overload of {op.__name__} is deprecated: the numbers become beta= and alpha=, after the tensors"
                )
                return op(*tensors, **dict(zip(("beta", "alpha"), numbers, strict=False)), **kwargs)  # type: ignore[arg-type]
        return op(*args, **kwargs)

    return cast("Callable[P, R]", run)


@takes_exact_out
@_older_form
def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """``beta · input + alpha · mat1 @ mat2``.

    mat1 (n, k), mat2 (k, m); input broadcasts to the result (n, m). Raises RuntimeError unless the dtypes are the same.

    >>> import metagrad
    >>> metagrad.addmm(metagrad.tensor([1, 2]), metagrad.eye(2).long(), metagrad.eye(2).long(), alpha=10)
    tensor([[11,  2],
            [ 1, 12]])
    """
    need_one_dtype("addmm", input, mat1, mat2)
    return named(_plus_product(input, mat1, mat2, mm, beta, alpha), "Addmm")


@takes_exact_out
@_older_form
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """``beta · input + alpha · batch1 @ batch2`` for batches of matrices.

    (b, n, k) and (b, k, m) make (b, n, m). Raises RuntimeError unless the dtypes are the same.

    >>> import metagrad
    >>> metagrad.baddbmm(metagrad.zeros(2), metagrad.ones(5, 2, 3), metagrad.ones(5, 3, 2)).shape
    metagrad.Size([5, 2, 2])
    """
    need_one_dtype("baddbmm", input, batch1, batch2)
    return named(_plus_product(input, batch1, batch2, bmm, beta, alpha), "Baddbmm")


@takes_out_by(exactly=True, quiet=True)
@_older_form
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """``beta · input + alpha · Σ batch1[i] @ batch2[i]`` over a batch of matrices.

    (b, n, k) and (b, k, m) make (n, m). Raises RuntimeError unless the dtypes are the same.

    >>> import metagrad
    >>> metagrad.addbmm(metagrad.zeros(2), metagrad.ones(5, 2, 3), metagrad.ones(5, 3, 2))
    tensor([[15., 15.],
            [15., 15.]])
    """
    need_one_dtype("addbmm", input, batch1, batch2)
    return named(_plus_product(input, batch1, batch2, _sum_of_products, beta, alpha), "Addbmm")


@takes_exact_out
@_older_form
def addmv(
    input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """``beta · input + alpha · mat @ vec``.

    mat (n, m), vec (m); input broadcasts to the result (n). Raises RuntimeError unless the dtypes are the same.

    >>> import metagrad
    >>> metagrad.addmv(metagrad.tensor([1.0, 2.0]), metagrad.ones(2, 3), metagrad.ones(3), beta=10)
    tensor([13., 23.])
    """
    need_one_dtype("addmv", input, mat, vec)
    return named(_plus_product(input, mat, vec, mv, beta, alpha), "Addmv")


@takes_out
@_older_form
def addr(
    input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """``beta · input + alpha · outer(vec1, vec2)``; of bools, ``input or vec1 and vec2``.

    vec1 (n), vec2 (m); input broadcasts to the result (n, m). Raises RuntimeError for a fraction as a factor of
    integers.

    >>> import metagrad
    >>> metagrad.addr(metagrad.zeros(2, 2), metagrad.tensor([1.0, 2.0]), metagrad.tensor([1.0, 10.0]))
    tensor([[ 1., 10.],
            [ 2., 20.]])
    """
    kind = result_type(input, vec1, vec2)
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if kind is not bool_ and isinstance(factor, bool):
            raise RuntimeError(f"Boolean {name} only supported for Boolean results.")
        if kind.category < 2 and isinstance(factor, (float, complex)):
            raise RuntimeError(
                f"For integral input tensors, argument {name} must not be a floating point number, got {factor}"
            )
    if vec1.array.ndim != 1 or vec2.array.ndim != 1:
        raise misshapen("addr: Expected 1-D argument {}, but got {}-D", 1, vec1=vec1, vec2=vec2)
    if kind is bool_:
        beta, alpha = bool(beta), bool(alpha)
    input, vec1, vec2 = (cast_to(x, kind) for x in (input, vec1, vec2))  # also where beta leaves the input out
    return named(_plus_product(input, vec1, vec2, outer, beta, alpha), "Addr")


def _sum_of_products(batch1: Tensor, batch2: Tensor) -> Tensor:
    return bmm(batch1, batch2).sum(0, dtype=batch1.dtype)


@promoted_in_single
def _plus_product(
    input: Tensor, a: Tensor, b: Tensor, times: Callable[[Tensor, Tensor], Tensor], beta: Any, alpha: Any
) -> Tensor:
    return _weighted(input, times(a, b), beta, alpha, times is not outer)


def _unheard(x: Tensor, y: Tensor) -> Tensor:
    """0 · x + y, without the nan in x; the gradient of x is 0."""
    return where(wrap(np.zeros((), bool, like=x.array)), mul(x, 0), y) if recording(x) else y


def _weighted(input: Tensor, product: Tensor, beta: Any, alpha: Any, like_product: bool) -> Tensor:
    """``beta · input + alpha · product``, in the shape of the product; with beta or alpha 0, nan in its term is ignored.

    For integers the factors are cut down to integers. like_product: the sum lies in memory as the product does.
    """
    input = input.expand(tuple(product.shape))
    if product.array.dtype.kind in "iu" and input.array.dtype.kind in "iu":
        beta, alpha = (int(cast(float, fitting(factor, product.dtype))) for factor in (beta, alpha))
    if alpha == 0 and like_product:
        product = _unheard(product, product.new_zeros(tuple(product.shape)))
    elif alpha != 1:
        product = mul(product, real_factor("addmm", alpha, product))
    if beta == 0:
        return _unheard(input, product)
    input = input if beta == 1 else mul(input, real_factor("addmm", beta, product))
    return add(product, input) if like_product else add(input, product)
