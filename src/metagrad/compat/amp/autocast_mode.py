"""``autocast``, and the decorators for custom functions that go with it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.base.device import cupy
from metagrad.base.warning import warn
from metagrad.compat.amp import casting as casting
from metagrad.compat.amp.settings import (
    autocast_decrement_nesting,
    autocast_increment_nesting,
    casts,
    clear_autocast_cache,
    get_autocast_dtype,
    is_autocast_cache_enabled,
    is_autocast_enabled,
    kind_of,
    set_autocast_cache_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
)
from metagrad.utils import checkpoint

__all__ = ["autocast", "autocast_decorator", "custom_bwd", "custom_fwd", "is_autocast_available"]


class autocast:
    """Within this block products are computed in a lower precision, losses and long sums in float32.

    ``casting.py`` has the table. A context manager and a decorator; blocks nest, and ``enabled=False`` switches it off within
    another. dtype: float16, or bfloat16, which it is for the CPU if none is given (the extra ``bfloat16``). cache_enabled:
    parameters are cast once in the outermost block. Tensors on a GPU are computed in the dtype they have.

    Raises ValueError if device_type is no text, RuntimeError if it names no device or one that casts nothing. Warns, and
    does nothing, for a dtype that is neither of the two, or for "cuda" without a GPU.

    >>> import metagrad
    >>> x = metagrad.ones(2, 2)
    >>> with metagrad.autocast("cpu", dtype=metagrad.float16):
    ...     (x @ x).dtype, (x + x).dtype
    (metagrad.float16, metagrad.float32)
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if not isinstance(enabled, bool):
            raise ValueError(f"Expected `enabled` of type `bool`, got: `{type(enabled)}`")
        self.device = kind_of(device_type)
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        self._enabled = enabled and self._possible()
        if self._enabled and self.device == "cpu":
            _ = self.fast_dtype.dtype  # bfloat16 needs its extra, and says so here
        self._before: list[tuple[bool, bool, Any]] = []

    def _possible(self) -> bool:
        """Whether the device is there and knows the dtype; a warning if not."""
        if self.device == "cuda" and cupy() is None:
            warn("CUDA is not available or torch_xla is imported. Disabling autocast.")
            return False
        if self.device == "cpu" and self.fast_dtype not in (dtypes.bfloat16, dtypes.float16):
            warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently."
            )
            return False
        return True

    def __enter__(self) -> autocast:
        self._before.append(
            (is_autocast_cache_enabled(), is_autocast_enabled(self.device), get_autocast_dtype(self.device))
        )
        set_autocast_enabled(self.device, self._enabled)
        set_autocast_dtype(self.device, self.fast_dtype)
        autocast_increment_nesting()
        set_autocast_cache_enabled(self._cache_enabled)
        return self

    def __exit__(self, *_: object) -> None:
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        caching, enabled, dtype = self._before.pop()
        set_autocast_enabled(self.device, enabled)
        set_autocast_dtype(self.device, dtype)
        set_autocast_cache_enabled(caching)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function, computed within this block."""
        return autocast_decorator(self, func)


def autocast_decorator(autocast_instance: autocast, func: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is computed within a block."""

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        with autocast_instance:
            return func(*args, **kwargs)

    return call


def _cast(value: Any, device_type: str, dtype: Any) -> Any:
    """Floating-point tensors of a device, but for float64, in another dtype; wherever they are in a structure."""
    if isinstance(value, Variable):
        tensor: Any = value
        eligible = (
            tensor.is_floating_point() and tensor.device.type == device_type and tensor.dtype is not dtypes.float64
        )
        return tensor.to(dtype) if eligible else tensor
    if isinstance(value, dict):
        return {_cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_cast(part, device_type, dtype) for part in value])
    return value


def custom_fwd(fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """Decorates a custom function's ``forward``: with cast_inputs its inputs are cast, and within it nothing else is.

    Without, it notes for ``custom_bwd`` whether ``autocast`` was on.
    """
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    forward = fwd

    @functools.wraps(forward)
    def call(*args: Any, **kwargs: Any) -> Any:
        noted = args[0]
        noted._dtype = get_autocast_dtype(device_type)
        on = is_autocast_enabled(device_type)
        if cast_inputs is None:
            noted._fwd_used_autocast = on
            return forward(*args, **kwargs)
        noted._fwd_used_autocast = False
        if not on:
            return forward(*args, **kwargs)
        with autocast(device_type=device_type, enabled=False):
            return forward(*_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return call


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """Decorates a custom function's ``backward``: it runs with ``autocast`` as its ``forward`` did (see ``custom_fwd``)."""
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)
    backward = bwd

    @functools.wraps(backward)
    def call(*args: Any, **kwargs: Any) -> Any:
        with autocast(device_type=device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return backward(*args, **kwargs)

    return call


def is_autocast_available(device_type: str) -> bool:
    """Whether ``autocast`` takes this kind of device. Raises RuntimeError for a name that is none.

    >>> import metagrad
    >>> metagrad.amp.is_autocast_available("cpu")
    True
    """
    return casts(device_type)


def _as_now() -> autocast:
    """A block in which functions cast as they do now, and no parameter that was cast outside of it is taken."""
    return autocast("cpu", get_autocast_dtype("cpu"), is_autocast_enabled("cpu"), cache_enabled=False)


checkpoint.surroundings = _as_now
