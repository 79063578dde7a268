"""Losses that are the negative logarithm of a probability: of counts, of numbers with a variance, of label sequences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import free_all, guarding
from metagrad.autograd.function import Function, quiet
from metagrad.autograd.variable import Variable, wrap
from metagrad.base.device import CPU, move, of_array
from metagrad.base.typing import Array, DTypeLike
from metagrad.kernels import libraries
from metagrad.kernels.libraries import filled
from metagrad.nn.functional.loss import cross_entropy
from metagrad.nn.functional.reduction import accepts_legacy_reduction, known, reduced
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.dtype_checks import refuse, unsupported
from metagrad.ops.linalg.matmul import linear
from metagrad.ops.pointwise.selection import where

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["ctc_loss", "gaussian_nll_loss", "linear_cross_entropy", "poisson_nll_loss"]


@asks_for_tensors
@accepts_legacy_reduction("size_average", "eps", "reduce", "reduction")
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, *, eps: float = 1e-8, reduction: str = "mean"
) -> Tensor:  # fmt: skip
    """exp(x) − y x for the logarithm x of a rate, or x − y ln(x + ε) for the rate itself; full: plus Stirling's ln y!.

    >>> import metagrad
    >>> metagrad.nn.functional.poisson_nll_loss(metagrad.tensor([0.0]), metagrad.tensor([2.0]))
    tensor(1.)
    """
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        large = target > 1
        safe = where(large, target, 1.0)
        stirling = safe * safe.log() - safe + 0.5 * (2 * math.pi * safe).log()
        loss = loss + where(large, stirling, 0.0)
    return reduced(loss, reduction)


@quiet  # nan of the kind "V" warns
def _any_negative(x: Array) -> bool:
    return bool((x < 0).any())


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """½ (ln v + (x − y)² / v), v = max(var, ε); full: plus ½ ln 2π (Nix & Weigend 1994).

    var: a number, of the input's shape, the same with extent 1 in one dimension, or without the last.

    Raises ValueError for a negative variance, or one of another shape.

    >>> import metagrad
    >>> metagrad.nn.functional.gaussian_nll_loss(metagrad.tensor([1.0]), metagrad.tensor([3.0]), metagrad.tensor([4.0]))
    tensor(1.1931)
    """
    if not isinstance(var, Variable):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.new_full(tuple(input.shape), float(var))
    refuse("gaussian_nll_loss", var, "biu")
    shape, given = tuple(input.shape), tuple(var.shape)
    if given != shape:
        if given == shape[:-1]:
            var = var.unsqueeze(-1)
        elif len(given) != len(shape) or [g for n, g in zip(shape, given, strict=True) if n != g] != [1]:
            raise ValueError(
                f"var is of incorrect size: expected {shape}, {shape[:-1]}, or {shape} with 1 in one dimension, got {given}"
            )
    known(reduction)
    if _any_negative(var.array):
        raise ValueError("var has negative entry/entries")
    held = where(
        var.detach() < eps, eps - var.detach(), 0.0
    )  # as in PyTorch, the gradient passes as if nothing was held
    v = var + held
    loss = 0.5 * (v.log() + (input - target).square() / v)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


@dataclass
class LinearCrossEntropyOptions:
    """How PyTorch cuts ``linear_cross_entropy`` into chunks; accepted, and without effect on the result."""

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: DTypeLike = None


def _check_linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    """Raise RuntimeError unless ``linear_cross_entropy`` can make scores of these."""
    shape, given = tuple(weight.shape), tuple(input.shape)
    if len(given) not in (1, 2):
        raise RuntimeError(f"linear_cross_entropy: expected input with dimensionality 1 or 2, got {len(given)}")
    if len(shape) < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {len(shape)}")
    if given[-1] != shape[-1]:
        raise RuntimeError(
            f"expected equal input and linear_weight last dimensions (in_features), got {given[-1]} and {shape[-1]}, "
            "respectively"
        )
    if len(shape) > 2 and len(given) == 1:
        raise RuntimeError(
            f"linear_cross_entropy: K-dimensional loss defined by linear_weight shape {shape} requires batched input, "
            f"(N, {given[0]}), got unbatched input with shape {given}"
        )
    if bias is not None and tuple(bias.shape) != shape[:-1]:
        raise RuntimeError(f"expected linear_bias shape {shape[:-1]}, got {tuple(bias.shape)}")


def linear_cross_entropy(
    input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None,
    weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None, label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:  # fmt: skip
    """``cross_entropy`` of ``linear(input, linear_weight, linear_bias)``.

    input (N, in) or (in); linear_weight (C, *, in), linear_bias (C, *); target as for ``cross_entropy``. Raises
    RuntimeError for shapes that do not belong together, or an ignore_index with probabilities.
    """
    _check_linear(input, linear_weight, linear_bias)
    rows = linear_weight.reshape(-1, linear_weight.array.shape[-1])
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = linear(input, rows, bias).reshape((*input.shape[:-1], *linear_weight.shape[:-1]))
    if ignore_index is not None and target.array.dtype.kind in "fV":
        raise RuntimeError(
            f"linear_cross_entropy: ignore_index cannot be specified when target contains probabilities, got {ignore_index}"
        )
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(
        logits, target, weight, ignore_index=ignored, reduction=reduction, label_smoothing=label_smoothing
    )


# ------------------------------------------------ connectionist temporal classification


class Ctc(Function):
    """l = −ln Σ Π p over all ways to stretch the labels, blanks between them, over the time steps (Graves et al. 2006).

    α_t(s) is the logarithm of the probability of having written the first s of the extended labels (a blank before, between
    and after all of them) by step t, β_t(s) of writing the rest from t on; both include what is written at t. With the
    network's log-probabilities q, ∂l/∂q_t(k) is exp(q_t(k)) − exp(ln Σ_{s: label k} e^(α + β) + l − q_t(k)): as PyTorch has
    it, the gradient of what was given to the log-softmax before.
    """

    release = free_all

    def forward(self, q: Array, labels: Array, steps: Array, lengths: Array, blank: int, zero_infinity: bool) -> Array:
        """q (T, N, C), labels (N, S), steps (N), lengths (N); l (N)."""
        t_max, n, _ = q.shape
        extended = np.full((n, 2 * labels.shape[1] + 1), blank, np.int64)
        extended[:, 1::2] = labels
        skips = np.zeros(extended.shape, bool)
        skips[:, 2:] = (extended[:, 2:] != blank) & (extended[:, 2:] != extended[:, :-2])
        extended, skips, steps, lengths = [move(a, of_array(q)) for a in (extended, skips, steps, lengths)]
        at = np.arange(n, like=q)
        said = np.take_along_axis(q, np.broadcast_to(extended, (t_max, *extended.shape)), 2)
        inside = np.arange(extended.shape[1], like=q) <= 2 * lengths[:, None]
        alpha = filled((t_max, *extended.shape), -np.inf, q.dtype, q)
        if t_max:
            alpha[0, :, :2] = np.where(inside[:, :2], said[0, :, :2], -np.inf)
        for t in range(1, t_max):
            alpha[t] = np.where(inside, _moved(alpha[t - 1], skips) + said[t], -np.inf)
        ends = np.stack([2 * lengths, np.maximum(2 * lengths - 1, 0)])
        last = alpha[np.maximum(steps - 1, 0), at, ends] if t_max else filled((2, n), -np.inf, q.dtype, q)
        last[1] = np.where(lengths > 0, last[1], -np.inf)
        loss = -np.logaddexp(*last)
        loss = np.where(steps > 0, loss, np.where(lengths > 0, np.inf, 0)).astype(q.dtype)
        if self.needs[0]:
            self.save(q)
            self.work = extended, skips, said, inside, alpha, loss, steps, lengths, zero_infinity & np.isinf(loss)
        return np.where(zero_infinity & np.isinf(loss), 0, loss)

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        (q,) = self.saved
        return CtcGradient.on(grad, q, work=self.work), None, None, None


class CtcGradient(Function):
    """The gradient of ``Ctc``, which has none itself: PyTorch has no formula for it either."""

    def forward(self, grad: Array, q: Array, work: tuple[Array, ...]) -> Array:
        extended, skips, said, inside, alpha, loss, steps, lengths, hidden = work
        t_max, n, classes = q.shape
        both = np.full_like(alpha, -np.inf)
        beta = filled(extended.shape, -np.inf, q.dtype, q)
        place = np.arange(extended.shape[1], like=q)
        starts = (place == 2 * lengths[:, None]) | (place == 2 * lengths[:, None] - 1)
        for t in range(t_max - 1, -1, -1):
            onward = _moved(beta[:, ::-1], _skips_backwards(skips))[:, ::-1]
            beta = np.where((steps - 1 == t)[:, None], np.where(starts, 0, -np.inf), onward) + said[t]
            beta = np.where(inside & (t < steps)[:, None], beta, -np.inf)
            both[t] = alpha[t] + beta
        sums = np.zeros(q.shape, q.dtype, like=q)
        at = (np.arange(t_max, like=q)[:, None, None], np.arange(n, like=q)[None, :, None], extended[None])
        largest = np.where(np.isfinite(loss), -loss, 0)
        libraries.at(
            np.add, sums, at, np.exp(both - said - largest[None, :, None])
        )  # relative to e^−l, so that none vanishes
        counted = (np.arange(t_max, like=q)[:, None] < steps)[..., None]
        impossible = np.isinf(loss)[None, :, None]
        found = np.where(counted, np.where(impossible, np.nan, np.exp(q) - sums), 0) * grad[None, :, None]
        return np.where(hidden[None, :, None], 0, found).astype(q.dtype, copy=False)

    def backward(self, *_: Array) -> Array:
        raise RuntimeError("derivative for aten::_ctc_loss_backward is not implemented")


def _skips_backwards(skips: Array) -> Array:
    """Whether the step from s to s + 2 may be taken, counted from the end."""
    found = np.zeros_like(skips)
    found[:, 2:] = skips[:, ::-1][:, :-2]
    return found


def _moved(before: Array, skips: Array) -> Array:
    """ln Σ of staying, coming from the label before, and, where allowed, from the one before that."""
    one = np.full_like(before, -np.inf)
    one[:, 1:] = before[:, :-1]
    two = np.full_like(before, -np.inf)
    two[:, 2:] = before[:, :-2]
    return np.logaddexp(np.logaddexp(before, one), np.where(skips, two, -np.inf))


def _lengths(name: str, given: Tensor | Sequence[int], n: int) -> Array:
    found = np.atleast_1d(np.asarray(move(given.array, CPU) if isinstance(given, Variable) else given))
    if found.shape != (n,):
        raise RuntimeError(f"{name} must be of size batch_size = {n}, got shape {tuple(found.shape)}")
    if found.dtype.kind not in "iu":
        raise RuntimeError(f"{name} must be integral, got {found.dtype}")
    return found.astype(np.int64)


@asks_for_tensors
@guarding("log_probs", "targets")
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str | int = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """−ln of the probability that a network says the target, its labels stretched and blanks between them (Graves et al. 2006).

    log_probs (T, N, C), or (T, C), from ``log_softmax``; targets (N, S), or all one after the other (Σ target_lengths);
    input_lengths and target_lengths (N). "mean": each loss divided by its target's length first. zero_infinity: 0 for a target
    that is too long for its input. The gradient is right for what was given to the ``log_softmax``. No second
    derivatives. Raises RuntimeError for integers, a blank that is no label, or lengths that do not fit.

    >>> import metagrad
    >>> q = metagrad.tensor([[[0.5, 0.5]], [[0.5, 0.5]]]).log()  # two steps; a blank and a label
    >>> metagrad.nn.functional.ctc_loss(q, metagrad.tensor([[1]]), [2], [1]).exp()  # 1 / ¾: three ways of four
    tensor(1.3333)
    """
    if isinstance(reduction, int):
        reduction = ("none", "mean", "sum")[reduction]
    if log_probs.array.dtype.kind not in "fV":
        raise unsupported("ctc_loss_cpu", log_probs.dtype)
    refuse("ctc_loss_cpu", log_probs, "e")
    if log_probs.array.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 3-dimensional tensor, but got {log_probs.array.ndim}-dimensional tensor for argument #1 'log_probs'"
        )
    if not log_probs.array.size:
        raise RuntimeError("log_probs tensor must not be empty")
    batched = log_probs.array.ndim == 3
    q = log_probs if batched else log_probs.unsqueeze(1)
    t_max, n, classes = q.array.shape
    steps, lengths = _lengths("input_lengths", input_lengths, n), _lengths("target_lengths", target_lengths, n)
    if not 0 <= blank < classes:
        raise RuntimeError(f"blank must be in label range: there are {classes} labels, got {blank}")
    for name, given_lengths, most in (("input", steps, t_max), ("target", lengths, math.inf)):
        for length in given_lengths.tolist():
            if not 0 <= length <= most:
                bound = "least 0" if length < 0 else f"most {most}"
                raise RuntimeError(f"Expected {name}_lengths to have value at {bound}, but got value {length}")
    given = move(targets.array, CPU)  # the labels are laid out there, as the lengths are
    longest = int(lengths.max()) if lengths.size else 0
    labels = np.full((n, longest), blank, np.int64)
    if given.ndim == 2 or not batched:
        rows = given.reshape(n, -1)
        if rows.shape[1] < longest:
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size {rows.shape[1]} for argument #2 "
                "'targets'"
            )
        inside = np.arange(longest) < lengths[:, None]
        labels[inside] = rows[:, :longest][inside]
    else:
        if given.size != lengths.sum():
            raise RuntimeError(
                f"Expected tensor to have size {lengths.sum()} at dimension 0, but got size {given.size} for argument #2 'targets'"
            )
        labels[np.arange(longest) < lengths[:, None]] = given
    loss = Ctc.apply(q, labels, steps, lengths, blank=blank, zero_infinity=zero_infinity)
    if reduction == "mean":
        return (loss / wrap(np.maximum(lengths, 1)).to(loss.device, loss.dtype)).mean()
    return reduced(loss if batched or reduction != "none" else loss.squeeze(0), reduction)
