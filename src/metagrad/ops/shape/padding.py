"""Padding: elements put in front of an axis and behind it, the same everywhere or taken from the input itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.node_names import named
from metagrad.autograd.variable import unwrap, wrap
from metagrad.base.channels_last import channels_behind
from metagrad.base.layouts import inverse
from metagrad.base.result_order import copied
from metagrad.base.typing import Array, Number, Operand
from metagrad.kernels.copying import assign
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.fitting import fitting
from metagrad.ops.index.gathering import index_select
from metagrad.ops.shape.broadcasting import expand
from metagrad.ops.shape.copying import contiguous, formatted_as
from metagrad.ops.shape.flipping import flip
from metagrad.ops.shape.joining import cat

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["pad"]

Widths = tuple[tuple[int, int], ...]


class Pad(Function):
    """y = x with v around it, or without its margins where a width is negative;   ∂L/∂x = ∂L/∂y where x stands in it."""

    def forward(self, x: Array, widths: Widths, value: Number) -> Array:
        self.widths = widths
        kept = tuple(slice(max(0, -a), n - max(0, -b)) for n, (a, b) in zip(x.shape, widths, strict=True))
        if not any(w > 0 for pair in widths for w in pair):
            return copied(x[kept], x.dtype)
        inside = tuple(slice(max(0, a), n + a + min(b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True))
        shape = tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True))
        order = channels_behind(x)
        y = np.empty([shape[d] for d in order], x.dtype, like=x).transpose(inverse(order))
        for d, part in enumerate(inside):
            for margin in (slice(None, part.start), slice(part.stop, None)):
                y[(slice(None),) * d + (margin,)] = value
        assign(y[inside], x[kept])
        return y

    def backward(self, grad: Array) -> Array:
        return Pad.on(grad, widths=tuple((-a, -b) for a, b in self.widths), value=0)


@asks_for_tensors
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """The input with elements in front of and behind its last dimensions; a negative width cuts elements off.

    pad: (in front of the last dimension, behind it, in front of the last but one, …). mode: "constant" (``value``, 0 if
    None, for any number of dimensions), or, for the last one to three dimensions after a batch's and channels',
    "reflect" (mirrored at the edge, without the edge), "replicate" (the edge repeated) or "circular" (going on at the
    other end). Raises RuntimeError for widths that do not fit the input, NotImplementedError for a mode or a number of
    dimensions that it does not have.

    >>> import metagrad
    >>> x = metagrad.tensor([[1, 2, 3]])
    >>> metagrad.nn.functional.pad(x, (2, 1), "reflect")
    tensor([[3, 2, 1, 2, 3, 2]])
    """
    if mode == "constant":
        return constant_pad_nd(input, pad, value)
    if mode in ("reflect", "replicate"):
        refuse(f"{mode}_pad", input, "b")
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(
            f"Unrecognised padding mode {mode}: expected 'constant', 'reflect', 'replicate' or 'circular'"
        )
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    widths, axes, ndim = _widths(pad, input), len(pad) // 2, input.array.ndim
    if axes not in (1, 2, 3) or ndim not in (axes + 1, axes + 2):
        raise NotImplementedError(
            f"Padding size {len(pad)} is not supported for {ndim}D input tensor: in mode {mode!r} 2 widths are for 2D and 3D "
            "input, 4 for 3D and 4D, 6 for 4D and 5D"
        )
    shape = tuple(input.shape)
    if mode != "circular" and 0 in shape[ndim - axes - 1 :]:
        raise RuntimeError(
            f"Expected {axes + 1}D or {axes + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(shape)}"
        )
    for d in range(ndim - axes, ndim):
        (low, high), n = widths[d], shape[d]
        limit = n - 1 if mode == "reflect" else n if mode == "circular" else max(low, high)
        if max(low, high) > limit:
            raise RuntimeError(
                f"pad: {_TOO_WIDE[mode]}, but got: padding {(low, high)} at dimension {d} of input {list(shape)}: it can be "
                f"{limit} at most"
            )
        left = n + min(low, 0) + min(high, 0) if mode == "circular" else n + low + high - (mode != "circular")
        if left < 0:
            raise RuntimeError(
                f"pad: input {list(shape)} is too small: padding {(low, high)} leaves nothing of dimension {d}"
            )
    y = input
    for d in range(ndim - axes, ndim):
        low, high = widths[d]
        if mode == "circular":
            y = _pad_along(_cut(y, d, low, high), d, max(0, low), max(0, high), mode)
        else:
            y = _cut(_pad_along(y, d, max(0, low), max(0, high), mode), d, low, high)
    if not any(p > 0 for p in pad):
        return y.clone()
    y = contiguous(y) if min(pad) < 0 else y
    names = {"reflect": f"ReflectionPad{axes}D", "replicate": f"ReplicationPad{axes}D", "circular": "Copy"}
    return named(y if mode == "circular" else formatted_as(y, input), names[mode])


def constant_pad_nd(input: Tensor, pad: Sequence[int], value: Operand | None = 0) -> Tensor:
    """``pad`` with one number on all sides, of any number of dimensions.

    Raises RuntimeError if the widths are not pairs, cut off more than there is, or if the number does not fit the
    dtype.

    >>> import metagrad
    >>> metagrad.constant_pad_nd(metagrad.tensor([1, 2]), (1, 2))
    tensor([0, 1, 2, 0, 0])
    """
    widths = _widths(pad, input)
    shape = tuple(n + a + b for n, (a, b) in zip(input.array.shape, widths, strict=True))
    if any(n + min(a, 0) + min(b, 0) < 0 for n, (a, b) in zip(input.array.shape, widths, strict=True)):
        raise RuntimeError(
            f"pad: the input of size {list(input.shape)} padded by {tuple(pad)} would be of size {list(shape)}, which "
            "must not be negative: the negative widths cut off more than there is"
        )
    number = unwrap(0 if value is None else value)
    if input.array.dtype.kind == "u" and number < 0:
        raise RuntimeError(f"pad: value {number} cannot be converted to type {input.dtype} without overflow")
    number = fitting(number, input.dtype)
    return Pad.apply(input, widths=widths, value=input.array.dtype.type(number))


_TOO_WIDE = {
    "reflect": "Padding size should be less than the corresponding input dimension",
    "circular": "Padding value causes wrapping around more than once",
}


def _widths(pad: Sequence[int], input: Tensor) -> Widths:
    """Widths for each dimension, given those for the last ones, the last first."""
    if len(pad) % 2:
        raise RuntimeError(
            f"Padding length must be divisible by 2, got {tuple(pad)}: a pair for each dimension, the last first"
        )
    for i, p in enumerate(pad):
        if isinstance(p, bool) or not hasattr(p, "__index__"):
            raise TypeError(f"pad(): argument 'pad' must be tuple of ints, but found {type(p).__name__} at pos {i}")
    ndim = input.array.ndim
    if len(pad) > 2 * ndim:
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension {ndim}, got {len(pad)}"
        )
    pairs = [(int(a), int(b)) for a, b in zip(pad[::2], pad[1::2], strict=True)]
    return (*[(0, 0)] * (ndim - len(pairs)), *reversed(pairs))


def _pad_along(x: Tensor, d: int, low: int, high: int, mode: str) -> Tensor:
    """Pad dimension d by widths that are not negative."""
    n = x.array.shape[d]
    if mode == "reflect":
        before, after = flip(_part(x, d, 1, low + 1), dims=(d,)), flip(_part(x, d, n - high - 1, n - 1), dims=(d,))
    elif mode == "replicate":
        before, after = _edge(x, d, 0, low), _edge(x, d, n - 1, high)
    else:
        return index_select(x, d, wrap(np.arange(-low, n + high) % n).to(x.device)) if low or high else x
    return cat([*[before] * (low > 0), x, *[after] * (high > 0)], d) if low or high else x


def _edge(x: Tensor, d: int, i: int, count: int) -> Tensor:
    shape = list(x.shape)
    shape[d] = count
    return expand(_part(x, d, i, i + 1), shape)


def _part(x: Tensor, d: int, start: int, stop: int) -> Tensor:
    return x[(*[slice(None)] * d, slice(start, stop))]


def _cut(x: Tensor, d: int, low: int, high: int) -> Tensor:
    return _part(x, d, max(0, -low), x.array.shape[d] - max(0, -high))
