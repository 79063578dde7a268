"""Convolution over one, two or three axes, and its transpose.

x (N, C, *L) are images, w (M, C/G, *K) the filters, each seeing the channels of one of G groups, y (N, M, *O) what they see.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from metagrad.autograd.function import Function
from metagrad.base import dtypes
from metagrad.base.channels_last import laid_out_as
from metagrad.base.typing import Array
from metagrad.base.warning import warn_once
from metagrad.kernels import convolution as fast
from metagrad.kernels.libraries import is_on_gpu
from metagrad.kernels.windows import Windows, sliding
from metagrad.nn import convolution as plain
from metagrad.nn.functional.tuples import Setting, batched, check_batched, each
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.dtype_checks import unsupported
from metagrad.ops.pointwise.arithmetic import conj

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
]  # fmt: skip

P = ParamSpec("P")
R = TypeVar("R")


def _run(name: str, a: Array, b: Array, *rest: Any) -> Array:
    """One of the three maps: the kernel for NumPy's arrays, the reference for others; half precision by way of single.

    Arrays of a type that runs kernels in a way of its own (``run_kernel``: many examples at once) are asked first.
    """
    for x in (a, b, *rest):
        if not isinstance(x, np.ndarray) and hasattr(x, "run_kernel"):
            return x.run_kernel(name, _run, a, b, *rest)
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
        return getattr(_gpu_windows(a, b, *rest) or plain, name)(a, b, *rest)
    if a.dtype == np.float16:
        wide = [r.astype(np.float32) if isinstance(r, np.ndarray) else r for r in (a, b, *rest)]
        return getattr(fast, name)(*wide).astype(np.float16)
    return getattr(fast, name)(a, b, *rest)


def _gpu_windows(a: Array, b: Array, *rest: Any) -> Any:
    """The kernels of a GPU, if all is there and of one dtype."""
    if not (is_on_gpu(a) and is_on_gpu(b)) or any(getattr(r, "dtype", a.dtype) != b.dtype for r in (a, *rest)):
        return None
    from metagrad.kernels import gpu_windows

    return gpu_windows if b.size and gpu_windows.serve(a, rest[-2]) else None


class Convolve(Function):
    """y[n, m, o] = Σ_c Σ_k w[m, c, k] · x[n, c, position of k in window o] + b[m]."""

    guards = (0, 1)
    flat_in, flat_zeros = (0, 1), False

    def forward(self, x: Array, w: Array, b: Array | None, windows: Sequence[Windows], groups: int) -> Array:
        self.save(x if self.needs[1] else None, w if self.needs[0] else None)
        self.setting: dict[str, Any] = {"windows": windows, "groups": groups}
        return laid_out_as(_run("convolve", x, w, b, windows, groups), x, w)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None]:
        x, w = self.saved
        return (
            InputGradient.on(grad, conj(w), **self.setting) if self.needs[0] else None,
            WeightGradient.on(conj(x), grad, **self.setting) if self.needs[1] else None,
            _bias_gradient(grad) if self.needs[2] else None,
        )


def _bias_gradient(grad: Array) -> Array:
    """Σ ∂L/∂y over images and windows."""
    if isinstance(grad, np.ndarray) and grad.dtype.char in "fd":
        return fast.bias_gradient(grad)
    return grad.sum((0, *range(2, len(grad.shape))))


class InputGradient(Function):
    """x[n, c, i] = Σ w[m, c, k] · g[n, m, o] over all m and all (k, o) with position i: the transposed convolution of g."""

    flat_in, flat_zeros = (0, 1), False

    def forward(self, g: Array, w: Array, windows: Sequence[Windows], groups: int) -> Array:
        self.save(g if self.needs[1] else None, w if self.needs[0] else None)
        self.setting: dict[str, Any] = {"windows": windows, "groups": groups}
        return laid_out_as(_run("input_gradient", g, w, windows, groups), g, w)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        g, w = self.saved
        return (
            Convolve.on(grad, conj(w), None, **self.setting) if self.needs[0] else None,
            WeightGradient.on(grad, conj(g), **self.setting) if self.needs[1] else None,
        )


class WeightGradient(Function):
    """w[m, c, k] = Σ x[n, c, position of k in window o] · g[n, m, o] over all n and o."""

    def forward(self, x: Array, g: Array, windows: Sequence[Windows], groups: int) -> Array:
        self.save(x if self.needs[1] else None, g if self.needs[0] else None)
        self.setting: dict[str, Any] = {"windows": windows, "groups": groups}
        return _run("weight_gradient", x, g, windows, groups)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        x, g = self.saved
        return (
            InputGradient.on(conj(g), grad, **self.setting) if self.needs[0] else None,
            Convolve.on(conj(x), grad, None, **self.setting) if self.needs[1] else None,
        )


class _Arguments(NamedTuple):
    """What must fit together: shapes and dtypes of input, weight and bias, of which there may be none."""

    input: tuple[int, ...]
    weight: tuple[int, ...]
    bias: tuple[int, ...] | None
    dtypes: tuple[Any, ...]

    @classmethod
    def of(cls, input: Tensor, weight: Tensor, bias: Tensor | None) -> _Arguments:
        """Those of three tensors."""
        x, w = input.array, weight.array
        if bias is None:
            return cls(x.shape, w.shape, None, (x.dtype, w.dtype))
        return cls(x.shape, w.shape, bias.array.shape, (x.dtype, w.dtype, bias.array.dtype))


def _check(function: str, given: _Arguments, stride: tuple[int, ...], dilation: tuple[int, ...], groups: int) -> None:
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
            f"Given groups={groups}, expected weight to be {wanted} at dimension 0, but got weight of size [{list(weight)}] instead"
        )
    for other, what in zip(given.dtypes[1:], ("weight", "bias"), strict=False):
        if other != kind:
            raise RuntimeError(
                f"{function}: Input type ({dtypes.of(kind)}) and {what} type ({dtypes.of(other)}) should be the same: "
                "convert one of them with .to()"
            )
    if kind.kind == "b":
        raise unsupported(function, kind)
    if 0 in weight[2:]:
        raise RuntimeError(f"{function}: the kernel must have elements, got weight of size {list(weight)}")
    check_batched(given.input, axes, function)


def _check_bias(function: str, given: _Arguments, filters: int) -> None:
    if given.bias is not None and given.bias != (filters,):
        raise RuntimeError(
            f"Given weight of size {list(given.weight)}, expected bias to be 1-dimensional with {filters} "
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
def _windows(
    axes: int, given: _Arguments, stride: Setting, padding: str | Setting, dilation: Setting, groups: int
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
            f"{function}: Given groups={groups}, weight of size {list(given.weight)}, expected input{list(given.input)} "
            f"to have {per_group * groups} channels, but got {channels} channels instead"
        )
    _check_bias(function, given, filters)
    _check_extents(function, given.input, axes)
    return _sliding(function, given.input[-axes:], kernel, stride, padding, dilation)


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


def _conv(
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Setting,
    padding: str | Setting,
    dilation: Setting,
    groups: int,
) -> Tensor:
    windows = _windows(axes, _Arguments.of(input, weight, bias), stride, padding, dilation, groups)
    if input.array.ndim == axes + 2:
        return Convolve.apply(input, weight, bias, windows=windows, groups=groups)
    return Convolve.apply(input.unsqueeze(0), weight, bias, windows=windows, groups=groups).squeeze(0)


@asks_for_tensors
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Setting = 1,
    padding: str | Setting = 0,
    dilation: Setting = 1,
    groups: int = 1,
) -> Tensor:
    """Filters slid along one axis: y[n, m, o] = b[m] + Σ_c Σ_k w[m, c, k] · x[n, c, o·stride − padding + k·dilation].

    input (N, C, L) or (C, L), weight (M, C/groups, K), bias (M): result (N, M, O) or (M, O), with
    O = ⌊(L + 2·padding − dilation·(K − 1) − 1) / stride⌋ + 1. padding: zeros on both sides, or "valid" (none), or "same"
    (as many as keep L).

    >>> import metagrad
    >>> from metagrad.nn import functional as F
    >>> F.conv1d(metagrad.tensor([[1.0, 2.0, 3.0, 4.0]]), metagrad.tensor([[[1.0, -1.0]]]))
    tensor([[-1., -1., -1.]])
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


@asks_for_tensors
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Setting = 1,
    padding: str | Setting = 0,
    dilation: Setting = 1,
    groups: int = 1,
) -> Tensor:
    """``conv1d`` over two axes: input (N, C, H, W) or (C, H, W), weight (M, C/groups, KH, KW) (LeCun et al. 1989).

    >>> import metagrad
    >>> from metagrad.nn import functional as F
    >>> F.conv2d(metagrad.ones(1, 3, 8, 8), metagrad.ones(5, 3, 3, 3), stride=2, padding=1).shape
    metagrad.Size([1, 5, 4, 4])
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


@asks_for_tensors
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Setting = 1,
    padding: str | Setting = 0,
    dilation: Setting = 1,
    groups: int = 1,
) -> Tensor:
    """``conv1d`` over three axes: input (N, C, D, H, W) or (C, D, H, W), weight (M, C/groups, KD, KH, KW)."""
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """``conv1d`` with time in front: input (T, B, C), weight (K, C, M), bias (M): result (T', B, M)."""
    return conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad).permute(2, 0, 1)


def _conv_transpose(
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Setting,
    padding: Setting,
    output_padding: Setting,
    groups: int,
    dilation: Setting,
) -> Tensor:
    given = _Arguments.of(input, weight, bias)
    windows = _windows_of_transpose(axes, given, stride, padding, output_padding, groups, dilation)
    x, had_batch = batched(input, axes, f"conv_transpose{axes}d")
    y = InputGradient.apply(x, weight, windows=windows, groups=groups)
    y = y if bias is None else y + bias.reshape((-1, *[1] * axes))
    return y if had_batch else y.squeeze(0)


@_kept
def _windows_of_transpose(
    axes: int,
    given: _Arguments,
    stride: Setting,
    padding: Setting,
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
            f"{function}: Given transposed=1, weight of size {list(given.weight)}, expected input{list(given.input)} to "
            f"have {channels} channels, but got {given.input[-axes - 1]} channels instead"
        )
    if not per_group:
        raise RuntimeError(f"{function}: non-empty weight tensor expected, but got: {list(given.weight)}")
    _check_bias(function, given, per_group * groups)
    _check_extents(function, given.input, axes)
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
        raise RuntimeError(
            f"{function}: Given input size per channel: {list(extents)}. Calculated output size per channel: "
            f"{[w.extent for w in windows]}. Output size is too small"
        )
    return windows


@asks_for_tensors
def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Setting = 1, padding: Setting = 0,
    output_padding: Setting = 0, groups: int = 1, dilation: Setting = 1,
) -> Tensor:  # fmt: skip
    """The transpose of ``conv1d``: y[n, m, o·stride − padding + k·dilation] adds up w[c, m, k] · x[n, c, o] (+ b[m]).

    input (N, C, L) or (C, L), weight (C, M/groups, K), bias (M): result (N, M, O) or (M, O), with
    O = (L − 1)·stride − 2·padding + dilation·(K − 1) + output_padding + 1 (Zeiler et al. 2010).

    >>> import metagrad
    >>> from metagrad.nn import functional as F
    >>> F.conv_transpose1d(metagrad.tensor([[1.0, 2.0]]), metagrad.tensor([[[1.0, 10.0]]]), stride=2)
    tensor([[ 1., 10.,  2., 20.]])
    """
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@asks_for_tensors
def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Setting = 1, padding: Setting = 0,
    output_padding: Setting = 0, groups: int = 1, dilation: Setting = 1,
) -> Tensor:  # fmt: skip
    """``conv_transpose1d`` over two axes: input (N, C, H, W) or (C, H, W), weight (C, M/groups, KH, KW)."""
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@asks_for_tensors
def conv_transpose3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Setting = 1, padding: Setting = 0,
    output_padding: Setting = 0, groups: int = 1, dilation: Setting = 1,
) -> Tensor:  # fmt: skip
    """``conv_transpose1d`` over three axes: input (N, C, D, H, W) or (C, D, H, W), weight (C, M/groups, KD, KH, KW)."""
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)
