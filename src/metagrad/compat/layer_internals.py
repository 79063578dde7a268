"""Parts of PyTorch's layers, optimizers and schedules that those import who wrote one of their own after PyTorch's.

``imported_names.IMPORTED`` says which file each is asked from.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from metagrad.base.dtypes import dtype, float32, float64, get_default_dtype
from metagrad.nn.functional.multihead_attention import _check_shapes, _expect, _projected
from metagrad.nn.functional.softmaxes import implicit_dim
from metagrad.nn.modules.module import _addindent as _addindent
from metagrad.nn.modules.transformer import Transformer, _is_causal
from metagrad.nn.utils.clip_grad import clip_grads_with_norm_, get_total_norm
from metagrad.ops.linalg.matmul import linear
from metagrad.ops.pointwise.complex_numbers import view_as_real
from metagrad.optim.line_search import Point, lowest_of_cubic, strong_wolfe
from metagrad.optim.optimizer import Optimizer
from metagrad.profiler.averages import _time, memory
from metagrad.tensors.tensor import Tensor

__all__: list[str] = []  # every name has an underscore

T = TypeVar("T")

_mha_shape_check, _in_projection_packed, _get_softmax_dim = _check_shapes, _projected, implicit_dim
_clip_grads_with_norm_, _get_total_norm = clip_grads_with_norm_, get_total_norm
_generate_square_subsequent_mask = Transformer.generate_square_subsequent_mask


# ------------------------------------------------ attention and transformers


def _in_projection(
    q: Tensor, k: Tensor, v: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, b_q: Tensor | None = None,
    b_k: Tensor | None = None, b_v: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Queries, keys and values by a matrix each. Raises AssertionError for a matrix that does not fit."""
    given = {"query": (q, w_q, b_q), "key": (k, w_k, b_k), "value": (v, w_v, b_v)}
    for name, (x, w, b) in given.items():
        _expect(w, (q.shape[-1], x.shape[-1]), f"{name} weights")
        if b is not None:
            _expect(b, (q.shape[-1],), f"{name} bias")
    one, two, three = (linear(x, w, b) for x, w, b in given.values())
    return one, two, three


def _verify_batch_size(size: Sequence[int]) -> None:
    """Raise ValueError if a layer that takes means over the batch would take them of single numbers."""
    if math.prod(size[:1]) * math.prod(size[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")


def _get_seq_len(src: Tensor, batch_first: bool) -> int | None:
    """The length of sequences (S, E), (N, S, E) or (S, N, E)."""
    return int(src.shape[1 if batch_first and src.ndim == 3 else 0])


def _detect_is_causal_mask(mask: Tensor | None, is_causal: bool | None = None, size: int | None = None) -> bool:
    """Whether a mask is that of ``_generate_square_subsequent_mask``; ``is_causal`` if that was said.

    >>> _detect_is_causal_mask(_generate_square_subsequent_mask(3)), _detect_is_causal_mask(None)
    (True, False)
    """
    return _is_causal(mask, is_causal, mask.shape[-2] if size is None and mask is not None else size or 0)


def _check_arg_device(x: Tensor | None) -> bool:
    """Whether a tensor, if there is one, is where kernels are."""
    return x is None or x.device.type in ("cpu", "cuda")


def _arg_requires_grad(x: Tensor | None) -> bool:
    """Whether there is a tensor, and it needs a gradient."""
    return x is not None and x.requires_grad


def _is_make_fx_tracing() -> bool:
    """False: nothing is traced below functions."""
    return False


# ------------------------------------------------ optimizers


def _get_value(x: Any) -> Any:
    """A number as Python's."""
    return x.item() if isinstance(x, Tensor) else x


def _to_scalar(x: Any) -> Any:
    """The tensor without dimensions of one number in a tensor, and numbers as they are."""
    return x.squeeze() if isinstance(x, Tensor) and x.ndim else x


def _stack_if_compiling(x: T) -> T:
    """The same: nothing is compiled."""
    return x


def _disable_dynamo_if_unsupported(single_tensor_fn: Any = None) -> Callable[[T], T]:
    """A decorator that changes nothing: nothing is compiled."""
    return _stack_if_compiling


def _view_as_real(params: list[Tensor], *state_and_grads: list[Tensor]) -> None:
    """Put pairs of real numbers in the places of complex ones, in all of the lists."""
    for i, p in enumerate(params):
        if p.dtype.is_complex:
            for tensors in (params, *state_and_grads):
                tensors[i] = view_as_real(tensors[i])


def _get_scalar_dtype(is_fused: bool | None = None) -> dtype:
    """The dtype in which steps are counted."""
    return float64 if get_default_dtype() == float64 and not is_fused else float32


def _cubic_interpolate(
    x1: float, f1: float, g1: Any, x2: float, f2: float, g2: Any, bounds: tuple[float, float] | None = None
) -> float:
    """The minimum of the cubic with these values and slopes at two points, within the bounds, or between the points.

    >>> float(_cubic_interpolate(0.0, 1.0, -2.0, 4.0, 9.0, 6.0))
    1.0
    """
    left, right = bounds or sorted((x1, x2))
    one, two = (g.numpy() if isinstance(g, Tensor) else g for g in (g1, g2))
    return lowest_of_cubic(Point(x1, f1, None, one), Point(x2, f2, None, two), left, right)


def _strong_wolfe(
    obj_func: Callable[..., tuple[float, Tensor]], x: Any, t: float, d: Tensor, f: float, g: Tensor, gtd: Tensor,
    c1: float = 1e-4, c2: float = 0.9, tolerance_change: float = 1e-9, max_ls: int = 25,
) -> tuple[float, Tensor, float, int]:  # fmt: skip
    """Loss, gradient and step at a point that fulfils the strong Wolfe conditions, and how often the loss was evaluated.

    ``obj_func(x, t, d)`` gives loss and gradient at x + t d; f, g: those at x; gtd: the slope g · d.
    """

    def at(t: float) -> Point:
        loss, grad = obj_func(x, t, d)
        return Point(t, float(loss), grad, grad.dot(d).numpy())

    start = Point(0.0, float(f), g, gtd.numpy() if isinstance(gtd, Tensor) else gtd)
    found, evaluations = strong_wolfe(at, start, t, float(d.abs().max()), max_ls, c1, c2, tolerance_change)
    return found.loss, found.grad, found.t, evaluations


# ------------------------------------------------ schedules


def _param_groups_val_list(optimizer: Optimizer, key: str) -> list[Any]:
    """The value of each group; copies of tensors."""
    return [v.clone() if isinstance(v := group[key], Tensor) else v for group in optimizer.param_groups]


def _update_param_group_val(param_group: dict[str, Any], key: str, val: Any) -> None:
    """Give a group a value: a tensor keeps its identity and takes the value."""
    if isinstance(param_group[key], Tensor):
        param_group[key].fill_(float(val))
    else:
        param_group[key] = val


def _warn_get_lr_called_within_step(lr_scheduler: Any) -> None:
    """Warn who asks for the next rate in the belief that it was the present one."""
    lr_scheduler._warn_unless_stepping()


@contextlib.contextmanager
def _enable_get_lr_call(o: Any) -> Iterator[Any]:
    """``get_lr`` may be called inside, as by ``step``."""
    o._get_lr_called_within_step = True
    try:
        yield o
    finally:
        o._get_lr_called_within_step = False


@contextlib.contextmanager
def _initial_mode(o: Any) -> Iterator[None]:
    """A step inside is the one that sets the first epoch's rates."""
    o._is_initial = True
    try:
        yield
    finally:
        o._is_initial = False


# ------------------------------------------------ the profiler's numbers as text


def _format_time(time_us: float) -> str:
    """Microseconds in the unit that fits.

    >>> _format_time(12.5), _format_time(1250.0), _format_time(1.25e6)
    ('12.500us', '1.250ms', '1.250s')
    """
    return _time(time_us)


def _format_time_share(time_us: float, total_time_us: float) -> str:
    """A part of a time in percent; NaN of none at all."""
    return f"{time_us * 100 / total_time_us:.2f}%" if total_time_us else "NaN"


def _format_memory(nbytes: int) -> str:
    """Bytes in the unit that fits.

    >>> _format_memory(100), _format_memory(2048), _format_memory(-3 * 2**20)
    ('100 B', '2.00 KB', '-3.00 MB')
    """
    return memory(nbytes) if nbytes >= 0 else f"-{memory(-nbytes)}"
