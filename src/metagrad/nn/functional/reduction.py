"""What the losses have in common: how the losses of all elements become one number, and the arguments that older programs give."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def reduced(loss: Tensor, reduction: str, weight: Tensor | None = None) -> Tensor:
    """The losses, each times its weight: their mean Σ w l / Σ w, their sum, or all of them ("none").

    Raises ValueError for another reduction.
    """
    if weight is not None:
        loss = loss * weight
        if reduction == "mean":
            return loss.sum() / weight.sum()
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    known(reduction)
    return loss


def mean_of_counted(loss: Tensor, total: float, any_counts: bool) -> Tensor:
    """Σ l / Σ w over the elements that count; nan where none does, and then with a gradient of 0, as in PyTorch."""
    if not any_counts:
        return loss.sum() + math.nan
    if loss.array.dtype.char == "e":  # the sum of many halves is beyond their range where the mean is not
        return (loss.float().sum() / total).to(loss.dtype)
    return loss.sum() / loss.new_tensor(total)


def known(reduction: str) -> str:
    """The name of a reduction. Raises ValueError if it is none."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction: use 'mean', 'sum' or 'none'")
    return reduction


def legacy_reduction(size_average: bool | None, reduce: bool | None, reduction: str, stacklevel: int = 3) -> str:
    """The reduction that PyTorch's two old arguments stand for, where they are given."""
    if size_average is None and reduce is None:
        return reduction
    warnings.warn(
        "size_average and reduce args will be deprecated, please use reduction instead.", stacklevel=stacklevel
    )
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def takes_legacy_reduction(loss: Callable[P, R]) -> Callable[P, R]:
    """Serve the ``size_average`` and ``reduce`` that a loss declares for old programs: its body sees ``reduction`` alone."""
    names = loss.__code__.co_varnames[: loss.__code__.co_argcount + loss.__code__.co_kwonlyargcount]

    @functools.wraps(loss)
    def with_reduction(*args: Any, **kwargs: Any) -> Any:
        given = dict(zip(names, args, strict=False)) | kwargs
        if given.get("size_average") is None and given.get("reduce") is None:
            return loss(*args, **kwargs)
        old = given.pop("size_average", None), given.pop("reduce", None)
        given["reduction"] = legacy_reduction(*old, given.get("reduction", "mean"))
        return cast(Any, loss)(**given)

    return cast("Callable[P, R]", with_reduction)
