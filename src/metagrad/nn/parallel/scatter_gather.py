"""A batch split over devices, a model copied to each, and their results joined: with the one device there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metagrad.nn.modules.module import Module

__all__ = ["data_parallel", "gather", "parallel_apply", "replicate", "scatter", "scatter_kwargs"]


def _one(devices: Any) -> int:
    """The number of devices, which must be one."""
    n = len(devices) if isinstance(devices, (list, tuple)) else 1
    if n > 1:
        raise RuntimeError(f"expected one device, got {n}: several ranks share the work with DistributedDataParallel")
    return n


def scatter(inputs: Any, target_gpus: Any, dim: int = 0) -> tuple[Any, ...]:
    """The parts of a batch, one for each device: the batch itself. Raises RuntimeError for several devices."""
    _one(target_gpus)
    return (inputs,)


def scatter_kwargs(inputs: Any, kwargs: Any, target_gpus: Any, dim: int = 0) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """``scatter`` of positional and keyword arguments."""
    _one(target_gpus)
    return (tuple(inputs),), (dict(kwargs or {}),)


def gather(outputs: Sequence[Any], target_device: Any = None, dim: int = 0) -> Any:
    """The results of all devices joined: the one result."""
    _one(outputs)
    return outputs[0]


def replicate(network: Module, devices: Any, detach: bool = False) -> list[Module]:
    """The model for each device: the model itself."""
    _one(devices)
    return [network]


def parallel_apply(
    modules: Sequence[Module], inputs: Sequence[Any], kwargs_tup: Any = None, devices: Any = None
) -> list[Any]:
    """What each model gives for its part, one after the other."""
    named = kwargs_tup or [{}] * len(modules)
    parts = [x if isinstance(x, tuple) else (x,) for x in inputs]
    return [m(*x, **k) for m, x, k in zip(modules, parts, named, strict=True)]


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: Any = None,
) -> Any:
    """What the model gives for the whole batch: see ``DataParallel``.

    >>> import metagrad
    >>> data_parallel(metagrad.nn.Identity(), metagrad.ones(2))
    tensor([1., 1.])
    """
    return module(*inputs if isinstance(inputs, tuple) else (inputs,), **(module_kwargs or {}))
