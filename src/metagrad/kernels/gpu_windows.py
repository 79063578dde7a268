"""Windows over images on a GPU: convolution as products of matrices, and pooling by maxima; a kernel for each map.

What all windows see is written out, column after column, (C, K, N, P): C channels, K elements of a window, N images, P windows.
The filters are then multiplied with all of it at once. Windows slide over one to three axes; over fewer, the others have extent 1.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from metagrad.base.device import cupy
from metagrad.base.typing import Array
from metagrad.kernels.cuda_text import PHASES
from metagrad.kernels.gpu_matmul import times
from metagrad.kernels.libraries import makes_kernels
from metagrad.kernels.windows import Windows, counts, extents, sizes

_THREADS = 256
_MOST = 1 << 28  # bytes of columns that are written out at once
_AXES = (
    "const int extent0, const int size0, const int stride0, const int low0, const int step0, const int count0, "
    "const int extent1, const int size1, const int stride1, const int low1, const int step1, const int count1, "
    "const int extent2, const int size2, const int stride2, const int low2, const int step2, const int count2"
)
_BEGIN = """
  EACH(thread)
    for (long long at = (long long)BLOCK_X * THREADS + thread; at < total; at += (long long)BLOCKS_X * THREADS) {
"""
_END = """
    }
  END
}
"""

# Where the element ``at`` of an image stands; and the windows that have it, of which it is element k, the window t / stride.
_ELEMENT = """
    long long rest = at;
    const int i2 = rest % extent2; rest /= extent2;
    const int i1 = rest % extent1; rest /= extent1;
    const int i0 = rest % extent0;
"""
_WINDOWS_OF_IT = """
    for (int k0 = 0; k0 < size0; k0++) {
      const int t0 = i0 + low0 - k0 * step0;
      if (t0 < 0 || t0 % stride0 || t0 / stride0 >= count0) continue;
      for (int k1 = 0; k1 < size1; k1++) {
        const int t1 = i1 + low1 - k1 * step1;
        if (t1 < 0 || t1 % stride1 || t1 / stride1 >= count1) continue;
        for (int k2 = 0; k2 < size2; k2++) {
          const int t2 = i2 + low2 - k2 * step2;
          if (t2 < 0 || t2 % stride2 || t2 / stride2 >= count2) continue;
"""
_END_OF_WINDOWS = "} } }"

_TEXT = f"""
KERNEL columns(const NUMBER *x, NUMBER *seen, const long long total, const int channels, const int images, {_AXES}) {{
  {_BEGIN}
    long long rest = at;
    const int o2 = rest % count2; rest /= count2;
    const int o1 = rest % count1; rest /= count1;
    const int o0 = rest % count0; rest /= count0;
    const int n = rest % images; rest /= images;
    const int k2 = rest % size2; rest /= size2;
    const int k1 = rest % size1; rest /= size1;
    const int k0 = rest % size0;
    const int c = rest / size0;
    const int i0 = o0 * stride0 - low0 + k0 * step0, i1 = o1 * stride1 - low1 + k1 * step1, i2 = o2 * stride2 - low2 + k2 * step2;
    const int inside = i0 >= 0 && i0 < extent0 && i1 >= 0 && i1 < extent1 && i2 >= 0 && i2 < extent2;
    seen[at] = inside ? x[((((long long)n * channels + c) * extent0 + i0) * extent1 + i1) * extent2 + i2] : 0;
  {_END}

KERNEL images(const NUMBER *seen, NUMBER *x, const long long total, const int channels, const int images, {_AXES}) {{
  {_BEGIN}
    {_ELEMENT} rest /= extent0;
    const int c = rest % channels, n = rest / channels;
    NUMBER sum = 0;
    {_WINDOWS_OF_IT}
          const long long window = (((long long)c * size0 + k0) * size1 + k1) * size2 + k2;
          sum += seen[(((window * images + n) * count0 + t0 / stride0) * count1 + t1 / stride1) * count2 + t2 / stride2];
    {_END_OF_WINDOWS}
    x[at] = sum;
  {_END}

KERNEL max_pool(const NUMBER *x, NUMBER *y, long long *places, const long long total, {_AXES}) {{
  {_BEGIN}
    long long rest = at;
    const int o2 = rest % count2; rest /= count2;
    const int o1 = rest % count1; rest /= count1;
    const int o0 = rest % count0;
    const NUMBER *plane = x + rest / count0 * extent0 * extent1 * extent2;
    NUMBER best = (NUMBER)(-1.0 / 0.0);
    long long found = -1;
    for (int k0 = 0; k0 < size0; k0++) {{
      const int i0 = o0 * stride0 - low0 + k0 * step0;
      if (i0 < 0 || i0 >= extent0) continue;
      for (int k1 = 0; k1 < size1; k1++) {{
        const int i1 = o1 * stride1 - low1 + k1 * step1;
        if (i1 < 0 || i1 >= extent1) continue;
        for (int k2 = 0; k2 < size2; k2++) {{
          const int i2 = o2 * stride2 - low2 + k2 * step2;
          if (i2 < 0 || i2 >= extent2) continue;
          const long long i = ((long long)i0 * extent1 + i1) * extent2 + i2;
          if (found < 0 || plane[i] > best || plane[i] != plane[i]) {{ best = plane[i]; found = i; }}
        }}
      }}
    }}
    y[at] = best;
    places[at] = found;
  {_END}

KERNEL to_winners(const NUMBER *grad, const long long *places, NUMBER *x, const long long total, {_AXES}) {{
  {_BEGIN}
    {_ELEMENT}
    const long long plane = rest / extent0, own = ((long long)i0 * extent1 + i1) * extent2 + i2;
    NUMBER sum = 0;
    {_WINDOWS_OF_IT}
          const long long o = ((plane * count0 + t0 / stride0) * count1 + t1 / stride1) * count2 + t2 / stride2;
          if (places[o] == own) sum += grad[o];
    {_END_OF_WINDOWS}
    x[at] = sum;
  {_END}
"""


def text_of(letter: str) -> str:
    """The kernels' text, for float32 ("f") or float64 ("d").

    >>> text_of("f").startswith("#define NUMBER float")
    True
    """
    return f"#define NUMBER {'float' if letter == 'f' else 'double'}\n{PHASES}{_TEXT}"


@functools.cache
def _kernel(name: str, letter: str) -> Any:
    return cupy().RawKernel(text_of(letter), name)  # type: ignore[union-attr]


def serve(x: Array, windows: Sequence[Any]) -> bool:
    """Whether there are kernels for windows over an array of a GPU.

    >>> serve(np.zeros((1, 1, 4), np.int64), [])
    False
    """
    return (
        makes_kernels(x)
        and x.size > 0
        and 0 < len(windows) <= 3
        and all(isinstance(w, Windows) for w in windows)
        and max(*x.shape, math.prod(sizes(windows)), *[_reach(w) for w in windows]) < 2**31
    )


def _reach(w: Windows) -> int:
    """More than any number that a kernel computes of an axis."""
    return w.extent + abs(w.low) + abs(w.high) + max(1, w.count) * w.stride + w.reach


def _numbers(windows: Sequence[Windows]) -> list[np.int32]:
    whole = [Windows(1, 1, 1, 0, 0, 1, 1)] * (3 - len(windows)) + [*windows]
    return [np.int32(n) for w in whole for n in (w.extent, w.size, w.stride, w.low, w.dilation, w.count)]


def _run(name: str, total: int, windows: Sequence[Windows], x: Array, *rest: Any) -> None:
    """A kernel with a thread for each of ``total`` results."""
    blocks = max(1, min(65535, -(-total // _THREADS)))
    given = (x if x.flags.c_contiguous else x.copy(), *rest)
    arrays = [a for a in given if not isinstance(a, np.int32)]
    others = [a for a in given if isinstance(a, np.int32)]
    arguments = (*arrays, np.int64(total), *others, *_numbers(windows))
    _kernel(name, x.dtype.char)((blocks,), (_THREADS,), arguments)


def _columns(x: Array, windows: Sequence[Windows]) -> Array:
    """What the windows see of images x (N, C, *L): (C, K, N P)."""
    images, channels = x.shape[:2]
    shape = (channels, math.prod(sizes(windows)), images * math.prod(counts(windows)))
    seen = np.empty(shape, x.dtype, like=x)
    if seen.size:
        _run("columns", seen.size, windows, x, seen, np.int32(channels), np.int32(images))
    return seen


def _some_images(x: Array, channels: int, windows: Sequence[Windows]) -> Iterator[slice]:
    """Slices of the images, as many at once as memory for their columns is meant to be taken."""
    each = channels * math.prod(sizes(windows)) * math.prod(counts(windows)) * x.itemsize
    step = max(1, _MOST // max(1, each))
    return (slice(i, i + step) for i in range(0, len(x), step))


def convolve(x: Array, w: Array, b: Array | None, windows: Sequence[Windows], groups: int) -> Array:
    """y[n, m, o] = Σ w[m, c, k] x[n, c, position of k in window o] + b[m]: x (N, C, *L), w (M, C/G, *K), y (N, M, *O)."""
    images, filters, depth = len(x), len(w), math.prod(w.shape[1:])
    y = np.empty((images, filters, math.prod(counts(windows))), x.dtype, like=x)
    weights = w.reshape(groups, filters // groups, depth)
    for some in _some_images(x, x.shape[1], windows):
        seen = _columns(x[some], windows).reshape(groups, depth, -1)
        part = times(weights, seen).reshape(filters, len(y[some]), -1).transpose(1, 0, 2)
        if b is None:
            y[some] = part
        else:
            np.add(part, b[:, None], out=y[some])
    return y.reshape(images, filters, *counts(windows))


def input_gradient(g: Array, w: Array, windows: Sequence[Windows], groups: int) -> Array:
    """The gradient of x from that of y, g (N, M, *O): what each window passes on, gathered for each element of x."""
    (images, filters), channels, depth = g.shape[:2], groups * w.shape[1], math.prod(w.shape[1:])
    x = np.empty((images, channels, *extents(windows)), g.dtype, like=g)
    weights = w.reshape(groups, filters // groups, depth).swapaxes(1, 2)
    for some in _some_images(g, channels, windows):
        rows = _filters_first(g[some]).reshape(groups, filters // groups, -1)
        seen, out = times(weights, rows), x[some]
        if out.size:
            _run("images", out.size, windows, seen, out, np.int32(channels), np.int32(len(out)))
    return x


def weight_gradient(x: Array, g: Array, windows: Sequence[Windows], groups: int) -> Array:
    """The gradient of w from that of y: summed over all windows of all images."""
    channels, filters = x.shape[1], g.shape[1]
    total: Array | None = None
    for some in _some_images(x, channels, windows):
        seen = _columns(x[some], windows).reshape(groups, -1, math.prod(counts(windows)) * len(x[some]))
        rows = _filters_first(g[some]).reshape(groups, filters // groups, -1)
        part = times(rows, seen.swapaxes(1, 2))
        total = part if total is None else total + part
    assert total is not None
    return total.reshape(filters, channels // groups, *sizes(windows))


def _filters_first(g: Array) -> Array:
    """(N, M, *O) as (M, N, P)."""
    return g.reshape(*g.shape[:2], -1).transpose(1, 0, 2).copy()


def max_pool(x: Array, windows: Sequence[Windows]) -> tuple[Array, Array]:
    """The largest elements (R, *O) of windows over planes (R, *L), and where in its plane each stands, int64."""
    y = np.empty((len(x), *counts(windows)), x.dtype, like=x)
    places = np.empty(y.shape, np.int64, like=x)
    _run("max_pool", y.size, windows, x, y, places)
    return y, places


def to_winners(g: Array, places: Array, windows: Sequence[Windows]) -> Array:
    """Planes (R, *L) with the elements of g (R, *O) added where the maxima were found, zero elsewhere."""
    x = np.empty((len(g), *extents(windows)), g.dtype, like=g)
    _run("to_winners", x.size, windows, g, places, x)
    return x


def from_winners(x: Array, places: Array) -> Array:
    """The elements of planes (R, *L) at the places of the maxima: (R, *O)."""
    there = np.maximum(places.reshape(len(x), -1), 0)  # a window that saw nothing but padding has −1
    return np.where(places < 0, 0, np.take_along_axis(x.reshape(len(x), -1), there, 1).reshape(places.shape))
