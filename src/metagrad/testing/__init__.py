"""For tests: tensors compared within tolerances, and random tensors to compare.

``comparison.py``  the kinds of pairs that are compared, and how nested structures are taken apart
``closeness.py``  two arrays within tolerances, and where they are farthest apart
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from metagrad.base import dtypes, layouts, naming
from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.base.warning import warn
from metagrad.ops.arguments import shape_of
from metagrad.ops.create import creation
from metagrad.ops.create.from_data import tensor
from metagrad.ops.pointwise.complex_numbers import view_as_real
from metagrad.tensors.tensor import Tensor
from metagrad.testing import comparison

__all__ = ["assert_allclose", "assert_close", "make_tensor"]


def assert_close(
    actual: object,
    expected: object,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise an AssertionError unless |actual - expected| <= atol + rtol · |expected|, shapes and dtypes being equal.

    Sequences and mappings are compared item by item. Tolerances follow from the dtype (float32: 1.3e-6 and 1e-5).

    Raises ValueError if only one of rtol and atol is given, and TypeError if a tensor is compared with something else.

    >>> import metagrad
    >>> assert_close(metagrad.tensor([1.0, 2.0]), metagrad.tensor([1.0, 2.0 + 1e-7]))
    """
    found = comparison.not_close_error_metas(
        actual, expected, pair_types=comparison.PLAIN_KINDS, allow_subclasses=allow_subclasses, rtol=rtol, atol=atol,
        equal_nan=equal_nan, check_device=check_device, check_dtype=check_dtype, check_layout=check_layout,
        check_stride=check_stride,
    )  # fmt: skip
    if found:
        raise found[0].to_error(msg)


def assert_allclose(
    actual: object, expected: object, rtol: float | None = None, atol: float | None = None, equal_nan: bool = True,
    msg: str = "",
) -> None:  # fmt: skip
    """``assert_close`` by its older name: tensors, or what makes tensors; dtypes and devices may differ.

    Raises AssertionError where they are not close; warns that the name is deprecated.

    >>> import metagrad, warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     assert_allclose(metagrad.tensor([1.0]), [1.0])
    """
    warn(
        f"`{naming.package}.testing.assert_allclose()` is deprecated: use `{naming.package}.testing.assert_close()`",
        FutureWarning,
    )
    a, b = (v if isinstance(v, Tensor) else tensor(v) for v in (actual, expected))
    if rtol is None and atol is None:
        rtol, atol = comparison.default_tolerances(a, b, dtype_precisions=_OLDER)
    assert_close(
        a, b, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, check_device=False, msg=msg or None
    )


_OLDER = {dtypes.float16: (1e-3, 1e-3), dtypes.float32: (1e-4, 1e-5), dtypes.float64: (1e-5, 1e-8)}


def make_tensor(
    *shape: int | Sequence[int],
    dtype: DTypeLike,
    device: DeviceLike = "cpu",
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: object = None,
) -> Tensor:
    """Random numbers in [low, high): by default [-9, 9), integers to 9 inclusive, of uint8 [0, 10), of bool [0, 2).

    ``exclude_zero`` writes the smallest positive number of the dtype, or 1, in the place of 0. A ``noncontiguous`` tensor
    is every second element of a larger one. Raises ValueError for bounds that are not below each other, or that the
    dtype does not hold, and TypeError for a dtype of which there are no random numbers.

    >>> import metagrad
    >>> metagrad.testing.make_tensor(2, 3, dtype=metagrad.int8, device="cpu", low=0, high=2).shape
    metagrad.Size([2, 3])
    """
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got noncontiguous=True and "
            f"memory_format={memory_format}"
        )
    extents = shape_of(shape)
    try:
        kind = dtypes.of(dtype)
    except NotImplementedError as error:
        raise TypeError(f"The requested dtype '{dtype}' is not supported by make_tensor(): {error}") from None
    whole = kind.dtype.kind in "bui"
    if requires_grad and whole:
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}"
        )
    low, high = _bounds(low, high, kind)
    spread = noncontiguous and math.prod(extents) > 1
    drawn = (*extents[:-1], 2 * extents[-1]) if spread else extents
    if whole:
        result = creation.empty(drawn, dtype=kind, device=device).random_(math.ceil(low), math.ceil(high))
    else:
        result = creation.empty(drawn, dtype=kind, device=device)
        (view_as_real(result) if kind.dtype.kind == "c" else result).uniform_(low, high)
    if spread:
        result = result[..., 1::2]
    elif isinstance(memory_format, layouts.memory_format):
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        tiny = 1 if whole else dtypes.finfo(kind).tiny
        result[result == 0] = complex(tiny, tiny) if kind.dtype.kind == "c" else tiny
    return result.requires_grad_() if requires_grad else result


def _bounds(low: float | None, high: float | None, kind: dtypes.dtype) -> tuple[float, float]:
    """The bounds, checked, and cut to what the dtype holds; of a floating-point one to half of it: ``high - low`` is finite."""
    letter = kind.dtype.kind
    default: tuple[float, float] = {"b": (0, 2), "u": (0, 10), "i": (-9, 10)}.get(letter, (-9, 9))
    least: float
    if letter == "b":
        least, most = 0, 2.0
    elif letter in "ui":
        least, most = int(np.iinfo(kind.dtype).min), int(np.iinfo(kind.dtype).max) + 1
    else:
        most = dtypes.finfo(kind).max
        least = -most
    low, high = (default[0] if low is None else low), (default[1] if high is None else high)
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"`low` and `high` cannot be NaN, but got low={low} and high={high}")
    if low == high and letter not in "bui":
        warn(
            "Passing `low==high` to make_tensor for floating or complex types is deprecated: use full()", FutureWarning
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < least or low >= most:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {kind} only supports "
            f"[{least:g}, {most:g})"
        )
    if letter not in "bui" and kind.dtype.itemsize > 2:
        least, most = least / 2, most / 2
    return max(low, least), min(high, most)
