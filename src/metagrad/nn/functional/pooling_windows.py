"""The windows of pooling: which there are over an input, and whether the settings and the input allow them."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metagrad.base.typing import Array
from metagrad.kernels.windows import Windows
from metagrad.nn.functional.tuples import Setting, each

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

Axes = Sequence[Any]


def planes(x: Array, axes: Axes) -> Array:
    """(*, *L) as (R, *L)."""
    lead = x.shape[: x.ndim - len(axes)]
    return x.reshape((math.prod(lead), *x.shape[x.ndim - len(axes) :]))


def check_input(function: str, input: Tensor, axes: int) -> None:
    """Raise unless the input is (C, *L) or (N, C, *L), with only the batch allowed to be empty."""
    _check_shape(function, tuple(input.shape), axes)


def _check_shape(function: str, shape: tuple[int, ...], axes: int) -> None:
    kinds = f"{axes + 1}D or {axes + 2}D (batch mode) tensor"
    if len(shape) not in (axes + 1, axes + 2) and axes > 1:
        raise RuntimeError(f"{function}: non-empty {kinds} expected for input, but got: {list(shape)}")
    if len(shape) not in (axes + 1, axes + 2) or 0 in shape[-axes - 1 :]:
        if axes == 3:
            raise RuntimeError(
                f"{function}: Expected input's non-batch dimensions to have positive length, but got: {list(shape)}"
            )
        raise RuntimeError(
            f"{function}: Expected {kinds} with optional 0 dim batch size for input, but got:{list(shape)}"
        )


def windows_of(
    function: str,
    input: Tensor,
    size: Setting,
    stride: Setting | None,
    padding: Setting,
    dilation: Setting,
    ceil_mode: bool,
    axes: int,
) -> tuple[Windows, ...]:
    """The windows over the last axes; ``ceil_mode``: also those that begin inside and end outside.

    Raises RuntimeError for settings out of range, or an input too small for a window.
    """
    size = _each(size, axes, function, "kernel_size")
    missing = stride is None or (isinstance(stride, (tuple, list)) and not stride)
    stride = size if missing else _each(stride, axes, function, "stride")
    padding = _each(padding, axes, function, "padding")
    dilation = _each(dilation, axes, function, "dilation")
    return _windows(function, input.array.shape, size, stride, padding, dilation, bool(ceil_mode))


def _each(value: Setting | None, axes: int, function: str, name: str) -> tuple[int, ...]:
    """``each``, in the words of pooling."""
    if axes > 1 and isinstance(value, (tuple, list)) and len(value) not in (1, axes):
        omitted = "omitted, " if name == "stride" else ""
        raise RuntimeError(
            f"{function}: {name} must either be {omitted}a single int, or a tuple of {('two', 'three')[axes - 2]} ints, got {value}"
        )
    return each(value, axes, function, name)


def _by(shape: tuple[int, ...]) -> str:
    """Extents as PyTorch's messages have them."""
    return f"({'x'.join(map(str, shape))})"


@functools.lru_cache(maxsize=256)  # the layers of a model ask for the same ones again and again
def _windows(
    function: str, shape: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...],
    dilation: tuple[int, ...], ceil_mode: bool,
) -> tuple[Windows, ...]:  # fmt: skip
    who = "max_pool1d()" if function == "max_pool1d" else f"{function}:"

    def too_small(name: str, got: tuple[int, ...]) -> RuntimeError:
        zero = "" if min(got) else f": {name.split('_')[0]} should not be zero"
        return RuntimeError(f"{who} {name} must be greater than zero, but got {min(got)}{zero}")

    if min(size) <= 0:
        raise too_small("kernel_size", size)
    if min(stride) <= 0:
        raise too_small("stride", stride)
    if min(dilation) <= 0:
        raise too_small("dilation", dilation)
    for k, p, d in zip(size, padding, dilation, strict=True):
        if p < 0 or p > (d * (k - 1) + 1) // 2:
            word = "padding" if function == "max_pool1d" else "pad"
            if p < 0:
                raise RuntimeError(f"{who} {word} must be non-negative, but got {p}")
            if function == "max_pool1d":
                raise RuntimeError(
                    f"{who} padding should be at most half of kernel size, but got padding={p} and kernel_size={k}"
                )
            raise RuntimeError(
                f"{who} pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={d}"
            )
        if p > k // 2:
            words = "pad should be smaller than or equal to half of kernel size"
            words = "padding should be at most half of kernel size" if function == "max_pool1d" else words
            raise RuntimeError(f"{who} {words}, but got padding={p} and kernel_size={k}")
    _check_shape(function, shape, len(size))
    found = []
    for n, k, s, p, d in zip(shape[-len(size) :], size, stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        count = (n + 2 * p - reach + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (count - 1) * s >= n + p:
            count -= 1
        if count < 1:
            raise RuntimeError(
                f"{who} Invalid computed output size: {count}. Given input size: {_by(shape)}. Output size is too "
                f"small: input image ({n}) smaller than kernel size, kernel_size={k}, stride={s}, padding={p}, dilation={d}"
            )
        found.append(Windows(n, k, s, p, p, d, count))
    return tuple(found)
