"""Results with several parts, by the name of the function that returns them: tuples whose parts have names.

>>> import metagrad
>>> found = metagrad.max(metagrad.tensor([1, 3, 2]), dim=0)
>>> found
metagrad.return_types.max(
values=tensor(3),
indices=tensor(1))
>>> values, indices = found
>>> found.indices is indices
True
"""

from __future__ import annotations

from collections.abc import Iterable
from inspect import get_annotations
from operator import itemgetter
from typing import Any, ClassVar

from metagrad.base.naming import public

Part = Any  # a tensor, or for ``histogramdd`` a tuple of them


class Results(tuple[Part, ...]):
    """A tuple whose parts have names, those that its class declares; made, as a tuple is, from one iterable."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()
    n_fields: ClassVar[int] = 0
    n_sequence_fields: ClassVar[int] = 0
    n_unnamed_fields: ClassVar[int] = 0

    def __init_subclass__(cls) -> None:
        names = tuple(get_annotations(cls))
        for i, name in enumerate(names):
            setattr(cls, name, property(itemgetter(i)))
        cls.__match_args__ = cls.__match_args__ + names  # type: ignore[misc]
        cls.n_fields = cls.n_sequence_fields = len(cls.__match_args__)

    def __new__(cls, parts: Iterable[Part]) -> Results:
        """The parts in their order."""
        made = super().__new__(cls, parts)
        if len(made) != len(cls.__match_args__):
            raise TypeError(f"{cls.__name__}() takes a sequence of {len(cls.__match_args__)} parts, got {len(made)}")
        return made

    def __reduce__(self) -> tuple[type[Results], tuple[tuple[Part, ...]]]:
        return type(self), (tuple(self),)

    def __repr__(self) -> str:
        parts = ",\n".join(f"{name}={part!r}" for name, part in zip(self.__match_args__, self, strict=True))
        return f"{public('return_types')}.{type(self).__name__}(\n{parts})"


def __getattr__(name: str) -> type[Results]:
    """PyTorch has each of these a second time, under NAME_out, for functions that were given ``out``."""
    found = globals().get(name.removesuffix("_out"))
    if not (name.endswith("_out") and isinstance(found, type) and issubclass(found, Results)):
        raise AttributeError(f"there is no {name} among the results")
    return found


class _Chosen(Results):
    values: Part
    indices: Part


class max(_Chosen):
    """The largest elements along a dimension, and where they are."""


class min(_Chosen):
    """The smallest elements along a dimension, and where they are."""


class median(_Chosen):
    """The medians along a dimension, and where they are."""


class nanmedian(_Chosen):
    """The medians of what is not nan along a dimension, and where they are."""


class mode(_Chosen):
    """The most frequent elements along a dimension, and where they are."""


class kthvalue(_Chosen):
    """The k-th smallest elements along a dimension, and where they are."""


class sort(_Chosen):
    """The elements in order, and where each was."""


class topk(_Chosen):
    """The k largest or smallest elements, and where each was."""


class cummax(_Chosen):
    """The largest of the first i elements, and where it is."""


class cummin(_Chosen):
    """The smallest of the first i elements, and where it is."""


class aminmax(Results):
    """The smallest and the largest element."""

    min: Part
    max: Part


class histogram(Results):
    """How many elements fall between neighbouring edges, and the edges."""

    hist: Part
    bin_edges: Part


class histogramdd(Results):
    """How many points fall into each cell of a grid, and the edges of the grid in each dimension."""

    hist: Part
    bin_edges: Part


class frexp(Results):
    """Numbers as mantissa · 2 to the exponent."""

    mantissa: Part
    exponent: Part


class linalg_qr(Results):
    """A = Q R."""

    Q: Part
    R: Part


class qr(Results):
    """A = Q R."""

    Q: Part
    R: Part


class geqrf(Results):
    """R and the reflections whose product is Q, packed together, and the reflections' factors."""

    a: Part
    tau: Part


class linalg_svd(Results):
    """A = U diag(S) Vh."""

    U: Part
    S: Part
    Vh: Part


class svd(Results):
    """A = U diag(S) Vᴴ."""

    U: Part
    S: Part
    V: Part


class linalg_eigh(Results):
    """Eigenvalues, and eigenvectors as columns."""

    eigenvalues: Part
    eigenvectors: Part


class linalg_eig(Results):
    """Eigenvalues, and eigenvectors as columns."""

    eigenvalues: Part
    eigenvectors: Part


class linalg_slogdet(Results):
    """The determinant's sign, and the logarithm of its absolute value."""

    sign: Part
    logabsdet: Part


class slogdet(Results):
    """The determinant's sign, and the logarithm of its absolute value."""

    sign: Part
    logabsdet: Part


class linalg_cholesky_ex(Results):
    """A = L Lᴴ, and where it failed."""

    L: Part
    info: Part


class linalg_inv_ex(Results):
    """The inverse, and where it failed."""

    inverse: Part
    info: Part


class linalg_solve_ex(Results):
    """The solution, and where it failed."""

    result: Part
    info: Part


class linalg_lstsq(Results):
    """What is nearest to a solution, how far it is from one, and the matrix's rank and singular values."""

    solution: Part
    residuals: Part
    rank: Part
    singular_values: Part


class triangular_solve(Results):
    """The solution, and the matrix."""

    solution: Part
    cloned_coefficient: Part


class linalg_lu(Results):
    """A = P L U."""

    P: Part
    L: Part
    U: Part


class lu_unpack(Results):
    """A = P L U."""

    P: Part
    L: Part
    U: Part


class linalg_lu_factor(Results):
    """L and U in one matrix, and which rows were swapped."""

    LU: Part
    pivots: Part


class linalg_lu_factor_ex(Results):
    """L and U in one matrix, which rows were swapped, and where U has a zero on its diagonal."""

    LU: Part
    pivots: Part
    info: Part


class linalg_ldl_factor(Results):
    """L and D in one matrix, and which rows were swapped."""

    LD: Part
    pivots: Part


class linalg_ldl_factor_ex(Results):
    """L and D in one matrix, which rows were swapped, and where D is singular."""

    LD: Part
    pivots: Part
    info: Part
