"""Which converter writes down which op: NumPy's calls by their names, metagrad's own ops and functions by theirs.

A converter is called as ``convert(g, step, *args, **kwargs)`` with the graph and the arguments of the call, in which
handles stand for arrays; it adds nodes, and returns the name of the result, or a list of names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metagrad.base.naming import is_own

Converter = Callable[..., Any]

NUMPY: dict[str, Converter] = {}  # by the name of the ufunc, function or method
FUNCTIONS: dict[str, Converter] = {}  # by the name of metagrad's Function
COMPOSITES: dict[str, Converter] = {}  # by the name of metagrad's function that is one operator
CONDITIONS: dict[str, Callable[..., bool]] = {}  # for what settings a composite is one operator
CUSTOM: dict[Any, Converter] = {}  # by the class that a user registered
# metagrad's Functions that no operator computes, nor several: named as a whole, for what they are made of may leave NumPy.
REFUSED = frozenset(
    "Cholesky Ctc Eig Eigh Erfcx Erfinv Frexp FromHalf HalfSpectrum I0 I0e I1 I1e Igamma Inverse LDLSolve LUFactor Lgamma LogNdtr "
    "MatrixExp Ndtri Nextafter Polygamma PseudoInverse QR SVD Solve SolveTriangular StandardDirichlet StandardGamma Transform "
    "Zeta".split()
)


def numpy_call(*names: str) -> Callable[[Converter], Converter]:
    """Marks the converter of NumPy's calls of these names."""

    def mark(converter: Converter) -> Converter:
        NUMPY.update(dict.fromkeys(names, converter))
        return converter

    return mark


def function(*names: str) -> Callable[[Converter], Converter]:
    """Marks the converter of metagrad's Functions of these names."""

    def mark(converter: Converter) -> Converter:
        FUNCTIONS.update(dict.fromkeys(names, converter))
        return converter

    return mark


def composite(name: str, when: Callable[..., bool] | None = None) -> Callable[[Converter], Converter]:
    """Marks the converter of metagrad's function of this name; ``when(opset, *args, **kwargs)`` says for what settings."""

    def mark(converter: Converter) -> Converter:
        COMPOSITES[name] = converter
        if when is not None:
            CONDITIONS[name] = when
        return converter

    return mark


def bound(op: Any, opset: int, args: Any = (), kwargs: Any = None) -> bool:
    """Whether an op is written down as a whole rather than by what it is made of."""
    if isinstance(op, str):
        return op in COMPOSITES and (op not in CONDITIONS or CONDITIONS[op](opset, *args, **(kwargs or {})))
    own = is_own(op.__module__)
    return op in CUSTOM or own and (op.__name__ in FUNCTIONS or op.__name__ in REFUSED)


def find(op: Any) -> Converter | None:
    """The converter of an op."""
    if isinstance(op, str):
        return NUMPY.get(op) or COMPOSITES.get(op)
    return CUSTOM.get(op) or FUNCTIONS.get(op.__name__)
