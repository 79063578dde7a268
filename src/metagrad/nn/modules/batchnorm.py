"""Batch and instance normalization: with statistics of the batch, or of each sample, and running averages of them."""

from __future__ import annotations

from typing import Any

from metagrad.base import dtypes
from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.base.warning import warn
from metagrad.nn import functional as F
from metagrad.nn import init
from metagrad.nn.modules.module import Module
from metagrad.nn.parameter import Parameter
from metagrad.ops.create.creation import empty, ones, zeros
from metagrad.ops.create.from_data import tensor
from metagrad.tensors.tensor import Tensor

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "SyncBatchNorm",
]


class _NormBase(Module):
    """Learned ``weight`` and ``bias`` (num_features), and running statistics as buffers."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    _version = 2  # 1 did not count the batches
    _dims: tuple[int, ...]  # how many dimensions an input may have

    def __init__(
        self, num_features: int, eps: float, momentum: float | None, affine: bool, track_running_stats: bool,
        device: DeviceLike, dtype: DTypeLike, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        own = {"device": device, "dtype": dtype}
        self.register_parameter("weight", Parameter(empty(num_features, **own)) if affine else None)
        self.register_parameter("bias", Parameter(empty(num_features, **own)) if affine and bias else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **own) if tracked else None)
        self.register_buffer("running_var", ones(num_features, **own) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=dtypes.int64, device=device) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Running mean 0, variance 1, no batch seen."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, no batch seen."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _complete_state(self, state: dict[str, Any], prefix: str, version: int | None) -> None:
        if (version is None or version < 2) and self.num_batches_tracked is not None:
            state.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.array.ndim not in self._dims:
            expected = " or ".join(f"{d}D" for d in self._dims)
            raise ValueError(f"expected {expected} input (got {input.array.ndim}D input)")

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormBase):
    """w (x − μ) / √(σ² + ε) + b for each channel (Ioffe & Szegedy 2015).

    While training μ and σ² are the batch's, and running averages of them are kept, which are used in evaluation. momentum: the
    part of the new value in the average; None averages over all batches. track_running_stats: without, always the batch's.
    """

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, device: DeviceLike = None, dtype: DTypeLike = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def _count_batch(self) -> float:
        """Count a batch, while training; the part of its statistics in the running averages."""
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1.0 / float(self.num_batches_tracked.item())
        return momentum

    def forward(self, input: Tensor) -> Tensor:
        """The normalized input."""
        self._check_input_dim(input)
        momentum = self._count_batch()
        of_batch = self.training or self.running_mean is None and self.running_var is None
        tracked = not self.training or self.track_running_stats
        return F.batch_norm(
            input, self.running_mean if tracked else None, self.running_var if tracked else None, self.weight, self.bias,
            of_batch, momentum, self.eps,
        )  # fmt: skip


class BatchNorm1d(_BatchNorm):
    """Batch norm of (N, C) or (N, C, L).

    >>> import metagrad
    >>> metagrad.nn.BatchNorm1d(1, affine=False)(metagrad.tensor([[1.0], [3.0]]))
    tensor([[-1.0000],
            [ 1.0000]])
    """

    _dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch norm of (N, C, H, W)."""

    _dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch norm of (N, C, D, H, W)."""

    _dims = (5,)


class SyncBatchNorm(_BatchNorm):
    """Batch norm of (N, C, …) over the batches of all ranks of a group; without a group of ranks, of this process's batch."""

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, process_group: object = None, device: DeviceLike = None, dtype: DTypeLike = None,
        *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.array.ndim < 2:
            raise ValueError(f"expected at least 2D input (got {input.array.ndim}D input)")

    def forward(self, input: Tensor) -> Tensor:
        """The input, normalized with the statistics of all ranks while training."""
        from metagrad import distributed as dist

        of_batch = self.training or self.running_mean is None and self.running_var is None
        if not of_batch or not dist.is_initialized() or dist.get_world_size(self.process_group) <= 1:
            return super().forward(input)
        from metagrad.nn.parallel.batch_norm import synchronized_batch_norm

        self._check_input_dim(input)
        tracked = self.training and self.track_running_stats
        return synchronized_batch_norm(
            input, self.weight, self.bias, self.running_mean if tracked else None, self.running_var if tracked else None,
            self.eps, self._count_batch(), self.process_group,
        )  # fmt: skip

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: object = None) -> Module:
        """The module with every batch norm in it replaced by one of this class, with the same parameters and buffers."""
        made = module
        if isinstance(module, _BatchNorm) and not isinstance(module, cls):
            made = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
            )
            made._parameters.update(module._parameters)
            made._buffers.update(module._buffers)
            made.training = module.training
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made


class _InstanceNorm(_NormBase):
    """w (x − μ) / √(σ² + ε) + b for each channel of each sample (Ulyanov et al. 2017); a single sample needs no batch."""

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: DeviceLike = None, dtype: DTypeLike = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing: Any,
        unexpected: Any,
        errors: Any,
    ) -> None:
        old = [key for name in ("running_mean", "running_var") if (key := prefix + name) in state_dict]
        if old and local_metadata.get("version") is None and not self.track_running_stats:
            name, keys = type(self).__name__, " and ".join(f'"{key}"' for key in old)
            errors.append(
                f"Unexpected running stats buffer(s) {keys} for {name} with "
                f"track_running_stats=False. Remove them from state_dict, or make {name} with track_running_stats=True."
            )
            for key in old:
                state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, unexpected, errors)

    def forward(self, input: Tensor) -> Tensor:
        """The normalized input."""
        self._check_input_dim(input)
        batched = input.array.ndim == self._dims[1]
        x = input if batched else input.unsqueeze(0)
        if not self.affine and x.array.shape[1] != self.num_features:
            warn(
                f"input's size at dim={1 if batched else 0} does not match num_features. You can silence this warning by not "
                "passing in num_features, which is not used because affine=False",
                UserWarning,
            )
        if self.affine and x.array.shape[1] != self.num_features:
            raise ValueError(
                f"expected input's size at dim={1 if batched else 0} to match num_features ({self.num_features}), but got: "
                f"{x.array.shape[1]}."
            )
        momentum = self.momentum if self.momentum is not None else 0.0
        found = F.instance_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, momentum, self.eps,
        )  # fmt: skip
        return found if batched else found.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """Instance norm of (N, C, L) or (C, L)."""

    _dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Instance norm of (N, C, H, W) or (C, H, W)."""

    _dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Instance norm of (N, C, D, H, W) or (C, D, H, W)."""

    _dims = (4, 5)
