"""For tests: tensors compared within tolerances, and random tensors to compare."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from metagrad.base import dtypes
from metagrad.base.typing import Array, DeviceLike, DTypeLike
from metagrad.ops.arguments import shape_of
from metagrad.ops.create.creation import tensor
from metagrad.ops.create.random import numpy_generator
from metagrad.tensors.tensor import Tensor

__all__ = ["assert_close", "make_tensor"]

_RELATIVE = {
    "bfloat16": (1.6e-2, 1e-5),
    "float16": (1e-3, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "complex64": (1.3e-6, 1e-5),
}


def _tolerances(*arrays: np.ndarray[Any, Any]) -> tuple[float, float]:
    """The looser of the tolerances of the dtypes compared; integers must be equal."""
    kinds = [_RELATIVE.get(a.dtype.name, (1e-7, 1e-7) if a.dtype.kind in "fcV" else (0.0, 0.0)) for a in arrays]
    return max(r for r, _ in kinds), max(a for _, a in kinds)


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
    if (rtol is None) != (atol is None):
        raise ValueError("give both rtol and atol, or neither")
    try:
        _compare(actual, expected, rtol, atol, equal_nan, check_device, check_dtype, check_stride, "")
    except AssertionError as error:
        if msg is None:
            raise
        raise AssertionError(msg(str(error)) if callable(msg) else msg) from None


def _compare(
    a: object,
    b: object,
    rtol: float | None,
    atol: float | None,
    nan: bool,
    device: bool,
    dtype: bool,
    stride: bool,
    where: str,
) -> None:
    settings = rtol, atol, nan, device, dtype, stride
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if set(a) != set(b):
            raise AssertionError(f"the keys of the mappings differ{where}: {sorted(a)} and {sorted(b)}")
        for key in a:
            _compare(a[key], b[key], *settings, f"{where}[{key!r}]")
        return
    if isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str):
        if len(a) != len(b):
            raise AssertionError(f"the lengths of the sequences differ{where}: {len(a)} and {len(b)}")
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            _compare(x, y, *settings, f"{where}[{i}]")
        return
    if a is None or b is None:
        if a is not b:
            raise AssertionError(f"None mismatch{where}: {a} and {b}")
        return
    if isinstance(a, Tensor) != isinstance(b, Tensor):
        raise TypeError(f"cannot compare {type(a).__name__} with {type(b).__name__}{where}")
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if device and a.device != b.device:
            raise AssertionError(f"the devices differ{where}: {a.device} and {b.device}")
        if dtype and a.array.dtype != b.array.dtype:
            raise AssertionError(f"the dtypes differ{where}: {a.dtype} and {b.dtype}")
        if stride and a.stride() != b.stride():
            raise AssertionError(f"the strides differ{where}: {a.stride()} and {b.stride()}")
    x, y = (np.asarray(v.detach().cpu().numpy() if isinstance(v, Tensor) else v) for v in (a, b))
    if x.shape != y.shape:
        raise AssertionError(f"the shapes differ{where}: {x.shape} and {y.shape}")
    _close(x, y, rtol, atol, nan, where)


def _close(x: Array, y: Array, rtol: float | None, atol: float | None, nan: bool, where: str) -> None:
    if rtol is None or atol is None:
        rtol, atol = _tolerances(x, y)
    good = np.isclose(x, y, rtol=rtol, atol=atol, equal_nan=nan)
    if not good.all():
        kind = np.result_type(x, y, np.float64)
        difference = np.where(good, 0, np.abs(x.astype(kind) - y.astype(kind)))
        worst = np.unravel_index(int(np.nanargmax(np.nan_to_num(difference, nan=math.inf))), x.shape)
        raise AssertionError(
            f"not close{where}: {int((~good).sum())} of {x.size} elements differ; the greatest difference is "
            f"{difference[worst]} at index {tuple(map(int, worst))} ({x[worst]} and {y[worst]}), allowed are "
            f"{atol} and {rtol} of what was expected"
        )


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
    """Random numbers in [low, high): by default [-9, 9), of unsigned dtypes and uint8 [0, 10), of bool [0, 2).

    >>> import metagrad
    >>> metagrad.testing.make_tensor(2, 3, dtype=metagrad.int8, low=0, high=2).shape
    metagrad.Size([2, 3])
    """
    extents = shape_of(shape)
    kind = dtypes.of(dtype).dtype
    default = {"b": (0, 2), "u": (0, 10), "i": (-9, 10)}.get(kind.kind, (-9, 9))
    low, high = (default[0] if low is None else low), (default[1] if high is None else high)
    source = numpy_generator()
    wide = (*extents[:-1], 2 * extents[-1]) if noncontiguous and extents else extents
    if kind.kind in "bui":
        values = source.integers(math.ceil(low), math.ceil(high), wide).astype(kind)
    elif kind.kind == "c":
        values = (source.uniform(low, high, wide) + 1j * source.uniform(low, high, wide)).astype(kind)
    else:
        values = np.asarray(source.uniform(low, high, wide)).astype(kind)
    if exclude_zero:
        values = np.where(values == 0, np.ones_like(values), values)
    result = tensor(values, dtype=dtype, device=device)
    if wide != extents:
        result = result[..., ::2]
    return result.requires_grad_() if requires_grad else result
