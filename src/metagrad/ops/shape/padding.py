"""Padding: elements put in front of an axis and behind it, the same everywhere or taken from the input itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import guard
from metagrad.autograd.function import Function
from metagrad.autograd.node_names import named
from metagrad.autograd.variable import unwrap
from metagrad.base.channels_last import channels_behind
from metagrad.base.layouts import inverse
from metagrad.base.typing import Array, Number, Operand
from metagrad.kernels import padding
from metagrad.kernels.copying import assign, copied
from metagrad.kernels.libraries import beside
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.fitting import fitting
from metagrad.ops.index.at import add_rows
from metagrad.ops.shape.copying import formatted_as

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["pad"]

_SHORT_ROW = 128  # elements
Widths = tuple[tuple[int, int], ...]


class Pad(Function):
    """y = x with v around it, or without its margins where a width is negative;   ∂L/∂x = ∂L/∂y where x stands in it."""

    def forward(self, x: Array, widths: Widths, value: Number) -> Array:
        self.widths = widths
        kept = tuple(slice(max(0, -a), n - max(0, -b)) for n, (a, b) in zip(x.shape, widths, strict=True))
        if not any(w > 0 for pair in widths for w in pair):
            return copied(x[kept], x.dtype)
        if padding.fits(x):
            positions = [_positions(n, a, b, "constant") for n, (a, b) in zip(x.shape, widths, strict=True)]
            return padding.padded(x, positions, value)
        inside = tuple(slice(max(0, a), n + a + min(b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True))
        shape = tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True))
        order = channels_behind(x)
        y = np.empty([shape[d] for d in order], x.dtype, like=x).transpose(inverse(order))
        if shape[-1] != x.shape[-1] and shape[-1] < _SHORT_ROW:  # sooner filled than its margins
            y[...] = value
            assign(y[inside], x[kept])
            return y
        for d, part in enumerate(inside):
            for margin in (slice(None, part.start), slice(part.stop, None)):
                y[(slice(None),) * d + (margin,)] = value
        assign(y[inside], x[kept])
        return y

    def backward(self, grad: Array) -> Array:
        return Pad.on(grad, widths=tuple((-a, -b) for a, b in self.widths), value=0)


class PadFromInside(Function):
    """y[i, j, …] = x[p₀[i], p₁[j], …], p the positions in each dimension;   ∂L/∂x adds up ∂L/∂y where an element stands."""

    def forward(self, x: Array, positions: Sequence[Array]) -> Array:
        self.positions, self.shape_of_x = positions, x.shape
        if padding.fits(x):
            return padding.padded(x, positions)
        y = padding.padded_from_inside(x, positions)
        if y is not None:
            return y
        for d, p in enumerate(positions):
            if _moves(p, x.shape[d]):
                places: Array = beside(p, x)
                x = np.take(x, places, d)
        return copied(x, x.dtype) if x.shape == self.shape_of_x else x

    def backward(self, grad: Array) -> Array:
        return FoldInside.on(grad, positions=self.positions, shape=self.shape_of_x)


class FoldInside(Function):
    """The transpose of ``PadFromInside``: y[p₀[i], p₁[j], …] += x[i, j, …], of the shape that was padded."""

    def forward(self, x: Array, positions: Sequence[Array], shape: tuple[int, ...]) -> Array:
        self.positions = positions
        if padding.folds(x):
            return padding.folded(x, positions, shape)
        found = padding.folded_by_margins(x, positions, shape)
        if found is not None:
            return found
        for d, (p, n) in enumerate(zip(positions, shape, strict=True)):
            if _moves(p, n):
                x = np.moveaxis(x, d, 0)
                y = np.zeros((n, *x.shape[1:]), x.dtype, like=x)
                add_rows(y, beside(p, x), x)
                x = np.moveaxis(y, 0, d)
        return np.ascontiguousarray(x) if isinstance(x, np.ndarray) else x

    def backward(self, grad: Array) -> Array:
        return PadFromInside.on(grad, positions=self.positions)


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
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad(): argument 'pad' (position 2) must be tuple of ints, not {type(pad).__name__}")
    if mode == "constant":
        return constant_pad_nd(input, pad, value)
    if mode in ("reflect", "replicate"):
        refuse(f"{'reflection' if mode == 'reflect' else 'replication'}_pad{len(pad) // 2}d", input, "b")
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(
            f"Unrecognised padding mode {mode}: expected 'constant', 'reflect', 'replicate' or 'circular'"
        )
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    widths, axes, ndim = _widths(pad, input), len(pad) // 2, input.array.ndim
    if axes not in (1, 2, 3) or ndim not in (axes + 1, axes + 2):
        raise NotImplementedError(
            f"Padding size {len(pad)} is not supported for {ndim}D input tensor.\nSupported combinations for non-constant "
            "padding:\n  - 2D or 3D input: padding size = 2 (pads last dimension)\n  - 3D or 4D input: padding size = 4 (pads last "
            "2 dimensions)\n  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    shape = tuple(input.shape)
    if mode != "circular" and 0 in shape[ndim - axes - 1 :]:
        raise RuntimeError(
            f"Expected {axes + 1}D or {axes + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(shape)}"
        )
    for d in reversed(range(ndim - axes, ndim)):
        (low, high), n = widths[d], shape[d]
        limit = n - 1 if mode == "reflect" else n if mode == "circular" else max(low, high)
        if max(low, high) > limit:
            order = "" if mode != "reflect" else f"Argument #{2 * (ndim - d) + 2}: "
            raise RuntimeError(
                f"pad: {order}{_TOO_WIDE[mode]}, but got: padding {(low, high)} at dimension {d} of input {list(shape)}: it can be "
                f"{limit} at most"
            )
        left = n + min(low, 0) + min(high, 0) if mode == "circular" else n + low + high - (mode != "circular")
        if left < 0:
            raise RuntimeError(
                f"pad: input {list(shape)} is too small: padding {(low, high)} leaves nothing of dimension {d}"
            )
    if not any(p > 0 for p in pad):
        return input[
            tuple([slice(max(0, -low), n - max(0, -high)) for n, (low, high) in zip(shape, widths, strict=True)])
        ].clone()
    y = PadFromInside.apply(
        input, positions=[_positions(n, low, high, mode) for n, (low, high) in zip(shape, widths, strict=True)]
    )
    if y._grad_fn is not None:
        guard(y._grad_fn, *([] if mode == "circular" else [input]))
        y._grad_fn.flat_in = () if mode == "circular" else (0,)  # there PyTorch copies slices
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
            f"Padding length should be less than or equal to two times the input dimension but got padding "
            f"length {len(pad)} and input of dimension {ndim}"
        )
    pairs = [(int(a), int(b)) for a, b in zip(pad[::2], pad[1::2], strict=True)]
    return (*[(0, 0)] * (ndim - len(pairs)), *reversed(pairs))


def _moves(positions: Array, n: int) -> bool:
    """Whether positions among n elements are others than all of them in turn."""
    return len(positions) != n or bool((positions != np.arange(n)).any())


def _positions(n: int, low: int, high: int, mode: str) -> Array:
    """Which of n elements stands at each place of a padded dimension: −1 for none of them."""
    if mode == "circular":  # goes on at the end of what is left
        first, left = max(0, -low), n + min(low, 0) + min(high, 0)
        return first + np.arange(-max(0, low), left + max(0, high)) % max(left, 1)
    places = np.arange(-low, n + high)
    if mode == "constant":
        return np.where((places < 0) | (places >= n), -1, places)
    if mode == "reflect":
        places = np.abs(places)
        return np.minimum(places, 2 * (n - 1) - places)
    return np.clip(places, 0, n - 1)
