"""SciPy's special functions, imported when one is first used."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.extras import need


def values(name: str, *arguments: Any) -> Any:
    """``scipy.special.name`` of arrays and numbers, in the dtype of the arrays; float16 by way of float32."""
    function = getattr(need("scipy.special", extra="scipy"), name)
    kinds = [a.dtype for a in arguments if isinstance(a, (np.ndarray, np.generic))]
    kind = np.result_type(*kinds) if kinds else np.dtype(np.float64)
    if kind == np.float16:
        arguments = tuple([a.astype(np.float32) if isinstance(a, np.ndarray) else a for a in arguments])
    return np.asarray(function(*arguments)).astype(kind, copy=False)
