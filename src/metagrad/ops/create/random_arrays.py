"""Random numbers as arrays: uniform and normal ones, in any dtype and on any device, and what dtypes they may have."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from metagrad.base import dtypes
from metagrad.base.device import CPU, get_default_device
from metagrad.base.device import device as Device
from metagrad.base.typing import Array, DeviceLike, DTypeLike
from metagrad.ops.create.random import Generator, source
from metagrad.ops.dtype_checks import refuse

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def uniform_array(
    shape: tuple[int, ...], kind: dtypes.dtype, generator: Generator | None = None, where: Device = CPU
) -> Array:
    """Uniform numbers in [0, 1) as an array, drawn where they are wanted; complex ones have both parts there.

    >>> uniform_array((2, 3), dtypes.float32).shape
    (2, 3)
    """
    stream: Any = source(generator, where)
    if kind.is_complex:
        parts = stream.random((*shape, 2), dtype=kind.to_real().dtype)
        return parts.view(kind.dtype)[..., 0]
    if kind in (dtypes.float32, dtypes.float64):
        return stream.random(shape, dtype=kind.dtype)
    drawn = stream.half_uniform(shape, 2 / dtypes.finfo(kind).eps)
    return drawn.astype(kind.dtype)


def normal_array(
    shape: tuple[int, ...],
    kind: dtypes.dtype,
    generator: Generator | None = None,
    where: Device = CPU,
    in_pairs: bool = False,
    mean: float = 0.0,
    std: float = 1.0,
) -> Array:
    """Normal numbers as an array, drawn where they are wanted; complex ones have variance std² in all.

    in_pairs: for a tensor that does not lie row by row, for which PyTorch draws pair by pair.

    >>> normal_array((2, 3), dtypes.complex64).dtype
    dtype('complex64')
    """
    stream: Any = source(generator, where)
    if kind.is_complex:
        real = kind.to_real().dtype
        parts = stream.standard_normal((*shape, 2), dtype=real).astype(real, copy=False) * math.sqrt(0.5)
        drawn = parts.view(kind.dtype)[..., 0]
    elif in_pairs:
        drawn = stream.normal_in_pairs(shape)
    elif kind in (dtypes.float32, dtypes.float64):
        drawn = stream.standard_normal(shape, dtype=kind.dtype)
    else:
        drawn = stream.half_normal(shape)
    if (mean, std) != (0.0, 1.0):
        drawn = stream.scaled(drawn, std, mean)
    return drawn.astype(kind.dtype, copy=False)


def where_to(device: DeviceLike) -> Device:
    """The device that was asked for; None: the default.

    >>> where_to(None), where_to("cuda:1")
    (device(type='cpu'), device(type='cuda', index=1))
    """
    return get_default_device() if device is None else Device(device)


def continuous(dtype: DTypeLike, kernel: str = "normal_kernel_cpu") -> dtypes.dtype:
    """The dtype of floating-point random numbers, checked; None: the default.

    Raises RuntimeError for integers and bools.

    >>> continuous(None), continuous(dtypes.float16)
    (metagrad.float32, metagrad.float16)
    """
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.of(dtype)
    if kind.category < 2:
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{dtypes.scalar_name(kind)}': random numbers of this distribution are "
            "floating-point: use randint"
        )
    return kind


def real_numbers(name: str, x: Tensor, distribution: str = "") -> dtypes.dtype:
    """The dtype of a tensor to be filled with random numbers that are real.

    Raises NotImplementedError for complex numbers, integers and bools.
    """
    if distribution and x.dtype.category < 2:
        raise NotImplementedError(
            f"{distribution} distribution is a continuous probability distribution. dtype must be a floating point but you "
            f"specified {dtypes.scalar_name(x.dtype)}"
        )
    refuse(name, x, "c")
    return continuous(x.dtype)
