"""Invertible maps with the logarithm of their derivative's absolute value: what they have in common, and maps made of maps.

A map of one's own is a subclass with ``domain``, ``codomain``, ``_call``, ``_inverse`` and ``log_abs_det_jacobian``.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from metagrad.base.size import Size
from metagrad.distributions import constraints
from metagrad.distributions.constraints import Constraint
from metagrad.ops.create import like
from metagrad.tensors.tensor import Tensor

__all__ = ["ComposeTransform", "IndependentTransform", "ReshapeTransform", "Transform", "identity_transform"]


def _checked_size(cache_size: int) -> int:
    """How many values a map remembers: none or one."""
    if cache_size not in (0, 1):
        raise ValueError(f"cache_size must be 0 or 1, got {cache_size}")
    return cache_size


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
        self._cache_size = _checked_size(cache_size)
        self._cached_x_y: tuple[Tensor | None, Tensor | None] = None, None
        self._inv: Callable[[], Transform | None] = _nothing

    def __getstate__(self) -> dict[str, object]:
        """A copy finds its own way back, and begins with nothing remembered."""
        return vars(self) | {"_inv": _nothing, "_cached_x_y": (None, None)}

    @property
    def sign(self) -> Tensor | int:
        """Whether the map rises (1) or falls (-1)."""
        raise NotImplementedError(f"{type(self).__name__} neither rises nor falls everywhere")

    @property
    def event_dim(self) -> int:
        """How many dimensions one value has. Raises ValueError where x and y differ in it: ask the domain."""
        if self.domain.event_dim != self.codomain.event_dim:
            raise ValueError("Please use either .domain.event_dim or .codomain.event_dim")
        return self.domain.event_dim

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no forward map")

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no inverse")

    def __call__(self, x: Tensor) -> Tensor:
        known, y = self._cached_x_y
        if y is None or x is not known:
            y = self._call(x)
            self._remember(x, y)
        return y

    def _inv_call(self, y: Tensor) -> Tensor:
        x, known = self._cached_x_y
        if x is None or y is not known:
            x = self._inverse(y)
            self._remember(x, y)
        return x

    def _remember(self, x: Tensor, y: Tensor) -> None:
        if self._cache_size:
            self._cached_x_y = x, y

    @property
    def inv(self) -> Transform:
        """The map from y to x; ``t.inv.inv is t``. A transform does not keep its inverse alive, the inverse does."""
        inverse = self._inv()
        if inverse is None:
            inverse = self._reversed()
            self._inv = weakref.ref(inverse)
        return inverse

    def _reversed(self) -> Transform:
        return _InverseTransform(self)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log |dy/dx|."""
        raise NotImplementedError(f"{type(self).__name__} has no log_abs_det_jacobian")

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same map, with or without a memory: itself if that is how it is."""
        if self._cache_size == cache_size:
            return self
        made = copy.copy(self)
        made._cache_size = _checked_size(cache_size)
        return made

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of y for an x of this shape."""
        return shape  # type: ignore[return-value]  # whatever it was given as

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of x for a y of this shape."""
        return shape  # type: ignore[return-value]

    def _settings(self) -> dict[str, Any]:
        """What one map of this class has and another may not."""
        return {k: v for k, v in vars(self).items() if k not in ("_cache_size", "_cached_x_y", "_inv")}

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and not self._settings())

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _nothing() -> None:
    """A reference to an inverse that nobody has asked for yet."""


def at_least(dims: int, shape: Sequence[int]) -> tuple[int, ...]:
    """The shape. Raises ValueError if it has fewer dimensions than these."""
    if len(shape) < dims:
        raise ValueError(f"Too few dimensions on input: expected at least {dims}, got the shape {tuple(shape)}")
    return tuple(shape)


class _InverseTransform(Transform):
    """A map the other way round."""

    def __init__(self, transform: Transform) -> None:
        super().__init__(transform._cache_size)
        self._forward = transform
        self.domain, self.codomain, self.bijective = transform.codomain, transform.domain, transform.bijective

    @property
    def sign(self) -> Tensor | int:
        return self._forward.sign

    @property
    def inv(self) -> Transform:
        return self._forward

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self._forward.with_cache(cache_size).inv

    def __call__(self, y: Tensor) -> Tensor:
        return self._forward._inv_call(y)

    def _inv_call(self, y: Tensor) -> Tensor:
        return self._forward(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._forward.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self._forward.inverse_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self._forward.forward_shape(shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _InverseTransform) and self._forward == other._forward

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._forward!r})"


class ComposeTransform(Transform):
    """One map after the other.

    >>> import metagrad
    >>> from metagrad.distributions import AffineTransform, ExpTransform
    >>> ComposeTransform([AffineTransform(0.0, 2.0), ExpTransform()])(metagrad.tensor(1.0))
    tensor(7.3891)
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self._kept_alive: Transform | None = None  # that of which this one is the inverse
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

    def _reversed(self) -> Transform:
        back = ComposeTransform([part.inv for part in reversed(self.parts)])
        back._inv = weakref.ref(self)
        back._kept_alive = self
        return back

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self if self._cache_size == cache_size else ComposeTransform(self.parts, cache_size)

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
        return shape  # type: ignore[return-value]

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape  # type: ignore[return-value]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    def __repr__(self) -> str:
        return "ComposeTransform(\n    " + ",\n    ".join(repr(part) for part in self.parts) + "\n)"


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """A map whose last dimensions are taken together: their logarithms are added."""

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.bijective = base_transform.bijective
        self.domain = constraints.independent(base_transform.domain, reinterpreted_batch_ndims)
        self.codomain = constraints.independent(base_transform.codomain, reinterpreted_batch_ndims)

    @property
    def sign(self) -> Tensor | int:
        return self.base_transform.sign

    def with_cache(self, cache_size: int = 1) -> Transform:
        if self._cache_size == cache_size:
            return self
        return IndependentTransform(self.base_transform, self.reinterpreted_batch_ndims, cache_size)

    def _call(self, x: Tensor) -> Tensor:
        at_least(self.domain.event_dim, x.shape)
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        at_least(self.codomain.event_dim, y.shape)
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return sum_last(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class ReshapeTransform(Transform):
    """The last dimensions in another shape. Raises ValueError for shapes of different size."""

    bijective = True

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ValueError("in_shape, out_shape have different numbers of elements")
        self.domain = constraints.independent(constraints.real, len(self.in_shape))
        self.codomain = constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape((*self._batch(x, self.in_shape), *self.out_shape))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape((*self._batch(y, self.out_shape), *self.in_shape))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(self._batch(x, self.in_shape))

    def _batch(self, values: Tensor, event: Size) -> Size:
        return values.shape[: max(values.dim() - len(event), 0)]

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return _swapped(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return _swapped(shape, self.out_shape, self.in_shape)


def _swapped(shape: Sequence[int], last: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    cut = len(shape) - len(last)
    if cut < 0 or tuple(shape[cut:]) != tuple(last):
        raise ValueError(f"Shape mismatch: expected {tuple(shape[cut:])} but got {last}")
    return Size((*shape[:cut], *other))
