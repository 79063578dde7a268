"""Invertible maps with the logarithm of their derivative's absolute value: what they have in common, and maps made of maps.

A map of one's own is a subclass with ``domain``, ``codomain``, ``_call``, ``_inverse`` and ``log_abs_det_jacobian``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metagrad.base.size import Size
from metagrad.distributions import constraints
from metagrad.distributions.constraints import Constraint
from metagrad.ops.create import like
from metagrad.tensors.tensor import Tensor

__all__ = ["ComposeTransform", "IndependentTransform", "ReshapeTransform", "Transform", "identity_transform"]


def sum_last(x: Tensor, count: int) -> Tensor:
    """The sum over the last ``count`` dimensions."""
    return x.sum(tuple(range(-count, 0))) if count else x


class Transform:
    """y = f(x): called, it maps x to y; ``inv`` is the map back.

    ``sign`` is 1 where f rises and -1 where it falls. With ``cache_size=1`` the last pair (x, y) is remembered, so that
    going back gives the very x, without a loss of digits. Raises ValueError for another cache_size than 0 and 1.

    >>> import metagrad
    >>> from metagrad.distributions import AffineTransform
    >>> double = AffineTransform(0.0, 2.0)
    >>> double(metagrad.tensor(3.0)), double.inv(metagrad.tensor(6.0))
    (tensor(6.), tensor(3.))
    """

    domain: Constraint = constraints.real
    codomain: Constraint = constraints.real
    bijective = False

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ValueError(f"cache_size must be 0 or 1, got {cache_size}")
        self._cache_size = cache_size
        self._last: tuple[Any, Any] = None, None  # x and y

    @property
    def sign(self) -> Tensor | int:
        """Whether the map rises (1) or falls (-1)."""
        raise NotImplementedError(f"{type(self).__name__} neither rises nor falls everywhere")

    @property
    def event_dim(self) -> int:
        """How many dimensions one value has."""
        return self.domain.event_dim

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no forward map")

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no inverse")

    def __call__(self, x: Tensor) -> Tensor:
        if not getattr(self, "_cache_size", 0):
            return self._call(x)
        if x is not self._last[0]:
            self._last = x, self._call(x)
        return self._last[1]

    def _back(self, y: Tensor) -> Tensor:
        if not getattr(self, "_cache_size", 0):
            return self._inverse(y)
        if y is not self._last[1]:
            self._last = self._inverse(y), y
        return self._last[0]

    @property
    def inv(self) -> Transform:
        """The map from y to x."""
        return _Inverse(self)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log |dy/dx|."""
        raise NotImplementedError(f"{type(self).__name__} has no log_abs_det_jacobian")

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map, with or without a memory."""
        import copy

        made = copy.copy(self)
        made._cache_size, made._last = cache_size, (None, None)
        return made

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of y for an x of this shape."""
        return tuple(shape)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of x for a y of this shape."""
        return tuple(shape)

    def _settings(self) -> dict[str, Any]:
        """What one map of this class has and another may not."""
        return {k: v for k, v in vars(self).items() if k not in ("_cache_size", "_last")}

    def __eq__(self, other: object) -> bool:
        return self is other or type(self) is type(other) and not self._settings()

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Inverse(Transform):
    """A map the other way round."""

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self._inv = transform
        self.domain, self.codomain, self.bijective = transform.codomain, transform.domain, transform.bijective

    @property
    def sign(self) -> Tensor | int:
        return self._inv.sign

    @property
    def inv(self) -> Transform:
        return self._inv

    def __call__(self, y: Tensor) -> Tensor:
        return self._inv._back(y)

    def _back(self, y: Tensor) -> Tensor:
        return self._inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self._inv.forward_shape(shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Inverse) and self._inv == other._inv

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._inv!r})"


class ComposeTransform(Transform):
    """One map after the other.

    >>> import metagrad
    >>> from metagrad.distributions import AffineTransform, ExpTransform
    >>> ComposeTransform([AffineTransform(0.0, 2.0), ExpTransform()])(metagrad.tensor(1.0))
    tensor(7.3891)
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = [part.with_cache(cache_size) if cache_size else part for part in parts]
        self.bijective = all(part.bijective for part in self.parts)
        if not self.parts:
            return
        into, out = self.parts[0].domain, self.parts[-1].codomain
        needs, gives = self.parts[-1].codomain.event_dim, self.parts[0].domain.event_dim
        for part in reversed(self.parts):
            needs = max(needs + part.domain.event_dim - part.codomain.event_dim, part.domain.event_dim)
        for part in self.parts:
            gives = max(gives + part.codomain.event_dim - part.domain.event_dim, part.codomain.event_dim)
        self.domain = into if needs == into.event_dim else constraints.independent(into, needs - into.event_dim)
        self.codomain = out if gives == out.event_dim else constraints.independent(out, gives - out.event_dim)

    @property
    def sign(self) -> Tensor | int:
        product: Any = 1
        for part in self.parts:
            product = product * part.sign
        return product

    def _call(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part.inv(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        if not self.parts:
            return like.zeros_like(x)
        total: Any = 0.0
        events = self.domain.event_dim
        for part in self.parts:
            y = part(x)
            total = total + sum_last(part.log_abs_det_jacobian(x, y), events - part.domain.event_dim)
            events += part.codomain.event_dim - part.domain.event_dim
            x = y
        return total

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return tuple(shape)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return tuple(shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return "ComposeTransform(\n    " + ",\n    ".join(repr(part) for part in self.parts) + "\n)"


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """A map whose last dimensions are taken together: their logarithms are added."""

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.base_transform, self.reinterpreted_batch_ndims = base_transform, reinterpreted_batch_ndims
        self.bijective = base_transform.bijective
        self.domain = constraints.independent(base_transform.domain, reinterpreted_batch_ndims)
        self.codomain = constraints.independent(base_transform.codomain, reinterpreted_batch_ndims)

    @property
    def sign(self) -> Tensor | int:
        return self.base_transform.sign

    def _call(self, x: Tensor) -> Tensor:
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return sum_last(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self.base_transform.inverse_shape(shape)


class ReshapeTransform(Transform):
    """The last dimensions in another shape. Raises ValueError for shapes of different size."""

    bijective = True

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ValueError(f"in_shape and out_shape differ in size: {self.in_shape} and {self.out_shape}")
        self.domain = constraints.independent(constraints.real, len(self.in_shape))
        self.codomain = constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(self.forward_shape(x.shape))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(self.inverse_shape(y.shape))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(x.shape[: x.dim() - len(self.in_shape)])

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return _swapped(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return _swapped(shape, self.out_shape, self.in_shape)


def _swapped(shape: Sequence[int], last: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    cut = len(shape) - len(last)
    if cut < 0 or tuple(shape[cut:]) != tuple(last):
        raise ValueError(f"expected a shape that ends with {tuple(last)}, got {tuple(shape)}")
    return Size((*shape[:cut], *other))
