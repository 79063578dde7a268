"""SciPy's special functions, imported when one is first used."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable

import numpy as np

from metagrad.autograd.variable import as_array
from metagrad.base.optional import need
from metagrad.base.typing import Array
from metagrad.kernels.libraries import is_on_gpu

IN_PYTHON = {"erf": math.erf, "erfc": math.erfc}  # slow, but what GELU needs is there without SciPy


def _function(name: str, on_gpu: bool) -> Callable[..., Array]:
    if on_gpu:
        return getattr(importlib.import_module("cupyx.scipy.special"), name)
    if name in IN_PYTHON and importlib.util.find_spec("scipy") is None:
        each = np.frompyfunc(IN_PYTHON[name], 1, 1)
        return lambda x: np.asarray(each(x)).astype(np.float64)
    return getattr(need("scipy.special", extra="scipy"), name)


def values(name: str, *arguments: Array) -> Array:
    """``scipy.special.name`` of arrays and numbers, in the dtype of the arrays; float16 by way of float32.

    Raises an ImportError that names the extra where SciPy is not installed.

    >>> values("gamma", np.float64(5)).item()
    24.0
    """
    arrays = [a for a in arguments if hasattr(a, "dtype")]
    kinds = [a.dtype for a in arrays]
    function = _function(name, any(map(is_on_gpu, arrays)))
    kind = np.result_type(*kinds) if kinds else np.dtype(np.float64)
    if kind == np.float16:
        arguments = tuple([a.astype(np.float32) if hasattr(a, "astype") else a for a in arguments])
    return as_array(function(*arguments)).astype(kind, copy=False)
