"""What PyTorch's CUDA back end can be told. Programs may set its switches; they have no effect."""

from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace

from metagrad.base.warning import warn

matmul = SimpleNamespace(
    allow_tf32=False, allow_fp16_reduced_precision_reduction=True, allow_bf16_reduced_precision_reduction=True
)


def is_built() -> bool:
    """False: GPUs are used through CuPy."""
    return False


def flash_sdp_enabled() -> bool:
    """Whether attention may use a kernel of this name: there is one kernel, whatever the answer."""
    return True


mem_efficient_sdp_enabled = math_sdp_enabled = cudnn_sdp_enabled = flash_sdp_enabled


def enable_flash_sdp(enabled: bool) -> None:
    """Accepted, without effect."""


enable_mem_efficient_sdp = enable_math_sdp = enable_cudnn_sdp = enable_flash_sdp


def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> AbstractContextManager[None]:
    """Accepted, without effect: the older form of ``nn.attention.sdpa_kernel``."""
    warn("`backends.cuda.sdp_kernel()` is deprecated: see `nn.attention.sdpa_kernel()`", FutureWarning)
    return nullcontext()
