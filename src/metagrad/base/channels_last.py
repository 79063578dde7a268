"""Images whose channels lie next to each other, ``channels_last``: whether an array's do, and results laid out so, too.

Ops of images (convolution, pooling, batch norm, resizing) give their result the input's format. PyTorch reads it from the steps
in memory, not from a mark on the tensor, and so does this.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.layouts import channels_last, channels_last_3d, inverse, memory_format
from metagrad.base.result_order import steps_of
from metagrad.base.typing import Array

_FORMATS = {4: channels_last, 5: channels_last_3d}


def suggested(x: Array) -> memory_format | None:
    """The format in which an array's channels, dimension 1, have the narrowest steps, and the batch the widest; None in others.

    >>> suggested(np.zeros((2, 4, 4, 3)).transpose(0, 3, 1, 2)), suggested(np.zeros((2, 3, 4, 4)))
    (metagrad.channels_last, None)
    """
    if not isinstance(x, np.ndarray) or x.ndim not in _FORMATS or x.strides[1] > x.strides[-1] > 0:
        return None
    steps, wanted = steps_of(x), _FORMATS[x.ndim]
    least = 0
    for d in reversed(wanted.order):
        if (
            steps[d] < max(least, d == 1) or not x.shape[d] or d == 0 and least == steps[1]
        ):  # the last: one pixel, one channel
            return None
        least = steps[d] * x.shape[d]
    return wanted


def laid_out_in(x: Array, wanted: memory_format) -> Array:
    """An array whose elements lie in this order: itself, or a copy.

    >>> laid_out_in(np.zeros((2, 3, 4, 4)), channels_last).strides
    (384, 8, 96, 24)
    """
    turned = x.transpose(wanted.order)
    flat = turned.reshape(-1) if turned.flags.c_contiguous else turned.copy().reshape(-1)
    return flat.reshape(turned.shape).transpose(
        inverse(wanted.order)
    )  # steps of a single channel, too, tell the format


def laid_out_as(y: Array, *inputs: Array | None) -> Array:
    """A result of images in the format of the first of these that is in one; as it is if there is none."""
    for x in inputs:
        wanted = suggested(x)
        if wanted is not None and y.ndim == len(wanted.order):
            return laid_out_in(y, wanted)
    return y


def pooled_as(y: Array, x: Array) -> Array:
    """``laid_out_as``, which takes signals (N, C, L) for images that are one row high, as PyTorch's pooling does.

    >>> pooled_as(np.zeros((2, 3, 4)), np.zeros((2, 8, 3)).transpose(0, 2, 1)).strides
    (96, 8, 24)
    """
    if isinstance(x, np.ndarray) and x.ndim == y.ndim == 3 and not x.flags.c_contiguous:
        return laid_out_as(y[:, :, None], x[:, :, None])[:, :, 0]
    return laid_out_as(y, x)


def channels_behind(x: Array) -> tuple[int, ...]:
    """The order of dimensions in which the elements of images lie, if that is ``channels_last``, else of the usual order.

    >>> channels_behind(np.zeros((2, 4, 4, 3)).transpose(0, 3, 1, 2)), channels_behind(np.zeros((2, 3)))
    ((0, 2, 3, 1), (0, 1))
    """
    wanted = suggested(x)
    return tuple(range(x.ndim)) if wanted is None else wanted.order
