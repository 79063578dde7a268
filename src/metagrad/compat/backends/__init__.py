"""What PyTorch's back ends are to metagrad: libraries that are not there, with switches that programs may set.

=================  =====================================
``cpu.py``         the CPU's instructions
``cuda.py``        matrix products and attention on GPUs
``cudnn.py``       NVIDIA's neural functions
``mkl.py``         Intel's linear algebra
``mkldnn.py``      Intel's neural functions
``mps.py``         Apple's GPUs
``openmp.py``      threads as compilers make them
``opt_einsum.py``  the order of products in einsum
``absent.py``      all others
=================  =====================================
"""

from metagrad.compat.backends import absent, cpu, cuda, cudnn, mkl, mkldnn, mps, openmp, opt_einsum

__all__ = [
    "cpu", "cuda", "cudnn", "cusparselt", "kleidiai", "mha", "miopen", "mkl", "mkldnn", "mps", "nnpack", "openmp",
    "opt_einsum", "quantized", "xnnpack",
]  # fmt: skip

cusparselt = kleidiai = mha = miopen = nnpack = quantized = xnnpack = absent
