"""Patches of images as columns and back, and channels rearranged into pixels, pixels into channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.base.typing import Array
from metagrad.kernels.windows import Windows, counts, extents, sizes, sliding
from metagrad.nn.functional.tuples import Setting, each
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.dtype_checks import refuse

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["fold", "unfold"]


def _parts(windows: Sequence[Windows]) -> Array:
    """For each element k of a window: k, the windows that have it inside, and where those elements are."""
    for k in np.ndindex(*sizes(windows)):
        both = [w.part(j) for j, w in zip(k, windows, strict=True)]
        yield k, [results for results, _ in both], [elements for _, elements in both]


class Unfold(Function):
    """y[n, (c, k), o] = x[n, c, position of k in window o], 0 in the padding;   ∂L/∂x adds up the ∂L/∂y of every copy."""

    def forward(self, x: Array, windows: Sequence[Windows]) -> Array:
        self.windows = windows
        size, count = sizes(windows), counts(windows)
        y = np.zeros((*x.shape[:2], *size, *count), x.dtype, like=x)
        for k, results, elements in _parts(windows):
            y[:, :, *k, *results] = x[:, :, *elements]
        return y.reshape((x.shape[0], x.shape[1] * math.prod(size), math.prod(count)))

    def backward(self, grad: Array) -> Array:
        return Fold.on(grad, windows=self.windows)


class Fold(Function):
    """x[n, c, i] = Σ y[n, (c, k), o] over all k and o with position i: the transpose of ``Unfold``."""

    def forward(self, y: Array, windows: Sequence[Windows]) -> Array:
        self.windows = windows
        size = sizes(windows)
        channels = y.shape[1] // math.prod(size)
        y = y.reshape((y.shape[0], channels, *size, *counts(windows)))
        x = np.zeros((y.shape[0], channels, *extents(windows)), y.dtype, like=y)
        for k, results, elements in _parts(windows):
            x[:, :, *elements] += y[:, :, *k, *results]
        return x

    def backward(self, grad: Array) -> Array:
        return Unfold.on(grad, windows=self.windows)


def _pair(function: str, name: str, value: Setting) -> tuple[int, int]:
    """A setting for each of the two axes."""
    if isinstance(value, (tuple, list)) and len(value) != 2:
        raise RuntimeError(f"{function}: It is expected {name} equals to 2, but got size {len(value)}")
    one, other = each(value, 2, function, name)
    return one, other


def _windows(
    function: str, shape: Sequence[int], size: Setting, dilation: Setting, padding: Setting, stride: Setting
) -> tuple[Windows, ...]:
    settings = {"kernel_size": size, "dilation": dilation, "padding": padding, "stride": stride}
    given = {name: _pair(function, name, value) for name, value in settings.items()}
    for name, value in given.items():
        if min(value) < (name != "padding"):
            words, part = name.replace("_", " "), {"kernel_size": "kernel", "padding": "pad"}.get(name, name)
            raise RuntimeError(
                f"{function}: {words} should be {'non-negative' if name == 'padding' else 'greater than zero'}, but got "
                f"{part}_height: {value[0]} {part}_width: {value[1]}"
            )
    return tuple(
        sliding(n, k, s, p, p, d) for n, k, d, p, s in zip(shape, *(given[name] for name in settings), strict=True)
    )


@asks_for_tensors
def unfold(
    input: Tensor, kernel_size: Setting, dilation: Setting = 1, padding: Setting = 0, stride: Setting = 1
) -> Tensor:
    """Every patch that a window sees as a column: what turns a convolution into a product of matrices.

    input (N, C, H, W) or (C, H, W): result (N, C·KH·KW, P) or (C·KH·KW, P), P the number of positions of the window.
    Raises RuntimeError for an input of other dimensions, or too small for the window.

    >>> import metagrad
    >>> metagrad.nn.functional.unfold(metagrad.arange(6.0).reshape(1, 2, 3), 2)
    tensor([[0., 1.],
            [1., 2.],
            [3., 4.],
            [4., 5.]])
    """
    shape = tuple(input.shape)
    if len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise RuntimeError(
            "unfold: Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
            f"input, but got: {list(shape)}"
        )
    refuse("im2col_out_cpu", input, "iu")
    windows = _windows("unfold", shape[-2:], kernel_size, dilation, padding, stride)
    if min(counts(windows)) < 1:
        raise RuntimeError(
            f"unfold: Given input with spatial size {shape[-2:]}, kernel_size={sizes(windows)}, "
            f"dilation={_pair('unfold', 'dilation', dilation)}, padding={_pair('unfold', 'padding', padding)}, calculated "
            f"shape of the array of sliding blocks as {counts(windows)}, but its components must be at least one."
        )
    y = Unfold.apply(input if len(shape) == 4 else input.unsqueeze(0), windows=windows)
    return y if len(shape) == 4 else y.squeeze(0)


def fold(
    input: Tensor, output_size: Setting, kernel_size: Setting, dilation: Setting = 1, padding: Setting = 0,
    stride: Setting = 1,
) -> Tensor:  # fmt: skip
    """The transpose of ``unfold``: columns put back as patches of an image, added where they overlap.

    input (N, C·KH·KW, P) or (C·KH·KW, P): result (N, C, *output_size) or (C, *output_size). Raises RuntimeError for an
    input whose dimensions or extents are not those of ``unfold``.

    >>> import metagrad
    >>> metagrad.nn.functional.fold(metagrad.ones(1, 4, 2), (2, 3), 2)
    tensor([[[[1., 2., 1.],
              [1., 2., 1.]]]])
    """
    shape = tuple(input.shape)
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(
            "fold: Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(shape)}"
        )
    refuse("col2im_out_cpu", input, "iu")
    windows = _windows("fold", _pair("fold", "output_size", output_size), kernel_size, dilation, padding, stride)
    size, count = sizes(windows), counts(windows)
    if shape[-2] % math.prod(size):
        raise RuntimeError(
            f"fold: Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size({len(shape) - 2})={shape[-2]} and kernel_size={size}."
        )
    if min(count) < 1 or shape[-1] != math.prod(count):
        raise RuntimeError(
            f"fold: Given output_size={extents(windows)}, kernel_size={size}, dilation={_pair('fold', 'dilation', dilation)}, "
            f"padding={_pair('fold', 'padding', padding)}, stride={_pair('fold', 'stride', stride)}, expected size of input's "
            f"dimension 2 to match the calculated number of sliding blocks {count[0]} * {count[1]} = {math.prod(count)}, but got "
            f"input.size({len(shape) - 1})={shape[-1]}."
        )
    x = Fold.apply(input if len(shape) == 3 else input.unsqueeze(0), windows=windows)
    return x if len(shape) == 3 else x.squeeze(0)
