"""Whether two arrays are close, and where they are farthest apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.base.typing import Array

__all__ = ["check_close"]


def check_close(pair: Any, x: Array, y: Array, what: str) -> None:
    """Let the pair fail, in words, unless |x - y| <= atol + rtol |y| everywhere, with the pair's tolerances."""
    rtol, atol = pair.rtol, pair.atol
    if rtol < 0 or atol < 0:
        raise ValueError(f"tolerances must not be negative, got rtol={rtol} and atol={atol}")
    exactly = rtol == atol == 0
    whole = x.dtype.kind in "bui" and y.dtype.kind in "bui"  # isclose would round the large ones to float64
    good = x == y if exactly and whole else np.isclose(x, y, rtol=rtol, atol=atol, equal_nan=pair.equal_nan)
    if good.all():
        return
    limits = ("", "") if exactly else (f" (up to {atol} allowed)", f" (up to {rtol} allowed)")
    heading = f"{'Scalars' if not x.ndim else what} are not {'equal' if exactly else 'close'}!\n\n"
    if not x.ndim:
        own, other = x.item(), y.item()
        apart = abs(own - other)
        share: Any = math.inf if other == 0 else apart / abs(other)
        pair._fail(
            AssertionError,
            f"{heading}Expected {other} but got {own}.\n"
            f"Absolute difference: {apart}{limits[0]}\nRelative difference: {share}{limits[1]}",
        )
    differences, shares = _apart(x, y, good)
    worst, most = (
        np.unravel_index(int(np.nan_to_num(d, nan=math.inf).argmax()), x.shape) for d in (differences, shares)
    )
    pair._fail(
        AssertionError,
        f"{heading}Mismatched elements: {(~good).sum()} / {x.size} ({100 * (~good).mean():.1f}%)\n"
        f"Greatest absolute difference: {differences[worst].item()} at index {tuple(map(int, worst))}{limits[0]}\n"
        f"Greatest relative difference: {shares[most].item()} at index {tuple(map(int, most))}{limits[1]}",
    )


def _apart(x: Array, y: Array, good: Array) -> tuple[Array, Array]:
    """|x - y| and |x - y| / |y| in the tensors' own dtype, 0 where they are close; integers divide to float32."""
    kind = np.result_type(x, y)
    kind = np.dtype(np.int64) if kind.kind in "biu" else kind
    with np.errstate(all="ignore"):
        apart = np.abs(x.astype(kind) - y.astype(kind))
        size = np.abs(y.astype(kind))
        share = apart / size if kind.kind != "i" else apart.astype(np.float32) / size.astype(np.float32)
    return np.where(good, np.zeros_like(apart), apart), np.where(good, np.zeros_like(share), share)
