"""The CPU's instructions."""

from __future__ import annotations

import numpy as np

_WIDEST = {"AVX512": {"AVX512F", "AVX512_SKX", "X86_V4"}, "AVX2": {"AVX2", "X86_V3"}}  # as NumPy's releases name them


def get_cpu_capability() -> str:
    """The widest instructions that NumPy found here: "AVX512", "AVX2", or "DEFAULT" for others.

    >>> get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")
    True
    """
    known = np.show_config(mode="dicts").get("SIMD Extensions", {})
    found = {*known.get("baseline", ()), *known.get("found", ())}
    return next((name for name, features in _WIDEST.items() if features & found), "DEFAULT")
