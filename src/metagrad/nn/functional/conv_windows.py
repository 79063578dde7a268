"""Where the windows of a convolution lie, and what does not make one: shapes, dtypes, strides, paddings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from metagrad.base import dtypes
from metagrad.base.warning import warn_once
from metagrad.kernels.windows import Windows, sliding
from metagrad.nn.functional.tuples import Setting, check_batched, each
from metagrad.ops.dtype_checks import unsupported

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")


class Arguments(NamedTuple):
    """What must fit together: shapes and dtypes of input, weight and bias, of which there may be none."""

    input: tuple[int, ...]
    weight: tuple[int, ...]
    bias: tuple[int, ...] | None
    dtypes: tuple[Any, ...]

    @classmethod
    def of(cls, input: Tensor, weight: Tensor, bias: Tensor | None) -> Arguments:
        """Those of three tensors."""
        x, w = input.array, weight.array
        if bias is None:
            return cls(x.shape, w.shape, None, (x.dtype, w.dtype))
        return cls(x.shape, w.shape, bias.array.shape, (x.dtype, w.dtype, bias.array.dtype))


def _check(function: str, given: Arguments, stride: tuple[int, ...], dilation: tuple[int, ...], groups: int) -> None:
    """Raise what PyTorch raises for settings that make no convolution."""
    axes, weight, kind = int(function[-2]), given.weight, given.dtypes[0]
    if len(weight) != axes + 2:
        if len(weight) < 3:
            raise RuntimeError(f"{function}: weight should have at least three dimensions, got shape {list(weight)}")
        raise RuntimeError(
            f"{function}: Expected {len(weight)}-dimensional input for {len(weight)}-dimensional weight {list(weight)}, but got "
            f"{len(given.input)}-dimensional input of size {list(given.input)} instead: the weight must have {axes + 2}"
        )
    if min(stride) <= 0:
        raise RuntimeError(f"{function}: non-positive stride is not supported, got {stride}")
    if min(dilation) <= 0:
        raise RuntimeError(f"{function}: dilation should be greater than zero, but got {list(dilation)}")
    if groups <= 0:
        raise RuntimeError(f"{function}: non-positive groups is not supported, got {groups}")
    if weight[0] < groups or weight[0] % groups:
        wanted = f"at least {groups}" if weight[0] < groups else f"divisible by {groups}"
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be {wanted} at dimension 0, but got weight of size {list(weight)} instead"
        )
    for other, what in [*zip(given.dtypes[1:], ("weight", "bias"), strict=False)][::-1]:
        if other != kind:
            raise RuntimeError(
                f"{function}: Input type ({dtypes.cpp_name(kind)}) and {what} type ({dtypes.cpp_name(other)}) should be the same: "
                f"expected scalar type {dtypes.scalar_name(kind)} but found {dtypes.scalar_name(other)}"
            )
    if kind.kind == "b":
        raise unsupported(function, kind)
    if 0 in weight[2:]:
        raise RuntimeError(
            f"{function}: kernel size should be greater than zero, but got weight of size {list(weight)}"
        )
    check_batched(given.input, axes, function)


def _of_batch(given: Arguments, axes: int) -> list[int]:
    """The input's shape as errors have it: with a batch."""
    return [1, *given.input][-axes - 2 :]


def _check_bias(function: str, given: Arguments, filters: int) -> None:
    if given.bias is not None and given.bias != (filters,):
        transposed = "transposed=1, " if "transpose" in function else ""
        raise RuntimeError(
            f"Given {transposed}weight of size {list(given.weight)}, expected bias to be 1-dimensional with {filters} "
            f"elements, but got bias of size {list(given.bias)} instead"
        )


def _check_extents(function: str, shape: tuple[int, ...], axes: int) -> None:
    if 0 in shape[-axes:]:
        raise RuntimeError(
            f"{function}: Only zero batch or zero channel inputs are supported, but got input shape: {list(shape)}"
        )


def _paddings(
    function: str, padding: str | Setting, stride: tuple[int, ...], dilation: tuple[int, ...], kernel: tuple[int, ...]
) -> list[tuple[int, int]]:
    """Padding in front of and behind each axis."""
    if isinstance(padding, str):
        if padding == "valid":
            return [(0, 0)] * len(kernel)
        if padding != "same":
            raise RuntimeError(f"{function}: Invalid padding string: '{padding}', expected 'same' or 'valid'")
        if max(stride) > 1:
            raise RuntimeError(f"{function}: padding='same' is not supported for strided convolutions")
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        if any(total % 2 for total in totals):
            warn_once(
                "Using padding='same' with even kernel lengths and odd dilation pads one more zero behind than in front"
            )
        return [(total // 2, total - total // 2) for total in totals]
    both = each(padding, len(kernel), function, "padding")
    if min(both) < 0:
        raise RuntimeError(f"{function}: negative padding is not supported, got {both}")
    return [(p, p) for p in both]


def _kept(function: Callable[P, R]) -> Callable[P, R]:
    """The function, its results kept: the layers of a model ask for the same ones again and again."""
    kept = functools.lru_cache(maxsize=256, typed=True)(function)

    @functools.wraps(function)
    def found(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return kept(*args)  # all are given by position
        except TypeError:  # a list, which cannot be kept; or what the function raises
            return function(*args, **kwargs)

    return found


@_kept
def windows_of(
    axes: int, given: Arguments, stride: Setting, padding: str | Setting, dilation: Setting, groups: int
) -> tuple[Windows, ...]:
    """The windows of a convolution. Raises for arguments that do not belong together."""
    function = f"conv{axes}d"
    stride = each(stride, axes, function, "stride")
    dilation = each(dilation, axes, function, "dilation")
    _check(function, given, stride, dilation, groups)
    if not isinstance(padding, str):
        _paddings(function, padding, stride, dilation, stride)
    filters, per_group, *kernel = given.weight
    channels = given.input[-axes - 1]
    if channels != per_group * groups:
        raise RuntimeError(
            f"{function}: Given groups={groups}, weight of size {list(given.weight)}, expected input{_of_batch(given, axes)} "
            f"to have {per_group * groups} channels, but got {channels} channels instead"
        )
    _check_bias(function, given, filters)
    windows = _sliding(function, given.input[-axes:], kernel, stride, padding, dilation)
    _check_extents(function, given.input, axes)
    return windows


def _sliding(
    function: str, extents: Sequence[int], kernel: Sequence[int], stride: tuple[int, ...], padding: str | Setting,
    dilation: tuple[int, ...],
) -> tuple[Windows, ...]:  # fmt: skip
    paddings = _paddings(function, padding, stride, dilation, tuple(kernel))
    windows = tuple(
        sliding(n, k, s, low, high, d)
        for n, k, s, (low, high), d in zip(extents, kernel, stride, paddings, dilation, strict=True)
    )
    if any(w.extent + w.low + w.high < w.reach for w in windows):
        raise RuntimeError(
            f"{function}: Calculated padded input size per channel: "
            f"({' x '.join(str(w.extent + w.low + w.high) for w in windows)}). Kernel "
            f"size: ({' x '.join(str(w.reach) for w in windows)}). Kernel size can't be greater than actual input size"
        )
    return windows


@_kept
def windows_of_transpose(
    axes: int,
    given: Arguments,
    stride: Setting,
    padding: str | Setting,
    output_padding: Setting,
    groups: int,
    dilation: Setting,
) -> tuple[Windows, ...]:
    """The windows of a transposed convolution, which slide over its result. Raises for what does not belong together."""
    function = f"conv_transpose{axes}d"
    stride = each(stride, axes, function, "stride")
    dilation = each(dilation, axes, function, "dilation")
    extra = each(output_padding, axes, function, "output_padding")
    _check(function, given, stride, dilation, groups)
    (channels, per_group, *kernel), extents = given.weight, given.input[-axes:]
    if given.input[-axes - 1] != channels:
        raise RuntimeError(
            f"{function}: Given transposed=1, weight of size {list(given.weight)}, expected input{_of_batch(given, axes)} to "
            f"have {channels} channels, but got {given.input[-axes - 1]} channels instead"
        )
    if not per_group:
        raise RuntimeError(f"{function}: non-empty weight tensor expected, but got: {list(given.weight)}")
    _check_bias(function, given, per_group * groups)
    _check_extents(function, given.input, axes)
    if isinstance(padding, str):
        raise TypeError(f"{function}(): argument 'padding' must be tuple of ints, not str")
    if min(extra) < 0:
        raise RuntimeError(f"{function}: negative output_padding is not supported, got {extra}")
    if any(not 0 <= e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise RuntimeError(
            f"{function}: output padding must be smaller than either stride or dilation, but got output_padding={extra}, "
            f"stride={stride}, dilation={dilation}"
        )
    both = [p for p, _ in _paddings(function, padding, stride, dilation, tuple(kernel))]
    windows = tuple(
        Windows((n - 1) * s - 2 * p + d * (k - 1) + e + 1, k, s, p, p, d, n)
        for n, k, s, p, d, e in zip(extents, kernel, stride, both, dilation, extra, strict=True)
    )
    if any(w.extent <= 0 for w in windows):
        one = "1 x " if axes == 1 else ""
        raise RuntimeError(
            f"{function}: Given input size per channel: ({one}{' x '.join(map(str, extents))}). Calculated output size per "
            f"channel: ({one}{' x '.join(str(w.extent) for w in windows)}). Output size is too small"
        )
    return windows
