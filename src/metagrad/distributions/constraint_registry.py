"""Maps from all real numbers into a constraint: for parameters to be learned, or inferred, without bounds.

``biject_to(constraint)`` is one to one; ``transform_to(constraint)`` may be simpler, and onto it only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metagrad.distributions import constraints as C
from metagrad.distributions import scalarmaps as S
from metagrad.distributions import transforms as T
from metagrad.distributions import vectormaps as V
from metagrad.distributions.constraints import Constraint
from metagrad.distributions.transform import Transform

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """Which map leads into which kind of constraint. ``register(kind)`` decorates a function from a constraint to its map.

    >>> import metagrad
    >>> from metagrad.distributions import constraints, transform_to
    >>> transform_to(constraints.positive)(metagrad.tensor(0.0))
    tensor(1.)
    """

    def __init__(self) -> None:
        self._makers: dict[type, Callable[[Any], Transform]] = {}

    def register(
        self, constraint: Constraint | type[Constraint], factory: Callable[[Any], Transform] | None = None
    ) -> Any:
        """Use ``factory`` for constraints of this kind; a decorator if it is left out.

        Raises TypeError for what is no constraint.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        kind = type(constraint) if isinstance(constraint, C.Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, C.Constraint)):
            raise TypeError(f"expected a constraint or a class of them, got {constraint!r}")
        self._makers[kind] = factory
        return factory

    def of_independent(self, constraint: C.IndependentConstraint) -> Transform:
        """The map of the constraint within, its last dimensions taken together."""
        return T.IndependentTransform(self(constraint.base_constraint), constraint.reinterpreted_batch_ndims)

    def of_cat(self, constraint: C.Cat) -> Transform:
        """Each part's map."""
        return V.CatTransform([self(c) for c in constraint.cseq], constraint.dim, constraint.lengths)

    def of_stack(self, constraint: C.Stack) -> Transform:
        """Each slice's map."""
        return V.StackTransform([self(c) for c in constraint.cseq], constraint.dim)

    def __call__(self, constraint: C.Constraint) -> Transform:
        for kind in type(constraint).__mro__:
            if kind in self._makers and (kind is type(constraint) or kind in _INHERITED):
                return self._makers[kind](constraint)
        raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")


_INHERITED = {C.GreaterThan, C.Interval}

biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()
both = (biject_to, transform_to)


def _above(constraint: C.GreaterThan) -> Transform:
    bound = constraint.lower_bound
    return (
        S.ExpTransform()
        if bound is C.positive.lower_bound
        else T.ComposeTransform([S.ExpTransform(), S.AffineTransform(bound, 1)])
    )


def _below(constraint: C.LessThan) -> Transform:
    return T.ComposeTransform([S.ExpTransform(), S.AffineTransform(constraint.upper_bound, -1)])


def _between(constraint: C.Interval) -> Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, float) and isinstance(high, float) and (low, high) == (0.0, 1.0):
        return S.SigmoidTransform()
    return T.ComposeTransform([S.SigmoidTransform(), S.AffineTransform(low, high - low)])


for registry in both:
    registry.register(C.real, lambda constraint: T.identity_transform)
    registry.register(C.GreaterThan, _above)
    registry.register(C.LessThan, _below)
    registry.register(C.Interval, _between)
    registry.register(C.corr_cholesky, lambda constraint: V.CorrCholeskyTransform())
biject_to.register(C.simplex, lambda constraint: V.StickBreakingTransform())
transform_to.register(C.simplex, lambda constraint: V.SoftmaxTransform())
transform_to.register(C.lower_cholesky, lambda constraint: V.LowerCholeskyTransform())
transform_to.register(C.positive_definite, lambda constraint: V.PositiveDefiniteTransform())
transform_to.register(C.positive_semidefinite, lambda constraint: V.PositiveDefiniteTransform())
for registry in both:
    registry.register(C.IndependentConstraint, registry.of_independent)
    registry.register(C.Cat, registry.of_cat)
    registry.register(C.Stack, registry.of_stack)
