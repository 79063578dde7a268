"""For tests: tensors compared within tolerances, and random tensors to compare."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from metagrad.base import dtypes, layouts
from metagrad.base.typing import Array, DeviceLike, DTypeLike
from metagrad.base.warning import warn
from metagrad.ops.arguments import shape_of
from metagrad.ops.create.creation import tensor
from metagrad.ops.create.random import numpy_generator
from metagrad.tensors.tensor import Tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

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
        raise ValueError("Both 'rtol' and 'atol' must be either specified or omitted: give both, or neither")
    try:
        _compare(actual, expected, rtol, atol, equal_nan, check_device, check_dtype, check_stride, allow_subclasses, "")
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
    subclasses: bool,
    where: str,
) -> None:
    settings = rtol, atol, nan, device, dtype, stride, subclasses
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if set(a) != set(b):
            missing, more = sorted(set(b) - set(a), key=str), sorted(set(a) - set(b), key=str)
            raise AssertionError(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {missing}\nAdditional keys in the actual mapping: {more}{_at(where)}"
            )
        for key in a:
            _compare(a[key], b[key], *settings, f"{where}[{key!r}]")
        return
    if isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str):
        if len(a) != len(b):
            raise AssertionError(f"The length of the sequences mismatch: {len(a)} != {len(b)}{_at(where)}")
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            _compare(x, y, *settings, f"{where}[{i}]")
        return
    if a is None or b is None:
        if a is not b:
            raise AssertionError(f"None mismatch: {a} is not {b}{_at(where)}")
        return
    if not _is_pair(a, b, subclasses):
        raise TypeError(f"No comparison pair was able to handle inputs of type {type(a)} and {type(b)}.{_at(where)}")
    if isinstance(a, bool) and isinstance(b, bool) and a is not b:
        raise AssertionError(f"Booleans mismatch: {a} is not {b}{_at(where)}")
    if dtype and isinstance(a, _NUMBERS) and isinstance(b, _NUMBERS) and type(a) is not type(b):
        raise AssertionError(f"The (d)types do not match: {type(a)} != {type(b)}.{_at(where)}")
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        for name, checked, own, other in (
            ("shape", True, a.shape, b.shape),
            ("device", device, a.device, b.device),
            ("dtype", dtype, a.dtype, b.dtype),
            ("stride()", stride, a.stride(), b.stride()),
        ):
            if checked and own != other:
                raise AssertionError(f"The values for attribute {name!r} do not match: {own} != {other}.{_at(where)}")
        if a.is_meta or b.is_meta:  # there are no numbers to compare
            return
    x, y = (np.asarray(v.detach().cpu().numpy() if isinstance(v, Tensor) else v) for v in (a, b))
    if x.shape != y.shape:
        raise AssertionError(f"The values for attribute 'shape' do not match: {x.shape} != {y.shape}.{_at(where)}")
    _close(x, y, rtol, atol, nan, "Tensor-likes" if isinstance(a, (Tensor, np.ndarray)) else "Scalars", where)


_NUMBERS = (int, float, complex)


def _is_pair(a: object, b: object, subclasses: bool) -> bool:
    """Whether two things can be compared: two tensors, two arrays or two numbers."""
    if not subclasses and (isinstance(a, Tensor) or isinstance(b, Tensor)) and type(a) is not type(b):
        return False
    return any(isinstance(a, kind) and isinstance(b, kind) for kind in (Tensor, np.ndarray, (*_NUMBERS, np.generic)))


def _at(where: str) -> str:
    return f"\n\nThe failure occurred for item {where}" if where else ""


def _close(x: Array, y: Array, rtol: float | None, atol: float | None, nan: bool, what: str, where: str) -> None:
    if rtol is None or atol is None:
        rtol, atol = _tolerances(x, y)
    good = np.isclose(x, y, rtol=rtol, atol=atol, equal_nan=nan)
    if good.all():
        return
    exactly = rtol == atol == 0
    heading = f"{what} are not {'equal' if exactly else 'close'}!\n\n"
    limits = ("", "") if exactly else (f" (up to {atol} allowed)", f" (up to {rtol} allowed)")
    if not x.ndim:
        own, other = x.item(), y.item()
        apart = abs(own - other)
        share: Any = math.inf if other == 0 else apart / abs(other)
        raise AssertionError(
            f"{heading.replace('Tensor-likes', 'Scalars')}Expected {other} but got {own}.\n"
            f"Absolute difference: {apart}{limits[0]}\nRelative difference: {share}{limits[1]}{_at(where)}"
        )
    differences, shares = _apart(x, y, good)
    worst, most = (
        np.unravel_index(int(np.nan_to_num(d, nan=math.inf).argmax()), x.shape) for d in (differences, shares)
    )
    raise AssertionError(
        f"{heading}Mismatched elements: {(~good).sum()} / {x.size} ({100 * (~good).mean():.1f}%)\n"
        f"Greatest absolute difference: {differences[worst].item()} at index {tuple(map(int, worst))}{limits[0]}\n"
        f"Greatest relative difference: {shares[most].item()} at index {tuple(map(int, most))}{limits[1]}{_at(where)}"
    )


def _apart(x: Array, y: Array, good: Array) -> tuple[Array, Array]:
    """|x − y| and |x − y| / |y| in the tensors' own dtype, 0 where they are close; integers divide to float32."""
    kind = np.result_type(x, y)
    kind = np.dtype(np.int64) if kind.kind in "biu" else kind
    with np.errstate(all="ignore"):
        apart = np.abs(x.astype(kind) - y.astype(kind))
        size = np.abs(y.astype(kind))
        share = apart / size if kind.kind != "i" else apart.astype(np.float32) / size.astype(np.float32)
    return np.where(good, np.zeros_like(apart), apart), np.where(good, np.zeros_like(share), share)


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
    warn("testing.assert_allclose() is deprecated: use assert_close()", FutureWarning)
    a, b = (v if isinstance(v, Tensor) else tensor(v) for v in (actual, expected))
    if rtol is None and atol is None:
        rtol, atol = _tolerances(a.array, b.array)
    assert_close(
        a, b, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, check_device=False, msg=msg or None
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
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got noncontiguous=True and "
            f"memory_format={memory_format}"
        )
    extents = shape_of(shape)
    kind = dtypes.of(dtype).dtype
    default = {"b": (0, 2), "u": (0, 10), "i": (-9, 10)}.get(kind.kind, (-9, 9))
    low, high = (default[0] if low is None else low), (default[1] if high is None else high)
    if requires_grad and kind.kind in "bui":
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}"
        )
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"`low` and `high` cannot be NaN, but got low={low} and high={high}")
    low, high = _within(low, high, kind)
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
    if isinstance(memory_format, layouts.memory_format):
        result = result.contiguous(memory_format=memory_format)
    return result.requires_grad_() if requires_grad else result


def _within(low: float, high: float, kind: np.dtype[Any]) -> tuple[float, float]:
    """The bounds cut to what the dtype holds; of a floating-point one to half of it, for ``high - low`` must be finite."""
    if kind.kind == "b":
        return low, high
    if kind.kind in "ui":
        limits = np.iinfo(kind)
        return max(low, int(limits.min)), min(high, int(limits.max) + 1)
    most = dtypes.finfo(dtypes.of(kind)).max / 2 if kind.itemsize > 2 else dtypes.finfo(dtypes.of(kind)).max
    return max(low, -most), min(high, most)
