"""Initial values for parameters, filled in place and not recorded; all draw from metagrad's generator."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import wrap
from metagrad.base.warning import warn
from metagrad.ops.create.random import Generator
from metagrad.ops.create.sampling import randn, randperm
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.pointwise.selection import where
from metagrad.tensors.tensor import Tensor

_GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "conv_transpose1d": 1.0, "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4,
}  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance of activations through a nonlinearity.

    Raises ValueError for an unknown nonlinearity, or a slope that is no number.

    >>> round(calculate_gain("relu"), 4)
    1.4142
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform numbers in [a, b).

    >>> import metagrad
    >>> metagrad.nn.init.uniform_(metagrad.empty(1000), 2.0, 3.0).mean().round(decimals=1)
    tensor(2.5000)
    """
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers of a mean and a standard deviation."""
    return tensor.normal_(mean, std, generator=generator)


_NEVER = 36.0  # −ln of a share of the greatest density so small that numbers of less are never drawn


@no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers, drawn again until they lie in [a, b]; uniform ones, kept by their density, where few normal ones would.

    >>> import metagrad
    >>> x = metagrad.nn.init.trunc_normal_(metagrad.empty(100), 0.0, 1.0, 2.0, 4.0)
    >>> bool(((x > 2) & (x < 4)).all()), len(x.unique()) > 90
    (True, True)
    """
    if not a - 2 * std <= mean <= b + 2 * std:
        warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.",
            UserWarning,
        )
    if tensor.is_meta:
        return tensor
    below, above = ((bound - mean) / std for bound in (a, b))
    if math.erf(above / math.sqrt(2)) - math.erf(below / math.sqrt(2)) > 0.6:  # 0.3 of the distribution
        tensor.normal_(mean, std, generator=generator)
        while (outside := (tensor < a) | (tensor > b)).any():
            tensor.copy_(where(outside, tensor.clone().normal_(mean, std, generator=generator), tensor))
        return tensor
    nearest = min(max(below, 0.0), above)  # where the density is greatest
    reach = math.sqrt(nearest**2 + 2 * _NEVER)
    if above - below > 4 * (reach - abs(nearest)):  # too far apart for uniform numbers, most of which would be refused
        a, b = max(a, mean - reach * std), min(b, mean + reach * std)

    def refused(x: Tensor) -> Tensor:
        log_density = (nearest**2 - ((x - mean) / std) ** 2) / 2
        return x.clone().uniform_(generator=generator).log_() > log_density

    pending = refused(tensor.uniform_(a, b, generator=generator))
    while pending.any():
        again = tensor.clone().uniform_(a, b, generator=generator)
        tensor.copy_(where(pending, again, tensor))
        pending = pending & refused(again)
    return tensor


def _is_empty(tensor: Tensor) -> bool:
    if 0 not in tensor.shape:
        return False
    warn("Initializing zero-element tensors is a no-op", UserWarning)
    return True


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """One number everywhere.

    >>> import metagrad
    >>> metagrad.nn.init.constant_(metagrad.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return constant_(tensor, 0.0)


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix. Raises ValueError unless the tensor is a matrix.

    >>> import metagrad
    >>> metagrad.nn.init.eye_(metagrad.empty(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return tensor.copy_(wrap(np.eye(*tensor.shape)))


@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Convolution weights (out, in / groups, *) that pass their input through.

    Raises ValueError for another number of dimensions than 3 to 5, or channels that ``groups`` does not divide.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    out, per_group = tensor.shape[0], tensor.shape[1]
    if out % groups:
        raise ValueError("dim 0 must be divisible by groups")
    tensor.zero_()
    middle = tuple(n // 2 for n in tensor.shape[2:])
    for g in range(groups):
        for d in range(min(out // groups, per_group)):
            tensor[(g * (out // groups) + d, d, *middle)] = 1
    return tensor


def _fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs reach an output, and how many outputs an input reaches."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


_calculate_fan_in_and_fan_out = _fans


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in ±gain √(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    >>> import metagrad
    >>> bound = metagrad.nn.init.xavier_uniform_(metagrad.empty(100, 200)).abs().max()
    >>> bool(bound <= (6 / 300) ** 0.5)
    True
    """
    bound = gain * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain √(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans(tensor))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return calculate_gain(nonlinearity, a) / math.sqrt(_fans(tensor)[mode.lower() == "fan_out"])


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in ±gain √(3 / fan) (He et al. 2015)."""
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with standard deviation gain / √fan (He et al. 2015).

    >>> import metagrad
    >>> w = metagrad.nn.init.kaiming_normal_(metagrad.empty(500, 400), nonlinearity="relu")
    >>> w.std().round(decimals=2)  # √2 / √400
    tensor(0.0700)
    """
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A (semi-)orthogonal matrix over the first and all other dimensions (Saxe et al. 2013).

    Raises ValueError for a tensor of less than two dimensions, and NotImplementedError for complex numbers.

    >>> import metagrad
    >>> w = metagrad.nn.init.orthogonal_(metagrad.empty(2, 3))
    >>> metagrad.allclose(w @ w.T, metagrad.eye(2), atol=1e-6)
    True
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    refuse("orthogonal_", tensor, "c")
    rows, columns = tensor.shape[0], tensor.numel() // max(tensor.shape[0], 1)
    flat = randn(rows, columns, dtype=tensor.dtype, generator=generator).numpy().astype(np.float64)
    q, r = np.linalg.qr(flat.T if rows < columns else flat)
    q = q * np.sign(np.diag(r))
    q = q.T if rows < columns else q
    return tensor.copy_(wrap(q.reshape(tuple(tensor.shape)) * gain))


@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal numbers, with a share ``sparsity`` of each column set to zero (Martens 2010).

    Raises ValueError unless the tensor is a matrix.

    >>> import metagrad
    >>> int((metagrad.nn.init.sparse_(metagrad.empty(10, 4), sparsity=0.3) == 0).sum())
    12
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    tensor.normal_(0, std, generator=generator)
    rows, columns = tensor.shape
    for column in range(columns):
        tensor[randperm(rows, generator=generator)[: math.ceil(sparsity * rows)], column] = 0
    return tensor


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function under its name of before PyTorch 0.4, without the underscore, which warns."""
    new, old = function.__name__, function.__name__[:-1]

    @functools.wraps(function)
    def warned(*args: Any, **kwargs: Any) -> Tensor:
        warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning)
        return function(*args, **kwargs)

    warned.__name__, warned.__doc__ = old, f"``{new}``, by its older name, which warns."
    return warned


uniform, normal, constant, eye = _deprecated(uniform_), _deprecated(normal_), _deprecated(constant_), _deprecated(eye_)
dirac, orthogonal, sparse = _deprecated(dirac_), _deprecated(orthogonal_), _deprecated(sparse_)
xavier_uniform, xavier_normal = _deprecated(xavier_uniform_), _deprecated(xavier_normal_)
kaiming_uniform, kaiming_normal = _deprecated(kaiming_uniform_), _deprecated(kaiming_normal_)
