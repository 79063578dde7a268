"""The kernels of special functions, which compute in float64, on arrays of any kind.

NumPy's arrays are computed here, CuPy's by CuPy. Arrays of other kinds (those without memory, those that note what is done with
them) are asked as a ufunc asks them, by ``__array_ufunc__``: to them, a special function is one step like ``np.exp``.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.autograd.variable import as_array
from metagrad.base.result_order import laid_out_by
from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks, threads_worth
from metagrad.kernels.fusion import as_one_step
from metagrad.kernels.libraries import is_on_gpu
from metagrad.kernels.special import single, singles

NAMES_OF_SCIPY = {"lgamma": "gammaln", "digamma": "psi"}


class _AsUfunc:
    """A special function with what the answer to ``__array_ufunc__`` needs of a ufunc."""

    signature = None  # elementwise

    def __init__(self, function: Callable[..., Array]) -> None:
        self.__name__, self.function = function.__name__, function

    def __call__(self, *arguments: Array) -> Array:
        return values(self.function, *arguments)


def _on_gpu(function: Callable[..., Array], *arguments: Any) -> Array:
    """``function`` of CuPy's arrays, by CuPy's function of SciPy's name."""
    library, name = importlib.import_module("cupyx.scipy.special"), function.__name__
    name = NAMES_OF_SCIPY.get(name, name)
    if not hasattr(library, name):
        raise NotImplementedError(f"neither CuPy nor metagrad computes {name} on a GPU: move the tensor to the CPU")
    half = np.dtype(np.float16)
    wide = [a.astype(np.float32) if getattr(a, "dtype", None) == half else a for a in arguments]
    return as_array(getattr(library, name)(*wide))


def values(function: Callable[..., Array], *arguments: Array) -> Array:
    """``function`` of arrays and numbers, in the dtype of the arrays; float64 inside, erf of float32 by a way of its own.

    >>> from metagrad.kernels.special import gamma
    >>> values(gamma.digamma, np.float32([1.0])).tolist()
    [-0.5772156715393066]
    """
    arrays = [a for a in arguments if hasattr(a, "dtype")]
    other = next((a for a in arrays if not isinstance(a, (np.ndarray, np.generic))), None)
    if other is not None:
        if any(is_on_gpu(a) for a in arrays):
            return _on_gpu(function, *arguments).astype(_kind_of(arrays), copy=False)
        return as_array(other.__array_ufunc__(_AsUfunc(function), "__call__", *arguments))

    return as_one_step(_in_kind(function), *arguments)


@functools.cache
def _in_kind(function: Callable[..., Array]) -> Callable[..., Array]:
    """``function`` of NumPy's arrays and numbers, in the dtype of the arrays, laid out like them."""

    @functools.wraps(function)
    def compute(*arguments: Array) -> Array:
        return laid_out_by(_in_order(function, *arguments), *arguments)

    return compute


def _in_order(function: Callable[..., Array], *arguments: Array) -> Array:
    if function.__name__ == "erf" and single.fits(arguments[0]):
        return single.erf(arguments[0])
    if (
        function.__name__ in singles.FUNCTIONS
        and len(arguments) == 1
        and getattr(arguments[0], "dtype", None) == np.float32
    ):
        return _of_singles(singles.FUNCTIONS[function.__name__], np.asarray(arguments[0], order="C"))
    kind = _kind_of([a for a in arguments if hasattr(a, "dtype")])
    wide = np.broadcast_arrays(*[np.asarray(a, np.float64) for a in arguments])
    if wide[0].size < tuning.SPECIAL_WORTH_THREADS:
        return np.asarray(function(*wide)).astype(kind, copy=False)
    flat = [a.reshape(-1) for a in wide]
    out = np.empty(wide[0].size, kind)

    def work(chunk: slice) -> None:
        with np.errstate(all="ignore"):
            out[chunk] = function(*[a[chunk] for a in flat])

    _share(work, out.size, tuning.SPECIAL_CHUNK)
    return out.reshape(wide[0].shape)


def _of_singles(function: Callable[..., Array], x: Array) -> Array:
    """A function of float32 numbers, in order in memory."""
    given, y = x.reshape(-1), np.empty_like(x)
    flat = y.reshape(-1)

    def work(block: slice) -> None:
        with np.errstate(all="ignore"):
            flat[block] = function(given[block])

    _share(work, x.size, tuning.SPECIAL_BLOCK)
    return y


def _share(work: Callable[[slice], None], size: int, length: int) -> None:
    threads = threads_worth(size, tuning.SPECIAL_WORTH_THREADS)
    map_chunks(work, even_chunks(size, length, threads), threads)


def _kind_of(arrays: Sequence[Array]) -> np.dtype[Any]:
    return np.result_type(*[a.dtype for a in arrays]) if arrays else np.dtype(np.float64)
