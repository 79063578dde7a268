"""What PyTorch's back ends are to metagrad: libraries that are not there, with switches that programs may set."""

from types import SimpleNamespace

from metagrad.backends import cudnn, mps


def _absent() -> bool:
    return False


mkl = openmp = mkldnn = SimpleNamespace(is_available=_absent)
cuda = SimpleNamespace(is_built=_absent, matmul=SimpleNamespace(allow_tf32=False))
