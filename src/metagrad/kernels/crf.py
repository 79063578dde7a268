"""A linear chain of labels over packed sequences: sums and maxima over all paths, by dynamic programming.

A path y₁ … y_T through the labels of a sequence has the score s(y) = startᵧ₁ + Σₜ eₜ(yₜ) + Σₜ T(yₜ, yₜ₊₁) + endᵧ_T. With

    αₜ(j) = eₜ(j) + ln Σᵢ exp(αₜ₋₁(i) + T(i, j)),      α₁ = start + e₁          (the forward algorithm)
    βₜ(i) = ln Σⱼ exp(T(i, j) + eₜ₊₁(j) + βₜ₊₁(j)),    β_T = end                (the backward algorithm)

ln Z = ln Σⱼ exp(α_T(j) + end(j)) sums over all paths, and p(yₜ = k) = exp(αₜ(k) + βₜ(k) − ln Z). With max in the place of
ln Σ exp, and the argument of each maximum kept, α leads to the best path (Viterbi 1967; Rabiner 1989; Lafferty et al. 2001).

Legend: N packed rows, B sequences in order of falling length, K labels; e (N, K), T ``between`` (K, K), start, end (K).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metagrad.base.typing import Array


def steps_of(sizes: Sequence[int]) -> list[slice]:
    """The rows of each step."""
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def log_sum(a: Array, axis: int) -> Array:
    """ln Σ exp a along an axis, without overflow; −inf of nothing but −inf."""
    top = a.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(a - top).sum(axis=axis)) + top.squeeze(axis)


class Passage:
    """x ↦ ln Σᵢ exp(x(i) + t(i, j)), (B, K) to (B, K): one step along the chain.

    In log-space a step is a sum over K² numbers for each sequence. As exp(x) exp(t) it is a product of matrices, much faster,
    but the exponentials may underflow: so both are scaled to a largest value of 1, and where the product is too small to be
    trusted (labels that lead on only against great odds), the sum is done in log-space after all.
    """

    def __init__(self, t: Array) -> None:
        self.t = t
        top = t.max(axis=0)
        self.top = np.where(np.isfinite(top), top, 0).astype(t.dtype)
        self.exp_t = np.exp(t - self.top)
        info = np.finfo(t.dtype)
        self.least = float(info.tiny) / float(info.eps)

    def __call__(self, x: Array) -> Array:
        """Go one step on, (B, K) to (B, K)."""
        top = x.max(axis=1, keepdims=True)
        top = np.where(np.isfinite(top), top, 0).astype(x.dtype)
        product = np.exp(x - top) @ self.exp_t
        with np.errstate(divide="ignore"):
            y = np.log(product) + top + self.top
        rows, labels = np.nonzero(product < self.least)
        if len(rows):
            y[rows, labels] = log_sum(x[rows] + self.t.T[labels], 1)
        return y


def forward(e: Array, start: Array, end: Array, between: Array, sizes: Sequence[int]) -> tuple[Array, Array]:
    """(ln Z (B), α (N, K))."""
    alpha, step = np.empty_like(e), Passage(between)
    a = start + e[: sizes[0]]
    last = a.copy()
    for t, rows in enumerate(steps_of(sizes)):
        if t:
            a = step(a[: sizes[t]]) + e[rows]
            last[: sizes[t]] = a
        alpha[rows] = a
    return log_sum(last + end, 1), alpha


def backward(e: Array, end: Array, between: Array, sizes: Sequence[int]) -> Array:
    """β (N, K)."""
    beta, step = np.empty_like(e), Passage(np.ascontiguousarray(between.T))
    steps = steps_of(sizes)
    after = e[:0]
    for t in range(len(sizes) - 1, -1, -1):
        running = len(after)
        b = np.broadcast_to(end, (sizes[t], len(end))).astype(e.dtype)
        if running:
            b[:running] = step(after)
        beta[steps[t]] = b
        after = b + e[steps[t]]
    return beta


def marginals(log_z: Array, alpha: Array, beta: Array, sizes: Sequence[int]) -> Array:
    """p(yₜ = k), (N, K)."""
    sequence = np.concatenate([np.arange(size) for size in sizes])
    return np.exp(alpha + beta - log_z[sequence, None])


def pair_sums(
    grad: Array, log_z: Array, alpha: Array, beta: Array, e: Array, between: Array, sizes: Sequence[int]
) -> Array:
    """Σ over sequences b and steps t of grad_b p(yₜ = i, yₜ₊₁ = j), (K, K)."""
    steps = steps_of(sizes)
    if len(sizes) == 1:
        return np.zeros_like(between)
    before = np.concatenate([np.arange(rows.start, rows.start + n) for rows, n in zip(steps, sizes[1:], strict=False)])
    sequence = np.concatenate([np.arange(n) for n in sizes[1:]])
    left, right = alpha[before], (e + beta)[sizes[0] :]
    top_left, top_right, top = left.max(1, keepdims=True), right.max(1, keepdims=True), between.max()
    over = top_left + top_right + top - log_z[sequence, None]  # a bound of ln p; it exceeds 0 where T matters much
    plain = (over[:, 0] < np.log(np.finfo(e.dtype).max) / 4) & np.isfinite(over[:, 0])
    weight = grad[sequence, None]
    u = np.exp(left[plain] - top_left[plain])
    v = np.exp(right[plain] - top_right[plain] + over[plain]) * weight[plain]
    found = (u.T @ v) * np.exp(between - top)
    for n in np.flatnonzero(~plain):
        found += weight[n] * np.exp(left[n][:, None] + between + right[n] - log_z[sequence[n]])
    return found


def best_paths(e: Array, start: Array, end: Array, between: Array, sizes: Sequence[int]) -> tuple[Array, Array]:
    """(the score of each sequence's best path (B), its labels (N)); of equal paths the first."""
    scores, labels = n_best_paths(e, start, end, between, sizes, 1)
    return scores[:, 0], labels[:, 0]


def n_best_paths(
    e: Array, start: Array, end: Array, between: Array, sizes: Sequence[int], n: int
) -> tuple[Array, Array]:
    """(scores of the n best paths of each sequence (B, n), falling; their labels (N, n)).

    The n best paths to each label lead on from the n best to each label before. Where there are fewer paths than n the score
    is −inf, and the labels mean nothing.
    """
    labels, steps = e.shape[1], steps_of(sizes)
    nothing = np.full((sizes[0], labels, n - 1), -np.inf, e.dtype)
    d = np.concatenate([(start + e[: sizes[0]])[:, :, None], nothing], 2)  # (B, K, n)
    last = d.copy()
    origins: list[Array] = []  # per step (B, K, n): from which label and rank, as label · n + rank
    for t in range(1, len(sizes)):
        candidates = d[: sizes[t], :, :, None] + between[:, None, :]
        candidates = candidates.reshape(sizes[t], labels * n, labels)
        if n == 1:
            came_from = candidates.argmax(1)[:, None]
        else:
            came_from = np.argsort(-candidates, axis=1, kind="stable")[:, :n]
        d = np.take_along_axis(candidates, came_from, 1).transpose(0, 2, 1) + e[steps[t]][:, :, None]
        origins.append(came_from.transpose(0, 2, 1))
        last[: sizes[t]] = d
    whole = (last + end[:, None]).reshape(sizes[0], labels * n)
    at = np.argsort(-whole, axis=1, kind="stable")[:, :n]
    scores = np.take_along_axis(whole, at, 1)
    found = np.empty((len(e), n), np.int64)
    for t in range(len(sizes) - 1, -1, -1):
        here = at[: sizes[t]]
        found[steps[t]] = here // n
        if t:
            rows = np.arange(sizes[t])[:, None]
            at[: sizes[t]] = origins[t - 1][rows, here // n, here % n]
    return scores, found
