"""Which dtypes an op takes: of indices, of classes, of numbers. Each refusal is written once, in words programs look for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.base import dtypes
from metagrad.base.dtypes import scalar_name

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

BOOL = np.dtype(bool)  # NumPy has one such object: it is told by ``is``
_kernels = {  # what refuses a dtype in PyTorch, where it has another name than the function
    **{name: f"{name}_vml_cpu" for name in "ceil erf erfc erfinv floor i0 lgamma trunc".split()},
    **{
        name: f"{name}_cpu"
        for name in "abs bincount cummax cummin elu fmod frac hypot kthvalue logaddexp logaddexp2 logit mode nextafter "
        "remainder xlogy".split()
    },
    "amax": "max_values_cpu", "amin": "min_values_cpu", "bernoulli": "bernoulli_tensor_cpu_self_",
    "div with rounding_mode='floor'": "div_floor_cpu", "geqrf": "geqrf_cpu", "histc": "histogram_cpu",
    "histogram": "histogramdd", "linalg.cholesky": "cholesky_cpu", "linalg.cholesky_ex": "cholesky_cpu",
    "linalg.cond": "linalg_svd_cpu", "linalg.det": "lu_cpu", "linalg.eig": "linalg_eig_out_cpu",
    "linalg.eigh": "linalg_eigh_cpu", "linalg.eigvals": "linalg_eig_out_cpu", "linalg.ldl_factor_ex": "ldl_factor_kernel_cpu",
    "linalg.lu": "lu_cpu", "linalg.lu_factor": "lu_cpu", "linalg.qr": "geqrf_cpu", "linalg.svd": "linalg_svd_cpu",
    "logcumsumexp": "logcumsumexp_out_cpu", "max": "max_all", "min": "min_all", "median": "median_out", "nanmedian": "median_out",
    "rint": "round_vml_cpu", "svd": "linalg_svd_cpu",
}  # fmt: skip


def lacking(function: str, dtype: object) -> str:
    """What PyTorch says of a function that it does not have for a dtype: it names the inner part that is lacking.

    >>> import metagrad
    >>> print(lacking("floor", metagrad.bool))
    "floor_vml_cpu" not implemented for 'Bool'
    """
    return f"\"{_kernels.get(function, function)}\" not implemented for '{scalar_name(dtype)}'"


def need_indices(function: str, index: Tensor, kind: type[Exception] = RuntimeError) -> None:
    """Raise unless an index is a tensor of int32 or int64.

    >>> import metagrad
    >>> need_indices("gather", metagrad.tensor([1], dtype=metagrad.int16))
    Traceback (most recent call last):
    RuntimeError: gather(): Expected dtype int32/int64 for index, got metagrad.int16: use index.long()
    """
    dtype = index.array.dtype
    if dtype.kind != "i" or dtype.itemsize < 4:
        raise kind(f"{function}(): Expected dtype int32/int64 for index, got {index.dtype}: use index.long()")


def need_long(function: str, name: str, index: Tensor) -> None:
    """Raise RuntimeError unless a tensor of indices or classes is of int64.

    >>> import metagrad
    >>> need_long("multi_margin_loss", "target", metagrad.tensor([1], dtype=metagrad.int32))
    Traceback (most recent call last):
    RuntimeError: multi_margin_loss: expected scalar type Long but found Int: use target.long()
    """
    dtype = index.array.dtype
    if dtype.kind != "i" or dtype.itemsize != 8:
        raise RuntimeError(
            f"{function}: expected scalar type Long but found {dtypes.scalar_name(index.dtype)}: use {name}.long()"
        )


def need_classes(target: Tensor) -> None:
    """Raise RuntimeError unless the numbers of classes are int64 or uint8, the two dtypes PyTorch takes.

    >>> import metagrad
    >>> need_classes(metagrad.tensor([1.0]))
    Traceback (most recent call last):
    RuntimeError: expected target dtype to be Long or Byte, but got Float: class numbers are integers, use target.long()
    """
    if target.array.dtype.char not in "lqB":
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {scalar_name(target.dtype)}: class numbers are integers, use "
            "target.long()"
        )


def need_castable(result: dtypes.dtype, kept: dtypes.dtype) -> None:
    """Raise RuntimeError where a result would have to be cast down: complex to real numbers, those to integers, these to bools.

    >>> import metagrad
    >>> need_castable(metagrad.float32, metagrad.int64)
    Traceback (most recent call last):
    RuntimeError: result type Float can't be cast to the desired output type Long: convert the tensor with .to()
    """
    if not dtypes.can_cast(result, kept):
        raise RuntimeError(
            f"result type {scalar_name(result)} can't be cast to the desired output type {scalar_name(kept)}: convert the "
            "tensor with .to()"
        )


def need_differentiable(dtype: dtypes.dtype) -> None:
    """Raise RuntimeError for numbers that have no gradients.

    >>> import metagrad
    >>> need_differentiable(metagrad.int64)
    Traceback (most recent call last):
    RuntimeError: Only Tensors of floating point and complex dtype can require gradients, got metagrad.int64: use .float()
    """
    if dtype.category < 2:
        raise RuntimeError(
            f"Only Tensors of floating point and complex dtype can require gradients, got {dtype}: use .float()"
        )


def need_no_narrowing(function: str, given: dtypes.dtype, asked: dtypes.dtype) -> None:
    """Raise RuntimeError unless floating-point or complex numbers fit into the dtype that they are to be converted to.

    >>> import metagrad
    >>> need_no_narrowing("linalg.norm", metagrad.float32, metagrad.float16)
    Traceback (most recent call last):
    RuntimeError: linalg.norm: the dtype of the input (Float) should be convertible without narrowing to the specified dtype (Half)
    """
    if asked.category < 2:
        raise RuntimeError(f"{function}: dtype should be floating point or complex, but got {scalar_name(asked)}")
    if asked.category != given.category:
        kind = "complex" if given.is_complex else "real"
        raise RuntimeError(f"{function}: dtype should be {kind} for {kind} inputs, but got {scalar_name(asked)}")
    if dtypes.promote_types(given, asked) is not asked:
        raise RuntimeError(
            f"{function}: the dtype of the input ({scalar_name(given)}) should be convertible without narrowing to the "
            f"specified dtype ({scalar_name(asked)})"
        )


def refuse(function: str, x: Tensor, kinds: str) -> None:
    """Raise NotImplementedError for a tensor whose dtype is of one of these kinds, by NumPy's letters: b, i, u, f, c.

    And by e, which is float16's, for both dtypes of half precision.

    >>> import metagrad
    >>> refuse("median", metagrad.tensor([True]), "bc")
    Traceback (most recent call last):
    NotImplementedError: "median_out" not implemented for 'Bool': convert the tensor first, with .float() or .int()
    """
    if x.array.dtype.kind in kinds or ("e" in kinds and x.array.dtype.char in "eE"):
        raise unsupported(function, x.dtype)


def unsupported(function: str, dtype: object) -> NotImplementedError:
    """What to raise for a dtype that a function does not take.

    >>> import metagrad
    >>> raise unsupported("softmax", metagrad.int64)
    Traceback (most recent call last):
    NotImplementedError: "softmax" not implemented for 'Long': convert the tensor first, with .float() or .int()
    """
    return NotImplementedError(f"{lacking(function, dtype)}: convert the tensor first, with .float() or .int()")
