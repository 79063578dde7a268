"""What PyTorch's back ends are to metagrad: libraries that are not there, with switches that programs may set.

==============  =====================================
``cuda.py``     matrix products and attention on GPUs
``cudnn.py``    NVIDIA's neural functions
``mkl.py``      Intel's linear algebra
``mkldnn.py``   Intel's neural functions
``mps.py``      Apple's GPUs
``openmp.py``   threads as compilers make them
==============  =====================================
"""

from metagrad.compat.backends import cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
