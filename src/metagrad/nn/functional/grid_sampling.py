"""Images sampled at given positions, and the positions of an affine map (Jaderberg et al. 2015)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.function import Function
from metagrad.autograd.node_names import named
from metagrad.autograd.variable import wrap
from metagrad.base.dtypes import scalar_name
from metagrad.base.typing import Array
from metagrad.base.warning import warn
from metagrad.kernels import grid_samples
from metagrad.kernels.grid_samples import cubic_weights
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.index.gathering import gather
from metagrad.ops.linalg.matmul import matmul
from metagrad.ops.operands import in_single
from metagrad.ops.pointwise.division import fmod
from metagrad.ops.pointwise.rounding import floor, round
from metagrad.ops.pointwise.selection import where
from metagrad.ops.pointwise.signs import abs as absolute

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["affine_grid", "grid_sample"]

_CHANGED = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
    "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details."
)
_OF_ONE = (
    "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True: their one position is 0. "
    "See the documentation of affine_grid for details."
)


def _pixels(g: Tensor, n: int, align: bool) -> Tensor:
    """Positions in [−1, 1] as positions in pixels: the ends are the centres of the outer pixels if aligned, else their edges."""
    return (g + 1) / 2 * (n - 1) if align else ((g + 1) * n - 1) / 2


def _limited(x: Tensor, n: int) -> Tensor:
    """x in [0, n − 1]; without a gradient at the ends, unlike ``clamp``."""
    limited: Tensor = where(x > 0, where(x < n - 1, x, float(n - 1)), 0.0)
    return limited


def _reflected(x: Tensor, n: int, align: bool) -> Tensor:
    """x thrown back at the ends as often as it takes."""
    low, span = (0.0, float(n - 1)) if align else (-0.5, float(n))
    if span <= 0:
        return x * 0
    distance = absolute(x - low)
    extra = fmod(distance, span)
    even = floor(distance.detach() / span).remainder(2) == 0
    return _limited(where(even, extra, span - extra) + low, n)


def _placed(x: Tensor, n: int, padding_mode: str, align: bool) -> Tensor:
    if padding_mode == "border":
        return _limited(x, n)
    return _reflected(x, n, align) if padding_mode == "reflection" else x


def _picked(flat: Tensor, positions: Sequence[Tensor], extents: Sequence[int]) -> Tensor:
    """The elements (N, C, P) of flat (N, C, H·W) at whole positions (N, P) along each axis, 0 outside."""
    index: Array = 0
    inside: Array = True
    for x, n in zip(positions, extents, strict=True):
        a: Array = x.array
        inside = inside & (a >= 0) & (a <= n - 1)
        index = index * n + np.clip(np.where(np.isfinite(a), a, 0), 0, n - 1).astype(np.int64)
    shape = (flat.shape[0], flat.shape[1], index.shape[1])
    values = gather(flat, 2, wrap(index[:, None, :]).expand(shape))
    found: Tensor = where(wrap(inside[:, None, :]), values, 0.0)
    return found


def _bicubic(flat: Tensor, at: Sequence[Tensor], extents: Sequence[int], padding_mode: str, align: bool) -> Tensor:
    whole = [floor(x.detach()) for x in at]
    weights = [cubic_weights(x - x0) for x, x0 in zip(at, whole, strict=True)]
    total: Array = 0
    for taps in itertools.product(range(4), repeat=len(at)):
        positions = [
            _placed(x0 + (t - 1), n, padding_mode, align) for x0, t, n in zip(whole, taps, extents, strict=True)
        ]
        weight = math.prod(w[t] for w, t in zip(weights, taps, strict=True))
        total = total + _picked(flat, positions, extents) * weight.unsqueeze(1)
    return total


def _nearest(flat: Tensor, at: Sequence[Tensor], extents: Sequence[int]) -> Tensor:
    y = _picked(flat, [round(x) for x in at], extents)
    nothing = wrap(np.zeros((), bool)).to(flat.device)
    for x in at:  # the positions have a gradient, and it is 0
        y = y + where(nothing, x, 0.0).unsqueeze(1)
    return y


def _linear(flat: Tensor, at: Sequence[Tensor], extents: Sequence[int]) -> Tensor:
    whole = [floor(x.detach()) for x in at]
    total: Array = 0
    for corner in itertools.product((0, 1), repeat=len(at)):
        weight: Array = 1
        for x, x0, c in zip(at, whole, corner, strict=True):
            weight = weight * (x - x0 if c else x0 + 1 - x)
        positions = [x0 + c for x0, c in zip(whole, corner, strict=True)]
        total = total + _picked(flat, positions, extents) * weight.unsqueeze(1)
    return total


@asks_for_tensors
@guarding("input", "grid")
def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    """The input at positions of a grid: input (N, C, H, W), grid (N, OH, OW, 2) of (x, y) in [−1, 1], result (N, C, OH, OW).

    Or input (N, C, D, H, W), grid (N, OD, OH, OW, 3). mode: "bilinear" (in 3-D trilinear), "nearest", "bicubic" (2-D only).
    padding_mode: outside are "zeros", the "border", or the "reflection" at it. align_corners: −1 and 1 are the centres of the
    outer pixels, rather than their edges. Differentiable in both. Raises ValueError for an unknown mode, and
    RuntimeError for sizes or dtypes that do not belong together.

    >>> import metagrad
    >>> x, grid = metagrad.tensor([[[[0.0, 4.0]]]]), metagrad.tensor([[[[0.0, 0.0]]]])
    >>> metagrad.nn.functional.grid_sample(x, grid, align_corners=True)
    tensor([[[[2.]]]])
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    if align_corners is None:
        warn(_CHANGED)
    align = bool(align_corners)
    axes = input.array.ndim - 2
    shape = tuple(grid.shape)
    if axes > 0 and len(shape) == axes + 2 and shape[-1] != axes:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {axes} in last dimension, but got grid with sizes {list(shape)}"
        )
    if axes not in (2, 3) or len(shape) != axes + 2:
        raise RuntimeError(
            f"grid_sampler(): expected input (N, C, H, W) and grid (N, OH, OW, 2), or (N, C, D, H, W) and (N, OD, OH, OW, 3), but "
            f"got input with sizes {list(input.shape)} and grid with sizes {list(shape)}"
        )
    if shape[0] != input.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected grid and input to have same batch size, but got input with sizes {list(input.shape)} and "
            f"grid with sizes {list(shape)}"
        )
    if mode == "bicubic" and axes != 2:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    refuse(f"grid_sampler_{axes}d_cpu", input, "biuc")
    if input.dtype != grid.dtype:
        raise RuntimeError(
            f"grid_sampler(): expected scalar type {scalar_name(input.dtype)} but found {scalar_name(grid.dtype)} for the grid"
        )
    extents = tuple(input.shape[2:])
    if 0 in extents:
        raise RuntimeError(
            f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {list(input.shape)} with "
            f"dimension {extents.index(0) + 2} being empty"
        )
    return _sampled(input, grid, mode, padding_mode, align)


class GridSample(Function):
    """y = Σ w x over the pixels around each position;   ∂L/∂x adds w ∂L/∂y to them,   ∂L/∂g = Σ ∂w/∂g x ∂L/∂y."""

    reference = staticmethod(lambda x, grid, mode, padding, align: _by_ops(x, grid, mode, padding, align))

    def forward(self, x: Array, grid: Array, mode: str, padding: str, align: bool) -> Array:
        self.save(x, grid)
        self.how = grid_samples.Sampling(mode, padding, align)
        return grid_samples.sampled(x, grid, self.how)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        x, grid = self.saved
        return grid_samples.gradients(x, grid, grad, self.how, self.needs)


@in_single
def _sampled(input: Tensor, grid: Tensor, mode: str, padding_mode: str, align: bool) -> Tensor:
    if grid_samples.fits(input.array, grid.array):
        y = GridSample.apply(input, grid, mode=mode, padding=padding_mode, align=align)
        return named(y, f"GridSampler{input.array.ndim - 2}D")
    return _by_ops(input, grid, mode, padding_mode, align)


def _by_ops(input: Tensor, grid: Tensor, mode: str, padding_mode: str, align: bool) -> Tensor:
    shape, extents = tuple(grid.shape), tuple(input.shape[2:])
    axes, count = len(extents), math.prod(shape[1:-1])
    positions = grid.reshape((shape[0], count, axes))
    at = [_pixels(positions[:, :, axes - 1 - d], n, align) for d, n in enumerate(extents)]
    flat = input.reshape((*input.shape[:2], math.prod(extents)))
    if mode == "bicubic":
        y = _bicubic(flat, at, extents, padding_mode, align)
    else:
        at = [_placed(x, n, padding_mode, align) for x, n in zip(at, extents, strict=True)]
        y = _nearest(flat, at, extents) if mode == "nearest" else _linear(flat, at, extents)
    return named(y.reshape((*input.shape[:2], *shape[1:-1])), f"GridSampler{axes}D")


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The positions θ (x, y, 1)ᵀ of all pixels, for ``grid_sample``: theta (N, 2, 3), size (N, C, H, W), result (N, H, W, 2).

    Or theta (N, 3, 4), size (N, C, D, H, W), result (N, D, H, W, 3). Raises ValueError or RuntimeError for a theta that
    does not fit the size, and NotImplementedError for another number of axes.

    >>> import metagrad
    >>> metagrad.nn.functional.affine_grid(metagrad.eye(2, 3).unsqueeze(0), (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    if align_corners is None:
        warn(_CHANGED)
    if theta.dtype.category != 2:
        raise ValueError(f"affine_grid: Expected theta to have floating point type, but got {theta.dtype}")
    axes = len(size) - 2
    if axes not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{tuple(size)}"
        )
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (axes, axes + 1):
        raise ValueError(
            f"Expected a batch of {axes}D affine matrices of shape Nx{axes}x{axes + 1} for size {tuple(size)}. "
            f"Got {theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"affine_grid: Expected non-zero, positive output size. Got {tuple(size)}")
    if theta.shape[0] != size[0]:
        raise RuntimeError(f"affine_grid: theta has a batch of {theta.shape[0]}, and size one of {size[0]}")
    extents = tuple(size[2:])
    if align_corners and 1 in extents:
        warn(_OF_ONE)
    ramps = [(np.linspace(-1, 1, n) if n > 1 else np.zeros(1)) * (1 if align_corners else (n - 1) / n) for n in extents]
    grid = np.stack([*reversed(np.meshgrid(*ramps, indexing="ij")), np.ones(extents)], axis=-1)
    base = wrap(grid.reshape(-1, axes + 1).astype(theta.array.dtype)).to(theta.device)
    return named(matmul(base, theta.transpose(1, 2)).reshape((size[0], *extents, axes)), "AffineGridGenerator")
