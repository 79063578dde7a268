"""Where parameters and outcomes of distributions may lie: ``constraint.check(value)`` says it element by element.

A constraint on vectors or matrices looks at the last ``event_dim`` dimensions, and answers once for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from metagrad import linalg
from metagrad.base.dtypes import bool_, finfo
from metagrad.ops.create import creation
from metagrad.ops.pointwise import comparison
from metagrad.ops.shape import joining

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "Constraint", "MixtureSameFamilyConstraint", "boolean", "cat", "corr_cholesky",
    "dependent", "dependent_property", "greater_than", "greater_than_eq",
    "half_open_interval", "independent", "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky",
    "lower_triangular", "multinomial", "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite",
    "positive_integer", "positive_semidefinite", "real", "real_vector", "simplex", "square", "stack", "symmetric",
    "unit_interval",
]  # fmt: skip


class Constraint:
    """A set of values. ``is_discrete``: of isolated ones; ``event_dim``: how many dimensions one value has.

    >>> import metagrad
    >>> unit_interval.check(metagrad.tensor([0.5, 2.0]))
    tensor([ True, False])
    >>> simplex.check(metagrad.tensor([[0.5, 0.5], [0.5, 2.0]]))
    tensor([ True, False])
    """

    is_discrete = False
    event_dim = 0
    _bounds: tuple[str, ...] = ()

    def check(self, value: Tensor) -> Tensor:
        """Whether each value is in the set."""
        raise NotImplementedError(f"{type(self).__name__} cannot be checked")

    def __repr__(self) -> str:
        bounds = ", ".join(f"{name}={getattr(self, name)}" for name in self._bounds)
        return f"{type(self).__name__}({bounds})"


class Dependent(Constraint):
    """A set that depends on other values, so that nothing can be said beforehand."""

    def __init__(self, *, is_discrete: bool | None = None, event_dim: int | None = None) -> None:
        self._is_discrete, self._event_dim = is_discrete, event_dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        """Whether of isolated values. Raises NotImplementedError where it was not said."""
        if self._is_discrete is None:
            raise NotImplementedError(".is_discrete cannot be determined statically")
        return self._is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        """How many dimensions one value has. Raises NotImplementedError where it was not said."""
        if self._event_dim is None:
            raise NotImplementedError(".event_dim cannot be determined statically")
        return self._event_dim

    def __call__(self, *, is_discrete: bool | None = None, event_dim: int | None = None) -> Dependent:
        discrete = self._is_discrete if is_discrete is None else is_discrete
        return Dependent(is_discrete=discrete, event_dim=self._event_dim if event_dim is None else event_dim)

    def check(self, value: Tensor) -> Tensor:
        """It cannot be checked: ValueError."""
        raise ValueError("Cannot determine validity of dependent constraint")


class dependent_property(property, Dependent):
    """A property that gives the constraint, once the distribution is there; may be given arguments as a decorator."""

    def __init__(
        self,
        function: Callable[[Any], Any] | None = None,
        *,
        is_discrete: bool | None = None,
        event_dim: int | None = None,
    ) -> None:
        property.__init__(self, function)
        Dependent.__init__(self, is_discrete=is_discrete, event_dim=event_dim)

    def __call__(self, function: Any = None, **options: Any) -> dependent_property:
        return dependent_property(function, is_discrete=self._is_discrete, event_dim=self._event_dim)


def is_dependent(constraint: Constraint) -> bool:
    """Whether a constraint depends on other values."""
    return isinstance(constraint, Dependent)


class Boolean(Constraint):
    """0 and 1."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value == 0) | (value == 1)


class OneHot(Constraint):
    """Vectors of zeros and a single one."""

    is_discrete, event_dim = True, 1

    def check(self, value: Tensor) -> Tensor:
        return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


class IntegerInterval(Constraint):
    """Integers from ``lower_bound`` to ``upper_bound``, both included."""

    is_discrete = True
    _bounds = ("lower_bound", "upper_bound")

    def __init__(self, lower_bound: Tensor | float, upper_bound: Tensor | float) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & (self.lower_bound <= value) & (value <= self.upper_bound)


class IntegerGreaterThan(Constraint):
    """Integers from ``lower_bound`` on."""

    is_discrete = True
    _bounds = ("lower_bound",)

    def __init__(self, lower_bound: Tensor | float) -> None:
        self.lower_bound = lower_bound

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & (value >= self.lower_bound)


class Real(Constraint):
    """Every number but nan."""

    def check(self, value: Tensor) -> Tensor:
        return value == value


class GreaterThan(Constraint):
    """x > ``lower_bound``."""

    _bounds = ("lower_bound",)

    def __init__(self, lower_bound: Tensor | float) -> None:
        self.lower_bound = lower_bound

    def check(self, value: Tensor) -> Tensor:
        return value > self.lower_bound


class GreaterThanEq(GreaterThan):
    """x >= ``lower_bound``."""

    def check(self, value: Tensor) -> Tensor:
        return value >= self.lower_bound


class LessThan(Constraint):
    """x < ``upper_bound``."""

    _bounds = ("upper_bound",)

    def __init__(self, upper_bound: Tensor | float) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return value < self.upper_bound


class Interval(Constraint):
    """``lower_bound`` <= x <= ``upper_bound``."""

    _bounds = ("lower_bound", "upper_bound")

    def __init__(self, lower_bound: Tensor | float, upper_bound: Tensor | float) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (self.lower_bound <= value) & (value <= self.upper_bound)


class HalfOpenInterval(Interval):
    """``lower_bound`` <= x < ``upper_bound``."""

    def check(self, value: Tensor) -> Tensor:
        return (self.lower_bound <= value) & (value < self.upper_bound)


class Simplex(Constraint):
    """Vectors of numbers that are not negative and sum to one."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class Multinomial(Constraint):
    """Vectors of counts that sum to ``upper_bound``."""

    is_discrete, event_dim = True, 1

    def __init__(self, upper_bound: Tensor | float) -> None:
        self.upper_bound = upper_bound

    def check(self, x: Tensor) -> Tensor:
        return (x >= 0).all(-1) & (x.sum(-1) <= self.upper_bound)


class Square(Constraint):
    """Matrices with as many rows as columns; in the classes below, also something more."""

    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        same = value.shape[-2] == value.shape[-1]
        return creation.full(value.shape[:-2], same, dtype=bool_, device=value.device)


class LowerTriangular(Square):
    """Nothing but zeros above the diagonal."""

    def check(self, value: Tensor) -> Tensor:
        return (value.tril() == value).flatten(-2).all(-1)


class LowerCholesky(LowerTriangular):
    """Lower triangular, with a positive diagonal."""

    def check(self, value: Tensor) -> Tensor:
        return super().check(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class CorrCholesky(LowerCholesky):
    """The same, with rows of length one."""

    def check(self, value: Tensor) -> Tensor:
        tolerance = finfo(value.dtype).eps * value.shape[-1] * 10
        return super().check(value) & ((linalg.norm(value, dim=-1) - 1).abs() <= tolerance).all(-1)


class Symmetric(Square):
    """Equal to their transpose."""

    def check(self, value: Tensor) -> Tensor:
        square = super().check(value)
        return (
            square
            if value.shape[-2] != value.shape[-1]
            else square & comparison.isclose(value, value.mT, atol=1e-6).flatten(-2).all(-1)
        )


class PositiveSemidefinite(Symmetric):
    """Symmetric, without negative eigenvalues."""

    def check(self, value: Tensor) -> Tensor:
        symmetric = super().check(value)
        return symmetric & (linalg.eigvalsh(value) >= 0).all(-1) if bool(symmetric.all()) else symmetric


class PositiveDefinite(Symmetric):
    """Symmetric, with positive eigenvalues only."""

    def check(self, value: Tensor) -> Tensor:
        symmetric = super().check(value)
        return symmetric & (linalg.cholesky_ex(value).info == 0) if bool(symmetric.all()) else symmetric


class IndependentConstraint(Constraint):
    """A constraint whose last ``reinterpreted_batch_ndims`` dimensions are one value: all must hold."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        assert isinstance(base_constraint, Constraint), (
            f"base_constraint must be a Constraint, got {type(base_constraint).__name__}"
        )
        assert reinterpreted_batch_ndims >= 0, (
            f"reinterpreted_batch_ndims must be >= 0, got {reinterpreted_batch_ndims}"
        )
        self.base_constraint, self.reinterpreted_batch_ndims = base_constraint, reinterpreted_batch_ndims
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim + reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        """Whether all numbers of an event satisfy it. Raises ValueError for a value with too few dimensions."""
        held = self.base_constraint.check(value)
        if held.dim() < self.reinterpreted_batch_ndims:
            raise ValueError(
                f"Expected value.dim() >= {self.base_constraint.event_dim + self.reinterpreted_batch_ndims} but got {value.dim()}"
            )
        count = self.reinterpreted_batch_ndims
        return held.reshape((*held.shape[: held.dim() - count], -1)).all(-1) if count else held

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


def _all_constraints(cseq: Sequence[Constraint]) -> list[Constraint]:
    assert all(isinstance(c, Constraint) for c in cseq), "All elements of cseq must be Constraint instances"
    return list(cseq)


class Cat(Constraint):
    """Pieces along ``dim``, of these ``lengths``, each with a constraint of its own."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None) -> None:
        self.cseq, self.dim = _all_constraints(cseq), dim
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        assert len(self.lengths) == len(self.cseq), f"lengths ({len(self.lengths)}) must match cseq ({len(self.cseq)})"
        self.is_discrete = any(c.is_discrete for c in self.cseq)
        self.event_dim = max(c.event_dim for c in self.cseq)

    def check(self, value: Tensor) -> Tensor:
        first = value.narrow(self.dim, 0, min(sum(self.lengths), value.size(self.dim)))  # what comes after is free
        parts = first.split(self.lengths, self.dim)
        return joining.cat([c.check(v) for c, v in zip(self.cseq, parts, strict=True)], self.dim)


class Stack(Constraint):
    """Slices along ``dim``, each with a constraint of its own."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0) -> None:
        self.cseq, self.dim = _all_constraints(cseq), dim
        self.is_discrete = any(c.is_discrete for c in self.cseq)
        self.event_dim = max(c.event_dim for c in self.cseq) + (self.dim < 0)

    def check(self, value: Tensor) -> Tensor:
        slices = value.unbind(self.dim)
        return joining.stack([c.check(v) for c, v in zip(self.cseq, slices, strict=False)], self.dim)


class MixtureSameFamilyConstraint(Constraint):
    """What holds for the values of a mixture's components, asked of values that have no dimension of components."""

    def __init__(self, base_constraint: Constraint) -> None:
        self.base_constraint = base_constraint
        self.is_discrete, self.event_dim = base_constraint.is_discrete, base_constraint.event_dim

    def check(self, value: Tensor) -> Tensor:
        """Whether every component allows it. Raises ValueError for a value with too few dimensions."""
        if value.dim() < self.event_dim:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        return self.base_constraint.check(value.unsqueeze(-1 - self.event_dim)).all(-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_constraint!r})"


dependent = Dependent()
independent = IndependentConstraint
cat, stack = Cat, Stack
boolean, one_hot = Boolean(), OneHot()
nonnegative_integer, positive_integer = IntegerGreaterThan(0), IntegerGreaterThan(1)
integer_interval, multinomial = IntegerInterval, Multinomial
real = Real()
real_vector = independent(real, 1)
positive, nonnegative = GreaterThan(0.0), GreaterThanEq(0.0)
greater_than, greater_than_eq, less_than = GreaterThan, GreaterThanEq, LessThan
interval, half_open_interval, unit_interval = Interval, HalfOpenInterval, Interval(0.0, 1.0)
simplex = Simplex()
square, lower_triangular, lower_cholesky, corr_cholesky = Square(), LowerTriangular(), LowerCholesky(), CorrCholesky()
symmetric, positive_semidefinite, positive_definite = Symmetric(), PositiveSemidefinite(), PositiveDefinite()


def __getattr__(name: str) -> Any:
    found = globals().get(name.removeprefix("_"))
    if isinstance(found, type) and issubclass(found, Constraint):  # PyTorch's own name, _Interval
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
