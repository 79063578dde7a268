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
    if len(shape) not in (axes + 1, axes + 2) and function.startswith(("adaptive", "avg_pool1d")):
        if axes == 1:
            raise RuntimeError(
                f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 'self' (while checking "
                f"arguments for {function})"
            )
        colon = ":" if "max" in function else ""
        raise RuntimeError(f"{function}(): Expected {axes + 1}D or {axes + 2}D tensor, but got{colon} {list(shape)}")
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
        either = "" if function == "avg_pool3d" else "either "
        must = f"be {either}" if name == "dilation" else f"{either}be "
        raise RuntimeError(
            f"{function}: {name} must {must}{omitted}a single int, or a tuple of {('two', 'three')[axes - 2]} ints, got {value}"
        )
    if function == "max_pool1d" and isinstance(value, (tuple, list)) and len(value) != 1:
        kinds, comma = "None, an int" if name == "stride" else "an int", "," if name in ("stride", "padding") else ""
        raise RuntimeError(
            f"{function}() {name} must be {kinds}, list of ints{comma} or tuple of ints of size 1 but got size {len(value)}"
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

    def too_small(name: str, got: tuple[int, ...], letter: str) -> RuntimeError:
        if function == "max_pool1d":
            return RuntimeError(f"{who} {name} must be greater than zero, but got {min(got)}")
        along = zip("THW"[-max(2, len(got)) :], (1, *got)[-max(2, len(got)) :], strict=True)
        each_axis = " ".join(f"{letter}{axis}: {n}" for axis, n in along)
        return RuntimeError(f"{who} {name.replace('_', ' ')} should be greater than zero, but got {each_axis}")

    if 0 in stride and function != "max_pool1d":
        raise RuntimeError(f"{who} stride should not be zero, got {stride}")
    if min(size) <= 0:
        raise too_small("kernel_size", size, "k")
    if min(stride) <= 0:
        raise too_small("stride", stride, "d")
    if min(dilation) <= 0:
        raise too_small("dilation", dilation, "dilation")
    for k, p, d in zip(size, padding, dilation, strict=True):
        if p < 0 or p > (d * (k - 1) + 1) // 2:
            word = "padding" if function == "max_pool1d" else "pad"
            if p < 0:
                again = "pad: " if word == "pad" else ""
                raise RuntimeError(f"{who} {word} must be non-negative, but got {again}{p}")
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
    counts = []
    for n, k, s, p, d in zip(shape[-len(size) :], size, stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        count = (n + 2 * p - reach + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (count - 1) * s >= n + p:
            count -= 1
        counts.append(count)
    extents = shape[-len(size) :]
    if function == "avg_pool3d" and any(n < k for n, k in zip(extents, size, strict=True)):
        given, wanted = (
            " ".join(f"{letter}{axis}: {n}" for axis, n in zip("THW", parts, strict=True))
            for letter, parts in (("", extents), ("k", size))
        )
        raise RuntimeError(f"input image ({given}) smaller than kernel size ({wanted})")
    if min(counts) < 1:
        if function == "max_pool1d":
            raise RuntimeError(f"{who} Invalid computed output size: {min(counts)} for an input of size {list(shape)}")
        first = shape[-len(size) - 1], *[1] * (len(size) == 1)
        raise RuntimeError(
            f"{who} Given input size: {_by((*first, *extents))}. Calculated output size: {_by((*first, *counts))}. Output size is "
            f"too small: the kernel, {size}, is larger than the input image"
        )
    settings = zip(extents, size, stride, padding, padding, dilation, counts, strict=True)
    return tuple([Windows(*setting) for setting in settings])
