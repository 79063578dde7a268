"""Limiting gradients before an optimizer's step (Pascanu et al. 2013)."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from typing import Any

import numpy as np

from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import Variable, wrap
from metagrad.autograd.writing import bump
from metagrad.base.typing import Array
from metagrad.base.warning import warn
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, map_chunks, threads_worth
from metagrad.tensors.tensor import Tensor


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Any]:
    given = [parameters] if isinstance(parameters, Variable) else parameters
    return [p.grad for p in given if p.grad is not None]


@no_grad()
def get_total_norm(
    tensors: Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all elements of all tensors as one vector: (Σ |x|^p)^(1/p), or max |x| for p = inf, min |x| for −inf.

    Its dtype is the widest of theirs; squares of float16 and bfloat16 are added up in float32.

    Raises RuntimeError for a norm that is not finite, if asked.

    >>> import metagrad
    >>> get_total_norm([metagrad.tensor([3.0]), metagrad.tensor([4.0])])
    tensor(5.)
    """
    given = [t.array for t in ([tensors] if isinstance(tensors, Variable) else tensors)]
    if not given:
        return wrap(np.zeros((), np.float32))
    p, arrays = float(norm_type), [a.astype(np.float32) if a.dtype.char in "eE" else a for a in given]
    if math.isinf(p):
        outermost = np.max if p > 0 else np.min
        if not all(a.size for a in arrays):
            raise RuntimeError("the infinity norm of an empty tensor cannot be computed, for it has no identity")
        norms = [outermost(np.abs(a)) for a in arrays]
        total = norms[0] if len(norms) == 1 else outermost(np.stack(norms))
    elif p and len(arrays) == 1 and arrays[0].size == 1:  # its square may be too large
        total = np.abs(arrays[0]).reshape(())
    elif p == 2:
        total = np.sqrt(_sum_of_squares(arrays))
    elif p == 0:  # how many tensors have an element that is not 0
        total = sum(float(np.any(a)) for a in arrays)
    else:
        with np.errstate(all="ignore"):
            total = sum((np.abs(a) ** p).sum() for a in arrays) ** (1 / p)
    with np.errstate(all="ignore"):
        total = np.asarray(total, np.result_type(*[a.real.dtype for a in given]), like=given[0])
    if error_if_nonfinite and not bool(np.isfinite(total)):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be clipped. "
            "To disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return wrap(total)


def _sum_of_squares(arrays: Sequence[Array]) -> Any:
    """Σ |x|² over all arrays: BLAS's on metagrad's own threads, as those that BLAS starts would be in their way afterwards."""
    if any(a.__class__ is not np.ndarray or not a.flags.c_contiguous for a in arrays):
        return sum(np.vdot(a, a).real if a.flags.c_contiguous else (np.abs(a) ** 2).sum() for a in arrays)
    threads = threads_worth(sum([a.size for a in arrays]), tuning.SQUARES_WORTH_THREADS)
    if threads > 1:
        arrays = [
            a.reshape(-1)[chunk] for a in arrays for chunk in cut(a.size, tuning.SQUARES_WORTH_THREADS // threads)
        ]
    return sum(map_chunks(lambda a: np.vdot(a, a).real, arrays, threads, blas=True))


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale all gradients by max_norm / total_norm, if that is below 1."""
    with np.errstate(all="ignore"):
        scale = np.minimum(float(max_norm) / (total_norm.array + 1e-6), 1)
        changes_nothing = isinstance(scale, np.generic) and scale == 1  # a GPU would have to be waited for
        for g in _grads(parameters):
            if not changes_nothing:
                np.multiply(g.array, scale.astype(g.array.dtype), out=g.array)
            bump(g)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients of all parameters, in place, so that their total norm is at most ``max_norm``; returns the norm.

    >>> import metagrad
    >>> p = metagrad.tensor([0.0, 0.0], requires_grad=True)
    >>> (p * metagrad.tensor([30.0, 40.0])).sum().backward()
    >>> clip_grad_norm_([p], max_norm=1.0), p.grad
    (tensor(50.), tensor([0.6000, 0.8000]))
    """
    read_once = isinstance(parameters, Generator)
    parameters = [parameters] if isinstance(parameters, Variable) else list(parameters)
    if read_once and not parameters:
        warn("`parameters` is an empty generator, no gradient clipping will occur.")
    total = get_total_norm(_grads(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


@no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of every gradient, in place, to ±clip_value.

    >>> import metagrad
    >>> w = metagrad.zeros(2, requires_grad=True)
    >>> (w * metagrad.tensor([3.0, -0.5])).sum().backward()
    >>> metagrad.nn.utils.clip_grad_value_([w], 1.0)
    >>> w.grad
    tensor([ 1.0000, -0.5000])
    """
    limit = float(clip_value)
    for g in _grads(parameters):
        np.clip(g.array, -limit, limit, out=g.array)
        bump(g)


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """``clip_grad_norm_``, by its older name, which warns."""
    message = "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`."
    warn(message, FutureWarning)
    return clip_grad_norm_(*args, **kwargs)
