"""Losses that divide by how many targets count: in the file that is counted anew for each batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.onnx.converters.registry import composite


def _of_classes(opset: int, input: Any, target: Any, *_: Any, **__: Any) -> bool:
    return target.array.dtype.kind in "iu"


def _reduction(size_average: Any, reduce: Any, reduction: str) -> str:
    if size_average is None and reduce is None:
        return reduction
    return "none" if reduce is False else "mean" if size_average in (None, True) else "sum"


class _Picked:
    """For scores ln p (N, C, *): what each target's class has (N, *), and the weight it counts with."""

    def __init__(self, g: Any, x: Any, log_p: str, target: Any, weight: Any, ignore_index: int) -> None:
        self.g, self.kind, self.axis = g, x.dtype, 0 if len(x.shape) == 1 else 1
        at = g.ints([self.axis])
        classes = g.tensor(target, np.int64)
        counted = g.op("Not", g.op("Equal", classes, np.array(ignore_index, np.int64)))
        safe = g.op("Where", counted, classes, np.array(0, np.int64))
        picked = g.op("Squeeze", g.op("GatherElements", log_p, g.op("Unsqueeze", safe, at), axis=self.axis), at)
        self.kept = g.cast(counted, self.kind, np.dtype(bool))
        self.weight = self.kept
        if weight is not None:
            self.weight = g.op("Mul", self.kept, g.op("Gather", g.tensor(weight), safe, axis=0))
        self.loss = g.op("Neg", g.op("Mul", picked, self.weight))

    def reduced(self, loss: str, reduction: str) -> str:
        """The loss of each target as it is, added up, or divided by the weights."""
        g = self.g
        if reduction == "none":
            return loss
        total = g.op("ReduceSum", loss, keepdims=0)
        return total if reduction == "sum" else str(g.op("Div", total, g.op("ReduceSum", self.weight, keepdims=0)))


@composite("nll_loss", when=_of_classes)
def nll_loss(
    g: Any, step: Any, x: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    reduction = _reduction(size_average, reduce, reduction)
    if len(x.shape) > 1:
        given = None if weight is None else g.tensor(weight)
        return g.op(
            "NegativeLogLikelihoodLoss",
            g.tensor(x),
            g.tensor(target),
            given,
            ignore_index=ignore_index,
            reduction=reduction,
        )
    picked = _Picked(g, x, g.tensor(x), target, weight, ignore_index)
    return picked.reduced(picked.loss, reduction)


@composite("cross_entropy", when=_of_classes)
def cross_entropy(
    g: Any, step: Any, x: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    reduction = _reduction(size_average, reduce, reduction)
    given = None if weight is None else g.tensor(weight)
    if len(x.shape) > 1 and not label_smoothing:
        settings = {"ignore_index": ignore_index, "reduction": reduction}
        return g.op("SoftmaxCrossEntropyLoss", g.tensor(x), g.tensor(target), given, **settings)
    axis = 0 if len(x.shape) == 1 else 1
    log_p = g.op("LogSoftmax", g.tensor(x), axis=axis)
    picked = _Picked(g, x, log_p, target, weight, ignore_index)
    loss = picked.reduced(picked.loss, reduction)
    if not label_smoothing:
        return loss
    share = g.static(x.shape[axis], "the number of classes")
    if weight is not None:
        log_p = g.op("Mul", log_p, g.reshape(given, [-1, *[1] * (len(x.shape) - 1 - axis)]))
    uniform = g.op("Neg", g.op("Mul", g.reduce("ReduceSum", log_p, [axis], False), picked.kept))
    smooth = picked.reduced(uniform, reduction)
    first = g.op("Mul", loss, g.scalar(1 - label_smoothing, x.dtype))
    return g.op("Add", first, g.op("Mul", smooth, g.scalar(label_smoothing / share, x.dtype)))
