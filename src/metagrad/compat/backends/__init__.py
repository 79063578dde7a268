"""What PyTorch's back ends are to metagrad: libraries that are not there, with switches that programs may set."""

from metagrad.compat.backends import cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
