"""From the losses of the elements to one number; and PyTorch's two old arguments that say how.

``reduction`` is "mean", "sum", or "none" for the loss of every element.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.base.dtypes import dtype
from metagrad.base.typing import Array
from metagrad.base.warning import warn
from metagrad.ops.dtype_checks import BOOL, need_castable
from metagrad.ops.operands import cast_to
from metagrad.ops.pointwise.selection import where
from metagrad.ops.shape.broadcasting import broadcast_tensors

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def reduced(loss: Tensor, reduction: str, weight: Tensor | None = None) -> Tensor:
    """The mean Σ l / n or the sum of the losses, or all of them; with weights w those of w l, the mean being Σ w l / Σ w.

    Raises ValueError for another reduction.

    >>> import metagrad
    >>> loss, weight = metagrad.tensor([1.0, 2.0]), metagrad.tensor([1.0, 3.0])
    >>> reduced(loss, "mean"), reduced(loss, "mean", weight), reduced(loss, "sum", weight)
    (tensor(1.5000), tensor(1.7500), tensor(7.))
    """
    reduction = known(reduction)
    loss = weighted(loss, weight)
    if reduction == "mean":
        return loss.mean() if weight is None else loss.sum() / weight.sum()
    return loss.sum() if reduction == "sum" else loss


def weighted(loss: Tensor, weight: Tensor | None) -> Tensor:
    """Every loss times its weight, where there is one."""
    return loss if weight is None else loss * weight


def kept_as(loss: Tensor, input: Tensor, kept: dtype) -> Tensor:
    """A loss that is written over ``input``, or what is like it: of its shape, in the dtype ``kept``.

    Raises RuntimeError if the loss was broadcast to another shape, or is of a higher kind of numbers.

    >>> import metagrad
    >>> kept_as(metagrad.ones(1, 2), metagrad.ones(2), metagrad.float32)
    Traceback (most recent call last):
    RuntimeError: output with shape [2] doesn't match the broadcast shape [1, 2]
    """
    if loss.array.shape != input.array.shape:
        raise RuntimeError(
            f"output with shape {list(input.shape)} doesn't match the broadcast shape {list(loss.shape)}"
        )
    if loss.array.dtype == kept.dtype:
        return loss
    need_castable(loss.dtype, kept)
    return cast_to(loss, kept)


def mean_of_counted(loss: Tensor, total: float, any_counts: bool) -> Tensor:
    """Σ l / Σ w over the elements that count; nan where none does, and then with a gradient of 0, as in PyTorch."""
    if not any_counts:
        return loss.sum() + math.nan
    if loss.array.dtype.char == "e":  # the sum of many halves is beyond their range where the mean is not
        return (loss.float().sum() / total).to(loss.dtype)
    return loss.sum() / loss.new_tensor(total)


def mean_on_gpu(loss: Tensor, total: Array, any_counts: Array) -> Tensor:
    """``mean_of_counted`` for sums that are on a GPU, without waiting for them."""
    mean = loss.sum() / wrap(np.where(any_counts, total, 1)).to(loss.dtype)
    return where(wrap(any_counts), mean, math.nan)


def known(reduction: str) -> str:
    """The name of a reduction, if it is one. Raises ValueError otherwise."""
    if reduction == "elementwise_mean":
        warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.")
        return "mean"
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction: use 'mean', 'sum' or 'none'")
    return reduction


def as_numbers(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Bools among the two as the other one's numbers, so that one may be subtracted from the other."""
    if input.array.dtype is BOOL:
        return input.to(target.dtype), target
    return input, target.to(input.dtype) if target.array.dtype is BOOL else target


def matched(name: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Prediction and truth in one shape; a broadcast is allowed, but usually a mistake, and said."""
    if tuple(input.shape) != tuple(target.shape):
        warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
        )
        input, target = broadcast_tensors(input, target)
    return input, target


# ------------------------------------------------ size_average and reduce, for old programs


def legacy_reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that PyTorch's two old arguments stand for, where they are given."""
    if size_average is None and reduce is None:
        return reduction
    meant = "none" if reduce is False else "sum" if size_average is False else "mean"
    warn(f"size_average and reduce args will be deprecated, please use reduction={meant!r} instead.")
    return meant


def accepts_legacy_reduction(*order: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a loss be called as PyTorch has it, with ``size_average`` and ``reduce``, of which its body need not know.

    order: the names, those two among them, of what may be given by position after the loss's own positional parameters.
    """

    def decorate(loss: Callable[P, R]) -> Callable[P, R]:
        own = inspect.signature(loss)
        count = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in own.parameters.values())

        @functools.wraps(loss)
        def with_legacy(*args: Any, **kwargs: Any) -> Any:
            if len(args) > count:
                args, kwargs = args[:count], kwargs | _named(loss.__name__, order, args[count:], kwargs)
            if "size_average" in kwargs or "reduce" in kwargs:
                old = kwargs.pop("size_average", None), kwargs.pop("reduce", None)
                kwargs["reduction"] = legacy_reduction(*old, kwargs.get("reduction", "mean"))
            return loss(*args, **kwargs)

        with_legacy.__signature__ = _with_legacy(own, order)  # type: ignore[attr-defined]
        return cast("Callable[P, R]", with_legacy)

    return decorate


def _named(loss: str, order: tuple[str, ...], values: tuple[Any, ...], kwargs: Iterable[str]) -> dict[str, Any]:
    """What was given by position, under its names."""
    if len(values) > len(order):
        raise TypeError(
            f"{loss}() takes at most {len(order)} arguments from {order[0]} on, but {len(values)} were given"
        )
    found = dict(zip(order, values, strict=False))
    if twice := found.keys() & set(kwargs):
        raise TypeError(f"{loss}() got multiple values for argument {sorted(twice)[0]!r}")
    return found


def _with_legacy(own: inspect.Signature, order: tuple[str, ...]) -> inspect.Signature:
    """The signature as PyTorch has it."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    old = {name: inspect.Parameter(name, kind, default=None, annotation="bool | None") for name in order}
    positional = [p for p in own.parameters.values() if p.kind is kind]
    return own.replace(parameters=[*positional, *(own.parameters.get(n, old[n]).replace(kind=kind) for n in order)])
