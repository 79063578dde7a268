"""Convolutions of many examples: more images where the filters are the same for all, else more groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.func.batched import RULES, BatchedArray
from metagrad.func.batching_rules import has, spread, stacks
from metagrad.kernels.windows import Windows, counts, sizes
from metagrad.nn.convolution import columns


def _as_groups(x: Any) -> Any:
    """Examples (batch, N, C, *L) as channels of the same images (N, batch · C, *L)."""
    x = np.moveaxis(x, 0, 1)
    return np.ascontiguousarray(x.reshape((x.shape[0], -1, *x.shape[3:])))


def _mapped(name: str, run: Callable[..., Any], level: int, x: Any, w: Any, b: Any, windows: Any, groups: int) -> Any:
    """``convolve`` or ``input_gradient`` of x (N, C, *L) with filters w and, of the former, a bias b."""
    rest = () if name == "input_gradient" else (None,)
    if not has(level, w):
        flat = x.examples.reshape((-1, *x.shape[1:]))
        y = run(name, flat, w, *rest, windows, groups)
        y = BatchedArray(level, y.reshape((x.count, -1, *y.shape[1:])))
    else:
        filters = w.examples.reshape((-1, *w.shape[1:]))
        y = run(name, _as_groups(spread(level, x, w.count)), filters, *rest, windows, groups * w.count)
        parts = y.reshape((y.shape[0], w.count, -1, *y.shape[2:]))
        y = BatchedArray(level, np.moveaxis(parts, 1, 0))
    return y if b is None else y + np.reshape(b, (-1, *[1] * len(windows)))


def _convolve(level: int, run: Callable[..., Any], x: Any, w: Any, b: Any, windows: Any, groups: int) -> Any:
    if not has(level, x) and not has(level, w):
        return run("convolve", x, w, None, windows, groups) + np.reshape(b, (-1, *[1] * len(windows)))
    return _mapped("convolve", run, level, x, w, b, windows, groups)


def _input_gradient(level: int, run: Callable[..., Any], g: Any, w: Any, windows: Any, groups: int) -> Any:
    return _mapped("input_gradient", run, level, g, w, None, windows, groups)


def _weight_gradient(
    level: int, run: Callable[..., Any], x: Any, g: Any, windows: Sequence[Windows], groups: int
) -> Any:
    """gradient @ columnsᵀ for each image of each example, summed over the images of each."""
    count = x.count if has(level, x) else g.count
    (images, channels), filters = x.shape[:2], g.shape[1]
    seen = columns(x.examples.reshape((-1, *x.shape[1:])) if has(level, x) else x, windows)
    weights, positions = channels // groups * seen.shape[2], math.prod(counts(windows))
    left = np.reshape(g.examples if has(level, g) else g, (-1, images, groups, filters // groups, positions))
    right = np.swapaxes(seen.reshape((-1, images, groups, weights, positions)), -1, -2)
    each = stacks(left, right).sum(1)
    return BatchedArray(level, each.reshape((count, filters, channels // groups, *sizes(windows))))


RULES["convolve"] = _convolve
RULES["input_gradient"] = _input_gradient
RULES["weight_gradient"] = _weight_gradient
