"""The ops as methods: the table of contents of what a tensor can do.

Each op is written once, as a function in ``ops/``; here it gets its name as a method. ``add_`` is the in-place ``add``.

==================  ==========================================================================
``base.py``         what the groups have in common
``operators.py``    ``x + y``, ``x < y``, ``x[i]``
``pointwise.py``    element by element: arithmetic and functions of one number
``comparison.py``   comparisons, and logic on their results
``reductions.py``   one number of many: sums, extremes, statistics, softmax
``linalg.py``       products of matrices, decompositions, inverses
``shapes.py``       other shapes, parts, orders of dimensions, repetitions
``indexing.py``     elements by index or mask, sorted, looked up
``conversions.py``  other dtypes, devices and libraries; new tensors; new values in place
``memory.py``       how many numbers there are, of which dtype, and how they lie in memory
==================  ==========================================================================
"""

from metagrad.tensors.methods.comparison import ComparisonMethods
from metagrad.tensors.methods.conversions import ConversionMethods
from metagrad.tensors.methods.indexing import IndexingMethods
from metagrad.tensors.methods.linalg import LinalgMethods
from metagrad.tensors.methods.memory import MemoryMethods
from metagrad.tensors.methods.operators import OperatorMethods
from metagrad.tensors.methods.pointwise import PointwiseMethods
from metagrad.tensors.methods.reductions import ReductionMethods
from metagrad.tensors.methods.shapes import ShapeMethods


class Methods(
    OperatorMethods, PointwiseMethods, ComparisonMethods, ReductionMethods, LinalgMethods, ShapeMethods, IndexingMethods,
    ConversionMethods, MemoryMethods,
):  # fmt: skip
    """What ``Tensor`` inherits its methods from."""

    __slots__ = ()
