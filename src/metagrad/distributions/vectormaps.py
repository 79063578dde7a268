"""Maps of vectors and matrices: onto the simplex, into lower triangular and positive definite matrices; parts side by side."""

from __future__ import annotations

from collections.abc import Sequence

from metagrad import linalg
from metagrad.base.dtypes import finfo
from metagrad.base.size import Size
from metagrad.distributions import constraints
from metagrad.distributions.transform import Transform, at_least, sum_last
from metagrad.nn.functional.smooth_activation import softplus
from metagrad.ops.create import creation, from_data, ranges
from metagrad.ops.shape import joining, triangular
from metagrad.ops.shape.padding import pad
from metagrad.tensors.tensor import Tensor


class SoftmaxTransform(Transform):
    """y = softmax(x) over the last dimension; going back gives log y. Not one to one, so without a determinant."""

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        return x.softmax(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        at_least(1, shape)
        return tuple(shape)

    inverse_shape = forward_shape


class StickBreakingTransform(Transform):
    """K numbers to K + 1 that sum to one: each takes a share of what the ones before it have left.

    zᵢ = σ(xᵢ - log(K - i)),   yᵢ = zᵢ Πⱼ₍ⱼ₍ᵢ₎₎ (1 - zⱼ).

    >>> import metagrad
    >>> StickBreakingTransform()(metagrad.zeros(2))
    tensor([0.3333, 0.3333, 0.3333])
    """

    domain, codomain, bijective = constraints.real_vector, constraints.simplex, True

    def _left(self, x: Tensor) -> Tensor:
        """K, K - 1, …, 1, as logarithms."""
        return ranges.arange(x.shape[-1], 0, -1, dtype=x.dtype, device=x.device).log()

    def _call(self, x: Tensor) -> Tensor:
        z = (x - self._left(x)).sigmoid()
        return pad(z, [0, 1], value=1) * pad((1 - z).cumprod(-1), [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        rest = (1 - y[..., :-1].cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return y[..., :-1].log() - rest.log() + self._left(y[..., :-1])

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        shifted = x - self._left(x)
        return (y[..., :-1].log() - softplus(shifted)).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        at_least(1, shape)
        return Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        at_least(1, shape)
        return Size((*shape[:-1], shape[-1] - 1))


class LowerCholeskyTransform(Transform):
    """A matrix's lower triangle, with e to what stands on the diagonal."""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """L Lᵀ, L the ``LowerCholeskyTransform`` of a matrix."""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        lower = LowerCholeskyTransform()(x)
        return lower @ lower.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(linalg.cholesky(y))


class CorrCholeskyTransform(Transform):
    """n(n-1)/2 numbers to the Cholesky factor of an n x n correlation matrix.

    tanh makes them canonical partial correlations rᵢⱼ; row i is rᵢⱼ √Πₖ₍ₖ₍ⱼ₎₎ (1 - rᵢₖ²), and the diagonal completes its
    length to one. Source: Lewandowski, Kurowicka and Joe 2009.

    >>> import metagrad
    >>> L = CorrCholeskyTransform()(metagrad.tensor([0.5]))
    >>> L @ L.mT
    tensor([[1.0000, 0.4621],
            [0.4621, 1.0000]])
    """

    domain, codomain, bijective = constraints.real_vector, constraints.corr_cholesky, True

    def _call(self, x: Tensor) -> Tensor:
        eps = finfo(x.dtype).eps
        r = _in_triangle(x.tanh().clamp(-1 + eps, 1 - eps))
        left = (1 - r**2).sqrt().cumprod(-1)
        r = r + creation.eye(r.shape[-1], dtype=r.dtype, device=r.device)
        return r * pad(left[..., :-1], [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        self.inverse_shape(y.shape)
        left = (1 - (y * y).cumsum(-1)).clamp(min=finfo(y.dtype).eps)
        r = _from_triangle(y) / _from_triangle(pad(left[..., :-1], [1, 0], value=1)).sqrt()
        return (r.log1p() - (-r).log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        left = 1 - (y * y).cumsum(-1)
        scale = 0.5 * _from_triangle(left, -2).log().sum(-1)
        return scale - 2 * (x + softplus(-2 * x) - from_data.tensor(2.0, dtype=x.dtype).log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """(*, n, n) for (*, n(n-1)/2). Raises ValueError for another number of them."""
        at_least(1, shape)
        n = round((0.25 + 2 * shape[-1]) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != shape[-1]:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return (*shape[:-1], n, n)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        if len(at_least(2, shape)) and shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))


def _in_triangle(x: Tensor) -> Tensor:
    """Numbers, row by row, in the positions below the diagonal."""
    n = CorrCholeskyTransform().forward_shape(x.shape)[-1]
    rows, columns = triangular.tril_indices(n, n, -1)
    return x.new_zeros((*x.shape[:-1], n, n)).index_put((..., rows, columns), x)


def _from_triangle(matrix: Tensor, diagonal: int = -1) -> Tensor:
    """The numbers below the diagonal, row by row."""
    rows, columns = triangular.tril_indices(matrix.shape[-1], matrix.shape[-1], diagonal)
    return matrix[..., rows, columns]


def _all_transforms(tseq: Sequence[Transform]) -> list[Transform]:
    assert all(isinstance(t, Transform) for t in tseq), "All elements of tseq must be Transform instances"
    return list(tseq)


class CatTransform(Transform):
    """Parts along ``dim``, of these ``lengths``, each with a map of its own."""

    def __init__(
        self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size)
        self.transforms, self.dim = _all_transforms(tseq), dim
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        self.bijective = all(t.bijective for t in self.transforms)
        self.domain = constraints.cat([t.domain for t in self.transforms], dim, self.lengths)
        self.codomain = constraints.cat([t.codomain for t in self.transforms], dim, self.lengths)

    def _split(self, x: Tensor) -> list[Tensor]:
        assert x.size(self.dim) == sum(self.lengths), (
            f"x.size({self.dim}) = {x.size(self.dim)} must equal length {sum(self.lengths)}"
        )
        return list(x.split(self.lengths, self.dim))

    def _call(self, x: Tensor) -> Tensor:
        return joining.cat([t(part) for t, part in zip(self.transforms, self._split(x), strict=True)], self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        return joining.cat([t.inv(part) for t, part in zip(self.transforms, self._split(y), strict=True)], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        parts = zip(self.transforms, self._split(x), self._split(y), strict=True)
        slopes = [sum_last(t.log_abs_det_jacobian(a, b), self.event_dim - t.event_dim) for t, a, b in parts]
        dim = self.dim - x.dim() if self.dim >= 0 else self.dim
        return joining.cat(slopes, dim + self.event_dim) if dim + self.event_dim < 0 else sum(slopes[1:], slopes[0])


class StackTransform(Transform):
    """Slices along ``dim``, each with a map of its own."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.transforms, self.dim = _all_transforms(tseq), dim
        self.bijective = all(t.bijective for t in self.transforms)
        self.domain = constraints.stack([t.domain for t in self.transforms], dim)
        self.codomain = constraints.stack([t.codomain for t in self.transforms], dim)

    def _slices(self, x: Tensor) -> list[Tensor]:
        """The slices. Raises AssertionError unless there is one for each map."""
        assert x.size(self.dim) == len(self.transforms), (
            f"x.size({self.dim}) = {x.size(self.dim)} must equal len(transforms) {len(self.transforms)}"
        )
        return list(x.unbind(self.dim))

    def _call(self, x: Tensor) -> Tensor:
        return joining.stack([t(s) for t, s in zip(self.transforms, self._slices(x), strict=True)], self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        return joining.stack([t.inv(s) for t, s in zip(self.transforms, self._slices(y), strict=True)], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        parts = zip(self.transforms, self._slices(x), self._slices(y), strict=True)
        return joining.stack([t.log_abs_det_jacobian(a, b) for t, a, b in parts], self.dim)
