"""Calls of the op table in every dtype, at numbers of every size, and how close two libraries' answers are.

The yardstick is PyTorch's own rounding: an answer may differ from PyTorch's by a few units in the last place, and by twice as
much as PyTorch's answer itself differs from the one that it computes in float64.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from tests.ops.rows import (
    Call,
    Dtype,
    Fixed,
    Numbers,
    Outcome,
    at,
    call,
    described,
    flat,
    gradient,
    numbers,
    pos,
    row,
    tensors_of,
    x,
)

# To add a dtype, add it here: its name in both libraries, and the array dtype its numbers are made in.
DTYPES = {
    name: np.dtype(name)
    for name in "float16 float32 float64 complex64 complex128 int8 int16 int32 int64 uint8 bool".split()
}
EXACT = {"float16": "float64", "float32": "float64", "complex64": "complex128"}
KINDS = ("ordinary", "large", "tiny", "subnormal", "special")
ULPS = {16: 2, 32: 8, 64: 16}


N = "nn.functional."
FLAT = (call(x(3, 4)),)
PAIR = (call(x(3, 4), x(3, 4)), call(x(3, 4), x(3, 4), reduction="sum"), call(x(3, 4), x(3, 4), reduction="none"))
CLASSES = at(3, below=4)
MORE = [
    *(row(N + n, *FLAT) for n in "elu selu silu softplus logsigmoid softsign hardtanh relu6 leaky_relu relu".split()),
    row(N + "softmin", call(x(3, 4), 1)),
    row(N + "pixel_unshuffle", call(x(1, 2, 4, 4), 2)),
    *(row(N + n, *PAIR) for n in "mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy_with_logits".split()),
    row(N + "binary_cross_entropy", call(x(3, 4, low=0, high=1), x(3, 4, low=0, high=1))),
    row(
        N + "kl_div",
        call(x(3, 4), pos(3, 4), reduction="batchmean"),
        call(x(3, 4), x(3, 4), reduction="sum", log_target=True),
    ),
    row(N + "nll_loss", call(x(3, 4), CLASSES), call(x(3, 4), CLASSES, pos(4))),
    row(
        N + "cross_entropy",
        call(x(3, 4), CLASSES),
        call(x(3, 4), CLASSES, label_smoothing=0.1),
        call(x(3, 4), pos(3, 4)),
    ),
    row(
        N + "scaled_dot_product_attention",
        call(x(1, 2, 3, 4), x(1, 2, 5, 4), x(1, 2, 5, 4)),
        call(x(2, 3, 4), x(2, 3, 4), x(2, 3, 4), is_causal=True),
    ),
]


def values(spec: Any, dtype: str, kind: str, seed: int) -> np.ndarray:
    """The numbers of a tensor: as the op table has them, or the same signs with magnitudes at an end of the dtype's range."""
    if isinstance(spec, Numbers) and np.dtype(dtype).kind in "iu":
        spec = replace(spec, low=min(spec.low, 0), high=max(spec.high, 1))
    plain = numbers(spec, dtype, "spread", seed)
    if kind == "ordinary" or isinstance(spec, Fixed) or dtype == "bool":
        return plain
    rng = np.random.default_rng((11, seed))
    if plain.dtype.kind in "iu":
        info = np.iinfo(plain.dtype)
        edges = [
            e
            for e in (info.max, info.min, info.max - 1, info.min + 1, info.max // 2, info.min // 2, 0, 1)
            if e >= 0 or spec.low < 0
        ]
        return np.asarray(rng.choice(edges, spec.shape), dtype)
    if plain.dtype.kind == "c":
        parts = [values(spec, plain.real.dtype.name, kind, seed + n) for n in (0, 50)]
        return np.asarray(parts[0] + 1j * np.where(np.isfinite(parts[0]), parts[1], 0), dtype)
    info = np.finfo(plain.dtype)
    if kind == "special":
        special = [np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, -1.0, 0.5]
        return np.asarray(rng.permutation(np.resize(special, spec.shape).ravel()).reshape(spec.shape), dtype)
    low, high = {
        "large": (float(info.max) ** 0.5, float(info.max)),
        "tiny": (float(info.tiny), float(info.tiny) ** 0.5),
        "subnormal": (float(info.smallest_subnormal), float(info.tiny)),
    }[kind]
    size = np.exp(rng.uniform(np.log(low), np.log(high), spec.shape))
    return np.asarray(np.where(plain < 0, -1, 1) * size, dtype)


def outcome(
    lib: Any, function: Callable[..., Any], call: Call, dtype: str, kind: str, grad: bool, wide: str = ""
) -> Outcome:
    """What a call leads to with numbers of a dtype; ``wide``: the same numbers, converted to another dtype."""
    leaves, fixed = [], []
    for seed, spec in enumerate(tensors_of(call)):
        array = values(spec, dtype, kind, seed)
        if wide and isinstance(spec, Numbers):
            array = array.astype(wide)
        (leaves if isinstance(spec, Numbers) else fixed).append(lib.from_numpy(np.array(array)))
    if grad and DTYPES[dtype].kind in "fc":
        for leaf in leaves:
            leaf.requires_grad_()
    given, others = iter(leaves), iter(fixed)

    def of(value: Any) -> Any:
        if isinstance(value, Dtype):
            return getattr(lib, value.name)
        if isinstance(value, (list, tuple)):
            return type(value)(of(v) for v in value)
        if isinstance(value, (Numbers, Fixed)):
            return next(others if isinstance(value, Fixed) else given)
        return value

    try:
        with warnings.catch_warnings():
            if lib.__name__ == "torch":
                warnings.simplefilter("ignore")
            results = flat(function(*[of(a) for a in call.args], **{k: of(v) for k, v in call.kwargs.items()}))
            found = [described(r, []) for r in results]
            roots = [r for r in results if getattr(r, "requires_grad", False)]
            if not roots:
                return Outcome(found, [])
            rng = np.random.default_rng(3)
            cotangents = [lib.from_numpy(np.array(rng.integers(1, 5, tuple(r.shape)) / 2)).to(r.dtype) for r in roots]
            wanted = [leaf for leaf in leaves if leaf.requires_grad]
            grads = lib.autograd.grad(roots, wanted, cotangents, allow_unused=True)
            return Outcome(found, [gradient(g, leaf) for g, leaf in zip(grads, wanted)])
    except Exception as raised:
        return Outcome([], [], raised)


def wrong(ours: np.ndarray, theirs: np.ndarray, exact: np.ndarray | None, kind: str) -> np.ndarray:
    """Where our numbers are not PyTorch's, by PyTorch's own rounding."""
    if theirs.dtype.kind not in "fc":
        return np.asarray(ours != theirs)
    if exact is None or exact.shape != theirs.shape:
        exact = theirs
    info = np.finfo(theirs.dtype)
    ulps = ULPS[info.bits]
    found = np.zeros(theirs.shape, bool)
    with np.errstate(all="ignore"):
        size = np.abs(theirs).astype(float)
        if info.bits > 16 and np.isfinite(size).any():
            size = np.maximum(size, size[np.isfinite(size)].max())  # sums cancel, in another order otherwise
        for a, b, x in zip(*map(parts, (ours, theirs, exact))):
            off = np.where(np.isfinite(x) & np.isfinite(b), np.abs(x - b), 0)
            near = ulps * np.maximum(np.maximum(size, np.abs(x)) * float(info.eps), float(info.smallest_subnormal))
            best = x.astype(info.dtype).astype(float)
            same = [
                a == b,
                np.isnan(a) & np.isnan(b),
                np.abs(a - b) <= near + 2 * off,
                a == best,
                np.isnan(a) & np.isnan(best),
                np.abs(a - x) <= near,
            ]
            beyond = ~np.isfinite(best) & np.isfinite(x) | (kind == "large")
            same.append(~np.isfinite(a) & ~np.isfinite(b) & beyond)
            if info.bits > 16 and kind == "large":  # PyTorch's own overflow, or ours, on the way to a sum of both signs
                same.append(~np.isfinite(b) | ~np.isfinite(a))
            found |= ~np.logical_or.reduce(same)
    return found


def parts(x: np.ndarray) -> list[np.ndarray]:
    return [p.astype(float) for p in ((x.real, x.imag) if x.dtype.kind == "c" else (x,))]
