"""Ready-made parametrizations: weights of a norm of their own, of spectral norm 1, orthogonal."""

from __future__ import annotations

from typing import Any

from metagrad.autograd.mode import no_grad
from metagrad.nn.functional.layer_norm import normalize
from metagrad.nn.modules.module import Module
from metagrad.nn.utils import parametrize
from metagrad.ops.create.creation import eye
from metagrad.ops.linalg.orthogonal import geqrf, householder_product, qr
from metagrad.ops.linalg.powers import matrix_exp
from metagrad.ops.linalg.solving import solve
from metagrad.ops.reduce.norms import vector_norm
from metagrad.ops.shape.joining import cat
from metagrad.tensors.tensor import Tensor

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def norm_except(v: Tensor, dim: int | None) -> Tensor:
    """The norm over all dimensions but one (or over all, for None or −1), kept as dimensions of 1."""
    if dim is None or dim == -1:
        return vector_norm(v)
    return vector_norm(v, 2, tuple(d for d in range(v.ndim) if d != dim % v.ndim), keepdim=True)


class _WeightNorm(Module):
    """w = g v / ‖v‖ (Salimans & Kingma 2016)."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """w = g v / ‖v‖: a weight's length and direction as parameters of their own (Salimans & Kingma 2016).

    g is ``parametrizations.weight.original0``, v ``original1``; the norm is over all dimensions but ``dim``.

    >>> from metagrad import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> layer.parametrizations.weight.original0.shape
    metagrad.Size([2, 1])
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state: dict[str, Any], prefix: str, *_: object) -> None:
        """Take a state that was saved with ``nn.utils.weight_norm``, too."""
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state for key in old):
            for i, key in enumerate(old):
                state[f"{prefix}parametrizations.{name}.original{i}"] = state.pop(key)

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    """w / σ, σ = uᵀ W v; u and v come by power iteration, one step each time it is used in training (Miyato et al. 2018)."""

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{weight.ndim}, {weight.ndim - 1}], but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim, self.eps = dim % weight.ndim, eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            with no_grad():
                matrix = self._matrix(weight)
                rows, columns = matrix.shape
                u, v = matrix.new_empty(rows).normal_(0, 1), matrix.new_empty(columns).normal_(0, 1)
                self.register_buffer("_u", normalize(u, dim=0, eps=eps))
                self.register_buffer("_v", normalize(v, dim=0, eps=eps))
                self._iterate(matrix, 15)

    _u: Tensor
    _v: Tensor

    def _matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)

    @no_grad()
    def _iterate(self, matrix: Tensor, steps: int) -> None:
        for _ in range(steps):
            self._u = normalize(matrix @ self._v, dim=0, eps=self.eps)
            self._v = normalize(matrix.t() @ self._u, dim=0, eps=self.eps)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        return weight / self._u.clone().dot(matrix @ self._v.clone())

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """w / σ(W): a weight whose largest singular value is 1 (Miyato et al. 2018). dim: that of the outputs."""
    weight = _weight(module, name)
    if dim is None:
        dim = 1 if "ConvTranspose" in parametrize.type_before_parametrizations(module).__name__ else 0
    return parametrize.register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))


def _weight(module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


class _Orthogonal(Module):
    """Q of a square or tall matrix X: e^A or the Cayley map (1 + A/2)(1 − A/2)⁻¹ of a skew A, or a product of reflections;
    times ``base``, an orthogonal matrix that makes X = 0 the weight there was."""

    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape, self.orthogonal_map = tuple(weight.shape), orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        rows, columns = X.shape[-2:]
        transposed = rows < columns
        x: Tensor = X.mT if transposed else X
        n, k = max(rows, columns), min(rows, columns)
        if self.orthogonal_map == "householder":
            a = x.tril(diagonal=-1)
            q = householder_product(a, 2 / (1 + (a * a).sum(-2))) * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        else:
            a = x.tril()
            if n != k:
                a = cat([a, a.new_zeros(*a.shape[:-2], n, n - k)], -1)
            a = a - a.mT.conj() if a.is_complex() else a - a.mT
            if self.orthogonal_map == "matrix_exp":
                q = matrix_exp(a)
            else:
                one = eye(n, dtype=a.dtype, device=a.device)
                q = solve(one - a * 0.5, one + a * 0.5)
            q = q[..., :k]
        base = self._buffers.get("base")
        if base is not None:
            q = base @ q
        return q.mT if transposed else q

    def _reflections(self, Q: Tensor) -> Tensor:
        transposed = Q.shape[-2] < Q.shape[-1]
        a, tau = geqrf(Q.mT if transposed else Q)
        diagonal = a.diagonal(dim1=-2, dim2=-1)
        diagonal.copy_(diagonal.sign() * (1 - 2 * (tau == 0).float()))
        return a.mT if transposed else a

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        if tuple(Q.shape) != self.shape:
            raise ValueError(f"Expected matrices of shape {self.shape}. Got a tensor of shape {tuple(Q.shape)}.")
        if "base" not in self._buffers:
            if self.orthogonal_map == "householder":
                return self._reflections(Q)
            raise NotImplementedError(
                f"It is not possible to assign to the {self.orthogonal_map} parametrizations when use_trivialization=False."
            )
        transposed = Q.shape[-2] < Q.shape[-1]
        q: Tensor = Q.mT if transposed else Q
        full, r = qr(q, mode="complete")
        k = q.shape[-1]
        signs = r.diagonal(dim1=-2, dim2=-1).sgn()
        full = full.clone()
        full[..., :k] = full[..., :k] * signs.unsqueeze(-2)
        self._buffers["base"] = full
        found = q.new_zeros(*q.shape)
        found.diagonal(dim1=-2, dim2=-1).fill_(-1.0)  # X = −1: the reflections, and the skew part, are then 1 or 0
        return found.mT if transposed else found


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """A weight that stays orthogonal: QᵀQ = 1 if it is tall, QQᵀ = 1 if it is wide.

    orthogonal_map: "matrix_exp", "cayley" or "householder"; by default the first for square matrices, else the last.

    Raises ValueError for a weight that is no matrix, or an unknown map.

    >>> import metagrad
    >>> layer = metagrad.nn.utils.parametrizations.orthogonal(metagrad.nn.Linear(3, 3))
    >>> metagrad.allclose(layer.weight @ layer.weight.T, metagrad.eye(3), atol=1e-5)
    True
    """
    weight = _weight(module, name)
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1] or weight.is_complex()
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    return parametrize.register_parametrization(
        module, name, _Orthogonal(weight, orthogonal_map, use_trivialization), unsafe=True
    )
