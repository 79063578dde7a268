"""Names with an underscore in PyTorch's files of layers, losses and distributions, which programs import all the same.

``beside.PATHS`` says which file each is asked from. ``nn._reduction`` and ``nn.parallel._functions`` are this file.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from types import SimpleNamespace
from typing import IO, Any

import numpy as np

from metagrad import linalg
from metagrad.autograd.mode import _Bare, _Switch
from metagrad.base.dtypes import bool_
from metagrad.base.warning import warn
from metagrad.distributions.log_normalizers import bregman
from metagrad.distributions.scalarmaps import SigmoidTransform
from metagrad.func.mapping import vmap
from metagrad.nn.functional.reduction import legacy_reduction
from metagrad.nn.init import _calculate_fan_in_and_fan_out, constant_, normal_, trunc_normal_, uniform_, zeros_
from metagrad.nn.modules.container import ModuleList, Sequential
from metagrad.nn.modules.conv import _ConvTranspose
from metagrad.nn.modules.linear import NonDynamicallyQuantizableLinear
from metagrad.nn.modules.module import Module
from metagrad.ops.create.creation import eye
from metagrad.ops.create.like import zeros_like
from metagrad.ops.special.gamma import digamma
from metagrad.optim.lr_scheduler.base import EPOCH_DEPRECATION_WARNING
from metagrad.tensors.tensor import Tensor

__all__ = [
    "EPOCH_DEPRECATION_WARNING", "Broadcast", "Gather", "NonDynamicallyQuantizableLinear", "ReduceAddCoalesced", "Scatter",
    "get_enum",
]  # fmt: skip

_kl_expfamily_expfamily = bregman
_ConvTransposeNd = _ConvTranspose
_no_grad_fill_, _no_grad_zero_, _no_grad_uniform_ = constant_, zeros_, uniform_
_no_grad_normal_, _no_grad_trunc_normal_ = normal_, trunc_normal_
_REDUCTIONS = {"none": 0, "mean": 1, "elementwise_mean": 1, "sum": 2}


def _get_clones(module: Module, N: int) -> ModuleList:
    """Copies of a layer."""
    return ModuleList([copy.deepcopy(module) for _ in range(N)])


def _is_zipfile(f: IO[bytes]) -> bool:
    """Whether a file begins, where it stands, as a zip archive does."""
    begin = f.tell()
    head = f.read(4)
    f.seek(begin)
    return head == b"PK\x03\x04"


def get_enum(reduction: str) -> int:
    """The number of a reduction. Raises ValueError for another word.

    >>> get_enum("none"), get_enum("mean"), get_enum("sum")
    (0, 1, 2)
    """
    if reduction == "elementwise_mean":
        warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.")
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return _REDUCTIONS[reduction]


def legacy_get_string(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> str:
    """The reduction that the two old arguments stand for."""
    if emit_warning and (size_average, reduce) != (None, None):
        return legacy_reduction(size_average, reduce, "mean")
    return "none" if reduce is False else "sum" if size_average is False else "mean"


def legacy_get_enum(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> int:
    """Its number."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))


_Reduction = SimpleNamespace(get_enum=get_enum, legacy_get_string=legacy_get_string, legacy_get_enum=legacy_get_enum)


class Broadcast:
    """What copies tensors to several GPUs: there is one device here, so ``apply`` raises."""

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Raises RuntimeError."""
        raise RuntimeError(
            f"{cls.__name__}: expected one device; several ranks share the work with DistributedDataParallel"
        )


class ReduceAddCoalesced(Broadcast):
    """As the above, for their sums."""


class Gather(Broadcast):
    """As the above, for joining results."""


class Scatter(Broadcast):
    """As the above, for splitting batches."""


def get_a_var(obj: Any) -> Tensor | None:
    """The first tensor among nested lists and dictionaries, or None."""
    if isinstance(obj, Tensor):
        return obj
    parts = obj.values() if isinstance(obj, dict) else obj if isinstance(obj, (list, tuple)) else ()
    return next((found for part in parts if (found := get_a_var(part)) is not None), None)


def _reverse_repeat_tuple(t: Sequence[Any], n: int) -> tuple[Any, ...]:
    """Each element n times, the last one first: widths of padding by dimension, in the order that ``pad`` takes.

    >>> _reverse_repeat_tuple((1, 2), 2)
    (2, 2, 1, 1)
    """
    return tuple(x for x in reversed(t) for _ in range(n))


def _list_with_default(out_size: Any, defaults: Sequence[int]) -> Any:
    """Sizes with the input's in the place of None. Raises ValueError unless the input has more dimensions than the sizes."""
    if isinstance(out_size, int):
        return out_size
    if len(defaults) <= len(out_size):
        raise ValueError(f"Input dimension should be at least {len(out_size) + 1}")
    return [
        default if size is None else size for size, default in zip(out_size, defaults[-len(out_size) :], strict=True)
    ]


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """How many inputs reach an output, or for "fan_out" how many outputs an input reaches."""
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode.lower() == "fan_out"]


class Container(Sequential):
    """The name of a class long gone: modules by name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        warn(
            "nn.Container is deprecated. All of it's functionality is now implemented in nn.Module. Subclass that instead."
        )
        for key, value in kwargs.items():
            self.add_module(key, value)


def _beta_slope(x: Any, a: Any, b: Any) -> Any:
    """dx/da at a fixed quantile of Beta(a, b): -(∂F/∂a) / f, with the integral over the shorter side of x.

    On the left, ∫ (ln t - c) tᵃ⁻¹ (1 - t)ᵇ⁻¹ dt with t = x v^(4/a), which has no pole; c = E ln t; on the right likewise.
    """
    nodes, weights = np.polynomial.legendre.leggauss(64)
    v, weights = (nodes + 1) / 2, weights / 2
    x, a, b = (part[..., None] for part in (x, a, b))
    c = np.asarray(digamma(a) - digamma(a + b))
    left = x <= 0.5
    near, far = np.where(left, x, 1 - x), np.where(left, a, b)
    t = near * v ** (4 / far)
    log = np.where(left, np.log(near) + 4 / far * np.log(v), np.log1p(-t)) - c
    rest = np.where(left, b, a) - 1
    total = (weights * 4 * v**3 * log * np.exp(rest * (np.log1p(-t) - np.log1p(-near)))).sum(-1)
    return np.where(left, -1.0, 1.0)[..., 0] * (near / far)[..., 0] * total


def _Dirichlet_backward(x: Tensor, concentration: Tensor, grad_output: Tensor) -> Tensor:
    """The gradient of a sample of the Dirichlet distribution: what reaches the concentrations."""
    total = concentration.sum(-1, True).expand_as(concentration)
    share, a, whole = (part.detach().double() for part in (x, concentration, total))
    slope = x.new_tensor(_beta_slope(*(part.numpy() for part in (share, a, whole - a)))) / (1 - x)
    return slope * (grad_output - (x * grad_output).sum(-1, True))


def _batch_mv(bmat: Tensor, bvec: Tensor) -> Tensor:
    """Matrices (*, N, M) times vectors (*, M)."""
    return (bmat @ bvec.unsqueeze(-1)).squeeze(-1)


def _batch_mahalanobis(bL: Tensor, bx: Tensor) -> Tensor:
    """xᵀ (L Lᵀ)⁻¹ x of vectors (*, N) and lower triangles (*, N, N), which broadcast."""
    return linalg.solve_triangular(bL, bx.unsqueeze(-1), upper=False).square().sum((-2, -1))


def _precision_to_scale_tril(P: Tensor) -> Tensor:
    """The lower triangle L with (L Lᵀ)⁻¹ = P, by the triangle of P with its rows and columns turned round.

    >>> import metagrad
    >>> _precision_to_scale_tril(metagrad.tensor([[4.0]]))
    tensor([[0.5000]])
    """
    turned = linalg.cholesky(P.flip((-2, -1))).flip((-2, -1)).mT
    return linalg.solve_triangular(turned, eye(P.shape[-1], dtype=P.dtype, device=P.device), upper=False)


_vmap = vmap


def _clipped_sigmoid(x: Tensor) -> Tensor:
    """σ(x), kept away from 0 and 1.

    >>> import metagrad
    >>> _clipped_sigmoid(metagrad.tensor([-1000.0, 0.0])) > 0
    tensor([True, True])
    """
    return SigmoidTransform()(x)


def _none_or_dtype(input: Any) -> Any:
    """A tensor's dtype, or None of None. Raises RuntimeError for anything else."""
    if input is not None and not isinstance(input, Tensor):
        raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")
    return None if input is None else input.dtype


def _canonical_mask(
    mask: Tensor | None, mask_name: str, other_type: Any, other_name: str, target_type: Any, check_other: bool = True
) -> Tensor | None:
    """A mask of attention as numbers to be added to the scores: -∞ where a mask of booleans says True.

    Warns if ``check_other`` and the mask is not of the other mask's dtype. Raises AssertionError for a mask of integers.

    >>> import metagrad
    >>> _canonical_mask(metagrad.tensor([True, False]), "mask", None, "", metagrad.float32)
    tensor([-inf, 0.])
    """
    if mask is None:
        return None
    if not (mask.dtype == bool_ or mask.is_floating_point()):
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        warn(f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.")
    if mask.is_floating_point():
        return mask
    return zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))


class _ConvTransposeMixin(_ConvTransposeNd):
    """What classes of transposed convolutions were once derived from."""


class _DecoratorContextManager(_Switch):
    """A context that is a decorator, too, of generators as well; ``clone`` makes the one that each call enters."""

    def __init__(self) -> None:
        pass

    def clone(self) -> Any:
        """Another of its kind; a class whose instances take arguments hands them on."""
        return self.__class__()

    def _recreate_cm(self) -> Any:
        return self.clone()


class _NoParamDecoratorContextManager(_DecoratorContextManager, _Bare):
    """One that may be written without brackets."""
