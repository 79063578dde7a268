"""Loss functions: how far a prediction is from the truth, as one number to make small.

``reduction`` is "mean", "sum", or "none" for the loss of every element; ``reduction.py`` does it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import composite, free_all, guarding
from metagrad.autograd.function import Function
from metagrad.autograd.node_names import known_as
from metagrad.autograd.variable import Variable, wrap
from metagrad.base import dtypes
from metagrad.base.dtypes import scalar_name
from metagrad.base.result_order import laid_out_by
from metagrad.base.typing import Array
from metagrad.base.warning import warn
from metagrad.kernels.libraries import is_on_gpu, looks_at
from metagrad.nn.fast_normalization import serves
from metagrad.nn.functional.class_targets import by_row, check_weight, over_targets
from metagrad.nn.functional.reduction import (
    accepts_legacy_reduction,
    as_numbers,
    kept_as,
    matched,
    reduced,
    weighted,
)
from metagrad.nn.functional.smooth_activation import logsigmoid
from metagrad.nn.functional.squared_loss import Huber, HuberOfTwo, LogisticLoss, alike, huber, squared_error
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.dtype_checks import need_castable, refuse
from metagrad.ops.operands import cast_to, in_single, need_one_dtype
from metagrad.ops.reduce.softmax import CrossEntropy, gpu_serves, log_softmax
from metagrad.ops.special.logarithms import xlogy

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "huber_loss", "kl_div", "l1_loss",
    "mse_loss", "nll_loss", "smooth_l1_loss",
]  # fmt: skip


class Pick(Function):
    """yᵢ = −x[i, cᵢ]: from every row the element of its class;   ∂L/∂x is zeros with −∂L/∂yᵢ at [i, cᵢ]."""

    flat_in, release = (0,), free_all

    def forward(self, x: Array, classes: Array) -> Array:
        self.classes, self.shape_in = classes, x.shape
        return -x[np.arange(len(classes), like=x), classes]

    def backward(self, grad: Array) -> tuple[Array, None]:
        return PutBack.on(grad, self.classes, shape=self.shape_in), None


class PutBack(Function):
    """y is zeros with −xᵢ at [i, cᵢ]: the transpose of ``Pick``."""

    def forward(self, x: Array, classes: Array, shape: tuple[int, int]) -> Array:
        self.classes = classes
        y = np.zeros(shape, x.dtype, like=x)
        y[np.arange(len(classes), like=x), classes] = -x
        return y

    def backward(self, grad: Array) -> tuple[Array, None]:
        return Pick.on(grad, self.classes), None


class BinaryCrossEntropy(Function):
    """l = −y ln x − (1 − y) ln(1 − x), logarithms held above −100;   ∂L/∂x = ∂L/∂l · (x − y) / (x (1 − x))."""

    def forward(self, x: Array, y: Array) -> Array:
        self.save(x, y)
        return laid_out_by(-(y * np.maximum(np.log(x), -100) + (1 - y) * np.maximum(np.log1p(-x), -100)), x)

    def backward(self, grad: Array) -> tuple[Array, Array | None]:
        x, y = self.saved
        grad_x = grad * (x - y) / np.maximum(x * (1 - x), 1e-12)
        return grad_x, grad * (np.maximum(np.log1p(-x), -100) - np.maximum(np.log(x), -100)) if self.needs[1] else None


def _need_weight_for_each(weight: Tensor, input: Tensor) -> None:
    if tuple(weight.shape) != tuple(input.shape):
        raise ValueError(
            f"Weights and input must have the same size. Got {tuple(weight.shape)} and {tuple(input.shape)}"
        )


@accepts_legacy_reduction("size_average", "reduce", "reduction", "weight")
@known_as("MseLoss")
def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """(x − y)²; input and target (*). With ``weight`` (*) the mean is weighted.

    >>> import metagrad
    >>> mse_loss(metagrad.tensor([1.0, 2.0]), metagrad.tensor([1.0, 4.0]))
    tensor(2.)
    """
    input, target = matched("mse_loss", input, target)
    if weight is not None:
        _need_weight_for_each(weight, input)
        return reduced((input - target).square(), reduction, weight)
    input, target = as_numbers(input, target)
    refuse("mse_cpu", target if input.array.dtype.kind in "biu" else input, "biuc")
    if alike(input, target):
        return squared_error(input, target, reduction)
    return reduced((input - target).square(), reduction)


@accepts_legacy_reduction("size_average", "reduce", "reduction", "weight")
def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """|x − y|; input and target (*). With ``weight`` (*) the mean is weighted.

    >>> import metagrad
    >>> l1_loss(metagrad.tensor([1.0, 2.0]), metagrad.tensor([1.0, 4.0]), reduction="none")
    tensor([0., 2.])
    """
    input, target = matched("l1_loss", input, target)
    loss = (input - target).abs()
    return reduced(loss, reduction, weight)


@accepts_legacy_reduction("size_average", "reduce", "reduction", "beta")
@known_as("SmoothL1Loss")
def smooth_l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d² / 2β where d = |x − y| < β, else d − β/2 (Girshick 2015). Raises RuntimeError for a negative β.

    >>> import metagrad
    >>> smooth_l1_loss(metagrad.tensor([0.5, 3.0]), metagrad.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    beta = float(beta)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta. Got {beta}")
    input, target = matched("smooth_l1_loss", input, target)
    if beta == 0:
        return reduced((input - target).abs(), reduction)
    input, target = as_numbers(input, target)
    refuse("smooth_l1_cpu", target if input.array.dtype.kind in "biu" else input, "biuc")
    if alike(input, target):
        loss = huber(input, target, beta, reduction)
        return loss if beta == 1 else loss / beta
    smooth = in_single(_smooth) if input.array.dtype.char == "E" else _smooth
    return reduced(smooth(input, target, beta), reduction)


def _smooth(input: Tensor, target: Tensor, beta: float) -> Tensor:
    if alike(input, target):
        loss = HuberOfTwo.apply(input, target, delta=beta)
    else:
        loss = Huber.apply(input - target, delta=beta)
    return loss if beta == 1 else loss / beta


@known_as("HuberLoss")
@guarding("input", "target")
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d² / 2 where d = |x − y| < δ, else δ (d − δ/2) (Huber 1964); with ``weight`` w (*) times w, in the mean Σ w l / n, too.

    Raises RuntimeError unless δ is positive.

    >>> import metagrad
    >>> huber_loss(metagrad.tensor([0.5, 3.0]), metagrad.zeros(2), reduction="none", delta=2.0)
    tensor([0.1250, 4.0000])
    """
    if delta <= 0:
        raise RuntimeError(f"huber_loss does not support non-positive values for delta. Got {delta}")
    kind = input.dtype
    input, target = matched("huber_loss", input, target)
    input, target = as_numbers(input, target)
    if kind is dtypes.float16:  # as PyTorch, which rounds once here, and at each step in bfloat16
        input = cast_to(input, dtypes.float32)
    if alike(input, target):
        if weight is None and input.dtype is kind:
            return huber(input, target, float(delta), reduction)
        loss = cast_to(HuberOfTwo.apply(input, target, delta=float(delta)), kind)
    else:
        difference = input - target
        need_castable(difference.dtype, kind)
        refuse("huber_cpu", difference, "iuc")
        loss = cast_to(Huber.apply(difference, delta=float(delta)), kind)
    if weight is not None:
        _need_weight_for_each(weight, input)
        loss = loss * weight
    return reduced(loss, reduction)


@accepts_legacy_reduction("size_average", "reduce", "reduction")
@known_as("BinaryCrossEntropy")
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """−y ln x − (1 − y) ln(1 − x) for probabilities x; input and target (*) in [0, 1]. Logarithms are held above −100.

    Raises ValueError for different shapes, and RuntimeError for an x outside [0, 1].

    >>> import metagrad
    >>> binary_cross_entropy(metagrad.tensor([0.9, 0.5]), metagrad.tensor([1.0, 0.0]), reduction="none")
    tensor([0.1054, 0.6931])
    """
    if tuple(input.shape) != tuple(target.shape):
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
            "deprecated. Please ensure they have the same size."
        )
    if input.dtype != target.dtype:
        given, wanted = scalar_name(target.dtype), scalar_name(input.dtype)
        raise RuntimeError(
            f"binary_cross_entropy: Found dtype {given} but expected {wanted}: convert the target with .to()"
        )
    need_one_dtype("binary_cross_entropy", input, target)  # a weight of another dtype is taken
    refuse("binary_cross_entropy", input, "biuc")
    for what, x, why in (
        ("input", input.array, "put a sigmoid before it, or use ..._with_logits"),
        ("target", target.array, "it is the probability of the class"),
    ):
        if looks_at(x) and x.size and not bool(((x >= 0) & (x <= 1)).all()):
            raise RuntimeError(f"all elements of {what} should be between 0 and 1: {why}")
    if weight is not None and not isinstance(weight, Variable):
        raise AttributeError(f"'{type(weight).__name__}' object has no attribute 'size': make the weight a tensor")
    loss = in_single(BinaryCrossEntropy.apply)(input, target)
    return reduced(loss if weight is None else kept_as(loss * weight, loss, loss.dtype), reduction)


@accepts_legacy_reduction("size_average", "reduce", "reduction", "pos_weight")
@known_as("BinaryCrossEntropyWithLogits")
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """−p y ln σ(x) − (1 − y) ln(1 − σ(x)) for scores x; p ``pos_weight`` weighs the positive class.

    As 1 − σ(x) = σ(−x) and ln σ(−x) = ln σ(x) − x, this is (1 − y) x − (1 + (p − 1) y) ln σ(x), which does not
    overflow. Raises ValueError for different shapes.

    >>> import metagrad
    >>> binary_cross_entropy_with_logits(metagrad.tensor([0.0, 1000.0]), metagrad.tensor([1.0, 1.0]))
    tensor(0.3466)
    """
    if tuple(input.shape) != tuple(target.shape):
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    if target.array.dtype.kind in "iu" and input.array.dtype.kind in "fV":
        need_castable(input.dtype, target.dtype)
    for factors in (weight, pos_weight):
        if factors is not None and not isinstance(factors, Variable):
            raise TypeError(f"binary_cross_entropy_with_logits(): weights must be Tensors, got {factors!r:.60}")
    if pos_weight is None and alike(input, target):
        loss = LogisticLoss.apply(input, target)
        if reduction == "none":
            loss.array = laid_out_by(loss.array, target.array, input.array)  # PyTorch begins with the target
    else:
        loss = (1 - target) * input - (1 if pos_weight is None else 1 + (pos_weight - 1) * target) * logsigmoid(input)
    loss = weighted(loss, weight)
    return reduced(kept_as(loss, input, target.dtype), reduction)


@asks_for_tensors
@accepts_legacy_reduction("size_average", "reduce", "reduction", "log_target")
def kl_div(input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """y (ln y − x) for log-probabilities x and probabilities y (or their logarithms); "batchmean" divides by the batch.

    >>> import metagrad
    >>> p, q = metagrad.tensor([[0.5, 0.5]]), metagrad.tensor([[0.9, 0.1]])
    >>> kl_div(q.log(), p, reduction="batchmean")  # KL(p ‖ q)
    tensor(0.5108)
    """
    if reduction == "mean":
        warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only by the "
            "batch size, and aligns with the KL div math definition.'mean' will be changed to behave the same as 'batchmean' in "
            "the next major release."
        )
    for kinds, called in (("c", "Complex"), ("biu", "Integral")):
        if input.array.dtype.kind in kinds or target.array.dtype.kind in kinds:
            raise RuntimeError(
                f"kl_div: {called} inputs not supported, got {input.dtype} and {target.dtype}: use .float()"
            )
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = xlogy(target, target) - target * input
    if reduction == "batchmean":
        return loss.sum() / input.shape[0] if input.ndim else loss.sum()
    return reduced(loss, reduction)


@asks_for_tensors
@composite
@accepts_legacy_reduction("size_average", "ignore_index", "reduce", "reduction")
@known_as("NllLoss")
@guarding("input")
def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """l = −w_c x_c, c the target's class; the mean is Σ l / Σ w_c over the targets that are not ignored.

    input (N, C, *), or (C), log-probabilities; target (N, *), or (), classes in [0, C), int64; weight (C). Raises
    ValueError or RuntimeError for shapes or dtypes that do not belong together, and IndexError for a class out of
    range.

    >>> import metagrad
    >>> nll_loss(metagrad.tensor([[-0.5, -1.0], [-2.0, -0.1]]), metagrad.tensor([0, 1]))
    tensor(0.3000)
    """
    refuse("nll_loss_out_frame", input, "biu")
    return _of_classes(Pick.apply, input, target, weight, ignore_index, reduction)


@guarding("target")
def _of_classes(
    of_row: Callable[[Tensor, Array], Tensor],
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
) -> Tensor:
    """``nll_loss`` with another loss of rows and classes in the place of −x_c."""
    rows, classes, counted, shape = by_row(input, target, ignore_index)
    check_weight(weight, rows.shape[1], rows.dtype)
    loss = of_row(rows, classes)
    loss = loss if weight is None else loss * wrap(weight.array[classes])
    return over_targets(loss, classes, counted, weight, shape, reduction)


@asks_for_tensors
@composite
@accepts_legacy_reduction("size_average", "ignore_index", "reduce", "reduction", "label_smoothing")
@known_as("NllLoss")
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """−ln softmax(x)_c, c the target's class: ``nll_loss`` of ``log_softmax``.

    input (N, C, *), or (C), scores. target: classes (N, *), int64, or probabilities of the input's shape. weight (C).
    label_smoothing ε: the truth is mixed with the uniform distribution, (1 − ε) y + ε/C (Szegedy et al. 2016). Raises
    RuntimeError for a label_smoothing outside [0, 1], or an ignore_index with probabilities, and the errors of
    ``nll_loss``.

    >>> import metagrad
    >>> cross_entropy(metagrad.tensor([[0.0, 0.0], [0.0, 100.0]]), metagrad.tensor([0, 1]))
    tensor(0.3466)
    """
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    class_dim = 0 if input.ndim == 1 else 1
    is_of_rows = target.array.dtype.kind in "iu" and not label_smoothing and class_dim == input.ndim - 1
    if is_of_rows and (serves(input.array) or (is_on_gpu(target.array) and gpu_serves(input.array))):
        return _of_classes(CrossEntropy.apply, input, target, weight, ignore_index, reduction)
    log_p = log_softmax(input, class_dim)
    if target.array.dtype.kind in "fV" and (target.ndim == input.ndim or target.ndim == 0 == input.ndim):
        if ignore_index >= 0:
            raise RuntimeError(f"ignore_index is not supported for floating point target, got {ignore_index}")
        return _against_probabilities(log_p, target, weight, class_dim, reduction, label_smoothing)
    loss = nll_loss(log_p, target, weight, ignore_index=ignore_index, reduction=reduction)
    if not label_smoothing:
        return loss
    rows, classes, counted, shape = by_row(log_p, target, ignore_index)
    uniform = -(rows if weight is None else rows * weight).sum(1)
    smooth = over_targets(uniform, classes, counted, weight, shape, reduction)
    return (1 - label_smoothing) * loss + smooth * (label_smoothing / rows.shape[1])


def _against_probabilities(
    log_p: Tensor, target: Tensor, weight: Tensor | None, class_dim: int, reduction: str, label_smoothing: float
) -> Tensor:
    if tuple(target.shape) != tuple(log_p.shape):
        if class_dim and target.ndim == log_p.ndim == 2 and target.shape[0] == log_p.shape[0]:
            raise RuntimeError(
                f"0D or 1D target tensor expected, multi-target not supported: class probabilities have the input's shape "
                f"{tuple(log_p.shape)}, got {tuple(target.shape)}"
            )
        expected = [*log_p.shape[:class_dim], *log_p.shape[class_dim + 1 :]]
        why = f"class probabilities have the input's shape {tuple(log_p.shape)}, got {tuple(target.shape)}"
        if class_dim and target.shape[0] != log_p.shape[0]:
            raise ValueError(
                f"Expected input batch_size ({log_p.shape[0]}) to match target batch_size ({target.shape[0]}). {why}"
            )
        raise RuntimeError(f"Expected target size {expected}, got {list(target.shape)}: {why}")
    check_weight(weight, (count := log_p.shape[class_dim]), log_p.dtype)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / max(count, 1)
    loss = log_p * target
    if weight is not None:
        loss = loss * weight.reshape((count,) + (1,) * (log_p.ndim - class_dim - 1))
    loss = -loss.sum(class_dim)
    return reduced(loss, reduction)
