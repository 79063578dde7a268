"""Invertible maps with the logarithm of their derivative's absolute value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from metagrad import functions
from metagrad.dtypes import finfo
from metagrad.nn.functional.activation import softplus
from metagrad.tensor import Tensor


class Transform:
    """y = f(x): called, it maps x to y; ``inv`` maps back."""

    event_dim = 0

    def __call__(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no forward map")

    def inv(self, y: Tensor) -> Tensor:
        """x, from y."""
        raise NotImplementedError(f"{type(self).__name__} has no inverse")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log |dy/dx|."""
        raise NotImplementedError(f"{type(self).__name__} has no log_abs_det_jacobian")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class AffineTransform(Transform):
    """y = loc + scale · x."""

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0) -> None:
        self.loc, self.scale, self.event_dim = loc, scale, event_dim

    def __call__(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def inv(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        size = functions.as_tensor(self.scale, dtype=x.dtype).abs().log().expand(x.shape)
        return size.flatten(-self.event_dim).sum(-1) if self.event_dim else size


class ExpTransform(Transform):
    """y = eˣ."""

    def __call__(self, x: Tensor) -> Tensor:
        return x.exp()

    def inv(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class SigmoidTransform(Transform):
    """y = σ(x)."""

    def __call__(self, x: Tensor) -> Tensor:
        return x.sigmoid()

    def inv(self, y: Tensor) -> Tensor:
        eps = finfo(y.dtype).eps
        y = y.clamp(finfo(y.dtype).tiny, 1 - eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x) - softplus(x)


class TanhTransform(Transform):
    """y = tanh x."""

    def __init__(self, cache_size: int = 0) -> None:
        self.cache_size = cache_size

    def __call__(self, x: Tensor) -> Tensor:
        return x.tanh()

    def inv(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2 * (math.log(2) - x - softplus(-2 * x))


class ComposeTransform(Transform):
    """One map after the other."""

    def __init__(self, parts: Sequence[Transform]) -> None:
        self.parts = list(parts)
        self.event_dim = max((p.event_dim for p in self.parts), default=0)

    def __call__(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def inv(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part.inv(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        total: Any = functions.zeros(())
        for part in self.parts:
            y = part(x)
            local = part.log_abs_det_jacobian(x, y)
            extra = self.event_dim - part.event_dim
            total = total + (local.flatten(-extra).sum(-1) if extra else local)
            x = y
        return total
