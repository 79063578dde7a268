"""Targets that are numbers of classes: checked, laid out in rows, and the losses of all of them reduced."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.base.dtypes import dtype, scalar_name
from metagrad.base.typing import Array
from metagrad.kernels.libraries import is_on_gpu, looks_at
from metagrad.nn.functional.reduction import mean_of_counted, mean_on_gpu, reduced
from metagrad.ops.dtype_checks import need_classes
from metagrad.ops.pointwise.selection import where
from metagrad.ops.shape.views import shaped

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def over_targets(
    loss: Tensor, classes: Array, counted: Array | None, weight: Tensor | None, shape: tuple[int, ...], reduction: str
) -> Tensor:
    """The losses of all targets reduced; those of targets that are ignored are 0, whatever the scores are there."""
    if counted is None:
        if reduction == "mean" and weight is not None:
            return mean_of_counted(loss, float(weight.array[classes].sum(dtype=np.float64)), True)
        return reduced(loss if reduction == "sum" else shaped(loss, shape), reduction)
    on_gpu = is_on_gpu(counted)
    if on_gpu or not counted.all():
        loss = where(wrap(counted), loss, 0.0)
    if reduction == "mean" and on_gpu:
        weights = counted if weight is None else np.where(counted, weight.array[classes], 0)
        return mean_on_gpu(loss, weights.sum(dtype=np.float64), counted.any())
    if reduction == "mean":
        total = counted.sum() if weight is None else weight.array[classes][counted].sum(dtype=np.float64)
        return mean_of_counted(loss, float(total), bool(counted.any()))
    return reduced(loss if reduction == "sum" else shaped(loss, shape), reduction)


def check_weight(weight: Tensor | None, classes: int, dtype: dtype) -> None:
    """Raise unless there is a weight for each class, in the dtype of the scores, or none."""
    if weight is None:
        return
    if tuple(weight.shape) != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of "
            f"shape: {list(weight.shape)}"
        )
    if weight.dtype != dtype:
        raise RuntimeError(
            f"expected scalar type {scalar_name(dtype)} but found {scalar_name(weight.dtype)} for weight: use .to()"
        )


def _is_one_hot(target: Tensor, shape: tuple[int, ...], class_dim: int) -> bool:
    """Whether a target of integers, of the scores' shape, has a single 1 among the classes of each position, and else 0."""
    a = target.array
    return (
        a.shape == shape
        and a.dtype.kind in "iu"
        and bool((a.sum(class_dim) == 1).all() and ((a == 0) | (a == 1)).all())
    )


def _misfit_of_classes(shape: tuple[int, ...], target: tuple[int, ...], expected: tuple[int, ...]) -> Exception:
    """What to raise where scores of a shape get a target of another shape than a class for each position has."""
    if target == shape:
        return RuntimeError(
            "Expected floating point type for target with class probabilities, got integers of the scores' shape "
            f"{list(shape)}. Expected target size {list(expected)} for class numbers"
        )
    why = f"Expected target size {list(expected)}, got {list(target)}: scores {shape} get a class for each position"
    if len(shape) == 1 and len(target) > 1:
        return RuntimeError(f"0D or 1D target tensor expected, multi-target not supported. {why}")
    if len(shape) == 1:
        return ValueError(f"For 1D input, 1D target must have size 1, but got target size: {math.prod(target)}. {why}")
    if target[:1] != shape[:1]:
        given = target[0] if target else 0
        return ValueError(f"Expected input batch_size ({shape[0]}) to match target batch_size ({given}). {why}")
    if len(shape) == 2 and len(target) > 1:
        return RuntimeError(f"0D or 1D target tensor expected, multi-target not supported. {why}")
    if len(shape) == 4 and len(target) != 3:
        return RuntimeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {len(target)}. {why}"
        )
    return RuntimeError(
        f"size mismatch (got input: {list(shape)} , target: {list(target)}). {why}" if len(shape) == 4 else why
    )


def _are_all_classes(a: Array, count: int, ignore_index: int) -> bool:
    """Whether every number is a class, and none the one to ignore: known by the extremes where that is no class itself."""
    if not a.size or not looks_at(a) or 0 <= ignore_index < count:
        return False
    return bool(a.min() >= 0 and a.max() < count)


def by_row(input: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Array, Array | None, tuple[int, ...]]:
    """Scores as rows (M, C), the class of each, whether it counts (None: all do), and the target's shape. All checked."""
    if input.ndim == 0:
        raise ValueError("Expected 1 or more dimensions (got 0): scores are (C), (N, C) or (N, C, *)")
    shape, class_dim = tuple(input.shape), 0 if input.ndim == 1 else 1
    if _is_one_hot(target, shape, class_dim):
        target = target.argmax(class_dim)
    expected = shape[:class_dim] + shape[class_dim + 1 :]
    if input.ndim == 1 and tuple(target.shape) == (1,):
        target = target.reshape(())
    if tuple(target.shape) != expected:
        raise _misfit_of_classes(shape, tuple(target.shape), expected)
    need_classes(target)
    count = shape[class_dim]
    rows = input
    if input.ndim != 2:
        rows = (input.movedim(1, -1) if input.ndim > 2 else input).reshape(-1, count) if count else input.reshape(0, 0)
    classes = target.array.reshape(-1)
    if _are_all_classes(classes, count, ignore_index):
        return rows, classes, None, expected
    counted = classes != ignore_index
    if looks_at(classes):
        outside = counted & ((classes < 0) | (classes >= count))
        if bool(outside.any()):
            raise IndexError(
                f"Target {int(classes[outside][0])} is out of bounds. There are {count} classes, from 0 to {count - 1}"
            )
    return rows, np.where(counted, classes, 0), counted, expected
