"""Convolution of many small images of NumPy: the batch is the last axis in memory.

In a small image rows are short, and NumPy's copies of short rows cost more than the product they are made for. So images are
turned round first, (N, C, *L) to (C, *L, N), as one matrix is transposed. Then what one element of a filter sees in one window
lies side by side for all images, and im2col copies long pieces, whatever stride and dilation are. The product for all images is
one, and its result is turned back.

Images are worked on in chunks whose columns stay in the cache. The letters are those of ``convolution.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks, threads_worth
from metagrad.kernels.convolution_tiles import Work, strided
from metagrad.kernels.workspace import Workspace

R = TypeVar("R")


def serves(work: Work) -> bool:
    """Whether this is the faster way: for images enough, with short rows."""
    return (
        work.images >= tuning.BATCH_CONVOLUTION_IMAGES
        and work.counts[-1] <= tuning.BATCH_CONVOLUTION_ROW
        and work.channels * work.size >= tuning.BATCH_CONVOLUTION_DEPTH * work.filters
        and not work.is_pointwise
    )


def _over_chunks(job: Callable[[slice], R], work: Work) -> list[R]:
    """The results of a job for each chunk of images."""
    threads = threads_worth(work.multiplications, tuning.BATCH_CONVOLUTION_WORTH_THREADS)
    elements = work.channels * work.size * math.prod(work.counts)
    length = max(tuning.BATCH_CONVOLUTION_CHUNK, tuning.CONVOLUTION_TILE // max(1, elements))
    chunks = even_chunks(work.images, length, threads)
    if len(chunks) == 1 and work.multiplications < tuning.BLAS_STARTS_THREADS:
        return [job(chunks[0])]
    return map_chunks(job, chunks, threads, blas=True)


def _columns(x: Array, work: Work, memory: Workspace) -> Array:
    """im2col of some images, (G, C/G · K, windows), with the images last."""
    padded = memory.empty((work.channels, *work.padded, len(x)), x.dtype)
    inside = padded
    if work.is_padded:
        padded[...] = 0
        inside = padded[:, *work.image]
    inside[...] = np.moveaxis(x if work.kept is None else x[work.kept], 0, -1)
    shape = (*work.columns_of_image(), len(x))
    channel, *along, image = padded.strides
    elements = [w.dilation * b for w, b in zip(work.windows, along, strict=True)]
    starts = [w.stride * b for w, b in zip(work.windows, along, strict=True)]
    columns = memory.empty(shape, x.dtype)
    columns[...] = strided(padded, shape, (channel, *elements, *starts, image))
    return columns.reshape(work.groups, work.channels // work.groups * work.size, -1)


def convolve(x: Array, w: Array, b: Array | None, work: Work) -> Array:
    """y[n, m] = Σ_c Σ_k w[m, c, k] x[n, c, positions of k] + b[m]."""
    y = np.empty((work.images, work.filters, *work.counts), x.dtype)
    matrix = w.reshape(work.groups, work.filters // work.groups, -1)

    def job(images: slice) -> None:
        memory, part = Workspace(), y[images].reshape(images.stop - images.start, -1)
        columns = _columns(x[images], work, memory)
        result = memory.empty((work.groups, matrix.shape[1], columns.shape[2]), y.dtype)
        np.matmul(matrix, columns, out=result)
        if b is not None:
            result += b.reshape(work.groups, -1, 1)
        part[...] = result.reshape(part.shape[::-1]).T

    _over_chunks(job, work)
    return y


def weight_gradient(x: Array, g: Array, work: Work) -> Array:
    """w[m, c, k] = Σ x[n, c, position of k in window o] g[n, m, o] over all images n and windows o."""

    def job(images: slice) -> Array:
        memory, part = Workspace(), g[images].reshape(images.stop - images.start, -1)
        columns = _columns(x[images], work, memory)
        turned = memory.empty(part.shape[::-1], g.dtype)
        turned[...] = part.T
        return np.matmul(turned.reshape(work.groups, -1, columns.shape[2]), np.swapaxes(columns, 1, 2))

    total, *others = _over_chunks(job, work)
    for other in others:
        total += other
    return total.reshape(work.filters, work.channels // work.groups, *[w.size for w in work.windows])
