"""Ops on bfloat16, which no processor's NumPy has: computed in float32, and the result rounded once.

float32 holds every bfloat16 exactly, and its sums and products lose nothing that bfloat16 could keep. So an op is given its inputs
widened to float32, and knows nothing of it. What it saved of its inputs and results is kept as bfloat16, and widened again
for its gradient, which is computed in float32, too. Ops that compute nothing, such as views, get the arrays as they are.

Large pointwise ops need no widened arrays where a compiled loop reads and writes bfloat16 (``ops/pointwise/chunked.py``).

While no tensor of bfloat16 has been made, ``function.py`` and ``engine.py`` do not come here (``dtypes.emulated`` is empty).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.base import dtypes
from metagrad.base.typing import Array
from metagrad.kernels.copying import copied

if TYPE_CHECKING:
    from metagrad.autograd.function import Function


def is_bfloat16(x: object) -> bool:
    """Whether x is an array of bfloat16."""
    return getattr(getattr(x, "dtype", None), "kind", "") == "V"


def widened(x: Any) -> Any:
    """An array of bfloat16 as float32; anything else as it is."""
    return copied(x, np.dtype(np.float32)) if is_bfloat16(x) else x


def rounded_to_bfloat16(x: Array) -> Array:
    """float32 numbers with the digits of bfloat16, for what PyTorch rounds on the way."""
    return x.astype(dtypes.bfloat16.dtype).astype(np.float32)


def _nothing(*arguments: Any) -> None:
    return None


def in_float32(node: Function, arrays: Sequence[Any], params: dict[str, Any]) -> Any:
    """``node.forward`` of arrays of bfloat16: float32 inside; what comes of bfloat16 alone is rounded to bfloat16."""
    narrow = {id(a): a for a in arrays if is_bfloat16(a)}
    if not narrow or not node.computes or "dtype" in params:  # a conversion knows what it makes
        return node.forward(*arrays, **params)
    found = getattr(node, "narrow_forward", _nothing)(arrays, params)
    if found is not None:
        return found
    wide = {key: widened(a) for key, a in narrow.items()}
    result = node.forward(*[wide.get(id(a), a) for a in arrays], **params)
    parts = result if isinstance(result, tuple) else (result,)
    kept: dict[int, Any] = {id(wide[key]): a for key, a in narrow.items()}  # by the float32, what is kept of it
    if all(id(a) in narrow for a in arrays if getattr(getattr(a, "dtype", None), "kind", "") in ("f", "c", "V")):
        for part in parts:
            if getattr(part, "dtype", None) == np.float32:
                kept.setdefault(id(part), copied(part, dtypes.bfloat16.dtype))
    node.saved = tuple([kept.get(id(a), a) for a in node.saved])
    rounded = tuple([kept.get(id(part), part) for part in parts])
    return rounded if isinstance(result, tuple) else rounded[0]


def backward_in_float32(node: Function, grads: Sequence[Any]) -> Any:
    """``node.backward`` of arrays of bfloat16: gradients and what was saved are widened; the engine rounds what comes of it."""
    saved = node.saved
    if not node.computes or not any(is_bfloat16(a) for a in (*grads, *saved)):
        return node.backward(*grads)
    found = None
    if all(
        edge is None or getattr(edge, "array", edge).shape == grads[0].shape for edge in node.edges
    ):  # none is summed
        found = getattr(node, "narrow_backward", _nothing)(*grads)
    if found is not None:
        return found
    node.saved = tuple([widened(a) for a in saved])
    try:
        return node.backward(*[widened(g) for g in grads])
    finally:
        node.saved = saved
